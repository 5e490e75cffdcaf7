"""What machines tell of themselves now and counted lately, as the rules of trouble want it. For other services, which check rights."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from app.absence import Parts, Strict
from app.context import Context
from app.services import present
from models.domain.cluster import Node
from models.domain.trouble_machines import LATELY, FilesystemUse, MachineUse

WRITTEN = timedelta(days=7)
"""How far back is looked for the last time that a file system took writes."""

COUNTED = """
SELECT node, sum(covered_ms) / 1000 AS seconds, sum(evictions_total_inc) AS evictions,
  sum(coalesce(network_receive_drops_total_inc, 0) + coalesce(network_transmit_drops_total_inc, 0))
    FILTER (network_receive_drops_total_inc IS NOT NULL OR network_transmit_drops_total_inc IS NOT NULL) AS drops,
  sum(coalesce(network_receive_errors_total_inc, 0) + coalesce(network_transmit_errors_total_inc, 0))
    FILTER (network_receive_errors_total_inc IS NOT NULL OR network_transmit_errors_total_inc IS NOT NULL) AS errors,
  sum(network_receive_bytes_total_inc + network_transmit_bytes_total_inc) AS network_bytes,
  sum(pleg_relists_total_inc) AS relists, sum(pleg_relists_over_10s_total_inc) AS relists_over_10s,
  sum(major_page_faults_total_inc) AS page_faults, sum(disk_io_weighted_seconds_total_inc) AS disk_wait_seconds
FROM node_5m WHERE cluster = $cluster AND t > $since AND ($node IS NULL OR node = $node) GROUP BY node"""
WROTE = """
SELECT node, mountpoint, max(t) AS newest FROM filesystem_5m
WHERE cluster = $cluster AND t > $since AND read_only_avg < 1 AND list_contains($nodes, node) GROUP BY node, mountpoint"""

Place = tuple[str, str]
"""Node and mount point."""


def use(
    ctx: Context, cluster: str, nodes: Mapping[str, Node], *, only: str | None = None, parts: Parts | None = None
) -> Sequence[MachineUse]:
    """Of each of `nodes` that is measured now, by name; `only` of one. With `parts`, while the warehouse is away, without what was
    counted lately."""
    parts = parts or Strict()
    current = present.fresh(ctx, "node").filter(pl.col("node").is_in([only] if only is not None else list(nodes)))
    if current.is_empty():
        return []
    since = ctx.now - LATELY
    counted = parts.ask(lambda: ctx.warehouse.query(COUNTED, {"cluster": cluster, "since": since, "node": only}))
    lately = {row.pop("node"): row for row in counted.iter_rows(named=True)} if counted is not None else {}
    mounted = _filesystems(ctx, cluster, set(current["node"]), parts)
    return [
        MachineUse(
            node=row["node"],
            filesystems=tuple(mounted.get(row["node"], ())),
            conntrack_entries=row["conntrack_entries"],
            conntrack_limit=row["conntrack_limit"],
            clock_offset_seconds=row["clock_offset_seconds"],
            clock_synced=_flag(row["clock_synced"]),
            certificate_seconds=row["kubelet_certificate_seconds"],
            running_pods=row["running_pods"],
            pods_limit=nodes[row["node"]].allocatable.pods or None,
            cpu_waiting_share=row["cpu_pressure_seconds_per_second"],
            memory_waiting_share=row["memory_pressure_seconds_per_second"],
            disk_waiting_share=row["io_pressure_seconds_per_second"],
            steal_share=_share(row["cpu_steal_seconds_per_second"], row["cpu_seconds_per_second"]),
            **lately.get(row["node"], {}),
        )
        for row in current.sort("node").iter_rows(named=True)
        if row["node"] in nodes
    ]


def _filesystems(ctx: Context, cluster: str, nodes: set[str], parts: Parts) -> Mapping[str, Sequence[FilesystemUse]]:
    frame = present.fresh(ctx, "filesystem").filter(pl.col("node").is_in(nodes)).sort("node", "mountpoint")
    rows: Iterable[dict[str, Any]] = list(frame.iter_rows(named=True))
    shut = sorted({row["node"] for row in rows if row["read_only"]})
    wrote = (parts.ask(lambda: _wrote(ctx, cluster, shut)) if shut else None) or {}
    found: dict[str, list[FilesystemUse]] = defaultdict(list)
    for row in rows:
        found[row["node"]].append(
            FilesystemUse(
                mountpoint=row["mountpoint"],
                size_bytes=row["size_bytes"],
                available_bytes=row["available_bytes"],
                inodes=row["inodes"],
                inodes_free=row["inodes_free"],
                read_only=_flag(row["read_only"]),
                wrote_until=wrote.get((row["node"], row["mountpoint"])),
            )
        )
    return found


def _wrote(ctx: Context, cluster: str, nodes: Sequence[str]) -> Mapping[Place, datetime]:
    """When each file system of these nodes was last seen to take writes."""
    rows = ctx.warehouse.query(WROTE, {"cluster": cluster, "since": ctx.now - WRITTEN, "nodes": list(nodes)})
    return {(node, mountpoint): at for node, mountpoint, at in rows.iter_rows()}


def _share(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


def _flag(value: float | None) -> bool | None:
    return None if value is None else value >= 0.5
