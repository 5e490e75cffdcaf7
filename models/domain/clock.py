"""The only place that reads the machine's clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time: aware, UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class FrozenClock:
    """A clock for tests and demos that moves only when told to."""

    def __init__(self, start: datetime) -> None:
        self._now = aware(start)

    def now(self) -> datetime:
        return self._now

    def advance(self, delta: timedelta) -> None:
        if delta < timedelta(0):
            raise ValueError("time does not run backwards")
        self._now += delta


def aware(at: datetime) -> datetime:
    """`at` in UTC; refuses a datetime without a zone."""
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone; pass an aware datetime")
    return at.astimezone(UTC)


def stopwatch() -> float:
    """Seconds on a clock that never jumps, for durations only."""
    return time.monotonic()
