"""Revenue over time: what was charged in advance is earned by local days, cumulatively rounded, and never booked into a closed period.

Sources: Stripe's per-day method (the first day counts whole, the day of the end does not); cumulative rounding,
rec(k) = round(T * d_k / D) - rec(<k), which is never more than half a unit from the exact share at any date (ERPNext rounds each period and
gives the last one the rest); ERPNext for closed periods (their revenue is posted in the first open one, as an entry of its own); ASC 606
Example 7 for changes (prospective: what was recognised stays, the rest is spread over what remains).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

from models.domain.errors import Invalid
from models.domain.money import Money, rounded


@dataclass(frozen=True, slots=True)
class Deferred:
    """The net amount of an invoice's line, earned over the local days [first, after)."""

    amount: Money
    first: date
    after: date

    def __post_init__(self) -> None:
        if self.after <= self.first:
            raise Invalid("A service takes at least one day.", field="after")

    @property
    def days(self) -> int:
        return (self.after - self.first).days


@dataclass(frozen=True, slots=True)
class Portion:
    """What is earned in [first, after), one calendar month or the part of it in which the service runs."""

    first: date
    after: date
    amount: Money


@dataclass(frozen=True, slots=True)
class Posting:
    """A portion and the day on which it is posted: the last of its month, or of the first open month when its own is closed."""

    portion: Portion
    on: date


def recognised(line: Deferred, before: date) -> Money:
    """What was earned before a local day, in all."""
    elapsed = min(line.days, max(0, (before - line.first).days))
    return Money(rounded(Fraction(line.amount.minor * elapsed, line.days)), line.amount.currency)


def deferred(line: Deferred, before: date) -> Money:
    """What is still to be earned from that day on; also what a credit of the undelivered part gives back."""
    return line.amount - recognised(line, before)


def portions(line: Deferred) -> Sequence[Portion]:
    """One for each calendar month that the service touches, in order; they sum to the line. A portion may be zero."""
    bounds = [line.first]
    while (following := next_month(bounds[-1])) < line.after:
        bounds.append(following)
    bounds.append(line.after)
    return [Portion(first, after, recognised(line, after) - recognised(line, first)) for first, after in pairwise(bounds)]


def lessened(line: Deferred, credits: Sequence[tuple[date, Money]]) -> Sequence[Portion]:
    """The portions of a line of which amounts were given back on days, in their order, before they were earned.

    What was earned by then stays; what is left is spread over the days that remain. They sum to the line less the amounts.
    """
    parts: list[Portion] = []
    rest = line
    for on, amount in credits:
        if on >= line.after:
            raise Invalid("What was earned in full has nothing left that is not earned.", field="credits")
        before, rest = changed(rest, on, -amount, line.after)
        parts += portions(before) if before is not None else ()
    months: dict[date, Portion] = {}
    for one in [*parts, *portions(rest)]:
        month = one.first.replace(day=1)
        known = months.get(month)
        months[month] = Portion(known.first, one.after, known.amount + one.amount) if known is not None else one
    return list(months.values())


def postings(line: Deferred, *, open_from: date, until: date, credits: Sequence[tuple[date, Money]] = ()) -> Sequence[Posting]:
    """What is to be posted for months that ended by `until`, when the books are open from `open_from` on (the first of a month).

    `credits`: what was given back of it before it was earned. A portion of a closed month is posted by itself with the first open
    month. One of zero is posted nowhere.
    """
    if open_from.day != 1:
        raise Invalid("Books are open from the first day of a month.", field="open_from")
    found = []
    for portion in lessened(line, credits):
        month = max(portion.first.replace(day=1), open_from)
        on = next_month(month) - timedelta(days=1)
        if portion.amount and on < until:
            found.append(Posting(portion, on))
    return found


def changed(line: Deferred, at: date, extra: Money, after: date) -> tuple[Deferred | None, Deferred]:
    """The line up to a change, whose recognised amount stays, and the rest with `extra` (negative for a reduction) over [at, after).

    The first is None when the change comes before anything was earned.
    """
    at = max(at, line.first)
    done = recognised(line, at)
    rest = Deferred(line.amount - done + extra, at, after)
    return (Deferred(done, line.first, min(at, line.after)) if at > line.first else None), rest


def next_month(day: date) -> date:
    """The first day of the month after."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
