"""Editions: the document of a template as it was when somebody could order it, so that an app stays what it was until it is upgraded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Text
from sqlmodel import Field, Session, SQLModel, col, select

from models.store.types import UtcDateTime


class Edition(SQLModel, table=True):
    """`document`: the template as canonical JSON; `digest`: its SHA-256."""

    digest: str = Field(primary_key=True)
    template: str = Field(foreign_key="template.id", index=True)
    version: str
    document: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)


def by_digest(session: Session, digest: str) -> Edition | None:
    return session.get(Edition, digest)


def of_template(session: Session, template: str) -> Sequence[Edition]:
    """All that were kept of a template, the newest first."""
    query = select(Edition).where(Edition.template == template)
    return session.exec(query.order_by(col(Edition.created_at).desc(), col(Edition.digest))).all()
