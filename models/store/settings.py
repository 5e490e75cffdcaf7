"""Values of operator settings that differ from their defaults; what there is to set stands in `models.domain.settings`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Field, Session, SQLModel, col, select

from models.store.types import UtcDateTime


class Setting(SQLModel, table=True):
    """One value, as JSON text."""

    key: str = Field(primary_key=True)
    value: str
    changed_at: datetime = Field(sa_type=UtcDateTime)
    changed_by: str


def by_key(session: Session, key: str) -> Setting | None:
    return session.get(Setting, key)


def everything(session: Session) -> Sequence[Setting]:
    return session.exec(select(Setting).order_by(col(Setting.key))).all()
