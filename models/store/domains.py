"""Own domains of apps: asked for, proven, taken away. One proven name leads to one app only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Index, delete, text
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.ids import new_id
from models.store.types import UtcDateTime

_PROVEN = text("proven_at IS NOT NULL")


class Domain(SQLModel, table=True):
    """A name that is to lead to an instance. `token` stands in the record that proves it; `lacking` is what the last look missed."""

    __table_args__ = (
        Index("uq_domain_name_proven", "name", unique=True, sqlite_where=_PROVEN, postgresql_where=_PROVEN),
        Index("uq_domain_instance_id_name", "instance_id", "name", unique=True),
    )

    id: str = Field(default_factory=lambda: new_id("dom"), primary_key=True)
    instance_id: str = Field(foreign_key="instance.id")
    name: str
    token: str
    lacking: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime)
    checked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    proven_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


def of_instance(session: Session, instance_id: str) -> Sequence[Domain]:
    query = select(Domain).where(Domain.instance_id == instance_id)
    return session.exec(query.order_by(col(Domain.created_at), col(Domain.id))).all()


def by_name(session: Session, instance_id: str, name: str) -> Domain | None:
    return session.exec(select(Domain).where(Domain.instance_id == instance_id, Domain.name == name)).first()


def proven(session: Session, name: str) -> Domain | None:
    """Whoever's it is."""
    return session.exec(select(Domain).where(Domain.name == name, col(Domain.proven_at).is_not(None))).first()


def drop(session: Session, instance_ids: Sequence[str], *, name: str | None = None) -> None:
    """Forget names of these instances, all of them or that one, so that others may prove them."""
    query = delete(Domain).where(col(Domain.instance_id).in_(instance_ids))
    if name is not None:
        query = query.where(col(Domain.name) == name)
    session.exec(query.execution_options(synchronize_session="fetch"))
