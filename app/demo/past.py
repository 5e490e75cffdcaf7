"""The demo's history: what the simulated world did, written into the warehouse as if it had been collected."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise, zip_longest

import numpy as np
import polars as pl

from app.demo.blocks import entity_blocks
from collectors import windows
from collectors.entities import ENTITIES
from collectors.sources.port import ProbeTarget
from collectors.sources.simulated import (
    SimulatedInventory,
    SimulatedMetrics,
    SimulatedProber,
    change_frames,
    probe_rows,
    times,
)
from collectors.warehouse import Blocks, Warehouse
from models.world import view
from models.world.state import HISTORY
from models.world.world import World

FIVE = timedelta(minutes=5)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WINDOWS_AT_ONCE = timedelta(days=38)
RAW_AT_ONCE = timedelta(days=3)
"""Bounds the memory: of these one is stored at a time, and `AHEAD` are computed."""
AHEAD = 2
HOURLY = ("volume", "filesystem")
"""These fill over weeks: before the raw time one window an hour tells it all."""
SLOW = (*HOURLY, "ingress")
"""Of these only the last day is kept tick by tick, their windows for the whole time: the load would take twice as long."""
UNROLLED = timedelta(hours=3)
SPARSE = timedelta(minutes=10)
"""Time between two looks at the inventory before the raw time, and between two probes of an address before the last days."""
PROBED = timedelta(days=3)

Made = tuple[Mapping[str, pl.DataFrame | Blocks], Sequence[datetime] | None, Mapping[str, Blocks] | None]
"""Frames, ticks and windows as `Warehouse.bulk_load` takes them."""
Told = Callable[[float], None]
"""Told the share that is done."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What is written at once. `size` weighs it against the others."""

    source: str
    size: float
    make: Callable[[], Made]


