"""Orphans in both directions, and what staff can do about each: make again, delete, give up. Nothing is done by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from app.context import Context
from app.services import audit, changesets, directory, lifecycle, specifications
from app.services.changesets import ChangeSetView
from app.services.organizations import NOTHING_HERE
from models.domain import orphans as rules
from models.domain.access import ActorKind, Permission
from models.domain.changesets import ChangeState, Purpose
from models.domain.dunning import Ended
from models.domain.errors import Conflict, Invalid, NotFound, NotPermitted
from models.domain.instances import State, move, way_to_gone
from models.domain.orphans import App, Charge, Kind, Orphan
from models.domain.subscriptions import ENDED, SubscriptionState
from models.store import changesets as works
from models.store import instances, subscriptions
from models.store import mapping as mapping_rules
from models.store import specifications as wishes
from models.store.instances import Instance
from provisioner.changes import MANAGED_BY
from provisioner.cluster import Cluster
from provisioner.desired import desired
from provisioner.labels import INSTANCE, MANAGER

HOLDS_DATA = ("Namespace", "PersistentVolumeClaim")


@dataclass(frozen=True, slots=True)
class OrphanView:
    """One of them with the name of its organization, empty when nobody knows."""

    orphan: Orphan
    organization: str


def list_(ctx: Context) -> tuple[OrphanView, ...]:
    """All of the watched cluster; for staff. Empty while the cluster is silent."""
    ctx.require(Permission.SEE_CLUSTER)
    names = directory.load(ctx)
    found = ctx.keep("orphans", lambda: _find(ctx), of=("store", "cluster"))
    return tuple(OrphanView(one, names.organization(one.organization_id)) for one in found)


def delete_namespace(ctx: Context, *, namespace: str, typed_name: str, cluster: Cluster) -> None:
    """Delete a namespace that stands for no app, with everything in it. Looked at again in the cluster itself before."""
    _by_a_person(ctx)
    _typed(typed_name, namespace)
    _one(ctx, Kind.NAMESPACE, namespace)
    found = cluster.read("Namespace", None, namespace)
    labels = (found["metadata"].get("labels") or {}) if found is not None else {}
    if found is None:
        raise NotFound(f"The namespace {namespace} is not there any more.")
    row = instances.by_id(ctx.session, labels.get(INSTANCE, ""))
    if labels.get(MANAGED_BY) != MANAGER or (row is not None and row.namespace == namespace and row.state is not State.GONE):
        raise Conflict(f"The namespace {namespace} is no orphan any more. Look again.")
    audit.record(ctx, action="orphans.delete", subject=namespace, organization=None, after={"namespace": namespace})
    cluster.delete("Namespace", None, namespace)


def make_again(ctx: Context, *, instance_id: str, typed_name: str) -> ChangeSetView:
    """Make an app anew whose namespace is gone: empty, with its address, settings and sign-in; by somebody who typed its name."""
    _by_a_person(ctx)
    row = _lost(ctx, instance_id, typed_name)
    wish = wishes.newest(ctx.session, row.id)
    if wish is None:
        raise NotFound(NOTHING_HERE)
    work = changesets.begin(ctx, row, purpose=Purpose.REPAIR)
    steps = desired(specifications.wanted(ctx.session, row, wish, ctx.ground))
    empty = [(one["kind"], one["metadata"]["name"]) for step in steps for one in step.objects if one["kind"] in HOLDS_DATA]
    work.agreed = json.dumps([["data", kind, name, True] for kind, name in empty])
    ctx.session.add(work)
    ctx.session.flush()
    audit.record(
        ctx, action="orphans.make_again", subject=row.id, organization=row.organization_id, after={"name": row.name}
    )  # fmt: skip
    return changesets.get(ctx, change_set_id=work.id)


def give_up(ctx: Context, *, instance_id: str, typed_name: str) -> None:
    """Take an app off the record whose namespace is gone, and end what is charged for it; by somebody who typed its name."""
    _by_a_person(ctx)
    row = _lost(ctx, instance_id, typed_name)
    for following in way_to_gone(row.state):
        if not instances.move(ctx.session, row.id, row.state, move(row.state, following)):
            raise Conflict("The app changed just now. Look again.")
        ctx.session.refresh(row)
    mapping_rules.forget_instance(ctx.session, row.id)
    subscription = subscriptions.of_instance(ctx.session, row.id)
    if subscription is not None:
        _end(ctx, subscription, row.id)
    audit.record(ctx, action="orphans.give_up", subject=row.id, organization=row.organization_id, after={"name": row.name})


def end_subscription(ctx: Context, *, subscription_id: str) -> None:
    """End a subscription that has no app any more: nothing is charged for it from now on."""
    _by_a_person(ctx)
    _one(ctx, Kind.SUBSCRIPTION, subscription_id)
    row = subscriptions.by_id(ctx.session, subscription_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    _end(ctx, row, None)
    audit.record(
        ctx, action="orphans.end_subscription", subject=row.id, organization=row.organization_id, after={"state": row.state}
    )  # fmt: skip


def _end(ctx: Context, row: subscriptions.Subscription, instance_id: str | None) -> None:
    """Its items of that app, or all; the subscription too when nothing is left of it."""
    for item in subscriptions.items(ctx.session, row.id):
        if item.until is None and instance_id in (None, item.instance_id):
            item.until = ctx.now
            ctx.session.add(item)
    ctx.session.flush()
    left = [item for item in subscriptions.items(ctx.session, row.id) if item.until is None]
    if not left and row.state not in ENDED:
        target = SubscriptionState.LAPSED if row.state is SubscriptionState.PENDING else SubscriptionState.EXPIRED
        lifecycle.move(ctx, row, target, reason="app_gone", ended=Ended.CANCELLED)


def _find(ctx: Context) -> tuple[Orphan, ...]:
    snapshot = ctx.cluster.snapshot()
    apps = [_app(ctx, row) for row in instances.everything(ctx.session) if row.cluster == snapshot.cluster]
    return rules.find(
        snapshot, apps, _charges(ctx), ctx.now, labels={MANAGED_BY: MANAGER}, instance_label=INSTANCE
    )  # fmt: skip


def _app(ctx: Context, row: Instance) -> App:
    stands = row.state in rules.STANDS
    work = works.open_of(ctx.session, row.id) if stands else None
    return App(
        row.id, row.name, row.organization_id, row.namespace, row.state,
        made=stands and wishes.newest(ctx.session, row.id) is not None,
        busy=work is not None and work.state is not ChangeState.BLOCKED,  # what stopped because of it is no repair
    )  # fmt: skip


def _charges(ctx: Context) -> Iterator[Charge]:
    for row, ids in subscriptions.going_on(ctx.session):
        yield Charge(row.id, row.organization_id, row.created_at, ids)


def _one(ctx: Context, kind: Kind, id: str) -> Orphan:
    found = next((one for one in _find(ctx) if (one.kind, one.id) == (kind, id)), None)
    if found is None:
        raise Conflict("That is no orphan any more. Look again.")
    return found


def _lost(ctx: Context, instance_id: str, typed_name: str) -> Instance:
    row = instances.by_id(ctx.session, instance_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    _typed(typed_name, row.name)
    _one(ctx, Kind.INSTANCE, row.id)
    return row


def _typed(typed: str, name: str) -> None:
    if typed.strip() != name:
        raise Invalid(f"Type the name, “{name}”, to confirm: what is lost here cannot be brought back.", field="typed_name")


def _by_a_person(ctx: Context) -> None:
    ctx.require(Permission.MANAGE_ORGANIZATIONS)
    ctx.require(Permission.SEE_CLUSTER)
    if ctx.actor.kind is ActorKind.TOKEN:
        raise NotPermitted("A token cannot repair what has no owner. Sign in and do it there.")
