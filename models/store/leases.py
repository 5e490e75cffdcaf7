"""Leases: who may do something that only one process may do at a time, until when."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, delete, or_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col

from models.store.types import UtcDateTime


class Lease(SQLModel, table=True):
    """One right of one holder. It ends by itself at `until`, so that a dead holder blocks nobody for long."""

    __tablename__ = "lease"

    name: str = Field(primary_key=True, sa_type=String(200))
    holder: str = Field(sa_type=String(200))
    until: datetime = Field(sa_type=UtcDateTime)


def take(session: Session, name: str, *, holder: str, until: datetime, now: datetime) -> bool:
    """Take or extend the lease; False while somebody else holds it. The row's count decides, on both databases."""
    mine_or_over = or_(col(Lease.holder) == holder, col(Lease.until) < now)
    changed = session.connection().execute(
        update(Lease).where(col(Lease.name) == name, mine_or_over).values(holder=holder, until=until)
    )
    if changed.rowcount == 1:
        return True
    try:
        with session.begin_nested():
            session.add(Lease(name=name, holder=holder, until=until))
            session.flush()
    except IntegrityError:
        return False
    return True


def keep(session: Session, name: str, *, holder: str, until: datetime) -> bool:
    """Extend a lease that is still the holder's, also one that is over and that nobody took; False when it is somebody else's."""
    kept = session.connection().execute(
        update(Lease).where(col(Lease.name) == name, col(Lease.holder) == holder).values(until=until)
    )
    return kept.rowcount == 1


def release(session: Session, name: str, *, holder: str) -> None:
    """Give the lease back; nothing happens when it is no longer held."""
    session.connection().execute(delete(Lease).where(col(Lease.name) == name, col(Lease.holder) == holder))
