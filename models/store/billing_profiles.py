"""Billing profiles: how an organization is named on its documents, and who gets its invoices by mail."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Text
from sqlmodel import Field, Session, SQLModel

from models.store.types import UtcDateTime


class BillingProfile(SQLModel, table=True):
    """One row an organization that said something; empty means what the organization itself says."""

    __tablename__ = "billing_profile"

    organization_id: str = Field(foreign_key="organization.id", primary_key=True)
    name: str = ""
    address: str = Field(default="", sa_type=Text)
    tax_number: str = ""
    email: str = ""
    language: str = ""
    updated_at: datetime = Field(sa_type=UtcDateTime)


def of_organization(session: Session, organization_id: str) -> BillingProfile | None:
    return session.get(BillingProfile, organization_id)


def drop(session: Session, organization_id: str) -> None:
    """Forget what it said."""
    row = session.get(BillingProfile, organization_id)
    if row is not None:
        session.delete(row)
        session.flush()
