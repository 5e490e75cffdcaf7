"""The loop: every tick once, gaps filled as far as the source remembers, and health that says what is wrong."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl
import pytest

from collectors.sources.port import NOT_SAMPLED, Finding, ProbeTarget, Reading, Severity, SourceHealth, Window
from collectors.warehouse import DiskFull, Warehouse
from models.domain import clock as clocks
from models.domain.clock import SystemClock
from models.domain.errors import Misconfigured
from models.world.faults import Kind
from tests.collect.conftest import START, TICK, Site


def of(health: Sequence[SourceHealth], source: str = "simulated") -> SourceHealth:
    return next(h for h in health if h.source == source)


class Remembering:
    """A metrics source with one made-up node, that knows samples since `since` and fails while `trouble` is set."""

    name = "simulated"

    def __init__(self, since: datetime) -> None:
        self.since: datetime | None = since
        self.trouble: Exception | None = None
        self.unsampled: set[datetime] = set()
        self.asked: list[Window] = []

    def read(self, window: Window) -> Reading:
        self.asked.append(window)
        if self.trouble:
            raise self.trouble
        findings = [Finding(NOT_SAMPLED, Severity.WARNING, "nothing was scraped")] if window.end in self.unsampled else []
        return Reading({"node": pl.DataFrame({"ts": [window.end], "node": ["n"], "cpu_seconds_total": [1.0]})}, (), findings)

    def oldest(self) -> datetime | None:
        return self.since


def test_a_tick_brings_everything(site: Site) -> None:
    site.run(2)
    assert [s for _, s in site.ticks()] == ["ok", "ok"]
    assert [t for t, _ in site.ticks()] == [START.replace(second=0), START.replace(second=30)]
    assert site.rows("pod").height > 100
    assert site.warehouse.query("SELECT count(*) FROM pod_state").item() > 50
    assert site.warehouse.query("SELECT address FROM probe")["address"].to_list() == ["https://a.example.test"]
    assert site.latest.current("pod")["cpu_usage_seconds_per_second"].null_count() < 5
    for health in site.collector.health():
        assert (health.problem, health.failing_since) == ("", None)
        assert health.last_success_at is not None
    measured = {"pod", "node", "filesystem", "volume", "ingress", "ingress_process"}
    assert {q.name for q in of(site.collector.health()).queries} == measured


def test_the_same_tick_again_changes_nothing(site: Site) -> None:
    site.run(1)
    before = {name: site.rows(name) for name in ("pod", "node", "volume", "ingress")}
    states = site.warehouse.query("SELECT * FROM pod_state ORDER BY ALL")
    now = START + timedelta(seconds=5)
    site.collector.tick(now)
    site.restart().tick(now)
    for name, rows in before.items():
        assert site.rows(name).equals(rows)
    assert site.warehouse.query("SELECT * FROM pod_state ORDER BY ALL").equals(states)
    assert len(site.ticks()) == len(site.ticks("simulated-cluster")) == 1


def test_an_outage_of_the_source_is_said_and_filled_afterwards(site: Site) -> None:
    site.run(2)
    site.world.fail(Kind.PROMETHEUS_DOWN)
    site.run(4)
    failing = of(site.collector.health())
    assert "has not answered since" in failing.problem
    assert failing.failing_since == START + 2 * TICK
    site.collector.backfill(site.clock.now())
    assert len(site.ticks()) == 2
    assert of(site.collector.health()).problem.startswith("The simulated Prometheus")
    site.world.mend(Kind.PROMETHEUS_DOWN)
    site.run(1)
    assert len(site.ticks()) == 3
    site.collector.backfill(site.clock.now() - TICK)
    assert [t for t, s in site.ticks() if s == "ok"] == [START.replace(second=0) + i * TICK for i in range(7)]
    assert of(site.collector.health()).problem == ""
    twin = site.rows("pod")
    assert twin.height == twin.unique(["tick", "uid", "container"]).height


def test_filling_gives_what_the_live_tick_would_have_given(site: Site) -> None:
    site.run(6)
    live = site.rows("pod")
    site.collector = site.collecting(cluster="other")
    site.collector.tick(START)
    site.clock.advance(timedelta(0))
    site.collector.backfill(START + 5 * TICK)
    filled = site.warehouse.query("SELECT * FROM pod_sample WHERE cluster = 'other' ORDER BY ALL")
    own = ["cluster", "pod_id", "started_at", "node"]
    assert filled.drop(own).equals(live.drop(own))


def test_what_nobody_measured_is_lost_once_it_is_old(site: Site) -> None:
    source = Remembering(START - timedelta(days=1))
    collector = site.collecting(metrics=source)
    collector.tick(START)
    source.unsampled = {START.replace(second=0) + TICK}
    collector.tick(START + TICK)
    assert of(collector.health()).problem == "nothing was scraped"
    collector.tick(START + 2 * TICK)
    collector.backfill(START + 2 * TICK)
    assert [s for _, s in site.ticks()] == ["ok", "ok"], "more samples may still come"
    collector.backfill(START + timedelta(minutes=20))
    assert dict(site.ticks())[START.replace(second=0) + TICK] == "lost"


def test_what_the_source_has_forgotten_is_lost(site: Site) -> None:
    source = Remembering(START - timedelta(days=1))
    collector = site.collecting(metrics=source)
    collector.tick(START)
    later = START + timedelta(minutes=10)
    collector.tick(later)
    source.since = START + timedelta(minutes=5)
    collector.backfill(later)
    statuses = [s for _, s in site.ticks()]
    # the window that begins just before the first sample is lost with those before it
    assert statuses == ["ok", *["lost"] * 11, *["ok"] * 9]


def test_time_before_the_first_tick_is_read_when_asked_for(site: Site) -> None:
    source = Remembering(START - timedelta(minutes=3))
    collector = site.collecting(metrics=source, history=timedelta(minutes=10))
    collector.tick(START)
    collector.backfill(START)
    assert [t for t, _ in site.ticks()] == [START.replace(second=0) - i * TICK for i in range(4, -1, -1)]
    source.asked.clear()
    collector.backfill(START)
    assert source.asked == []


def test_a_source_that_cannot_say_how_far_it_remembers_marks_nothing_lost(site: Site) -> None:
    source = Remembering(START)
    collector = site.collecting(metrics=source)
    collector.tick(START)
    source.since = None
    source.trouble = Misconfigured("the token has expired")
    collector.tick(START + 40 * TICK)
    collector.backfill(START + 40 * TICK)
    assert [s for _, s in site.ticks()] == ["ok"]
    assert of(collector.health()).problem == "the token has expired"


def test_a_longer_interval_in_the_past_is_no_gap(site: Site) -> None:
    midnight = START.replace(hour=0, minute=0, second=0)
    source = Remembering(START - timedelta(days=3))
    slow = site.collecting(metrics=source, interval=timedelta(minutes=1))
    for i in range(12, 0, -1):
        slow.tick(midnight - timedelta(minutes=i) + timedelta(seconds=2))
    quick = site.collecting(metrics=source, interval=TICK)
    for i in (1, 2, 4):
        quick.tick(midnight + i * TICK + timedelta(seconds=2))
    quick.backfill(midnight + 4 * TICK + timedelta(seconds=2))
    found = [t for t, _ in site.ticks()]
    assert found == [midnight - timedelta(minutes=i) for i in range(12, 0, -1)] + [midnight + i * TICK for i in range(1, 5)]


def test_the_inventory_fails_while_it_is_blind_and_its_ticks_are_lost(site: Site) -> None:
    site.run(2)
    site.world.fail(Kind.API_DOWN)
    site.run(2)
    blind = of(site.collector.health(), "simulated-cluster")
    assert "has not answered" in blind.problem
    assert blind.failing_since == START + 2 * TICK
    assert blind.findings
    site.world.mend(Kind.API_DOWN)
    site.run(1)
    site.collector.backfill(site.clock.now() - TICK)
    assert [s for _, s in site.ticks("simulated-cluster")] == ["ok", "ok", "lost", "lost", "ok"]
    assert of(site.collector.health(), "simulated-cluster").problem == ""
    # the metrics went on meanwhile
    assert [s for _, s in site.ticks()] == ["ok"] * 5


def test_changes_are_acknowledged_only_when_they_are_stored(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> int:
        raise DiskFull("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(Warehouse, "append", full)
        site.run(1)
        assert {h.problem for h in site.collector.health()} == {"the disk is full"}
    assert site.latest.current("pod").height > 50, "pages still see the present"
    site.run(1)
    assert site.warehouse.query("SELECT count(*) FROM pod_state").item() > 50
    assert {h.problem for h in site.collector.health()} == {""}


def test_a_new_process_tells_only_what_is_news(site: Site) -> None:
    site.run(1)
    first = site.warehouse.query("SELECT uid, pod, namespace, container, phase FROM pod_state WHERE container <> ''")
    gone, namespace = first["uid"][0], first["namespace"][0]
    whole = site.inventory.snapshot()

    class Restarted:
        """A live inventory that was just started: everything is new to it, and one pod is not there any more."""

        name = "simulated-cluster"

        def snapshot(self) -> object:
            import dataclasses

            return dataclasses.replace(whole, pods={u: p for u, p in whole.pods.items() if u != gone})

        def changes(self, now: datetime) -> object:
            from collectors.sources.kubernetes_changes import ChangeLog

            log = ChangeLog(site.clock)
            for pod in whole.pods.values():
                if pod.uid != gone:
                    log.pod(None, pod)
            for node in whole.nodes.values():
                log.node(None, node)
            for event in whole.events:
                log.event(None, event)
            return log.take(now)

        def acknowledge(self, changes: object) -> None: ...

        def findings(self) -> Sequence[Finding]:
            return ()

    before = site.warehouse.query("SELECT count(*) FROM pod_state").item()
    events = site.warehouse.query("SELECT count(*) FROM event").item()
    site.collecting(inventory=Restarted()).tick(START + TICK)
    rows = site.warehouse.query("SELECT uid, namespace, phase FROM pod_state WHERE tick > ?", [START + TICK / 2])
    assert set(rows.iter_rows()) == {(gone, namespace, "Gone")}
    assert site.warehouse.query("SELECT count(*) FROM pod_state").item() == before + rows.height
    assert site.warehouse.query("SELECT count(*) FROM event").item() == events


def test_probes_run_each_minute_and_an_error_of_the_program_does_not_end_them(site: Site) -> None:
    def broken() -> Sequence[ProbeTarget]:
        raise ValueError("no such table")

    collector = site.collecting(targets=broken)
    collector.tick(START)
    assert of(collector.health(), "prober").problem == "An error of the program: ValueError: no such table"
    site.run(4)
    assert len(site.ticks("prober")) == 2


def test_a_clock_that_was_set_back_doubles_nothing(site: Site) -> None:
    site.run(5)
    rows, states = site.rows("pod"), site.warehouse.query("SELECT count(*) FROM pod_state").item()
    for i in range(3):
        site.collector.tick(START + i * TICK)
    assert site.rows("pod").equals(rows)
    assert site.warehouse.query("SELECT count(*) FROM pod_state").item() == states
    assert len(site.ticks()) == 5


def test_never_two_at_once_and_a_stop_that_does_not_wait(site: Site) -> None:
    """A source that hangs: the collector stops all the same, and nothing of the late answer is stored."""
    inside, release = threading.Event(), threading.Event()
    running: list[int] = []
    most: list[int] = []

    class Hanging(Remembering):
        def read(self, window: Window) -> Reading:
            running.append(1)
            most.append(len(running))
            inside.set()
            release.wait(20)
            running.pop()
            return super().read(window)

    collector = site.collecting(metrics=Hanging(START), clock=SystemClock(), interval=timedelta(seconds=1), prober=None)
    collector.start()
    collector.start()
    assert inside.wait(10)
    began = clocks.stopwatch()
    collector.stop()
    assert clocks.stopwatch() - began < 2.0
    release.set()
    assert max(most) == 1
    assert site.ticks() == []


def test_it_starts_again_after_a_stop(site: Site) -> None:
    clock = SystemClock()
    site.world.see(clock.now())
    stored = threading.Event()

    class Once(Remembering):
        def read(self, window: Window) -> Reading:
            stored.set()
            return super().read(window)

    collector = site.collecting(metrics=Once(clock.now()), clock=clock, interval=timedelta(seconds=1))
    for _ in range(2):
        stored.clear()
        collector.start()
        assert stored.wait(10)
        collector.stop()
