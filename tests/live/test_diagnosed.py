"""Faults of a real control plane: each is told by its own cause, and the operation that is offered mends it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.services import decisions, diagnosis, instances, operations
from app.services.diagnosis import Diagnosed
from app.services.orders import OrderView
from collectors.sources.kubernetes import KubernetesInventory
from models.domain.clock import SystemClock
from models.domain.diagnosis import Cause, Remedy
from models.domain.instances import State
from tests.live.conftest import Bed, until
from tests.live.test_real_orders import Looked
from tests.orders.conftest import Shop
from tests.orders.on_bed import eventually, idle, shop_on, until_state
from tests.provisioner.grounds import kubectl, live

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("bed")]
LONG = 120
FILLER = "moorage-filler"


@pytest.fixture(scope="module")
def shop(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Whose cluster is the bed as the collectors see it; its kubelets are played."""
    folder = Path(tmp_path_factory.mktemp("diagnosed"))
    inventory = KubernetesInventory(bed.kubeconfig, clock=SystemClock())
    inventory.start()
    try:
        assert inventory.wait(60)
        with live(folder) as site, shop_on(site, folder, cluster=Looked(inventory)) as made:
            yield made
    finally:
        inventory.stop()


def told(shop: Shop, app: OrderView) -> tuple[Diagnosed, ...]:
    with shop.acting() as ctx:
        return diagnosis.of_app(ctx, instance_id=app.instance_id).findings


def until_told(shop: Shop, app: OrderView, cause: Cause) -> Diagnosed:
    seen: list[Any] = []

    def there() -> Diagnosed | None:
        seen[:] = told(shop, app)
        return next((one for one in seen if one.cause is cause), None)

    found: Diagnosed = until(there, LONG, f"{cause}: {seen}")
    return found


def an_app(shop: Shop, image: str, plan: str = "starter") -> OrderView:
    placed = shop.order("container", plan, parameters={"image": image})
    with shop.acting(shop.staff) as ctx:
        decisions.received(ctx, order_id=placed.id)
    return placed


def standing(shop: Shop) -> tuple[OrderView, str]:
    app = an_app(shop, "ghcr.io/kopi/shop:1.4")
    until_state(shop, app, State.READY)
    with shop.acting() as ctx:
        return app, instances.get(ctx, instance_id=app.instance_id).namespace


def away(shop: Shop, app: OrderView) -> None:
    with shop.acting() as ctx:
        operations.remove(ctx, instance_id=app.instance_id, typed_name=app.name)
    until_state(shop, app, State.GONE)


@pytest.mark.parametrize(
    ("fault", "cause", "remedy", "words"),
    [
        ("crash", Cause.CRASHING, Remedy.SETTINGS, "with exit code 1"),
        ("oom", Cause.OUT_OF_MEMORY, Remedy.PLAN, "ran out of its 512 MiB of memory"),
        ("pull", Cause.IMAGE, Remedy.SETTINGS, "sim-fault-pull-1 of web cannot be fetched"),
    ],
)
def test_what_an_image_does_is_told(shop: Shop, fault: str, cause: Cause, remedy: Remedy, words: str) -> None:
    app = an_app(shop, f"ghcr.io/kopi/shop:sim-fault-{fault}-1")
    found = until_told(shop, app, cause)
    assert words in found.sentence
    assert found.evidence
    assert found.fix.remedy is remedy
    away(shop, app)


def test_wrong_settings_are_told_and_rolled_back(shop: Shop) -> None:
    app, _ = standing(shop)
    with shop.acting() as ctx:
        operations.change_settings(ctx, instance_id=app.instance_id, parameters={"image": "ghcr.io/kopi/shop:sim-fault-crash-2"})
    found = until_told(shop, app, Cause.CRASHING)
    assert (found.fix.remedy, found.fix.generation) == (Remedy.ROLL_BACK, 1)
    with shop.acting() as ctx:
        operations.roll_back(ctx, instance_id=app.instance_id, generation=found.fix.generation)
    eventually(shop, app, lambda: idle(shop, app) and not told(shop, app))
    away(shop, app)


def test_a_limit_that_is_reached_is_told(shop: Shop) -> None:
    app, space = standing(shop)
    quota = {"spec": {"hard": {"limits.memory": "16Mi"}}}
    kubectl("patch", "resourcequota", "plan", "-n", space, "--type=merge", "-p", json.dumps(quota))
    until(lambda: "16Mi" in kubectl("get", "resourcequota", "plan", "-n", space, "-o", "jsonpath={.status.hard}"), 30)
    kubectl("delete", "pod", "--all", "-n", space, "--wait=false")
    found = until_told(shop, app, Cause.QUOTA)
    assert found.code == "quota_memory"
    assert "exceeded quota: plan" in found.evidence[0]
    away(shop, app)


def test_rights_that_nobody_gets_are_told(shop: Shop) -> None:
    app, space = standing(shop)
    asks = [{"op": "add", "path": "/spec/template/spec/containers/0/securityContext/privileged", "value": True}]
    asks += [{"op": "replace", "path": "/spec/template/spec/containers/0/securityContext/allowPrivilegeEscalation", "value": True}]
    kubectl("patch", "deployment", "web", "-n", space, "--type=json", "-p", json.dumps(asks))
    found = until_told(shop, app, Cause.SECURITY)
    assert "violates PodSecurity" in found.evidence[0]
    away(shop, app)


@pytest.fixture
def full() -> Iterator[None]:
    """No node has memory left."""
    nodes = [n for n in json.loads(kubectl("get", "nodes", "-o", "json"))["items"] if not n["spec"].get("unschedulable")]
    size = {"resources": {"requests": {"memory": "7900Mi"}}}
    main = [{"name": "main", "image": "ghcr.io/kopi/filler:1"} | size]
    pods = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"filler-{number}", "namespace": FILLER},
            # given to the kubelet past the scheduler, so that there is room for it whatever runs there
            "spec": {"nodeName": node["metadata"]["name"], "containers": main, "terminationGracePeriodSeconds": 0},
        }
        for number, node in enumerate(nodes)
    ]
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": FILLER}}
    kubectl("apply", "-f", "-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": [space, *pods]}))
    yield
    kubectl("delete", "namespace", FILLER)


def test_want_of_room_is_told_and_ends_when_there_is_room(shop: Shop, request: pytest.FixtureRequest) -> None:
    app, space = standing(shop)
    request.getfixturevalue("full")
    kubectl("delete", "pod", "--all", "-n", space, "--wait=false")
    found = until_told(shop, app, Cause.NO_MEMORY)
    assert "no machine has 512 MiB of memory free" in found.sentence
    assert any("Insufficient memory" in one for one in found.evidence)
    assert found.fix.remedy is Remedy.STAFF
    kubectl("delete", "pod", "--all", "-n", FILLER)
    until(lambda: not told(shop, app), LONG, "it runs again")
    away(shop, app)
