"""What the operator's own monitoring reads of a source that stopped: /metrics and the checks of /readyz."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from app import health
from app.cluster import OwnCluster
from app.metrics import Platform
from models.world.faults import Kind
from tests.collect.conftest import TICK, Site
from tests.stories import fresh_sqlite


@pytest.fixture
def live(site: Site, tmp_path: Path) -> Iterator[Any]:
    """The parts of the server that both ask."""
    store = fresh_sqlite(tmp_path)
    yield SimpleNamespace(
        clock=site.clock,
        store=store,
        warehouse=site.warehouse,
        owned_warehouse=lambda: site.warehouse,
        collector=site.collector,
        cluster=OwnCluster(site.inventory, site.latest, site.collector.health),
        settings=SimpleNamespace(tick=TICK),
    )
    store.close()


def _registry(live: Any) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(Platform(live))
    return registry


def _read(live: Any, name: str, **labels: str) -> float | None:
    return _registry(live).get_sample_value(f"moorage_{name}", labels or None)


def test_metrics_say_that_a_source_fails_and_since_when_nothing_came(site: Site, live: Any) -> None:
    site.run(2)
    assert _read(live, "collection_failing", source="simulated") == 0
    assert _read(live, "collection_lag_seconds", source="simulated") == TICK.total_seconds()
    stored = _read(live, "warehouse_ticks", cluster="default", source="simulated")
    newest = _read(live, "collection_last_tick_timestamp_seconds", source="simulated")
    site.world.fail(Kind.PROMETHEUS_DOWN)
    site.run(5)
    assert _read(live, "collection_failing", source="simulated") == 1
    assert _read(live, "collection_failing", source="simulated-cluster") == 0
    assert _read(live, "collection_lag_seconds", source="simulated") == 6 * TICK.total_seconds()
    assert _read(live, "collection_last_tick_timestamp_seconds", source="simulated") == newest
    assert _read(live, "warehouse_ticks", cluster="default", source="simulated") == stored == 2
    assert _read(live, "metrics_problems") == 0, "the page itself is whole"


def test_metrics_tell_everything_that_the_page_of_the_collection_tells(site: Site, live: Any) -> None:
    """Last tick, lag, gaps, label coverage, flaws such as missing exporters, times of questions, roll-up lag, sizes."""
    site.run(12)
    site.warehouse.rollup(site.clock.now())
    whole = generate_latest(_registry(live)).decode()
    for name in (
        "collection_last_tick_timestamp_seconds",
        "collection_lag_seconds",
        "collection_query_seconds",
        "warehouse_ticks_missing",
        "warehouse_ticks_lost",
        "warehouse_rollup_lag_seconds",
        "warehouse_bytes",
        "warehouse_rows",
        "job_occurrences",
    ):
        assert f"moorage_{name}" in whole, name
    assert _read(live, "collection_query_seconds", source="simulated", query="pod") is not None
    covered = _read(live, "collection_covered_containers_ratio")
    assert covered is not None
    assert 0.9 < covered <= 1
    site.clock.advance(timedelta(hours=1))
    assert _read(live, "collection_covered_containers_ratio") is None, "samples of an hour ago cover nothing now"


def test_the_checks_name_the_source_once_it_is_late_and_no_other(site: Site, live: Any) -> None:
    site.run(2)
    assert all(check.ok for check in health.checks(live))
    site.world.fail(Kind.PROMETHEUS_DOWN)
    site.run(health.LATE_TICKS - 1)
    assert all(check.ok for check in health.checks(live)), "a short outage is none of readiness"
    site.run(1)
    site.clock.advance(timedelta(seconds=1))
    found = {check.name: check for check in health.checks(live)}
    assert {name for name, check in found.items() if not check.ok} == {"tick:simulated"}
    age = (health.LATE_TICKS + 1) * TICK.total_seconds() + 1
    assert f"last success {age:.0f} s ago" in found["tick:simulated"].detail
    assert "has not answered since" in found["tick:simulated"].detail


def test_after_a_start_without_a_tick_the_checks_wait_two_intervals_and_then_say_why(site: Site, live: Any) -> None:
    site.world.fail(Kind.PROMETHEUS_DOWN)
    site.clock.advance(health.GRACE_TICKS * TICK)
    site.collector.tick(site.clock.now())
    found = {check.name: check for check in health.checks(live)}
    assert all(check.ok for check in found.values())
    site.clock.advance(timedelta(seconds=1))
    found = {check.name: check for check in health.checks(live)}
    assert {name for name, check in found.items() if not check.ok} == {"tick:simulated"}
    assert found["tick:simulated"].detail.startswith("no tick in the 61 s since the start; ")
    assert "has not answered since" in found["tick:simulated"].detail
    site.world.mend(Kind.PROMETHEUS_DOWN)
    site.collector.tick(site.clock.now())
    assert all(check.ok for check in health.checks(live)), "it comes back by itself"
