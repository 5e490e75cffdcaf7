"""Curves of pods and nodes from the warehouse: steps are chosen so that a chart has at most 500 points.

Windows end some minutes ago; the steps after the newest one are drawn from samples, and `source` says where the join is.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from app.context import Context
from app.services import gaps, remembered
from app.services import history_sql as sql
from app.services.figures import Line, Mark, Series
from app.services.steps import Axis, axis
from models.domain.access import Permission
from models.domain.errors import NotFound

NOW = timedelta(seconds=1)
"""A range that ends so shortly ago ends now."""
NOW_KEPT = timedelta(seconds=10)
PAST_KEPT = timedelta(minutes=1)
Rows = dict[datetime, dict[str, Any]]
POD_UNITS = {
    "cpu_use": "cores",
    "cpu_request": "cores",
    "cpu_limit": "cores",
    "memory_use": "B",
    "memory_max": "B",
    "memory_request": "B",
    "memory_limit": "B",
    "throttled": "share",
    "network_receive": "B/s",
    "network_transmit": "B/s",
    "restarts": "1",
}
NODE_UNITS = {
    "cpu_use": "cores",
    "cpu_request": "cores",
    "cpu_allocatable": "cores",
    "memory_use": "B",
    "memory_request": "B",
    "memory_allocatable": "B",
    "pods": "1",
    "disk_use": "share",
    "load1": "1",
}
CLUSTER_UNITS = {name: unit for name, unit in NODE_UNITS.items() if name not in ("disk_use", "load1")}
MARK_SLOTS = 500
"""What happens more often than so many times in a range is told as a mark with a count: none is left out."""
ENDS = """
SELECT min(ended), reason, container, count(*) FROM (
  SELECT last_finished_at AS ended, any_value(last_reason) AS reason, container FROM pod_state
  WHERE cluster = $cluster AND namespace = $namespace AND uid = $uid AND ts > $since AND last_finished_at > $since
    AND last_finished_at <= $until AND coalesce(last_reason, '') <> ''
  GROUP BY container, last_finished_at)
