"""How load and memory move: sums of sines and wandering values, integrated in closed form.

Time `x` is in seconds since the world's epoch (negative before it). A rate and its integral are given separately and agree, so a
counter at any instant needs no sum over the past. Rows are components, columns are instants.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from models.world import chance
from models.world.chance import Floats, Keys

DAY = 86400.0
ZONE = 7 * 3600.0
"""The customers live in Jakarta's time (UTC+7, no summer time)."""
PERIODS = np.array([DAY, DAY / 2, 7 * DAY, 3.5 * DAY, 1200 * DAY])
"""Day and its second harmonic, week and its second harmonic, and slow growth, which levels off after 300 days."""
_OMEGA = 2 * np.pi / PERIODS
_WANDER = ((150.0, 0.06), (900.0, 0.12), (5400.0, 0.08))
"""Spacing in seconds, and the largest part of the mean rate that it adds or takes."""


def _column(values: list[float]) -> Floats:
    return np.array(values, dtype=np.float64)[:, None]


@dataclass(frozen=True, slots=True)
class Personality:
    """How one component behaves; drawn once, from its name."""

    key: int
    amplitude: tuple[float, ...]
    phase: tuple[float, ...]
    cpu_idle: float
    """Cores that it takes without any visitor."""
    cpu_busy: float
    """Cores that its mean traffic adds."""
    cpu_start: float
    """Core seconds that a start costs."""
    job_cores: float
    job_second: float
    """Second of the UTC day at which its nightly job starts."""
    job_seconds: float
    noisy_cores: float
    """Cores that it adds while it is a noisy neighbour."""
    received: float
    """Bytes per second at mean traffic."""
    sent: float
    read: float
    written: float
    memory: float
    """Bytes of working set, warm."""
    memory_limit: float
    rss: float
    """Share of the working set that is anonymous."""
    throttled: float
    """Share of periods in which the limit stops it, at mean traffic."""
    requests: float
    """HTTP requests per second at mean traffic."""
    latency: float
    """Seconds per request."""
    fades_at: float
    """From when on nobody uses it."""


class Personalities:
    """The personalities of many components as columns of numbers."""

    def __init__(self, rows: list[Personality]) -> None:
        self.count = len(rows)
        self.keys: Keys = np.array([p.key for p in rows], dtype=np.uint64)[:, None]
        self.amplitude = np.array([p.amplitude for p in rows], dtype=np.float64).reshape(len(rows), len(PERIODS))
        self.phase = np.array([p.phase for p in rows], dtype=np.float64).reshape(len(rows), len(PERIODS))
        plain = [f.name for f in fields(Personality) if f.name not in ("key", "amplitude", "phase")]
        self._values = {name: _column([getattr(p, name) for p in rows]) for name in plain}
        self._fading = np.flatnonzero(np.isfinite(self._values["fades_at"][:, 0]))

    def __getitem__(self, name: str) -> Floats:
        """One number of each component, as a column."""
        return self._values[name]

    def traffic(self, x: Floats) -> Floats:
        """The integral of traffic, in seconds at the mean rate; it grows with `x` everywhere."""
        whole = self._traffic(x, slice(None))
        if len(self._fading):
            rows = self._fading
            here = np.broadcast_to(x, (self.count, x.shape[1]))[rows]
            before = self._traffic(np.minimum(here, self["fades_at"][rows]), rows)
            whole[rows] = before + 0.01 * (whole[rows] - before)
        return whole

    def _traffic(self, x: Floats, rows: slice | np.ndarray) -> Floats:
        keys, amplitude, phase = self.keys[rows], self.amplitude[rows], self.phase[rows]
        total = np.repeat(x, len(keys), 0) if x.shape[0] == 1 else x.copy()
        for k, omega in enumerate(_OMEGA):
            total -= amplitude[:, k, None] / omega * np.cos(omega * x + phase[:, k, None])
        for octave, (spacing, most) in enumerate(_WANDER):
            total += most * spacing * chance.wander(keys + np.uint64(octave + 1), x, spacing)
        return total

    def level(self, x: Floats) -> Floats:
        """Traffic against its mean, without the wandering; for memory."""
        value = np.ones((self.count, x.shape[1]))
        for k, omega in enumerate(_OMEGA):
            value += self.amplitude[:, k, None] * np.sin(omega * x + self.phase[:, k, None])
        return np.where(x > self["fades_at"], 0.01, value)

    def job(self, x: Floats, midnight: float) -> Floats:
        """Seconds that the nightly jobs have run; `midnight` is the second of the UTC day at which x is zero."""
        return daily(x + midnight - self["job_second"], self["job_seconds"])


def daily(x: Floats, seconds: Floats | float) -> Floats:
    """The integral of a rate that is 1 for the first `seconds` of each day of `x` and 0 for the rest."""
    day = np.floor(x / DAY)
    return day * seconds + np.minimum(x - day * DAY, seconds)


@dataclass(frozen=True, slots=True)
class Office:
    """A rate of 1 between two hours of the customers' day within [start, end), else 0: when a noisy neighbour is noisy."""

    start: float
    end: float
    midnight: float
    opens: float = 8 * 3600.0
    closes: float = 22 * 3600.0

    def integral(self, x: Floats) -> Floats:
        shift = self.midnight + ZONE - self.opens
        edge = np.array([self.start])
        begin = daily(edge + shift, self.closes - self.opens)
        return daily(np.clip(x, self.start, self.end) + shift, self.closes - self.opens) - begin

    def hours(self, until: float) -> tuple[Floats, Floats]:
        """From when to when it is on, for each day that began before `until`."""
        last = min(self.end, until)
        if last <= self.start:
            return np.empty(0), np.empty(0)
        first = math.floor((self.start + self.midnight + ZONE) / DAY) * DAY - self.midnight - ZONE
        days = np.arange(first, last, DAY)
        opens, closes = np.maximum(days + self.opens, self.start), np.minimum(days + self.closes, self.end)
        there = (opens < closes) & (opens < last)
        return opens[there], closes[there]

    def on(self, x: Floats) -> Floats:
        """1 while it is on, else 0."""
        clock = np.mod(x + self.midnight + ZONE, DAY)
        inside = (clock >= self.opens) & (clock < self.closes) & (x >= self.start) & (x < self.end)
        return inside.astype(np.float64)


def settle(age: Floats, seconds: float) -> Floats:
    """From 0 to 1: what a start has done after `age`."""
    if age.size and age.min() >= 40.0 * seconds:
        return np.ones_like(age)  # what is missing is less than a float can tell from 1, and most starts are long ago
    return -np.expm1(-np.maximum(age, 0.0) / seconds)
