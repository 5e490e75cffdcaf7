"""Troubles that staff were told about: one mail when a trouble begins, one when it ends."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text, update
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.ids import new_id
from models.store.types import UtcDateTime


class StaffNotice(SQLModel, table=True):
    """One trouble from beginning to end. `open_key` is its key while it lasts, then NULL: so it is open once at most."""

    __tablename__ = "staff_notice"

    id: str = Field(default_factory=lambda: new_id("ntc"), primary_key=True, sa_type=String(40))
    open_key: str | None = Field(default=None, unique=True, sa_type=String(300))
    key: str = Field(sa_type=String(300), index=True)
    text: str = Field(sa_type=Text)
    begun_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


def open_(session: Session) -> list[StaffNotice]:
    """Troubles that last."""
    return list(session.exec(select(StaffNotice).where(col(StaffNotice.open_key).is_not(None)).order_by(col(StaffNotice.key))))


def begin(session: Session, *, key: str, text: str, now: datetime) -> StaffNotice:
    row = StaffNotice(open_key=key, key=key, text=text, begun_at=now)
    session.add(row)
    session.flush()
    return row


def end(session: Session, id: str, *, now: datetime) -> bool:
    """Close it; False when somebody else did."""
    closed = session.connection().execute(
        update(StaffNotice)
        .where(col(StaffNotice.id) == id, col(StaffNotice.open_key).is_not(None))
        .values(open_key=None, ended_at=now)
    )
    return closed.rowcount == 1
