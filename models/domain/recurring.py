"""Recurring revenue over time: what was charged when, as levels of each customer's MRR, and what became of those who began together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from models.domain.mrr import Level, Movement, MovementKind, Recurring, monthly
from models.domain.subscriptions import SubscriptionState

COUNTS = frozenset({SubscriptionState.ACTIVE, SubscriptionState.PAST_DUE})
"""States in which a subscription's recurring lines are revenue."""


@dataclass(frozen=True, slots=True)
class Span:
    """A recurring line of a customer while it counts, [since, until); minor units a month, without tax."""

    customer: str
    item: str
    net_minor: int
    since: datetime
    until: datetime | None = None

    def __contains__(self, at: datetime) -> bool:
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class Move:
    """A subscription came to a state at a moment."""

    at: datetime
    after: SubscriptionState


@dataclass(frozen=True, slots=True)
class Cohort:
    """Customers whose first new business fell into `month`: how many, and their MRR at the end of it and of each month since."""

    month: date
    customers: int
    mrr: tuple[int, ...]


def paying(created_at: datetime, begun: SubscriptionState, moves: Sequence[Move]) -> Sequence[tuple[datetime, datetime | None]]:
    """When a subscription counted: from `begun` at its making through its moves, in their order."""
    found: list[tuple[datetime, datetime | None]] = []
    at, state = created_at, begun
    since = at if state in COUNTS else None
    for move in moves:
        if since is None and move.after in COUNTS:
            since = move.at
        elif since is not None and move.after not in COUNTS:
            found.append((since, move.at))
            since = None
    if since is not None:
        found.append((since, None))
    return [one for one in found if one[1] is None or one[0] < one[1]]


def spans(
    customer: str,
    item: str,
    net_minor: int,
    lasts: tuple[datetime, datetime | None],
    counted: Iterable[tuple[datetime, datetime | None]],
) -> Sequence[Span]:
    """Where the time of an item meets those in which its subscription counted."""
    found = []
    for since, until in counted:
        first = max(since, lasts[0])
        ends = [one for one in (until, lasts[1]) if one is not None]
        last = min(ends) if ends else None
        if net_minor > 0 and (last is None or first < last):
            found.append(Span(customer, item, net_minor, first, last))
    return found


def level(found: Iterable[Span], at: datetime) -> Mapping[str, int]:
    """Each customer's MRR at a moment, without those who have none."""
    lines: dict[str, list[Recurring]] = {}
    for one in found:
        if at in one:
            lines.setdefault(one.customer, []).append(Recurring(one.net_minor))
    return {customer: monthly(every) for customer, every in lines.items()}


def levels(found: Sequence[Span]) -> Sequence[Level]:
    """What each customer's MRR became at every moment at which one of their lines began or ended."""
    mine: dict[str, list[Span]] = {}
    for one in found:
        mine.setdefault(one.customer, []).append(one)
    told = []
    for customer, lines in mine.items():
        moments = sorted({one.since for one in lines} | {one.until for one in lines if one.until is not None})
        told += [Level(customer, at, level(lines, at).get(customer, 0)) for at in moments]
    return told


def cohorts(moves: Sequence[Movement], months: Sequence[tuple[date, datetime]]) -> Sequence[Cohort]:
    """By month of a customer's first new business. `months` are first days with the moment at which the month ends, in order."""
    ends = dict(months)
    order = [month for month, _ in months]
    first: dict[str, date] = {}
    for one in moves:
        if one.kind is MovementKind.NEW:
            month = next((month for month in order if one.at < ends[month]), None)
            if month is not None:
                first.setdefault(one.customer, month)
    found = []
    for month in order:
        who = {customer for customer, begun in first.items() if begun == month}
        if who:
            later = order[order.index(month) :]
            sums = tuple(sum(one.change for one in moves if one.customer in who and one.at < ends[end]) for end in later)
            found.append(Cohort(month, len(who), sums))
    return found
