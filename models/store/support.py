"""Stays of staff with an organization as support: who, why, until when, and whether they may act there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Index, Text, text, update
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.ids import new_id
from models.store.types import UtcDateTime

_OPEN = text("ended_at IS NULL")


class SupportStay(SQLModel, table=True):
    """One stay of one person. It is over at `until` also when nobody ends it."""

    __tablename__ = "support_stay"
    __table_args__ = (
        Index("uq_support_stay_user_id_open", "user_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_support_stay_organization_id_began_at", "organization_id", "began_at"),
    )

    id: str = Field(default_factory=lambda: new_id("sup"), primary_key=True)
    organization_id: str = Field(foreign_key="organization.id")
    user_id: str = Field(foreign_key="user.id")
    user_name: str
    reason: str = Field(sa_type=Text)
    acts: bool
    """Whether more than looking is allowed."""
    began_at: datetime = Field(sa_type=UtcDateTime)
    until: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


def by_id(session: Session, stay_id: str) -> SupportStay | None:
    return session.get(SupportStay, stay_id)


def open_of(session: Session, user_id: str, now: datetime) -> SupportStay | None:
    """The stay in which the person is at `now`."""
    query = select(SupportStay).where(SupportStay.user_id == user_id, col(SupportStay.ended_at).is_(None), SupportStay.until > now)
    return session.exec(query).first()


def of_organization(session: Session, organization_id: str, *, limit: int) -> Sequence[SupportStay]:
    """The newest first."""
    query = select(SupportStay).where(SupportStay.organization_id == organization_id)
    return session.exec(query.order_by(col(SupportStay.began_at).desc(), col(SupportStay.id).desc()).limit(limit)).all()


def unfinished_of(session: Session, user_id: str) -> Sequence[SupportStay]:
    """Stays of the person that nobody ended, also when their time is over."""
    return session.exec(select(SupportStay).where(SupportStay.user_id == user_id, col(SupportStay.ended_at).is_(None))).all()


def finish(session: Session, stay_id: str, now: datetime) -> bool:
    """End that stay, at the latest when its time is over; False when somebody was faster. The row's count decides."""
    this = (col(SupportStay.id) == stay_id, col(SupportStay.ended_at).is_(None))
    over = update(SupportStay).where(*this, col(SupportStay.until) <= now).values(ended_at=SupportStay.until)
    ended = update(SupportStay).where(*this).values(ended_at=now)
    return session.connection().execute(over).rowcount + session.connection().execute(ended).rowcount == 1


def blank(session: Session, organization_id: str) -> None:
    """Take out what was written about an organization that is forgotten."""
    session.connection().execute(update(SupportStay).where(col(SupportStay.organization_id) == organization_id).values(reason=""))
