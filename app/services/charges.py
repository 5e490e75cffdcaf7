"""What is charged for an app that runs without Moorage's doing: its subscription follows the plan and the trial that staff say."""

from __future__ import annotations

from datetime import timedelta

from app.context import Context
from app.services import audit, checkout, lifecycle
from app.services.organizations import existing
from models.domain.dunning import Ended
from models.domain.errors import Conflict
from models.domain.instances import LIVING
from models.domain.subscriptions import ENDED, SubscriptionState
from models.store import catalogue, subscriptions
from models.store.instances import Instance
from models.store.subscriptions import Subscription, SubscriptionItem

SLIP = timedelta(minutes=10)
"""A first item that lasted less was a slip of the hand, and is an empty time: nothing is charged for it."""


def follow(ctx: Context, app: Instance) -> None:
    """Bring the money side of an adopted app in line with its row. For other services, which check rights; twice is once.

    A plan that costs begins a subscription at the catalogue's price in the organization's currency, from the end of the trial on if
    there is one; another plan ends one item and begins the next at this moment; no plan, or an app off the record, ends it. What was
    put right within ten minutes of the beginning is charged as if it had been said so at once.
    """
    subscription = subscriptions.of_instance(ctx.session, app.id)
    plan = catalogue.plan_by_id(ctx.session, app.plan_id) if app.plan_id is not None and app.state in LIVING else None
    before = _told(ctx, subscription)
    if plan is not None:
        subscription = _begun(ctx, app, subscription)
        _charge(ctx, app, subscription, plan)
    else:
        end(ctx, app)
    after = _told(ctx, subscription)
    if after != before and subscription is not None:
        audit.record(
            ctx,
            action="subscriptions.follow",
            subject=subscription.id,
            organization=app.organization_id,
            before=before,
            after=after | {"app": app.name},
        )


def end(ctx: Context, app: Instance) -> None:
    """Nothing is charged for an adopted app any more, whatever its row says. For other services, which check rights; twice is once."""
    subscription = subscriptions.of_instance(ctx.session, app.id)
    if subscription is not None:
        _end_items(ctx, subscription)
        _to(ctx, subscription, SubscriptionState.EXPIRED)


def prolong(ctx: Context, app: Instance) -> None:
    """The trial of an app that was ordered ends when its row says now. Conflict when it is not being tried any more."""
    row = subscriptions.of_instance(ctx.session, app.id)
    if row is None or row.state is not SubscriptionState.TRIAL or app.trial_until is None:
        raise Conflict(f"“{app.name}” is not being tried, so its trial has no other end.")
    before, row.trial_until = row.trial_until, app.trial_until
    ctx.session.add(row)
    ctx.session.flush()
    audit.record(
        ctx,
        action="subscriptions.prolong",
        subject=row.id,
        organization=row.organization_id,
        before={"trial_until": before},
        after={"trial_until": row.trial_until, "app": app.name},
    )


def _begun(ctx: Context, app: Instance, known: Subscription | None) -> Subscription:
    row = known
    if row is None:
        row = Subscription(
            organization_id=app.organization_id,
            currency=checkout.currency_of(ctx, existing(ctx, app.organization_id)),
            created_at=ctx.now,
        )
        ctx.session.add(row)
        ctx.session.flush()
    row.trial_until = app.trial_until
    ctx.session.add(row)
    ctx.session.flush()
    tried = app.trial_until is not None and app.trial_until > ctx.now
    _to(ctx, row, SubscriptionState.TRIAL if tried and row.state is SubscriptionState.PENDING else _kept(row, tried))
    return row


def _kept(row: Subscription, tried: bool) -> SubscriptionState:
    """Where one that began stays or goes: a trial goes on while it lasts, everything else is active."""
    return row.state if tried and row.state is SubscriptionState.TRIAL else SubscriptionState.ACTIVE


def _charge(ctx: Context, app: Instance, subscription: Subscription, plan: catalogue.Plan) -> None:
    price = catalogue.prices(ctx.session, plan).get(subscription.currency)
    if price is None:
        raise Conflict(
            f"The plan {plan.name} has no price in {subscription.currency}, in which {app.name} is charged. Choose another."
        )
    open_ = [one for one in subscriptions.items(ctx.session, subscription.id) if one.until is None]
    going = any(one.since <= ctx.now for one in open_)
    since = ctx.now if going else max(ctx.now, app.trial_until or ctx.now)
    if any((one.plan_id, one.price_minor) == (plan.id, price) and (one.since <= ctx.now or one.since == since) for one in open_):
        return
    _end_items(ctx, subscription)
    ctx.session.add(
        SubscriptionItem(subscription_id=subscription.id, instance_id=app.id, plan_id=plan.id, price_minor=price, since=since)
    )
    ctx.session.flush()


def _end_items(ctx: Context, subscription: Subscription) -> None:
    """From this moment on nothing is charged; what had not begun is an empty time, and so is a slip."""
    first = min((one.since for one in subscriptions.items(ctx.session, subscription.id) if one.until != one.since), default=ctx.now)
    for one in subscriptions.items(ctx.session, subscription.id):
        if one.until is None:
            slip = one.since == first and ctx.now - one.since < SLIP
            one.until = one.since if slip else max(ctx.now, one.since)
            ctx.session.add(one)
    ctx.session.flush()


def _to(ctx: Context, subscription: Subscription, target: SubscriptionState) -> None:
    if subscription.state is target or (subscription.state in ENDED and target in ENDED):
        return
    if subscription.state is SubscriptionState.PENDING and target is SubscriptionState.EXPIRED:
        target = SubscriptionState.LAPSED
    lifecycle.move(ctx, subscription, target, reason="said_by_staff", ended=Ended.CANCELLED, kept=True)


def _told(ctx: Context, subscription: Subscription | None) -> dict[str, object]:
    if subscription is None:
        return {}
    open_ = [one for one in subscriptions.items(ctx.session, subscription.id) if one.until is None]
    return {
        "state": subscription.state,
        "currency": subscription.currency,
        "price_minor": sum(one.price_minor for one in open_),
        "plan_id": open_[0].plan_id if open_ else None,
    }
