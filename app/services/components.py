"""Components of an app: what a customer can add beside it, what that costs, how the app finds it, and taking it away again.

Taking one away ends its containers and its price and keeps its volume, with which it goes on when it is added again. The data itself goes
only when somebody who may pay types the component's name, or with the app.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from app.context import Context
from app.services import audit, editions, offers, operations, shares, specifications
from app.services.changesets import ChangeSetView
from app.services.organizations import NOTHING_HERE
from models.domain import components as rules
from models.domain.access import ActorKind, Permission
from models.domain.changesets import Purpose
from models.domain.components import Keeping
from models.domain.errors import Conflict, Invalid, NotFound, NotPermitted
from models.domain.subscriptions import ENDED, SubscriptionState
from models.store import changesets as rows
from models.store import instances, pins, reservations, subscriptions
from models.store import specifications as wishes
from models.store.instances import Instance
from models.store.specifications import Specification
from models.store.subscriptions import ItemKind, Subscription, SubscriptionItem
from provisioner import pinning
from provisioner.catalogue.addons import AddOn, clash, component_named, load_components
from provisioner.catalogue.quantities import bytes_of, cores_of
from provisioner.connections import connections, receivers
from provisioner.wanted import Addition, resolved


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable by which the app finds a component. `value` is empty for what is secret.

    `taken_by`: whose it is already, so that the app keeps theirs: `customer`, `template` or another component; empty when it is set.
    """

    name: str
    value: str
    secret: bool
    taken_by: str


@dataclass(frozen=True, slots=True)
class ComponentView:
    """One component beside an app, there or not. Money in minor units of `currency` a month; `free`: nothing while the app is tried.

    `refused`: why it cannot be added now (`pay`, `clash`, `unresolved`), empty when it can or is there.
    """

    id: str
    name: str
    version: str
    summary: Mapping[str, str]
    """By language."""
    text: Mapping[str, str]
    cpu_cores: float
    memory_bytes: int
    storage_bytes: int
    price_minor: int
    currency: str
    free: bool
    keeping: Keeping | None
    """None: it was never added, or its data is given up."""
    variables: tuple[Variable, ...]
    refused: str


def list_(ctx: Context, *, instance_id: str) -> tuple[ComponentView, ...]:
    """Everything that can stand beside the app, what runs first; empty for an app that Moorage did not make."""
    row = instances.by_id(ctx.session, instance_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_INSTANCES, row.organization_id)
    wish = wishes.newest(ctx.session, row.id)
    if wish is None:
        return ()
    known = dict(load_components())
    for one in wish.added:
        if one.keeping is not Keeping.DISCARDED:
            known[one.component] = editions.component(ctx.session, one.edition)
    found = [_view(ctx, row, wish, addon) for addon in known.values()]
    order = {Keeping.RUNS: 0, Keeping.KEPT: 1, None: 2}
    return tuple(sorted(found, key=lambda one: (order[one.keeping], one.name)))


def add(ctx: Context, *, instance_id: str, component: str) -> ChangeSetView:
    """Run the component beside the app and tell the app by variables where it is; NoRoom when the cluster cannot carry it.

    What costs needs the right to pay and a person, not a token; while the app is tried it costs nothing.
    """
    ctx.actor.leave_to_its_people("add a component")
    row, wish = operations.operated(ctx, instance_id)
    reservations.lock(ctx.session, row.cluster)  # before anything is read that room and price depend on
    before = rules.of(wish.added, component)
    if before is not None and before.keeping is Keeping.RUNS:
        raise Conflict(f"{row.name} has {component} already.")
    if before is not None and before.keeping is Keeping.DISCARDED and rows.open_of(ctx.session, row.id) is not None:
        raise Conflict(f"The data of {component} is still being deleted. Add it again when that is done.")
    kept = before is not None and before.keeping is Keeping.KEPT
    addon = editions.component(ctx.session, before.edition) if before is not None and kept else offered(ctx, component)
    if name := clash(specifications.template(ctx.session, wish), addon):
        raise Conflict(f"{row.name} has a part of its own that is called “{name}”, so {addon.name} cannot stand beside it.")
    subscription = subscriptions.of_instance(ctx.session, row.id)
    if subscription is not None and subscription.state in ENDED:
        raise Conflict(f"The trial or subscription of {row.name} is over, so nothing can be added to it.")
    price = _price(addon, subscription)
    if price:
        ctx.require(Permission.MANAGE_OWN_BILLING, row.organization_id)
        if ctx.actor.kind is ActorKind.TOKEN:
            raise NotPermitted("A token cannot add what costs money. Sign in and add it there.")
    added = rules.run(wish.added, addon.id, editions.keep_component(ctx, addon), wish.generation + 1)
    if wish.running:
        operations.hold(ctx, row, operations.wish_with(wish, added=added), Purpose.CHANGE)
    if subscription is not None:
        item = SubscriptionItem(
            subscription_id=subscription.id, kind=ItemKind.ADD_ON, instance_id=row.id, component=addon.id,
            price_minor=price, since=ctx.now,
        )  # fmt: skip
        ctx.session.add(item)
        ctx.session.flush()
        shares.added(ctx, subscription, item)
    audit.record(
        ctx,
        action="components.add",
        subject=row.id,
        organization=row.organization_id,
        after={"app": row.name, "component": addon.id, "price_minor": price, "currency": _currency(subscription)},
    )
    return operations.want(ctx, row, wish, Purpose.CHANGE, f"added {addon.id}", added=added)


