"""Monthly recurring revenue and its movements, per customer and in one currency.

Sources: ChartMogul's movements (new business, reactivation, expansion, contraction, churn; of a customer, not of a subscription; changes
within an hour are one) and churn rates; Polar for what an interval is in a month. Recurring lines of subscriptions that are active or past
due count, net of tax and of recurring discounts; trials, one-off charges and usage do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from models.domain.errors import Invalid
from models.domain.money import rounded

MERGED = timedelta(minutes=60)


class Interval(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


A_MONTH: Mapping[Interval, Fraction] = {
    Interval.DAY: Fraction(365, 12),
    Interval.WEEK: Fraction(52, 12),
    Interval.MONTH: Fraction(1),
    Interval.YEAR: Fraction(1, 12),
}
"""How many of them a month has."""


class MovementKind(StrEnum):
    NEW = "new"
    REACTIVATION = "reactivation"
    EXPANSION = "expansion"
    CONTRACTION = "contraction"
    CHURN = "churn"

    @property
    def sign(self) -> int:
        return -1 if self in (MovementKind.CONTRACTION, MovementKind.CHURN) else 1


@dataclass(frozen=True, slots=True)
class Recurring:
    """A line that comes again every `count` intervals, in minor units, after its recurring discounts and without tax."""

    net_minor: int
    interval: Interval = Interval.MONTH
    count: int = 1


@dataclass(frozen=True, slots=True)
class Level:
    """What a customer's MRR became at a moment, in minor units."""

    customer: str
    at: datetime
    mrr: int


@dataclass(frozen=True, slots=True)
class Movement:
    """`amount` is positive; `change` has the sign that the kind gives it."""

    customer: str
    at: datetime
    kind: MovementKind
    amount: int

    @property
    def change(self) -> int:
        return self.kind.sign * self.amount


@dataclass(frozen=True, slots=True)
class Bridge:
    """opening + new + reactivation + expansion - contraction - churn = closing, all in minor units; customers at both ends."""

    opening: int
    new: int
    reactivation: int
    expansion: int
    contraction: int
    churn: int
    closing: int
    customers_before: int
    customers_lost: int

    @property
    def customer_churn(self) -> Fraction | None:
        """Customers of the start that were gone at the end; None when there were none."""
        return Fraction(self.customers_lost, self.customers_before) if self.customers_before else None

    @property
    def gross_retention(self) -> Fraction | None:
        return self._of_opening(self.opening - self.contraction - self.churn)

    @property
    def net_retention(self) -> Fraction | None:
        """New business and reactivation stay out."""
        return self._of_opening(self.opening + self.expansion - self.contraction - self.churn)

    @property
    def gross_churn(self) -> Fraction | None:
        return self._of_opening(self.churn + self.contraction)

    @property
    def net_churn(self) -> Fraction | None:
        """ChartMogul's: reactivation counts against it, so it is 1 - net retention only without reactivation."""
        return self._of_opening(self.churn + self.contraction - self.expansion - self.reactivation)

    @property
    def quick_ratio(self) -> Fraction | None:
        lost = self.contraction + self.churn
        return Fraction(self.new + self.expansion + self.reactivation, lost) if lost else None

    def _of_opening(self, amount: int) -> Fraction | None:
        return Fraction(amount, self.opening) if self.opening else None


def monthly(lines: Iterable[Recurring]) -> int:
    """A customer's MRR: the exact sum of the lines' monthly parts, rounded once. Raises Invalid."""
    exact = Fraction(0)
    for line in lines:
        if line.count < 1:
            raise Invalid("A price comes round every one or more intervals.", field="count")
        exact += line.net_minor * A_MONTH[line.interval] / line.count
    return rounded(exact)


def yearly(mrr: int) -> int:
    """ARR."""
    return 12 * mrr


def movement(customer: str, at: datetime, before: int, after: int, *, paid_before: bool) -> Movement | None:
    """What a change from one MRR to another is; None when it is none."""
    if min(before, after) < 0:
        raise Invalid("A customer's MRR is zero or more.", field="mrr")
    if before == after:
        return None
    if before == 0:
        return Movement(customer, at, MovementKind.REACTIVATION if paid_before else MovementKind.NEW, after)
    if after == 0:
        return Movement(customer, at, MovementKind.CHURN, before)
    kind = MovementKind.EXPANSION if after > before else MovementKind.CONTRACTION
    return Movement(customer, at, kind, abs(after - before))


def movements(levels: Iterable[Level], *, merged: timedelta = MERGED) -> Sequence[Movement]:
    """All movements in order of time. A customer's changes within `merged` of the first of them are one, dated at the first.

    So for at most that long movements may tell a change before or after the moment at which the customer's state has it.
    """
    by_customer: dict[str, list[Level]] = {}
    for level in sorted(levels, key=lambda one: one.at):
        by_customer.setdefault(level.customer, []).append(level)
    found: list[Movement] = []
    for customer, changes in by_customer.items():
        mrr, paid, index = 0, False, 0
        while index < len(changes):
            begun = changes[index].at
            while index + 1 < len(changes) and changes[index + 1].at < begun + merged:
                index += 1
            one = movement(customer, begun, mrr, changes[index].mrr, paid_before=paid)
            found += [one] if one is not None else []
            mrr, index = changes[index].mrr, index + 1
            paid = paid or mrr > 0
    return sorted(found, key=lambda one: (one.at, one.customer))


def bridge(moves: Sequence[Movement], start: datetime, end: datetime) -> Bridge:
    """The movements of [start, end) between the MRR before and after; `moves` are all of history up to `end`."""
    held: dict[str, int] = {}
    for one in moves:
        if one.at < start:
            held[one.customer] = held.get(one.customer, 0) + one.change
    inside = [one for one in moves if start <= one.at < end]
    sums = {kind: sum(one.amount for one in inside if one.kind is kind) for kind in MovementKind}
    before = {customer for customer, mrr in held.items() if mrr}
    opening = sum(held.values())
    for one in inside:
        held[one.customer] = held.get(one.customer, 0) + one.change
    lost = sum(1 for customer in before if not held[customer])
    return Bridge(
        opening=opening,
        new=sums[MovementKind.NEW],
        reactivation=sums[MovementKind.REACTIVATION],
        expansion=sums[MovementKind.EXPANSION],
        contraction=sums[MovementKind.CONTRACTION],
        churn=sums[MovementKind.CHURN],
        closing=sum(held.values()),
        customers_before=len(before),
        customers_lost=lost,
    )
