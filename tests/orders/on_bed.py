"""A shop whose driver works on the test bed's real API server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from app.auth.seal import Seal
from app.config import Settings
from app.container import Container
from app.driver import Driver
from app.gateways.mail import gateway
from app.services import changesets, instances, offers, orders
from app.services.orders import OrderView
from collectors.latest import Latest
from collectors.sources.kubernetes import KubernetesInventory
from models.domain.access import job_actor
from models.domain.clock import SystemClock
from models.domain.cluster import Snapshot
from models.domain.instances import State
from provisioner.catalogue import Template
from provisioner.cluster.simulated import SimulatedCluster
from tests.orders.conftest import Prober, Seen, Shop
from tests.provisioner.grounds import Site
from tests.provisioner.orders import SHOWN
from tests.stories import NoWarehouse, a_customer, a_staff_member, fresh_sqlite

LONGEST = timedelta(minutes=4)


@dataclass
class Looked:
    """The bed as the collectors see it, for room and for the pods of an app."""

    inventory: KubernetesInventory

    def snapshot(self) -> Snapshot:
        return self.inventory.snapshot()

    def current(self, entity: str) -> pl.DataFrame:
        return Latest().current(entity)

    def sources(self) -> tuple[()]:
        return ()


@contextmanager
def shop_on(
    site: Site,
    folder: Path,
    *,
    prober: Any = None,
    doorman: Any = None,
    cluster: Any = None,
    templates: Iterable[Template] | None = None,
    across: int = 4,
) -> Iterator[Shop]:
    """What room there is comes from `cluster`, or from an imagined one where the bed's is not what is tested."""
    clock = SystemClock()
    store = fresh_sqlite(folder)
    seen = cluster or Seen(SimulatedCluster(clock), clock, nodes=20)
    container = Container(
        settings=Settings.model_construct(data=folder, store_url=store.url, apps_domain="apps.example"),
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
        offers.publish(ctx, templates=templates if templates is not None else SHOWN)
    shop = Shop(store, clock, site.cluster, seen, prober or Prober(), container, customer, staff)
    driver = Driver(container, site.cluster, prober=shop.prober, doorman=doorman, across=across)
    driver.start()
    try:
        yield shop
    finally:
        driver.stop(30)
        _remove_everything(shop)
        store.close()


def idle(bed: Shop, app: OrderView) -> bool:
    with bed.acting(bed.staff) as ctx:
        return changesets.list_(ctx, instance_id=app.instance_id, limit=1)[0].state.value == "done"


def until_state(bed: Shop, app: OrderView, state: State) -> None:
    def there() -> bool:
        with bed.acting(bed.staff) as ctx:
            return instances.get(ctx, instance_id=app.instance_id).state is state

    eventually(bed, app, there)


def eventually(bed: Shop, app: OrderView, holds: Callable[[], bool]) -> None:
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
