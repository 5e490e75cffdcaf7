"""Requests against what was used: the evidence from the warehouse and the suggestions from it. Asked through `capacity`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from app.context import Context
from app.services import room
from app.services.room import Facts
from models.domain import rightsizing as rules
from models.domain.access import Permission
from models.domain.cluster import Container, Pod
from models.domain.errors import Invalid
from models.domain.rightsizing import Evidence, Sizing

MOST_DAYS = 90
EVIDENCE_KEPT = timedelta(minutes=5)
Key = tuple[str, str, str]
"""Namespace, workload, container."""

EVIDENCE = """
SELECT namespace, uid, pod, container, count(*) AS windows, min(t) AS first, max(t) AS last,
  quantile_cont(cpu_usage_seconds_total_inc / (covered_ms / 1000), 0.95)
    FILTER (covered_ms > 0 AND cpu_usage_seconds_total_inc IS NOT NULL) AS cpu_p95,
  max(memory_working_set_bytes_max) AS memory_max
FROM pod_5m WHERE cluster = $cluster AND t > $since AND t <= $until AND memory_working_set_bytes_max IS NOT NULL
GROUP BY namespace, uid, pod, container"""
KILLS = """
SELECT namespace, uid, pod, container, count(DISTINCT last_finished_at) AS kills
FROM pod_state WHERE cluster = $cluster AND ts > $since AND ts <= $until AND last_reason = 'OOMKilled' AND last_finished_at > $since
GROUP BY namespace, uid, pod, container"""
FORMULA = (
    "CPU: 95th percentile of 5-minute averages; memory: largest working set x 1.15, after a kill for memory the limit x 1.25; "
    "of each workload the busiest pod counts; savings are per pod x pods, only reductions added up"
)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A right-sizing suggestion for one container of a workload, with its evidence."""

    namespace: str
    workload: str
    container: str
    organization_id: str | None
    organization: str
    instance_id: str | None
    pods: int
    cpu_request: float
    cpu_suggested: float
    cpu_p95: float
    memory_request: int
    memory_suggested: int
    memory_max: int
    samples: int
    days: float
    oom_peak: int | None
    saves_cpu: float
    saves_memory: int
    reason: str


@dataclass(frozen=True, slots=True)
class RightSizing:
    suggestions: tuple[Suggestion, ...]
    saves_cpu: float
    saves_memory: int
    too_small: int
    """Suggestions that raise a request."""
    skipped: int
    """Containers with too few samples."""
    since: datetime
    as_of: datetime
    source: str
    formula: str


@dataclass(slots=True)
class _Measured:
    """What was seen of one container of a workload, over all its pods."""

    windows: int = 0
    first: datetime | None = None
    last: datetime | None = None
    cpu_p95: float = 0.0
    memory_max: float = 0.0
    kills: int = 0

    def see(self, row: Mapping[str, Any]) -> None:
        self.windows += row["windows"]
        self.first = min(self.first or row["first"], row["first"])
        self.last = max(self.last or row["last"], row["last"])
        self.cpu_p95 = max(self.cpu_p95, row["cpu_p95"] or 0.0)
        self.memory_max = max(self.memory_max, row["memory_max"])

    @property
    def days(self) -> float:
        return (self.last - self.first) / timedelta(days=1) if self.first is not None and self.last is not None else 0.0


def rightsizing(ctx: Context, *, days: int = 14, limit: int = 200) -> RightSizing:
    """Requests that are far from what is used, with evidence, largest saving first."""
    ctx.require(Permission.SEE_CLUSTER)
    if not 1 <= days <= MOST_DAYS:
        raise Invalid(f"Evidence is taken from 1 to {MOST_DAYS} days; {days} were asked for.", field="days")
    if limit < 1:
        raise Invalid("At least one suggestion must be asked for.", field="limit")

    def found() -> RightSizing:
        return _rightsizing(ctx, days)

    whole = ctx.keep("rightsizing", found, days, of=("store", "warehouse", "cluster"))
    return replace(whole, suggestions=whole.suggestions[:limit])


def _rightsizing(ctx: Context, days: int) -> RightSizing:
    """With all suggestions."""
    facts = room.load(ctx)
    since = ctx.now - timedelta(days=days)
    running = _running(facts.active())
    seen = _seen(ctx, facts.snapshot.cluster, days, running)
    found: list[Suggestion] = []
    skipped = 0
    for key, pods in running.items():
        container = _container(pods[0], key[2])
        measured = seen.get(key, _Measured())
        evidence = _evidence(container, measured)
        if not rules.enough(evidence):
            skipped += 1
            continue
        sizing = rules.suggest(evidence)
        if sizing is not None:
            found.append(_suggestion(facts, key, pods, evidence, measured, sizing))
    whole = {"cpu": facts.level("cpu").allocatable or 1.0, "memory": facts.level("memory").allocatable or 1.0}
    found.sort(key=lambda one: (-(one.saves_cpu / whole["cpu"] + one.saves_memory / whole["memory"]), one.namespace, one.container))
    ends = [one.last for one in seen.values() if one.last is not None]
    return RightSizing(
        suggestions=tuple(found),
        saves_cpu=sum((max(0.0, one.saves_cpu) for one in found), 0.0),
        saves_memory=sum(max(0, one.saves_memory) for one in found),
        too_small=sum(one.saves_cpu < 0 or one.saves_memory < 0 for one in found),
        skipped=skipped,
        since=since,
        as_of=max(ends, default=ctx.now),
        source="5m (warehouse views pod_5m, pod_state)",
        formula=FORMULA,
    )


