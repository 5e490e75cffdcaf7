"""The storefront: what one organization can order, in its currency, with what it has used up and who may order for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.context import Context
from app.services import checkout, offers, selling
from app.services.offers import Offer
from app.services.organizations import existing
from models.domain.access import Permission
from models.domain.errors import Invalid
from models.store import orders as store
from provisioner import footprint
from provisioner.desired import desired


@dataclass(frozen=True, slots=True)
class Front:
    """What is on sale. `currency`: that of the organization. `trials_used`: templates whose free trial it had."""

    offers: tuple[Offer, ...]
    currency: str
    trials_used: frozenset[str]


@dataclass(frozen=True, slots=True)
class Counter:
    """One offer at the checkout, with a free name and address to begin with."""

    offer: Offer
    currency: str
    trial_used: bool
    may_order: bool
    """Whether the actor may order what costs nothing."""
    may_pay: bool
    """Whether the actor may order what costs."""
    name: str
    label: str
    domain: str
    """What follows the label in the address."""


def front(ctx: Context, *, organization_id: str) -> Front:
    """Everything that is on sale, for whoever may see the organization's apps."""
    ctx.require(Permission.SEE_OWN_INSTANCES, organization_id)
    organization = existing(ctx, organization_id)
    found = offers.list_(ctx)
    used = {one.id for one in found if store.trial_of(ctx.session, organization_id, one.id) is not None}
    return Front(found, checkout.currency_of(ctx, organization), frozenset(used))


def counter(ctx: Context, *, organization_id: str, template: str) -> Counter:
    """What the checkout of one template begins with. NotFound when it is not on sale."""
    ctx.require(Permission.SEE_OWN_INSTANCES, organization_id)
    organization = existing(ctx, organization_id)
    offer = offers.get(ctx, template=template)
    name, label = checkout.proposed(ctx, organization, template)
    return Counter(
        offer=offer,
        currency=checkout.currency_of(ctx, organization),
        trial_used=store.trial_of(ctx.session, organization_id, template) is not None,
        may_order=ctx.actor.may(Permission.OPERATE_OWN_INSTANCES, organization_id),
        may_pay=ctx.actor.may(Permission.MANAGE_OWN_BILLING, organization_id),
        name=name,
        label=label,
        domain=f"{template}.{ctx.ground.apps_domain}",
    )


def full(ctx: Context, *, organization_id: str, template: str) -> frozenset[str]:
    """Names of plans for which the cluster has no room now; one that cannot be weighed before questions are answered is not among them."""
    ctx.require(Permission.SEE_OWN_INSTANCES, organization_id)
    found = set()
    for plan in offers.get(ctx, template=template).plans:
        try:
            drafted = checkout.draft(ctx, organization_id, template, plan.name, "", "", {})
        except Invalid:
            continue
        if not selling.admission(ctx, footprint.pods(desired(drafted.wanted))).fits:
            found.add(plan.name)
    return frozenset(found)


def prices(offer: Offer) -> Mapping[str, int]:
    """By currency the month of the cheapest plan that costs something; empty without one."""
    paid = [plan for plan in offer.plans if plan.price_minor]
    return min(paid, key=lambda plan: plan.price_minor).prices if paid else {}


def trial_days(offer: Offer) -> int | None:
    """How long it can be tried for nothing."""
    return next((plan.trial_days for plan in offer.plans if plan.trial_days), None)
