"""Upkeep: what its people can do with an app now, what it would cost, and how it was wanted before. For apps that Moorage made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.context import Context
from app.services import changesets, credentials, editions, offers, shares
from app.services.changesets import ChangeSetView
from app.services.offers import PlanOffer
from app.services.organizations import NOTHING_HERE
from app.services.shares import ShareView
from models.domain.access import ActorKind, Permission
from models.domain.errors import NotFound
from models.domain.instances import LIVING, State
from models.store import catalogue, instances, subscriptions
from models.store import changesets as rows
from models.store import specifications as wishes
from provisioner.catalogue.schema import Parameter


@dataclass(frozen=True, slots=True)
class Choice:
    """A plan beside the present one. `refused`: current, trial, disk or pay, when it cannot be chosen; empty when it can."""

    plan: PlanOffer
    difference_minor: int
    refused: str
    share: ShareView | None = None
    """What changing to it now costs within the month; None when it cannot be chosen."""


@dataclass(frozen=True, slots=True)
class Generation:
    """How the app was wanted once. `reason` in few words of the platform; `other`: its settings were not those of now."""

    number: int
    at: datetime
    by: str
    reason: str
    other: bool


@dataclass(frozen=True, slots=True)
class Upkeep:
    """An app with all that can be done with it. Prices in minor units of `currency` a month."""

    instance_id: str
    name: str
    host: str
    running: bool
    currency: str
    choices: tuple[Choice, ...]
    parameters: Mapping[str, Parameter]
    given: Mapping[str, Any]
    """Empty for whoever may not change it, and for support: secrets may stand in there."""
    generations: tuple[Generation, ...]
    credentials: bool
    work: ChangeSetView | None
    """What is being done with it now, or stopped."""
    may_operate: bool
    may_reveal: bool
    may_delete: bool


def of_app(ctx: Context, *, instance_id: str) -> Upkeep | None:
    """None for an app that Moorage did not make, and for one that is gone, going or suspended: there is nothing to do with it."""
    row = instances.by_id(ctx.session, instance_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_INSTANCES, row.organization_id)
    history = wishes.history(ctx.session, row.id)
    if not history or row.state not in LIVING or row.state in (State.ORDERED, State.DELETING, State.SUSPENDED):
        return None
    wish = history[0]
    operates = ctx.actor.may(Permission.OPERATE_OWN_INSTANCES, row.organization_id)
    answers = operates and ctx.actor.kind is not ActorKind.SUPPORT
    pays = ctx.actor.may(Permission.MANAGE_OWN_BILLING, row.organization_id)
    subscription = subscriptions.of_instance(ctx.session, row.id)
    work = rows.open_of(ctx.session, row.id)
    return Upkeep(
        instance_id=row.id,
        name=row.name,
        host=row.host,
        running=wish.running,
        currency=subscription.currency if subscription else offers.LIST_CURRENCY,
        choices=_choices(ctx, row, wish.plan_id, subscription.currency if subscription else offers.LIST_CURRENCY, pays),
        parameters={} if ctx.actor.kind is ActorKind.SUPPORT else editions.read(ctx.session, wish.edition).parameters,
        given=wish.given if answers else {},
        generations=tuple(
            Generation(
                one.generation,
                one.created_at,
                one.by_name,
                one.reason,
                ctx.actor.kind is not ActorKind.SUPPORT and (one.edition, one.given) != (wish.edition, wish.given),
            )
            for one in history
        ),
        credentials=credentials.available(ctx, instance_id=row.id),
        work=changesets.get(ctx, change_set_id=work.id) if work is not None else None,
        may_operate=operates,
        may_reveal=Permission.MANAGE_OWN_ORGANIZATION in ctx.actor.within.get(row.organization_id, ()),
        may_delete=operates and pays,
    )


def _choices(ctx: Context, row: instances.Instance, plan_id: str, currency: str, pays: bool) -> tuple[Choice, ...]:
    now = catalogue.plan_by_id(ctx.session, plan_id)
    found = next((one for one in offers.list_(ctx) if one.id == row.template), None)
    if now is None or found is None:
        return ()
    price = catalogue.prices(ctx.session, now).get(currency, now.price_minor)

    def refused(plan: PlanOffer) -> str:
        if plan.id == now.id:
            return "current"
        if (plan.trial_days is not None) != (now.trial_days is not None):
            return "trial"
        if plan.storage_bytes < now.storage_bytes:
            return "disk"
        return "pay" if plan.prices[currency] > price and not pays else ""

    def choice(plan: PlanOffer) -> Choice:
        why = refused(plan)
        share = None if why else shares.of_app(ctx, row.id, plan.prices[currency])
        return Choice(plan, plan.prices[currency] - price, why, share)

    return tuple(choice(plan) for plan in found.plans)
