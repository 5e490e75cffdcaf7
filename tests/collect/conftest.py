"""A collector over the simulated world and a real warehouse, on a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from collectors import warehouse as warehouses
from collectors.collect import Collector
from collectors.latest import Latest
from collectors.sources.port import ProbeTarget
from collectors.sources.simulated import SimulatedInventory, SimulatedMetrics, SimulatedProber, WorldFile, open_world
from collectors.warehouse import Warehouse
from models.domain.clock import FrozenClock

START = datetime(2026, 11, 25, 12, 0, 1, tzinfo=UTC)
TICK = timedelta(seconds=30)


@dataclass
class Site:
    """Everything that collects; `restart` is another process on the same warehouse."""

    clock: FrozenClock
    world: WorldFile
    warehouse: Warehouse
    latest: Latest
    inventory: SimulatedInventory
    collector: Collector

    def restart(self, **more: object) -> Collector:
        self.inventory = SimulatedInventory(self.world, self.clock)
        self.inventory.start()
        self.latest = Latest()
        self.collector = self.collecting(**more)
        return self.collector

    def collecting(self, **more: object) -> Collector:
        parts: dict[str, object] = {
            "metrics": SimulatedMetrics(self.world, self.clock),
            "inventory": self.inventory,
            "warehouse": self.warehouse,
            "latest": self.latest,
            "clock": self.clock,
            "prober": SimulatedProber(self.world, self.clock),
            "targets": lambda: [ProbeTarget("https://a.example.test", next(iter(self.world.snapshot().namespaces)))],
            "lateness": timedelta(seconds=1),
        }
        return Collector(**{**parts, **more})

    def run(self, ticks: int) -> None:
        for _ in range(ticks):
            self.collector.tick(self.clock.now())
            self.clock.advance(TICK)

    def ticks(self, source: str = "simulated") -> list[tuple[datetime, str]]:
        found = self.warehouse.query("SELECT tick, status FROM tick WHERE source = ? ORDER BY tick", [source])
        return [(t.astimezone(UTC), s) for t, s in found.iter_rows()]

    def rows(self, entity: str) -> pl.DataFrame:
        return self.warehouse.query(f"SELECT * FROM {entity}_sample ORDER BY ALL")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    clock = FrozenClock(START)
    world = open_world(tmp_path / "world.json", 7, clock)
    made = warehouses.open(str(tmp_path / "wh.duckdb"), threads=1, memory="500MB")
    inventory, latest = SimulatedInventory(world, clock), Latest()
    inventory.start()
    site = Site(clock, world, made, latest, inventory, None)
    site.collector = site.collecting()
    yield site
    made.close()
