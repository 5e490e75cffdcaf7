"""Orders on the test bed's real API server, with the least rights that `deploy/provisioner.yaml` gives: made, operated, deleted."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.services import changesets, credentials, instances, operations
from app.services.orders import OrderView
from models.domain.access import MemberRole as Role
from models.domain.access import member_actor
from models.domain.instances import State
from models.store import reservations, specifications
from tests.orders.conftest import CONTAINER, Shop
from tests.orders.on_bed import eventually, idle, shop_on, until_state
from tests.provisioner.grounds import Site, bed_command, live
from tests.stories import a_customer

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("bed")]
MANY = 12


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with live(Path(tmp_path_factory.mktemp("orders"))) as made:
        yield made


@pytest.fixture
def bed(site: Site, tmp_path: Path) -> Iterator[Shop]:
    with shop_on(site, tmp_path) as shop:
        yield shop


def test_what_is_ordered_comes_to_stand_is_stopped_changed_and_deleted(bed: Shop) -> None:
    app = bed.order("container", parameters=CONTAINER | {"environment": {"COLOUR": "green"}})
    until_state(bed, app, State.READY)
    with bed.acting() as ctx:
        namespace = instances.get(ctx, instance_id=app.instance_id).namespace
        assert reservations.of_instance(ctx.session, app.instance_id) is None
        operations.stop(ctx, instance_id=app.instance_id)
    until_state(bed, app, State.STOPPED)
    found = bed.cluster.read("Deployment", namespace, "web")
    assert found is not None
    assert found["spec"]["replicas"] == 0
    with bed.acting() as ctx:
        operations.start(ctx, instance_id=app.instance_id)
    until_state(bed, app, State.READY)
    with bed.acting() as ctx:
        operations.change_settings(ctx, instance_id=app.instance_id, parameters={"copies": 2})
    eventually(bed, app, lambda: _replicas(bed, namespace) == 2 and idle(bed, app))
    with bed.acting() as ctx:
        operations.restart(ctx, instance_id=app.instance_id)
    eventually(bed, app, lambda: idle(bed, app))
    with bed.acting() as ctx:
        operations.remove(ctx, instance_id=app.instance_id, typed_name=app.name)
    until_state(bed, app, State.GONE)
    assert bed.cluster.read("Namespace", None, namespace) is None


def test_many_orders_at_once_all_come_to_stand(bed: Shop) -> None:
    placed: list[OrderView] = []
    for number in range(MANY):
        with bed.store.transaction() as session:
            other = a_customer(session, f"Toko {number}", now=bed.clock.now())
        actor = member_actor(other.owner.id, "Owner", {other.organization.id: Role.OWNER})
        # the bed has room for little more beside what other tests count there
        template = {0: "wordpress", 1: "ghost"}.get(number, "container")
        placed.append(bed.order(template, actor=actor, organization_id=other.organization.id))
    for one in placed:
        until_state(bed, one, State.READY)
    with bed.acting(bed.staff) as ctx:
        assert reservations.open_(ctx.session, "default") == []
        spaces = {instances.get(ctx, instance_id=one.instance_id).namespace for one in placed}
    assert len(spaces) == MANY


def test_an_api_server_that_dies_in_the_middle_only_delays(bed: Shop) -> None:
    """What it says meanwhile is that nobody answers; then it goes on where it was, with the same credentials."""
    app = bed.order("wordpress")

    def begun() -> bool:
        with bed.acting(bed.staff) as ctx:
            return specifications.credentials(ctx.session, app.instance_id) is not None

    eventually(bed, app, begun)
    bed_command("kill", "apiserver")
    try:

        def told() -> bool:
            with bed.acting(bed.staff) as ctx:
                work = changesets.list_(ctx, instance_id=app.instance_id, limit=1)[0]
            return work.state.value == "waiting" and "Kubernetes API" in work.reason and work.attempts >= 2

        eventually(bed, app, told)
    finally:
        bed_command("start", "apiserver")
    until_state(bed, app, State.READY)
    with bed.acting() as ctx:
        found = credentials.reveal(ctx, instance_id=app.instance_id, seal=bed.container.seal, recent=True)
        namespace = instances.get(ctx, instance_id=app.instance_id).namespace
    secret = bed.cluster.read("Secret", namespace, "secrets")
    assert secret is not None
    assert base64.b64decode(secret["data"]["owner-password"]).decode() == next(one.value for one in found if one.secret)
    assert len(bed.cluster.find("Deployment", namespace, {})) == 2
    assert len(bed.cluster.find("Job", namespace, {})) == 1


def test_a_node_that_loses_power_under_a_new_app_is_left_for_another(bed: Shop) -> None:
    """A stateless app answers elsewhere within four minutes of the power cut."""
    app = bed.order("container")
    with bed.acting() as ctx:
        namespace = instances.get(ctx, instance_id=app.instance_id).namespace

    def nodes(*, ready: bool) -> set[str]:
        return {
            pod["spec"]["nodeName"]
            for pod in bed.cluster.find("Pod", namespace, {})
            if pod["spec"].get("nodeName")
            and not pod["metadata"].get("deletionTimestamp")
            and (not ready or any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", ())))
        }

    def placed() -> set[str]:
        # before its walls stand, nothing inside may be read
        return nodes(ready=False) if bed.cluster.read("Namespace", None, namespace) else set()

    eventually(bed, app, lambda: bool(placed()))
    (lost,) = placed()
    bed_command("node", "off", lost)
    try:
        eventually(bed, app, lambda: bool(nodes(ready=True) - {lost}))
        until_state(bed, app, State.READY)
    finally:
        bed_command("node", "on", lost)
    eventually(bed, app, lambda: idle(bed, app) and len(nodes(ready=True)) == 1)


def _replicas(bed: Shop, namespace: str) -> int:
    found = bed.cluster.read("Deployment", namespace, "web")
    return int(found["spec"]["replicas"]) if found else 0
