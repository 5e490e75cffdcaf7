"""Renewals: facts of subscriptions, what is decided about them, and the carrying out of one decision in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from app.context import Context
from app.gateways.payments import DummyGateway
from app.services import audit, invoices, settings, vouchers
from app.services.organizations import NOTHING_HERE, existing
from models.domain import renewals as rules
from models.domain.access import Permission
from models.domain.errors import Conflict, NotFound
from models.domain.organizations import ENDED as CLOSED
from models.domain.periods import Anchor, anchored, local_day, period, resumed
from models.domain.renewals import Charge, Close, Decision, Facts, Item, Park, Skip
from models.domain.subscriptions import ENDED, SubscriptionState
from models.domain.tax import PPN, TaxCategory, TaxRule
from models.store import catalogue, instances, orders, payments, specifications, subscriptions
from models.store import invoices as documents
from models.store import renewals as store
from models.store.renewals import Renewal
from models.store.subscriptions import ItemKind, Subscription, SubscriptionItem

AT_HOME = ("ID", "")
"""Countries of customers who are charged the tax; a country that is not known is ours."""


@dataclass(frozen=True, slots=True)
class ComingView:
    """The next charge of one subscription, as it will be made if nothing changes; minor units. `at` is when."""

    subscription_id: str
    state: SubscriptionState
    currency: str
    at: datetime | None
    first: date | None
    after: date | None
    total_minor: int
    lines: tuple[invoices.LineView, ...]
    parked: bool


@dataclass(frozen=True, slots=True)
class ParkedView:
    """A subscription that missed too many periods at once, since when it waits for a person, and how many they are now."""

    subscription_id: str
    organization_id: str
    organization: str
    parked_at: datetime
    missed: int


def begin(ctx: Context, *, limit: int) -> int:
    """Give subscriptions that began to cost their anchor; how many. An order's begins when it was accepted. By the platform's own job."""
    ctx.require(Permission.RUN_JOBS)
    found = store.beginning(ctx.session, ctx.now, limit=limit)
    for row in found:
        store.add(ctx.session, _fresh(ctx, row))
    again = store.reopened(ctx.session, ctx.now, limit=limit)
    for known in again:
        ctx.session.merge(_again(ctx, known))
    ctx.session.flush()
    return len(found) + len(again)


def due(ctx: Context, *, limit: int, without: Collection[str] = ()) -> tuple[str, ...]:
    """Ids of subscriptions of which a period is due, the longest due first; `without` are ids of others."""
    ctx.require(Permission.RUN_JOBS)
    return tuple(row.subscription_id for row in store.due(ctx.session, ctx.now, limit=limit, without=without))


def planned(ctx: Context, at: datetime) -> tuple[Decision, ...]:
    """What a run at that time decides about everything that is due then, by the facts as they are now. Writes nothing."""
    ctx.require(Permission.SEE_JOBS)
    fresh = [_fresh(ctx, row) for row in store.beginning(ctx.session, at)]
    again = [_again(ctx, row) for row in store.reopened(ctx.session, at)]
    rows = [*store.due(ctx.session, at), *fresh, *again]
    return tuple(decision for row in rows for decision in rules.decide(facts(ctx, row), at))


def ordered(decided: Sequence[Decision]) -> tuple[Charge, ...]:
    """The charges of `planned` in the order in which a run issues them: one of each subscription, the longest due first, and again."""
    turns: Counter[str] = Counter()
    found: list[tuple[int, datetime, str, Charge]] = []
    for one in decided:
        turn, turns[one.subscription_id] = turns[one.subscription_id], turns[one.subscription_id] + 1
        if isinstance(one, Charge):
            found.append((turn, one.period.start, one.subscription_id, one))
    return tuple(one for *_, one in sorted(found, key=lambda each: each[:3]))


def carry_out(ctx: Context, *, subscription_id: str, gateway: str) -> Decision | None:
    """Do the first of what is decided about it now; None when nothing is due or another process is at it. By the platform's own job.

    The period is claimed by a conditional update, so that it happens once; everything about it is written with that claim or not at all.
    """
    ctx.require(Permission.RUN_JOBS)
    row = store.by_subscription(ctx.session, subscription_id)
    if row is None or row.next_at is None or row.parked_at is not None or row.next_at > ctx.now:
        return None
    known = facts(ctx, row)
    decided = rules.decide(known, ctx.now)
    if not decided:
        return None
    first = decided[0]
    match first:
        case Charge() | Skip():
            following = period(known.anchor, row.next_index + 1).start
            if not store.advance(ctx.session, subscription_id, row.next_index, next_at=following):
                return None
            if following > ctx.now and row.missed:
                row.missed = 0
                ctx.session.add(row)
            if isinstance(first, Charge):
                invoices.issue(ctx, first, known.tax, gateway=gateway)
        case Close():
            if not store.advance(ctx.session, subscription_id, row.next_index, next_at=None):
                return None
        case Park():
            if not store.park(ctx.session, subscription_id, row.next_index, at=ctx.now):
                return None
            audit.record(
                ctx,
                action="renewals.park",
                subject=subscription_id,
                organization=first.organization_id,
                after={"missed": first.missed},
            )
    return first


def parked(ctx: Context) -> tuple[ParkedView, ...]:
    """Those that wait for a person, the longest waiting first; for staff."""
    ctx.require(Permission.SEE_OWN_BILLING)
    found = []
    for row in store.parked(ctx.session):
        missed = rules.missed(facts(ctx, row), ctx.now)
        organization = existing(ctx, _subscription(ctx, row.subscription_id).organization_id)
        found.append(ParkedView(row.subscription_id, organization.id, organization.name, row.parked_at or ctx.now, missed))
    return tuple(found)


def release(ctx: Context, *, subscription_id: str, charge: bool) -> None:
    """Go on with one that was parked, by staff who may bill: every missed period is charged, or none of them and only what begins now.

    One that was paid before its invoice, as an order is, gets its invoice in any case. Conflict when it is not parked.
    """
    ctx.require(Permission.MANAGE_OWN_BILLING)
    row = store.by_subscription(ctx.session, subscription_id)
    if row is None or row.parked_at is None:
        raise Conflict("This subscription does not wait for a person. Look again.")
    known = facts(ctx, row)
    missed = rules.missed(known, ctx.now)
    before = row.next_index
    if not store.release(ctx.session, subscription_id, missed=missed if charge else 0):
        raise Conflict("Somebody decided about this subscription just now. Look again.")
    ctx.session.refresh(row)
    if not charge:
        first = rules.decide(replace(known, most=max(known.most, missed)), ctx.now)[:1]
        if payments.unassigned(ctx.session, subscription_id) and first and isinstance(first[0], Charge):
            invoices.issue(ctx, first[0], known.tax, gateway=DummyGateway.name)
        row.next_index = before + missed
        row.next_at = period(known.anchor, row.next_index).start
        ctx.session.add(row)
    ctx.session.flush()
    audit.record(
        ctx,
        action="renewals.release",
        subject=subscription_id,
        organization=known.organization_id,
        after={"missed": missed, "charged": charge},
    )


def coming(ctx: Context, *, organization_id: str) -> tuple[ComingView, ...]:
    """The next charge of every subscription of an organization that is not over."""
    ctx.require(Permission.SEE_OWN_BILLING, organization_id)
    found = []
    for subscription in subscriptions.of_organization(ctx.session, organization_id):
        if subscription.state in (SubscriptionState.PENDING, *ENDED):
            continue
        row = store.by_subscription(ctx.session, subscription.id) or _fresh(ctx, subscription)
        charge = rules.coming(facts(ctx, row))
        found.append(_coming(subscription, row, charge))
    return tuple(found)


def facts(ctx: Context, row: Renewal) -> Facts:
    """Everything that decides about one subscription. For other services, which check rights."""
    subscription = _subscription(ctx, row.subscription_id)
    items = subscriptions.items(ctx.session, subscription.id)
    return Facts(
        subscription.id,
        subscription.organization_id,
        subscription.state,
        subscription.currency,
        Anchor(row.anchor, row.zone),
        row.next_index,
        row.base,
        [_item(ctx, subscription, one) for one in items],
        tax_rule(ctx, subscription.organization_id),
        bool(settings.get(ctx, "prices_with_tax")),
        max(int(settings.get(ctx, "catch_up_periods")), row.missed),
        timedelta(days=int(settings.get(ctx, "payment_days"))),
        str(settings.get(ctx, "billing_zone")),
        documents.last_day(ctx.session, invoices.SERIES),
        _rests(ctx, subscription, items),
        vouchers.lasting(ctx, subscription.id),
    )


def standing(ctx: Context, row: Subscription) -> tuple[Anchor, int] | None:
    """The anchor of its periods and the first that was not charged; None while nothing of it costs. For other services."""
    if not any(item.until is None or item.until > item.since for item in subscriptions.items(ctx.session, row.id)):
        return None
    known = store.by_subscription(ctx.session, row.id) or _fresh(ctx, row)
    return Anchor(known.anchor, known.zone), known.next_index


def zone_of(ctx: Context, row: Subscription) -> str:
    """By whose days it is billed. For other services."""
    known = store.by_subscription(ctx.session, row.id)
    return known.zone if known is not None else str(settings.get(ctx, "billing_zone"))


def ahead(ctx: Context, row: Subscription, item: SubscriptionItem) -> str:
    """Invoice the first month of an item that begins when a trial ends, due at that end; months go on from there. The invoice's id.

    For other services, which check rights. Conflict when another process bills it just now.
    """
    known = store.by_subscription(ctx.session, row.id)
    if known is None:
        known = _fresh(ctx, row)
        if not store.add(ctx.session, known):
            raise Conflict("This subscription is billed just now. Try again.")
    anchor = Anchor(local_day(item.since, known.zone), known.zone)
    first = Item(item.id, _item(ctx, row, item).what, item.price_minor, item.since)
    charged = replace(
        facts(ctx, known),
        state=SubscriptionState.ACTIVE,
        anchor=anchor,
        next_index=0,
        base=known.base + known.next_index,
        items=[first],
    )
    charge = rules.coming(charged)
    if charge is None or not store.restart(ctx.session, row.id, known.next_index, anchor=anchor, next_at=period(anchor, 1).start):
        raise Conflict("This subscription is billed just now. Try again.")
    today = local_day(ctx.now, charged.zone)
    issued = max(today, charged.not_before or today)
    charge = replace(charge, issued_on=issued, due_on=max(issued, anchor.day))
    return invoices.issue(ctx, charge, charged.tax, gateway=ctx.gateway)


def tax_rule(ctx: Context, organization_id: str) -> TaxRule:
    """The tax of what an organization buys now. For other services; what was issued has its own."""
    if not settings.get(ctx, "tax_registered"):
        return TaxRule(TaxCategory.NOT_REGISTERED, reason="The seller is not registered for tax.")
    if existing(ctx, organization_id).country in AT_HOME:
        return PPN
    return TaxRule(TaxCategory.ZERO_RATED, "PPN", reason="Service for a customer abroad.")


def _rests(ctx: Context, row: Subscription, items: Sequence[SubscriptionItem]) -> bool:
    """Whether nothing is charged because its app is suspended, or its organization is closed."""
    if existing(ctx, row.organization_id).standing in CLOSED:
        return True
    newest = [specifications.newest(ctx.session, id) for id in {one.instance_id for one in items if one.until is None} if id]
    return any(one is not None and one.suspended for one in newest)


def items_of(ctx: Context, subscription_id: str) -> Sequence[SubscriptionItem]:
    """For other services, which check rights."""
    return subscriptions.items(ctx.session, subscription_id)


def named(ctx: Context, one: SubscriptionItem) -> str:
    """As an item is called on invoices. For other services, which check rights."""
    app = instances.by_id(ctx.session, one.instance_id) if one.instance_id else None
    plan = catalogue.plan_by_id(ctx.session, one.plan_id) if one.plan_id else None
    of = one.component if one.kind is ItemKind.ADD_ON else plan.name if plan else ""
    return ", ".join(part for part in (app.name if app else "", of) if part)


def _item(ctx: Context, subscription: Subscription, one: SubscriptionItem) -> Item:
    what = named(ctx, one)
    until = one.until
    if until is None and subscription.state is SubscriptionState.TRIAL:
        until = subscription.trial_until  # a trial ends by itself
    if subscription.cancel_at is not None and (until is None or until > subscription.cancel_at):
        until = max(one.since, subscription.cancel_at)
    return Item(one.id, what, one.price_minor, one.since, until)


def _anchor(ctx: Context, row: Subscription) -> Anchor:
    order = orders.of_subscription(ctx.session, row.id)
    begun = min(item.since for item in subscriptions.items(ctx.session, row.id) if item.until is None or item.until > item.since)
    at = order.decided_at if order is not None and order.decided_at is not None else begun
    return anchored(at, str(settings.get(ctx, "billing_zone")))


def _fresh(ctx: Context, row: Subscription) -> Renewal:
    """The row as `begin` would write it."""
    anchor = _anchor(ctx, row)
    return Renewal(
        subscription_id=row.id, anchor=anchor.day, zone=anchor.zone, next_index=0, base=0, next_at=period(anchor, 0).start
    )


def _again(ctx: Context, row: Renewal) -> Renewal:
    """The row as it goes on: where it stopped, or, when a full period passed meanwhile, from the day of the return on."""
    since = min(one.since for one in subscriptions.items(ctx.session, row.subscription_id) if one.until is None)
    anchor, index = resumed(Anchor(row.anchor, row.zone), row.next_index, since)
    moved = anchor.day != row.anchor
    return Renewal(
        subscription_id=row.subscription_id,
        anchor=anchor.day,
        zone=row.zone,
        next_index=index,
        base=row.base + (row.next_index if moved else 0),
        next_at=period(anchor, index).start,
    )


def _subscription(ctx: Context, subscription_id: str) -> Subscription:
    row = subscriptions.by_id(ctx.session, subscription_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    return row


def _coming(subscription: Subscription, row: Renewal, charge: Charge | None) -> ComingView:
    lines: Sequence[rules.Line] = charge.lines if charge else ()
    return ComingView(
        subscription.id,
        subscription.state,
        subscription.currency,
        row.next_at if charge else None,
        charge.period.first if charge else None,
        charge.period.after if charge else None,
        charge.total if charge else 0,
        tuple(invoices.LineView(one.item_id, one.what, one.first, one.after, one.net, one.tax) for one in lines),
        row.parked_at is not None,
    )
