"""What is measured on a pod: counters as integrals in closed form, gauges as functions of the instant.

A counter of a run is `phi(x) - phi(start)` and what its start costs, so any instant can be computed by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.world import chance
from models.world.chance import Floats
from models.world.curves import Personalities, Personality, settle
from models.world.timeline import Incarnation, Machine, Run, Slot

COUNTERS = (
    "cpu_usage_seconds_total",
    "cpu_cfs_periods_total",
    "cpu_cfs_throttled_periods_total",
    "network_receive_bytes_total",
    "network_transmit_bytes_total",
    "fs_reads_bytes_total",
    "fs_writes_bytes_total",
)
CPU, PERIODS, THROTTLED, RECEIVED, SENT, READ, WRITTEN = range(7)
_SANDBOX = (RECEIVED, SENT)
GAUGES = (
    "memory_working_set_bytes",
    "memory_rss_bytes",
    "cpu_request_cores",
    "cpu_limit_cores",
    "memory_request_bytes",
    "memory_limit_bytes",
    "ready",
)
LOADED = 30e6
"""Bytes that a start reads."""


class Knots:
    """A function of time that is computed at the multiples of `spacing` and straight in between.

    So an instant has the same value whichever others are asked for, and many instants cost few evaluations. The newest stretch is
    remembered: pods, nodes and windows ask for the same one.
    """

    def __init__(self, value: Callable[[Floats], Floats], spacing: float) -> None:
        self._value, self._spacing = value, spacing
        self._first, self._known = 0, np.empty(0)
        self._asked: tuple[float, float, int] | None = None
        self._answer = np.empty(0)

    def __call__(self, x: Floats) -> Floats:
        if not len(x):
            return np.empty(0)
        place = x / self._spacing
        knot = np.floor(place)
        share = place - knot
        if not share.any():
            return self._exactly(x)
        first, last = int(knot.min()), int(knot.max())
        if last - first > len(x) + 8:
            left, right = self._value(knot * self._spacing), self._value((knot + 1) * self._spacing)
        else:
            if first < self._first or last + 2 > self._first + len(self._known):
                known = self._value(np.arange(first, last + 2, dtype=np.float64) * self._spacing)
                if len(known) >= len(self._known) or len(known) > 64:
                    self._first, self._known = first, known
            else:
                known = self._known[first - self._first : last + 2 - self._first]
            at = (knot - first).astype(np.int64)
            left, right = known[at], known[at + 1]
        found: Floats = left + (right - left) * share
        return found

    def _exactly(self, x: Floats) -> Floats:
        """At knots only, such as the edges of windows."""
        asked = (float(x[0]), float(x[-1]), len(x))
        even = len(x) > 2 and asked[1] - asked[0] == (len(x) - 1) * float(x[1] - x[0])
        if not (even and asked == self._asked):
            answer = self._value(x)
            if not even:
                return answer
            self._asked, self._answer = asked, answer
        return self._answer.copy()


class Mind:
    """One slot's personality, asked one slot at a time."""

    def __init__(self, slot: Slot, midnight: float) -> None:
        self.person: Personality = slot.personality
        rows = self._rows = Personalities([slot.personality])
        self._slot, self._midnight = slot, midnight
        self._traffic = Knots(lambda at: rows.traffic(at[None, :])[0], 150.0)
        self._level = Knots(lambda at: rows.level(at[None, :])[0], 900.0)
        limited = slot.component.cpu_limit > 0
        self.known = np.array([True, limited, limited, True, True, True, True])
        self.start = np.array([self.person.cpu_start, 0, 0, 0, 0, LOADED, 0])[:, None]

    def traffic(self, x: Floats) -> Floats:
        """The integral of traffic; straight between knots, as its finest wandering is anyway, so it still grows."""
        return self._traffic(x)

    def level(self, x: Floats) -> Floats:
        return self._level(x)

    def office(self, x: Floats) -> Floats:
        total = np.zeros(len(x))
        for office in self._slot.offices:
            total += office.integral(x)
        return total

    def busy(self, x: Floats) -> Floats:
        """Whether it is a noisy neighbour now: 1 or 0."""
        total = np.zeros(len(x))
        for office in self._slot.offices:
            total = np.maximum(total, office.on(x))
        return total

    def phi(self, x: Floats) -> Floats:
        """A row of each of COUNTERS."""
        p = self.person
        traffic, office = self.traffic(x), self.office(x)
        cpu = p.cpu_idle * x + p.cpu_busy * traffic + p.noisy_cores * office
        if p.job_cores:
            cpu += p.job_cores * self._rows.job(x[None, :], self._midnight)[0]
        return np.stack(
            (
                cpu,
                6.0 * x + 1.6 * traffic,
                1.6 * p.throttled * traffic + 3.4 * office,
                p.received * traffic + 45.0 * x,
                p.sent * traffic + 30.0 * x,
                p.read * traffic,
                p.written * traffic + 60.0 * x,
            )
        )

    def cores(self, x: Floats) -> Floats:
        """CPU in use, smoothed."""
        p = self.person
        return p.cpu_idle + p.cpu_busy * np.maximum(0.0, self.level(x)) + p.noisy_cores * self.busy(x)

    def memory(self, x: Floats, age: Floats) -> Floats:
        """Working set of a run of that age, without any leak."""
        p = self.person
        drift = chance.wander(np.array([[p.key]], dtype=np.uint64) + np.uint64(77), x[None, :], 900.0)[0]
        warm = settle(age, 25.0) * (0.82 + 0.18 * settle(age, 6 * 3600.0))
        used: Floats = p.memory * warm * (1.0 + 0.07 * (self.level(x) - 1.0) + 0.05 * (drift - 0.5))
        return used


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of a pod as columns, and what they have counted."""

    start: Floats
    ready: Floats
    end: Floats
    power: NDArray[np.bool_]
    phi: Floats
    """At each start."""
    done: Floats
    """What the runs before this one counted, over the pod's life."""
    sandbox: NDArray[np.int64]
    """The run that began with the pod's present network."""
    leak: Floats
    """Rows: from, full, stops."""


