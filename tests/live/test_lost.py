"""Lost on a real control plane: a namespace, an app, and the power of a node."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from app.services import diagnosis, instances, orphans, settings
from app.services.orders import OrderView
from app.services.selling import NoRoom
from models.domain import orphans as rules
from models.domain.diagnosis import Cause
from models.domain.instances import State
from models.domain.orphans import Kind
from provisioner.changes import MANAGED_BY
from provisioner.labels import INSTANCE, MANAGER
from tests.live.conftest import Bed, until
from tests.live.test_diagnosed import LONG, shop, standing, told, until_told
from tests.orders.conftest import Shop
from tests.orders.on_bed import eventually, idle, until_state
from tests.provisioner.grounds import kubectl

__all__ = ["shop"]
pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("bed")]
ELSEWHERE = timedelta(minutes=4)


def listed(shop: Shop) -> list[tuple[Kind, str]]:
    with shop.acting(shop.staff) as ctx:
        return [(one.orphan.kind, one.orphan.id) for one in orphans.list_(ctx)]


def test_what_lost_its_other_side_is_listed_and_repaired(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "YOUNG", timedelta())
    app, space = standing(shop)
    kubectl("delete", "namespace", space)
    until(lambda: listed(shop) == [(Kind.INSTANCE, app.instance_id)], LONG, "the app without its namespace")
    with shop.acting(shop.staff) as ctx:
        orphans.make_again(ctx, instance_id=app.instance_id, typed_name=app.name)
    eventually(shop, app, lambda: idle(shop, app) and listed(shop) == [])
    with shop.acting(shop.staff) as ctx:
        for state in (State.DELETING, State.GONE):
            instances.set_state(ctx, instance_id=app.instance_id, state=state)
    assert (Kind.NAMESPACE, space) in listed(shop)
    assert (Kind.SUBSCRIPTION, app.subscription_id) in listed(shop)
    with shop.acting(shop.staff) as ctx:
        orphans.delete_namespace(ctx, namespace=space, typed_name=space, cluster=shop.cluster)
        orphans.end_subscription(ctx, subscription_id=app.subscription_id)
    until(lambda: listed(shop) == [], LONG, "nothing is left")
    marks = f"{MANAGED_BY}={MANAGER},{INSTANCE}={app.instance_id}"
    until(lambda: kubectl("get", "namespace", "-l", marks, "-o", "name") == "", LONG, "it is gone")


@contextmanager
def power_cut(bed: Bed, node: str) -> Iterator[None]:
    bed.command("node", "off", node)
    try:
        yield
    finally:
        bed.command("node", "on", node)
        until(lambda: "True" in kubectl("get", "node", node, "-o", 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'), 90)


def node_of(space: str, component: str = "web") -> dict[str, bool]:
    """Nodes of the component's pods that are not ending, and whether each is ready."""
    pods = json.loads(kubectl("get", "pods", "-n", space, "-l", f"app.kubernetes.io/component={component}", "-o", "json"))["items"]
    return {
        pod["spec"].get("nodeName", ""): any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"]["conditions"])
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
    }


def test_an_app_without_a_volume_runs_elsewhere_within_four_minutes(shop: Shop, bed: Bed) -> None:
    app, space = standing(shop)
    (before,) = node_of(space)
    began = shop.clock.now()
    with power_cut(bed, before):
        found = until_told(shop, app, Cause.NODE_DOWN)
        assert "begins on another one by itself" in found.sentence
        left = (began + ELSEWHERE - shop.clock.now()).total_seconds()
        until(lambda: any(ready and node != before for node, ready in node_of(space).items()), left, "ready elsewhere")
        until(lambda: told(shop, app) == (), LONG, "nothing is wrong with it")


def test_an_app_with_a_volume_says_that_it_waits_for_its_node(shop: Shop, bed: Bed) -> None:
    with shop.acting(shop.staff) as ctx:
        settings.put(ctx, key="sale_limit", value=1.0)  # the bed is as full as a cluster may be
    app = until(lambda: _ordered(shop), LONG, "room for it: the node of the test before is counted again a moment after it is back")
    until_state(shop, app, State.READY)
    with shop.acting() as ctx:
        space = instances.get(ctx, instance_id=app.instance_id).namespace
    (home,) = node_of(space)
    with power_cut(bed, home):
        found = until_told(shop, app, Cause.VOLUME_NODE)
        assert "The data is on that machine and cannot move by itself" in found.sentence
        with shop.acting(shop.staff) as ctx:
            mend = {
                one.mend for one in diagnosis.of_app(ctx, instance_id=app.instance_id).findings if one.cause is Cause.VOLUME_NODE
            }
        assert any("restore the newest backup" in one for one in mend)
    until(lambda: told(shop, app) == (), LONG, "it runs again where its data is")


def _ordered(shop: Shop) -> OrderView | None:
    try:
        return shop.order("wordpress")
    except NoRoom:
        return None
