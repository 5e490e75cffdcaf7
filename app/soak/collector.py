"""Kill test of the collector: it collects the simulated world once a second and dies at random points.

What it was told to be stored must be there at once. Then what it could not do is filled in, and every tick must be there once, with
the samples that the world has for it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import polars as pl

from app.soak import victims
from collectors import warehouse as warehouses
from collectors import windows
from collectors.collect import Collector
from collectors.latest import Latest
from collectors.sources.simulated import SimulatedInventory, SimulatedMetrics, open_world
from collectors.warehouse import Warehouse
from models.domain.clock import SystemClock, stopwatch
from models.world.state import State, to_json

INTERVAL = timedelta(seconds=1)
CLUSTER = "soak"
SEED = 7
PAST = timedelta(hours=2)
"""A short history: a process that starts computes all of it first."""
START_SECONDS = 60.0
COMPARED = 20
"""Ticks whose samples are read again from the world and compared one by one."""
START_KILLS = 0.4
"""Seconds in which deaths at the start come."""
WRITE_SECONDS = 0.04
"""A write of the simulated world takes about half as long."""
ENTITIES = ("pod", "node", "filesystem", "volume", "ingress", "ingress_process")
SAMPLES = " UNION ALL ".join(f"SELECT cluster, source, tick FROM {name}_sample" for name in ENTITIES)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the warehouse of the test is; `uri` empty: a DuckDB file in the folder."""

    folder: Path
    uri: str = ""
    data_path: str = ""

    def open(self) -> Warehouse:
        uri = self.uri or str(self.folder / "warehouse.duckdb")
        return warehouses.open(uri, data_path=self.data_path, memory="500MB", threads=1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run of kills found. `problems` is empty when all held."""

    kills: int
    ticks: int
    inside: int
    """Kills that fell into a write: it had begun and was not told to be stored."""
    starting: int
    """Kills that came before the process wrote anything."""
    problems: tuple[str, ...]


class _Told:
    """The warehouse of a victim, which says when it begins to write and when that is stored."""

    def __init__(self, warehouse: Warehouse, said: Connection) -> None:
        self._append, self._said = warehouse.append, said

    def __call__(self, tick: datetime, source: str, frames: Mapping[str, pl.DataFrame], **more: Any) -> int:
        self._said.send(("writing", source, tick))
        rows = self._append(tick, source, frames, **more)
        self._said.send(("stored", source, tick))
        return rows


def make(folder: Path, warehouse: Warehouse) -> tuple[Collector, SimulatedMetrics, SimulatedInventory]:
    clock = SystemClock()
    world = open_world(folder / "world.json", SEED, clock)
    metrics, inventory = SimulatedMetrics(world, clock), SimulatedInventory(world, clock, CLUSTER)
    made = Collector(
        metrics=metrics,
        inventory=inventory,
        warehouse=warehouse,
        latest=Latest(),
        clock=clock,
        cluster=CLUSTER,
        interval=INTERVAL,
    )
    return made, metrics, inventory


def work(place: Place, said: Connection) -> None:
    """One process: collects and rolls up until it is killed."""
    warehouse = place.open()
    said.send(("there", ticks_there(warehouse)))
    warehouse.append = _Told(warehouse, said)  # type: ignore[method-assign]  # what the collector calls
    collector, _, inventory = make(place.folder, warehouse)
    inventory.start()
    collector.start()
    while True:
        warehouse.rollup(SystemClock().now())
        time.sleep(0.1)


def run(folder: Path, *, kills: int, seed: int, uri: str = "", data_path: str = "", longest: float = 2.5) -> Verdict:
    """Kill `kills` times, fill what is missing, and judge.

    A fifth of the kills falls into the start, two fifths into or just after a write, the rest anywhere up to `longest` seconds after
    the first thing was stored. A process that ends by itself is a problem.
    """
    chance = random.Random(seed)  # noqa: S311  a test that repeats, no secret
    place, methods = Place(folder, uri, data_path), victims.context()
    (folder / "world.json").write_text(to_json(State(SEED, SystemClock().now().replace(microsecond=0) - PAST)), encoding="utf-8")
    stored: set[tuple[str, datetime]] = set()
    inside, starting, problems = 0, 0, []
    for _ in range(kills):
        hears, said = methods.Pipe(duplex=False)
        process = methods.Process(target=work, args=(place, said), daemon=True)
        process.start()
        said.close()
        words = _until(hears, chance, longest)
        if (code := victims.kill(process)) is not None:
            problems.append(f"a process ended by itself with {code}")
        words += _rest(hears)
        for one in words:
            if one[0] == "there":
                problems += _lost(stored, one[1])
        stored |= {one[1:] for one in words if one[0] == "stored"}
        began, ended = (sum(one[0] == word for one in words) for word in ("writing", "stored"))
        inside, starting = inside + (began > ended), starting + (not began)
    return judge(place, kills, inside, starting, stored, problems, chance)


Word = tuple[Any, ...]
"""`there` and the stored ticks a process begins with; `writing` or `stored`, source and tick."""


def _until(hears: Connection, chance: random.Random, longest: float) -> list[Word]:
    """What the process says until the moment at which it is to die."""
    kind, words = chance.random(), list[Word]()
    if kind < 0.2:
        time.sleep(chance.uniform(0.0, START_KILLS))
        return []
    wanted, number, pause = ("writing", chance.randint(1, 6), WRITE_SECONDS) if kind < 0.6 else ("stored", 1, longest)
    began = stopwatch()
    while number and (left := START_SECONDS - (stopwatch() - began)) > 0 and hears.poll(left):
        try:
            words.append(hears.recv())
        except EOFError:
            break
        number -= words[-1][0] == wanted
    time.sleep(chance.uniform(0.0, pause))
    return words


def _rest(hears: Connection) -> list[Word]:
    """What the dead process had said; of the last word there may be a part."""
    words: list[Word] = []
    with hears:
        while True:
            try:
                words.append(hears.recv())
            except (EOFError, OSError):
                return words


def judge(
    place: Place,
    kills: int,
    inside: int,
    starting: int,
    stored: set[tuple[str, datetime]],
    problems: list[str],
    chance: random.Random,
) -> Verdict:
    warehouse = place.open()
    try:
        problems += _lost(stored, ticks_there(warehouse))
        collector, metrics, inventory = make(place.folder, warehouse)
        inventory.start()
        now = SystemClock().now()
        collector.tick(now)
        collector.backfill(now)
        source = metrics.name
        told = warehouse.query(
            "SELECT tick, status, n_rows FROM tick WHERE cluster = ? AND source = ? ORDER BY tick", [CLUSTER, source]
        )
        ticks: list[datetime] = told["tick"].to_list()
        if not ticks:
            return Verdict(kills, 0, inside, starting, (*problems, "nothing can be stored after the last kill"))
        missing = warehouse.gaps(ticks[0] - INTERVAL, ticks[-1], INTERVAL.total_seconds(), source, cluster=CLUSTER)
        problems += [f"ticks after {since} up to {until} are missing" for since, until in missing]
        if len(ticks) != (ticks[-1] - ticks[0]) / INTERVAL + 1:
            problems.append(f"{len(ticks)} ticks from {ticks[0]} to {ticks[-1]}")
        problems += [f"tick {row['tick']} is {row['status']}" for row in told.iter_rows(named=True) if row["status"] != "ok"]
        problems += _doubled(warehouse) + _torn(warehouse)
        for tick in chance.sample(ticks, min(COMPARED, len(ticks))):
            problems += _compared(warehouse, metrics, tick)
        return Verdict(kills, len(ticks), inside, starting, tuple(problems))
    finally:
        warehouse.close()


def ticks_there(warehouse: Warehouse) -> set[tuple[str, datetime]]:
    return set(warehouse.query("SELECT source, tick FROM tick WHERE cluster = ?", [CLUSTER]).rows())


def _lost(stored: set[tuple[str, datetime]], there: set[tuple[str, datetime]]) -> list[str]:
    return [f"{source} {tick} was stored and is lost" for source, tick in sorted(stored - there)]


def _doubled(warehouse: Warehouse) -> list[str]:
    """Ticks, samples, events and states that are there more than once."""
    kept = {
        "ticks": "SELECT cluster, source, tick FROM tick",
        "samples of containers": "SELECT cluster, uid, container, ts FROM pod_sample",
        "samples of nodes": "SELECT cluster, node, ts FROM node_sample",
        "events": "SELECT cluster, uid, count, ts FROM event",
        "states": "SELECT cluster, uid, container, ts, phase, state, reason, ready, restarts FROM pod_state",
    }
    found = []
    for noun, rows in kept.items():
        n = warehouse.query(f"SELECT count(*) AS n FROM (SELECT * FROM ({rows}) GROUP BY ALL HAVING count(*) > 1)")["n"][0]
        found += [f"{n} {noun} are there twice"] if n else []
    return found


def _torn(warehouse: Warehouse) -> list[str]:
    """Ticks that have more or fewer rows than they say, and rows of ticks that are not there."""
    rows = warehouse.query(
        f"SELECT t.tick, t.n_rows, r.tick AS of_rows, r.n FROM (SELECT * FROM tick WHERE source = 'simulated') t "
        f"FULL JOIN (SELECT cluster, source, tick, count(*) AS n FROM ({SAMPLES}) GROUP BY ALL) r USING (cluster, source, tick) "
        "WHERE coalesce(t.n_rows, -1) <> coalesce(r.n, 0)"
    )
    return [f"tick {row[0] or row[2]} says {row[1]} rows and has {row[3]}" for row in rows.rows()]


def _compared(warehouse: Warehouse, metrics: SimulatedMetrics, tick: datetime) -> list[str]:
    """Every stored sample of a container at that tick against the world's own answer."""
    key = ["uid", "container"]
    value = "cpu_usage_seconds_total"
    stored = warehouse.query(
        f"SELECT uid, container, {value} FROM pod_sample WHERE cluster = ? AND tick = ?", [CLUSTER, tick]
    ).sort(key)
    true = metrics.read(windows.window(tick, INTERVAL)).frames["pod"].select(*key, value).sort(key)
    if stored.select(key).rows() != true.select(key).rows():
        return [f"tick {tick} holds {stored.height} containers, the world had {true.height}"]
    differ = (stored[value] - true[value]).abs().max()
    return [f"tick {tick} differs by {differ} s of CPU"] if isinstance(differ, float) and differ > 1e-6 else []
