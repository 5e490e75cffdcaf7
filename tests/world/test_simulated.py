"""The world behind the ports of the live sources, and the file that processes share."""

from __future__ import annotations

import errno
import threading
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from collectors.entities import ENTITIES, PROBE
from collectors.frames import entity_schema, record_schema
from collectors.sources.port import NOT_SAMPLED, ProbeTarget, Window
from collectors.sources.simulated import SimulatedInventory, SimulatedMetrics, SimulatedProber, WorldFile, open_world
from models.domain.clock import FrozenClock
from models.domain.errors import Invalid, Misconfigured, Unavailable
from models.world import tenants
from models.world.faults import Kind
from models.world.world import World
from tests.world.conftest import NOW

TICK = timedelta(seconds=30)
GRID = NOW.replace(second=0)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
def file(tmp_path: Path, clock: FrozenClock) -> WorldFile:
    return open_world(tmp_path / "world.json", 7, clock)


def window(ticks: int = 0) -> Window:
    """So many ticks before now."""
    return Window(GRID - (ticks + 1) * TICK, GRID - ticks * TICK)


def test_frames_have_the_columns_of_their_entities_and_unknown_is_null(file: WorldFile, clock: FrozenClock) -> None:
    reading = SimulatedMetrics(file, clock).read(window())
    assert set(reading.frames) == set(ENTITIES)
    for name, frame in reading.frames.items():
        assert frame.schema == entity_schema(ENTITIES[name])
        assert frame["ts"].is_between(GRID - TICK, GRID, closed="right").all()
        assert not any(frame.select(pl.col(pl.Float64).is_nan().any()).row(0))
    volumes = reading.frames["volume"]
    assert volumes.filter(pl.col("storage_class") == "local-path")["used_bytes"].is_null().all()
    assert volumes.filter(pl.col("storage_class") == "longhorn")["used_bytes"].is_not_null().all()
    assert [report.name for report in reading.queries] == list(ENTITIES)


def test_many_windows_at_once_are_each_of_them(file: WorldFile, clock: FrozenClock) -> None:
    metrics = SimulatedMetrics(file, clock)
    run = [window(ticks) for ticks in (7, 6, 5, 2, 1)]  # two runs
    many = list(metrics.read_many(run))
    assert [one for one, _ in many] == run
    for one, reading in many:
        alone = metrics.read(one)
        for name, frame in reading.frames.items():
            assert frame.sort("ts", *(c.name for c in ENTITIES[name].key)).equals(
                alone.frames[name].sort("ts", *(c.name for c in ENTITIES[name].key))
            )


def test_prometheus_that_is_down_says_since_when_and_can_be_read_afterwards(file: WorldFile, clock: FrozenClock) -> None:
    metrics = SimulatedMetrics(file, clock)
    file.fail(Kind.PROMETHEUS_DOWN)
    clock.advance(timedelta(minutes=3))
    with pytest.raises(Unavailable, match="2026-11-25 16:10:07"):
        metrics.read(window())
    file.mend(Kind.PROMETHEUS_DOWN)
    missed = metrics.read(Window(GRID + timedelta(minutes=1), GRID + timedelta(minutes=1) + TICK))
    assert missed.frames["pod"].height == 88
    assert not missed.findings


def test_lost_samples_make_no_tick(file: WorldFile, clock: FrozenClock) -> None:
    metrics = SimulatedMetrics(file, clock)
    file.fail(Kind.SAMPLES_LOST, until=NOW + timedelta(minutes=5))
    clock.advance(timedelta(minutes=10))
    lost = metrics.read(Window(GRID + timedelta(minutes=2), GRID + timedelta(minutes=2) + TICK))
    assert [finding.code for finding in lost.findings] == [NOT_SAMPLED]
    assert all(frame.is_empty() and frame.width for frame in lost.frames.values())
    later = metrics.read(Window(GRID + timedelta(minutes=6), GRID + timedelta(minutes=6) + TICK))
    assert not later.findings


def test_the_inventory_needs_a_start_and_then_tells_what_is(file: WorldFile, clock: FrozenClock) -> None:
    inventory = SimulatedInventory(file, clock, "west")
    with pytest.raises(Unavailable, match="not been started"):
        inventory.snapshot()
    inventory.start()
    seen = inventory.snapshot()
    assert (seen.cluster, len(seen.pods), seen.stale_since) == ("west", 88, None)
    assert not inventory.findings()


