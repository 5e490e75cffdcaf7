"""Volume claims, with the statistics of their volume where the storage gives any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

import polars as pl

from collectors.entities import VOLUME
from collectors.frames import entity_frame
from collectors.sources.prometheus_samples import column, newest

_STATS = ("namespace", "persistentvolumeclaim", "node", "instance")
LABELS: Mapping[str, Sequence[str]] = {
    "volume_capacity": _STATS,
    "volume_used": _STATS,
    "volume_available": _STATS,
    "volume_inodes": _STATS,
    "volume_inodes_used": _STATS,
    "claim_info": ("namespace", "persistentvolumeclaim", "storageclass", "volumename"),
    "claim_requested": ("namespace", "persistentvolumeclaim"),
}
FACTS = ("claim_info",)
_GAUGES = {
    "requested_bytes": "claim_requested",
    "capacity_bytes": "volume_capacity",
    "used_bytes": "volume_used",
    "available_bytes": "volume_available",
    "inodes": "volume_inodes",
    "inodes_used": "volume_inodes_used",
}
KEY = ("namespace", "claim")
ROUGHLY = 0.10
"""A volume whose size differs more from what was asked for is the disk that it shares."""


def volume_rows(found: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Frame rows with `tick`; `scope` says whose statistics they are: of the claim, of the disk that it shares, or none."""
    tables = {name: found[name].rename({"persistentvolumeclaim": "claim"}) for name in LABELS}
    kept = {metric: newest(tables[name], KEY) for metric, name in _GAUGES.items()}
    columns = [column(table, metric, KEY) for metric, table in kept.items()]
    rows = reduce(lambda left, right: left.join(right, on=[*KEY, "tick"], how="full", coalesce=True), columns)
    # statistics are older than what the API says; the row's time is theirs where there are any
    ranked = pl.concat(
        [kept[m].select(*KEY, "tick", "ts").with_columns(pl.lit(i).alias("rank")) for i, m in enumerate(reversed(list(_GAUGES)))]
    )
    times = ranked.sort("rank").unique([*KEY, "tick"], keep="first").drop("rank")
    rows = rows.join(times, on=[*KEY, "tick"], how="inner")
    facts = tables["claim_info"].select(*KEY, pl.col("storageclass").alias("storage_class"), pl.col("volumename").alias("volume"))
    rows = rows.join(facts.unique(KEY, keep="last"), on=KEY, how="left")
    where = kept["capacity_bytes"].select(
        *KEY, "tick", pl.when(pl.col("node") != "").then("node").otherwise("instance").alias("at")
    )
    rows = rows.join(where, on=[*KEY, "tick"], how="left")
    shared = pl.len().over("tick", "at", "capacity_bytes") > 1
    off = (pl.col("capacity_bytes") - pl.col("requested_bytes")).abs() > ROUGHLY * pl.col("requested_bytes")
    scope = (
        pl.when(pl.col("capacity_bytes").is_null())
        .then(pl.lit("none"))
        .when(off.fill_null(False) | (shared & off.is_null()))
        .then(pl.lit("filesystem"))
        .otherwise(pl.lit("claim"))
    )
    return rows.with_columns(scope.alias("scope"))


def frame(rows: pl.DataFrame) -> pl.DataFrame:
    return entity_frame(VOLUME, rows)
