"""What people do with an app that Moorage runs: stop, start, restart, another plan, other settings, delete."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.context import Context
from app.services import audit, changesets, editions, lifecycle, offers, selling, shares, specifications
from app.services.changesets import ChangeSetView
from app.services.organizations import NOTHING_HERE
from app.services.selling import NoRoom
from app.services.shares import ShareView
from models.domain import components
from models.domain.access import ActorKind, Permission
from models.domain.changesets import ChangeState, Purpose
from models.domain.dunning import Ended
from models.domain.errors import Conflict, Invalid, NotFound, NotPermitted
from models.domain.instances import LIVING, State
from models.domain.subscriptions import ENDED, SubscriptionState
from models.store import catalogue, domains, instances, reservations, subscriptions, upgrades
from models.store import changesets as rows
from models.store import specifications as wishes
from models.store.instances import Instance
from models.store.specifications import Specification
from provisioner import footprint
from provisioner.catalogue.listed import check_size, used
from provisioner.desired import desired
from provisioner.wanted import check_parameters

RUNS = frozenset({State.PROVISIONING, State.READY, State.DEGRADED})


def stop(ctx: Context, *, instance_id: str) -> ChangeSetView:
    """End its containers; volumes, address and credentials stay."""
    row, wish = operated(ctx, instance_id)
    if not wish.running:
        raise Conflict(f"{row.name} is stopped already.")
    return want(ctx, row, wish, Purpose.STOP, "stopped", running=False)


def start(ctx: Context, *, instance_id: str) -> ChangeSetView:
    """Run it again as it was; NoRoom when its place was taken meanwhile."""
    row, wish = operated(ctx, instance_id)
    if wish.running:
        raise Conflict(f"{row.name} runs already.")
    subscription = subscriptions.of_instance(ctx.session, row.id)
    if subscription is not None and subscription.state in ENDED:
        raise Conflict(f"The trial or subscription of {row.name} is over, so it is not started again. Write to us to keep it.")
    hold(ctx, row, wish_with(wish, running=True), Purpose.START)
    return want(ctx, row, wish, Purpose.START, "started", running=True)


def restart(ctx: Context, *, instance_id: str) -> ChangeSetView:
    """End its containers and begin them anew."""
    row, wish = operated(ctx, instance_id)
    if not wish.running:
        raise Conflict(f"{row.name} is stopped. Start it instead.")
    return want(ctx, row, wish, Purpose.CHANGE, "restarted", restarts=wish.restarts + 1)


def change_plan(ctx: Context, *, instance_id: str, plan: str, shown: ShareView | None = None) -> ChangeSetView:
    """Another size of the same app. A dearer one needs the right to pay; a volume never becomes smaller.

    `shown` is what somebody saw that it costs: that is charged to the unit, or Conflict. Without it, what it costs now.
    From a trial to a paid plan leads an order of its own, not this.
    """
    ctx.actor.leave_to_its_people("choose a plan")
    row, wish = operated(ctx, instance_id)
    now = catalogue.plan_by_id(ctx.session, wish.plan_id)
    wanted = next((one for one in offers.get(ctx, template=row.template).plans if one.name == plan), None)
    if wanted is None or now is None:
        raise Invalid(f"There is no plan “{plan}” for {row.template}. Choose one of the catalogue.", field="plan")
    if wanted.id == now.id:
        raise Conflict(f"{row.name} has the plan {plan} already.")
    if (wanted.trial_days is not None) != (now.trial_days is not None):
        raise Conflict("A trial becomes paid when it is paid for, and a paid app never becomes a trial again.")
    if wanted.storage_bytes < now.storage_bytes:
        raise Conflict(f"The plan {plan} has less storage than {row.name} has now, and a volume cannot become smaller.")
    _check_size(ctx, wish_with(wish, plan_id=wanted.id))
    subscription = subscriptions.of_instance(ctx.session, row.id)
    price = wanted.prices[subscription.currency] if subscription else wanted.price_minor
    item = _item(ctx, row, subscription)
    if item is None or price > item.price_minor:
        ctx.require(Permission.MANAGE_OWN_BILLING, row.organization_id)
        if ctx.actor.kind is ActorKind.TOKEN:
            raise NotPermitted("A token cannot choose what costs more. Sign in and choose it there.")
    if wish.running:
        hold(ctx, row, wish_with(wish, plan_id=wanted.id), Purpose.CHANGE)
    if item is not None and subscription is not None:
        at = shares.moment(ctx, item, shown)
        item.until = at
        new = subscriptions.SubscriptionItem(
            subscription_id=subscription.id, instance_id=row.id, plan_id=wanted.id, price_minor=price, since=at
        )
        ctx.session.add_all([item, new])
        ctx.session.flush()
        shares.change(ctx, subscription, item, new, at=at, shown_minor=shown.net_minor if shown else None)
    row.plan_id = wanted.id
    ctx.session.add(row)
    return want(ctx, row, wish, Purpose.CHANGE, f"plan {plan}", plan_id=wanted.id)


def change_settings(ctx: Context, *, instance_id: str, parameters: Mapping[str, Any]) -> ChangeSetView:
    """Other answers to what the template asks (image, variables, copies); what is left out stays."""
    ctx.actor.leave_to_its_people("change settings, in which secrets may stand")
    row, wish = operated(ctx, instance_id)
    template = editions.read(ctx.session, wish.edition)
    merged = dict(wish.given) | dict(parameters)
    understood = check_parameters(template, merged)
    changed = wish_with(wish, parameters=understood)
    runs = {one.component for one in wish.added if one.keeping is components.Keeping.RUNS}
    if lacking := set(used(template, understood)) - runs - set(used(template, wish.given)):
        name = min(lacking)
        raise Conflict(f"{row.name} has no {name} yet. Add {name} to the app first, then say which component uses it.")
    _check_size(ctx, changed)
    if wish.running:
        hold(ctx, row, changed, Purpose.CHANGE)
    return want(ctx, row, wish, Purpose.CHANGE, "settings", parameters=understood)


def roll_back(ctx: Context, *, instance_id: str, generation: int) -> ChangeSetView:
    """Want again what was wanted in an earlier generation: settings, and the edition when it is of the same version.

    The version stays: what a newer one made of the data an older one may not read. So do plan, added components and running: they are
    paid for, and what they hold is not given up by the way.
    """
    ctx.actor.leave_to_its_people("change settings, in which secrets may stand")
    row, wish = operated(ctx, instance_id)
    before = wishes.generation(ctx.session, row.id, generation)
    if before is None or before.generation == wish.generation:
        raise NotFound(f"{row.name} has no earlier settings with the number {generation}.")
    edition, given = before.edition, dict(before.given)
    now = editions.read(ctx.session, wish.edition)
    if editions.read(ctx.session, before.edition).version != now.version:
        known = {name: value for name, value in given.items() if name in now.parameters}
        edition, given = wish.edition, check_parameters(now, known)
    _check_size(ctx, wish_with(wish, edition=edition, parameters=given))
    if wish.running:
        hold(ctx, row, wish_with(wish, edition=edition, parameters=given), Purpose.CHANGE)
    return want(ctx, row, wish, Purpose.CHANGE, f"back to {generation}", edition=edition, parameters=given)


def remove(ctx: Context, *, instance_id: str, typed_name: str) -> ChangeSetView:
    """Delete the app with all its data, by somebody who may pay and typed its name; its subscription ends. Not by a token."""
    row, _ = operated(ctx, instance_id)
    ctx.require(Permission.MANAGE_OWN_BILLING, row.organization_id)
    if ctx.actor.kind is ActorKind.TOKEN:
        raise NotPermitted("A token cannot delete an app. Sign in and delete it there.")
    if typed_name.strip() != row.name:
        raise Invalid(f"Type the app's name, “{row.name}”, to confirm: its data is deleted.", field="typed_name")
    if row.state is State.ORDERED:
        raise Conflict("Nothing of this app was made yet. Take the order back instead.")
    subscription = subscriptions.of_instance(ctx.session, row.id)
    item = _item(ctx, row, subscription)
    if item is not None and subscription is not None:
        for one in subscriptions.open_items(ctx.session, subscription.id, instance_id=row.id):
            one.until = ctx.now
            ctx.session.add(one)
        ctx.session.flush()
        left = [one for one in subscriptions.items(ctx.session, subscription.id) if one.until is None]
        if not left and subscription.state not in ENDED:
            lifecycle.move(ctx, subscription, SubscriptionState.EXPIRED, reason="app_removed", ended=Ended.CANCELLED)
    return want_removed(ctx, row)


def check_plan(ctx: Context, row: Instance, wish: Specification, plan_id: str) -> None:
    """Refuse a plan that the app does not fit in, or for which there is no room now. For other services, which check rights."""
    before, after = catalogue.plan_by_id(ctx.session, wish.plan_id), catalogue.plan_by_id(ctx.session, plan_id)
    if before is not None and after is not None and after.storage_bytes < before.storage_bytes:
        raise Conflict(f"The plan {after.name} has less storage than {row.name} has now, and a volume cannot become smaller.")
    _check_size(ctx, wish_with(wish, plan_id=plan_id))
    if wish.running:
        hold(ctx, row, wish_with(wish, plan_id=plan_id), Purpose.CHANGE)


def want_removed(ctx: Context, row: Instance) -> ChangeSetView:
    """Deleted with all its data, after a last backup. For other services, which check rights."""
    reservations.end(ctx.session, row.id, ctx.now)
    domains.drop(ctx.session, [row.id])
    made = changesets.begin(ctx, row, purpose=Purpose.REMOVE)
    _note(ctx, row, "instances.remove", {"name": row.name, "namespace": row.namespace})
    return changesets.get(ctx, change_set_id=made.id)


def wish_with(wish: Specification, **changes: Any) -> Specification:
    """The wish with other parts, not kept. For other services."""
    facts = wish.model_dump()
    if "parameters" in changes:
        changes["parameters"] = json.dumps(changes["parameters"], ensure_ascii=False)
    if "added" in changes:
        changes["components"] = components.write(changes.pop("added"))
    return Specification(**(facts | changes))


def operated(ctx: Context, instance_id: str) -> tuple[Instance, Specification]:
    """A living app of ours that the actor may operate, and what is wanted of it. For other services."""
    row = instances.by_id(ctx.session, instance_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_INSTANCES, row.organization_id)
    ctx.require(Permission.OPERATE_OWN_INSTANCES, row.organization_id)
    wish = wishes.newest(ctx.session, row.id)
    if wish is None:
        raise Conflict(f"“{row.name}” runs in the cluster without Moorage's doing, so Moorage does not change it.")
    if row.state not in LIVING or row.state is State.DELETING:
        raise Conflict(f"“{row.name}” is {'gone' if row.state is State.GONE else 'being deleted'}.")
    work = rows.open_of(ctx.session, row.id)
    if work is not None and work.state is ChangeState.HELD:
        raise Conflict(f"“{row.name}” is not made yet: its order is still open.")
    if row.state is State.SUSPENDED or wish.suspended:
        raise Conflict(f"“{row.name}” is suspended. Its subscription has to be put right first.")
    going = upgrades.open_of(ctx.session, row.id)
    if going is not None:
        raise Conflict(f"“{row.name}” is being brought to version {going.to_version}. Wait until that is over.")
    return row, wish


def want(ctx: Context, row: Instance, wish: Specification, purpose: Purpose, reason: str, **changes: Any) -> ChangeSetView:
    """Another generation, with work towards it. For other services, which check rights."""
    facts: dict[str, Any] = {
        "edition": wish.edition, "plan_id": wish.plan_id, "parameters": wish.given, "email": wish.email, "running": wish.running,
        "restarts": wish.restarts,
    }  # fmt: skip
    made = specifications.add(ctx, row, reason=reason, **(facts | changes))
    work = changesets.begin(ctx, row, purpose=purpose)
    shown = {name: value for name, value in changes.items() if name not in ("parameters", "added")}
    _note(ctx, row, f"instances.{purpose.value}", {"generation": made.generation, "reason": reason} | shown)
    return changesets.get(ctx, change_set_id=work.id)


def want_suspended(ctx: Context, row: Instance, wish: Specification, reason: str) -> ChangeSetView:
    """No containers, and an address that says why. For other services, which check rights."""
    return want(ctx, row, wish, Purpose.SUSPEND, reason, running=False)


def hold(ctx: Context, row: Instance, wish: Specification, purpose: Purpose) -> None:
    """Hold the room that the app needs from now on; what it has already counts for it. For other services, which check rights."""
    reservations.lock(ctx.session, row.cluster)
    steps = desired(replace(specifications.wanted(ctx.session, row, wish, ctx.ground), running=True))
    pods = footprint.pods(steps)
    answer = selling.admission(ctx, pods, instead_of=row.namespace, but=row.id)
    if not answer.fits:
        what = "started" if purpose is Purpose.START else "changed"
        raise NoRoom(
            f"{row.name} cannot be {what} now. " + selling.sentence(answer, "asked for"), wanted=f"{row.name} in {row.namespace}"
        )
    reservations.end(ctx.session, row.id, ctx.now)
    reservations.hold(
        ctx.session, cluster=row.cluster, instance_id=row.id, pods=pods, storage_bytes=footprint.storage(steps), now=ctx.now
    )


def _check_size(ctx: Context, wish: Specification) -> None:
    """Whether the plan is enough for what the customer listed."""
    plan = catalogue.plan_by_id(ctx.session, wish.plan_id)
    if plan is not None:
        check_size(specifications.template(ctx.session, wish), specifications.written(plan))


def _item(ctx: Context, row: Instance, subscription: subscriptions.Subscription | None) -> subscriptions.SubscriptionItem | None:
    if subscription is None:
        return None
    found = subscriptions.open_items(ctx.session, subscription.id, instance_id=row.id)
    return next((one for one in found if one.kind is subscriptions.ItemKind.PLAN), None)


def _note(ctx: Context, row: Instance, action: str, after: Mapping[str, Any]) -> None:
    audit.record(ctx, action=action, subject=row.id, organization=row.organization_id, after=after)
