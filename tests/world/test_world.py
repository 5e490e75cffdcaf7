"""The world as a function of time: deterministic, causal, and told the same way by its API and by its measurements."""

from __future__ import annotations

import math
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain import latency
from models.domain.cluster import Event, Node, Phase, Pod, Resources
from models.world import tenants, traffic
from models.world.faults import Fault, Kind
from models.world.state import begin, from_json, to_json
from models.world.table import Table
from models.world.world import World
from tests.world.conftest import NOW

ENTITIES = ("pod", "node", "filesystem", "volume", "ingress", "ingress_process")
MINUTE = timedelta(minutes=1)


def ends(first: datetime, count: int, seconds: float = 30.0) -> np.ndarray:
    return first.timestamp() + seconds * np.arange(1, count + 1)


def by_thing(table: Table, *names: str) -> dict[tuple[object, ...], dict[str, np.ndarray]]:
    """Numbers of each thing, by the facts `names`."""
    found = {}
    for index, thing in enumerate(table.things):
        rows = table.index == index
        found[tuple(thing[n] for n in names)] = {name: values[rows] for name, values in table.numbers.items()}
    return found


def test_the_demo_has_82_pods_of_27_organizations_at_some_60_percent_of_memory(world: World) -> None:
    seen = world.snapshot(NOW)
    mine = [pod for pod in seen.pods.values() if "moorage.dev/organization" in pod.labels]
    asked = sum(pod.request.memory for pod in seen.pods.values())
    whole = sum(node.allocatable.memory for node in seen.nodes.values())
    assert len(mine) == 82
    assert len({pod.labels["moorage.dev/organization"] for pod in mine}) == 27
    assert [node.capacity for node in seen.nodes.values()] == [Resources(4.0, 8 * 2**30, 110)] * 3
    assert 0.57 < asked / whole < 0.63


def test_namespaces_carry_the_labels_by_which_mapping_finds_their_organization(world: World) -> None:
    seen = world.snapshot(NOW)
    for tenant in tenants.TENANTS:
        for app in tenant.apps:
            labels = seen.namespaces[tenant.namespace(app)].labels
            assert labels["moorage.dev/organization"] == tenant.slug
            assert labels["moorage.dev/instance"] == labels["moorage.dev/template"] == app.template


def test_the_same_state_is_the_same_world_in_whatever_order_it_is_asked(world: World) -> None:
    other = World(from_json(to_json(world.state)))
    early, late = NOW - timedelta(days=40), NOW - timedelta(hours=3)
    again = [other.snapshot(late), other.snapshot(early), other.snapshot(late)]
    assert again == [world.snapshot(late), world.snapshot(early), world.snapshot(late)]


def test_another_seed_is_another_world(world: World) -> None:
    other = World(begin(8, NOW))
    at = ends(NOW, 1)
    first, second = (w.samples("pod", at, 30).numbers["memory_working_set_bytes"] for w in (world, other))
    assert len(first) == len(second)
    assert not np.array_equal(first, second)


def test_a_fault_changes_nothing_before_it_starts(world: World) -> None:
    start = NOW - timedelta(hours=2)
    other = World(world.state.with_fault(Fault(Kind.NODE_OFF, "node-3", start, start + timedelta(hours=1))))
    assert other.snapshot(start - MINUTE) == world.snapshot(start - MINUTE)
    assert other.snapshot(start + MINUTE) != world.snapshot(start + MINUTE)


