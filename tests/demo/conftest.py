"""A small demo, loaded once: a few days of windows, some hours of ticks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app import demo
from app.cluster import OwnCluster
from app.config import Settings
from app.container import Container, open_store, prepare_directory, world_file
from app.gateways.mail import gateway
from collectors import warehouse as warehouses
from collectors.latest import Latest
from collectors.sources.simulated import SimulatedInventory, open_world
from models.domain.clock import FrozenClock
from tests.demo.seals import NO_SEAL

NOW = datetime(2026, 11, 25, 16, 10, 7, tzinfo=UTC)


def a_container(folder: Path, clock: FrozenClock, **settings: object) -> Container:
    """What a server has, without collector and seal."""
    wanted = Settings(data=folder, **settings)  # names and values are checked by pydantic
    prepare_directory(wanted)
    store = open_store(wanted, migrate=True)
    warehouse = warehouses.open(wanted.warehouse)
    inventory = SimulatedInventory(open_world(world_file(wanted), wanted.demo_seed, clock), clock, wanted.cluster)
    inventory.start()
    return Container(
        settings=wanted,
        clock=clock,
        store=store,
        warehouse=warehouse,
        cluster=OwnCluster(inventory, Latest()),
        mail=gateway(""),
        seal=NO_SEAL,
        inventory=inventory,
        closing=[store.close, warehouse.close],
    )


@pytest.fixture(scope="session")
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory, clock: FrozenClock) -> Iterator[Container]:
    """Three days, the last two and a half hours of them tick by tick."""
    container = a_container(tmp_path_factory.mktemp("demo"), clock)
    demo.load(container, days=3, raw_days=0.1)
    yield container
    container.close()


HOUR = timedelta(hours=1)