def test_an_api_that_is_down_leaves_the_last_known_state(file: WorldFile, clock: FrozenClock) -> None:
    inventory = SimulatedInventory(file, clock)
    inventory.start()
    clock.advance(timedelta(minutes=1))
    before = inventory.snapshot()
    file.fail(Kind.API_DOWN)
    file.fail(Kind.NODE_OFF, "node-1")
    down = clock.now()
    clock.advance(timedelta(minutes=2))
    stale = inventory.snapshot()
    assert stale.stale_since == stale.as_of == down
    assert "has not answered since" in stale.trouble
    assert stale.pods == before.pods
    assert [f.code for f in inventory.findings()] == ["failing_pods"]
    late = SimulatedInventory(file, clock)
    late.start()
    with pytest.raises(Unavailable, match="has not answered"):
        late.snapshot()
    file.mend(Kind.API_DOWN)
    assert inventory.snapshot().nodes["node-1"].ready is None


def test_changes_are_repeated_until_acknowledged_and_survive_a_restart(file: WorldFile, clock: FrozenClock, tmp_path: Path) -> None:
    inventory = SimulatedInventory(file, clock)
    inventory.start()
    first = inventory.changes(clock.now())
    assert first.frames["pod_state"].height == 88
    assert first.frames["node_state"]["phase"].to_list() == ["Ready"] * 3
    inventory.acknowledge(first)
    assert all(frame.is_empty() for frame in inventory.changes(clock.now()).frames.values())

    clock.advance(timedelta(seconds=1))
    file.fail(Kind.CRASH, "kopi-senja-n8n/postgres")
    clock.advance(timedelta(minutes=1))
    told = inventory.changes(clock.now())
    again = inventory.changes(clock.now())
    mine = pl.col("namespace") == "kopi-senja-n8n"
    states = told.frames["pod_state"].filter(mine)
    assert states["state"].to_list() == ["terminated", "running", "running"]
    assert states["ready"].to_list() == [False, False, True]
    assert all(told.frames[name].equals(again.frames[name]) for name in told.frames)

    # another process, hours later: what happened in between is told then
    clock.advance(timedelta(hours=5))
    other = SimulatedInventory(open_world(tmp_path / "world.json", 7, clock), clock)
    other.start()
    late = other.changes(clock.now())
    assert late.frames["pod_state"].filter(mine).equals(states)
    other.acknowledge(late)
    assert other.changes(clock.now()).frames["event"].is_empty()


def test_nothing_is_noticed_while_the_api_is_down_and_all_of_it_afterwards(file: WorldFile, clock: FrozenClock) -> None:
    inventory = SimulatedInventory(file, clock)
    inventory.start()
    inventory.acknowledge(inventory.changes(clock.now()))
    file.fail(Kind.API_DOWN)
    clock.advance(timedelta(seconds=10))
    file.fail(Kind.OOM, "kopi-senja-n8n/postgres")
    clock.advance(timedelta(minutes=2))
    silent = inventory.changes(clock.now())
    assert silent.frames["pod_state"].is_empty()
    inventory.acknowledge(silent)
    file.mend(Kind.API_DOWN)
    clock.advance(TICK)
    told = inventory.changes(clock.now()).frames["pod_state"]
    assert "OOMKilled" in told.filter(pl.col("namespace") == "kopi-senja-n8n")["last_reason"].to_list()


def test_the_prober_sees_what_answers(file: WorldFile, clock: FrozenClock) -> None:
    crashing = tenants.CRASHING.split("/")[0]
    targets = [
        ProbeTarget("https://a.example", "kopi-senja-n8n"),
        ProbeTarget("http://b.example", crashing),
        ProbeTarget("https://c.example", "nowhere"),
    ]
    frame = SimulatedProber(file, clock).probe(targets, NOW)
    assert frame.schema == record_schema(PROBE)
    assert frame["outcome"].to_list() == ["up", "down", "down"]
    assert frame["status"].to_list() == [200, 503, None]
    assert frame["certificate_expires_at"].is_null().to_list() == [False, True, False]
    assert 0.01 < frame["latency_seconds"][0] < 5
    assert SimulatedProber(file, clock).probe([], NOW).schema == record_schema(PROBE)


