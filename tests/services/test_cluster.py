"""Nodes and pods as they are now: what runs where, for whom, in what state. What is not known is said, never guessed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from app.context import Context
from app.services import cluster, directory, findings
from collectors.latest import Latest
from collectors.warehouse import Warehouse
from models.domain.access import StaffRole
from models.domain.cluster import Phase, Taint
from models.domain.errors import Invalid, NotFound, NotPermitted
from models.domain.health import BADNESS, State
from models.domain.trouble import Kind
from models.store.session import Store
from tests.services import running
from tests.services.running import GIB, KILLED, MIB, NOW, START, a_node, a_snapshot
from tests.stories import a_staff_member

CRASHED = "uid-wordpress-5c9-xyz12"
WAITING = "uid-big-77-aaaaa"
N8N = "uid-n8n-6f7d-abcde"
POSTGRES = "uid-postgres-0"


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with running.a_warehouse(tmp_path_factory.mktemp("warehouse")) as made:
        running.fill(made)
        yield made


@pytest.fixture
def stage(store: Store, warehouse: Warehouse) -> Iterator[tuple[Context, running.People]]:
    with store.transaction() as session:
        people = running.people(session)
        yield running.a_running_context(session, a_staff_member(session, StaffRole.SUPPORT), warehouse), people


@pytest.fixture
def ctx(stage: tuple[Context, running.People]) -> Context:
    return stage[0]


def _on(ctx: Context, known: Latest | None = None, **facts: object) -> Context:
    return replace(ctx, cluster=running.Cluster(a_snapshot(**facts), known or running.latest()))


def _names(ctx: Context, **asked: object) -> list[str]:
    return [row.name.split("-")[0] for row in cluster.pods(ctx, **asked).rows]


def test_nodes_say_what_they_have_what_is_asked_and_what_is_free(ctx: Context) -> None:
    found = cluster.nodes(ctx)
    assert [row.name for row in found.rows] == ["node-1", "node-2", "node-3"]
    first = found.rows[0]
    assert (first.state, first.since, first.allocatable.cpu) == ("ready", START, 4.0)
    assert (first.requests.cpu, first.requests.memory, first.requests.pods) == (0.75, 768 * MIB, 3)
    assert (first.free.cpu, first.free.memory, first.free.pods) == (3.25, 8 * GIB - 768 * MIB, 107)
    assert (found.as_of, found.stale_since) == (NOW, None)


def test_what_is_not_measured_of_a_node_is_unknown_and_not_zero(ctx: Context) -> None:
    row = cluster.nodes(ctx).rows[0]
    assert (row.cpu_used, row.memory_used, row.disk_used_share, row.load1) == (None, None, None, None)
    assert cluster.nodes(_on(ctx, Latest())).rows[0].measured_at is None


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"ready": True}, "ready"),
        ({"ready": False}, "not_ready"),
        ({"ready": None}, "unknown"),
        ({"unschedulable": True}, "cordoned"),
        ({"ready": False, "unschedulable": True}, "not_ready"),
    ],
)
def test_states_of_a_node(ctx: Context, facts: dict[str, object], state: str) -> None:
    assert cluster.nodes(_on(ctx, nodes={"node-1": a_node("node-1", **facts)})).rows[0].state == state


def test_a_cluster_out_of_reach_is_unknown_as_a_whole(ctx: Context) -> None:
    since = NOW - timedelta(minutes=4)
    lost = _on(ctx, stale_since=since, trouble="The connection was refused.")
    nodes, pods = cluster.nodes(lost), cluster.pods(lost)
    assert {(row.state, row.since, row.reason) for row in nodes.rows} == {("unknown", since, "The connection was refused.")}
    assert {(row.condition.state, row.condition.since) for row in pods.rows} == {(State.UNKNOWN, since)}
    assert (nodes.stale_since, pods.stale_since, cluster.pod(lost, uid=N8N).stale_since) == (since, since, since)


def test_pods_of_a_node_that_is_silent_are_unknown(ctx: Context) -> None:
    nodes = {f"node-{n}": a_node(f"node-{n}", ready=None if n == 1 else True) for n in (1, 2, 3)}
    rows = cluster.pods(_on(ctx, nodes=nodes), node="node-1").rows
    assert {(row.condition.state, row.condition.reason) for row in rows} == {(State.UNKNOWN, "node_silent")}


def test_a_pod_says_whose_it_is_and_what_it_uses(stage: tuple[Context, running.People]) -> None:
    ctx, people = stage
    row = next(row for row in cluster.pods(ctx).rows if row.uid == N8N)
    assert (row.organization, row.organization_id) == ("Kopi Kita", people.kopi.organization.id)
    assert (row.instance, row.instance_id, row.template) == ("n8n", people.n8n.id, "n8n")
    assert (row.owner, row.node, row.phase, row.ready) == ("Deployment/n8n", "node-1", "Running", True)
    assert row.cpu_used == pytest.approx(0.2)
    assert (row.memory_used, row.memory_share) == (300.0 * MIB, 300 / 1024)
    assert row.cpu_share == pytest.approx(0.2)  # of its limit of one core
    waiting = next(row for row in cluster.pods(ctx).rows if row.uid == WAITING)
    assert (waiting.cpu_used, waiting.memory_used, waiting.memory_share, waiting.measured_at) == (None, None, None, None)
    assert (waiting.condition.state, waiting.condition.since) == (State.PENDING, NOW - timedelta(minutes=6))


def test_without_samples_use_is_unknown_of_every_pod(ctx: Context) -> None:
    assert {(row.cpu_used, row.memory_used) for row in cluster.pods(_on(ctx, Latest())).rows} == {(None, None)}


def test_filters(stage: tuple[Context, running.People]) -> None:
    ctx, people = stage
    assert _names(ctx, namespace="toko-wp") == ["wordpress", "big"]
    assert _names(ctx, node="node-3") == ["ghost", "growing", "svclb"]
    assert _names(ctx, organization=people.kopi.organization.id, sort="name") == ["n8n", "postgres"]
    assert _names(ctx, organization="unowned", sort="name") == ["growing", "svclb", "svclb", "svclb"]
    assert _names(ctx, organization="org_nobody") == []
    assert _names(ctx, template="wordpress", sort="name") == ["big", "wordpress"]
    assert _names(ctx, state="crashing") == ["wordpress"]
    assert _names(ctx, search="KOPI n8n", sort="name") == ["n8n", "postgres"]
    assert _names(ctx, search="postgres") == ["postgres"]
    assert _names(ctx, search="toko ghost") == []
    assert _names(ctx, namespace="toko-wp", state="pending", organization=people.toko.organization.id) == ["big"]
    found = cluster.pods(ctx, namespace="toko-wp")
    assert (found.total, found.of) == (2, 9)


def test_worst_first_then_by_name(ctx: Context) -> None:
    rows = cluster.pods(ctx).rows
    badness = [BADNESS[row.condition.state] for row in rows]
    assert badness == sorted(badness)
    assert [row.uid for row in rows[:2]] == [CRASHED, WAITING]
    healthy = [(row.namespace, row.name) for row in rows[2:]]
    assert healthy == sorted(healthy)


@pytest.mark.parametrize("sort", sorted(cluster.ORDERS))
@pytest.mark.parametrize("descending", [False, True])
def test_every_order_has_all_pods_and_what_is_unknown_last(ctx: Context, sort: str, descending: bool) -> None:
    rows = cluster.pods(ctx, sort=sort, descending=descending).rows
    keys = [cluster.ORDERS[sort](row) for row in rows]
    known = [key for key in keys if key is not None]
    assert known == sorted(known, reverse=descending)
    assert keys == [*known, *[None] * (len(keys) - len(known))]
    assert {row.uid for row in rows} == set(a_snapshot().pods)


def test_orders_have_unknown_values_to_put_last(ctx: Context) -> None:
    assert cluster.pods(ctx, sort="memory", descending=True).rows[0].uid == CRASHED
    assert cluster.pods(ctx, sort="memory", descending=True).rows[-1].uid == WAITING
    assert cluster.pods(ctx, sort="node").rows[-1].uid == WAITING


@pytest.mark.parametrize("size", [1, 2, 4, 9, 100])
def test_pages_make_the_whole(ctx: Context, size: int) -> None:
    whole = [row.uid for row in cluster.pods(ctx).rows]
    parts = [cluster.pods(ctx, limit=size, offset=offset) for offset in range(0, len(whole) + size, size)]
    assert [row.uid for part in parts for row in part.rows] == whole
    assert {part.total for part in parts} == {len(whole)}
    assert parts[-1].rows == ()


def test_counts_are_over_all_that_match_not_over_the_rows_shown(ctx: Context) -> None:
    whole, part = cluster.pods(ctx), cluster.pods(ctx, limit=2)
    healthy = sum(row.condition.state is State.HEALTHY for row in whole.rows)
    assert 0 < healthy < whole.total == whole.of == len(running.PODS)
    assert len(part.rows) == 2
    assert (part.total, part.up, part.of) == (whole.total, healthy, whole.of)
    theirs = cluster.pods(ctx, namespace="toko-wp")
    assert (theirs.total, theirs.up) == (2, 0)


@pytest.mark.parametrize("asked", [{"sort": "colour"}, {"limit": 0}, {"limit": 5001}, {"offset": -1}])
def test_what_cannot_be_listed_is_refused(ctx: Context, asked: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        cluster.pods(ctx, **asked)


def test_one_pod_with_its_claims_and_neighbours(ctx: Context) -> None:
    found = cluster.pod(ctx, uid=POSTGRES)
    assert [(claim.name, claim.requested_bytes, claim.node) for claim in found.claims] == [("data-postgres-0", 5 * GIB, "node-1")]
    assert [row.name for row in found.neighbours] == ["n8n-6f7d-abcde", "svclb-1"]  # the largest use of memory first
    assert found.figures["memory_used"].value == 200.0 * MIB
    assert found.figures["memory_used"].unit == "B"
    assert [(one.name, one.memory_used) for one in found.containers] == [("app", 200.0 * MIB)]


def test_one_pod_that_crashes_says_why_and_since_when(ctx: Context) -> None:
    found = cluster.pod(ctx, uid=CRASHED)
    assert (found.pod.condition.state, found.pod.condition.reason, found.pod.restarts) == (State.CRASHING, "OOMKilled", 4)
    container = found.containers[0]
    assert (container.last_reason, container.last_exit_code, container.last_finished_at) == ("OOMKilled", 137, KILLED)
    assert [change.restarts for change in found.changes] == [4, 3, 2, 1]  # newest first
    assert found.figures["restarts"].value == 4
    troubles = findings.find(ctx, ctx.cluster.snapshot(), directory.load(ctx))
    (told,) = (one for one in troubles if (one.kind, one.subject) == (Kind.CRASH_LOOP, f"pod:{CRASHED}"))
    assert found.pod.condition.since == told.since, "one beginning on the pod's page and on the Overview"
    assert found.pod.condition.since < KILLED


def test_a_pod_that_is_gone_is_told_from_the_warehouse(ctx: Context) -> None:
    pods = {uid: pod for uid, pod in a_snapshot().pods.items() if uid != CRASHED}
    found = cluster.pod(_on(ctx, pods=pods), uid=CRASHED)
    assert (found.pod.name, found.pod.namespace, found.pod.condition.state) == ("wordpress-5c9-xyz12", "toko-wp", State.FINISHED)
    assert (found.pod.restarts, found.pod.organization, found.neighbours) == (4, "Toko", ())
    assert found.pod.condition.since == KILLED + timedelta(seconds=2)
    assert len(found.changes) == 4


def test_a_pod_or_node_that_never_was_is_not_found(ctx: Context) -> None:
    with pytest.raises(NotFound, match="no pod of that id"):
        cluster.pod(ctx, uid="nonsense")
    with pytest.raises(NotFound, match="no node of that name"):
        cluster.node(ctx, name="nonsense")


def test_one_node_with_its_pods(ctx: Context) -> None:
    taints = (Taint("dedicated", "NoSchedule", "db"), Taint("soft", "PreferNoSchedule"))
    nodes = {f"node-{n}": a_node(f"node-{n}", taints=taints if n == 2 else ()) for n in (1, 2, 3)}
    found = cluster.node(_on(ctx, nodes=nodes), name="node-2")
    assert [row.uid for row in found.pods] == [CRASHED, "uid-svclb-2"]
    assert found.taints == ("dedicated=db:NoSchedule", "soft:PreferNoSchedule")
    assert found.figures["requests"].value == 256 * MIB


def test_pods_that_are_over_hold_no_place(ctx: Context) -> None:
    pods = dict(a_snapshot().pods)
    pods[N8N] = replace(pods[N8N], phase=Phase.SUCCEEDED)
    assert cluster.nodes(_on(ctx, pods=pods)).rows[0].requests.memory == 256 * MIB


def test_only_staff_that_sees_the_cluster_sees_it(stage: tuple[Context, running.People]) -> None:
    ctx, people = stage
    for actor in (people.kopi.actor, a_staff_member(ctx.session, StaffRole.BILLING)):
        other = replace(ctx, actor=actor)
        for ask in (
            lambda: cluster.nodes(other),  # noqa: B023  asked at once
            lambda: cluster.pods(other),  # noqa: B023
            lambda: cluster.node(other, name="node-1"),  # noqa: B023
            lambda: cluster.pod(other, uid=N8N),  # noqa: B023
        ):
            with pytest.raises(NotPermitted):
                ask()
