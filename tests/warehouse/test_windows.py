"""The laws of counters: windows add up exactly, resets count from zero, silence and late data leave neither hole nor spike."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.entities import POD
from collectors.sources.prometheus_samples import Grid, samples, total
from collectors.warehouse import Warehouse
from collectors.warehouse.connection import Connection
from collectors.warehouse.schema import LEVELS, LOOKBACK, roll_table
from tests.warehouse.scenes import CPU, HOUR, T0, at, pods

STEP = 300.0


@dataclass(frozen=True)
class Sample:
    """Seconds since T0 and value; None: not known."""

    at: float
    value: float | None


def expected(samples: Sequence[Sample], born: float | None, upto: float) -> dict[int, float]:
    """The rule in words, done by hand: increase per window number of one counter of one thing."""
    found: dict[int, float] = {}
    last: Sample | None = None
    for sample in sorted((s for s in samples if s.value is not None), key=lambda s: s.at):
        assert sample.value is not None
        if last is None:
            begin = born if born is not None and 0 < sample.at - born < LOOKBACK else None
            grown = sample.value
        else:
            assert last.value is not None
            begin = last.at if sample.at - last.at <= LOOKBACK else None
            grown = sample.value - last.value if sample.value >= last.value else sample.value
        if begin is not None:
            for w in range(int(begin // STEP), math.ceil(sample.at / STEP)):
                inside = min(sample.at, (w + 1) * STEP) - max(begin, w * STEP)
                if inside > 0 and (w + 1) * STEP <= upto:
                    found[w] = found.get(w, 0.0) + grown * inside / (sample.at - begin)
        last = sample
    return found


def windows(wh: Warehouse, uid: str = "uid-0") -> dict[int, float]:
    rows = wh.query(f"SELECT t, {CPU}_inc AS inc FROM pod_5m WHERE uid = ? ORDER BY t", [uid]).rows()
    return {round((t - T0).total_seconds() / STEP) - 1: inc for t, inc in rows if inc is not None}


def near(a: dict[int, float], b: dict[int, float]) -> bool:
    return a.keys() == b.keys() and all(math.isclose(a[k], b[k], rel_tol=1e-9, abs_tol=1e-6) for k in a)


def recomputed(wh: Warehouse, link: Connection, upto_minute: float) -> bool:
    """Whether the windows as they are equal windows computed anew from all samples."""
    kept = [wh.query(f"SELECT * FROM pod_{level} ORDER BY t, pod_id") for level in LEVELS]
    with link.transaction() as con:
        for level in LEVELS:
            con.execute(f"DELETE FROM wh.{roll_table(POD, level)}")
        con.execute("DELETE FROM wh.ticks WHERE starts_with(source, 'roll:')")
    wh.rollup(at(upto_minute))
    anew = [wh.query(f"SELECT * FROM pod_{level} ORDER BY t, pod_id") for level in LEVELS]
    return all(same(a, b) for a, b in zip(kept, anew, strict=True))


def same(a: pl.DataFrame, b: pl.DataFrame) -> bool:
    if a.shape != b.shape:
        return False
    rounded = [f.with_columns(pl.col(pl.Float64).round(6)) for f in (a, b)]
    return rounded[0].equals(rounded[1], null_equal=True)


@pytest.fixture(scope="module")
def link() -> Iterator[Connection]:
    """One warehouse for all examples of a law: each example has a cluster or a time of its own."""
    with tempfile.TemporaryDirectory() as folder:
        made = Connection(str(Path(folder) / "w.duckdb"), memory="500MB", threads=2)
        yield made
        made.close()


@pytest.fixture(scope="module")
def shared(link: Connection) -> Warehouse:
    return Warehouse(link)


def emptied(wh: Warehouse, link: Connection) -> None:
    """The shared warehouse without a row."""
    with link.transaction() as con:
        for table in ("ticks", "pods", "pod_samples", "pod_roll5m", "pod_roll1h"):
            con.execute(f"DELETE FROM wh.{table}")
    wh._ticks.reload()


def test_one_unit_a_second_is_one_unit_a_second(wh: Warehouse) -> None:
    for k in range(1, 21):
        wh.append(at(k), "prom", {"pod": pods(k, started=T0)})
    assert wh.rollup(at(20)) == 3  # the window that ends at 20 waits for the sample behind its edge
    assert wh.rollup(at(20)) == 0
    # 60 units in the first half minute since the start, then one a second
    assert windows(wh) == pytest.approx({0: 60 + 4.5 * 60, 1: 300.0, 2: 300.0})
    assert wh.query("SELECT DISTINCT covered_ms FROM pod_5m")["covered_ms"].to_list() == [300_000]
    assert wh.query("SELECT DISTINCT n FROM pod_5m")["n"].to_list() == [5]


def test_a_window_without_a_later_tick_is_final_after_ten_minutes(wh: Warehouse) -> None:
    for k in range(1, 6):
        wh.append(at(k), "prom", {"pod": pods(k)})
    assert wh.rollup(at(14)) == 0
    assert wh.rollup(at(15)) == 1
    assert windows(wh) == pytest.approx({0: 240.0})


values = st.lists(st.one_of(st.none(), st.floats(0, 1e6, allow_nan=False).map(lambda x: round(x, 3))), min_size=2, max_size=12)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(data=st.data(), counter=values, born=st.one_of(st.none(), st.floats(-4000, 20)), gap=st.integers(0, 90))
def test_windows_equal_the_rule_for_resets_nulls_silence_and_births(
    shared: Warehouse, link: Connection, data: st.DataObject, counter: list[float | None], born: float | None, gap: int
) -> None:
    cluster = "a"
    emptied(shared, link)
    silent = data.draw(st.integers(0, len(counter)), label="silent from")
    halfway = data.draw(st.integers(0, len(counter)), label="roll up after")
    offsets = data.draw(st.lists(st.integers(0, 59), min_size=len(counter), max_size=len(counter)), label="offsets")
    started = None if born is None else T0 + timedelta(seconds=round(born, 3))
    told, k = [], 0
    for i, (value, offset) in enumerate(zip(counter, offsets, strict=True)):
        k += 1 + (gap if i == silent else 0)
        frame = pods(k, things=[0], offset=offset, started=started).with_columns(pl.lit(value, pl.Float64).alias(CPU))
        shared.append(at(k), "prom", {"pod": frame}, cluster=cluster)
        if i == halfway:
            shared.rollup(at(k))
        told.append(Sample(k * 60.0 - offset, value))
    shared.rollup(at(k + 15))
    upto = (k + 5) // 5 * STEP
    rows = shared.query(f"SELECT t, {CPU}_inc AS inc FROM pod_5m WHERE cluster = ? ORDER BY t", [cluster]).rows()
    found = {round((t - T0).total_seconds() / STEP) - 1: inc for t, inc in rows if inc is not None}
    wanted = expected(told, None if started is None else (started - T0).total_seconds(), upto)
    first = (1 + (gap if silent == 0 else 0) + 4) // 5 - 1
    # what was used before the first tick's window is in no window
    assert near(found, {w: x for w, x in wanted.items() if w >= first})


@settings(max_examples=6, deadline=None, derandomize=True)
@given(data=st.data(), n=st.integers(8, 24))
def test_late_and_replaced_ticks_in_any_order_end_as_if_all_had_come_in_order(
    shared: Warehouse, link: Connection, data: st.DataObject, n: int
) -> None:
    cluster, straight = "a", "b"
    emptied(shared, link)
    order = data.draw(st.permutations(range(1, n + 1)).map(lambda p: p[: n - 2]), label="ticks")
    held = sorted(order[: n // 2]) + order[n // 2 :]  # half in order, the rest late
    again = data.draw(st.lists(st.sampled_from(held), max_size=4), label="told again")
    cut = data.draw(st.integers(0, len(held)), label="roll-up after")

    def frame(k: int, salt: int) -> pl.DataFrame:
        grown = [float((k * 37 + i * 13 + salt) % 400 + k * 3) for i in range(4)]
        return pods(k, things=range(4), **{CPU: grown})

    for i, k in enumerate(held):
        shared.append(at(k), "prom", {"pod": frame(k, 0)}, cluster=cluster)
        if i == cut:
            shared.rollup(at(n))
    for k in again:
        shared.append(at(k), "prom", {"pod": frame(k, 7)}, cluster=cluster)
    shared.rollup(at(n + 15))
    for k in sorted(held):
        shared.append(at(k), "prom", {"pod": frame(k, 7 if k in again else 0)}, cluster=straight)
    shared.rollup(at(n + 15))
    ask = "SELECT * EXCLUDE (cluster, pod_id) FROM pod_5m WHERE cluster = ? ORDER BY t, uid"
    assert same(shared.query(ask, [cluster]), shared.query(ask, [straight]))


def test_hours_are_exactly_their_windows(wh: Warehouse) -> None:
    for k in range(1, 131):
        wh.append(at(k), "prom", {"pod": pods(k, value=float(k % 17 * 10 + k))})
    wh.rollup(at(130))
    hours = wh.query(f"SELECT t, uid, n, covered_ms, {CPU}_inc AS inc, memory_rss_bytes_max AS high FROM pod_1h ORDER BY t, uid")
    fine = wh.query(
        f"SELECT date_trunc('hour', t - INTERVAL 1 MICROSECOND) + INTERVAL 1 HOUR AS t, uid, sum(n)::INTEGER AS n, "
        f"sum(covered_ms)::BIGINT AS covered_ms, sum({CPU}_inc) AS inc, max(memory_rss_bytes_max) AS high "
        "FROM pod_5m WHERE t <= ? GROUP BY ALL ORDER BY t, uid",
        [T0 + 2 * HOUR],
    )
    assert hours.height == 10
    assert same(hours, fine)


def test_a_late_tick_changes_only_windows_within_its_reach(wh: Warehouse) -> None:
    for k in range(1, 301):
        if k != 150:
            wh.append(at(k), "prom", {"pod": pods(k)})
    wh.rollup(at(300))
    before = wh.query("SELECT t, source, uid, pod_id, * EXCLUDE (t, source, uid, pod_id) FROM pod_5m ORDER BY t, uid")
    wh.append(at(150), "prom", {"pod": pods(150, value=1e6)})
    made = wh.rollup(at(300))
    assert 0 < made <= 27 + 3  # an hour on both sides, in windows and hours
    after = wh.query("SELECT t, source, uid, pod_id, * EXCLUDE (t, source, uid, pod_id) FROM pod_5m ORDER BY t, uid")
    changed = before.join(after, on=before.columns, how="anti", nulls_equal=True)["t"].unique().sort().to_list()
    assert changed == [at(150), at(155)]  # sample 149:30 lies in the first, the reset behind it in the second


def test_the_first_sample_after_silence_opens_the_windows_between(wh: Warehouse) -> None:
    for k in range(1, 61):
        here = range(5) if k < 20 or k > 50 else range(1, 5)
        wh.append(at(k), "prom", {"pod": pods(k, things=here)})
        if k % 5 == 1:
            wh.rollup(at(k))
    wh.rollup(at(75))
    assert sum(windows(wh).values()) == pytest.approx(59 * 60)
    assert windows(wh) == pytest.approx(windows(wh, "uid-1"))


def test_no_data_is_no_row_and_an_unknown_metric_is_null(wh: Warehouse) -> None:
    for k in (*range(1, 8), *range(90, 97)):
        frame = pods(k, network_receive_bytes_total=[None] * 5, memory_limit_bytes=[float("nan")] * 5)
        wh.append(at(k), "prom", {"pod": frame})
    wh.rollup(at(120))
    ends = wh.query("SELECT DISTINCT t FROM pod_5m ORDER BY t")["t"].to_list()
    assert ends == [at(5), at(10), at(90), at(95), at(100)]
    nulls = wh.query("SELECT count(network_receive_bytes_total_inc) AS a, count(memory_limit_bytes_avg) AS b FROM pod_5m").row(0)
    assert nulls == (0, 0)


def test_a_clock_that_was_ahead_leaves_windows_as_recomputed(tmp_path: Path) -> None:
    link = Connection(str(tmp_path / "w.duckdb"), memory="500MB", threads=2)
    wh = Warehouse(link)
    for k in (1, 2, 3, 40, 41, 4, 5, 6, 7, 8, 9, 10, 11, 12):  # two ticks were stamped half an hour ahead
        wh.append(at(k), "prom", {"pod": pods(k, value=float(k % 5))})
        wh.rollup(at(k))
    wh.rollup(at(60))
    assert recomputed(wh, link, 60)
    wh.close()


def test_a_start_that_is_told_later_counts_from_then(wh: Warehouse) -> None:
    wh.append(at(3), "prom", {"pod": pods(3, things=[0])})
    for k in range(4, 12):
        wh.append(at(k), "prom", {"pod": pods(k, things=[0])})
    wh.rollup(at(12))
    assert windows(wh)[0] == pytest.approx(150.0)
    wh.append(at(12), "prom", {"pod": pods(12, things=[0], started=at(2))})
    wh.rollup(at(30))
    assert windows(wh)[0] == pytest.approx(180.0 + 150.0)


def network(k: int, second: float | None) -> pl.DataFrame:
    """What one machine received by minute `k`: 1000 bytes a minute on one device, and `second` on another that may be away."""
    moment = at(k).timestamp() - 5
    values = {"eth0": 1e12 + 1000 * k} | ({} if second is None else {"wg0": second})
    series = [{"metric": {"node": "n", "device": d}, "values": [[moment, str(v)]]} for d, v in values.items()]
    told = total(samples(series, ("node", "device"), Grid(at(k - 1), timedelta(minutes=1), 1)), ("node",), ["device"])
    return told.select("node", "ts", pl.col("value").alias("network_receive_bytes_total"))


@pytest.mark.parametrize("after", [None, 10.0], ids=["leaves", "begins again"])
@pytest.mark.parametrize("late", [(), (8, 9), (7, 8)], ids=["live", "filled behind it", "filled around it"])
def test_a_device_that_leaves_or_begins_again_is_no_restart_of_all(
    wh: Warehouse, after: float | None, late: tuple[int, ...]
) -> None:
    """One minute's increase is unknown; what the other device counted since its beginning is not counted again."""
    frames = {k: network(k, 1e6 if k < 8 else after) for k in range(1, 21)}
    for k in [k for k in frames if k not in late]:
        wh.append(at(k), "prom", {"node": frames[k]})
    wh.rollup(at(20))
    for k in late:
        wh.append(at(k), "prom", {"node": frames[k]})
    wh.rollup(at(20))
    found = wh.query("SELECT t, network_receive_bytes_total_inc AS inc FROM node_5m ORDER BY t")["inc"].to_list()
    assert found[0] == pytest.approx(1000 * (4 + 5 / 60), abs=1)
    assert found[1] == pytest.approx(4000, abs=1)
    assert found[2] == pytest.approx(5000, abs=1)


def test_sources_and_clusters_do_not_mix(wh: Warehouse) -> None:
    for k in range(1, 12):
        wh.append(at(k), "prom", {"pod": pods(k)})
        wh.append(at(k), "other", {"pod": pods(k, value=float(k))})
        wh.append(at(k), "prom", {"pod": pods(k, value=float(2 * k))}, cluster="second")
    wh.rollup(at(12))
    rows = wh.query(
        f"SELECT cluster, source, sum({CPU}_inc) / 5 AS inc FROM pod_5m WHERE t = ? GROUP BY ALL ORDER BY ALL", [at(10)]
    )
    assert rows.rows() == [("default", "other", 5.0), ("default", "prom", 300.0), ("second", "prom", 10.0)]
