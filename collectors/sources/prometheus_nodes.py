"""Machines: what node-exporter and kube-state-metrics say of each, under the name that the cluster gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import polars as pl

from collectors.entities import NODE
from collectors.frames import entity_frame
from collectors.sources.prometheus_samples import column, moments, newest, total

WHO = ("node", "kubernetes_node", "nodename", "instance")
LABELS: Mapping[str, Sequence[str]] = {
    "node_cpu": (*WHO, "cpu", "mode"),
    "node_received": (*WHO, "device"),
    "node_sent": (*WHO, "device"),
    "node_disk_busy": (*WHO, "device"),
    "node_page_faults": WHO,
    "node_oom_kills": WHO,
    "node_memory_total": WHO,
    "node_memory_available": WHO,
    "node_disk_size": WHO,
    "node_disk_available": WHO,
    "node_load": WHO,
    "node_boot": WHO,
    "node_info": ("node", "internal_ip"),
    "node_capacity": ("node",),
    "node_allocatable": ("node", "resource"),
    "node_conditions": ("node", "condition"),
    "node_cordoned": ("node",),
}
FACTS = ("node_boot", "node_info")
_SUMS = {
    "network_receive_bytes_total": "node_received",
    "network_transmit_bytes_total": "node_sent",
    "disk_io_seconds_total": "node_disk_busy",
}
_SINGLE = {
    "major_page_faults_total": "node_page_faults",
    "oom_kills_total": "node_oom_kills",
    "memory_total_bytes": "node_memory_total",
    "memory_available_bytes": "node_memory_available",
    "filesystem_size_bytes": "node_disk_size",
    "filesystem_available_bytes": "node_disk_available",
    "load1": "node_load",
    "cpu_capacity_cores": "node_capacity",
    "unschedulable": "node_cordoned",
}
_MODES = {
    "cpu_seconds_total": None,
    "cpu_idle_seconds_total": ["idle", "iowait"],
    "cpu_steal_seconds_total": ["steal"],
}
# guest time is part of user time already
_COUNTED_TWICE = ["guest", "guest_nice"]
_ALLOCATABLE = {"cpu_allocatable_cores": "cpu", "memory_allocatable_bytes": "memory", "pods_allocatable": "pods"}
_CONDITIONS = {
    "ready": "Ready",
    "memory_pressure": "MemoryPressure",
    "disk_pressure": "DiskPressure",
    "pid_pressure": "PIDPressure",
}
KEY = ("node",)


@dataclass(frozen=True, slots=True)
class Nodes:
    """Frame rows with `tick`; `unknown` instances belong to no node of the cluster."""

    rows: pl.DataFrame
    unknown: tuple[str, ...]


def node_rows(found: Mapping[str, pl.DataFrame], inventory: pl.DataFrame) -> Nodes:
    """`inventory` has `node` and `address` of the nodes that the cluster lists."""
    told = found["node_info"].select("node", pl.col("internal_ip").alias("address"))
    known = pl.concat([told, inventory.select("node", "address")]).unique()
    named = {name: _named(table, known) if "instance" in table.columns else table for name, table in found.items()}
    strange = pl.concat([t.filter(pl.col("node") == "").select("instance") for t in named.values() if "instance" in t.columns])
    named = {name: table.filter(pl.col("node") != "") for name, table in named.items()}
    columns, times = [], []
    cpu = named["node_cpu"].filter(~pl.col("mode").is_in(_COUNTED_TWICE))
    for metric, modes in _MODES.items():
        part = cpu if modes is None else cpu.filter(pl.col("mode").is_in(modes))
        summed = total(part, KEY, ["cpu", "mode"])
        columns.append(column(summed, metric, KEY))
        times.append(summed)
    for metric, name in _SUMS.items():
        columns.append(column(total(named[name], KEY, ["device"]), metric, KEY))
    for metric, name in _SINGLE.items():
        kept = newest(named[name], KEY)
        columns.append(column(kept, metric, KEY))
        times.append(kept)
    for metric, resource in _ALLOCATABLE.items():
        kept = newest(named["node_allocatable"].filter(pl.col("resource") == resource), KEY)
        columns.append(column(kept, metric, KEY))
        times.append(kept)
    for metric, condition in _CONDITIONS.items():
        kept = newest(named["node_conditions"].filter(pl.col("condition") == condition), KEY)
        columns.append(column(kept, metric, KEY))
        times.append(kept)
    rows = reduce(lambda left, right: left.join(right, on=[*KEY, "tick"], how="full", coalesce=True), columns)
    ranked = pl.concat([t.select(*KEY, "tick", "ts").with_columns(pl.lit(i).alias("rank")) for i, t in enumerate(times)])
    first = ranked.sort("rank").unique([*KEY, "tick"], keep="first").drop("rank")
    boots = moments(named["node_boot"].select("node", "value"), "started_at").sort("started_at").unique("node", keep="last")
    rows = rows.join(first, on=[*KEY, "tick"], how="inner").join(boots, on="node", how="left")
    return Nodes(rows, tuple(sorted(strange["instance"].unique())))


def frame(rows: pl.DataFrame) -> pl.DataFrame:
    return entity_frame(NODE, rows)


def _named(table: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """`table` with the cluster's name of each node; empty where none fits.

    A label that says a known name wins; else the instance is a node's address or name, perhaps with a port. While nobody knows
    the nodes, the label or the instance is believed.
    """
    said = pl.coalesce(pl.when(pl.col(name) != "").then(name) for name in WHO[:3])
    host = pl.col("instance").str.replace(r":\d+$", "").str.strip_chars("[]")
    if known.is_empty():
        return table.with_columns(pl.coalesce(said, host).alias("node"))
    names = known.select("node").unique()
    addresses = known.filter(pl.col("address") != "").unique("address")
    table = table.with_columns(said.alias("said"), host.alias("host"))
    table = table.join(names.rename({"node": "said"}).with_columns(pl.col("said").alias("by_label")), on="said", how="left")
    table = table.join(addresses.select(pl.col("address").alias("host"), pl.col("node").alias("by_address")), on="host", how="left")
    table = table.join(names.rename({"node": "host"}).with_columns(pl.col("host").alias("by_name")), on="host", how="left")
    return table.with_columns(pl.coalesce("by_label", "by_address", "by_name", pl.lit("")).alias("node"))
