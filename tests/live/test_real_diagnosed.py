"""A real kill for memory on the node that runs containers: it is told, and the larger plan that is offered stays up."""

from __future__ import annotations

from typing import Any

import pytest

from app.services import operations
from models.domain.diagnosis import Cause, Remedy
from models.domain.instances import State
from tests.live.conftest import until
from tests.live.test_diagnosed import LONG, an_app, told, until_told
from tests.live.test_real_orders import Street, street
from tests.orders.on_bed import eventually, idle, until_state

__all__ = ["street"]
pytestmark = [pytest.mark.cluster, pytest.mark.real_node, pytest.mark.xdist_group("bed")]


def test_a_real_kill_for_memory_is_told_and_a_larger_plan_stays_up(street: Street) -> None:
    shop = street.shop
    app = an_app(shop, "example/web:1")
    until_state(shop, app, State.READY)
    host = street.host(app)
    with street.entrance.visitor(host) as visitor:
        leak(visitor, 600)
        found = until_told(shop, app, Cause.OUT_OF_MEMORY)
        assert found.sentence.startswith("web ran out of its 512 MiB of memory")
        assert any("OOMKilled" in one for one in found.evidence)
        assert (found.fix.remedy, found.fix.plan) == (Remedy.PLAN, "standard")
        assert found.fix.advice == "The plan standard gives it 1 GiB."
        with shop.acting() as ctx:
            operations.change_plan(ctx, instance_id=app.instance_id, plan=found.fix.plan)
        eventually(shop, app, lambda: idle(shop, app))
        until(lambda: not told(shop, app), LONG, "nothing is wrong with the larger one")
        until(lambda: visitor.get("/").status_code == 200, 60, "it answers")
        leak(visitor, 600)
        assert visitor.get("/").status_code == 200
    (pod,) = shop.cluster.find("Pod", street.namespace(app), {"app.kubernetes.io/component": "web"})
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 0
    assert told(shop, app) == ()


def leak(visitor: Any, mib: int) -> None:
    """Keep so much memory; whoever is killed by it does not answer."""
    visitor.get("/leak", params={"mb": mib})
