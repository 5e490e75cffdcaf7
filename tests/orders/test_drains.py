"""Nodes taken out of service by a button: cordoned, drained pod by pod, stopped, and what a killed process leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from app.drain_driver import DrainDriver
from app.services import emptying, nodes
from app.services.nodes import DrainView
from models.domain import draining
from models.domain.access import Actor, ActorKind, StaffRole
from models.domain.draining import Budget, DrainState, Guest, Progress, Step
from models.domain.emptying import Fate
from models.domain.errors import Conflict, Invalid, NotFound, NotPermitted
from models.store import audit, drains
from models.world.faults import Kind
from provisioner.cluster import Rejected, Rejection
from provisioner.cluster.nodes import RIGHTS, Evicted
from provisioner.cluster.simulated_nodes import SimulatedNodes
from tests.orders.conftest import Shop
from tests.stories import NOW, Cluster, a_staff_member


@dataclass
class Yard:
    """A shop whose cluster is seen as it is, with its nodes."""

    shop: Shop
    nodes: SimulatedNodes

    @property
    def driver(self) -> DrainDriver:
        return DrainDriver(self.shop.container, self.nodes)

    def act(self, service: Callable[..., Any], actor: Actor | None = None, **arguments: Any) -> Any:
        with self.shop.container.transaction(actor or self.shop.staff, "page") as ctx:
            return service(replace(ctx, cluster=self.seen()), **arguments)

    def seen(self) -> Cluster:
        return Cluster(self.shop.cluster._world.snapshot(self.shop.clock.now()))

    def drain(self, name: str) -> DrainView:
        return self.act(nodes.drain, name=name, typed_name=name, nodes=self.nodes)

    def work(self, passes: int = 30) -> None:
        for _ in range(passes):
            self.driver.once()
            self.shop.clock.advance(timedelta(seconds=2))

    def drained(self, name: str) -> DrainView:
        return self.act(nodes.drained, name=name)

    def moving(self, name: str) -> list[Guest]:
        """Pods on the node that can be moved."""
        return [one for one in self.nodes.guests(name) if one.owner_kind != "DaemonSet"]


@pytest.fixture
def yard(shop: Shop) -> Yard:
    return Yard(shop, SimulatedNodes(shop.clock, shop.cluster._world, shop.cluster))


def test_a_node_is_cordoned_and_takes_pods_again(yard: Yard) -> None:
    yard.act(nodes.cordon, name="node-1", nodes=yard.nodes)
    yard.shop.clock.advance(timedelta(seconds=2))
    assert yard.seen().now.nodes["node-1"].unschedulable
    before = {one.uid for one in yard.nodes.guests("node-1")}
    yard.shop.clock.advance(timedelta(minutes=1))
    assert {one.uid for one in yard.nodes.guests("node-1")} == before
    yard.act(nodes.uncordon, name="node-1", nodes=yard.nodes)
    yard.shop.clock.advance(timedelta(seconds=2))
    assert not yard.seen().now.nodes["node-1"].unschedulable


def test_a_drained_node_is_empty_but_for_what_is_its_own(yard: Yard) -> None:
    assert yard.moving("node-2")
    yard.drain("node-2")
    yard.work()
    seen = yard.drained("node-2")
    assert seen.state is DrainState.DONE, seen
    assert seen.counts[Step.GONE] == len([one for one in seen.pods if one.step is not Step.STAYS])
    assert yard.moving("node-2") == []
    assert {one.step for one in seen.pods} <= {Step.GONE, Step.STAYS}
    with yard.shop.acting(yard.shop.staff) as ctx:
        said = [row.action for row in audit.search(ctx.session, limit=10)]
    assert said[:2] == ["nodes.drain_end", "nodes.drain"]


def test_a_killed_process_leaves_a_drain_that_the_next_one_ends(yard: Yard) -> None:
    yard.drain("node-2")
    calls = {"evict": 0}

    class Killed(Exception):
        pass

    class Deadly:
        """Dies after each call that it makes, one after the other."""

        def __init__(self, at: int) -> None:
            self.left = at

        def __getattr__(self, name: str) -> Any:
            def call(*given: Any) -> Any:
                answer = getattr(yard.nodes, name)(*given)
                calls["evict"] += name == "evict"
                self.left -= 1
                if self.left <= 0:
                    raise Killed
                return answer

            return call

    for at in range(1, 12):
        driver = DrainDriver(yard.shop.container, Deadly(at), lease=timedelta(seconds=3))  # type: ignore[arg-type]  # has every call
        driver.one(yard.drained("node-2").id)  # a killed process records nothing; its lease ends
        yard.shop.clock.advance(timedelta(seconds=4))
    yard.work()
    seen = yard.drained("node-2")
    assert seen.state is DrainState.DONE
    assert yard.moving("node-2") == []
    names = [(one.namespace, one.pod) for one in seen.pods]
    assert calls["evict"] > 0
    assert len(names) == len(set(names))


def test_a_stopped_drain_evicts_nobody_any_more(yard: Yard) -> None:
    yard.drain("node-2")
    evicted: list[str] = []

    class Watched(SimulatedNodes):
        def evict(self, guest: Guest) -> Evicted:
            evicted.append(guest.uid)
            answer = super().evict(guest)
            if len(evicted) == 1:
                yard.act(nodes.stop, name="node-2")
            return answer

    watched = Watched(yard.shop.clock, yard.shop.cluster._world, yard.shop.cluster)
    assert len(yard.moving("node-2")) > 1
    DrainDriver(yard.shop.container, watched).once()
    yard.shop.clock.advance(timedelta(seconds=30))
    DrainDriver(yard.shop.container, watched).once()
    assert len(evicted) == 1
    assert yard.drained("node-2").state is DrainState.STOPPED
    assert yard.seen().now.nodes["node-2"].unschedulable
    with pytest.raises(Conflict, match="not being drained"):
        yard.act(nodes.stop, name="node-2")
    yard.act(nodes.uncordon, name="node-2", nodes=yard.nodes)


def test_what_a_budget_holds_is_said_and_asked_again_until_it_may_go(yard: Yard) -> None:
    shop = yard.shop
    shop.order("wordpress")
    shop.work()
    ours = [one for one in shop.cluster.find("Pod", None, {}) if one["metadata"]["name"].startswith("web-")]
    assert ours
    home, namespace = ours[0]["spec"]["nodeName"], ours[0]["metadata"]["namespace"]
    (own,) = (one for one in shop.cluster.find("PodDisruptionBudget", namespace, {}) if one["metadata"]["name"] == "web")
    shop.cluster.apply({**own, "spec": {**own["spec"], "maxUnavailable": 0}})
    seen = yard.act(emptying.preview, name=home, nodes=yard.nodes)
    assert seen.budgets_known
    assert [row.pod for row in seen.moving if row.fate is Fate.HELD] == [ours[0]["metadata"]["name"]]
    yard.drain(home)
    yard.work()
    waits = yard.drained(home)
    (held,) = (one for one in waits.pods if one.step is Step.HELD)
    assert waits.state is DrainState.RUNNING
    assert "disruption budget web needs 1" in held.why
    assert held.app == "wordpress-trial" or held.app
    assert held.organization
    shop.cluster.apply(own)
    yard.work(40)
    assert yard.drained(home).state is DrainState.DONE


def test_an_api_that_is_away_is_waited_for(yard: Yard) -> None:
    yard.drain("node-2")
    yard.shop.cluster._world.fail(Kind.API_DOWN, until=yard.shop.clock.now() + timedelta(seconds=20))
    yard.work(2)
    assert "has not answered" in yard.drained("node-2").why
    yard.work(40)
    assert yard.drained("node-2").state is DrainState.DONE


def test_without_the_right_it_is_said_what_to_apply(yard: Yard) -> None:
    without = SimulatedNodes(yard.shop.clock, yard.shop.cluster._world, yard.shop.cluster, RIGHTS)
    assert "kubectl apply -f deploy/provisioner.yaml -f deploy/nodes.yaml" in yard.act(nodes.lacking, nodes=without)
    assert yard.act(nodes.lacking, nodes=yard.nodes) == ""
    for service in (nodes.cordon, nodes.uncordon):
        with pytest.raises(Conflict, match=r"deploy/nodes\.yaml"):
            yard.act(service, name="node-1", nodes=without)
    with pytest.raises(Conflict, match=r"deploy/nodes\.yaml"):
        yard.act(nodes.drain, name="node-1", typed_name="node-1", nodes=without)
    assert not yard.act(emptying.preview, name="node-1", nodes=without).budgets_known
    yard.drain("node-2")
    DrainDriver(yard.shop.container, without).once()
    failed = yard.drained("node-2")
    assert failed.state is DrainState.FAILED
    assert "kubectl apply -f deploy/provisioner.yaml -f deploy/nodes.yaml" in failed.why


def test_one_pod_that_a_webhook_keeps_holds_up_no_other(yard: Yard) -> None:
    kept, *others = yard.moving("node-2")
    assert others

    class Guarded(SimulatedNodes):
        def evict(self, guest: Guest) -> Evicted:
            if guest.uid == kept.uid:
                raise Rejected(Rejection.ADMISSION, "admission webhook denied the request: backup runs")
            return super().evict(guest)

    guarded = Guarded(yard.shop.clock, yard.shop.cluster._world, yard.shop.cluster)
    yard.drain("node-2")
    for _ in range(30):
        DrainDriver(yard.shop.container, guarded).once()
        yard.shop.clock.advance(timedelta(seconds=2))
    seen = yard.drained("node-2")
    assert seen.state is DrainState.RUNNING
    assert [(one.pod, one.step) for one in seen.pods if one.step not in (Step.GONE, Step.STAYS)] == [(kept.name, Step.HELD)]
    assert "backup runs" in next(one.why for one in seen.pods if one.pod == kept.name)


def test_a_stopped_drain_gives_the_node_back_only_after_the_workers_last_step(yard: Yard) -> None:
    class Stopped(SimulatedNodes):
        """A person stops the drain while the worker cordons, and would have the node take pods again at once."""

        def cordon(self, name: str, on: bool) -> None:
            yard.act(nodes.stop, name=name)
            with pytest.raises(Conflict, match="Try again in a minute"):
                yard.act(nodes.uncordon, name=name, nodes=yard.nodes)
            super().cordon(name, on)

    drain = yard.drain("node-2")
    DrainDriver(yard.shop.container, Stopped(yard.shop.clock, yard.shop.cluster._world, yard.shop.cluster)).one(drain.id)
    yard.shop.clock.advance(timedelta(seconds=2))
    assert yard.seen().now.nodes["node-2"].unschedulable
    assert yard.drained("node-2").state is DrainState.STOPPED
    yard.act(nodes.uncordon, name="node-2", nodes=yard.nodes)
    yard.shop.clock.advance(timedelta(seconds=2))
    assert not yard.seen().now.nodes["node-2"].unschedulable


def test_a_drain_of_another_cluster_is_not_carried_out_here(yard: Yard) -> None:
    drain = yard.drain("node-2")
    with yard.shop.acting(yard.shop.staff) as ctx:
        row = drains.by_id(ctx.session, drain.id)
        assert row is not None
        row.cluster = "elsewhere"
        ctx.session.add(row)
    assert yard.driver.once() == 0
    assert yard.moving("node-2")


def test_who_may_and_how(yard: Yard) -> None:
    with yard.shop.acting(yard.shop.staff) as ctx:
        support = a_staff_member(ctx.session, StaffRole.SUPPORT, "Sari")
    token = replace(yard.shop.staff, kind=ActorKind.TOKEN)
    for service in (nodes.cordon, nodes.uncordon):
        for actor in (support, yard.shop.customer.actor):
            with pytest.raises(NotPermitted):
                yard.act(service, actor, name="node-1", nodes=yard.nodes)
        with pytest.raises(NotFound):
            yard.act(service, name="node-9", nodes=yard.nodes)
    for actor in (support, token, yard.shop.customer.actor):
        with pytest.raises(NotPermitted):
            yard.act(nodes.drain, actor, name="node-1", typed_name="node-1", nodes=yard.nodes)
    with pytest.raises(NotPermitted):
        yard.act(nodes.stop, support, name="node-1")
    with pytest.raises(NotPermitted):
        yard.act(nodes.drained, yard.shop.customer.actor, name="node-1")
    with pytest.raises(Invalid, match="Type the node's name"):
        yard.act(nodes.drain, name="node-1", typed_name="node-2", nodes=yard.nodes)
    yard.drain("node-1")
    with pytest.raises(Conflict, match="already"):
        yard.drain("node-1")
    with pytest.raises(Conflict, match="Stop that first"):
        yard.act(nodes.uncordon, name="node-1", nodes=yard.nodes)


def test_each_pod_counts_as_kubectl_counts_it() -> None:
    guests = [
        Guest("a", "web", "1", "ReplicaSet"),
        Guest("a", "agent", "2", "DaemonSet"),
        Guest("a", "static", "3", "Node", mirror=True),
        Guest("a", "once", "4"),
        Guest("a", "ended", "5", finished=True),
        Guest("a", "going", "6", "ReplicaSet", leaving=True),
    ]
    steps = {one.name: one.step for one in draining.seen((), guests, NOW)}
    assert steps == {
        "web": Step.WAITING, "agent": Step.STAYS, "static": Step.STAYS, "once": Step.UNOWNED, "ended": Step.WAITING,
        "going": Step.LEAVING,
    }  # fmt: skip
    after = draining.seen(draining.seen((), guests, NOW), guests[1:4], NOW + timedelta(seconds=1))
    assert {one.name for one in after if one.step is Step.GONE} == {"web", "ended", "going"}
    assert draining.over(after)


def test_pauses_double_up_to_a_minute_and_heed_the_server() -> None:
    one = Progress("1", "a", "web", Step.WAITING)
    pauses = []
    for _ in range(6):
        one = draining.held(one, "no", NOW)
        assert one.again_at is not None
        pauses.append((one.again_at - NOW).total_seconds())
    assert pauses == [5, 10, 20, 40, 60, 60]
    first = draining.held(Progress("1", "a", "web", Step.WAITING), "no", NOW, wished=30)
    assert first.again_at == NOW + timedelta(seconds=30)
    assert draining.due([first], NOW + timedelta(seconds=29)) == ()
    assert draining.due([first], NOW + timedelta(seconds=30)) == (first,)


@pytest.mark.parametrize(
    ("spec", "counts"),
    [
        ({"maxUnavailable": 1}, (3, 1, 3)),
        ({"maxUnavailable": "50%"}, (3, 2, 3)),
        ({"minAvailable": "50%"}, (3, 1, 3)),
        ({"minAvailable": 1}, (1, 0, 1)),
        ({"minAvailable": 0}, (1, 1, 1)),
    ],
)
def test_budgets_are_counted_as_their_controller_does(spec: dict[str, Any], counts: tuple[int, int, int]) -> None:
    expected, allowed, healthy = counts
    assert draining.counted(spec, expected=expected, healthy=healthy)["disruptionsAllowed"] == allowed


def test_which_pods_a_budget_means() -> None:
    budget = draining.budget(
        {
            "metadata": {"namespace": "a", "name": "b"},
            "spec": {
                "selector": {
                    "matchLabels": {"app": "web"},
                    "matchExpressions": [
                        {"key": "tier", "operator": "In", "values": ["x", "y"]},
                        {"key": "old", "operator": "DoesNotExist"},
                        {"key": "new", "operator": "Exists"},
                        {"key": "zone", "operator": "NotIn", "values": ["far"]},
                    ],
                }
            },
        }
    )
    good = {"app": "web", "tier": "x", "new": "1"}
    assert budget.covers("a", good)
    assert not budget.covers("other", good)
    for wrong in ({"app": "db"}, {"tier": "z"}, {"old": "1"}, {"zone": "far"}):
        assert not budget.covers("a", good | wrong)
    assert Budget("a", "b").covers("a", {})
    assert not budget.lets(ready=True)
    assert replace(budget, always_unhealthy=True).lets(ready=False)
    assert not replace(budget, always_unhealthy=True).lets(ready=True)
