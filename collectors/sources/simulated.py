"""The simulated world behind the ports of the live sources."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl

from collectors.entities import ENTITIES, PROBE
from collectors.frames import entity_frame, record_schema
from collectors.sources.kubernetes_changes import ChangeLog
from collectors.sources.port import NOT_SAMPLED, Changes, Finding, LogLine, ProbeTarget, QueryReport, Reading, Severity, Window
from models.domain.clock import Clock, stopwatch
from models.domain.cluster import Event, Node, Pod, Snapshot
from models.domain.errors import NotFound, Unavailable
from models.world import chatter
from models.world.faults import Fault, Kind
from models.world.file import WorldFile, open_world
from models.world.table import Table
from models.world.world import World

__all__ = ["SimulatedInventory", "SimulatedLogs", "SimulatedMetrics", "SimulatedProber", "WorldFile", "entity_rows", "open_world"]

RETENTION = timedelta(days=14)
"""How far back the simulated Prometheus can be read."""
TIMES = ("tick", "ts", "t")
"""Columns of the world's tables that are times of the rows."""
MOST_AT_ONCE = 480
"""Windows that are computed together."""


def times(seconds: np.ndarray) -> pl.Series:
    """Seconds since 1970 as aware times; NaN is not known."""
    known = np.isfinite(seconds)
    column = pl.Series(micros(np.where(known, seconds, 0.0))).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return column if known.all() else column.to_frame("t").select(pl.when(pl.Series(known)).then("t")).to_series()


def entity_rows(entity: str, table: Table) -> pl.DataFrame:
    """A table of the world as a frame by the entity's columns, with `tick` or what windows have beside them."""
    dated = moments(entity)
    known = things(entity, table)
    described = known[table.index] if table.things else known
    columns = []
    for name, values in table.numbers.items():
        if name in TIMES or name in dated:
            columns.append(times(values).alias(name))
        else:
            columns.append(pl.Series(name, values).fill_nan(None))
    return pl.concat([pl.DataFrame(columns), described], how="horizontal")


def moments(entity: str) -> set[str]:
    """Facts that are times."""
    return {c.name for c in ENTITIES[entity].facts if c.unit == "time"}


def things(entity: str, table: Table) -> pl.DataFrame:
    """Key and facts of each thing of the table."""
    wanted, dated = ENTITIES[entity], moments(entity)
    words = [c.name for c in wanted.key + wanted.facts if c.name not in dated]
    facts: dict[str, pl.Series] = {
        name: pl.Series(name, [str(t.get(name, "")) for t in table.things], pl.String()) for name in words
    }
    for name in dated & set(table.things[0] if table.things else ()):
        facts[name] = times(np.array([float(t[name]) for t in table.things])).alias(name)
    return pl.DataFrame(facts)


def micros(seconds: np.ndarray) -> np.ndarray:
    """Seconds since 1970 as whole microseconds."""
    return np.round(seconds * 1e6).astype(np.int64)


class SimulatedMetrics:
    """What Prometheus would know. Signs `MetricsSource` and `ChunkedMetricsSource`."""

    name = "simulated"

    def __init__(self, world: WorldFile, clock: Clock) -> None:
        self._world, self._clock = world, clock

    def read(self, window: Window) -> Reading:
        """All samples of the window; Unavailable while Prometheus is down."""
        return next(iter(self.read_many([window])))[1]

    def read_many(self, windows: Sequence[Window]) -> Iterator[tuple[Window, Reading]]:
        """Adjoining windows of one length are computed together."""
        for run in _runs(windows):
            world = self._world.world
            down = world.active(Kind.PROMETHEUS_DOWN, self._clock.now())
            if down is not None:
                raise Unavailable(
                    f"The simulated Prometheus has not answered since {down.start:%Y-%m-%d %H:%M:%S} UTC: the fault "
                    f"{down.kind} is on. What it scrapes meanwhile can be read when the fault is ended."
                )
            frames, reports = self._frames(world, run)
            for window in run:
                found = {name: entity_frame(ENTITIES[name], by_tick.get((window.end,))) for name, by_tick in frames.items()}
                yield window, Reading(found, reports if window is run[0] else (), _unsampled(world, window))

    def _frames(
        self, world: World, run: Sequence[Window]
    ) -> tuple[dict[str, dict[tuple[object, ...], pl.DataFrame]], list[QueryReport]]:
        ends = np.array([window.end.timestamp() for window in run])
        frames, reports = {}, []
        for name in ENTITIES:
            began = stopwatch()
            rows = entity_rows(name, world.samples(name, ends, run[0].seconds))
            frames[name] = rows.partition_by("tick", as_dict=True) if len(rows) else {}
            reports.append(QueryReport(name, stopwatch() - began, math.ceil(len(rows) / len(run))))
        return frames, reports

    def oldest(self) -> datetime | None:
        return max(self._world.world.epoch, self._clock.now() - RETENTION)


