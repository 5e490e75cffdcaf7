"""Times in requests: aware, and a range of them that makes sense."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Depends, Query
from pydantic import AwareDatetime

from app import container as composition
from models.domain.errors import Invalid

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
LONGEST = timedelta(days=400)

Instant = Annotated[AwareDatetime | None, Query(examples=["2026-11-22T10:00:00Z"])]


@dataclass(frozen=True, slots=True)
class Range:
    """[since, until), aware UTC."""

    since: datetime
    until: datetime


def possible(**times: datetime | None) -> None:
    """Refuse times that no clock of ours ever shows; at the edges of the calendar they could not even be turned into UTC."""
    for name, at in times.items():
        if at is not None and not EARLIEST <= at < LATEST:
            raise Invalid(f"“{name}” must lie between 2000 and 2100.", field=name)


async def between(since: Instant = None, until: Instant = None) -> Range:  # not async it would take a thread of the pool
    """The range asked for; without `until` up to now, without `since` the 24 hours before it."""
    possible(since=since, until=until)
    end = (until or composition.current().clock.now()).astimezone(UTC)
    begin = (since or end - timedelta(days=1)).astimezone(UTC)
    if begin >= end:
        raise Invalid("“since” must be before “until”.", field="since")
    if end - begin > LONGEST:
        raise Invalid(f"At most {LONGEST.days} days at once; ask for less, or for several ranges.", field="since")
    return Range(begin, end)


Between = Annotated[Range, Depends(between)]
Step = Annotated[
    int | None,
    Query(ge=30, le=7 * 86_400, description="Seconds between points; without it, so that there are at most 500.", examples=[300]),
]


def step_of(seconds: int | None, asked: Range) -> timedelta | None:
    """The step as a duration; one that would give more than 11,000 points is refused, as Prometheus does."""
    if seconds is None:
        return None
    if (asked.until - asked.since).total_seconds() / seconds > 11_000:
        raise Invalid("More than 11,000 points: choose a longer step or a shorter range.", field="step")
    return timedelta(seconds=seconds)
