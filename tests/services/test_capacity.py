"""Capacity, forecast, what-if and right-sizing on a small cluster in a real warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest

from app.context import Context
from app.services import capacity, settings
from collectors.warehouse import Warehouse
from models.domain.access import StaffRole
from models.domain.cluster import Resources
from models.domain.errors import Invalid, NotFound, NotPermitted
from models.store.session import Store
from tests.services import running
from tests.services.running import GIB, MIB, NOW, a_node, a_snapshot
from tests.stories import a_staff_member


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with running.a_warehouse(tmp_path_factory.mktemp("warehouse")) as made:
        running.fill(made)
        yield made


@pytest.fixture
def ctx(store: Store, warehouse: Warehouse) -> Iterator[Context]:
    with store.transaction() as session:
        running.people(session)
        yield running.a_running_context(session, a_staff_member(session, StaffRole.ANALYST), warehouse)


def _on(ctx: Context, **facts: object) -> Context:
    """The same with another snapshot."""
    return replace(ctx, cluster=running.Cluster(a_snapshot(**facts), running.latest()))


def test_requests_and_lines_are_sums_over_the_nodes(ctx: Context) -> None:
    found = capacity.state(ctx)
    memory, cpu, pods = found.resources
    asked = (512 + 256 + 256 + 2048 + 128) * MIB
    assert (memory.resource, cpu.resource, pods.resource) == ("memory", "cpu", "pods")
    assert memory.allocatable.value == 24 * GIB
    assert memory.requested.value == asked
    assert memory.requested_share == pytest.approx(asked / (24 * GIB))
    assert memory.sale_line.value == pytest.approx(0.8 * 24 * GIB)
    assert memory.safe_line.value == pytest.approx(16 * GIB)
    assert memory.headroom_safe.value == pytest.approx(16 * GIB - asked)
    assert cpu.requested.value == pytest.approx(2.1)
    assert pods.requested.value == 8
    assert (found.waiting, found.unrequested) == (1, 3)
    assert found.binding == "cpu"


def test_use_is_measured_and_says_of_how_many_pods(ctx: Context) -> None:
    memory, cpu, pods = capacity.state(ctx).resources
    assert memory.used.value == (300 + 200 + 500 + 150 + 100 + 15) * MIB
    assert cpu.used.value == pytest.approx(0.2 + 0.05 + 0.1 + 0.02 + 0.05 + 0.003, rel=1e-6)
    assert "8 of 8 pods" in memory.used.formula
    assert memory.used.as_of == NOW - timedelta(seconds=4)
    assert pods.used.value == 7, "one is not ready"


def test_what_is_not_measured_is_not_zero(ctx: Context) -> None:
    blind = replace(ctx, cluster=running.Cluster(a_snapshot(), running.Latest()))
    memory, cpu, _ = capacity.state(blind).resources
    assert (memory.used.value, memory.used_share, cpu.used.value) == (None, None, None)


def test_each_lost_node_says_who_would_not_come_back(ctx: Context) -> None:
    found = capacity.state(ctx)
    by_node = {loss.node: loss for loss in found.losses}
    assert (by_node["node-1"].moved, by_node["node-1"].local_volume, by_node["node-1"].organizations_hurt) == (1, 1, 1)
    assert (by_node["node-2"].moved, by_node["node-2"].local_volume, by_node["node-2"].organizations_hurt) == (1, 0, 0)
    assert not found.survives_any_loss


def test_headroom_counts_blocks_and_keeps_to_the_lines(ctx: Context) -> None:
    small, large = capacity.headroom(ctx)
    assert (small.name, large.name) == ("small", "large")
    free_cpu = {"node-1": 3.25, "node-2": 3.75, "node-3": 2.9}
    assert small.by_placement == sum(int(cpu / 0.5) for cpu in free_cpu.values())
    assert small.within_sale_limit == int((0.8 * 12 - 2.1) / 0.5)
    assert small.within_safe_line == int((8 - 2.1) / 0.5)
    assert small.binding == "cpu"
    assert large.by_placement == 3, "one on each node, although the sum of what is free would hold four"
    assert large.binding in ("cpu", "nodes")


def test_a_lower_sale_limit_leaves_less_to_sell(ctx: Context, store: Store, warehouse: Warehouse) -> None:
    before = capacity.headroom(ctx)[0].within_sale_limit
    settings.put(replace(ctx, actor=a_staff_member(ctx.session)), key="sale_limit", value=0.4)
    assert capacity.headroom(ctx)[0].within_sale_limit == int((0.4 * 12 - 2.1) / 0.5) < before


def test_the_largest_block_is_one_nodes_and_a_cordoned_node_is_stranded(ctx: Context) -> None:
    cordoned = {f"node-{n}": a_node(f"node-{n}", unschedulable=n == 2) for n in (1, 2, 3)}
    found = capacity.state(_on(ctx, nodes=cordoned))
    assert found.largest_block is not None
    assert (found.largest_block.node, found.largest_block.free.memory) == ("node-1", (8192 - 768) * MIB)
    assert found.resources[0].allocatable.value == 16 * GIB
    assert set(found.stranded) == {"node-2"}


def test_the_forecast_continues_a_steady_growth_to_the_day(ctx: Context) -> None:
    found = capacity.forecast(ctx, resource="memory", line="full")
    base = (512 + 256 + 256 + 2048 + 128) * MIB
    # on day n (the 23rd of October is day 0) 100 MiB x n are asked for in addition
    reached = -(-(24 * GIB - base) // (100 * MIB))
    assert found.enough
    assert found.trusted
    assert found.crossing == date(2026, 10, 23) + timedelta(days=reached)
    assert found.days == (found.crossing - NOW.date()).days
    assert found.median_error == pytest.approx(0, abs=1e-9)
    assert found.history.line("memory_request").values[0] == pytest.approx(base)
    assert found.history.line("memory_use").values == (1265 * MIB,) * 30, "300 + 200 + 500 + 150 + 100 + 15, every hour"
    assert len(found.history.times) == 30, "the day that has begun has too few hours"
    assert found.sentence.startswith("At this pace memory is full on ")
    assert found.low[0] <= found.forecast[0] <= found.high[0]


def test_trials_that_stay_bring_the_day_nearer(ctx: Context) -> None:
    found = capacity.forecast(ctx, resource="memory", line="full")
    assert found.trials == 1
    assert found.with_trials is not None
    assert found.crossing is not None
    assert (found.crossing - found.with_trials).days in (20, 21), "2 GiB of the trial are 20.48 days of growth"


def test_lines_are_reached_in_their_order(ctx: Context) -> None:
    days = [capacity.forecast(ctx, line=line).crossing for line in ("safe", "sale", "full")]
    assert days == sorted(days)
    flat = capacity.forecast(ctx, resource="cpu")
    assert flat.crossing is None


def test_without_history_there_is_a_sentence_and_no_date(ctx: Context, tmp_path_factory: pytest.TempPathFactory) -> None:
    with running.a_warehouse(tmp_path_factory.mktemp("empty")) as empty:
        found = capacity.forecast(replace(ctx, warehouse=empty))
    assert not found.enough
    assert found.crossing is None
    assert found.sentence == "Not enough history for a date: 0 whole days are there, 14 are needed."


@pytest.mark.parametrize("wrong", [{"resource": "disk"}, {"line": "half"}])
def test_a_forecast_of_something_unknown_is_refused(ctx: Context, wrong: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="Choose one of"):
        capacity.forecast(ctx, **wrong)


def test_a_lost_node_with_a_local_volume_takes_its_pod_down(ctx: Context) -> None:
    found = capacity.what_if(ctx, lose="node-1")
    assert [(pod.name, pod.outcome) for pod in found.pods] == [
        ("postgres-0", "local_volume"), ("n8n-6f7d-abcde", "moved"), ("svclb-1", "ended"),
    ]  # fmt: skip
    assert (found.moved, found.no_room, found.down) == (1, 0, 1)
    assert found.organizations_hurt == ("Kopi Kita",)
    assert found.after["memory"] > found.before["memory"]
    assert found.sentence == "1 pod would not run: 1 would be down with the volume on that node. 1 organization would be hurt."


def test_an_added_node_takes_what_waits_and_carries_its_own_daemons(ctx: Context) -> None:
    roomy = {f"node-{n}": a_node(f"node-{n}") for n in (1, 2, 3)}
    roomy["node-4"] = a_node("node-4", size=Resources(8, 32 * GIB, 110), unschedulable=True)
    assert capacity.what_if(_on(ctx, nodes=roomy), add=1).placed == 0, "new nodes are like the largest that takes pods"
    roomy["node-4"] = replace(roomy["node-4"], unschedulable=False)
    filler = replace(
        a_snapshot().pods["uid-growing-1-bbbbb"], uid="filler", name="filler", node="node-4", request=Resources(1, 20 * GIB, 1)
    )
    waiting = {**a_snapshot().pods, "filler": filler}
    found = capacity.what_if(_on(ctx, nodes=roomy, pods=waiting), add=2)
    assert [(pod.name, pod.outcome, pod.to) for pod in found.pods] == [("big-77-aaaaa", "placed", "new-1")]
    assert found.after["pods"] == pytest.approx((9 + 1) / (6 * 110))


def test_copies_are_placed_until_there_is_no_room(ctx: Context) -> None:
    small, large = capacity.headroom(ctx)
    fits = capacity.what_if(ctx, plan_id=large.plan_id, copies=large.by_placement)
    assert (fits.placed, fits.no_room) == (3, 0)
    more = capacity.what_if(ctx, plan_id=large.plan_id, copies=large.by_placement + 2)
    assert (more.placed, more.no_room) == (3, 2)
    assert "Insufficient" in next(pod.reason for pod in more.pods if pod.outcome == "no_room")
    assert capacity.what_if(ctx, plan_id=small.plan_id, copies=small.by_placement + 1).no_room == 1


def test_steps_happen_in_their_order(ctx: Context) -> None:
    large = capacity.headroom(ctx)[1]
    found = capacity.what_if(ctx, lose="node-2", add=1, plan_id=large.plan_id, copies=3, trials=True)
    assert found.question == "lose node-2, then add 1 node, then 3 more of n8n large, then 1 open trials stay and as many begin"
    assert found.no_room == 0
    assert {pod.to for pod in found.pods if pod.outcome in ("moved", "placed")} <= {"node-1", "node-3", "new-1"}


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"lose": "node-9"}, NotFound),
        ({"add": -1}, Invalid),
        ({"add": 10**9}, Invalid),
        ({"copies": 3}, Invalid),
        ({"copies": 10**12, "plan_id": "x"}, Invalid),
        ({"copies": 1, "plan_id": "pln_none"}, NotFound),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(ctx: Context, asked: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        capacity.what_if(ctx, **asked)  # the cases' types differ


def test_asking_nothing_changes_nothing(ctx: Context) -> None:
    found = capacity.what_if(ctx)
    assert found.pods == ()
    assert found.before == found.after


def test_suggestions_come_with_their_evidence_and_the_largest_saving_first(ctx: Context) -> None:
    found = capacity.rightsizing(ctx)
    ghost = found.suggestions[0]
    assert (ghost.workload, ghost.organization) == ("ghost", "Ayu")
    assert (ghost.memory_request, ghost.memory_max, ghost.memory_suggested) == (2 * GIB, 150 * MIB, 176 * MIB)
    assert ghost.cpu_suggested == pytest.approx(0.02)
    assert ghost.saves_memory == 2 * GIB - 176 * MIB
    assert ghost.samples == 14 * 288
    assert ghost.days == pytest.approx(14, abs=0.01)
    wordpress = next(one for one in found.suggestions if one.workload == "wordpress")
    assert wordpress.oom_peak == 512 * MIB
    assert wordpress.memory_suggested == 640 * MIB, "25 % above the limit at which it was killed"
    assert found.too_small >= 1
    assert found.skipped == 1, "what never ran has no evidence"
    assert found.saves_memory == sum(max(0, one.saves_memory) for one in found.suggestions)


def test_pods_that_are_gone_still_speak_for_their_workload(ctx: Context) -> None:
    pods = dict(a_snapshot().pods)
    old = pods.pop("uid-ghost-1a2b-fghij")
    pods["new"] = replace(old, uid="new", name="ghost-9z9z-klmno")
    found = capacity.rightsizing(_on(ctx, pods=pods))
    assert any(one.workload == "ghost" for one in found.suggestions)
    pods["new"] = replace(old, uid="new", name="other-9z9z-klmno", owner_name="other")
    found = capacity.rightsizing(_on(ctx, pods=pods))
    assert not any(one.workload in ("ghost", "other") for one in found.suggestions)


def test_a_day_of_evidence_is_too_little(ctx: Context) -> None:
    found = capacity.rightsizing(ctx, days=1)
    assert found.suggestions == ()
    assert found.skipped == 7


def test_the_daily_snapshot_is_flat(ctx: Context) -> None:
    numbers = capacity.snapshot(ctx).numbers
    assert numbers["memory_allocatable_bytes"] == 24 * GIB
    assert numbers["headroom_n8n_small"] == 15
    assert numbers["memory_full_on"] is not None
    assert numbers["memory_full_in_days"] == (date.fromisoformat(str(numbers["memory_full_on"])) - NOW.date()).days
    assert numbers["cpu_full_on"] is None
    assert all(value is None or isinstance(value, int | float | str) for value in numbers.values())


def test_an_empty_cluster_is_no_error(ctx: Context) -> None:
    bare = _on(ctx, nodes={}, pods={}, claims={})
    found = capacity.state(bare)
    assert [one.requested_share for one in found.resources] == [None, None, None]
    assert found.headroom[0].by_placement == 0
    assert found.largest_block is None
    assert not capacity.forecast(bare).enough
    with pytest.raises(Invalid):
        capacity.what_if(bare, add=1)


@pytest.mark.parametrize(
    "ask", [capacity.state, capacity.headroom, capacity.forecast, capacity.what_if, capacity.rightsizing, capacity.snapshot]
)
def test_only_staff_who_see_the_cluster_are_told(ctx: Context, ask: object) -> None:
    for actor in (a_staff_member(ctx.session, StaffRole.BILLING), running.a_customer(ctx.session, "X").actor):
        with pytest.raises(NotPermitted):
            ask(replace(ctx, actor=actor))  # one of the services
