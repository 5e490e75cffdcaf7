"""The first screen: what is wrong, for whom, how full it is, how old the data is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from app.context import Context
from app.services import overview
from collectors.warehouse import Warehouse
from models.domain.access import StaffRole
from models.domain.errors import NotPermitted
from models.domain.trouble import Kind, Severity
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
        yield running.a_running_context(session, a_staff_member(session, StaffRole.SUPPORT), warehouse)


def _on(ctx: Context, **facts: object) -> Context:
    return replace(ctx, cluster=running.Cluster(a_snapshot(**facts), running.latest()))


def _healthy() -> dict[str, object]:
    pods = {uid: pod for uid, pod in a_snapshot().pods.items() if pod.namespace not in ("toko-wp", "growing")}
    return {"pods": pods}


def test_the_headline_counts_customers_that_are_hurt(ctx: Context) -> None:
    found = overview.state(ctx)
    assert (found.headline.code, found.headline.hurt) == ("somebody_is_hurt", 1)
    assert found.headline.sentence == "1 customer is affected now."


def test_when_nothing_is_wrong_it_says_so(ctx: Context) -> None:
    assert overview.state(_on(ctx, **_healthy())).headline.code == "all_well"


def test_a_node_that_is_away_hurts_whoever_is_on_it(ctx: Context) -> None:
    nodes = {f"node-{n}": a_node(f"node-{n}", ready=None if n == 1 else True) for n in (1, 2, 3)}
    found = overview.state(_on(ctx, nodes=nodes, **_healthy()))
    assert (found.headline.code, found.headline.hurt) == ("somebody_is_hurt", 1)
    assert found.trouble[0].trouble.kind is Kind.NODE_DOWN


def test_pressure_on_a_node_needs_a_look_and_hurts_nobody(ctx: Context) -> None:
    nodes = {f"node-{n}": a_node(f"node-{n}", pressures=frozenset({"MemoryPressure"} if n == 3 else ())) for n in (1, 2, 3)}
    headline = overview.state(_on(ctx, nodes=nodes, **_healthy())).headline
    assert (headline.code, headline.hurt, headline.need_a_look) == ("some_need_a_look", 0, 0)
    assert headline.sentence == "No customer is affected, 1 thing of the platform needs a look."


def test_a_silent_cluster_is_never_well(ctx: Context) -> None:
    lost = NOW - timedelta(minutes=9)
    found = overview.state(_on(ctx, stale_since=lost, **_healthy()))
    assert (found.headline.code, found.headline.silent_since, found.stale_since) == ("silent", lost, lost)
    assert found.counts.pods_up == 0


def test_trouble_carries_names_and_its_true_beginning(ctx: Context) -> None:
    rows = {row.trouble.kind: row for row in overview.state(ctx).trouble}
    crash = rows[Kind.CRASH_LOOP]
    [pending] = [one for one in crash.also if one.kind is Kind.PENDING]  # the same app: one row with both
    assert (crash.organization, crash.instance) == ("Toko", "shop")
    assert crash.trouble.since == running.KILLED - timedelta(minutes=30), "records know the first end, the cluster only the last"
    assert crash.trouble.reason == "Crashing, 4 restarts: out of memory."
    assert pending.reason == "Pending: no node has 16 GiB left."
    assert Kind.UNOWNED in rows


def test_a_source_that_fell_silent_is_trouble(ctx: Context) -> None:
    late = overview.state(replace(ctx, now=NOW + timedelta(minutes=10)))
    stale = next(row.trouble for row in late.trouble if row.trouble.kind is Kind.STALE_COLLECTION)
    assert stale.reason == "simulated-cluster is late by 20 ticks."
    assert stale.severity is Severity.WARNING
    assert not [row for row in overview.state(ctx).trouble if row.trouble.kind is Kind.STALE_COLLECTION]


def test_utilization_knows_the_target_and_the_line_of_one_node(ctx: Context) -> None:
    memory, cpu, pods = overview.state(ctx).utilization
    assert memory.requested_share == pytest.approx(3200 * MIB / (24 * GIB))
    assert (memory.target_low, memory.target_high) == (0.7, 0.8)
    assert memory.one_node_loss == pytest.approx(2 / 3)
    assert memory.used_share == pytest.approx(1265 * MIB / (24 * GIB))
    assert 0 < len(memory.spark) <= 48 + 1
    assert next(one for one in memory.spark if one is not None) == pytest.approx((3072 + 128 + 100 * 29) * MIB / (24 * GIB))
    assert cpu.requested_share == pytest.approx(2.1 / 12)
    assert pods.requested_share == pytest.approx(8 / 330)


def test_the_history_is_in_shares_of_what_can_be_given(ctx: Context) -> None:
    history = overview.state(ctx).history
    assert [line.name for line in history.lines] == ["memory_request", "memory_use", "cpu_request", "cpu_use"]
    assert {line.unit for line in history.lines} == {"share"}
    known = [value for value in history.line("cpu_use").values if value is not None]
    assert known[0] == pytest.approx((0.2 + 0.05 + 0.1 + 0.02 + 0.05 + 0.003) / 12)


def test_consumers_add_up_to_the_cluster(ctx: Context) -> None:
    found = overview.state(ctx)
    assert [one.organization for one in found.consumers] == ["Kopi Kita", "Toko", "Ayu", ""]
    assert sum(one.pods for one in found.consumers) == found.counts.pods == 9
    assert sum(one.memory_used or 0 for one in found.consumers) == 1265 * MIB
    assert {one.organization: one.trouble for one in found.consumers}["Toko"] == 1
    assert len(overview.state(ctx, consumers=2).consumers) == 2


def test_counts(ctx: Context) -> None:
    counts = overview.state(ctx).counts
    assert (counts.nodes, counts.nodes_ready) == (3, 3)
    assert (counts.pods_up, counts.pods_crashing, counts.pods_pending) == (7, 1, 1)
    assert (counts.organizations, counts.instances, counts.trials, counts.trials_ending) == (3, 3, 1, 1)
    assert counts.unowned_pods == 1  # the three of kube-system need no owner


def test_money_is_not_invented(ctx: Context) -> None:
    money = overview.state(ctx).money
    assert not money.available
    assert "not there yet" in money.sentence


def test_only_staff_who_see_the_cluster_are_told(ctx: Context) -> None:
    for actor in (a_staff_member(ctx.session, StaffRole.BILLING), running.a_customer(ctx.session, "X").actor):
        with pytest.raises(NotPermitted):
            overview.state(replace(ctx, actor=actor))
