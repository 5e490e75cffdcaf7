"""What nodes promise: the simulated ones always, the test bed's real API server with the optional right of deploy/nodes.yaml."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from collectors.sources.kubernetes_connection import Connection
from models.domain.clock import FrozenClock
from models.domain.draining import Guest
from models.world.file import open_world
from provisioner.cluster import Cluster, Rejected, Rejection
from provisioner.cluster.live_nodes import LiveNodes
from provisioner.cluster.nodes import RIGHTS, Nodes
from provisioner.cluster.simulated import SimulatedCluster
from provisioner.cluster.simulated_nodes import SimulatedNodes
from provisioner.labels import Object
from provisioner.wanted import Wanted
from tests.provisioner.grounds import Site, kubectl, live
from tests.provisioner.orders import TEMPLATES, an_instance
from tests.stories import NOW

EXTRA = Path(__file__).resolve().parents[2] / "deploy" / "nodes.yaml"


@dataclass
class Ground:
    site: Site
    nodes: Nodes
    allow: Callable[[bool], None]
    """Give the optional right or take it away."""
    budget: Callable[[Object], None]
    """Somebody else's budget, made by hand."""

    @property
    def cluster(self) -> Cluster:
        return self.site.cluster

    def until(self, holds: Callable[[], Any], why: str) -> Any:
        end = self.site.now() + timedelta(seconds=60)
        while not (found := holds()):
            assert self.site.now() < end, why
            self.site.wait(timedelta(milliseconds=500))
        return found

    def pods(self, namespace: str) -> list[Object]:
        return [one for one in self.cluster.find("Pod", namespace, {}) if "deletionTimestamp" not in one["metadata"]]

    def guest(self, pod: Object) -> Guest:
        found = self.nodes.guests(pod["spec"]["nodeName"])
        return next(one for one in found if one.uid == pod["metadata"]["uid"])


