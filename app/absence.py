"""A warehouse that does not answer: since when, remembered for the whole process, and what a page shows without it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from models.domain.errors import PlatformError, Unavailable

if TYPE_CHECKING:
    import polars as pl

    from app.context import WarehouseView

T = TypeVar("T")
AGAIN = timedelta(minutes=1)
"""A silence that begins within so long of the last one goes on: of a damaged file some parts answer and others never do."""


class Away(Unavailable):
    """The warehouse does not answer, or what it holds cannot be read. `reason` names paths and addresses: for staff."""

    code = "warehouse_away"

    def __init__(self, since: datetime, reason: str) -> None:
        super().__init__(f"The warehouse has not answered since {since:%Y-%m-%d %H:%M:%S} UTC: {reason}")
        self.since, self.reason = since, reason


class Absence:
    """Since when the warehouse of this process is silent. Any thread may tell it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since: datetime | None = None
        self._last: datetime | None = None

    def noticed(self, now: datetime) -> datetime:
        """A question failed; since when they do."""
        with self._lock:
            self._since, self._last = self._since or now, now
            return self._since

    def answered(self, now: datetime) -> None:
        """A question was answered."""
        with self._lock:
            if self._last is not None and not timedelta(0) <= now - self._last < AGAIN:
                self._since = self._last = None


class Watched:
    """The warehouse for one unit of work: what fails because it is away raises Away, which says since when."""

    def __init__(self, warehouse: WarehouseView, absence: Absence, now: datetime) -> None:
        self._warehouse, self._absence, self._now = warehouse, absence, now

    def query(self, sql: str, params: Any = None) -> pl.DataFrame:
        return self._told(lambda: self._warehouse.query(sql, params))

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._warehouse, name)
        return (lambda: self._told(found)) if name == "sizes" else found

    def _told(self, ask: Callable[[], T]) -> T:
        try:
            found = ask()
        except PlatformError as error:
            if isinstance(error, Unavailable) or error.code == "warehouse_damaged":
                raise Away(self._absence.noticed(self._now), str(error)) from error
            raise
        self._absence.answered(self._now)
        return found


class Parts:
    """An answer of several parts, some of which need the warehouse. Asked outside of `ctx.keep`, so that no failure is kept."""

    def __init__(self) -> None:
        self.away: Away | None = None
        """Why parts are missing."""

    @property
    def since(self) -> datetime | None:
        return self.away.since if self.away else None

    def ask(self, question: Callable[[], T]) -> T | None:
        """What `question` says; None while the warehouse is away."""
        try:
            return question()
        except Away as away:
            self.away = away
            return None


class Strict(Parts):
    """Parts of which none may be missing."""

    def ask(self, question: Callable[[], T]) -> T | None:
        return question()