def _runs(windows: Sequence[Window]) -> Iterator[Sequence[Window]]:
    """Split into runs of adjoining windows of one length, none of them too long to compute at once."""
    start = 0
    for at, (before, after) in enumerate(pairwise(windows), start=1):
        if after.start != before.end or after.seconds != before.seconds or at - start >= MOST_AT_ONCE:
            yield windows[start:at]
            start = at
    if start < len(windows):
        yield windows[start:]


def _unsampled(world: World, window: Window) -> Sequence[Finding]:
    lost = [f for f in world.faults if f.kind is Kind.SAMPLES_LOST]
    if any(f.start <= window.start and (f.end is None or window.end <= f.end) for f in lost):
        return (
            Finding(
                NOT_SAMPLED, Severity.WARNING, f"Nothing was scraped between {window.start:%H:%M:%S} and {window.end:%H:%M:%S} UTC."
            ),
        )
    return ()


class SimulatedInventory:
    """What the Kubernetes API would know. Signs `InventorySource`.

    How far changes were acknowledged is kept beside the world, so that what happened while nobody looked is told afterwards.
    """

    name = "simulated-cluster"

    def __init__(self, world: WorldFile, clock: Clock, cluster: str = "default") -> None:
        self._world, self._clock, self._cluster = world, clock, cluster
        self._started: datetime | None = None
        self._handed: dict[datetime, datetime] = {}

    def start(self) -> None:
        """Begin to watch; a second start changes nothing."""
        self._started = self._started or self._clock.now()

    def stop(self) -> None:
        self._started = None

    def snapshot(self) -> Snapshot:
        """The cluster now; while the API is down, as it was when it was last seen."""
        if self._started is None:
            raise Unavailable("The simulated inventory has not been started.")
        world, now = self._world.world, self._clock.now()
        down = world.active(Kind.API_DOWN, now)
        if down is None:
            return world.snapshot(now, self._cluster)
        if down.start <= self._started:
            raise Unavailable(_silent(down))
        known = world.snapshot(down.start, self._cluster)
        return _stale(known, down)

    def version(self) -> Hashable:
        """The world: a fault that is ordered or ended makes another one, an order through its API takes it on."""
        world = self._world.world
        return world, world.taken, self._started

    def changes(self, now: datetime) -> Changes:
        """What happened since it was last acknowledged; while the API is down nothing of that time."""
        world = self._world.world
        down = world.active(Kind.API_DOWN, now)
        upto = now if down is None else down.start
        seen = self._world.seen
        whole = seen is None
        since = upto if seen is None else min(seen, upto)
        self._handed[now] = upto
        return Changes(change_frames(world, since, upto, whole=whole), now)

    def acknowledge(self, changes: Changes) -> None:
        upto = self._handed.pop(changes.upto, None)
        self._handed = {}
        if upto is not None:
            self._world.see(upto)

    def resync(self) -> None:
        """Nothing to do: every answer is computed anew."""

    def findings(self) -> Sequence[Finding]:
        down = self._world.world.active(Kind.API_DOWN, self._clock.now())
        return () if down is None else (Finding("failing_pods", Severity.WARNING, _silent(down)),)


def _silent(down: Fault) -> str:
    return (
        f"The simulated Kubernetes API has not answered since {down.start:%Y-%m-%d %H:%M:%S} UTC: the fault {down.kind} is on. "
        "It will be tried again."
    )


def _stale(known: Snapshot, down: Fault) -> Snapshot:
    return Snapshot(
        cluster=known.cluster,
        as_of=down.start,
        nodes=known.nodes,
        pods=known.pods,
        workloads=known.workloads,
        claims=known.claims,
        namespaces=known.namespaces,
        quotas=known.quotas,
        events=known.events,
        addresses=known.addresses,
        stale_since=down.start,
        trouble=_silent(down),
    )