@pytest.mark.parametrize("entity", ENTITIES)
def test_a_range_is_the_same_as_each_of_its_ticks(world: World, entity: str) -> None:
    at = ends(NOW - timedelta(days=2, hours=9, minutes=30), 90)  # over the outage of a node
    whole = world.samples(entity, at, 30)
    for position in (0, 17, 40, 41, 89):
        one = world.samples(entity, at[position : position + 1], 30)
        rows = np.flatnonzero(whole.numbers["tick"] == at[position])
        assert [whole.things[i] for i in whole.index[rows]] == [one.things[i] for i in one.index]
        for name, values in one.numbers.items():
            np.testing.assert_allclose(whole.numbers[name][rows], values, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("days_ago", [1.85, 2.42, 30.0])
def test_samples_lie_in_the_window_that_owns_them_and_there_is_one_per_thing(world: World, entity: str, days_ago: float) -> None:
    at = ends(NOW - timedelta(days=days_ago), 40)
    table = world.samples(entity, at, 30)
    tick, ts = table.numbers["tick"], table.numbers["ts"]
    assert ((ts <= tick) & (ts > tick - 30)).all()
    assert len(set(zip(table.index.tolist(), tick.tolist(), strict=True))) == len(tick)


WITHIN = tuple(latency.within(bound) for bound in traffic.BOUNDS)
COUNTERS = {
    "pod": (
        "cpu_usage_seconds_total", "cpu_cfs_periods_total", "cpu_cfs_throttled_periods_total", "network_receive_bytes_total",
        "network_transmit_bytes_total", "fs_reads_bytes_total", "fs_writes_bytes_total",
    ),
    "node": (
        "cpu_seconds_total", "cpu_idle_seconds_total", "cpu_steal_seconds_total", "network_receive_bytes_total",
        "network_transmit_bytes_total", "network_receive_drops_total", "disk_io_seconds_total", "disk_io_weighted_seconds_total",
        "major_page_faults_total", "oom_kills_total", "pleg_relists_total", "cpu_pressure_seconds_total", "io_stall_seconds_total",
    ),
    "ingress": (
        "requests_total", "requests_4xx_total", "requests_5xx_total", "request_seconds_total", "received_bytes_total",
        "sent_bytes_total", "timed_requests_total", *WITHIN,
    ),
    "ingress_process": ("config_reloads_total",),
}  # fmt: skip


@pytest.mark.parametrize("entity", list(COUNTERS))
def test_counters_only_fall_when_their_process_began_anew(world: World, entity: str) -> None:
    """Over two days with updates, the outage, the leak's kills and the crash loop."""
    at = ends(NOW - timedelta(days=3), 2 * 1440, 60.0)
    table = world.samples(entity, at, 60)
    falls = 0
    for index in range(len(table.things)):
        rows = table.index == index
        ts = table.numbers["ts"][rows]
        assert (np.diff(ts) > 0).all()
        begun = table.numbers["started_at"][rows] if entity == "node" else np.zeros(len(ts))
        restarts = table.numbers["restarts_total"][rows] if entity == "pod" else begun
        for name in COUNTERS[entity]:
            value = table.numbers[name][rows]
            known = np.isfinite(value)
            fell = np.diff(value[known]) < 0
            falls += int(fell.sum())
            assert (np.diff(restarts[known])[fell] != 0).all(), (table.things[index], name)
    assert falls or entity.startswith("ingress")


def test_a_machine_without_power_says_nothing_and_the_control_plane_still_knows_it(world: World) -> None:
    """Over the outage of a node: what node-exporter and kubelet would say is not known, which is not zero."""
    at = ends(NOW - timedelta(days=3), 3 * 1440, 60.0)
    table, disks = world.samples("node", at, 60), world.samples("filesystem", at, 60)
    off = ~np.isfinite(table.numbers["memory_total_bytes"])
    assert 30 < off.sum() < 90
    assert {table.things[i]["node"] for i in table.index[off]} == {"node-2"}
    for name in ("conntrack_entries", "clock_synced", "filesystem_fullest_share", "running_pods", "evictions_total"):
        assert (np.isfinite(table.numbers[name]) == ~off).all(), name
    assert np.isfinite(table.numbers["pods_allocatable"]).all()
    dark = set(table.numbers["tick"][off])
    mounted = [disks.things[i] for i, tick in zip(disks.index, disks.numbers["tick"], strict=True) if tick in dark]
    assert {one["node"] for one in mounted} == {"node-1", "node-3"}
    efi = np.array([disks.things[i]["mountpoint"] == "/boot/efi" for i in disks.index])
    assert not np.isfinite(disks.numbers["inodes"][efi]).any(), "vfat has no inodes"
    assert np.isfinite(disks.numbers["size_bytes"]).all()


def test_the_ingress_takes_a_configuration_when_something_behind_it_comes_or_goes(world: World) -> None:
    """Over the outage of a node, on which apps are: reloads are as many as were noticed, and the newest of them is as old as is said."""
    at = ends(NOW - timedelta(days=3), 3 * 1440, 60.0)
    for (_,), values in by_thing(world.samples("ingress_process", at, 60), "instance").items():
        taken = values["ts"] - values["config_age_seconds"]
        counted = np.diff(values["config_reloads_total"])
        assert ((np.diff(taken) > 1e-6) == (counted > 0)).all()
        assert (taken <= values["ts"]).all()
        assert (values["uptime_seconds"] >= values["config_age_seconds"] - 1e-6).all()
        assert values["config_reloads_total"][-1] > 10
        assert 10 < values["open_connections"].mean() < 10_000


def test_cpu_of_a_node_is_what_its_pods_and_its_system_use(world: World) -> None:
    at = ends(NOW - timedelta(hours=5), 121)
    nodes = by_thing(world.samples("node", at, 30), "node")
    pods = world.samples("pod", at, 30)
    for (name,), values in nodes.items():
        used = np.diff(values["cpu_seconds_total"] - values["cpu_idle_seconds_total"])[[0, -1]]
        cpu = [
            (v["cpu_usage_seconds_total"], facts)
            for facts, v in by_thing(pods, "node", "uid").items()
            if facts[0] == name and np.isfinite(v["cpu_usage_seconds_total"]).all()
        ]
        mean = sum(np.diff(v).sum() for v, _ in cpu) / 3600
        whole = np.diff(values["cpu_seconds_total"] - values["cpu_idle_seconds_total"]).sum() / 3600
        assert 0 < mean < whole < 4.0
        assert whole - mean == pytest.approx(0.13, abs=0.06)
        assert (used > 0).all()


@settings(max_examples=15, deadline=None)
@given(minutes=st.integers(0, 90 * 1440 - 1))
def test_samples_agree_with_the_snapshot(world: World, minutes: int) -> None:
    at = world.epoch + timedelta(minutes=minutes, seconds=30)
    table = world.samples("pod", np.array([at.timestamp()]), 30)
    for row, index in enumerate(table.index):
        thing = table.things[index]
        when = world.epoch + timedelta(seconds=float(table.numbers["ts"][row]) - world.epoch.timestamp())
        pod = world.snapshot(when).pods[str(thing["uid"])]
        container = pod.containers[0]
        running = np.isfinite(table.numbers["cpu_usage_seconds_total"][row])
        assert (pod.namespace, pod.name, pod.node or "") == (thing["namespace"], thing["pod"], thing["node"] if pod.node else "")
        assert container.restarts == table.numbers["restarts_total"][row]
        assert pod.ready == bool(table.numbers["ready"][row])
        assert pod.request.memory == table.numbers["memory_request_bytes"][row]
        on = pod.node is not None and world.snapshot(when).nodes[pod.node].ready is True
        if on:
            assert running == (container.state == "running")
        if row > 12:
            break  # each asks for a snapshot of its own; the draws come from everywhere


@settings(max_examples=25, deadline=None)
@given(minutes=st.integers(0, 90 * 1440))
def test_no_node_is_ever_promised_more_than_it_has_and_local_volumes_bind(world: World, minutes: int) -> None:
    seen = world.snapshot(world.epoch + timedelta(minutes=minutes))
    for node in seen.nodes.values():
        held = [pod for pod in seen.pods.values() if pod.node == node.name and pod.active]
        total = sum((pod.request for pod in held), Resources())
        assert Resources(total.cpu, total.memory, len(held)).fits(node.allocatable)
    for pod in seen.pods.values():
        for claim in pod.claims:
            bound = seen.claims[pod.namespace, claim].node
            assert bound is None or pod.node in (None, bound)


def test_changes_lead_from_one_snapshot_to_the_next(world: World) -> None:
    """What a watcher is told adds up, also over the outage and two updates."""
    start = NOW - timedelta(days=2, hours=12)
    state: dict[str, Pod | Node] = {}
    for change in world.changes(start, start + timedelta(hours=6), whole=True):
        thing = change.now or change.before
        assert thing is not None
        if not isinstance(thing, Event):
            assert state.get(thing.uid) == change.before
            if change.now is None:
                del state[thing.uid]
            else:
                state[thing.uid] = thing
    seen = world.snapshot(start + timedelta(hours=6))
    assert state == {**seen.pods, **{node.uid: node for node in seen.nodes.values()}}


def test_changes_of_adjoining_times_are_those_of_the_whole(world: World) -> None:
    a, b, c = NOW - timedelta(hours=9), NOW - timedelta(hours=8, seconds=13), NOW
    assert [*world.changes(a, b), *world.changes(b, c)] == list(world.changes(a, c))


@pytest.mark.parametrize("days_ago", [0.4, 20.0, 63.0])
def test_windows_are_what_the_counters_did(world: World, days_ago: float) -> None:
    """Increases of the closed form against the differences of samples; a loss of one part in a hundred is the edges' offset."""
    first = datetime.fromtimestamp((NOW - timedelta(days=days_ago)).timestamp() // 3600 * 3600, tz=NOW.tzinfo)
    table = by_thing(world.windows("pod", ends(first, 24, 300.0)), "uid")
    raw = by_thing(world.samples("pod", ends(first - timedelta(seconds=30), 241), 30), "uid")
    compared = 0
    for uid, values in table.items():
        if uid in raw and len(values["n"]) == 24 and len(raw[uid]["ts"]) == 241 and not np.diff(raw[uid]["restarts_total"]).any():
            cpu = raw[uid]["cpu_usage_seconds_total"]
            if not np.isfinite(cpu).all():
                continue
            compared += 1
            assert values["cpu_usage_seconds_total_inc"].sum() == pytest.approx(cpu[-1] - cpu[0], rel=0.01)
            memory = raw[uid]["memory_working_set_bytes"][1:].mean()
            assert values["memory_working_set_bytes_avg"].mean() == pytest.approx(memory, rel=0.005)
            assert set(values["n"]) == {10.0}
            assert set(values["covered_ms"]) == {300_000.0}
    assert compared > 30


def test_the_day_has_a_rhythm_and_the_business_grows(world: World) -> None:
    day = datetime(2026, 11, 18, tzinfo=NOW.tzinfo)
    requests = world.windows("ingress", ends(day, 288, 300.0))
    busy, calm = (requests.numbers["requests_total_inc"][_hours(requests, a, b)].sum() for a, b in ((5, 9), (18, 22)))
    assert busy > 1.25 * calm  # noon in Jakarta against two o'clock at night
    pods = [sum(p.phase is Phase.RUNNING for p in world.snapshot(NOW - timedelta(days=d)).pods.values()) for d in (89, 60, 30, 0)]
    assert pods == sorted(pods)
    assert pods[0] < 60 < 80 < pods[-1]


def _hours(table: Table, since: int, until: int) -> np.ndarray:
    hour = table.numbers["t"] % 86400 / 3600
    return (hour > since) & (hour <= until)


def test_the_history_shows_each_of_its_faults(world: World) -> None:
    reasons = Counter[str]()
    for change in world.changes(NOW - timedelta(days=12), NOW):
        if isinstance(change.now, Pod) and change.before is not None:
            reasons[change.now.containers[0].reason] += 1
            reasons[change.now.containers[0].last_reason] += 1
        if isinstance(change.now, Node):
            reasons[f"{change.now.name} {change.now.ready}"] += 1
    assert reasons["OOMKilled"] >= 4
    assert reasons["CrashLoopBackOff"] > 100
    assert reasons["node-2 None"] == reasons["node-2 True"] == 1

    leaking = [p for p in world.snapshot(NOW).pods.values() if f"{p.namespace}/{p.owner_name}" == tenants.LEAKING]
    assert leaking[0].containers[0].last_reason == "OOMKilled"
    at = ends(NOW - timedelta(days=1, hours=22), 1440, 60.0)
    used = by_thing(world.samples("pod", at, 60), "namespace", "container")[tuple(tenants.LEAKING.split("/"))]
    assert np.nanmax(used["memory_working_set_bytes"]) > 0.93 * used["memory_limit_bytes"][0]


def test_nobody_uses_the_idle_trial(world: World) -> None:
    at = ends(NOW - timedelta(hours=1), 2, 1800.0)
    served = by_thing(world.samples("ingress", at, 30), "namespace")
    asked = {namespace: np.diff(v["requests_total"])[0] for (namespace,), v in served.items()}
    assert asked[tenants.IDLE] < 0.1 * np.median(list(asked.values()))
    usual = by_thing(world.samples("ingress", at - 25 * 86400.0, 30), "namespace")[tenants.IDLE,]
    assert np.diff(usual["requests_total"])[0] > 10 * asked[tenants.IDLE]


def test_a_noisy_neighbour_takes_its_node_in_office_hours_only(world: World) -> None:
    for hour, noisy in ((5, True), (19, False)):  # noon and two o'clock in Jakarta
        at = datetime(2026, 11, 25, hour, tzinfo=NOW.tzinfo)
        pods = by_thing(world.samples("pod", ends(at, 21), 30), "namespace", "container", "uid")
        cores = {k: np.diff(v["cpu_usage_seconds_total"]).sum() / 600 for k, v in pods.items()}
        loudest = max((k for k in cores if not math.isnan(cores[k])), key=lambda k: cores[k])
        assert bool(f"{loudest[0]}/{loudest[1]}" == tenants.NOISY and cores[loudest] > 1.0) == noisy


def _p95(numbers: dict[str, np.ndarray]) -> float:
    counts = {bound: numbers[f"{latency.within(bound)}_inc"].sum() for bound in traffic.BOUNDS}
    found = latency.quantile(0.95, counts, numbers["timed_requests_total_inc"].sum())
    assert found is not None
    return found.seconds


def test_answers_are_timed_and_take_longer_beside_the_noisy_neighbour(world: World) -> None:
    slower = 0
    noon, night = (
        by_thing(world.windows("ingress", ends(datetime(2026, 11, 25, hour, tzinfo=NOW.tzinfo), 12, 300.0)), "namespace")
        for hour in (5, 19)
    )
    for (namespace,), busy in noon.items():
        assert busy["timed_requests_total_inc"] == pytest.approx(busy["requests_total_inc"], abs=1.0)
        counts = [busy[f"{latency.within(bound)}_inc"].sum() for bound in traffic.BOUNDS]
        assert all(a <= b + 1 for a, b in pairwise(counts))
        if busy["requests_total_inc"].sum() > 200 and night[namespace,]["requests_total_inc"].sum() > 200:
            slower += _p95(busy) > 1.3 * _p95(night[namespace,])
    assert 0 < slower < len(noon) / 2


def test_where_samples_were_lost_there_are_none(world: World) -> None:
    start, end = (world.origin + x for x in world.lost[0])
    at = np.array([start - 15, start + 31, (start + end) / 2, end, end + 45])
    ticks = world.samples("pod", at, 30).numbers["tick"]
    assert sorted(set(ticks)) == [at[0], at[4]]
