"""Machines: what node-exporter and kube-state-metrics say of each, under the name that the cluster gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import polars as pl

from collectors.sources.prometheus_samples import LABEL_VALUE, METRIC, column, moments, newest, total, wide

WHO = ("node", "kubernetes_node", "nodename", "instance")
LABELS: Mapping[str, Sequence[str]] = {
    "node_cpu": (*WHO, "cpu", "mode"),
    "node_network": (*WHO, METRIC, "device"),
    "node_disk": (*WHO, METRIC, "device"),
    "node_machine": (*WHO, METRIC),
    "node_filesystem": (*WHO, METRIC, "mountpoint", "device", "fstype"),
    "node_boot": WHO,
    "node_kubelet": (*WHO, METRIC, "le", "eviction_signal"),
    "node_facts": ("node", METRIC, "internal_ip", "role", "key", "value", "effect"),
    "node_capacity": ("node",),
    "node_allocatable": ("node", "resource"),
    "node_conditions": ("node", "condition"),
    "node_cordoned": ("node",),
}
FACTS = ("node_boot", "node_facts")
_NETWORK = {
    "network_receive_bytes_total": "node_network_receive_bytes_total",
    "network_transmit_bytes_total": "node_network_transmit_bytes_total",
    "network_receive_drops_total": "node_network_receive_drop_total",
    "network_transmit_drops_total": "node_network_transmit_drop_total",
    "network_receive_errors_total": "node_network_receive_errs_total",
    "network_transmit_errors_total": "node_network_transmit_errs_total",
}
_DISK = {
    "disk_io_seconds_total": "node_disk_io_time_seconds_total",
    "disk_io_weighted_seconds_total": "node_disk_io_time_weighted_seconds_total",
}
_MACHINE = {
    "major_page_faults_total": "node_vmstat_pgmajfault",
    "oom_kills_total": "node_vmstat_oom_kill",
    "memory_total_bytes": "node_memory_MemTotal_bytes",
    "memory_available_bytes": "node_memory_MemAvailable_bytes",
    "load1": "node_load1",
    "conntrack_entries": "node_nf_conntrack_entries",
    "conntrack_limit": "node_nf_conntrack_entries_limit",
    "clock_offset_seconds": "node_timex_offset_seconds",
    "clock_synced": "node_timex_sync_status",
    "cpu_pressure_seconds_total": "node_pressure_cpu_waiting_seconds_total",
    "memory_pressure_seconds_total": "node_pressure_memory_waiting_seconds_total",
    "memory_stall_seconds_total": "node_pressure_memory_stalled_seconds_total",
    "io_pressure_seconds_total": "node_pressure_io_waiting_seconds_total",
    "io_stall_seconds_total": "node_pressure_io_stalled_seconds_total",
}
_FILESYSTEM = {
    "size_bytes": "node_filesystem_size_bytes",
    "available_bytes": "node_filesystem_avail_bytes",
    "inodes": "node_filesystem_files",
    "inodes_free": "node_filesystem_files_free",
    "read_only": "node_filesystem_readonly",
}
_KUBELET = {
    "running_pods": "kubelet_running_pods",
    "kubelet_certificate_seconds": "kubelet_certificate_manager_client_ttl_seconds",
    "evictions_total": "kubelet_evictions",
}
_RELISTS = {"pleg_relists_total": "+Inf", "pleg_relists_over_1s_total": "1", "pleg_relists_over_10s_total": "10"}
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
AT = ("node", "tick")


@dataclass(frozen=True, slots=True)
class Nodes:
    """Frame rows with `tick`; `unknown` instances belong to no node of the cluster."""

    rows: pl.DataFrame
    filesystems: pl.DataFrame
    unknown: tuple[str, ...]


def node_rows(found: Mapping[str, pl.DataFrame], inventory: pl.DataFrame) -> Nodes:
    """`inventory` has `node` and `address` of the nodes that the cluster lists."""
    facts = found["node_facts"]
    told = facts.filter(pl.col(METRIC) == "kube_node_info").select("node", pl.col("internal_ip").alias("address"))
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
    machine = wide(newest(named["node_machine"], [*KEY, METRIC]), KEY, METRIC, _MACHINE)
    machine = machine.with_columns(pl.col("clock_offset_seconds").abs())
    disks = filesystem_rows(named["node_filesystem"])
    columns += [
        machine,
        wide(total(named["node_network"], [*KEY, METRIC], ["device"]), KEY, METRIC, _NETWORK),
        wide(total(named["node_disk"], [*KEY, METRIC], ["device"]), KEY, METRIC, _DISK),
        _kubelet(named["node_kubelet"]),
        _worst(disks),
    ]
    for table, label, wanted in (("node_allocatable", "resource", _ALLOCATABLE), ("node_conditions", "condition", _CONDITIONS)):
        columns.append(wide(newest(named[table], [*KEY, label]), KEY, label, wanted))
        times.append(columns[-1])
    for metric, table in (("cpu_capacity_cores", "node_capacity"), ("unschedulable", "node_cordoned")):
        kept = newest(named[table], KEY)
        columns.append(column(kept, metric, KEY))
        times.append(kept)
    columns = [table.drop("ts", strict=False) for table in columns]
    rows = reduce(lambda left, right: left.join(right, on=AT, how="full", coalesce=True), columns)
    ranked = pl.concat([t.select(*AT, "ts").with_columns(pl.lit(i).alias("rank")) for i, t in enumerate([machine, *times])])
    first = ranked.sort("rank").unique(AT, keep="first").drop("rank")
    boots = moments(named["node_boot"].select("node", "value"), "started_at").sort("started_at").unique("node", keep="last")
    rows = rows.join(first, on=AT, how="inner").join(boots, on="node", how="left").join(_standing(facts), on="node", how="left")
    return Nodes(rows, disks, tuple(sorted(strange["instance"].unique())))


def filesystem_rows(table: pl.DataFrame) -> pl.DataFrame:
    """Frame rows with `tick` of each file system once: a disk that is mounted at several places is listed at the shortest path."""
    place = ("node", "mountpoint")
    kept = newest(table, [*place, METRIC])
    rows = wide(kept, place, METRIC, _FILESYSTEM)
    rows = rows.join(kept.group_by(*place, "tick").agg(pl.col("device", "fstype").last()), on=[*place, "tick"])
    # what makes its inodes as needed says that it has none
    rows = rows.with_columns(pl.when(pl.col("inodes") > 0).then(pl.col("inodes", "inodes_free")))
    disk = pl.when(pl.col("device").str.starts_with("/")).then("device").otherwise(pl.format("{} {}", "device", "mountpoint"))
    ordered = rows.filter(pl.col("size_bytes").is_null() | (pl.col("size_bytes") > 0)).with_columns(disk.alias("disk"))
    ordered = ordered.sort(pl.col("mountpoint").str.len_chars(), "mountpoint")
    return ordered.unique([*AT, "disk"], keep="first", maintain_order=True).drop("disk")


def _worst(disks: pl.DataFrame) -> pl.DataFrame:
    """Of each node what its root file system has, and how it is with the worst of all."""
    root = pl.col("mountpoint") == "/"
    return disks.group_by(AT).agg(
        pl.col("size_bytes").filter(root).first().alias("filesystem_size_bytes"),
        pl.col("available_bytes").filter(root).first().alias("filesystem_available_bytes"),
        (1 - pl.col("available_bytes") / pl.col("size_bytes")).max().alias("filesystem_fullest_share"),
        (1 - pl.col("inodes_free") / pl.col("inodes")).max().alias("inodes_fullest_share"),
        pl.when(pl.col("read_only").count() > 0).then(pl.col("read_only").sum()).alias("filesystems_read_only"),
    )


def _kubelet(table: pl.DataFrame) -> pl.DataFrame:
    """What kubelets say of themselves. One that answers and names no eviction has made none since it started."""
    kept = total(table.filter(pl.col("le") == ""), [*KEY, METRIC], ["eviction_signal"])
    rows = wide(kept, KEY, METRIC, _KUBELET)
    none = pl.when(pl.col("running_pods").is_not_null()).then(0.0)
    bounds = table.filter(pl.col("le") != "").with_columns(pl.col("le").str.strip_suffix(".0"))
    relists = wide(newest(bounds, [*KEY, "le"]), KEY, "le", _RELISTS).drop("ts")
    most = pl.col("pleg_relists_total")
    slow = [(most - pl.col(name)).alias(name) for name in _RELISTS if name != "pleg_relists_total"]
    rows = rows.with_columns(pl.col("evictions_total").fill_null(none))
    return rows.join(relists.with_columns(slow), on=AT, how="full", coalesce=True)


def _standing(facts: pl.DataFrame) -> pl.DataFrame:
    """Roles and taints of the nodes that kube-state-metrics lists, as words; empty where there is none."""
    told = pl.when(pl.col(LABEL_VALUE) != "").then(pl.format("{}={}", "key", LABEL_VALUE)).otherwise("key")
    listed = facts.filter(pl.col(METRIC) == "kube_node_info").select("node").unique()
    for name, metric, word in (
        ("roles", "kube_node_role", pl.col("role")),
        ("taints", "kube_node_spec_taint", pl.format("{}:{}", told, "effect")),
    ):
        words = facts.filter(pl.col(METRIC) == metric).select("node", word.alias(name)).unique().sort("node", name)
        listed = listed.join(words.group_by("node", maintain_order=True).agg(pl.col(name).str.join(",")), on="node", how="left")
    return listed.with_columns(pl.col("roles", "taints").fill_null(""))


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
