"""Proration: what a change of plan in the middle of a period gives back and costs, by the second, each side rounded once.

Sources: Stripe's prorations (two lines, one that credits the unused time of the old price and one that charges the rest at the new one, per
second, at a moment that is fixed when the change is previewed); Kill Bill's cap (a credit never exceeds what was charged and not yet
credited); Stripe's deferral (no credit for what was not paid); Polar (no proration inside a trial; another cadence begins a new cycle).
A change in the very moment of a renewal belongs to the new period: renew first, then change.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from models.domain.clock import aware
from models.domain.errors import Conflict, Invalid
from models.domain.money import Money, zero
from models.domain.periods import Anchor, Cadence, Period, anchored, seconds_between

GOOD_FOR = timedelta(minutes=30)
"""How long a preview may be confirmed."""


class ChangeMode(StrEnum):
    """When the difference is charged. Both *now* modes compute the same; a new cycle charges the new price in full."""

    INVOICE_NOW = "invoice_now"
    NEXT_INVOICE = "next_invoice"
    NEXT_PERIOD = "next_period"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Charged:
    """A line that was charged for [start, end): its amount, what of it was paid, and what was credited since."""

    amount: Money
    start: datetime
    end: datetime
    paid: Money
    credited: Money

    @property
    def creditable(self) -> Money:
        """The most that can still be given back."""
        return max(min(self.amount, self.paid) - self.credited, zero(self.amount.currency))


@dataclass(frozen=True, slots=True)
class Proration:
    """What the change costs; the same value is shown, kept and charged. Both amounts are positive, `net` is what is asked or given.

    `effective` is from when the new price holds. `anchor` is the new cycle's, for RESET.
    """

    mode: ChangeMode
    at: datetime
    effective: datetime
    old: Charged
    new_price: Money
    credit: Money
    debit: Money
    anchor: Anchor | None = None

    @property
    def net(self) -> Money:
        return self.debit - self.credit


def share(start: datetime, end: datetime, *, since: datetime) -> Fraction:
    """The part of [start, end) that is left at `since`, in whole seconds: 1 before it begins, 0 after it ended."""
    whole = seconds_between(start, end)
    if whole <= 0:
        raise ValueError("an interval ends after it starts")
    return Fraction(min(whole, max(0, seconds_between(since, end))), whole)


def usual_mode(old: Money, new: Money, *, same_cadence: bool = True) -> ChangeMode:
    """Dearer now, cheaper from the next period on, another cadence as a new cycle. For prices of the same cadence."""
    if not same_cadence:
        return ChangeMode.RESET
    return ChangeMode.NEXT_PERIOD if new < old else ChangeMode.INVOICE_NOW


def prorated(
    old: Charged,
    new_price: Money,
    period: Period,
    at: datetime,
    mode: ChangeMode,
    *,
    zone: str = "",
    cadence: Cadence = Cadence.MONTH,
    trial_until: datetime | None = None,
) -> Proration:
    """The change of a line to `new_price` (of a whole period) at `at`. `zone` and `cadence` are the new cycle's, for RESET.

    Raises Conflict when `at` is outside of the period: it was renewed meanwhile, or has to be first.
    """
    at = aware(at).replace(microsecond=0)
    if at not in period:
        raise Conflict("The billing period is over. Renew the subscription first, then change the plan.")
    nothing = zero(old.amount.currency)
    if trial_until is not None and at < trial_until:
        return Proration(mode, at, at, old, new_price, nothing, nothing)
    if mode is ChangeMode.NEXT_PERIOD:
        return Proration(mode, at, period.end, old, new_price, nothing, nothing)
    credit = min(old.amount.times(share(old.start, old.end, since=at)), old.creditable)
    if mode is not ChangeMode.RESET:
        debit = new_price.times(share(period.start, period.end, since=at))
        return Proration(mode, at, at, old, new_price, credit, debit)
    if not zone:
        raise Invalid("A new cycle needs the billing zone in which it begins.", field="zone")
    return Proration(mode, at, at, old, new_price, credit, new_price, anchored(at, zone, cadence))


def confirmed(shown: Proration, old: Charged, period: Period, now: datetime) -> Proration:
    """The preview, when it may be charged as it was shown. Conflict when the line or the period is another one, or it is too old."""
    if shown.old != old or aware(now) not in period or not shown.at <= now < shown.at + GOOD_FOR:
        raise Conflict("What this change costs is not what was shown any more. Look at it again.")
    return shown
