"""Kill test of the provisioner: real processes race for the change sets of a growing number of orders and die at random points.

The simulated cluster lies in a file, so that it outlives them as a real one would. At the end every app must run as it was ordered,
be reported, paid and mailed once, hold no reservation, and have in the cluster the very secrets that the store has sealed.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlmodel import col, select

from app.auth.seal import Seal
from app.config import Settings
from app.container import Container, world_file
from app.driver import ACTOR, Driver
from app.gateways.mail import gateway
from app.provisioning import cluster_of
from app.services import offers, orders
from app.services import specifications as wishes
from app.services.credentials import PURPOSE
from app.soak import victims
from app.soak.jobs import NOTHING
from models.domain.access import MemberRole, member_actor
from models.domain.changesets import ChangeState
from models.domain.clock import SystemClock, stopwatch
from models.domain.cluster import Node, Resources, Snapshot
from models.domain.errors import Unavailable
from models.domain.instances import State
from models.store import changesets, instances, mail, members, organizations, payments, reservations, specifications
from models.store.session import Store
from models.world.state import begin, to_json
from provisioner import reconcile
from provisioner.catalogue import load

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    import polars as pl

    from collectors.sources.port import SourceHealth

LEASE = timedelta(seconds=1)
WORKERS = 2
SETTLE_SECONDS = 240.0
NODES = 60
"""Of the simulated cluster: room for the apps of 300 kills beside those that it has anyway."""
WAIT_SECONDS = 5.0
ANYBODY = 0.3
TEMPLATES = ("container", "ghost", "wordpress")
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run of kills found. `problems` is empty when all held."""

    kills: int
    apps: int
    inside: int
    """Kills that hit a process while it held a change set."""
    problems: tuple[str, ...]


@dataclass(frozen=True)
class _Wide:
    """A cluster as the shop sees it: so many empty nodes that everything fits. Nothing else is known of it."""

    nodes: dict[str, Node] = field(default_factory=dict)

    def snapshot(self) -> Snapshot:
        return Snapshot("default", SystemClock().now(), self.nodes, {})

    def current(self, entity: str) -> pl.DataFrame:
        raise Unavailable(NOTHING)

    def sources(self) -> tuple[SourceHealth, ...]:
        return ()

    def query(self, sql: str, params: object = None) -> pl.DataFrame:
        raise Unavailable(NOTHING)


def _container(url: str, folder: Path) -> Container:
    now, size = SystemClock().now(), Resources(64.0, 256 * GIB, 500)
    wide = _Wide(
        {f"node-{n}": Node(f"node-{n}", f"n{n}", size, size, ready=True, ready_since=now, created_at=now) for n in range(9)}
    )
    return Container(
        settings=Settings.model_construct(data=folder, store_url=url, apps_domain="apps.example"),
        clock=SystemClock(),
        store=Store(url),
        warehouse=wide,
        cluster=wide,
        mail=gateway(""),
        seal=Seal({"k": bytes(32)}, "k"),
    )


def work(url: str, folder: str) -> None:
    """One process: passes over what is due until it is killed."""
    container = _container(url, Path(folder))
    with cluster_of(container.settings, container.clock) as cluster:
        driver = Driver(container, cluster, lease=LEASE)
        while True:
            driver.once()
            time.sleep(0.05)


def run(url: str, folder: Path, *, kills: int, seed: int) -> Verdict:
    """Kill `kills` times while orders come in, on a migrated store that has no rows; then wait until all run, and judge."""
    chance = random.Random(seed)  # noqa: S311  a test that repeats, no secret
    methods = victims.context()
    container = _container(url, folder)
    world = replace(begin(seed, container.clock.now()), nodes=NODES)
    world_file(container.settings).write_text(to_json(world), encoding="utf-8")
    with container.transaction(ACTOR, "cli") as ctx:
        offers.publish(ctx, templates=load().values())
    processes: list[BaseProcess] = []
    inside = 0

    def start() -> BaseProcess:
        made = methods.Process(target=work, args=(url, str(folder)), daemon=True)
        made.start()
        return made

    placed: list[str] = []
    ended: list[str] = []
    try:
        processes += [start() for _ in range(WORKERS)]
        for number in range(kills):
            if number % 3 == 0:
                placed += _customer_orders(container, number)
            victim = _next(container, processes, chance)
            pid = processes[victim].pid
            code = victims.kill(processes[victim])
            ended += [f"a process ended by itself with {code}"] if code is not None else []
            inside += _held_by(container, pid)
            processes[victim] = start()
        began = stopwatch()
        while stopwatch() - began < SETTLE_SECONDS and not _all_done(container):
            time.sleep(0.3)
    finally:
        for process in processes:
            victims.kill(process)
    try:
        return Verdict(kills, len(placed), inside, (*ended, *_judge(container, placed)))
    finally:
        container.close()
        container.store.close()


