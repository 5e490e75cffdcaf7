"""The newest measurements, added up by pod and by node. For other services, which check rights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from app.context import Context
from collectors.latest import forget_after


@dataclass(frozen=True, slots=True)
class PodUse:
    """What a pod uses now: cores and bytes, summed over its containers. None: not measured."""

    cpu: float | None
    memory: float | None
    at: datetime


@dataclass(frozen=True, slots=True)
class ContainerUse:
    cpu: float | None
    memory: float | None
    throttled_share: float | None
    at: datetime


@dataclass(frozen=True, slots=True)
class NodeUse:
    """What a node uses now, of the machine as a whole: cores, bytes, share of its root file system."""

    cpu: float | None
    memory: float | None
    disk_share: float | None
    load1: float | None
    at: datetime


def fresh(ctx: Context, entity: str) -> pl.DataFrame:
    """The newest row of each thing, without those that are too old to be called now: a source may be silent for hours."""
    return of_now(ctx.cluster.current(entity), ctx.now, ctx.tick)


def of_now(frame: pl.DataFrame, now: datetime, tick: timedelta) -> pl.DataFrame:
    """Those of the newest rows that are young enough to be called now."""
    return frame if frame.is_empty() else frame.filter(pl.col("ts") > now - forget_after(tick))


def _total(column: str) -> pl.Expr:
    """Sum that is NULL when nothing is known, not 0."""
    return pl.when(pl.col(column).count() > 0).then(pl.col(column).sum())


def pods(ctx: Context) -> Mapping[str, PodUse]:
    """By uid."""
    frame = fresh(ctx, "pod")
    summed = frame.group_by("uid").agg(
        _total("cpu_usage_seconds_per_second").alias("cpu"),
        _total("memory_working_set_bytes").alias("memory"),
        pl.col("ts").max().alias("at"),
    )
    return {uid: PodUse(cpu, memory, at) for uid, cpu, memory, at in summed.iter_rows()}


def containers(ctx: Context, uid: str) -> Mapping[str, ContainerUse]:
    """Of one pod, by container."""
    frame = fresh(ctx, "pod").filter(pl.col("uid") == uid)
    periods = pl.col("cpu_cfs_periods_per_second")
    rows = frame.select(
        "container",
        "cpu_usage_seconds_per_second",
        "memory_working_set_bytes",
        pl.when(periods > 0).then(pl.col("cpu_cfs_throttled_periods_per_second") / periods),
        "ts",
    )
    return {name: ContainerUse(cpu, memory, throttled, at) for name, cpu, memory, throttled, at in rows.iter_rows()}


def nodes(ctx: Context) -> Mapping[str, NodeUse]:
    """By name. CPU is all time that was not idle, waiting for a disk or kept by the hypervisor."""
    frame = fresh(ctx, "node")
    steal = pl.col("cpu_steal_seconds_per_second").fill_null(0.0)
    rows = frame.select(
        "node",
        (pl.col("cpu_seconds_per_second") - pl.col("cpu_idle_seconds_per_second") - steal).alias("cpu"),
        (pl.col("memory_total_bytes") - pl.col("memory_available_bytes")).alias("memory"),
        (1 - pl.col("filesystem_available_bytes") / pl.col("filesystem_size_bytes")).alias("disk"),
        "load1",
        "ts",
    )
    return {name: NodeUse(cpu, memory, disk, load1, at) for name, cpu, memory, disk, load1, at in rows.iter_rows()}


def newest(frame: pl.DataFrame) -> datetime | None:
    """The newest sample in a frame of current values."""
    at: Any = frame["ts"].max() if not frame.is_empty() else None
    return at if isinstance(at, datetime) else None