def _running(pods: Iterable[Pod]) -> dict[Key, list[Pod]]:
    """The pods of each container that runs now; what a Job runs is over before a request could be changed."""
    found: dict[Key, list[Pod]] = defaultdict(list)
    for pod in pods:
        if pod.owner_kind != "Job":
            for container in pod.containers:
                found[pod.namespace, pod.owner_name or pod.name, container.name].append(pod)
    return found


def _seen(ctx: Context, cluster: str, days: int, running: Mapping[Key, list[Pod]]) -> dict[Key, _Measured]:
    """Measurements by workload, with those of pods that it had before: their names say whose they were."""
    workloads = _Workloads(running)
    bound = {"cluster": cluster, "since": ctx.now - timedelta(days=days), "until": ctx.now}

    def evidence() -> pl.DataFrame:
        return ctx.warehouse.query(EVIDENCE, bound)

    found: dict[Key, _Measured] = defaultdict(_Measured)
    windows = ctx.keep("rightsizing.evidence", evidence, cluster, days, of=("windows",), most=EVIDENCE_KEPT)
    for row in windows.iter_rows(named=True):
        owner = workloads.of(row["namespace"], row["uid"], row["pod"])
        if owner is not None:
            found[row["namespace"], owner, row["container"]].see(row)
    for row in ctx.warehouse.query(KILLS, bound).iter_rows(named=True):
        owner = workloads.of(row["namespace"], row["uid"], row["pod"])
        if owner is not None:
            found[row["namespace"], owner, row["container"]].kills += row["kills"]
    return found


class _Workloads:
    """Whose a pod is or was."""

    def __init__(self, running: Mapping[Key, list[Pod]]) -> None:
        self._by_uid: dict[str, str] = {}
        self._named: dict[str, list[tuple[re.Pattern[str], str]]] = defaultdict(list)
        for (namespace, owner, _), pods in running.items():
            self._by_uid |= {pod.uid: owner for pod in pods}
            tail = _TAILS.get(pods[0].owner_kind)
            if tail is not None:
                self._named[namespace].append((re.compile(re.escape(owner) + tail), owner))

    def of(self, namespace: str, uid: str, name: str | None) -> str | None:
        known = self._by_uid.get(uid)
        if known is not None:
            return known
        return next((owner for pattern, owner in self._named[namespace] if pattern.fullmatch(name or "")), None)


_TAILS: Mapping[str, str] = {
    "Deployment": r"-[a-z0-9]{1,10}-[a-z0-9]{5}",
    "ReplicaSet": r"-[a-z0-9]{5}",
    "DaemonSet": r"-[a-z0-9]{5}",
    "StatefulSet": r"-\d+",
}
"""What controllers append to their name for that of a pod."""


def _container(pod: Pod, name: str) -> Container:
    return next(container for container in pod.containers if container.name == name)


def _evidence(container: Container, measured: _Measured) -> Evidence:
    return Evidence(
        samples=measured.windows,
        days=measured.days,
        cpu_p95=measured.cpu_p95,
        memory_max=measured.memory_max,
        cpu_request=container.request.cpu,
        memory_request=container.request.memory,
        memory_limit=container.limit.memory,
        oom_kills=measured.kills,
    )


def _suggestion(facts: Facts, key: Key, pods: list[Pod], evidence: Evidence, measured: _Measured, sizing: Sizing) -> Suggestion:
    namespace, workload, container = key
    organization = facts.names.organization_id(namespace)
    peak = max(evidence.memory_max, evidence.memory_limit) if evidence.oom_kills else None
    return Suggestion(
        namespace=namespace,
        workload=workload,
        container=container,
        organization_id=organization,
        organization=facts.names.organization(organization),
        instance_id=facts.names.instance_id(namespace),
        pods=len(pods),
        cpu_request=evidence.cpu_request,
        cpu_suggested=sizing.cpu,
        cpu_p95=evidence.cpu_p95,
        memory_request=int(evidence.memory_request),
        memory_suggested=sizing.memory,
        memory_max=int(evidence.memory_max),
        samples=evidence.samples,
        days=round(measured.days, 2),
        oom_peak=int(peak) if peak is not None else None,
        saves_cpu=sizing.saves_cpu(evidence) * len(pods),
        saves_memory=sizing.saves_memory(evidence) * len(pods),
        reason=sizing.reason,
    )
