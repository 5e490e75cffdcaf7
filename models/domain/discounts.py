"""Discounts and vouchers: what is taken off the lines of a document before its tax.

Order: percentages first, each of what the ones before left, then fixed amounts; within a kind as given. No line falls below zero, and lines
that are credits already get nothing off. A discount is computed once on the sum of the lines it may touch, then split by largest
remainder (Lago's coupons reduce the tax base the same way).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from models.domain.clock import aware
from models.domain.errors import Conflict, Invalid
from models.domain.money import Money, total, zero


@dataclass(frozen=True, slots=True)
class Discount:
    """Either a `percent` (of 1), at most `limit` a document, or a fixed `amount`.

    `periods` is for how many periods it lasts (None: for good), `plans` what it may touch (empty: every line).
    """

    key: str
    percent: Fraction | None = None
    amount: Money | None = None
    limit: Money | None = None
    periods: int | None = None
    plans: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if (self.percent is None) == (self.amount is None):
            raise Invalid("A discount is a percentage or an amount, one of the two.", field="percent")
        if self.percent is not None and not 0 < self.percent <= 1:
            raise Invalid("A discount takes more than 0 and at most 100 %.", field="percent")
        if self.amount is not None and (self.amount.minor <= 0 or self.limit is not None):
            raise Invalid("A fixed discount is more than zero and has no further limit.", field="amount")
        if self.limit is not None and self.limit.minor <= 0:
            raise Invalid("The most that a discount takes is more than zero.", field="limit")
        if self.periods is not None and self.periods < 1:
            raise Invalid("A discount lasts at least one period.", field="periods")

    def lasts(self, used: int) -> bool:
        """Whether it takes part in one more period after `used` of them."""
        return self.periods is None or used < self.periods


@dataclass(frozen=True, slots=True)
class Voucher:
    """A code that gives a discount when it is redeemed in [since, until), so often in all and by one organization."""

    code: str
    discount: Discount
    since: datetime | None = None
    until: datetime | None = None
    uses: int | None = None
    uses_each: int | None = 1
    least: Money | None = None
    """What the order has to come to before the discount."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line before discounts; `plan` is what a discount may ask for."""

    amount: Money
    plan: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """What one discount took, from each line in their order, and what of a fixed amount found nothing to be taken from."""

    key: str
    off: Sequence[Money]
    unused: Money


@dataclass(frozen=True, slots=True)
class Discounted:
    """The lines' amounts after all discounts, and every step in the order in which it was done."""

    lines: Sequence[Money]
    steps: Sequence[Taken]


def redeemable(voucher: Voucher, *, now: datetime, used: int, used_by_organization: int, order: Money) -> Discount:
    """The discount that the code gives now. Raises Conflict with the reason when it gives none."""
    now = aware(now)
    if voucher.since is not None and now < voucher.since:
        raise Conflict(f"The voucher {voucher.code} does not hold yet.")
    if voucher.until is not None and now >= voucher.until:
        raise Conflict(f"The voucher {voucher.code} holds no longer.")
    if voucher.uses is not None and used >= voucher.uses:
        raise Conflict(f"The voucher {voucher.code} is used up.")
    if voucher.uses_each is not None and used_by_organization >= voucher.uses_each:
        raise Conflict(f"The voucher {voucher.code} was used already.")
    if voucher.least is not None and order < voucher.least:
        raise Conflict(f"The voucher {voucher.code} needs a larger order.")
    return voucher.discount


def discounted(lines: Sequence[Line], discounts: Sequence[Discount], currency: str) -> Discounted:
    """All discounts on a document, in the order that the module states. Invalid for an amount in another currency."""
    left = [line.amount for line in lines]
    steps: list[Taken] = []
    for one in sorted(discounts, key=lambda one: one.percent is None):
        bases = [
            amount if amount.minor > 0 and (not one.plans or line.plan in one.plans) else zero(currency)
            for amount, line in zip(left, lines, strict=True)
        ]
        whole = total(bases, currency)
        wanted = one.amount if one.amount is not None else whole.times(one.percent or 0)
        taken = min(wanted, whole) if one.limit is None else min(wanted, whole, one.limit)
        off = taken.split([base.minor for base in bases])
        left = [amount - less for amount, less in zip(left, off, strict=True)]
        steps.append(Taken(one.key, off, wanted - taken if one.amount is not None else zero(currency)))
    return Discounted(left, steps)
