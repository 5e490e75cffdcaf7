"""What hurts now: what the rules of trouble want to know, from samples and records. For other services, which check rights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

import polars as pl

from app.absence import Parts, Strict
from app.context import Context
from app.services import answers, gaps, ingress, machines, present
from app.services.directory import Directory
from models.domain import trouble as rules
from models.domain.cluster import Snapshot
from models.domain.trouble import OOM_LOOKBACK, Kind, MemoryUse, OomKill, SourceAge, Trouble, VolumeUse
from models.domain.trouble_ingress import of_ingress

CRASH_LOOKBACK = timedelta(hours=24)
FILLING_LOOKBACK = timedelta(hours=6)
"""What the time until a volume is full is judged from (KubePersistentVolumeFillingUp of kubernetes-mixin)."""

OOMS = """
SELECT namespace, any_value(pod) AS pod, uid, container, max(last_finished_at) AS newest, count(DISTINCT last_finished_at) AS times
FROM pod_state WHERE cluster = $cluster AND ts > $since AND last_reason = 'OOMKilled' AND last_finished_at > $since
GROUP BY namespace, uid, container"""
CRASHES = """
SELECT uid, min(last_finished_at) AS began FROM pod_state
WHERE cluster = $cluster AND ts > $since AND last_finished_at > $since AND last_reason <> 'Completed' AND list_contains($uids, uid)
GROUP BY uid"""
FILLING = """
SELECT namespace, claim, regr_slope(available_bytes_avg, epoch(t)) AS slope FROM volume_5m
WHERE cluster = $cluster AND t > $since AND available_bytes_avg IS NOT NULL GROUP BY namespace, claim"""
"""Bytes a second by which the free space of a volume grows."""


def find(ctx: Context, snapshot: Snapshot, names: Directory, parts: Parts | None = None) -> tuple[Trouble, ...]:
    """Everything that is wrong at the context's time, worst first. With `parts`, as far as it is known without the warehouse while
    that is away: no kills of the past, no forecast of volumes, nothing that machines or apps counted, and crash loops since their
    newest failure."""
    parts = parts or Strict()
    judge = partial(
        rules.find,
        snapshot,
        ctx.now,
        owners=names.owners,
        ooms=parts.ask(lambda: _ooms(ctx, snapshot.cluster)) or (),
        memory=memory(ctx),
        volumes=volumes(ctx, snapshot.cluster, parts),
        machines=machines.use(ctx, snapshot.cluster, snapshot.nodes, parts=parts),
        sources=sources(ctx, parts),
        more=(*of_ingress(ingress.use(ctx)), *(parts.ask(lambda: answers.trouble(ctx, snapshot.cluster)) or ())),
    )
    found = judge()
    crashing = [one.subject.removeprefix("pod:") for one in found if one.kind is Kind.CRASH_LOOP]
    began = parts.ask(lambda: crashing_since(ctx, snapshot.cluster, crashing)) if crashing else None
    return judge(began=began) if began else found


def sources(ctx: Context, parts: Parts | None = None) -> Sequence[SourceAge]:
    """Every source that is expected and has delivered, with the usual distance of its ticks."""
    return [
        SourceAge(pace.source, pace.heard, pace.interval)
        for pace in gaps.paces(ctx, parts).values()
        if pace.heard is not None and pace.interval is not None  # a single tick has no distance to another one
    ]


def _ooms(ctx: Context, cluster: str) -> Sequence[OomKill]:
    rows = ctx.warehouse.query(OOMS, {"cluster": cluster, "since": ctx.now - OOM_LOOKBACK})
    return [
        OomKill(row["namespace"], row["pod"], row["uid"], row["container"], row["newest"], row["times"])
        for row in rows.iter_rows(named=True)
    ]


def crashing_since(ctx: Context, cluster: str, uids: Sequence[str]) -> Mapping[str, datetime]:
    """When the first of the failures of the last day was, by subject: the snapshot knows only the newest one."""
    rows = ctx.warehouse.query(CRASHES, {"cluster": cluster, "since": ctx.now - CRASH_LOOKBACK, "uids": list(uids)})
    return {f"pod:{uid}": began for uid, began in rows.select("uid", "began").iter_rows()}


def memory(ctx: Context) -> Sequence[MemoryUse]:
    """Containers that are about to be killed for memory."""
    frame = present.fresh(ctx, "pod")
    if frame.is_empty():
        return []
    near = frame.filter(
        pl.col("memory_limit_bytes") > 0, pl.col("memory_working_set_bytes") >= rules.NEAR_LIMIT * pl.col("memory_limit_bytes")
    )
    columns = ("uid", "container", "memory_working_set_bytes", "memory_limit_bytes")
    return [MemoryUse(*row) for row in near.select(columns).iter_rows()]


def _slopes(ctx: Context, cluster: str) -> Mapping[tuple[str, str], float | None]:
    """By namespace and claim."""
    rows = ctx.warehouse.query(FILLING, {"cluster": cluster, "since": ctx.now - FILLING_LOOKBACK})
    return {(namespace, claim): slope for namespace, claim, slope in rows.select("namespace", "claim", "slope").iter_rows()}


def volumes(ctx: Context, cluster: str, parts: Parts) -> Sequence[VolumeUse]:
    """How full each volume is, and in how many days it is full at this pace."""
    frame = present.fresh(ctx, "volume")
    if frame.is_empty():
        return []
    slopes = parts.ask(lambda: _slopes(ctx, cluster)) or {}
    found = []
    for row in frame.iter_rows(named=True):
        slope = slopes.get((row["namespace"], row["claim"]))
        free = row["available_bytes"]
        left = free / -slope / 86400 if slope is not None and slope < 0 and free is not None else None
        used, capacity = row["used_bytes"], row["capacity_bytes"]
        if free is not None and capacity:
            used = capacity - free  # what is kept back for root is not free either
        found.append(VolumeUse(row["namespace"], row["claim"], used, capacity, left, row["scope"] == "filesystem"))
    return found