GROUP BY container, reason, floor(epoch(ended) / $slot)"""
STATES = """
SELECT min(ts), phase, reason, count(*) FROM node_state WHERE cluster = $cluster AND node = $node AND ts > $since AND ts <= $until
GROUP BY phase, reason, floor(epoch(ts) / $slot)"""


def pod_series(
    ctx: Context,
    *,
    uid: str,
    since: datetime,
    until: datetime,
    container: str | None = None,
    step: timedelta | None = None,
) -> Series:
    """Lines cpu_use, cpu_request, cpu_limit (cores), memory_use, memory_max, memory_request, memory_limit (B), throttled (share),
    network_receive, network_transmit (B/s), restarts (count in the step); marks restart, oom, event; gaps."""
    ctx.require(Permission.SEE_CLUSTER)

    def curves() -> Series:
        return _of_pod(ctx, uid, since, until, container, step)

    return _kept(ctx, curves, "pod", uid, container, step, since=since, until=until)


def _of_pod(ctx: Context, uid: str, since: datetime, until: datetime, container: str | None, step: timedelta | None) -> Series:
    snapshot = ctx.cluster.snapshot()
    pod = snapshot.pods.get(uid)
    known = None if pod else remembered.gone_pod(ctx, cluster=snapshot.cluster, uid=uid)
    if pod is None and known is None:
        raise NotFound("There is no pod of that id, and none was ever sampled.")
    namespace = pod.namespace if pod else known[0] if known else ""
    along = axis(since, until, step)
    where = "AND namespace = $namespace AND uid = $uid" + (" AND container = $container" if container else "")
    bound: dict[str, Any] = {"namespace": namespace, "uid": uid} | ({"container": container} if container else {})
    rows, join = _joined(ctx, snapshot.cluster, along, bound, lambda level: (sql.pod_lines(level, where),))
    span = {"cluster": snapshot.cluster, "since": since, "until": until, "slot": slot(since, until)}
    ends = ctx.warehouse.query(ENDS, span | {"namespace": namespace, "uid": uid}).rows()
    marks = [Mark(at, "oom" if reason == "OOMKilled" else "restart", f"{name}: {reason}", n) for at, reason, name, n in ends]
    events = remembered.events_of(ctx, cluster=snapshot.cluster, uid=uid)
    marks += [
        Mark(e.last_at, "event", f"{e.reason}: {e.message}", e.count)
        for e in events
        if e.type == "Warning" and since < e.last_at <= until
    ]
    formula = "sums over its containers; rates are increase / time for which it is known; levels are averages of the step"
    return _series(ctx, along, rows, POD_UNITS, f"{join}, view pod_{_view(along)}", formula, marks)


def node_series(ctx: Context, *, name: str, since: datetime, until: datetime, step: timedelta | None = None) -> Series:
    """Lines cpu_use, cpu_request, cpu_allocatable (cores), memory_use, memory_request, memory_allocatable (B), pods (count),
    disk_use (share), load1; marks event, state; gaps."""
    ctx.require(Permission.SEE_CLUSTER)
    return _kept(ctx, lambda: _of_node(ctx, name, since, until, step), "node", name, step, since=since, until=until)


def _of_node(ctx: Context, name: str, since: datetime, until: datetime, step: timedelta | None) -> Series:
    snapshot = ctx.cluster.snapshot()
    cluster = snapshot.cluster
    sampled = ctx.warehouse.query("SELECT 1 FROM node WHERE cluster = ? AND node = ? LIMIT 1", [cluster, name])
    if name not in snapshot.nodes and sampled.is_empty():
        raise NotFound("The cluster has no node of that name, and none was ever sampled.")
    along = axis(since, until, step)
    where = "AND node = $node"
    rows, join = _joined(ctx, cluster, along, {"node": name}, lambda level: (sql.node_lines(level, where), sql.asked(level, where)))
    span = {"cluster": cluster, "node": name, "since": since, "until": until, "slot": slot(since, until)}
    states = ctx.warehouse.query(STATES, span).rows()
    marks = [Mark(at, "state", f"{phase}: {reason}" if reason else str(phase), n) for at, phase, reason, n in states]
    node = snapshot.nodes.get(name)
    for event in remembered.events_of(ctx, cluster=cluster, uid=node.uid if node else name, kind="Node", name=name):
        if event.type == "Warning" and since < event.last_at <= until:
            marks.append(Mark(event.last_at, "event", f"{event.reason}: {event.message}", event.count))
    formula = "use of the whole machine (node-exporter); requests and number of the pods that were first seen on it"
    return _series(ctx, along, rows, NODE_UNITS, f"{join}, views node_{_view(along)} and pod_{_view(along)}", formula, marks)


def cluster_series(ctx: Context, *, since: datetime, until: datetime, step: timedelta | None = None) -> Series:
    """Over all nodes: lines cpu_use, cpu_request, cpu_allocatable (cores), memory_use, memory_request, memory_allocatable (B),
    pods (count). Use is that of the pods."""
    ctx.require(Permission.SEE_CLUSTER)
    return _kept(ctx, lambda: _of_cluster(ctx, since, until, step), "cluster", step, since=since, until=until)


def _of_cluster(ctx: Context, since: datetime, until: datetime, step: timedelta | None) -> Series:
    cluster = ctx.cluster.snapshot().cluster
    along = axis(since, until, step)

    rows, join = _joined(ctx, cluster, along, {}, lambda level: (sql.node_lines(level, ""), sql.whole(level)))
    formula = "use is that of all pods; allocatable is what the nodes offer; a missing time is not collected, never zero"
    return _series(ctx, along, rows, CLUSTER_UNITS, f"{join}, views node_{_view(along)} and pod_{_view(along)}", formula, [])


def _kept(ctx: Context, curves: Callable[[], Series], *whose: Hashable, since: datetime, until: datetime) -> Series:
    """A range that ends now is kept by its length, until newer samples come: so all who look at the last hour share it."""
    if timedelta(0) <= ctx.now - until < NOW:
        span = round((until - since).total_seconds())
        return ctx.keep("history.now", curves, *whose, span, of=("samples", "windows"), most=NOW_KEPT)
    return ctx.keep("history", curves, *whose, since, until, of=("samples", "warehouse"), most=PAST_KEPT)


def slot(since: datetime, until: datetime) -> float:
    """Seconds within which equal things become one mark."""
    return (until - since).total_seconds() / MARK_SLOTS


def _view(along: Axis) -> str:
    return "sample" if along.level == "samples" else along.level


def _joined(
    ctx: Context, cluster: str, along: Axis, bound: Mapping[str, Any], questions: Callable[[str], tuple[str, ...]]
) -> tuple[Rows, str]:
    """Answers of all questions by the end of the step, windows first and samples after them; and a word on where they join."""
    rows = _answers(ctx, cluster, along, bound, questions(along.level))
    if along.level == "samples":
        return rows, "samples"
    newest = max((row["newest"] for row in rows.values() if row.get("newest")), default=None)
    recent = max(along.since, newest if newest is not None else ctx.now - timedelta(hours=3))
    if recent >= along.until or along.until - recent > timedelta(hours=3):
        return rows, f"windows of {along.level}"
    after = _answers(ctx, cluster, replace(along, since=recent, level="samples"), bound, questions("samples"))
    for at, row in after.items():
        rows.setdefault(at, row)  # a step that has a window keeps it: half a step of samples would say something else
    return rows, f"windows of {along.level}, samples after {recent:%H:%M} UTC"


def _answers(ctx: Context, cluster: str, along: Axis, bound: Mapping[str, Any], questions: tuple[str, ...]) -> Rows:
    named = {"cluster": cluster, "since": along.since, "until": along.until, "step": along.step.total_seconds(), **bound}
    rows: Rows = {}
    for question in questions:
        for row in ctx.warehouse.query(question, named).iter_rows(named=True):
            known = rows.setdefault(row["step_end"], {})
            newest = max((at for at in (known.get("newest"), row.get("newest")) if at is not None), default=None)
            known |= row | {"newest": newest}
    return rows


def _series(
    ctx: Context,
    along: Axis,
    rows: Rows,
    units: Mapping[str, str],
    source: str,
    formula: str,
    marks: list[Mark],
) -> Series:
    times = along.times
    return Series(
        since=along.since,
        until=along.until,
        step=along.step,
        times=times,
        lines=tuple(
            Line(name, unit, tuple(rows[at].get(name) if at in rows else None for at in times)) for name, unit in units.items()
        ),
        as_of=max((row["newest"] for row in rows.values() if row.get("newest")), default=None),
        source=source,
        formula=formula,
        marks=tuple(sorted(marks, key=lambda mark: mark.at)),
        gaps=gaps.between(ctx, along.since, along.until),
    )