def test_a_node_without_power_takes_its_apps_down_for_the_prober_at_once(file: WorldFile, clock: FrozenClock) -> None:
    seen = file.snapshot()
    web = next(p for p in seen.pods.values() if p.namespace == "kopi-senja-wordpress" and p.owner_name == "wordpress")
    assert web.node is not None
    file.fail(Kind.NODE_OFF, web.node)
    clock.advance(timedelta(seconds=2))
    frame = SimulatedProber(file, clock).probe([ProbeTarget("https://x.example", "kopi-senja-wordpress")], clock.now())
    assert frame["outcome"].to_list() == ["down"]


def test_processes_see_each_others_changes(tmp_path: Path, clock: FrozenClock) -> None:
    one, two = (open_world(tmp_path / "world.json", 7, clock) for _ in range(2))
    assert one.world.state == two.world.state
    two.fail(Kind.NODE_OFF, "node-2")
    clock.advance(timedelta(minutes=1))
    assert one.snapshot().nodes["node-2"].ready is None
    one.mend(Kind.NODE_OFF, "node-2")
    clock.advance(timedelta(minutes=1))
    assert two.snapshot().nodes["node-2"].ready is True
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_many_writers_lose_no_fault(tmp_path: Path, clock: FrozenClock) -> None:
    files = [open_world(tmp_path / "world.json", 7, clock) for _ in range(4)]
    work = [threading.Thread(target=f.fail, args=(Kind.CRASH, "kopi-senja-n8n/n8n")) for f in files]
    for one in work:
        one.start()
    for one in work:
        one.join()
    assert len(files[0].world.state.faults) == 4


def test_a_fault_that_cannot_hit_is_refused_with_what_can_be_hit(file: WorldFile) -> None:
    with pytest.raises(Invalid, match="node-1, node-2, node-3"):
        file.fail(Kind.NODE_OFF, "node-9")
    with pytest.raises(Invalid, match="kopi-senja-n8n/postgres"):
        file.fail(Kind.OOM, "kopi-senja-n8n")
    with pytest.raises(Invalid, match="concerns all"):
        file.fail(Kind.API_DOWN, "node-1")


def test_a_damaged_file_is_named(tmp_path: Path, clock: FrozenClock) -> None:
    (tmp_path / "world.json").write_text("{")
    with pytest.raises(Misconfigured, match="world file is damaged"):
        open_world(tmp_path / "world.json", 7, clock).snapshot()
    (tmp_path / "other.json.seen").write_text("[]")
    with pytest.raises(Misconfigured, match=r"other\.json\.seen is damaged"):
        _ = open_world(tmp_path / "other.json", 7, clock).seen


def test_the_world_goes_on_in_real_time(file: WorldFile, clock: FrozenClock, world: World) -> None:
    metrics = SimulatedMetrics(file, clock)
    before = metrics.read(window()).frames["pod"]
    clock.advance(timedelta(days=40))
    at = GRID + timedelta(days=40)
    after = metrics.read(Window(at - TICK, at)).frames["pod"]
    assert after.height == before.height
    assert set(after["uid"]) != set(before["uid"])  # new versions came
    assert after["cpu_usage_seconds_total"].drop_nulls().len() > 80
    oldest = metrics.oldest()
    assert oldest is not None
    assert oldest > world.epoch + timedelta(days=90)
    assert np.isfinite(after["memory_working_set_bytes"].drop_nulls().to_numpy()).all()


def test_a_full_disk_has_a_sentence_and_leaves_the_world_as_it_was(
    file: WorldFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.world.state

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Unavailable, match=r"world\.json\S* of the simulated cluster .*No space left on device\. Free space"):
        file.see(NOW)
    with pytest.raises(Unavailable, match="No space left on device"):
        file.begin_anew()
    assert file.world.state == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["world.json", "world.json.lock"]


def test_a_folder_that_cannot_be_made_has_a_sentence(clock: FrozenClock) -> None:
    with pytest.raises(Unavailable, match="of the simulated cluster could not be written"):
        open_world(Path("/proc/sys/none/world.json"), 7, clock).world  # noqa: B018  asking begins it
