"""A DuckLake whose PostgreSQL dies and comes back: the loop goes on, says so, and what was missed is filled in once."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors import warehouse as warehouses
from collectors.latest import Latest
from collectors.sources.port import SourceHealth
from collectors.sources.simulated import SimulatedInventory, open_world
from collectors.warehouse import Warehouse
from models.domain.clock import FrozenClock
from models.domain.errors import Unavailable
from tests.collect.conftest import START, TICK, Site
from tests.own_postgres import OwnPostgres, own_postgres
from tests.warehouse.scenes import at, pods

pytestmark = pytest.mark.postgres
ONCE = "SELECT count(*) FROM (SELECT uid, container FROM pod GROUP BY ALL HAVING count(*) > 1)"
WHOLE = "SELECT count(*) FROM tick t WHERE n_rows <> (SELECT count(*) FROM pod_sample s WHERE s.tick = t.tick)"


@pytest.fixture(scope="module")
def only_server() -> Iterator[OwnPostgres]:
    with own_postgres() as one:
        yield one


@pytest.fixture
def server(only_server: OwnPostgres) -> OwnPostgres:
    """Running, whatever the test before did."""
    only_server.ensure()
    return only_server


@pytest.fixture
def lake(server: OwnPostgres, tmp_path: Path) -> Iterator[Warehouse]:
    """An empty one in a schema of the server that nobody else uses."""
    server.empty()
    made = warehouses.open(f"ducklake:postgres:{server.dsn}", data_path=f"{tmp_path}/lake/", threads=1, memory="500MB")
    yield made
    made.close()


def problems(site: Site) -> dict[str, str]:
    found: dict[str, SourceHealth] = {health.source: health for health in site.collector.health()}
    return {name: health.problem for name, health in found.items()}


def test_the_loop_goes_on_while_the_catalogue_is_away_and_fills_what_was_missed(
    server: OwnPostgres, lake: Warehouse, tmp_path: Path
) -> None:
    clock = FrozenClock(START)
    world = open_world(tmp_path / "world.json", 7, clock)
    inventory = SimulatedInventory(world, clock)
    inventory.start()
    site = Site(clock, world, lake, Latest(), inventory, None)  # type: ignore[arg-type]  # made in the next line
    site.collector = site.collecting()
    site.run(2)
    server.stop()
    site.run(3)
    assert {name for name, problem in problems(site).items() if "does not answer. Check that PostgreSQL runs" in problem} == {
        "simulated",
        "simulated-cluster",
        "prober",
    }
    site.collector.backfill(clock.now())
    assert site.latest.current("pod").height > 50, "what was measured is shown although it cannot be stored"
    server.start()
    site.run(1)
    site.collector.backfill(clock.now() - TICK)
    assert set(problems(site).values()) == {""}
    assert site.ticks() == [(START.replace(second=0) + k * TICK, "ok") for k in range(6)]
    assert {status for _, status in site.ticks("simulated-cluster")} == {"ok", "lost"}
    assert lake.query(ONCE).item() == 0
    samples = site.rows("pod")
    assert samples.height == samples.unique(["tick", "uid", "container"]).height > 6 * 50


def test_a_writer_that_is_interrupted_anywhere_hears_sentences_and_stores_each_tick_once(
    server: OwnPostgres, lake: Warehouse
) -> None:
    wrong: list[BaseException] = []
    stored: list[int] = []
    enough, moved = threading.Event(), threading.Semaphore(0)

    def write() -> None:
        k = 0
        while not enough.is_set():
            k += 1
            tries = 0
            while True:
                try:
                    lake.append(at(k), "prom", {"pod": pods(k, things=range(k, k + 40))})
                    lake.rollup(at(k))
                    lake.query("SELECT count(*) FROM pod_sample")
                    break
                except Unavailable:
                    tries += 1
                    enough.wait(0.05)
                except BaseException as error:  # what it is decides the test
                    wrong.append(error)
                    moved.release()
                    return
            stored.append(k)
            moved.release()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    chance = random.Random(11)
    for _ in range(8):
        assert moved.acquire(timeout=120)
        enough.wait(chance.random() * 0.4)
        server.bounce()
    assert moved.acquire(timeout=120)
    enough.set()
    writer.join(120)
    assert not writer.is_alive()
    assert wrong == []
    told = [t for (t,) in lake.query("SELECT tick FROM tick WHERE source = 'prom' ORDER BY tick").iter_rows()]
    assert told == [at(k) for k in stored]
    assert lake.query(WHOLE).item() == 0
    assert lake.query(ONCE).item() == 0
