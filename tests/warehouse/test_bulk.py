"""A bulk load gives the rows that append and roll-up give."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from collectors import warehouse
from collectors.warehouse import Blocks, Warehouse
from models.domain.errors import Invalid
from tests.warehouse.scenes import CPU, HOUR, T0, at, pods

SAMPLES = "SELECT * FROM pod_sample ORDER BY tick, uid"
FINE = "SELECT * FROM pod_5m ORDER BY t, uid"
HOURS = "SELECT * FROM pod_1h ORDER BY t, uid"


def frame(k: int) -> pl.DataFrame:
    things = [i for i in range(6) if i != 2 or not 20 <= k < 50]
    return pods(k, things=things, started=at(-5), **{CPU: [float((k * 31 + i * 7) % 300 + k) for i in things]})


def test_it_equals_append_and_roll_up(wh: Warehouse, tmp_path: Path) -> None:
    other = warehouse.open(str(tmp_path / "other.duckdb"), memory="500MB", threads=2)
    ticks = [k for k in range(1, 131) if k != 77]
    for k in ticks:
        wh.append(at(k), "prom", {"pod": frame(k)})
    whole = pl.concat([frame(k).with_columns(pl.lit(at(k)).dt.cast_time_unit("us").alias("tick")) for k in ticks])
    assert other.bulk_load("prom", {"pod": whole}) == whole.height
    for one in (wh, other):
        one.rollup(at(200))
    for ask in (SAMPLES, FINE, HOURS, "SELECT * EXCLUDE written_at FROM tick ORDER BY tick", "SELECT * FROM pod ORDER BY uid"):
        mine, theirs = (w.query(ask).with_columns(pl.col(pl.Float64).round(6)) for w in (wh, other))
        assert mine.height > 0
        assert mine.equals(theirs, null_equal=True), ask
    other.close()


def test_windows_before_the_samples_stay_and_make_hours(wh: Warehouse) -> None:
    for k in range(1, 131):
        wh.append(at(k), "prom", {"pod": frame(k)})
    wh.rollup(at(200))
    fine, hours = wh.query(FINE + " LIMIT 72"), wh.query(HOURS)
    moved = fine.drop("cluster", "source", "pod_id").filter(pl.col("t") <= T0 + HOUR).with_columns(pl.col("t") - HOUR)
    wh.bulk_load("prom", {}, windows={"pod": moved}, cluster="past")
    made = wh.query("SELECT uid, n, covered_ms, cpu_usage_seconds_total_inc AS inc FROM pod_1h WHERE cluster = 'past' ORDER BY uid")
    wanted = hours.filter(pl.col("t") == T0 + HOUR).select("uid", "n", "covered_ms", pl.col(f"{CPU}_inc").alias("inc")).sort("uid")
    assert made.with_columns(pl.col("inc").round(6)).equals(wanted.with_columns(pl.col("inc").round(6)))
    with pytest.raises(Invalid, match="already"):
        wh.bulk_load("prom", {}, windows={"pod": moved}, cluster="past")


def test_loads_of_one_call_are_stored_together_or_not_at_all(wh: Warehouse, tmp_path: Path) -> None:
    """In pieces that fill no row group, against each piece by itself."""
    pieces = [
        pl.concat([frame(k).with_columns(pl.lit(at(k)).dt.cast_time_unit("us").alias("tick")) for k in range(a, a + 30)])
        for a in (1, 31, 61)
    ]

    def loads() -> None:
        for piece in pieces:
            wh.bulk_load("prom", {"pod": piece})
        assert wh.query("SELECT count(*) AS n FROM pod_sample")["n"].item() == 0

    def breaks() -> None:
        loads()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        wh.bulk_loads(breaks)
    for view in ("pod_sample", "tick", "pod"):
        assert wh.query(f"SELECT count(*) AS n FROM {view}")["n"].item() == 0
    wh.bulk_loads(loads)
    alone = warehouse.open(str(tmp_path / "alone.duckdb"), memory="500MB", threads=2)
    for piece in pieces:
        alone.bulk_load("prom", {"pod": piece})
    for one in (wh, alone):
        one.rollup(at(200))
    for ask in (SAMPLES, FINE, "SELECT * FROM pod ORDER BY uid"):
        assert wh.query(ask).equals(alone.query(ask), null_equal=True), ask
    alone.close()


def test_blocks_are_stored_as_the_frame_of_their_rows(wh: Warehouse, tmp_path: Path) -> None:
    other = warehouse.open(str(tmp_path / "other.duckdb"), memory="500MB", threads=2)
    ticks = range(1, 131)
    whole = pl.concat([frame(k).with_columns(pl.lit(at(k)).dt.cast_time_unit("us").alias("tick")) for k in ticks])
    keys = ["namespace", "uid", "container"]
    facts = [c for c in ("pod", "node", "started_at") if c in whole.columns]
    things = whole.group_by(keys, maintain_order=True).agg(pl.col(c).last() for c in facts)
    rows = []
    for key in things.select(keys).iter_rows():
        own = whole.filter(pl.all_horizontal(pl.col(c) == v for c, v in zip(keys, key, strict=True)))
        numbers = {c: own[c].cast(pl.Float64).to_numpy() for c in own.columns if c not in (*keys, *facts, "tick", "ts")}
        rows.append({**numbers, **{c: own[c].dt.epoch("us").to_numpy() for c in ("tick", "ts")}})
    wh.bulk_load("prom", {"pod": whole})
    other.bulk_load("prom", {"pod": Blocks(things, rows)})
    for ask in (SAMPLES, "SELECT * EXCLUDE written_at FROM tick ORDER BY tick", "SELECT * FROM pod ORDER BY uid"):
        assert wh.query(ask).equals(other.query(ask), null_equal=True), ask
    rows[0]["ts"] = rows[0]["ts"][::-1]
    with pytest.raises(Invalid, match="ascend"):
        other.bulk_load("other", {"pod": Blocks(things, rows)})
    other.close()
