"""Billing periods: whole local days from an anchor, each computed from the anchor and its number, never from the one before.

Sources: Stripe's billing cycle (an anchor on the 31st bills on the last day of short months and on the 31st again afterwards), Kill Bill's
bill cycle day (local day of the account's time zone). Adding a month to the previous boundary drifts: 31 January, 29 February, 29 March.
Periods are half-open, [start, end). The day on which a subscription begins is charged whole, the day on which a period ends belongs to the
next one.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from models.domain.clock import aware
from models.domain.errors import Invalid

DEFAULT_ZONE = "Asia/Jakarta"
MOST_AT_ONCE = 3
"""How many periods of one subscription a run may emit before a person has to look (a safety bound as in Kill Bill)."""


class Cadence(StrEnum):
    """How often a price comes round."""

    MONTH = "month"
    YEAR = "year"

    @property
    def months(self) -> int:
        return 1 if self is Cadence.MONTH else 12


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a subscription's periods hang: the local day of its first one, and the billing zone, kept for good.

    `day_of_month` is the wished day when the first period had to begin on an earlier, last day of a short month; zero means `day`'s own.
    """

    day: date
    zone: str = DEFAULT_ZONE
    cadence: Cadence = Cadence.MONTH
    day_of_month: int = 0

    def __post_init__(self) -> None:
        zone_of(self.zone)
        wished = self.day_of_month
        if wished and (not 1 <= wished <= 31 or clamped(self.day.year, self.day.month, wished) != self.day):
            raise Invalid("A subscription's day of the month is the one on which its first period begins.", field="day_of_month")


@dataclass(frozen=True, slots=True)
class Period:
    """[start, end) in UTC; `first` and `after` are the local days at which they fall, the second one no longer in it."""

    index: int
    start: datetime
    end: datetime
    first: date
    after: date

    @property
    def seconds(self) -> int:
        """As long as it really is: one with a change of the clock is an hour shorter or longer."""
        return seconds_between(self.start, self.end)

    @property
    def days(self) -> int:
        return (self.after - self.first).days

    def __contains__(self, at: datetime) -> bool:
        return self.start <= at < self.end


def zone_of(key: str) -> ZoneInfo:
    """The time zone with that IANA name. Raises Invalid."""
    try:
        return ZoneInfo(key)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(f"“{key}” is no time zone. Write it as in Asia/Jakarta or Europe/Berlin.", field="zone") from None


def seconds_between(start: datetime, end: datetime) -> int:
    """Whole seconds from one instant to the next, fractions cut off on both sides first."""
    return int(aware(end).replace(microsecond=0).timestamp()) - int(aware(start).replace(microsecond=0).timestamp())


def clamped(year: int, month: int, day: int) -> date:
    """That day of the month, or the month's last."""
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


def local_day(at: datetime, zone: str) -> date:
    """The day on which an instant falls in that zone."""
    return aware(at).astimezone(zone_of(zone)).date()


def begins(day: date, zone: str) -> datetime:
    """The first instant of a local day, in UTC. Where the clocks skip midnight, the instant of the change; midnight twice: the first."""
    return datetime.combine(day, time(0), zone_of(zone)).astimezone(UTC)


def anchored(at: datetime, zone: str = DEFAULT_ZONE, cadence: Cadence = Cadence.MONTH) -> Anchor:
    """The anchor of what begins at an instant: sign-up, or the end of the trial when there was one."""
    return Anchor(local_day(at, zone), zone, cadence)


def aligned(first: date, day_of_month: int) -> date:
    """The first day from `first` on that is this day of the month, clamped (Kill Bill's alignment of a bill cycle day)."""
    if not 1 <= day_of_month <= 31:
        raise Invalid("A day of the month is from 1 to 31.", field="day_of_month")
    here = clamped(first.year, first.month, day_of_month)
    return here if here >= first else _months_on(first.replace(day=1), 1, day_of_month)


def _months_on(day: date, months: int, day_of_month: int) -> date:
    count = day.year * 12 + day.month - 1 + months
    return clamped(count // 12, count % 12 + 1, day_of_month)


def boundary(anchor: Anchor, index: int) -> date:
    """The local day at which period `index` begins: `index` cadences after the anchor, clamped to the month."""
    if index < 0:
        raise ValueError("periods are counted from zero")
    return _months_on(anchor.day, index * anchor.cadence.months, anchor.day_of_month or anchor.day.day)


def period(anchor: Anchor, index: int) -> Period:
    """Period number `index`, the first being zero."""
    first, after = boundary(anchor, index), boundary(anchor, index + 1)
    return Period(index, begins(first, anchor.zone), begins(after, anchor.zone), first, after)


def period_at(anchor: Anchor, at: datetime) -> Period:
    """The period in which an instant lies. Raises Invalid for one before the anchor."""
    at = aware(at)
    day = local_day(at, anchor.zone)
    months = (day.year - anchor.day.year) * 12 + day.month - anchor.day.month
    index = max(0, months // anchor.cadence.months)
    found = period(anchor, index)
    if at < found.start and index:
        found = period(anchor, index - 1)
    if at not in found:
        raise Invalid("That moment is before the first billing period.", field="at")
    return found


def due(anchor: Anchor, next_index: int, now: datetime, *, until: datetime | None = None) -> Sequence[Period]:
    """All periods that have begun by `now` from `next_index` on, oldest first: what was missed is caught up one by one.

    None begins at or after `until`, the subscription's end. A clock that went back makes nothing due.
    """
    found: list[Period] = []
    now = aware(now)
    while (one := period(anchor, next_index + len(found))).start <= now and (until is None or one.start < until):
        found.append(one)
    return found


def resumed(anchor: Anchor, next_index: int, at: datetime) -> tuple[Anchor, int]:
    """Anchor and next period's number after a return at `at`: the old ones, unless a full period passed uncharged meanwhile.

    `next_index` is the first period that was not charged. When all of it passed, billing begins anew on the day of the return.
    """
    if aware(at) < period(anchor, next_index).end:
        return anchor, next_index
    return replace(anchor, day=local_day(at, anchor.zone), day_of_month=0), 0
