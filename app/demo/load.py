"""Fills an empty store and an empty warehouse with the demo business."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from app.auth import passwords
from app.container import Container, world_file
from app.demo import people
from app.demo.people import SignIn
from models.domain.access import job_actor
from models.domain.errors import Conflict
from models.world.state import HISTORY
from models.world.world import World

Progress = Callable[[str, float], None]
"""Told what is being done now and the share that is done, from 0 to 1."""

EDGE = "cli"


def load(
    container: Container, progress: Progress | None = None, *, days: float = 90, raw_days: float = 15, money: bool = False
) -> None:
    """The demo business and its history up to now: 5-minute windows of the last `days`, tick by tick the last `raw_days` of them.

    `money`: also what its organizations were charged and paid in the thirteen months before.
    A store with accounts is left as it is. Tests that want a demo in some 2 s take `days=3, raw_days=0.1`.

    Refuses live data. A load that was killed is completed by the next one: the accounts are written last and all at once, so they
    are the mark of a complete history; its money is completed by a mark of its own. Needs the process that owns the warehouse.
    """
    from app.demo import past
    from collectors.sources.port import ProbeTarget
    from collectors.sources.simulated import open_world

    settings, tell = container.settings, progress or _silent
    if settings.live:
        raise Conflict("The demo is not loaded beside live data. Start without --kubeconfig, or with an empty data directory.")
    warehouse = container.owned_warehouse()
    actor = job_actor("demo")
    with container.reading(actor, EDGE) as ctx:
        empty, unfinished = people.is_empty(ctx), people.lacks_money(ctx)
    if not empty:
        if unfinished:
            _money(container, open_world(world_file(settings), settings.demo_seed, container.clock).world, tell)
        return
    tell("Beginning the simulated world", 0.0)
    file = open_world(world_file(settings), settings.demo_seed, container.clock)
    now = container.clock.now()
    if file.world.epoch + HISTORY + timedelta(days=1) < now and not past.anything(warehouse, settings.cluster):
        file.begin_anew()  # it was begun long ago and nothing of it was ever collected
    world = file.world
    world.snapshot(now)
    history = past.plan(
        world,
        cluster=settings.cluster,
        interval=settings.tick,
        probe_interval=timedelta(seconds=settings.probe_seconds),
        targets=[ProbeTarget(address, namespace) for namespace, address in people.addresses(settings.apps_domain)],
        upto=now,
        days=days,
        raw_days=raw_days,
    )
    past.write(history, warehouse, lambda share: tell("Writing the history of the simulated cluster", 0.02 + 0.93 * share))
    file.see(history.upto)
    tell("Writing organizations and apps", 0.97)
    admin, customer = passwords.hashed(people.ADMIN.password), passwords.hashed(people.CUSTOMER.password)
    with container.transaction(actor, EDGE) as ctx:
        if people.is_empty(ctx):
            people.write(
                ctx,
                world,
                cluster=settings.cluster,
                domain=settings.apps_domain,
                admin_hash=admin,
                customer_hash=customer,
                money=money,
            )
    if money:
        _money(container, world, tell)
    tell("The demo is loaded", 1.0)


def _money(container: Container, world: World, tell: Progress) -> None:
    from app.demo import money as billed

    tell("Writing invoices and payments", 0.98)
    billed.write(container, world)


def sign_ins() -> tuple[SignIn, SignIn]:
    """Of an admin and of a customer."""
    return people.ADMIN, people.CUSTOMER


def _silent(_what: str, _share: float) -> None:
    """Nobody wants to know."""
