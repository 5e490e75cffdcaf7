"""The loop that fills the warehouse."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from collectors import windows
from collectors.duty import Duty, end
from collectors.gaps import GapFiller, give_up
from collectors.latest import Latest
from collectors.sources.port import NOT_SAMPLED, InventorySource, MetricsSource, ProbeSource, ProbeTarget, Reading, SourceHealth
from collectors.standing import Standing
from collectors.takeover import Takeover
from collectors.warehouse import Warehouse
from models.domain import clock as clocks
from models.domain.clock import Clock
from models.domain.errors import PlatformError, Unavailable

FILL_EVERY = timedelta(minutes=1)
STOP_SECONDS = 1.5
MOST_LATENESS = timedelta(seconds=5)

log = logging.getLogger(__name__)


class Collector:
    """Reads every source each tick and keeps what it said.

    Metrics, inventory, probes and the filling of gaps each have a thread, so that a slow one delays no other. `lateness` is how
    long samples may take to arrive (default: what the source says, else a fifth of the interval, at most five seconds); `history`
    is how far before its first tick a metrics source is read, when it remembers. `tick` and `backfill` may be called at any time,
    also without `start`; nothing that a source does makes them raise: `health` says what is wrong.
    """

    def __init__(
        self,
        *,
        metrics: MetricsSource,
        inventory: InventorySource,
        warehouse: Warehouse,
        latest: Latest,
        clock: Clock,
        cluster: str = "default",
        interval: timedelta = timedelta(seconds=30),
        prober: ProbeSource | None = None,
        targets: Callable[[], Sequence[ProbeTarget]] = tuple,
        probe_interval: timedelta = timedelta(minutes=1),
        lateness: timedelta | None = None,
        history: timedelta = timedelta(0),
    ) -> None:
        self._metrics, self._inventory, self._prober = metrics, inventory, prober
        self._warehouse, self._latest, self._clock, self._cluster = warehouse, latest, clock, cluster
        self._interval, self._probe_interval, self._targets = interval, probe_interval, targets
        self._given_lateness = lateness
        began = clock.now()
        self._standing = {name: Standing(name, interval, began) for name in (metrics.name, inventory.name)}
        if prober is not None:
            self._standing[prober.name] = Standing(prober.name, probe_interval, began)
        self._locks = {name: threading.Lock() for name in (*self._standing, "fill")}
        self._halted = False
        self._duties: list[Duty] = []
        self._tried: datetime | None = None
        self._rows = 0
        self._takeover = Takeover(warehouse, cluster)
        self._filler = GapFiller(
            metrics,
            warehouse,
            cluster=cluster,
            interval=interval,
            lateness=lambda: self._lateness,
            history=history,
            halted=lambda: self._halted,
        )

    def start(self) -> None:
        """Collect from now on, in threads of its own; a second start changes nothing. The inventory is started by its owner."""
        if self._duties:
            return
        self._halted = False
        duties = [
            Duty("metrics", self._metrics_if_due, lambda now: windows.next_due(now, self._interval, self._lateness), self._clock),
            Duty("inventory", self._inventory_tick, lambda now: windows.floor(now, self._interval) + self._interval, self._clock),
            Duty("gaps", self.backfill, lambda now: windows.floor(now, FILL_EVERY) + FILL_EVERY, self._clock),
        ]
        if self._prober is not None:
            step = self._probe_interval
            duties.append(Duty("probes", self._probe_tick, lambda now: windows.floor(now, step) + step, self._clock))
        self._duties = duties
        for duty in duties:
            duty.start()

    def stop(self) -> None:
        """End within two seconds. A question that is still out is not waited for; its answer is thrown away."""
        self._halted = True
        duties, self._duties = self._duties, []
        if not end(duties, STOP_SECONDS):
            log.warning("collection: a source did not answer in time to end orderly; what it says is not stored")

    def tick(self, now: datetime) -> None:
        """Collect once: the newest window whose samples have arrived, what the inventory noticed, and the probes that are due."""
        self._metrics_tick(windows.newest_closed(now, self._interval, self._lateness).end)
        self._inventory_tick(now)
        self._probe_tick(now)

    def backfill(self, now: datetime) -> None:
        """Fill what is missing up to `now` as far as sources remember, and mark the rest as lost."""
        with self._locks["fill"]:
            try:
                problem = self._filler.fill(now, self._rows)
                self._standing[self._metrics.name].filling(problem)
                self._give_up(self._inventory.name, self._interval, now)
                if self._prober is not None:
                    self._give_up(self._prober.name, self._probe_interval, now)
            except PlatformError as error:
                self._standing[self._metrics.name].filling(str(error))

    def health(self) -> tuple[SourceHealth, ...]:
        """How collecting from each source goes: metrics, inventory, then probes."""
        found = []
        for name, standing in self._standing.items():
            found.append(standing.health(self._inventory.findings() if name == self._inventory.name else ()))
        return tuple(found)

    @property
    def _lateness(self) -> timedelta:
        if self._given_lateness is not None:
            return self._given_lateness
        own = getattr(self._metrics, "lateness", None)
        return own if isinstance(own, timedelta) else min(MOST_LATENESS, self._interval / 5)

    def _give_up(self, source: str, interval: timedelta, now: datetime) -> None:
        give_up(self._warehouse, source, self._cluster, interval, windows.floor(now, interval) - interval, lambda: self._halted)

    def _metrics_if_due(self, now: datetime) -> None:
        tick = windows.newest_closed(now, self._interval, self._lateness).end
        # after a start, or when the clock was set back, the tick may be there already
        if self._tried is None or tick < self._tried:
            self._tried = tick
            if self._stored(self._metrics.name, tick, self._interval):
                return
        self._tried = tick
        self._metrics_tick(tick)

    def _metrics_tick(self, tick: datetime) -> None:
        name = self._metrics.name

        def work() -> Reading | None:
            reading = self._metrics.read(windows.window(tick, self._interval))
            missed = next((f for f in reading.findings if f.code == NOT_SAMPLED), None)
            if missed is not None:
                raise Unavailable(missed.message)
            self._latest.update(name, tick, reading.frames)
            if self._halted_thread():
                return None
            self._rows = self._warehouse.append(tick, name, reading.frames, cluster=self._cluster)
            return reading

        self._run(name, tick, work)

    def _inventory_tick(self, now: datetime) -> None:
        name, tick = self._inventory.name, windows.floor(now, self._interval)

        def work() -> Reading | None:
            seen = self._inventory.snapshot()
            if seen.stale_since is not None:
                raise Unavailable(seen.trouble or f"The cluster has not been seen since {seen.stale_since:%Y-%m-%d %H:%M:%S} UTC.")
            # what is noticed after a tick was stored belongs to the next: storing it again would replace what it said
            if not self._stored(name, tick, self._interval):
                changes = self._inventory.changes(now)
                frames = self._takeover.news(changes.frames, seen, now)
                if self._halted_thread():
                    return None
                self._warehouse.append(tick, name, frames, cluster=self._cluster)
                self._inventory.acknowledge(changes)
                self._takeover.done(now)
            return Reading({})

        self._run(name, tick, work)

    def _probe_tick(self, now: datetime) -> None:
        prober = self._prober
        if prober is None:
            return
        tick = windows.floor(now, self._probe_interval)

        def work() -> Reading | None:
            if not self._stored(prober.name, tick, self._probe_interval):
                frame = prober.probe(self._targets(), now)
                if self._halted_thread():
                    return None
                self._warehouse.append(tick, prober.name, {"probe": frame}, cluster=self._cluster)
            return Reading({})

        self._run(prober.name, tick, work)

    def _run(self, name: str, tick: datetime, work: Callable[[], Reading | None]) -> None:
        """One collection of one source, alone; how it went is kept, whatever happens."""
        standing = self._standing[name]
        with self._locks[name]:
            began = clocks.stopwatch()
            try:
                reading = work()
            except PlatformError as error:
                standing.failed(self._clock.now(), clocks.stopwatch() - began, str(error))
            except Exception as error:
                if self._halted_thread():
                    return
                standing.failed(
                    self._clock.now(), clocks.stopwatch() - began, f"An error of the program: {type(error).__name__}: {error}"
                )
                log.exception("collection: %s failed", name)
            else:
                if reading is not None:
                    at, took = self._clock.now(), clocks.stopwatch() - began
                    if standing.succeeded(tick, at, took, reading.queries, reading.findings):
                        self._recovered()

    def _recovered(self) -> None:
        for duty in self._duties:
            if duty.name == "collect-gaps":
                duty.wake()

    def _halted_thread(self) -> bool:
        """Whether this is a thread that should have ended: the warehouse may be closed by now."""
        return self._halted and isinstance(threading.current_thread(), Duty)

    def _stored(self, source: str, tick: datetime, interval: timedelta) -> bool:
        return not self._warehouse.gaps(tick - interval, tick, interval.total_seconds(), source, cluster=self._cluster)