@dataclass(frozen=True, slots=True)
class Past:
    """The time from `since` to `upto`; raw from `raw` on. Both follow from the world, so that a killed load can be completed."""

    world: World
    cluster: str
    interval: timedelta
    probe_interval: timedelta
    targets: Sequence[ProbeTarget]
    since: datetime
    raw: datetime
    upto: datetime

    def units(self, warehouse: Warehouse) -> Iterator[Unit]:
        """What is still missing in the warehouse, oldest first for each source."""
        yield from self._probes(warehouse)  # soon computed: there is something to store at once
        yield from self._inventory(warehouse)
        yield from self._metrics(warehouse)

    def _metrics(self, warehouse: Warehouse) -> Iterator[Unit]:
        source = SimulatedMetrics.name
        rolled = _newest(warehouse, "SELECT max(t) AS t FROM pod_5m WHERE cluster = ? AND source = ?", self.cluster, source)
        for a, b in self._window_spans(max(self.since, rolled or self.since)):
            yield Unit(source, (b - a) / FIVE, partial(self._only_windows, a, b))
        known = self._newest_tick(warehouse, source)
        for a, b, whole in self._raw_spans(max(self.raw, known or self.raw)):
            yield Unit(source, (b - a) / self.interval, partial(self._samples, a, b, whole))

    @property
    def _dense(self) -> datetime:
        """From when on inventory and probes are as frequent as they will be: a day has one frequency."""
        return max(self.since, windows.floor(self.raw, DAY))

    def _newest_tick(self, warehouse: Warehouse, source: str) -> datetime | None:
        return _newest(warehouse, "SELECT max(tick) AS t FROM tick WHERE cluster = ? AND source = ?", self.cluster, source)

    def _raw_spans(self, start: datetime) -> Iterator[tuple[datetime, datetime, bool]]:
        """Spans of ticks, and whether they are whole hours in which everything was sampled: those bring their windows with them.

        The windows of the others, the last hours among them, are computed by the roll-up.
        """
        hours_end = max(start, windows.floor(self.upto - UNROLLED, HOUR))
        holes = self._holes()
        edges = {start, min(hours_end, _ceil(start, HOUR)), hours_end, self.upto}
        edges |= {b for _, b in _spans(start, hours_end, RAW_AT_ONCE)} | {max(start, windows.floor(self.upto - DAY, HOUR))}
        edges |= {edge for hole in holes for edge in hole if start < edge < hours_end}
        for a, b in pairwise(sorted(edges)):
            whole = b <= hours_end and a == windows.floor(a, HOUR) and not any(a < end and since < b for since, end in holes)
            yield a, b, whole

    def _window_spans(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Spans of windows before the raw time, without the hours in which samples were lost."""
        holes = [(a, b) for a, b in self._holes() if a < self.raw and b > start]
        edges = {start, self.raw, *(b for _, b in _spans(start, self.raw, WINDOWS_AT_ONCE))}
        edges |= {edge for hole in holes for edge in hole if start < edge < self.raw}
        for a, b in pairwise(sorted(edges)):
            if a < self.raw and not any(a < end and since < b for since, end in holes):
                yield a, b

    def _holes(self) -> list[tuple[datetime, datetime]]:
        """Whole hours around each time in which samples were lost."""
        spans = [[view.instant(x, self.world.epoch) for x in span] for span in self.world.lost if span[1] < math.inf]
        return [(windows.floor(a, HOUR), _ceil(b, HOUR) + HOUR) for a, b in spans]

    def _only_windows(self, a: datetime, b: datetime) -> Made:
        return {}, None, self._windows(a, b)

    def _windows(self, a: datetime, b: datetime) -> Mapping[str, Blocks]:
        ends = _grid(a, b, FIVE)
        each = {name: ends[11::12] if name in HOURLY and b <= self.raw else ends for name in ENTITIES}
        return {name: entity_blocks(name, self.world.windows(name, at)) for name, at in each.items()}

    def _samples(self, a: datetime, b: datetime, whole: bool) -> Made:
        ends = _grid(a, b, self.interval)
        slow = whole and b <= self.upto - DAY
        names = [name for name in ENTITIES if not (slow and name in SLOW)]
        frames = {name: entity_blocks(name, self.world.samples(name, ends, self.interval.total_seconds())) for name in names}
        # a tick whose whole interval was lost was no collection: it stays a gap
        lost = np.zeros(len(ends), dtype=np.bool_)
        for start, end in self.world.lost:
            x = ends - self.world.origin
            lost |= (x - self.interval.total_seconds() >= start) & (x <= end)
        return frames, [datetime.fromtimestamp(t, UTC) for t in ends[~lost]], self._windows(a, b) if whole else None

    def _inventory(self, warehouse: Warehouse) -> Iterator[Unit]:
        """One unit of everything that happened, and that somebody looked at each raw tick."""
        source = SimulatedInventory.name
        known = self._newest_tick(warehouse, source)
        upto = windows.floor(self.upto, self.interval)
        since = max(self.since, known or self.since)
        if since >= upto:
            return

        def make() -> Made:
            dense = max(since, self._dense)
            ticks = np.concatenate((_grid(since, dense, SPARSE), _grid(dense, upto, self.interval)))
            frames = {}
            for name, frame in change_frames(self.world, since, upto, whole=known is None).items():
                at = frame["ts"].dt.epoch("us").to_numpy() / 1e6
                told = ticks[np.minimum(np.searchsorted(ticks, at), len(ticks) - 1)]
                frames[name] = frame.with_columns(times(told).alias("tick"))
            return frames, [datetime.fromtimestamp(t, UTC) for t in ticks], None

        yield Unit(source, 4000.0, make)

    def _probes(self, warehouse: Warehouse) -> Iterator[Unit]:
        source = SimulatedProber.name
        known = self._newest_tick(warehouse, source)
        start = max(self.since, known or self.since)
        dense = max(self._dense, windows.floor(self.upto, DAY) - PROBED)
        spans = [(a, b, SPARSE) for a, b in _spans(start, dense, 120 * DAY)]
        spans += [
            (a, b, self.probe_interval)
            for a, b in _spans(max(start, dense), windows.floor(self.upto, self.probe_interval), 15 * DAY)
        ]
        for a, b, step in spans:
            yield Unit(source, (b - a) / step / 4, partial(self._probed, a, b, step))

    def _probed(self, a: datetime, b: datetime, step: timedelta) -> Made:
        at = _grid(a, b, step)
        born = {name: created + self.world.origin for name, (created, _) in self.world.timeline.namespaces.items()}
        frames = []
        for target in self.targets:
            here = at[at > born.get(target.namespace, np.inf)]
            if len(here):
                frames.append(probe_rows(self.world, target, here))
        ticks = [datetime.fromtimestamp(t, UTC) for t in at]
        return ({"probe": pl.concat(frames).with_columns(pl.col("ts").alias("tick"))} if frames else {}), ticks, None


def plan(
    world: World,
    *,
    cluster: str,
    interval: timedelta,
    probe_interval: timedelta,
    targets: Sequence[ProbeTarget],
    upto: datetime,
    days: float,
    raw_days: float,
) -> Past:
    """The last `days` of the world's own history, and what came since; tick by tick from the last `raw_days` of it on."""
    end = world.epoch + HISTORY
    since = max(world.epoch, windows.floor(end - timedelta(days=days), HOUR))
    raw = max(since, windows.floor(end - timedelta(days=raw_days), DAY if raw_days >= 1 else HOUR))
    return Past(world, cluster, interval, probe_interval, targets, since, raw, windows.floor(upto, interval))


def write(past: Past, warehouse: Warehouse, told: Told) -> None:
    """Bring the whole of it into the warehouse, in one transaction: a killed call leaves nothing of what it would have written."""
    units = list(past.units(warehouse))
    whole = sum(unit.size for unit in units) * 1.15 or 1.0

    def loads() -> None:
        done = 0.0
        with ThreadPoolExecutor(1, "demo") as pool:  # the next units are computed while DuckDB writes this one
            ahead = deque(pool.submit(unit.make) for unit in units[:AHEAD])
            for unit, following in zip_longest(units, units[AHEAD:]):
                frames, ticks, rolled = ahead.popleft().result()
                if following is not None:
                    ahead.append(pool.submit(following.make))
                warehouse.bulk_load(unit.source, frames, ticks=ticks, windows=rolled, cluster=past.cluster)
                done += unit.size
                told(done / whole)

    warehouse.bulk_loads(loads)
    warehouse.rollup(past.upto - 2 * past.interval)


def _newest(warehouse: Warehouse, sql: str, *params: str) -> datetime | None:
    found = warehouse.query(sql, list(params))["t"].item()
    if not isinstance(found, datetime):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _grid(a: datetime, b: datetime, step: timedelta) -> np.ndarray:
    """The grid's points in (a, b]."""
    count = int((b - a) / step)
    return a.timestamp() + step.total_seconds() * np.arange(1, count + 1)


def _ceil(at: datetime, step: timedelta) -> datetime:
    below = windows.floor(at, step)
    return below if below == at else below + step


def _spans(a: datetime, b: datetime, longest: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """(a, b] in pieces that end on multiples of `longest`."""
    while a < b:
        end = min(b, windows.floor(a, longest) + longest)
        yield a, end
        a = end


def anything(warehouse: Warehouse, cluster: str) -> bool:
    """Whether something of the simulated world is in the warehouse."""
    return bool(warehouse.query("SELECT count(*) AS n FROM tick WHERE cluster = ?", [cluster])["n"].item()) or bool(
        warehouse.query("SELECT count(*) AS n FROM (SELECT 1 FROM pod_5m WHERE cluster = ? LIMIT 1)", [cluster])["n"].item()
    )
