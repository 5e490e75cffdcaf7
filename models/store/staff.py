"""Staff: the people who run the platform."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import update
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.access import StaffRole
from models.store.members import User
from models.store.types import UtcDateTime, text_enum


class Staff(SQLModel, table=True):
    """What a person is on the platform."""

    user_id: str = Field(foreign_key="user.id", primary_key=True)
    role: StaffRole = Field(sa_type=text_enum(StaffRole))
    created_at: datetime = Field(sa_type=UtcDateTime)


def by_user(session: Session, user_id: str) -> Staff | None:
    return session.get(Staff, user_id)


def everyone(session: Session) -> Sequence[tuple[User, Staff]]:
    """By name, then id."""
    query = select(User, Staff).where(Staff.user_id == User.id).order_by(col(User.name), col(User.id))
    return [(user, staff) for user, staff in session.exec(query)]


def appoint(session: Session, *, user_id: str, role: StaffRole, now: datetime) -> Staff:
    """Make the person staff, or give them another role."""
    row = session.get(Staff, user_id)
    if row is None:
        row = Staff(user_id=user_id, role=role, created_at=now)
        session.add(row)
    row.role = role
    session.flush()
    return row


def lock_owners(session: Session) -> dict[str, StaffRole]:
    """Hold the owners' rows until the transaction ends, on both databases; then user id to role of all staff."""
    session.exec(
        update(Staff).where(col(Staff.role) == StaffRole.OWNER).values(role=Staff.role).execution_options(synchronize_session=False)
    )
    return dict(session.exec(select(col(Staff.user_id), col(Staff.role))).all())
