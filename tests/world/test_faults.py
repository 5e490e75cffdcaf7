"""Ordered faults: what each of them does to the cluster, and that it passes."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from models.domain.cluster import Phase
from models.domain.errors import Conflict, Misconfigured
from models.world.faults import Fault, Kind
from models.world.state import State, begin, from_json, to_json
from models.world.world import World
from tests.world.conftest import NOW

MINUTE = timedelta(minutes=1)
CALM = "kopi-senja-n8n/postgres"


def with_faults(world: World, *faults: Fault) -> World:
    state: State = world.state
    for fault in faults:
        state = state.with_fault(fault)
    return World(state)


def test_a_lost_node_is_noticed_its_pods_move_or_wait_for_their_volume(world: World) -> None:
    broken = with_faults(world, Fault(Kind.NODE_OFF, "node-1", NOW, NOW + 30 * MINUTE))
    before = broken.snapshot(NOW - MINUTE)
    on_it = [pod for pod in before.pods.values() if pod.node == "node-1"]
    at_once = broken.snapshot(NOW + timedelta(seconds=30))
    assert at_once.nodes["node-1"].ready is True
    noticed = broken.snapshot(NOW + timedelta(seconds=41))
    assert noticed.nodes["node-1"].ready is None
    assert not any(noticed.pods[pod.uid].ready for pod in on_it)

    moved = broken.snapshot(NOW + 8 * MINUTE)
    waiting = [pod for pod in moved.pods.values() if pod.phase is Phase.PENDING]
    assert waiting
    assert all(pod.claims and "volume node affinity conflict" in pod.message for pod in waiting)
    fresh = [pod for pod in moved.pods.values() if pod.uid not in before.pods and pod.ready]
    assert fresh
    assert all(pod.node != "node-1" for pod in fresh)
    assert {e.reason for e in moved.events} >= {"NodeNotReady", "TaintManagerEviction", "FailedScheduling"}

    back = broken.snapshot(NOW + 34 * MINUTE)
    assert back.nodes["node-1"].ready is True
    assert len(back.pods) == len(before.pods)
    assert sum(pod.ready for pod in back.pods.values()) == sum(pod.ready for pod in before.pods.values())


def test_without_power_a_node_has_no_measurements_and_its_counters_begin_anew(world: World) -> None:
    broken = with_faults(world, Fault(Kind.NODE_OFF, "node-3", NOW, NOW + 10 * MINUTE))
    off, on = (np.array([(NOW + m * MINUTE).timestamp()]) for m in (5, 14))
    nodes = broken.samples("node", off, 30)
    at = [thing["node"] for thing in nodes.things].index("node-3")
    assert np.isnan(nodes.numbers["cpu_seconds_total"][at])
    assert nodes.numbers["ready"][at] == 0
    pods = broken.samples("pod", off, 30)
    there = [i for i, thing in enumerate(pods.things) if thing["node"] == "node-3"]
    assert np.isnan(pods.numbers["cpu_usage_seconds_total"][there]).all()
    assert broken.samples("node", on, 30).numbers["cpu_seconds_total"][at] < 4 * 4 * 60


def test_a_short_power_cut_restarts_the_pods_where_they_are(world: World) -> None:
    broken = with_faults(world, Fault(Kind.NODE_OFF, "node-3", NOW, NOW + timedelta(seconds=20)))
    before, after = broken.snapshot(NOW - MINUTE), broken.snapshot(NOW + 5 * MINUTE)
    on_it = [uid for uid, pod in before.pods.items() if pod.node == "node-3" and pod.ready]
    assert on_it
    for uid in on_it:
        assert after.pods[uid].restarts == before.pods[uid].restarts + 1
        assert after.pods[uid].containers[0].last_reason == "Unknown"


@pytest.mark.parametrize(("kind", "reason", "code"), [(Kind.CRASH, "Error", 1), (Kind.OOM, "OOMKilled", 137)])
def test_a_component_that_ends_once_comes_back(world: World, kind: Kind, reason: str, code: int) -> None:
    broken = with_faults(world, Fault(kind, CALM, NOW))
    pod = next(p for p in broken.snapshot(NOW - MINUTE).pods.values() if f"{p.namespace}/{p.owner_name}" == CALM)
    down, up = (broken.snapshot(NOW + timedelta(seconds=s)).pods[pod.uid] for s in (0.5, 60))
    assert (down.ready, down.containers[0].state, down.containers[0].reason) == (False, "terminated", reason)
    assert up.ready
    assert up.restarts == pod.restarts + 1
    assert (up.containers[0].last_reason, up.containers[0].last_exit_code) == (reason, code)


def test_a_crash_loop_waits_longer_and_longer_until_it_is_mended(world: World) -> None:
    broken = with_faults(world, Fault(Kind.CRASH_LOOP, CALM, NOW, NOW + 60 * MINUTE))
    pods = [
        next(p for p in broken.snapshot(NOW + m * MINUTE).pods.values() if f"{p.namespace}/{p.owner_name}" == CALM)
        for m in (0, 1, 5, 20, 59, 70)
    ]
    restarts = [pod.restarts for pod in pods]
    assert restarts == sorted(restarts)
    assert restarts[2] - restarts[0] >= 4
    assert restarts[4] - restarts[3] <= 9  # five minutes at least between two starts by now
    assert pods[4].containers[0].reason == "CrashLoopBackOff" or pods[4].containers[0].state == "running"
    assert pods[5].ready


def test_the_windows_of_a_crash_loop_cover_the_time_between_its_short_runs(world: World) -> None:
    """A collector sees such a container now and then: its CPU time is spread over the time between, and is little each second."""
    broken = with_faults(world, Fault(Kind.CRASH_LOOP, CALM, NOW, NOW + 120 * MINUTE))
    uid = next(p.uid for p in broken.snapshot(NOW).pods.values() if f"{p.namespace}/{p.owner_name}" == CALM)
    table = broken.windows("pod", (NOW + 60 * MINUTE).timestamp() + 300.0 * np.arange(1, 13))
    mine = table.index == next(n for n, thing in enumerate(table.things) if thing["uid"] == uid)
    cpu, covered = table.numbers["cpu_usage_seconds_total_inc"][mine], table.numbers["covered_ms"][mine] / 1000
    known = np.isfinite(cpu)
    assert known.sum() >= 6, "it runs for seconds in most windows"
    assert set(covered[known]) == {300.0}
    assert (cpu[known] / covered[known]).max() < 0.05


def test_a_leak_ends_in_a_kill_and_is_remembered(world: World) -> None:
    broken = with_faults(world, Fault(Kind.LEAK, CALM, NOW))
    at = NOW.timestamp() + 600.0 * np.arange(1, 220)
    table = broken.samples("pod", at, 30)
    index = next(i for i, t in enumerate(table.things) if f"{t['namespace']}/{t['container']}" == CALM)
    used = table.numbers["memory_working_set_bytes"][table.index == index]
    limit = table.numbers["memory_limit_bytes"][table.index == index][0]
    assert np.nanmax(used) > 0.95 * limit
    assert table.numbers["restarts_total"][table.index == index][-1] >= 1


def test_the_state_survives_its_file_and_says_what_is_wrong_with_a_damaged_one() -> None:
    state = begin(3, NOW).with_fault(Fault(Kind.LEAK, CALM, NOW)).with_fault(Fault(Kind.API_DOWN, "", NOW, NOW + MINUTE))
    assert from_json(to_json(state)) == state
    assert state.without_fault(Kind.LEAK, CALM, NOW + MINUTE).faults[0].end == NOW + MINUTE
    with pytest.raises(Conflict, match="is on already"):
        state.with_fault(Fault(Kind.LEAK, CALM, NOW + MINUTE))
    with pytest.raises(Conflict, match="is not on"):
        state.without_fault(Kind.NODE_OFF, "node-1", NOW)
    with pytest.raises(Misconfigured, match="damaged"):
        from_json("{}")
    with pytest.raises(Misconfigured, match="newer program"):
        from_json(to_json(state).replace('"format": 1', '"format": 99'))
