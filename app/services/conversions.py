"""From trial to paid: its people choose a plan, the first month is invoiced at once, and paid the app goes on after the trial."""

from __future__ import annotations

from datetime import datetime

from app.context import Context
from app.services import audit, cancellations, offers, operations, renewals
from app.services.cancellations import SubscriptionView
from app.services.offers import PlanOffer
from models.domain.access import ActorKind, Permission
from models.domain.errors import Conflict, Invalid, NotPermitted
from models.domain.periods import begins, local_day
from models.domain.subscriptions import SubscriptionState
from models.store import instances, subscriptions
from models.store import specifications as wishes
from models.store.subscriptions import ItemKind, Subscription, SubscriptionItem


def convert(ctx: Context, *, subscription_id: str, plan: str) -> SubscriptionView:
    """Choose the plan that a tried app has after its trial, by somebody who may pay. Not by a token.

    The first month, from the trial's last day on, is invoiced now and due when the trial ends. Paid, the app goes on with that plan; not
    paid, it is stopped as without a choice. Conflict when it is not tried, or was chosen for already; NoRoom when the plan does not fit.
    """
    row = cancellations.seen(ctx, subscription_id)
    ctx.require(Permission.MANAGE_OWN_BILLING, row.organization_id)
    ctx.actor.leave_to_its_people("choose a plan")
    if ctx.actor.kind is ActorKind.TOKEN:
        raise NotPermitted("A token cannot buy what is tried. Sign in and choose the plan there.")
    if row.state is not SubscriptionState.TRIAL or row.trial_until is None or row.trial_until <= ctx.now:
        raise Conflict("This subscription is not being tried any more.")
    open_ = [one for one in subscriptions.items(ctx.session, row.id) if one.until is None and one.kind is ItemKind.PLAN]
    tried = next((one for one in open_ if one.instance_id is not None and one.price_minor == 0), None)
    if tried is None or tried.instance_id is None:
        raise Conflict("A plan was chosen for this trial already.")
    app, wish = operations.operated(ctx, tried.instance_id)
    wanted = next((one for one in offers.get(ctx, template=app.template).plans if one.name == plan), None)
    if wanted is None or wanted.trial_days is not None:
        raise Invalid(f"There is no paid plan “{plan}” for {app.template}. Choose one of the catalogue.", field="plan")
    operations.check_plan(ctx, app, wish, wanted.id)
    since = _from(ctx, row, row.trial_until)
    tried.until = max(tried.since, since)
    ctx.session.add(tried)
    bought = SubscriptionItem(
        subscription_id=row.id, instance_id=app.id, plan_id=wanted.id, price_minor=wanted.prices[row.currency], since=since
    )  # fmt: skip
    ctx.session.add(bought)
    ctx.session.flush()
    invoice_id = renewals.ahead(ctx, row, bought)
    audit.record(
        ctx,
        action="subscriptions.convert",
        subject=row.id,
        organization=row.organization_id,
        after={"app": app.name, "plan": plan, "price_minor": bought.price_minor, "invoice": invoice_id},
    )
    return cancellations.view(ctx, row)


def choices(ctx: Context, *, subscription_id: str) -> tuple[PlanOffer, ...]:
    """The paid plans that can be chosen for a trial; none when it is no trial any more, or was chosen for."""
    row = cancellations.seen(ctx, subscription_id)
    if row.state is not SubscriptionState.TRIAL or row.trial_until is None or row.trial_until <= ctx.now:
        return ()
    open_ = [one for one in subscriptions.items(ctx.session, row.id) if one.until is None and one.kind is ItemKind.PLAN]
    app = next((instances.by_id(ctx.session, one.instance_id) for one in open_ if one.instance_id and one.price_minor == 0), None)
    if app is None or wishes.newest(ctx.session, app.id) is None:
        return ()
    return tuple(
        one for one in offers.get(ctx, template=app.template).plans if one.trial_days is None and row.currency in one.prices
    )


def _from(ctx: Context, row: Subscription, until: datetime) -> datetime:
    """The beginning of the day on which the trial ends, by the zone of its bills."""
    zone = renewals.zone_of(ctx, row)
    return begins(local_day(until, zone), zone)
