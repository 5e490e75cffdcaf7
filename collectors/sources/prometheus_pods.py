"""Containers of pods: cAdvisor's series, which carry no uid, joined to the pods that kube-state-metrics knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce

import polars as pl

from collectors.entities import POD
from collectors.frames import TIME, entity_frame
from collectors.sources.prometheus_samples import column, moments, newest, total

CADVISOR = ("namespace", "pod", "container", "id", "image", "name")
LABELS: Mapping[str, Sequence[str]] = {
    "cpu_usage": CADVISOR,
    "cpu_periods": CADVISOR,
    "cpu_throttled": CADVISOR,
    "memory_working_set": CADVISOR,
    "memory_rss": CADVISOR,
    "disk_read": (*CADVISOR, "device"),
    "disk_written": (*CADVISOR, "device"),
    "network_received": ("namespace", "pod", "id", "interface"),
    "network_sent": ("namespace", "pod", "id", "interface"),
    "labelled": ("namespace", "pod"),
    "pod_info": ("namespace", "pod", "uid", "node", "host_network"),
    "pod_started": ("uid",),
    "pod_completed": ("uid",),
    "pod_ended": ("uid",),
    "pod_ready": ("uid",),
    "restarts": ("uid", "container"),
    "requests": ("uid", "container", "resource"),
    "limits": ("uid", "container", "resource"),
}
FACTS = ("pod_info", "pod_started", "pod_completed", "pod_ended")
_OF_CONTAINER = {
    "cpu_usage_seconds_total": "cpu_usage",
    "cpu_cfs_periods_total": "cpu_periods",
    "cpu_cfs_throttled_periods_total": "cpu_throttled",
    "fs_reads_bytes_total": "disk_read",
    "fs_writes_bytes_total": "disk_written",
    "memory_working_set_bytes": "memory_working_set",
    "memory_rss_bytes": "memory_rss",
}
_OF_POD = {"network_receive_bytes_total": "network_received", "network_transmit_bytes_total": "network_sent"}
_TIME_BY = ("cpu_usage", "memory_working_set", "cpu_periods", "memory_rss", "disk_read", "disk_written")
"""Whose time is the row's: the counter that money is made of first."""
# of a pod's own control group, with either driver: .../pod<uid> or ...-pod<uid, underscores>.slice
_POD_GROUP = r"pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?$"
_UID_IN = r"pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12})"
KEY = ("uid", "container")
BEGINNING = timedelta(minutes=1)
"""A pod's control group is there before its first container, and seen earlier."""


@dataclass(frozen=True, slots=True)
class Pods:
    """Rows by the pod's columns with `tick`; `unknown` series fit no pod; `unlabelled` pods have no container labels."""

    rows: pl.DataFrame
    unknown: int
    unlabelled: int
    host_network: int


def known_pods(found: Mapping[str, pl.DataFrame], inventory: pl.DataFrame) -> pl.DataFrame:
    """One row per uid: namespace, pod, node, host_network, started_at, ended_at; `inventory` adds those that Prometheus lacks."""
    told = found["pod_info"].drop("value").sort("node").unique("uid", keep="last")
    more = inventory.join(told, on="uid", how="anti").select(*told.columns, pl.col("started_at").alias("also_started"))
    started = moments(found["pod_started"], "started_at").unique("uid", keep="last")
    completed = moments(found["pod_completed"], "ended_at").unique("uid", keep="last")
    ended = found["pod_ended"].select("uid", pl.lit(True).alias("ended")).unique("uid")
    pods = pl.concat([told.with_columns(pl.lit(None, TIME).alias("also_started")), more])
    pods = pods.join(started, on="uid", how="left").join(completed, on="uid", how="left").join(ended, on="uid", how="left")
    return pods.with_columns(pl.coalesce("started_at", "also_started").alias("started_at"), pl.col("ended").fill_null(False)).drop(
        "also_started"
    )


def pod_rows(found: Mapping[str, pl.DataFrame], pods: pl.DataFrame) -> Pods:
    """Everything joined to one wide row per container and window."""
    named = {name: _containers(found[name]) for name in _OF_CONTAINER.values()}
    # each control group is measured in its own rhythm: a window may hold the pod's sample and none of its container's
    named_here = [t.filter(pl.col("container") != "").select("namespace", "pod") for t in named.values()]
    labelled = pl.concat([*named_here, found["labelled"].select("namespace", "pod")]).unique()
    of_labelled = pods.join(labelled, on=["namespace", "pod"], how="semi")["uid"].implode()
    began = pods.select("uid", pl.col("started_at").alias("began"))
    single = _single(found)
    unknown, whole = 0, pl.DataFrame(schema={"uid": pl.String()})
    columns: list[pl.DataFrame] = []
    times: list[pl.DataFrame] = []
    for metric, name in _OF_CONTAINER.items():
        table = named[name].filter(pl.col("container") != "")
        # a runtime without container labels: the pod's own control group stands for its containers, never beside them
        group = named[name].filter(pl.col("container") == "").join(labelled, on=["namespace", "pod"], how="anti")
        table, lost = _with_uid(pl.concat([table, group]), pods)
        unknown += lost
        alone = (pl.col("began") <= pl.col("ts") - BEGINNING).fill_null(True) & ~pl.col("uid").is_in(of_labelled)
        table = table.join(began, on="uid", how="left").filter((pl.col("container") != "") | alone).drop("began")
        bare = table.filter(pl.col("container") == "")
        whole = pl.concat([whole, bare.select("uid")]).unique()
        table = table.join(single, on="uid", how="left").with_columns(
            pl.when(pl.col("container") == "").then(pl.col("only").fill_null("")).otherwise("container").alias("container")
        )
        per = [c for c in ("device",) if c in table.columns]
        kept = total(table, KEY, per) if per else newest(table, KEY)
        columns.append(column(kept, metric, KEY))
        if name in _TIME_BY:
            times.append(kept.select(*KEY, "tick", "ts"))
    states, state_times = _states(found)
    rows = _outer([*columns, *states], [*KEY, "tick"])
    rows = rows.join(_times([*times, *state_times]), on=[*KEY, "tick"], how="left")
    of_pods = []
    for metric, name in _OF_POD.items():
        table, lost = _with_uid(found[name].with_columns(pl.lit("").alias("container")), pods)
        unknown += lost
        of_pods.append(column(total(table, ["uid"], ["interface"]), metric, ["uid"]))
    of_pods.append(column(newest(found["pod_ready"], ["uid"]), "ready", ["uid"]))
    rows = _on_first_container(rows, _outer(of_pods, ["uid", "tick"]), pods)
    rows = rows.join(pods, on="uid", how="inner").filter(_alive())
    shared = pods.filter(pl.col("host_network") == "true")["uid"]
    return Pods(rows, unknown, whole.height, rows.filter(pl.col("uid").is_in(shared.implode()))["uid"].n_unique())


