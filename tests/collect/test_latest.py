"""Current values: the newest of each metric, rates between its own last two samples."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from collectors.entities import NODE
from collectors.frames import entity_frame
from collectors.latest import CARRY, FORGET, Latest

T = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def at(seconds: float, node: str = "n", **values: float | None) -> dict[str, Any]:
    return {"ts": T + timedelta(seconds=seconds), "node": node, **values}


def tell(latest: Latest, seconds: float, *rows: dict[str, Any]) -> None:
    frame = entity_frame(NODE, pl.DataFrame(list(rows)))
    latest.update("s", T + timedelta(seconds=seconds), {"node": frame})


def shown(latest: Latest, *names: str) -> list[tuple[Any, ...]]:
    return latest.current("node").sort("node").select(names).rows()


def test_a_rate_needs_two_samples_and_a_fallen_counter_began_at_zero() -> None:
    latest = Latest()
    tell(latest, 0, at(0, major_page_faults_total=100.0, load1=1.0))
    assert shown(latest, "major_page_faults_per_second", "load1") == [(None, 1.0)]
    tell(latest, 30, at(30, major_page_faults_total=160.0, load1=2.0))
    assert shown(latest, "major_page_faults_per_second", "load1") == [(2.0, 2.0)]
    tell(latest, 60, at(60, major_page_faults_total=15.0, load1=3.0))
    assert shown(latest, "major_page_faults_per_second", "load1") == [(0.5, 3.0)]


def test_a_sum_over_devices_that_fell_has_no_rate_until_the_next_sample() -> None:
    latest = Latest()
    for seconds, received in ((0, 1e12 + 1e6), (30, 1e12 + 1e6 + 3000)):
        tell(latest, seconds, at(seconds, network_receive_bytes_total=received))
    assert shown(latest, "network_receive_bytes_per_second") == [(100.0,)]
    tell(latest, 60, at(60, network_receive_bytes_total=1e12 + 6000))
    assert shown(latest, "network_receive_bytes_per_second") == [(None,)]
    tell(latest, 90, at(90, network_receive_bytes_total=1e12 + 9000))
    assert shown(latest, "network_receive_bytes_per_second") == [(100.0,)]


def test_a_late_or_repeated_tick_changes_nothing() -> None:
    latest = Latest()
    tell(latest, 30, at(30, cpu_seconds_total=10.0))
    tell(latest, 60, at(60, cpu_seconds_total=40.0))
    before = latest.current("node")
    tell(latest, 60, at(60, cpu_seconds_total=99.0))
    tell(latest, 30, at(30, cpu_seconds_total=1.0))
    assert latest.current("node").equals(before)


def test_a_metric_that_comes_at_its_own_pace_holds_on_for_a_while() -> None:
    latest = Latest()
    tell(latest, 0, at(0, cpu_seconds_total=100.0, load1=1.0))
    tell(latest, 12, at(12, cpu_seconds_total=124.0, load1=2.0))
    tell(latest, 17, at(17, cpu_seconds_total=None, load1=3.0))
    assert shown(latest, "cpu_seconds_per_second", "load1") == [(2.0, 3.0)]
    tell(latest, 24, at(24, cpu_seconds_total=136.0, load1=None))
    # by the counter's own twelve seconds, not the seven since the row before
    assert shown(latest, "cpu_seconds_per_second", "load1") == [(1.0, 3.0)]


def test_what_is_no_longer_measured_becomes_unknown() -> None:
    latest = Latest()
    tell(latest, 0, at(0, load1=1.0))
    later = CARRY.total_seconds() + 1
    tell(latest, later, at(later, memory_total_bytes=5.0))
    assert shown(latest, "load1", "memory_total_bytes") == [(None, 5.0)]


def test_what_was_not_seen_for_long_is_gone() -> None:
    latest = Latest()
    tell(latest, 0, at(0, "old", load1=1.0), at(0, "new", load1=1.0))
    later = FORGET.total_seconds() + 1
    tell(latest, later, at(later, "new", load1=2.0))
    assert shown(latest, "node", "load1") == [("new", 2.0)]


def test_a_slow_installation_forgets_by_its_own_pace() -> None:
    """Ticks of ten minutes: the last one must not be gone before the next comes."""
    slow = Latest(timedelta(minutes=10))
    tell(slow, 0, at(0, "old", load1=1.0), at(0, "new", load1=1.0, memory_total_bytes=5.0))
    tell(slow, 600, at(600, "new", load1=2.0))
    assert sorted(shown(slow, "node", "load1", "memory_total_bytes")) == [("new", 2.0, 5.0), ("old", 1.0, None)]
    tell(slow, 1801, at(1801, "new", load1=3.0))
    assert shown(slow, "node", "load1", "memory_total_bytes") == [("new", 3.0, None)]
