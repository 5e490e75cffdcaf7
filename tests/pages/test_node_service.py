"""The page of a node: cordon, uncordon, a drain that is confirmed by the typed name, stopped by a button, and what is missing for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.container import Container
from app.provisioning import node_hands
from app.services import nodes
from app.ui import queries
from models.domain.access import job_actor
from provisioner.cluster.nodes import RIGHTS
from provisioner.cluster.simulated_nodes import SimulatedNodes
from tests.pages.conftest import open_page, texts
from tests.pages.test_pages import ADMIN

NODE = "node-2"


@pytest.fixture
def demo(small_demo: Container) -> Iterator[Container]:
    """As it was before, afterwards."""
    queries.forget()
    yield small_demo
    small_demo.__dict__.pop("node_hands", None)
    node_hands(small_demo).cordon(NODE, False)
    queries.forget()


def opened(demo: Container) -> Any:
    at = open_page(demo, ADMIN, "admin/node", name=NODE)
    assert not at.exception
    return at


def cordoned(demo: Container) -> bool:
    """As whoever asks the cluster itself would hear it, once its controllers have noticed."""
    hands = node_hands(demo)
    assert isinstance(hands, SimulatedNodes)
    with hands._world.objects.reading() as held:
        noted = [body["value"]["unschedulable"] for _, _, body in held.noted(0) if (body["kind"], body["name"]) == ("Node", NODE)]
    return bool(noted) and noted[-1]


def test_a_node_is_cordoned_by_a_button(demo: Container) -> None:
    at = opened(demo)
    assert "The node takes pods." in texts(at)
    at.button(key="cordon").click().run()
    assert not at.exception
    assert cordoned(demo)


def test_a_drain_wants_the_name_typed_and_is_stopped_by_a_button(demo: Container) -> None:
    at = opened(demo)
    start = next(one for one in at.button if one.label == "Drain the node")
    start.click().run()
    assert "Type the node's name" in at.error[0].value
    next(one for one in at.text_input if "to confirm" in one.label).input(NODE)
    next(one for one in at.button if one.label == "Drain the node").click().run()
    assert not at.exception
    assert "Being drained since" in texts(at)
    assert "Drain the node" not in [one.label for one in at.button]
    at.button(key="drain_stop").click().run()
    assert not at.exception
    assert "was stopped" in texts(at)
    with demo.reading(job_actor("test"), "cli") as ctx:
        seen = nodes.drained(ctx, name=NODE)
    assert seen is not None
    assert seen.state == "stopped"


def test_without_the_right_the_page_says_what_to_apply(demo: Container) -> None:
    hands = node_hands(demo)
    assert isinstance(hands, SimulatedNodes)
    demo.__dict__["node_hands"] = SimulatedNodes(hands._clock, hands._world, hands._cluster, RIGHTS)
    at = opened(demo)
    assert "kubectl apply -f deploy/provisioner.yaml -f deploy/nodes.yaml" in texts(at).replace("\\", "")
    assert not {"cordon", "uncordon"} & {one.key for one in at.button}
    at.toggle(key=f"emptying_{NODE}").set_value(True).run()
    assert "Disruption budgets are not known" in texts(at)