@pytest.fixture(scope="module", params=["simulated", pytest.param("live", marks=pytest.mark.cluster)])
def ground(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with _simulated() if request.param == "simulated" else _live(Path(tmp_path_factory.mktemp("nodes"))) as made:
        yield made


@contextmanager
def _simulated() -> Iterator[Ground]:
    clock = FrozenClock(NOW)
    world = open_world(None, 7, clock)
    cluster = SimulatedCluster(clock, world)
    nodes = SimulatedNodes(clock, world, cluster)

    def allow(yes: bool) -> None:
        nodes._lacking = () if yes else RIGHTS

    def by_hand(made: Object) -> None:
        cluster.apply(made)

    yield Ground(Site(cluster, clock.now, clock.advance, by_hand), nodes, allow, by_hand)


@contextmanager
def _live(folder: Path) -> Iterator[Ground]:
    def allow(yes: bool) -> None:
        kubectl("apply" if yes else "delete", "-f", str(EXTRA))

    with live(folder) as site:
        allow(True)
        connection = Connection(folder / "kubeconfig")
        try:
            yield Ground(site, LiveNodes(connection), allow, site.somebody)
        finally:
            connection.close()
            kubectl("delete", "--ignore-not-found", "-f", str(EXTRA))


@pytest.fixture
def wanted(ground: Ground) -> Iterator[Wanted]:
    """A container that runs."""
    number = secrets.token_hex(4)
    made = an_instance(TEMPLATES["container"], instance_id=f"ins_{number}", namespace=f"c-test-{number}")
    ground.site.converge(made)
    yield made
    ground.site.clear(made)


def test_a_cordoned_node_takes_no_pods_and_is_given_back(ground: Ground, wanted: Wanted) -> None:
    (pod,) = ground.until(lambda: ground.pods(wanted.namespace), "there is a pod")
    home = pod["spec"]["nodeName"]
    ground.nodes.cordon(home, True)
    ground.nodes.cordon(home, True)  # the same again is nothing new
    try:
        ground.until(lambda: not ground.nodes.evict(ground.guest(pod)).held, "it may leave")
        (after,) = ground.until(
            lambda: [one for one in ground.pods(wanted.namespace) if one["spec"].get("nodeName") and _uid(one) != _uid(pod)],
            "its successor has a place",
        )
        assert after["spec"]["nodeName"] != home
    finally:
        ground.nodes.cordon(home, False)
    with pytest.raises(Rejected) as refused:
        ground.nodes.cordon("node-that-is-not", True)
    assert refused.value.rejection is Rejection.ABSENT


def test_an_eviction_means_that_very_pod_and_may_come_twice(ground: Ground, wanted: Wanted) -> None:
    (pod,) = ground.until(lambda: ground.pods(wanted.namespace), "there is a pod")
    guest = ground.guest(pod)
    assert guest.owner_kind
    ground.until(lambda: not ground.nodes.evict(guest).held, "it may leave")
    assert not ground.nodes.evict(guest).held
    ground.until(lambda: all(_uid(one) != guest.uid for one in ground.pods(wanted.namespace)), "it leaves")
    successor = ground.until(lambda: ground.pods(wanted.namespace), "it has a successor")[0]
    assert not ground.nodes.evict(Guest(guest.namespace, successor["metadata"]["name"], guest.uid, guest.owner_kind)).held
    ground.site.wait(timedelta(seconds=2))
    assert _uid(successor) in {_uid(one) for one in ground.pods(wanted.namespace)}


def test_a_budget_that_allows_nothing_holds_a_pod_and_says_so(ground: Ground, wanted: Wanted) -> None:
    (pod,) = ground.until(lambda: [one for one in ground.pods(wanted.namespace) if _ready(one)], "a pod is ready")
    own = ground.cluster.find("PodDisruptionBudget", wanted.namespace, {})
    for one in own:  # two budgets over one pod are an error of their own
        ground.cluster.delete("PodDisruptionBudget", wanted.namespace, one["metadata"]["name"])
    strict = {**own[0], "metadata": {k: own[0]["metadata"][k] for k in ("namespace", "labels")} | {"name": "strict"}}
    strict["spec"] = {"minAvailable": 1, "selector": own[0]["spec"]["selector"]}
    ground.budget({k: v for k, v in strict.items() if k != "status"} | {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget"})

    def known() -> Any:
        mine = [one for one in ground.nodes.budgets() if one.namespace == wanted.namespace and one.desired]
        return mine[0] if mine else None

    budget = ground.until(known, "the budget is counted")
    assert (budget.allowed, budget.desired, budget.healthy) == (0, 1, 1)
    assert budget.covers(wanted.namespace, pod["metadata"]["labels"])
    answer = ground.nodes.evict(ground.guest(pod))
    assert answer.held
    assert "strict" in answer.why
    assert _uid(pod) in {_uid(one) for one in ground.pods(wanted.namespace)}


def test_without_the_right_nothing_is_done_and_it_is_said_what_lacks(ground: Ground, wanted: Wanted) -> None:
    (pod,) = ground.until(lambda: ground.pods(wanted.namespace), "there is a pod")
    guest = ground.guest(pod)
    assert ground.until(lambda: not ground.nodes.lacking(), "the right is known") is True
    ground.allow(False)
    try:
        ground.until(lambda: tuple(ground.nodes.lacking()) == RIGHTS, "its loss is known")
        for refused in (lambda: ground.nodes.cordon(pod["spec"]["nodeName"], True), lambda: ground.nodes.evict(guest)):
            with pytest.raises(Rejected) as said:
                refused()
            assert said.value.rejection is Rejection.FORBIDDEN
    finally:
        ground.allow(True)
        ground.until(lambda: not ground.nodes.lacking(), "the right is back")


@pytest.mark.cluster
def test_with_the_right_nothing_else_of_a_node_can_be_changed(tmp_path: Path) -> None:
    with _live(tmp_path) as ground:
        (name, *_) = kubectl("get", "nodes", "-o", "name").split()
        ground.until(lambda: not ground.nodes.lacking(), "the right is known")
        connection = Connection(tmp_path / "kubeconfig")
        try:
            for body in (
                {"metadata": {"labels": {"moorage.dev/mine": "yes"}}},
                {"spec": {"taints": [{"key": "moorage.dev/mine", "effect": "NoExecute"}]}},
            ):
                path = f"/api/v1/nodes/{name.removeprefix('node/')}"
                status, answer = connection.exchange("PATCH", path, [], body, "application/merge-patch+json")
                assert status in (403, 422), answer
                assert "whether it takes pods" in json.loads(answer)["message"]
        finally:
            connection.close()


def _uid(pod: Object) -> str:
    return str(pod["metadata"]["uid"])


def _ready(pod: Object) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"]["conditions"])
