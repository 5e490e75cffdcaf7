"""Nodes and pods as they are now, for staff: what runs where, for whom, in what state, and what it uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from app.absence import Parts
from app.context import Context
from app.services import cluster_rows, directory, findings, machines, present, remembered
from app.services.cluster_shapes import (
    ClaimRow,
    ContainerRow,
    NodeDetail,
    NodeRow,
    Nodes,
    Page,
    PodDetail,
    PodRow,
    StateChange,
)
from app.services.figures import Figure
from models.domain.access import Permission
from models.domain.cluster import Container, Phase, Pod, Resources
from models.domain.errors import Invalid, NotFound
from models.domain.health import BADNESS, State
from models.domain.trouble_machines import of_machines

__all__ = [
    "ClaimRow",
    "ContainerRow",
    "NodeDetail",
    "NodeRow",
    "Nodes",
    "Page",
    "PodDetail",
    "PodRow",
    "StateChange",
    "node",
    "nodes",
    "pod",
    "pods",
]

MOST_PODS = 5_000
SAMPLES = "newest samples (Prometheus)"
NODE_CPU = "CPU time between the last two samples that was neither idle, waiting for a disk, nor kept by the hypervisor"
ORDERS: Mapping[str, Callable[[PodRow], Any]] = {
    "badness": lambda row: BADNESS[row.condition.state],
    "name": lambda row: row.name,
    "namespace": lambda row: row.namespace,
    "node": lambda row: row.node,
    "organization": lambda row: row.organization.casefold() or None,
    "restarts": lambda row: row.restarts,
    "age": lambda row: row.created_at,
    "cpu": lambda row: row.cpu_used,
    "memory": lambda row: row.memory_used,
    "cpu_share": lambda row: row.cpu_share,
    "memory_share": lambda row: row.memory_share,
}


def nodes(ctx: Context) -> Nodes:
    """Every node, by name."""
    ctx.require(Permission.SEE_CLUSTER)
    return ctx.keep("cluster.nodes", lambda: _nodes(ctx), of=("store", "cluster"))


def _nodes(ctx: Context) -> Nodes:
    sight = cluster_rows.look(ctx)
    rows = tuple(sight.node(node) for _, node in sorted(sight.snapshot.nodes.items()))
    return Nodes(rows, sight.snapshot.as_of, sight.source, sight.snapshot.stale_since)


def node(ctx: Context, *, name: str) -> NodeDetail:
    """One node with its pods, events and changes; NotFound when the cluster has none of that name."""
    ctx.require(Permission.SEE_CLUSTER)
    sight = cluster_rows.look(ctx)
    found = sight.snapshot.nodes.get(name)
    if found is None:
        raise NotFound("The cluster has no node of that name (any more).")
    row, cluster = sight.node(found), sight.snapshot.cluster
    parts = Parts()
    measured = machines.use(ctx, cluster, {name: found}, only=name, parts=parts)
    return NodeDetail(
        node=row,
        pods=_worst_first([sight.pod(pod) for pod in sight.on(name)]),
        events=remembered.events_or_present(ctx, parts, sight.snapshot, uid=found.uid, kind="Node", name=name),
        changes=parts.ask(lambda: remembered.changes_of_node(ctx, cluster=cluster, node=name)) or (),
        taints=tuple(f"{t.key}={t.value}:{t.effect}" if t.value else f"{t.key}:{t.effect}" for t in found.taints),
        labels=found.labels,
        machine=next(iter(measured), None),
        trouble=tuple(of_machines(measured)),
        figures={
            "cpu_used": Figure(row.cpu_used, "cores", row.measured_at, SAMPLES, NODE_CPU),
            "memory_used": Figure(row.memory_used, "B", row.measured_at, SAMPLES, "memory_total_bytes - memory_available_bytes"),
            "requests": Figure(row.requests.memory, "B", sight.snapshot.as_of, sight.source, "sum of the scheduler's requests"),
        },
        as_of=sight.snapshot.as_of,
        source=sight.source,
        stale_since=sight.snapshot.stale_since,
        away_since=parts.since,
    )


def pods(
    ctx: Context,
    *,
    search: str = "",
    namespace: str | None = None,
    node: str | None = None,
    organization: str | None = None,
    template: str | None = None,
    state: str | None = None,
    sort: str = "badness",
    descending: bool = False,
    limit: int = 100,
    offset: int = 0,
) -> Page:
    """Pods that match all filters. `organization`: an id, or `unowned`. `state`: a code of `models.domain.health.State`.

    `sort`: badness, name, namespace, node, organization, restarts, age, cpu, memory, cpu_share, memory_share.
    """
    ctx.require(Permission.SEE_CLUSTER)
    if sort not in ORDERS:
        raise Invalid(f"Pods are sorted by one of {', '.join(ORDERS)}.", field="sort")
    if not 1 <= limit <= MOST_PODS or offset < 0:
        raise Invalid(f"A list of pods has 1 to {MOST_PODS} rows and begins at 0 or later.", field="limit")
    whole = ctx.keep("cluster.pods", lambda: _pods(ctx), of=("store", "cluster"))
    words = search.casefold().split()
    rows = [
        row
        for row in whole.rows
        if (namespace is None or row.namespace == namespace)
        and (node is None or row.node == node)
        and (organization is None or (row.organization_id or directory.UNOWNED) == organization)
        and (template is None or row.template == template)
        and (state is None or row.condition.state == state)
        and all(word in f"{row.namespace}/{row.name} {row.organization} {row.instance}".casefold() for word in words)
    ]
    ordered = _ordered(rows, sort, descending)
    return replace(
        whole,
        rows=ordered[offset : offset + limit],
        total=len(rows),
        up=sum(row.condition.state is State.HEALTHY for row in rows),
    )


def _pods(ctx: Context) -> Page:
    """All of them, by namespace and name."""
    sight = cluster_rows.look(ctx)
    snapshot = sight.snapshot
    rows = sorted((sight.pod(pod) for pod in snapshot.pods.values()), key=lambda row: (row.namespace, row.name))
    return Page(
        rows=tuple(rows),
        total=len(rows),
        up=sum(row.condition.state is State.HEALTHY for row in rows),
        of=len(rows),
        as_of=snapshot.as_of,
        source=sight.source,
        stale_since=snapshot.stale_since,
    )


def pod(ctx: Context, *, uid: str) -> PodDetail:
    """One pod, also one that is gone (then from the warehouse, with state `finished`); NotFound for an unknown uid."""
    ctx.require(Permission.SEE_CLUSTER)
    sight, parts = cluster_rows.look(ctx), Parts()
    snapshot = sight.snapshot
    found = snapshot.pods.get(uid) or _gone(ctx, snapshot.cluster, uid)
    plain = sight.pod(found)
    row = parts.ask(lambda: _with_beginning(ctx, snapshot.cluster, plain)) or plain
    claims = (snapshot.claims.get((found.namespace, name)) for name in found.claims)
    neighbours = [sight.pod(one) for one in sight.on(found.node or "") if one.uid != uid] if uid in snapshot.pods else []
    return PodDetail(
        pod=row,
        containers=cluster_rows.containers(found, dict(present.containers(ctx, uid))),
        claims=tuple(ClaimRow(c.name, c.storage_class, c.requested_bytes, c.node) for c in claims if c is not None),
        neighbours=tuple(sorted(neighbours, key=lambda one: -(one.memory_used or 0.0))),
        events=remembered.events_or_present(ctx, parts, snapshot, uid=uid),
        changes=parts.ask(lambda: remembered.changes_of_pod(ctx, cluster=snapshot.cluster, namespace=found.namespace, uid=uid))
        or (),
        labels=found.labels,
        figures={
            "cpu_used": Figure(row.cpu_used, "cores", row.measured_at, SAMPLES, "CPU time between its last two samples"),
            "memory_used": Figure(row.memory_used, "B", row.measured_at, SAMPLES, "sum of its containers' working sets"),
            "restarts": Figure(row.restarts, "1", snapshot.as_of, sight.source, "sum of its containers' restart counts"),
        },
        as_of=snapshot.as_of,
        source=sight.source,
        stale_since=snapshot.stale_since,
        away_since=parts.since,
    )


def _with_beginning(ctx: Context, cluster: str, row: PodRow) -> PodRow:
    """A crashing one since the first of its failures, as the Overview says it: the snapshot knows only the newest one."""
    if row.condition.state is not State.CRASHING:
        return row
    began = findings.crashing_since(ctx, cluster, [row.uid]).get(f"pod:{row.uid}")
    return row if began is None else replace(row, condition=replace(row.condition, since=began))


def _gone(ctx: Context, cluster: str, uid: str) -> Pod:
    """What is remembered of a pod that the cluster does not have any more."""
    known = remembered.gone_pod(ctx, cluster=cluster, uid=uid)
    if known is None:
        raise NotFound("There is no pod of that id, and none was ever sampled.")
    namespace, name, node, began = known
    restarts, last_at = remembered.last_word(ctx, cluster=cluster, namespace=namespace, uid=uid)
    nothing = Resources()
    whole = Container("", "", nothing, nothing, restarts=restarts)
    return Pod(namespace, name, uid, Phase.SUCCEEDED, node, began, (whole,), nothing, nothing, ready_since=last_at)


def _worst_first(rows: list[PodRow]) -> tuple[PodRow, ...]:
    return _ordered(rows, "badness", False)


def _ordered(rows: list[PodRow], sort: str, descending: bool) -> tuple[PodRow, ...]:
    """Sorted by the key, then by name; what is not known comes last in either direction."""
    key = ORDERS[sort]
    named = sorted(rows, key=lambda row: (row.namespace, row.name))
    known = [row for row in named if key(row) is not None]
    known.sort(key=lambda row: key(row), reverse=descending)
    return (*known, *(row for row in named if key(row) is None))
