"""Renewals: what is to be charged of a subscription by now, decided from facts alone. Preview and run ask the same function.

Sources: one charge per item and period, every missed period emitted by itself in its order (Polar, Lago), and a bound on how many at once
before a person looks (Kill Bill). Service dates stay those of the period however late the run is; issue and due dates are those of the run.
What is charged is what is there at one instant, so that of a plan and the one after it one is: when the period begins, and in the first
one when the first of its items does. What begins later is no matter of renewals until the next period: its share of this one is charged
when it begins (`models/domain/proration.py`), unless the operator says otherwise. What ended within one was charged in full.
An item that never lasted a moment is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from models.domain.discounts import Discount, discounted
from models.domain.discounts import Line as Whole
from models.domain.money import Money, total
from models.domain.periods import Anchor, Period, due, local_day
from models.domain.periods import period as numbered
from models.domain.subscriptions import ENDED, SubscriptionState
from models.domain.tax import TaxLine, TaxRule, taxed

RESTING = frozenset({SubscriptionState.PAUSED, SubscriptionState.SUSPENDED})
"""While it rests nothing is charged."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is charged monthly, [since, until); `price` in minor units of the subscription's currency."""

    id: str
    what: str
    price: int
    since: datetime
    until: datetime | None = None

    def lasts(self, after: datetime | None = None) -> bool:
        """Whether it is more than an empty time, and goes on after that moment."""
        return self.until is None or self.until > max(self.since, after or self.since)


@dataclass(frozen=True, slots=True)
class Lasting:
    """A discount, and in how many invoices it took part already."""

    discount: Discount
    taken: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one subscription. `next_index` is the first period that was not charged.

    `base`: so many periods were counted before this anchor. `inclusive`: prices have their tax in them. `most`: so many periods at once
    are charged without a person; `terms`: the time to pay. `zone` is the seller's own now, in which the day of issue falls,
    `not_before` the day of the last invoice. `resting`: nothing is charged, whatever its state, as while its app is suspended.
    """

    subscription_id: str
    organization_id: str
    state: SubscriptionState
    currency: str
    anchor: Anchor
    next_index: int
    base: int
    items: Sequence[Item]
    tax: TaxRule
    inclusive: bool
    most: int
    terms: timedelta
    zone: str
    not_before: date | None = None
    resting: bool = False
    discounts: Sequence[Lasting] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """What is charged for one item, in minor units; `first` to before `after` is the part of the period in which it is there."""

    item_id: str
    what: str
    first: date
    after: date
    net: int
    tax: int


@dataclass(frozen=True, slots=True)
class Charge:
    """One invoice: `net + tax` is what the customer owes. One of zero is paid as soon as it is issued.

    `number` counts the subscription's periods over all its anchors.
    """

    subscription_id: str
    organization_id: str
    number: int
    period: Period
    currency: str
    lines: Sequence[Line]
    net: int
    tax: int
    formula: str
    issued_on: date
    due_on: date
    discounts: Sequence[tuple[str, int]] = ()
    """What was taken off the lines before the tax, by the discount's key."""

    @property
    def total(self) -> int:
        return self.net + self.tax


@dataclass(frozen=True, slots=True)
class Skip:
    """A period in which nothing is charged, because the subscription rested or had no item."""

    subscription_id: str
    organization_id: str
    period: Period


@dataclass(frozen=True, slots=True)
class Park:
    """Too many periods at once: a person decides."""

    subscription_id: str
    organization_id: str
    missed: int


@dataclass(frozen=True, slots=True)
class Close:
    """Nothing of it is charged any more."""

    subscription_id: str
    organization_id: str


Decision = Charge | Skip | Park | Close


def decide(facts: Facts, now: datetime) -> tuple[Decision, ...]:
    """What a run at `now` does about the subscription, in this order; nothing when nothing is due."""
    end = _end(facts)
    periods = due(facts.anchor, facts.next_index, now, until=end)
    if len(periods) > facts.most:
        return (Park(facts.subscription_id, facts.organization_id, len(periods)),)
    made: list[Decision] = []
    for period in periods:
        made.append(_one(facts, period, now, sum(isinstance(one, Charge) for one in made)))
    following = numbered(facts.anchor, facts.next_index + len(periods)).start
    if end is not None and end <= following <= now:
        made.append(Close(facts.subscription_id, facts.organization_id))
    return tuple(made)


def missed(facts: Facts, now: datetime) -> int:
    """How many periods are due at `now`, however many a run takes at once."""
    return len(due(facts.anchor, facts.next_index, now, until=_end(facts)))


def coming(facts: Facts) -> Charge | None:
    """The next charge as it will be made at its time if nothing changes; None when there is none."""
    period = numbered(facts.anchor, facts.next_index)
    end = _end(facts)
    if end is not None and period.start >= end:
        return None
    made = _one(facts, period, period.start)
    return made if isinstance(made, Charge) else None


def _end(facts: Facts) -> datetime | None:
    """When the last item ends; None while one goes on. A period that begins at or after it is not charged."""
    ends = [item.until for item in facts.items if item.lasts()]
    if any(end is None for end in ends) and facts.state not in ENDED:
        return None
    return max((end for end in ends if end is not None), default=numbered(facts.anchor, facts.next_index).start)


def _one(facts: Facts, period: Period, now: datetime, before: int = 0) -> Charge | Skip:
    """`before`: so many are charged at once before it."""
    there = _there(facts.items, period)
    if not there or facts.resting or facts.state in RESTING:
        return Skip(facts.subscription_id, facts.organization_id, period)
    lasting = [one.discount for one in facts.discounts if one.discount.lasts(one.taken + before)]
    left = discounted([Whole(Money(item.price, facts.currency)) for item in there], lasting, facts.currency)
    done = taxed([TaxLine(amount, facts.tax) for amount in left.lines], facts.currency, inclusive=facts.inclusive)
    lines = tuple(
        Line(item.id, item.what, period.first, _after(item, period, facts.anchor.zone), told.net.minor, told.tax.minor)
        for item, told in zip(there, done.lines, strict=True)
    )
    today = local_day(now, facts.zone)
    issued = max(today, facts.not_before or today)
    return Charge(
        facts.subscription_id,
        facts.organization_id,
        facts.base + period.index,
        period,
        facts.currency,
        lines,
        done.net.minor,
        done.tax.minor,
        "; ".join(group.formula for group in done.groups if group.tax),
        issued,
        issued + facts.terms,
        tuple((one.key, total(one.off, facts.currency).minor) for one in left.steps),
    )


def _there(items: Sequence[Item], period: Period) -> list[Item]:
    """Those that the period charges: there at its start, or, in the first one, when the first of them begins."""
    lasting = [item for item in items if item.lasts(period.start)]
    at = period.start
    if period.index == 0:
        at = max(at, min((item.since for item in lasting), default=at))
    return [item for item in lasting if item.since <= at < period.end]


def _after(item: Item, period: Period, zone: str) -> date:
    """The first day of the period on which it is no longer there, as far as that is known already."""
    if item.until is None or item.until >= period.end:
        return period.after
    return min(period.after, local_day(item.until, zone) + timedelta(days=1))