class Meter:
    """Measures one pod. What it knows of the runs is renewed when the timeline has gone on."""

    def __init__(self, pod: Incarnation, mind: Mind) -> None:
        self.pod, self.mind = pod, mind
        self._mark: object = None
        self._runs: Runs | None = None

    def runs(self) -> Runs:
        rows = self.pod.runs
        mark = (len(rows), rows[-1].end, rows[-1].leak_from, rows[-1].leak_stops) if rows else ()
        if self._runs is None or mark != self._mark:
            self._runs, self._mark = self._collect(rows), mark
        return self._runs

    def _collect(self, rows: list[Run]) -> Runs:
        start = np.array([r.start for r in rows], dtype=np.float64)
        end = np.array([math.inf if r.end is None else r.end for r in rows], dtype=np.float64)
        phi = self.mind.phi(start)
        last = np.where(np.isfinite(end), end, start)
        counted = self._within(last, start, phi)
        done = np.concatenate((np.zeros((len(COUNTERS), 1)), np.cumsum(counted, 1)), 1)
        return Runs(
            start=start,
            ready=np.array([r.ready for r in rows], dtype=np.float64),
            end=end,
            power=np.array([r.reason == "power" for r in rows], dtype=np.bool_),
            phi=phi,
            done=done,
            sandbox=np.searchsorted(start, np.array([r.sandbox for r in rows], dtype=np.float64)),
            leak=np.array(
                [
                    (
                        math.inf if r.leak_from is None else r.leak_from,
                        math.inf if r.leak_from is None else r.leak_full,
                        math.inf if r.leak_stops is None else r.leak_stops,
                    )
                    for r in rows
                ],
                dtype=np.float64,
            ).reshape(len(rows), 3),
        )

    def _within(self, x: Floats, start: Floats, phi: Floats) -> Floats:
        """What runs that began at `start` have counted at `x`."""
        return self.mind.phi(x) - phi + self.mind.start * settle(x - start, 20.0)

    def life(self, x: Floats) -> tuple[Floats, NDArray[np.int64]]:
        """What the pod has counted in all its runs, and the newest run at each instant (-1: none yet)."""
        runs = self.runs()
        if not len(runs.start):
            return np.zeros((len(COUNTERS), len(x))), np.full(len(x), -1)
        found = np.searchsorted(runs.start, x, "right") - 1
        at = np.maximum(found, 0)
        inside = np.clip(x, runs.start[at], runs.end[at])
        return runs.done[:, at] + self._within(inside, runs.start[at], runs.phi[:, at]), found

    def counters(self, x: Floats) -> tuple[Floats, NDArray[np.int64], NDArray[np.bool_]]:
        """The counters as they are read at `x`, the newest run, and whether it is running."""
        runs = self.runs()
        life, found = self.life(x)
        if not len(runs.start):
            return np.full_like(life, math.nan), found, np.zeros(len(x), dtype=np.bool_)
        at = np.maximum(found, 0)
        running = (found >= 0) & (x < runs.end[at])
        powered = (found >= 0) & (running | ~runs.power[at])
        value = life - runs.done[:, at]
        for row in _SANDBOX:
            value[row] = np.where(powered, life[row] - runs.done[row, runs.sandbox[at]], math.nan)
        value = counted(value)
        single = [row for row in range(len(COUNTERS)) if row not in _SANDBOX]
        value[single] = np.where(running, value[single], math.nan)
        value[~self.mind.known] = math.nan
        return value, found, running

    def memory(self, x: Floats, found: NDArray[np.int64], running: NDArray[np.bool_]) -> Floats:
        runs = self.runs()
        if not len(runs.start):
            return np.full(len(x), math.nan)
        at = np.maximum(found, 0)
        used = self.mind.memory(x, x - runs.start[at])
        if np.isfinite(runs.leak[:, 0]).any():
            since, full, stops = (runs.leak[at, i] for i in range(3))
            with np.errstate(invalid="ignore"):
                share = np.where(x > since, (np.minimum(x, stops) - since) / (full - since), 0.0)
            used = used + (0.985 * self.mind.person.memory_limit - used) * np.clip(share, 0.0, 1.0)
        return np.where(running, used, math.nan)

    def ready(self, x: Floats, found: NDArray[np.int64], machine: Machine | None) -> Floats:
        """1 or 0, as the API says: `models.world.view.ready_run` for many instants."""
        runs = self.runs()
        if not len(runs.start) or machine is None:
            return np.zeros(len(x))
        at = np.maximum(found, 0)
        reached = (found >= 0) & (runs.ready[at] <= np.minimum(x, runs.end[at]))
        stays = (x < runs.end[at]) | runs.power[at]
        return (reached & stays & node_ready(machine, x)).astype(np.float64)

    def read(self, x: Floats, machine: Machine | None) -> dict[str, Floats]:
        """All columns of an entity `pod` at `x`, all within the pod's time."""
        value, found, running = self.counters(x)
        columns = dict(zip(COUNTERS, value, strict=True))
        columns["restarts_total"] = np.maximum(found, 0).astype(np.float64)
        return columns | self.gauges(x, found, running, machine)

    def gauges(self, x: Floats, found: NDArray[np.int64], running: NDArray[np.bool_], machine: Machine | None) -> dict[str, Floats]:
        used = self.memory(x, found, running)
        part = self.pod.slot.component
        asked: Mapping[str, float] = {
            "cpu_request_cores": part.cpu,
            "cpu_limit_cores": part.cpu_limit or math.nan,
            "memory_request_bytes": float(part.request.memory),
            "memory_limit_bytes": float(part.limit.memory),
        }
        columns = {name: np.full(len(x), value) for name, value in asked.items()}
        columns["memory_working_set_bytes"] = pages(used)
        columns["memory_rss_bytes"] = pages(used * self.mind.person.rss)
        columns["ready"] = self.ready(x, found, machine)
        return columns


def counted(value: Floats) -> Floats:
    """Rows of COUNTERS as they are told: whole microseconds of CPU, everything else in whole numbers."""
    whole = np.floor(value)
    whole[CPU] = np.floor(value[CPU] * 1e6) / 1e6
    return whole


def pages(value: Floats) -> Floats:
    """Bytes in whole pages, as the kernel counts them."""
    whole: Floats = np.floor(value / 4096.0) * 4096.0
    return whole


def node_ready(machine: Machine, x: Floats) -> NDArray[np.bool_]:
    """Whether the control plane calls the machine ready."""
    since = np.array([at for at, _, _ in machine.conditions])
    state = np.array([ready is True for _, ready, _ in machine.conditions])
    found: NDArray[np.bool_] = state[np.maximum(0, np.searchsorted(since, x, "right") - 1)]
    return found