def _customer_orders(container: Container, number: int) -> list[str]:
    """A new customer takes a trial of everything; ids of the instances."""
    now = container.clock.now()
    with container.store.transaction() as session:
        organization = organizations.add(session, name=f"Toko {number}", now=now, country="ID")
        owner = members.add_user(session, email=f"owner{number}@toko.example", name=f"Owner {number}", now=now)
        members.join(session, user_id=owner.id, organization_id=organization.id, role=MemberRole.OWNER, now=now)
    actor = member_actor(owner.id, owner.name, {organization.id: MemberRole.OWNER})
    found = []
    for template in TEMPLATES:
        with container.transaction(actor, "api") as ctx:
            given = {"image": "registry.example/shop:1"} if template == "container" else {}
            made = orders.place(ctx, organization_id=organization.id, template=template, plan="trial", parameters=given)
            found.append(made.instance_id)
    return found


def _next(container: Container, processes: list[BaseProcess], chance: random.Random) -> int:
    """Whom to kill, at the moment to do it: a third anybody at any time, the others who holds a change set, a little later."""
    began = stopwatch()
    if chance.random() < ANYBODY:
        time.sleep(chance.uniform(0.1, 0.9))
    else:
        while stopwatch() - began < WAIT_SECONDS:
            within = [number for number, one in enumerate(processes) if _held_by(container, one.pid)]
            if within:
                time.sleep(chance.uniform(0.0, 0.1))
                return within[0]
            time.sleep(0.01)
    return chance.randrange(WORKERS)


def _held_by(container: Container, pid: int | None) -> bool:
    with container.store.reading() as session:
        holders = session.exec(select(changesets.ChangeSet.holder).where(col(changesets.ChangeSet.holder) != "")).all()
    return any(holder.split(":")[1] == str(pid) for holder in holders)


def _all_done(container: Container) -> bool:
    with container.store.reading() as session:
        return all(row.state is ChangeState.DONE for row in changesets.search(session))


def _judge(container: Container, placed: list[str]) -> list[str]:
    problems: list[str] = []
    with container.store.reading() as session, cluster_of(container.settings, container.clock) as cluster:
        letters = [row.key for row in session.exec(select(mail.Mail)).all()]
        for instance_id in placed:
            instance = instances.by_id(session, instance_id)
            specification = specifications.newest(session, instance_id)
            if instance is None or specification is None:
                problems.append(f"{instance_id} is lost")
                continue
            works = changesets.of_instance(session, instance_id)
            said = [f"{row.state.value} at {row.phase}: {row.reason}" for row in works]
            if instance.state is not State.READY or [row.state for row in works] != [ChangeState.DONE]:
                problems.append(f"{instance_id} is {instance.state.value}, its work {said}")
                continue
            steps = [(one.verb, one.kind, one.name) for one in changesets.steps(session, works[0].id)]
            problems += [f"{instance_id}: {step} was done twice" for step in set(steps) if steps.count(step) > 1]
            wanted = wishes.wanted(session, instance, specification, container.settings.ground)
            todo, _ = reconcile.plan(cluster, wanted)
            problems += [f"{instance_id}: {change.verb} {change.kind} {change.name} is still to do" for change in todo]
            kept = specifications.credentials(session, instance_id)
            sealed = json.loads(container.seal.unseal(kept.sealed, f"{PURPOSE}:{instance_id}")) if kept else {}
            if sealed != reconcile.credentials(cluster, wanted):
                problems.append(f"{instance_id}: the cluster has other secrets than the store")
            if letters.count(f"ready:{instance_id}") != 1:
                problems.append(f"{instance_id}: {letters.count(f'ready:{instance_id}')} mails say that it is ready")
            if reservations.of_instance(session, instance_id) is not None:
                problems.append(f"{instance_id} still holds a reservation")
        unpaid = [row for row in session.exec(select(payments.Payment)).all() if row.state is not payments.PaymentState.PAID]
        problems += [f"payment {row.key} is {row.state.value}" for row in unpaid]
    return problems
