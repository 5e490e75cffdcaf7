"""A shop: customers who order, a simulated cluster that carries it, and a driver whose clock moves when told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from app.auth.seal import Seal
from app.backup_driver import BackupDriver
from app.config import Settings
from app.container import Container
from app.context import Context
from app.driver import Driver
from app.gateways.backup_target import DirectoryTarget
from app.gateways.mail import gateway
from app.services import offers, orders
from app.services.orders import OrderView
from collectors.entities import PROBE
from collectors.frames import record_frame
from collectors.latest import Latest
from collectors.sources.port import ProbeTarget
from models.domain.access import Actor, job_actor
from models.domain.clock import FrozenClock
from models.domain.cluster import Pod, Resources, Snapshot
from models.store.session import Store
from models.world.contents import Contents
from provisioner.catalogue.quantities import bytes_of, cores_of
from provisioner.cluster.commands import Commands
from provisioner.cluster.simulated import SimulatedCluster
from provisioner.cluster.simulated_commands import SimulatedCommands
from tests.provisioner.orders import LISTED, SHOWN
from tests.services.running import a_node
from tests.stories import NOW, Customer, NoWarehouse, a_customer, a_namespace, a_staff_member, postgres, store
from tests.stories import a_pod as small_pod

__all__ = ["postgres", "store"]
GIB = 1 << 30
CONTAINER = {"image": "ghcr.io/kopi/shop:1.4"}
ASKED: dict[str, dict[str, Any]] = {"container": CONTAINER, "stack": {"components": LISTED}}
"""What templates ask for."""


@dataclass
class Prober:
    """Answers as it is told: which addresses do not answer, and why."""

    name: str = "prober"
    down: dict[str, tuple[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def probe(self, targets: list[ProbeTarget], now: Any) -> pl.DataFrame:
        rows = []
        for target in targets:
            self.asked.append(target.address)
            outcome, reason = self.down.get(target.address, ("up", ""))
            rows.append({"ts": now, "namespace": target.namespace, "address": target.address, "outcome": outcome, "reason": reason})
        return record_frame(PROBE, rows)


@dataclass
class Seen:
    """The simulated cluster as the collectors would see it: `nodes` of 4 cores and 8 GiB, and a pod for each that stands."""

    cluster: SimulatedCluster
    clock: FrozenClock
    nodes: int = 3
    others: list[Pod] = field(default_factory=list)

    def snapshot(self) -> Snapshot:
        pods = {pod.uid: pod for pod in self.others}
        names = [f"node-{number}" for number in range(1, self.nodes + 1)]
        for number, one in enumerate(self.cluster.find("Pod", None, {})):
            if not one["spec"]["containers"]:
                continue  # it ends: nothing of it runs any more
            asked = [container["resources"]["requests"] for container in one["spec"]["containers"]]
            size = Resources(float(sum(cores_of(a["cpu"]) for a in asked)), sum(bytes_of(a["memory"]) for a in asked), 1)
            namespace, name = one["metadata"]["namespace"], one["metadata"]["name"]
            pod = small_pod(namespace, name, cpu=size.cpu, memory=size.memory)
            main = replace(pod.containers[0], name=one["spec"]["containers"][0]["name"])
            facts = {"labels": one["metadata"]["labels"], "containers": (main,), "owner_kind": "ReplicaSet"}
            pods[pod.uid] = replace(pod, node=names[number % len(names)], **facts)
        spaces = {pod.namespace: a_namespace(pod.namespace) for pod in pods.values()}
        return Snapshot("default", self.clock.now(), {name: a_node(name) for name in names}, pods, namespaces=spaces)

    def current(self, entity: str) -> pl.DataFrame:
        return Latest().current(entity)

    def sources(self) -> tuple[()]:
        return ()


@dataclass
class Shop:
    """Everything of a small hosting business that orders need."""

    store: Store
    clock: FrozenClock
    cluster: SimulatedCluster
    seen: Seen
    prober: Prober
    container: Container
    customer: Customer
    staff: Actor
    contents: Contents = field(default_factory=lambda: Contents(None))
    """Of the volumes in the simulated cluster."""

    @property
    def commands(self) -> Commands:
        return SimulatedCommands(self.cluster, self.contents)

    @property
    def target(self) -> DirectoryTarget:
        return DirectoryTarget(self.container.settings.data / "app-backups")

    @property
    def driver(self) -> Driver:
        return Driver(self.container, self.cluster, prober=self.prober)

    @contextmanager
    def acting(self, actor: Actor | None = None) -> Iterator[Context]:
        with self.container.transaction(actor or self.customer.actor, "page") as ctx:
            yield ctx

    def order(self, template: str = "wordpress", plan: str = "trial", actor: Actor | None = None, **facts: Any) -> OrderView:
        given = {"parameters": ASKED[template]} if template in ASKED else {}
        organization = facts.pop("organization_id", self.customer.organization.id)
        with self.acting(actor) as ctx:
            return orders.place(ctx, organization_id=organization, template=template, plan=plan, **(given | facts))

    @property
    def backups(self) -> BackupDriver:
        return BackupDriver(self.container, self.cluster, self.commands, self.target)

    def work(self, *, passes: int = 40, pause: timedelta = timedelta(seconds=2)) -> None:
        """Let the drivers work for a while."""
        driver, backups = self.driver, self.backups
        for _ in range(passes):
            driver.once()
            backups.once()
            self.clock.advance(pause)


@pytest.fixture
def shop(store: Store, tmp_path: Any) -> Shop:
    clock = FrozenClock(NOW)
    cluster = SimulatedCluster(clock)
    seen = Seen(cluster, clock)
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
        customer = a_customer(session)
        staff = a_staff_member(session)
    with container.transaction(job_actor("catalogue"), "cli") as ctx:
        offers.publish(ctx, templates=SHOWN)
    with container.transaction(staff, "page") as ctx:
        offers.agree(ctx, template="n8n")
    return Shop(store, clock, cluster, seen, Prober(), container, customer, staff)