class _Moment:
    """A clock that stands where the change that is written down happened."""

    def __init__(self) -> None:
        self.at = datetime(1970, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


def change_frames(world: World, since: datetime, upto: datetime, *, whole: bool = False) -> Mapping[str, pl.DataFrame]:
    """Events and changes of state in (since, upto], written down as the live inventory does it, at the time they happened."""
    moment = _Moment()
    log = ChangeLog(moment, limit=10_000_000)
    for change in world.changes(since, upto, whole=whole):
        moment.at = change.at
        match change.now or change.before:
            case Pod():
                log.pod(_pod(change.before), _pod(change.now))
            case Node():
                log.node(_node(change.before), _node(change.now))
            case Event() as event:
                log.event(None, event)
    return log.take(upto).frames


def _pod(thing: object) -> Pod | None:
    return thing if isinstance(thing, Pod) else None


def _node(thing: object) -> Node | None:
    return thing if isinstance(thing, Node) else None


class SimulatedProber:
    """What somebody outside would see of the apps' addresses. Signs `ProbeSource`."""

    name = "prober"

    def __init__(self, world: WorldFile, clock: Clock) -> None:
        self._world, self._clock = world, clock

    def probe(self, targets: Sequence[ProbeTarget], now: datetime) -> pl.DataFrame:
        """One row per target; an address that leads to no app of the world is down."""
        at = np.array([now.timestamp()])
        frames = [probe_rows(self._world.world, target, at) for target in targets]
        return pl.concat(frames) if frames else pl.DataFrame(schema=record_schema(PROBE))


def probe_rows(world: World, target: ProbeTarget, at: np.ndarray) -> pl.DataFrame:
    """One row per instant (seconds since 1970)."""
    schema = record_schema(PROBE)
    reached = world.reach(target.namespace, target.address, at)
    named = np.zeros(len(at), dtype=np.bool_) if reached is None else reached[0] > 0.5
    good = named if reached is None else reached[1] > 0.5
    latency = np.zeros(len(at)) if reached is None else reached[2]
    status = pl.when("named").then(pl.lit(503)).otherwise(pl.lit(None if reached is None else 404))
    nowhere = (
        f"No app of the simulated cluster is in the namespace {target.namespace}."
        if reached is None
        else f"404 Not Found: no Ingress in the namespace {target.namespace} names this address."
    )
    why = pl.when("named").then(pl.lit("503 Service Unavailable: no pod is ready.")).otherwise(pl.lit(nowhere))
    expires = _renewed(at, world.origin) if target.address.startswith("https://") else np.full(len(at), math.nan)
    columns = {"latency_seconds": pl.Series(latency), "up": pl.Series(good), "named": pl.Series(named)}
    frame = pl.DataFrame({"ts": times(at), "certificate_expires_at": times(expires), **columns})
    return frame.with_columns(
        pl.lit(target.namespace).alias("namespace"),
        pl.lit(target.address).alias("address"),
        pl.when("up").then(pl.lit("up")).otherwise(pl.lit("down")).alias("outcome"),
        pl.when("up").then(pl.lit(200)).otherwise(status).alias("status"),
        pl.when("up").then("latency_seconds").otherwise(pl.lit(None if reached is None else 0.004)).alias("latency_seconds"),
        pl.when("up").then(pl.lit("")).otherwise(why).alias("reason"),
    ).select(pl.col(name).cast(kind) for name, kind in schema.items())


def _renewed(at: np.ndarray, origin: float) -> np.ndarray:
    """End of a certificate that is good for 90 days and renewed after 60."""
    ends: np.ndarray = origin + np.floor((at - origin) / (60 * 86400.0)) * 60 * 86400.0 + 90 * 86400.0
    return ends


class SimulatedLogs:
    """Signs `LogSource` over the simulated world."""

    def __init__(self, world: WorldFile, clock: Clock) -> None:
        self._world, self._clock = world, clock

    def read(
        self, namespace: str, pod: str, container: str, *, lines: int, previous: bool = False, since: datetime | None = None
    ) -> Sequence[LogLine]:
        world, now = self._world.world, self._clock.now()
        if (down := world.active(Kind.API_DOWN, now)) is not None:
            raise Unavailable(_silent(down))
        found = next((one for one in world.snapshot(now).pods.values() if (one.namespace, one.name) == (namespace, pod)), None)
        named = next((one for one in found.containers if one.name == container), None) if found is not None else None
        if found is None or named is None or (named.started_at is None and not previous):
            raise NotFound(f"There is no log of {pod} now: nothing was written yet.")
        if previous and named.last_finished_at is None:
            raise NotFound(f"There is no log of {pod} now: {container} ran only once.")
        said = chatter.written(found, named, seed=world.seed, now=now, lines=lines, previous=previous)
        return [LogLine(at, text) for at, text in said if since is None or at > since]
