"""Rate limits that hold over all processes: counts per key and window, kept in the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, Session, SQLModel, col, select, update

from models.store.types import UtcDateTime


class RateWindow(SQLModel, table=True):
    """How often `key` was counted in the window that began at `began_at`."""

    __tablename__ = "rate_window"

    key: str = Field(primary_key=True)
    began_at: datetime = Field(sa_type=UtcDateTime, primary_key=True)
    hits: int


@dataclass(frozen=True, slots=True)
class Rule:
    """At most `most` in any `window` (whole seconds)."""

    most: int
    window: timedelta


def hit(session: Session, key: str, rule: Rule, now: datetime) -> int:
    """Count one attempt. Answers 0 when it is within the rule, otherwise the seconds until one is again.

    Sliding: the window before counts with the part of it that still lies within reach. Counting is one statement, so
    that attempts at the same moment on either database cannot pass each other.
    """
    began = _window(now, rule)
    dialect: Any = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    insert = dialect.insert(RateWindow).values(key=key, began_at=began, hits=1)
    counted = insert.on_conflict_do_update(index_elements=["key", "began_at"], set_={"hits": col(RateWindow.hits) + 1})
    hits = int(session.exec(counted.returning(col(RateWindow.hits))).one()[0])
    before = (
        session.exec(select(RateWindow.hits).where(RateWindow.key == key, RateWindow.began_at == began - rule.window)).first() or 0
    )
    passed = (now - began) / rule.window
    if hits + before * (1 - passed) <= rule.most:
        return 0
    return max(1, round((began + rule.window - now).total_seconds()))


def give_back(session: Session, key: str, rule: Rule, now: datetime) -> None:
    """Take one count back, after an attempt that turned out to be honest."""
    here = (col(RateWindow.key) == key, col(RateWindow.began_at) == _window(now, rule), col(RateWindow.hits) > 0)
    session.exec(update(RateWindow).where(*here).values(hits=col(RateWindow.hits) - 1))


def _window(now: datetime, rule: Rule) -> datetime:
    length = int(rule.window.total_seconds())
    return datetime.fromtimestamp(int(now.timestamp()) // length * length, UTC)
