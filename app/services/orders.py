"""Orders: from what a customer wants to a sold place in the cluster, a subscription and a change set, in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError

from app.context import Context
from app.services import audit, changesets, checkout, editions, selling, settings, specifications
from app.services.checkout import Draft
from app.services.offers import PlanOffer
from app.services.organizations import NOTHING_HERE
from app.services.paging import Page, limited, moment, paged
from app.services.selling import NoRoom
from models.domain import orders as rules
from models.domain.access import ActorKind, Permission
from models.domain.changesets import Purpose
from models.domain.components import Added, Keeping
from models.domain.errors import Conflict, NotFound
from models.domain.orders import Approval, OrderState, Patience
from models.domain.repeats import domains, mailbox
from models.domain.subscriptions import SubscriptionState
from models.store import catalogue, instances, payments, reservations, subscriptions
from models.store import orders as store
from provisioner import footprint
from provisioner.desired import desired


@dataclass(frozen=True, slots=True)
class OrderView:
    """One order. Money in minor units of `currency` a month; `until` is when it lapses, while it is open."""

    id: str
    organization_id: str
    instance_id: str
    subscription_id: str
    template: str
    plan_id: str
    plan: str
    name: str
    address: str
    trial: bool
    price_minor: int
    currency: str
    state: OrderState
    until: datetime | None
    placed_by: str
    placed_at: datetime
    decided_by: str
    decided_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Quote:
    """What an order would be, nothing of it reserved. `no_room`: why it would be refused now; empty when it fits.

    `trial_used`: the organization had its trial of the template already.
    """

    template: str
    plan: PlanOffer
    name: str
    host: str
    currency: str
    price_minor: int
    trial_until: datetime | None
    trial_used: bool
    no_room: str
    smaller: str
    """A plan that would fit, when this one does not."""
    beside: tuple[tuple[str, int], ...] = ()
    """Components of the catalogue that are ordered with it, by name, with what each is of the price."""


def quote(
    ctx: Context,
    *,
    organization_id: str,
    template: str,
    plan: str,
    name: str = "",
    label: str = "",
    parameters: Mapping[str, Any] | None = None,
) -> Quote:
    """What `place` would do with the same words, and whether there is room; raises as it does, but not for a lack of room."""
    draft = checkout.draft(ctx, organization_id, template, plan, name, label, parameters or {})
    answer = selling.admission(ctx, footprint.pods(desired(draft.wanted)))
    trial_days = draft.plan.trial_days
    return Quote(
        template=template,
        plan=draft.plan,
        name=draft.instance.name,
        host=draft.instance.host,
        currency=draft.currency,
        price_minor=draft.price_minor,
        trial_until=ctx.now + timedelta(days=trial_days) if trial_days else None,
        trial_used=store.trial_of(ctx.session, draft.organization.id, template) is not None,
        no_room="" if answer.fits else selling.sentence(answer, draft.plan.name),
        smaller="" if answer.fits else checkout.smaller(ctx, draft),
        beside=tuple((addon.name, draft.price_of(addon)) for addon in draft.beside),
    )


def place(
    ctx: Context,
    *,
    organization_id: str,
    template: str,
    plan: str,
    name: str = "",
    label: str = "",
    parameters: Mapping[str, Any] | None = None,
) -> OrderView:
    """Order an app: its room is held, and instance, subscription, order and change set are written, or nothing is.

    `plan` is the plan's name; an empty `name` or `label` becomes the template's and the organization's, numbered where they are
    taken. What costs needs the right to pay; asked for with a token it first waits for a person. NoRoom when the cluster cannot
    carry it, Conflict when name, address or trial are used.
    """
    ctx.require(Permission.OPERATE_OWN_INSTANCES, organization_id)
    ctx.actor.leave_to_its_people("order an app")
    reservations.lock(ctx.session, checkout.cluster_name(ctx))  # before anything is read that the sale depends on
    draft = checkout.draft(ctx, organization_id, template, plan, name, label, parameters or {})
    price = draft.price_minor
    trial = draft.plan.trial_days is not None
    if price:
        ctx.require(Permission.MANAGE_OWN_BILLING, organization_id)
    if trial and store.trial_of(ctx.session, draft.organization.id, template) is not None:
        raise Conflict(f"{draft.organization.name} had its free trial of {draft.offer.name} already. Choose a plan that is paid.")
    steps = desired(draft.wanted)
    pods = footprint.pods(steps)
    answer = selling.admission(ctx, pods)
    if not answer.fits:
        smaller = checkout.smaller(ctx, draft)
        hint = f" The plan {smaller} would fit." if smaller else " We are told of it; try again later."
        raise NoRoom(
            selling.sentence(answer, draft.plan.name) + hint, smaller=smaller, wanted=f"{draft.offer.name} {draft.plan.name}"
        )
    state = rules.first_state(
        price_minor=price,
        by_token=ctx.actor.kind is ActorKind.TOKEN,
        approval=Approval(settings.get(ctx, "order_approval")),
        repeated=trial and _tried_elsewhere(ctx, draft),
    )
    try:
        with ctx.session.begin_nested():
            row = _write(ctx, draft, state, price, trial)
            reservations.hold(
                ctx.session,
                cluster=draft.instance.cluster,
                instance_id=draft.instance.id,
                pods=pods,
                storage_bytes=footprint.storage(steps),
                now=ctx.now,
            )
    except IntegrityError as error:
        raise Conflict("Somebody took that name, that address or that trial just now. Look again.") from error
    audit.record(
        ctx,
        action="orders.place",
        subject=row.id,
        organization=row.organization_id,
        after={
            "template": template,
            "plan": draft.plan.name,
            "name": draft.instance.name,
            "address": draft.instance.address,
            "price_minor": price,
            "currency": draft.currency,
            "state": state,
        },
    )
    return view(ctx, row)


def list_(
    ctx: Context,
    *,
    organization_id: str | None = None,
    states: Collection[OrderState] | None = None,
    limit: int = 100,
    after: str | None = None,
) -> Page[OrderView]:
    """Those that the actor may see, the newest first."""
    within: list[str] | None = [organization_id] if organization_id is not None else None
    if organization_id is not None:
        ctx.require(Permission.SEE_OWN_INSTANCES, organization_id)
    elif not ctx.actor.may(Permission.SEE_OWN_INSTANCES):
        within = [org for org, held in ctx.actor.within.items() if Permission.SEE_OWN_INSTANCES in held]
    rows = store.search(ctx.session, within=within, states=states, after=moment(after), limit=limited(limit) + 1)
    return paged(rows, limit, lambda row: view(ctx, row), lambda row: (row.placed_at.isoformat(), row.id))


def get(ctx: Context, *, order_id: str) -> OrderView:
    """One of them; NotFound when it does not exist or is somebody else's."""
    return view(ctx, seen(ctx, order_id))


