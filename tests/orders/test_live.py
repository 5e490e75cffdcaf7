"""Orders on the test bed's real API server, with the least rights that `deploy/provisioner.yaml` gives: made, operated, deleted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.auth.seal import Seal
from app.config import Settings
from app.container import Container
from app.driver import Driver
from app.gateways.mail import gateway
from app.services import changesets, instances, offers, operations, orders
from app.services.orders import OrderView
from models.domain.access import MemberRole as Role
from models.domain.access import job_actor, member_actor
from models.domain.clock import SystemClock
from models.domain.instances import State
from models.store import reservations
from provisioner.cluster.simulated import SimulatedCluster
from tests.orders.conftest import CONTAINER, Prober, Seen, Shop
from tests.provisioner.grounds import Site, live
from tests.provisioner.orders import TEMPLATES
from tests.stories import NoWarehouse, a_customer, a_staff_member, fresh_sqlite

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("bed")]
LONGEST = timedelta(minutes=4)
MANY = 12


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with live(Path(tmp_path_factory.mktemp("orders"))) as made:
        yield made


@pytest.fixture
def bed(site: Site, tmp_path: Path) -> Iterator[Shop]:
    """A shop whose driver works on the bed. What room there is comes from an imagined cluster: the bed's is not what is tested here."""
    clock = SystemClock()
    store = fresh_sqlite(tmp_path)
    seen = Seen(SimulatedCluster(clock), clock, nodes=20)
    container = Container(
        settings=Settings.model_construct(data=tmp_path, store_url=store.url, apps_domain="apps.example"),
        clock=clock,
        store=store,
        warehouse=NoWarehouse(),
        cluster=seen,
        mail=gateway(""),
        seal=Seal({"k": bytes(32)}, "k"),
    )
    with store.transaction() as session:
        customer, staff = a_customer(session, now=clock.now()), a_staff_member(session, now=clock.now())
    with container.transaction(job_actor("catalogue"), "cli") as ctx:
        offers.publish(ctx, templates=TEMPLATES.values())
    shop = Shop(store, clock, site.cluster, seen, Prober(), container, customer, staff)
    driver = Driver(container, site.cluster, prober=shop.prober, across=4)
    driver.start()
    try:
        yield shop
    finally:
        driver.stop(30)
        _remove_everything(shop)
        store.close()


def test_what_is_ordered_comes_to_stand_is_stopped_changed_and_deleted(bed: Shop) -> None:
    app = bed.order("container", parameters=CONTAINER | {"environment": {"COLOUR": "green"}})
    _until(bed, app, State.READY)
    with bed.acting() as ctx:
        namespace = instances.get(ctx, instance_id=app.instance_id).namespace
        assert reservations.of_instance(ctx.session, app.instance_id) is None
        operations.stop(ctx, instance_id=app.instance_id)
    _until(bed, app, State.STOPPED)
    found = bed.cluster.read("Deployment", namespace, "web")
    assert found is not None
    assert found["spec"]["replicas"] == 0
    with bed.acting() as ctx:
        operations.start(ctx, instance_id=app.instance_id)
    _until(bed, app, State.READY)
    with bed.acting() as ctx:
        operations.change_settings(ctx, instance_id=app.instance_id, parameters={"copies": 2})
    _eventually(bed, app, lambda: _replicas(bed, namespace) == 2 and _idle(bed, app))
    with bed.acting() as ctx:
        operations.restart(ctx, instance_id=app.instance_id)
    _eventually(bed, app, lambda: _idle(bed, app))
    with bed.acting() as ctx:
        operations.remove(ctx, instance_id=app.instance_id, typed_name=app.name)
    _until(bed, app, State.GONE)
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
        _until(bed, one, State.READY)
    with bed.acting(bed.staff) as ctx:
        assert reservations.open_(ctx.session, "default") == []
        spaces = {instances.get(ctx, instance_id=one.instance_id).namespace for one in placed}
    assert len(spaces) == MANY


def _replicas(bed: Shop, namespace: str) -> int:
    found = bed.cluster.read("Deployment", namespace, "web")
    return int(found["spec"]["replicas"]) if found else 0


def _idle(bed: Shop, app: OrderView) -> bool:
    with bed.acting(bed.staff) as ctx:
        return changesets.list_(ctx, instance_id=app.instance_id, limit=1)[0].state.value == "done"


def _until(bed: Shop, app: OrderView, state: State) -> None:
    def there() -> bool:
        with bed.acting(bed.staff) as ctx:
            return instances.get(ctx, instance_id=app.instance_id).state is state

    _eventually(bed, app, there)


def _eventually(bed: Shop, app: OrderView, holds: Callable[[], bool]) -> None:
    until = bed.clock.now() + LONGEST
    while not holds():
        with bed.acting(bed.staff) as ctx:
            work = changesets.list_(ctx, instance_id=app.instance_id, limit=1)[0]
            order = orders.get(ctx, order_id=app.id)
        assert work.state.value != "blocked", work.reason
        assert bed.clock.now() < until, (order.state, work.purpose, work.state, work.phase, work.reason)
        time.sleep(0.3)


def _remove_everything(bed: Shop) -> None:
    """Other tests count what is on the bed."""
    with bed.acting(bed.staff) as ctx:
        spaces = [row.namespace for row in instances.every(ctx)]
    left = [name for name in spaces if bed.cluster.delete("Namespace", None, name)]
    until = bed.clock.now() + LONGEST
    while any(bed.cluster.read("Namespace", None, name) for name in left) and bed.clock.now() < until:
        time.sleep(0.5)
