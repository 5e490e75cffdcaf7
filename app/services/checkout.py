"""Checkout: what a customer wants becomes a complete order that could be written: names, address, plan, parameters, all checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.context import Context
from app.services import components, editions, offers, selling, specifications
from app.services.offers import Offer, PlanOffer
from app.services.organizations import NOTHING_HERE, existing
from models.domain import orders as rules
from models.domain.access import Permission
from models.domain.errors import Conflict, Invalid, NotFound
from models.domain.instances import State, check_name
from models.domain.organizations import Standing
from models.store import catalogue, instances, members, subscriptions
from models.store.instances import Instance
from models.store.organizations import Organization
from provisioner import footprint
from provisioner.catalogue.addons import AddOn, joined
from provisioner.catalogue.listed import check_size, composed, used
from provisioner.desired import desired
from provisioner.wanted import Addition, Wanted, check_parameters

MOST_OF_A_KIND = 99
EURO = frozenset(
    {
        "AT", "BE", "BG", "CY", "DE", "EE", "ES", "FI", "FR", "GR", "HR", "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PT", "SI", "SK",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Draft:
    """An order as it would be written: everything checked, nothing reserved."""

    organization: Organization
    offer: Offer
    plan: PlanOffer
    edition: str
    currency: str
    instance: Instance
    wanted: Wanted
    parameters: Mapping[str, Any]
    """What the customer said, understood."""
    beside: tuple[AddOn, ...] = ()
    """Components of the catalogue that are ordered with it, since one of its own uses them."""

    def price_of(self, addon: AddOn) -> int:
        """What it costs a month from the beginning: nothing beside a trial."""
        return 0 if self.plan.trial_days is not None else addon.price[self.currency]

    @property
    def price_minor(self) -> int:
        """Plan and components a month."""
        return self.plan.prices[self.currency] + sum(map(self.price_of, self.beside))


def currency_of(ctx: Context, organization: Organization) -> str:
    """That of what the organization has already; else by its country."""
    had = subscriptions.of_organization(ctx.session, organization.id)
    if had:
        return had[0].currency
    if organization.country in ("ID", ""):
        return offers.LIST_CURRENCY
    return "EUR" if organization.country in EURO else "USD"


def draft(
    ctx: Context, organization_id: str, template: str, plan: str, name: str, label: str, parameters: Mapping[str, Any]
) -> Draft:
    """Check and complete what somebody wants to order. For other services; whoever may see the organization's apps may ask."""
    ctx.require(Permission.SEE_OWN_INSTANCES, organization_id)
    organization = existing(ctx, organization_id)
    if organization.standing is not Standing.ACTIVE:
        raise Conflict(f"{organization.name} is {organization.standing.value.replace('_', ' ')}, so it cannot order.")
    offer = offers.get(ctx, template=template)
    chosen = next((one for one in offer.plans if one.name == plan), None)
    if chosen is None:
        known = ", ".join(one.name for one in offer.plans)
        raise Invalid(f"{offer.name} has no plan “{plan}”. Choose one of {known}.", field="plan")
    row = catalogue.template_by_id(ctx.session, template)
    edition = row.edition if row else ""
    written = editions.read(ctx.session, edition)
    understood = check_parameters(written, parameters)
    whole, said = composed(written, understood)
    beside = tuple(components.offered(ctx, name) for name in used(written, understood))
    size = specifications.written(plan_row(ctx, chosen.id))
    check_size(whole, size)
    instance = _instance(ctx, organization, template, chosen, name, label)
    wanted = Wanted(
        instance_id=instance.id,
        organization_id=organization.id,
        organization=organization.name,
        email=_email(ctx, organization.id),
        namespace=instance.namespace,
        host=instance.host,
        template=joined(whole, beside),
        plan=size,
        parameters=said,
        ground=ctx.ground,
        additions=tuple(map(Addition, beside)),
    )
    currency = currency_of(ctx, organization)
    return Draft(organization, offer, chosen, edition, currency, instance, wanted, understood, beside)


def proposed(ctx: Context, organization: Organization, template: str) -> tuple[str, str]:
    """A name and a first part of the address that are free. For other services, which check rights."""
    return _free_name(ctx, organization.id, template), _free_host(ctx, organization, template).partition(".")[0]


def _instance(ctx: Context, organization: Organization, template: str, plan: PlanOffer, name: str, label: str) -> Instance:
    chosen = check_name(name) if name.strip() else _free_name(ctx, organization.id, template)
    if instances.living_by_name(ctx.session, organization.id, chosen) is not None:
        raise Conflict(f"{organization.name} has an app “{chosen}” already. Choose another name.")
    host = _host(ctx, template, rules.check_label(label)) if label.strip() else _free_host(ctx, organization, template)
    row = Instance(
        organization_id=organization.id,
        name=chosen,
        template=template,
        plan_id=plan.id,
        cluster=cluster_name(ctx),
        host=host,
        address=f"https://{host}",
        state=State.ORDERED,
        created_at=ctx.now,
    )
    short = re.sub(r"[^a-z0-9-]", "", organization.slug)[:24].strip("-")
    row.namespace = f"c-{short or 'app'}-{chosen[:20].strip('-')}-{row.id[-6:]}"
    return row


def _free_name(ctx: Context, organization_id: str, template: str) -> str:
    for number in range(1, MOST_OF_A_KIND + 1):
        name = rules.numbered(template, number)
        if instances.living_by_name(ctx.session, organization_id, name) is None:
            return name
    raise Conflict(f"There are {MOST_OF_A_KIND} apps of that kind already. Give this one a name.")


def _host(ctx: Context, template: str, label: str) -> str:
    host = f"{label}.{template}.{ctx.ground.apps_domain}"
    if instances.host_taken(ctx.session, host):
        raise Conflict(f"The address {host} is taken. Choose another beginning.")
    return host


def _free_host(ctx: Context, organization: Organization, template: str) -> str:
    word = organization.slug if organization.slug not in rules.RESERVED else f"{organization.slug}-{template}"
    for number in range(1, MOST_OF_A_KIND + 1):
        host = f"{rules.numbered(rules.check_label(word), number)}.{template}.{ctx.ground.apps_domain}"
        if not instances.host_taken(ctx.session, host):
            return host
    raise Conflict("All addresses of that kind are taken. Choose the beginning of the address yourself.")


def _email(ctx: Context, organization_id: str) -> str:
    """Whoever orders signs in to the app first; when staff order, it is an owner."""
    people = members.of_organization(ctx.session, organization_id)
    mine = next((user for user, _ in people if user.id == ctx.actor.id), None)
    owner = next((user for user, member in people if member.role.value == "owner"), None)
    found = mine or owner
    if found is None:
        raise Conflict("The organization has no member who could sign in to the app. Invite an owner first.")
    return found.email


def smaller(ctx: Context, drafted: Draft) -> str:
    """The largest plan below the chosen one that would fit."""
    below = [one for one in drafted.offer.plans if one.memory_bytes < drafted.plan.memory_bytes and one.trial_days is None]
    for one in sorted(below, key=lambda plan: -plan.memory_bytes):
        other = replace(drafted.wanted, plan=specifications.written(plan_row(ctx, one.id)))
        if selling.admission(ctx, footprint.pods(desired(other))).fits:
            return one.name
    return ""


def plan_row(ctx: Context, plan_id: str) -> catalogue.Plan:
    """A plan that must be there."""
    row = catalogue.plan_by_id(ctx.session, plan_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    return row


def cluster_name(ctx: Context) -> str:
    """The cluster on which new apps run."""
    return ctx.cluster.snapshot().cluster
