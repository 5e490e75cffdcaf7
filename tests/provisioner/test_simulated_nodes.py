"""Nodes of the simulated cluster: what is written last holds, however soon it follows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.domain.clock import FrozenClock
from models.world.file import open_world
from provisioner.cluster.simulated import SimulatedCluster
from provisioner.cluster.simulated_nodes import SimulatedNodes
from tests.stories import NOW


@pytest.mark.parametrize("orders", [(True, False), (True, False, True), (True, True), (False,)])
def test_an_order_that_follows_before_anybody_noticed_the_one_before_it_holds(orders: tuple[bool, ...]) -> None:
    clock = FrozenClock(NOW)
    world = open_world(None, 7, clock)
    nodes = SimulatedNodes(clock, world, SimulatedCluster(clock, world))
    name = min(world.snapshot().nodes)
    for on in orders:
        nodes.cordon(name, on)
    clock.advance(timedelta(seconds=5))
    assert world.snapshot().nodes[name].unschedulable is orders[-1]
