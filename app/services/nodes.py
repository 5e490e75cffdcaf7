"""Nodes taken out of service and back: cordon, uncordon, drain, and how far a drain is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError

from app.context import Context
from app.services import audit, directory
from app.services.directory import Directory
from models.domain.access import ActorKind, Permission
from models.domain.draining import DrainState, Step
from models.domain.errors import Conflict, Invalid, NotFound, NotPermitted
from models.store import drains
from models.store.drains import Drain
from provisioner.cluster import Rejected, Rejection
from provisioner.cluster.nodes import RIGHTS, Nodes

NO_NODE = "The cluster has no node of that name (any more)."
MISSING = (
    "Moorage's account in the cluster may not do this to nodes: it lacks {rights}. That right is apart from the one to make apps. "
    "An administrator of the cluster gives it with: kubectl apply -f deploy/provisioner.yaml -f deploy/nodes.yaml"
)
SHOWN = 100


@dataclass(frozen=True, slots=True)
class PodDrained:
    """One pod of a drain and whose it is; `why`: what the cluster said when it held it back."""

    pod: str
    namespace: str
    organization_id: str | None
    organization: str
    app: str
    step: Step
    why: str
    since: datetime | None
    again_at: datetime | None


@dataclass(frozen=True, slots=True)
class DrainView:
    """One drain; its pods with those first that need somebody."""

    id: str
    node: str
    state: DrainState
    why: str
    by: str
    created_at: datetime
    finished_at: datetime | None
    counts: Mapping[Step, int]
    pods: tuple[PodDrained, ...]


@dataclass(frozen=True, slots=True)
class InService:
    """Whether a node takes pods, and its newest drain."""

    node: str
    cordoned: bool
    drain: DrainView | None


def cordon(ctx: Context, *, name: str, nodes: Nodes) -> None:
    """Let the node take no pods any more; what runs there goes on."""
    _known(ctx, name)
    _may(ctx)
    _need(nodes, "patch nodes")
    audit.record(ctx, action="nodes.cordon", subject=name, after={"node": name})
    _patched(nodes, name, on=True)


def uncordon(ctx: Context, *, name: str, nodes: Nodes) -> None:
    """Let the node take pods again; not while it is being drained."""
    _known(ctx, name)
    _may(ctx)
    newest = drains.of_node(ctx.session, ctx.cluster.snapshot().cluster, name)
    if newest is not None and newest.state is DrainState.RUNNING:
        raise Conflict(f"{name} is being drained. Stop that first.")
    if newest is not None and newest.lease_until is not None and newest.lease_until > ctx.now:
        raise Conflict(f"The worker finishes its last step at {name}. Try again in a minute.")
    _need(nodes, "patch nodes")
    audit.record(ctx, action="nodes.uncordon", subject=name, after={"node": name})
    _patched(nodes, name, on=False)


def drain(ctx: Context, *, name: str, typed_name: str, nodes: Nodes) -> DrainView:
    """Begin to move away all that can be moved; by somebody who typed the node's name. The worker does it, pod by pod."""
    _known(ctx, name)
    _may(ctx)
    if ctx.actor.kind is ActorKind.TOKEN:
        raise NotPermitted("A token cannot drain a node. Sign in and do it there.")
    if typed_name.strip() != name:
        raise Invalid(f"Type the node's name, “{name}”, to confirm: what runs on it is moved or is down.", field="typed_name")
    _need(nodes, *RIGHTS)
    row = Drain(
        cluster=ctx.cluster.snapshot().cluster, node=name, created_by_name=ctx.actor.name, created_at=ctx.now, again_at=ctx.now
    )
    try:
        with ctx.session.begin_nested():
            ctx.session.add(row)
            ctx.session.flush()
    except IntegrityError:
        raise Conflict(f"{name} is being drained already.") from None
    audit.record(ctx, action="nodes.drain", subject=name, after={"node": name, "drain": row.id})
    return _view(row, directory.load(ctx))


def stop(ctx: Context, *, name: str) -> DrainView:
    """End the drain that runs: what has left stays away, and the node stays cordoned."""
    ctx.require(Permission.SEE_CLUSTER)
    _may(ctx)
    row = drains.of_node(ctx.session, ctx.cluster.snapshot().cluster, name)
    if row is None or not drains.end(ctx.session, row.id, DrainState.STOPPED, why="", now=ctx.now):
        raise Conflict(f"{name} is not being drained.")
    ctx.session.refresh(row)
    audit.record(ctx, action="nodes.drain_stop", subject=name, after={"node": name, "drain": row.id})
    return _view(row, directory.load(ctx))


def in_service(ctx: Context, *, name: str) -> InService:
    """Whether the node takes pods, and its newest drain; NotFound when the cluster has no such node."""
    _known(ctx, name)
    return InService(name, ctx.cluster.snapshot().nodes[name].unschedulable, drained(ctx, name=name))


def drained(ctx: Context, *, name: str) -> DrainView | None:
    """The newest drain of the node; None when there was none."""
    ctx.require(Permission.SEE_CLUSTER)
    row = drains.of_node(ctx.session, ctx.cluster.snapshot().cluster, name)
    return None if row is None else _view(row, directory.load(ctx))


def list_drains(ctx: Context) -> tuple[DrainView, ...]:
    """The newest drains of the cluster, the newest first."""
    ctx.require(Permission.SEE_CLUSTER)
    names = directory.load(ctx)
    return tuple(_view(row, names) for row in drains.newest(ctx.session, ctx.cluster.snapshot().cluster, limit=SHOWN))


def lacking(ctx: Context, *, nodes: Nodes) -> str:
    """What has to be applied before nodes can be cordoned and drained, as a sentence; empty when nothing has."""
    ctx.require(Permission.SEE_CLUSTER)
    missing = nodes.lacking()
    return MISSING.format(rights=", ".join(missing)) if missing else ""


def _known(ctx: Context, name: str) -> None:
    ctx.require(Permission.SEE_CLUSTER)
    if name not in ctx.cluster.snapshot().nodes:
        raise NotFound(NO_NODE)


def _may(ctx: Context) -> None:
    ctx.require(Permission.MANAGE_NODES)


def _need(nodes: Nodes, *rights: str) -> None:
    missing = [right for right in nodes.lacking() if right in rights]
    if missing:
        raise Conflict(MISSING.format(rights=", ".join(missing)))


def _patched(nodes: Nodes, name: str, *, on: bool) -> None:
    try:
        nodes.cordon(name, on)
    except Rejected as refused:
        if refused.rejection is Rejection.ABSENT:
            raise NotFound(NO_NODE) from refused
        if refused.retryable:
            raise
        raise Conflict(MISSING.format(rights=str(refused))) from refused


def _view(row: Drain, names: Directory) -> DrainView:
    order = tuple(Step)
    pods = []
    for one in sorted(drains.pods(row), key=lambda one: (order.index(one.step), one.namespace, one.name)):
        owner, instance = names.organization_id(one.namespace), names.instance_id(one.namespace)
        pods.append(
            PodDrained(
                one.name, one.namespace, owner, names.organization(owner), names.instance(instance), one.step, one.why,
                one.since, one.again_at,
            )
        )  # fmt: skip
    return DrainView(
        row.id, row.node, row.state, row.why, row.created_by_name, row.created_at, row.finished_at,
        Counter(one.step for one in pods), tuple(pods),
    )  # fmt: skip
