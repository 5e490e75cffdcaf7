"""What the warehouse keeps of pods and nodes after the cluster forgot it: events, changes of state, pods that are gone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.absence import Parts
from app.context import Context
from app.services.cluster_shapes import StateChange
from models.domain.cluster import Event, Snapshot

LOOKBACK = timedelta(days=30)
MOST = 200
EVENTS = """
SELECT uid, namespace, kind, name, object_uid, type, reason, message, max(count) AS count, min(first_at) AS first_at,
  max(ts) AS last_at, any_value(component) AS component
FROM event WHERE cluster = $cluster AND ts > $since AND {where}
GROUP BY uid, namespace, kind, name, object_uid, type, reason, message ORDER BY last_at DESC LIMIT $most"""
POD_CHANGES = """
SELECT DISTINCT ts, container, phase, state, reason, ready, restarts, last_reason FROM pod_state
WHERE cluster = $cluster AND ts > $since AND namespace = $namespace AND uid = $uid ORDER BY ts DESC LIMIT $most"""
NODE_CHANGES = """
SELECT DISTINCT ts, phase, reason, pressures, ready, unschedulable FROM node_state
WHERE cluster = $cluster AND ts > $since AND node = $node ORDER BY ts DESC LIMIT $most"""
GONE = """
SELECT namespace, pod, max(node) AS node, min(started_at) AS started_at, min(first_seen) AS first_seen
FROM pod WHERE cluster = $cluster AND uid = $uid GROUP BY namespace, pod"""
LAST = """
SELECT max(restarts) AS restarts, max(ts) AS last_at FROM pod_state
WHERE cluster = $cluster AND namespace = $namespace AND uid = $uid"""


def events_of(ctx: Context, *, cluster: str, uid: str, kind: str = "", name: str = "") -> tuple[Event, ...]:
    """Events of an object by uid, or (nodes, whose events carry their name as uid) by kind and name; newest first."""
    where = "object_uid = $uid" if not kind else "(object_uid = $uid OR (kind = $kind AND name = $name))"
    bound = {"cluster": cluster, "since": ctx.now - LOOKBACK, "uid": uid, "most": MOST}
    rows = ctx.warehouse.query(EVENTS.format(where=where), bound | ({"kind": kind, "name": name} if kind else {}))
    return tuple(
        Event(
            uid=row["uid"],
            namespace=row["namespace"] or "",
            kind=row["kind"] or "",
            name=row["name"] or "",
            object_uid=row["object_uid"] or "",
            type=row["type"] or "",
            reason=row["reason"] or "",
            message=row["message"] or "",
            count=row["count"] or 1,
            first_at=row["first_at"] or row["last_at"],
            last_at=row["last_at"],
            component=row["component"] or "",
        )
        for row in rows.iter_rows(named=True)
    )


def events_or_present(
    ctx: Context, parts: Parts, snapshot: Snapshot, *, uid: str, kind: str = "", name: str = ""
) -> tuple[Event, ...]:
    """The same; while the warehouse is away those that the cluster itself still has, which forgets them in an hour."""
    found = parts.ask(lambda: events_of(ctx, cluster=snapshot.cluster, uid=uid, kind=kind, name=name))
    if found is not None:
        return found
    mine = (e for e in snapshot.events if e.object_uid == uid or (kind and (e.kind, e.name) == (kind, name)))
    return tuple(sorted(mine, key=lambda e: e.last_at, reverse=True)[:MOST])


def changes_of_pod(ctx: Context, *, cluster: str, namespace: str, uid: str) -> tuple[StateChange, ...]:
    bound = {"cluster": cluster, "since": ctx.now - LOOKBACK, "namespace": namespace, "uid": uid, "most": MOST}
    rows = ctx.warehouse.query(POD_CHANGES, bound)
    return tuple(
        StateChange(
            at=row["ts"],
            container=row["container"] or "",
            phase=row["phase"] or "",
            state=row["state"] or "",
            reason=row["reason"] or "",
            ready=row["ready"],
            restarts=row["restarts"],
            last_reason=row["last_reason"] or "",
        )
        for row in rows.iter_rows(named=True)
    )


def changes_of_node(ctx: Context, *, cluster: str, node: str) -> tuple[StateChange, ...]:
    rows = ctx.warehouse.query(NODE_CHANGES, {"cluster": cluster, "since": ctx.now - LOOKBACK, "node": node, "most": MOST})
    return tuple(
        StateChange(
            at=row["ts"],
            container="",
            phase=row["phase"] or "",
            state="cordoned" if row["unschedulable"] else "",
            reason=", ".join(part for part in (row["reason"], row["pressures"]) if part),
            ready=row["ready"],
            restarts=None,
            last_reason="",
        )
        for row in rows.iter_rows(named=True)
    )


def gone_pod(ctx: Context, *, cluster: str, uid: str) -> tuple[str, str, str | None, datetime] | None:
    """(namespace, name, node, when it began) of a pod that was sampled once; None for an unknown uid."""
    rows: Sequence[tuple[str, str, str | None, datetime | None, datetime]] = ctx.warehouse.query(
        GONE, {"cluster": cluster, "uid": uid}
    ).rows()
    if not rows:
        return None
    namespace, name, node, started_at, first_seen = rows[0]
    return namespace, name, node, started_at or first_seen


def last_word(ctx: Context, *, cluster: str, namespace: str, uid: str) -> tuple[int, datetime | None]:
    """Restarts of a pod that is gone, and when it was last heard of."""
    rows = ctx.warehouse.query(LAST, {"cluster": cluster, "namespace": namespace, "uid": uid}).rows()
    restarts, last_at = rows[0] if rows else (None, None)
    return restarts or 0, last_at
