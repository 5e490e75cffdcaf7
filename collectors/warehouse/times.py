"""Aware datetimes outside, naive UTC inside, and steps of the grid."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from models.domain.errors import Invalid

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  the inside of the warehouse is naive UTC


def inside(at: datetime) -> datetime:
    """`at` as the warehouse stores it: naive UTC. Refuses a datetime without a zone."""
    if at.tzinfo is None:
        raise Invalid(f"{at} has no time zone; pass an aware datetime")
    return at.astimezone(UTC).replace(tzinfo=None)


def outside(at: datetime) -> datetime:
    """A stored time as an aware datetime."""
    return at.replace(tzinfo=UTC)


def floor(at: datetime, seconds: float) -> datetime:
    """The step of the grid at or before a stored time."""
    return at - (at - EPOCH) % timedelta(seconds=seconds)


def ceil(at: datetime, seconds: float) -> datetime:
    """The step of the grid at or after a stored time."""
    return at + (EPOCH - at) % timedelta(seconds=seconds)