def remove(ctx: Context, *, instance_id: str, component: str) -> ChangeSetView:
    """End the component's containers, its variables and its price. Its volume stays; adding it again goes on with what is there."""
    ctx.actor.leave_to_its_people("take a component away")
    row, wish = operations.operated(ctx, instance_id)
    before = rules.of(wish.added, component)
    if before is None or before.keeping is not Keeping.RUNS:
        raise NotFound(f"{row.name} has no component “{component}”.")
    addon = editions.component(ctx.session, before.edition)
    _end_item(ctx, row, component)
    _note(ctx, row, "components.remove", component)
    # what has no volume leaves nothing behind
    keeping = Keeping.KEPT if addon.claims else Keeping.DISCARDED
    added = rules.end(wish.added, component, keeping)
    if wish.running:
        operations.hold(ctx, row, operations.wish_with(wish, added=added), Purpose.CHANGE)
    return operations.want(ctx, row, wish, Purpose.CHANGE, f"removed {component}", added=added)


def discard(ctx: Context, *, instance_id: str, component: str, typed_name: str) -> ChangeSetView:
    """Delete what a component that was taken away left, by somebody who may pay and typed its name. Not by a token."""
    row, wish = operations.operated(ctx, instance_id)
    ctx.require(Permission.MANAGE_OWN_BILLING, row.organization_id)
    if ctx.actor.kind is ActorKind.TOKEN:
        raise NotPermitted("A token cannot delete data. Sign in and delete it there.")
    before = rules.of(wish.added, component)
    if before is None or before.keeping is Keeping.DISCARDED:
        raise NotFound(f"{row.name} keeps no data of “{component}”.")
    if before.keeping is Keeping.RUNS:
        raise Conflict(f"{component} still runs. Remove it first; then its data can be deleted.")
    if typed_name.strip() != component:
        raise Invalid(
            f"Type the component's name, “{component}”, to confirm: its data is deleted and cannot be brought back.",
            field="typed_name",
        )
    _note(ctx, row, "components.discard", component)
    added = rules.end(wish.added, component, Keeping.DISCARDED)
    return operations.want(ctx, row, wish, Purpose.CHANGE, f"discarded {component}", added=added)


def offered(ctx: Context, component: str) -> AddOn:
    """As it is added from now on: its image by digest where that is known. For other services."""
    addon = pinning.pinned_component(component_named(component), pins.everything(ctx.session))
    if not ctx.ground.tags_suffice and pinning.MARK not in addon.component.image:
        raise Conflict(f"{addon.name} cannot be added at the moment: nobody has resolved which image it is.")
    return addon


def _view(ctx: Context, row: Instance, wish: Specification, addon: AddOn) -> ComponentView:
    before = rules.of(wish.added, addon.id)
    keeping = before.keeping if before is not None and before.keeping is not Keeping.DISCARDED else None
    subscription = subscriptions.of_instance(ctx.session, row.id)
    price = _price(addon, subscription)
    return ComponentView(
        id=addon.id,
        name=addon.name,
        version=addon.version,
        summary={language: one.summary for language, one in addon.words.items()},
        text={language: one.text for language, one in addon.words.items()},
        cpu_cores=float(cores_of(addon.component.cpu)),
        memory_bytes=bytes_of(addon.component.memory),
        storage_bytes=bytes_of(addon.component.storage) if addon.component.volumes else 0,
        price_minor=addon.price[_currency(subscription)],
        currency=_currency(subscription),
        free=not price,
        keeping=keeping,
        variables=_variables(ctx, row, wish, addon),
        refused="" if keeping is Keeping.RUNS else _refused(ctx, row, wish, addon, price),
    )


def _refused(ctx: Context, row: Instance, wish: Specification, addon: AddOn, price: int) -> str:
    if price and not ctx.actor.may(Permission.MANAGE_OWN_BILLING, row.organization_id):
        return "pay"
    if clash(specifications.template(ctx.session, wish), addon):
        return "clash"
    resolved_image = pinning.MARK in pinning.pinned_component(addon, pins.everything(ctx.session)).component.image
    return "" if ctx.ground.tags_suffice or resolved_image else "unresolved"


def _variables(ctx: Context, row: Instance, wish: Specification, addon: AddOn) -> tuple[Variable, ...]:
    """As they are, or as they would be."""
    wanted = specifications.wanted(ctx.session, row, wish, ctx.ground)
    if not any(one.addon.id == addon.id and one.keeping is Keeping.RUNS for one in wanted.additions):
        others = tuple(one for one in wanted.additions if one.addon.id != addon.id)
        wanted = replace(wanted, additions=(*others, Addition(addon)))
    return tuple(
        Variable(one.variable, "" if one.secret else resolved(wanted, one.text), one.secret, one.taken_by)
        for one in connections(wanted, receivers(wanted, addon.id)[0])
        if one.component == addon.id
    )


def _currency(subscription: Subscription | None) -> str:
    return subscription.currency if subscription is not None else offers.LIST_CURRENCY


def _price(addon: AddOn, subscription: Subscription | None) -> int:
    """What is charged from now on: nothing while the app is tried, or belongs to nobody who pays."""
    if subscription is None or subscription.state is SubscriptionState.TRIAL:
        return 0
    return addon.price[subscription.currency]


def _end_item(ctx: Context, row: Instance, component: str) -> None:
    subscription = subscriptions.of_instance(ctx.session, row.id)
    if subscription is None:
        return
    for one in subscriptions.open_items(ctx.session, subscription.id, instance_id=row.id):
        if one.kind is ItemKind.ADD_ON and one.component == component:
            one.until = ctx.now
            ctx.session.add(one)


def _note(ctx: Context, row: Instance, action: str, component: str) -> None:
    audit.record(
        ctx, action=action, subject=row.id, organization=row.organization_id, after={"app": row.name, "component": component}
    )
