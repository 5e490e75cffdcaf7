"""Usage that is charged: readings of a meter become one charge for each item, meter and billing period, also when some come late.

Sources: section 6.2 of the billing reference (unique source id, late-arrival window); the item rule of the design (one charge per item and
period). A period is rated once, when its late-arrival window is over; what arrives later is charged with the first period that is still
open then, and shown as late. Which charge a reading belongs to follows from the reading alone, so it is in exactly one, however late
or often the job runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from models.domain.clock import aware
from models.domain.errors import Conflict, Invalid
from models.domain.money import rounded
from models.domain.periods import Anchor, Period, period, period_at, seconds_between

LATENESS = timedelta(days=2)
GIB = 2**30


class Meter(StrEnum):
    """What is measured; amounts are whole numbers of the base unit."""

    CPU = "cpu"
    """Millicores times seconds; sold by the core-hour."""
    MEMORY = "memory"
    """Bytes times seconds; sold by the GiB-hour."""
    STORAGE = "storage"
    """Bytes claimed times seconds; sold by the GiB-hour."""
    EGRESS = "egress"
    """Bytes that the ingress answered with; sold by the GiB."""


SOLD_BY: Mapping[Meter, int] = {
    Meter.CPU: 1000 * 3600,
    Meter.MEMORY: GIB * 3600,
    Meter.STORAGE: GIB * 3600,
    Meter.EGRESS: GIB,
}
"""How many base units the unit of the price has."""


@dataclass(frozen=True, slots=True)
class Price:
    """`per_unit` in minor units of the currency, exact and often less than one; `included` base units a period cost nothing."""

    per_unit: Fraction
    included: int = 0

    def __post_init__(self) -> None:
        if self.per_unit < 0 or self.included < 0:
            raise Invalid("A price of usage and what is included are zero or more.", field="per_unit")


@dataclass(frozen=True, slots=True)
class Reading:
    """An amount of the meter used at `at` (the start of its window), known here since `arrived`. The same `source` is the same reading."""

    source: str
    at: datetime
    arrived: datetime
    amount: int

    def __post_init__(self) -> None:
        if self.amount < 0:
            raise Invalid(f"The reading {self.source} is less than nothing.", field="amount")


@dataclass(frozen=True, slots=True)
class Held:
    """Storage of one size over [start, end); None: still held."""

    size_bytes: int
    start: datetime
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class UsageCharge:
    """`used` base units, `late` of them from earlier periods, `billable` beyond what is included. `amount` in minor units, rounded once.

    `key` is unique: a second charge for it is the same one. Without measurement nothing is billable, and `measured` says so.
    """

    key: str
    meter: Meter
    index: int
    used: int
    late: int
    billable: int
    amount: int
    measured: bool = True


def closes(whole: Period, lateness: timedelta = LATENESS) -> datetime:
    """When the period may be rated: what arrives from then on belongs to a later charge."""
    return whole.end + lateness


def charged_in(anchor: Anchor, reading: Reading, lateness: timedelta = LATENESS) -> int:
    """The number of the period with which a reading is charged: its own, or the first that was open when it arrived."""
    index = period_at(anchor, reading.at).index
    arrived = aware(reading.arrived)
    if arrived >= closes(period(anchor, index), lateness):
        index = period_at(anchor, arrived - lateness).index
    return index


def rated(
    item: str,
    meter: Meter,
    price: Price,
    readings: Iterable[Reading],
    anchor: Anchor,
    index: int,
    now: datetime,
    *,
    lateness: timedelta = LATENESS,
    measured: bool = True,
) -> UsageCharge:
    """The charge of one item's meter for a period, from all readings that may matter. Conflict while more may still arrive for it."""
    whole = period(anchor, index)
    if aware(now) < closes(whole, lateness):
        raise Conflict("The usage of this period is not complete yet.")
    return _charge(item, meter, price, readings, anchor, index, lateness, measured)


def so_far(
    item: str,
    meter: Meter,
    price: Price,
    readings: Iterable[Reading],
    anchor: Anchor,
    index: int,
    *,
    lateness: timedelta = LATENESS,
) -> UsageCharge:
    """What the charge would be if nothing more came: for a period under way."""
    return _charge(item, meter, price, readings, anchor, index, lateness, True)


def projected(used: int, meter: Meter, price: Price, whole: Period, now: datetime) -> int:
    """What the period comes to, in minor units, when use goes on as it did up to now; its start knows nothing yet and gives zero."""
    elapsed = min(whole.seconds, max(0, seconds_between(whole.start, now)))
    if not elapsed:
        return 0
    beyond = max(Fraction(0), Fraction(used * whole.seconds, elapsed) - price.included)
    return rounded(beyond / SOLD_BY[meter] * price.per_unit)


def held(segments: Iterable[Held], start: datetime, end: datetime) -> int:
    """Byte-seconds of [start, end): size times time, whatever pieces the time is told in."""
    total = 0
    for one in segments:
        begun, over = max(aware(one.start), start), end if one.end is None else min(aware(one.end), end)
        total += one.size_bytes * max(0, seconds_between(begun, over))
    return total


def cost(amount: int, meter: Meter, per_unit: Fraction) -> int:
    """So many base units at a price for the unit that is sold, in minor units, rounded once."""
    return rounded(Fraction(amount, SOLD_BY[meter]) * per_unit)


def _charge(
    item: str,
    meter: Meter,
    price: Price,
    readings: Iterable[Reading],
    anchor: Anchor,
    index: int,
    lateness: timedelta,
    measured: bool,
) -> UsageCharge:
    key = f"{item}:{meter}:{index}"
    if not measured:
        return UsageCharge(key, meter, index, 0, 0, 0, 0, measured=False)
    whole = period(anchor, index)
    known: dict[str, Reading] = {}
    for one in sorted(readings, key=lambda one: aware(one.arrived)):
        known.setdefault(one.source, one)  # as it came first, so that it is in one period only
    mine = [one for one in known.values() if charged_in(anchor, one, lateness) == index]
    used = sum(one.amount for one in mine)
    late = sum(one.amount for one in mine if one.at < whole.start)
    billable = max(0, used - price.included)
    return UsageCharge(key, meter, index, used, late, billable, cost(billable, meter, price.per_unit))
