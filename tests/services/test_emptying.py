"""What emptying a node would mean: each pod has one fate, and it is said whose it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.context import Context
from app.services import emptying
from models.domain import emptying as rules
from models.domain.access import MemberRole, StaffRole
from models.domain.cluster import Claim, Pod, Snapshot
from models.domain.emptying import Fate
from models.domain.errors import NotFound, NotPermitted, Unavailable
from models.store.session import Store
from tests.services.running import a_node
from tests.stories import NOW, Cluster, a_context, a_customer, a_member, a_namespace, a_pod, a_staff_member, an_instance

GIB = 1 << 30


def pod(name: str, node: str = "node-1", *, memory: int = GIB, **facts: Any) -> Pod:
    made = a_pod("kopi", name, cpu=0.1, memory=memory)
    return replace(made, **({"node": node, "owner_kind": "Deployment", "owner_name": name} | facts))


def a_cluster(*pods: Pod, nodes: int = 2, **facts: Any) -> Snapshot:
    claim = Claim("kopi", "disk", "disk", "Bound", "local-path", GIB, "pv", "node-1", NOW)
    names = [f"node-{n}" for n in range(1, nodes + 1)]
    return Snapshot(
        "default", NOW, {name: a_node(name) for name in names}, {one.uid: one for one in pods}, claims={("kopi", "disk"): claim}, **facts
    )  # fmt: skip


def fates(found: Snapshot, node: str = "node-1") -> dict[str, tuple[Fate, str]]:
    return {one.pod.name: (one.fate, one.target) for one in rules.preview(found, node)}


def test_each_pod_has_one_fate() -> None:
    found = a_cluster(
        pod("api"),
        pod("db", claims=("disk",)),
        pod("once", owner_kind="", owner_name=""),
        pod("big", memory=7 * GIB),
        pod("web-1", owner_name="web"),
        pod("web-2", "node-2", owner_name="web"),
        pod("agent", owner_kind="DaemonSet", owner_name="agent"),
        pod("other", "node-2", memory=3 * GIB),
    )
    assert fates(found) == {
        "db": (Fate.DOWN, ""),
        "once": (Fate.ENDS, ""),
        "big": (Fate.WAITS, ""),
        "api": (Fate.RESTARTS, "node-2"),
        "web-1": (Fate.GOES_ON, "node-2"),
        "agent": (Fate.STAYS, ""),
    }
    assert [one.fate for one in rules.preview(found, "node-1")] == sorted(
        (one.fate for one in rules.preview(found, "node-1")), key=tuple(Fate).index
    )


def test_a_copy_that_does_not_answer_is_no_comfort() -> None:
    one, two = pod("web-1", owner_name="web"), pod("web-2", "node-2", owner_name="web")
    assert fates(a_cluster(one, two))["web-1"][0] is Fate.GOES_ON
    assert fates(a_cluster(one, replace(two, ready=False)))["web-1"][0] is Fate.RESTARTS
    silent = a_cluster(one, two, nodes=3)
    silent = replace(silent, nodes=dict(silent.nodes) | {"node-2": a_node("node-2", ready=None)})
    assert fates(silent)["web-1"] == (Fate.RESTARTS, "node-3")


def test_a_single_node_has_nowhere_to_go() -> None:
    (one,) = rules.preview(a_cluster(pod("api"), nodes=1), "node-1")
    assert one.fate is Fate.WAITS
    assert one.why


@pytest.fixture
def stage(store: Store) -> Iterator[tuple[Context, Context]]:
    with store.transaction() as session:
        customer = a_customer(session)
        an_instance(session, customer, "shop", namespace="kopi")
        found = Cluster(replace(a_cluster(pod("db", claims=("disk",)), pod("api")), namespaces={"kopi": a_namespace("kopi")}))
        staff = a_context(session, a_staff_member(session, StaffRole.SUPPORT), cluster=found)
        yield staff, replace(staff, actor=a_member(session, customer, MemberRole.OWNER))


def test_it_is_said_what_it_means_to_whom(stage: tuple[Context, Context]) -> None:
    staff, member = stage
    seen = emptying.preview(staff, name="node-1")
    assert seen.counts == {Fate.DOWN: 1, Fate.RESTARTS: 1}
    assert seen.hurt == ("Kopi Kita",)
    assert {row.app for row in seen.moving} == {"shop"}
    assert [(row.part, row.fate) for row in seen.moving] == [("db", Fate.DOWN), ("api", Fate.RESTARTS)]
    with pytest.raises(NotPermitted):
        emptying.preview(member, name="node-1")
    with pytest.raises(NotFound):
        emptying.preview(staff, name="node-9")
    silent = Cluster(replace(staff.cluster.snapshot(), stale_since=NOW))
    with pytest.raises(Unavailable):
        emptying.preview(replace(staff, cluster=silent), name="node-1")