def seen(ctx: Context, order_id: str) -> store.Order:
    """The row, when the actor may see it. For other services."""
    row = store.by_id(ctx.session, order_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_INSTANCES, row.organization_id)
    return row


def view(ctx: Context, row: store.Order) -> OrderView:
    """The row as it is shown. For other services, which check rights."""
    instance, plan = instances.by_id(ctx.session, row.instance_id), catalogue.plan_by_id(ctx.session, row.plan_id)
    return OrderView(
        id=row.id,
        organization_id=row.organization_id,
        instance_id=row.instance_id,
        subscription_id=row.subscription_id,
        template=row.template,
        plan_id=row.plan_id,
        plan=plan.name if plan else "",
        name=instance.name if instance else "",
        address=instance.address if instance else "",
        trial=row.trial,
        price_minor=row.price_minor,
        currency=row.currency,
        state=row.state,
        until=row.until,
        placed_by=row.placed_by_name,
        placed_at=row.placed_at,
        decided_by=row.decided_by_name,
        decided_at=row.decided_at,
        reason=row.reason,
    )


def until(ctx: Context, state: OrderState) -> datetime | None:
    """When an order in that state lapses; None when it is decided."""
    if state not in rules.OPEN:
        return None
    patience = Patience(
        timedelta(hours=int(settings.get(ctx, "unpaid_hours"))), timedelta(hours=int(settings.get(ctx, "undecided_hours")))
    )
    return ctx.now + patience.of(state)


def _tried_elsewhere(ctx: Context, draft: Draft) -> bool:
    """Whether the same mailbox, however it is spelt, had this trial for another organization. What staff order is their decision."""
    if ctx.actor.kind is ActorKind.STAFF:
        return False
    mine = mailbox(draft.wanted.email)
    others = store.who_tried(ctx.session, draft.offer.id, domains=domains(mine), but=draft.organization.id)
    return mine in map(mailbox, others)


def _write(ctx: Context, draft: Draft, state: OrderState, price: int, trial: bool) -> store.Order:
    instance, days = draft.instance, draft.plan.trial_days
    instance.trial_until = ctx.now + timedelta(days=days) if days else None
    ctx.session.add(instance)
    subscription = subscriptions.Subscription(
        organization_id=instance.organization_id,
        state=SubscriptionState.PENDING,
        currency=draft.currency,
        trial_until=instance.trial_until,
        created_at=ctx.now,
    )
    ctx.session.add(subscription)
    ctx.session.flush()
    ctx.session.add(
        subscriptions.SubscriptionItem(
            subscription_id=subscription.id, instance_id=instance.id, plan_id=draft.plan.id,
            price_minor=draft.plan.prices[draft.currency], since=ctx.now,
        )
    )  # fmt: skip
    for addon in draft.beside:
        ctx.session.add(
            subscriptions.SubscriptionItem(
                subscription_id=subscription.id, kind=subscriptions.ItemKind.ADD_ON, instance_id=instance.id, component=addon.id,
                price_minor=draft.price_of(addon), since=ctx.now,
            )
        )  # fmt: skip
    specifications.add(
        ctx,
        instance,
        edition=draft.edition,
        plan_id=draft.plan.id,
        parameters=draft.parameters,
        email=draft.wanted.email,
        added=[Added(one.id, editions.keep_component(ctx, one), Keeping.RUNS, 1) for one in draft.beside],
        reason="ordered",
    )
    changesets.begin(ctx, instance, purpose=Purpose.CREATE, held=True)
    row = store.Order(
        organization_id=instance.organization_id,
        instance_id=instance.id,
        subscription_id=subscription.id,
        template=instance.template,
        plan_id=draft.plan.id,
        trial=trial,
        price_minor=price,
        currency=draft.currency,
        state=state,
        until=until(ctx, state),
        placed_by=ctx.actor.id,
        placed_by_name=ctx.actor.name,
        placed_at=ctx.now,
    )
    ctx.session.add(row)
    ctx.session.flush()
    if state is OrderState.PAYMENT:
        ask_for_money(ctx, row)
    return row


def ask_for_money(ctx: Context, row: store.Order) -> None:
    """Note that the gateway is to be asked. For other services; asking happens outside of every transaction."""
    ctx.session.add(
        payments.Payment(
            organization_id=row.organization_id,
            subscription_id=row.subscription_id,
            gateway="dummy",
            key=f"order:{row.id}",
            amount_minor=row.price_minor,
            currency=row.currency,
            created_at=ctx.now,
        )
    )
    ctx.session.flush()
