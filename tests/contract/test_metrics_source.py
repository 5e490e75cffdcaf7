"""What every `MetricsSource` promises."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

import polars as pl

from collectors.entities import ENTITIES
from collectors.frames import entity_schema
from collectors.sources.port import ChunkedMetricsSource, Window
from tests.contract.conftest import Metrics

Frames = Mapping[str, pl.DataFrame]
ONCE = ("roles", "taints")


def test_frames_have_the_columns_of_their_entity(metrics: Metrics) -> None:
    frames = metrics.source.read(metrics.window).frames
    assert {"pod", "node"} <= frames.keys() <= ENTITIES.keys()
    for name, frame in frames.items():
        assert dict(frame.schema) == entity_schema(ENTITIES[name])
    assert frames["pod"].height > 10
    assert frames["node"].height >= 3


def test_samples_lie_in_the_window_and_each_thing_has_one(metrics: Metrics) -> None:
    window = metrics.window
    for name, frame in metrics.source.read(window).frames.items():
        assert frame.filter((pl.col("ts") <= window.start) | (pl.col("ts") > window.end)).is_empty(), name
        keys = [c.name for c in ENTITIES[name].key]
        assert frame.select(keys).is_duplicated().sum() == 0, name
        assert frame.select(pl.col(keys).null_count()).row(0) == (0,) * len(keys), name


def test_what_is_not_known_is_null_and_never_a_number_that_is_none(metrics: Metrics) -> None:
    for name, frame in metrics.source.read(metrics.window).frames.items():
        values = frame.select(c.name for c in ENTITIES[name].metrics)
        assert values.select(pl.all().is_nan().any()).row(0).count(True) == 0, name
        assert values.select(pl.all().is_infinite().any()).row(0).count(True) == 0, name


def test_counters_do_not_fall_between_adjoining_windows(metrics: Metrics) -> None:
    now = metrics.window
    before = Window(now.start - (now.end - now.start), now.start)
    first, second = (metrics.source.read(w).frames["pod"] for w in (before, now))
    both = first.join(second, on=["namespace", "uid", "container"], suffix="_later").filter(
        pl.col("restarts_total") == pl.col("restarts_total_later")
    )
    assert both.height > 10
    assert both.filter(pl.col("ts_later") <= pl.col("ts")).is_empty()
    fell = both.filter(pl.col("cpu_usage_seconds_total_later") < pl.col("cpu_usage_seconds_total"))
    assert fell.is_empty()


def test_the_pods_own_values_stand_on_one_of_its_containers(metrics: Metrics) -> None:
    pods = metrics.source.read(metrics.window).frames["pod"]
    counted = pods.group_by("uid").agg(pl.col("network_receive_bytes_total", "ready").count())
    assert counted["network_receive_bytes_total"].max() == 1
    assert counted["ready"].max() == 1


def test_reading_again_says_the_same(metrics: Metrics) -> None:
    agree(lambda: (metrics.source.read(metrics.window).frames, metrics.source.read(metrics.window).frames))


def agree(asked: Callable[[], tuple[Frames, Frames]]) -> None:
    """Both answers are the same, at the third look at the latest: on a busy machine a scrape may arrive between the two."""
    for looks in range(3):
        one, other = asked()
        assert one.keys() == other.keys()
        keys = {name: [c.name for c in ENTITIES[name].key] for name in one}
        differ = [name for name, frame in one.items() if not frame.sort(keys[name]).equals(other[name].sort(keys[name]))]
        if not differ:
            return
        time.sleep(5 * (looks + 1))
    raise AssertionError(differ)


def test_many_windows_say_what_each_says_alone(metrics: Metrics) -> None:
    source, step = metrics.source, metrics.window.end - metrics.window.start
    assert isinstance(source, ChunkedMetricsSource)
    end = metrics.window.end
    windows = [Window(end - step * (i + 1), end - step * i) for i in (2, 1, 0)]
    assert [w for w, _ in source.read_many(windows)] == windows
    for number, window in enumerate(windows):
        agree(partial(_both_ways, source, windows, number, window))


def _both_ways(source: ChunkedMetricsSource, windows: list[Window], number: int, window: Window) -> tuple[Frames, Frames]:
    """Without what is said once for all windows together: a node may have been cut off in the midst of them."""
    both = list(source.read_many(windows))[number][1].frames, source.read(window).frames
    together, alone = ({name: frame.drop(ONCE, strict=False) for name, frame in frames.items()} for frames in both)
    return together, alone


def test_queries_report_time_and_series(metrics: Metrics) -> None:
    queries = metrics.source.read(metrics.window).queries
    assert queries
    assert all(q.seconds >= 0 and q.series >= 0 and q.problem == "" for q in queries)
    assert sum(q.series for q in queries) > 10


def test_the_oldest_sample_is_in_the_past(metrics: Metrics) -> None:
    oldest = metrics.source.oldest()
    assert oldest is not None
    assert oldest.tzinfo is not None
    assert oldest < datetime.now(UTC) + timedelta(seconds=1)
    assert ":" not in metrics.source.name