def frame(rows: pl.DataFrame) -> pl.DataFrame:
    return entity_frame(POD, rows)


def _containers(table: pl.DataFrame) -> pl.DataFrame:
    """Rows of containers, and with an empty container those of whole pods; no slices, no pause containers."""
    group = (pl.col("container") == "") & (pl.col("image") == "") & (pl.col("name") == "")
    group &= (pl.col("pod") != "") | pl.col("id").str.contains(_POD_GROUP)
    return table.filter(((pl.col("container") != "") & (pl.col("pod") != "")) | group)


def _with_uid(table: pl.DataFrame, pods: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """`table` with `uid`, and how many series have none. Of several pods of one name the control group or the age decides."""
    table = table.with_row_index("row")
    if "id" not in table.columns:
        table = table.with_columns(pl.lit("").alias("id"))
    joined = table.filter(pl.col("pod") != "").join(
        pods.select("namespace", "pod", "uid", "started_at"), on=["namespace", "pod"], how="left", maintain_order="left"
    )
    held = pl.col("id").str.replace_all("_", "-").str.extract(_UID_IN, 1) == pl.col("uid")
    ranked = joined.with_columns(
        held.fill_null(False).alias("held"), (pl.col("started_at") <= pl.col("ts")).fill_null(True).alias("begun")
    ).sort("row", "held", "begun", "started_at", nulls_last=False)
    best = ranked.unique("row", keep="last", maintain_order=True).drop("held", "begun", "started_at")
    # rows without any label but the control group's path
    bare = table.filter(pl.col("pod") == "").with_columns(
        pl.col("id").str.replace_all("_", "-").str.extract(_UID_IN, 1).alias("uid")
    )
    bare = bare.join(pods.select("uid"), on="uid", how="semi")
    both = pl.concat([best, bare.select(best.columns)])
    known = both.filter(pl.col("uid").is_not_null())
    return known.drop("row"), table.height - known.height


def _single(found: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The container of pods that have one only."""
    names = pl.concat([found[name].select(KEY) for name in ("restarts", "requests", "limits")]).unique()
    return (
        names.group_by("uid").agg(pl.col("container").first().alias("only"), pl.len().alias("n")).filter(pl.col("n") == 1).drop("n")
    )


def _states(found: Mapping[str, pl.DataFrame]) -> tuple[list[pl.DataFrame], list[pl.DataFrame]]:
    """What the API says of each container, by kube-state-metrics, and when."""
    restarts = newest(found["restarts"], KEY)
    columns, times = [column(restarts, "restarts_total", KEY)], [restarts.select(*KEY, "tick", "ts")]
    for name, kind in (("requests", "request"), ("limits", "limit")):
        table = newest(found[name], [*KEY, "resource"])
        for resource, unit in (("cpu", "cores"), ("memory", "bytes")):
            of_one = table.filter(pl.col("resource") == resource)
            columns.append(column(of_one, f"{resource}_{kind}_{unit}", KEY))
            times.append(of_one.select(*KEY, "tick", "ts"))
    return columns, times


def _times(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The row's time: that of the first table that has the row."""
    ranked = pl.concat([t.with_columns(pl.lit(i).alias("rank")) for i, t in enumerate(tables)])
    return ranked.sort("rank").unique([*KEY, "tick"], keep="first", maintain_order=True).drop("rank")


def _on_first_container(rows: pl.DataFrame, of_pods: pl.DataFrame, pods: pl.DataFrame) -> pl.DataFrame:
    """The pod's own values beside its first container by name; a pod that shares its node's network has none of its own."""
    first = rows.group_by("uid").agg(pl.col("container").min())
    beside = of_pods.join(first, on="uid", how="inner").join(pods.select("uid", "host_network"), on="uid", how="left")
    alone = pl.col("host_network") != "true"
    beside = beside.with_columns(pl.when(alone.fill_null(True)).then(pl.col(name)).alias(name) for name in _OF_POD)
    return rows.join(beside.drop("host_network"), on=[*KEY, "tick"], how="left")


def _alive() -> pl.Expr:
    """Without what an ended pod asked for: it holds nothing any more. What was measured stays."""
    measured = pl.any_horizontal(pl.col(metric).is_not_null() for metric in _OF_CONTAINER)
    over = pl.col("ended") & (pl.col("ended_at") < pl.col("ts")).fill_null(True)
    return (measured | ~over) & pl.col("ts").is_not_null()


def _outer(tables: Sequence[pl.DataFrame], keys: Sequence[str]) -> pl.DataFrame:
    return reduce(lambda left, right: left.join(right, on=list(keys), how="full", coalesce=True), tables)
