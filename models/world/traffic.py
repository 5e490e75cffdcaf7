"""What passes the ingress, what somebody outside sees, and how full volumes are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from models.domain import latency
from models.world import chance
from models.world.chance import Floats
from models.world.curves import Office, settle
from models.world.meters import Mind
from models.world.orders import LOCAL
from models.world.timeline import Binding, Home, Incarnation, Slot

BOUNDS = (0.1, 0.3, 0.5, 1.2, 5.0)
"""Seconds for which the ingress is set to count the answers that took no longer."""
COUNTERS = (
    "requests_total",
    "requests_4xx_total",
    "requests_5xx_total",
    "request_seconds_total",
    "received_bytes_total",
    "sent_bytes_total",
    "retries_total",
    "timed_requests_total",
    *(latency.within(bound) for bound in BOUNDS),
)
MindOf = Callable[[Slot], Mind]
Span = tuple[Floats, Floats, Floats, Floats]
"""Starts and ends of the times in which a slot answered, its traffic at each start, and what it had answered before."""
_SLOWED = 1.3
"""How much longer an answer takes beside a noisy neighbour."""
_SPREAD = 0.8
"""Of the times of answers, as the deviation of their logarithm: one in twenty takes some three times as long as the mean."""


class Service:
    """The web replicas behind one address."""

    def __init__(
        self,
        namespace: str,
        slots: Sequence[Slot],
        mind: MindOf,
        offices: Callable[[Slot], Sequence[Office]],
        home: Home | None = None,
    ) -> None:
        """`home` of one that was ordered through the API: the slots behind it come and go."""
        self.namespace, self.slots, self._mind, self._offices, self.home = namespace, slots, mind, offices, home
        self._mark: object = None
        self._spans: list[Span] = []

    @property
    def name(self) -> str:
        return f"{self.namespace}-{self.slots[0].component.name}-http@kubernetes"

    @property
    def since(self) -> float:
        """From when on the ingress knows it."""
        born = self.slots[0].pods[0].created
        named = [] if self.home is None else [at for at, what, _, value in self.home.said if what == "addresses" and value]
        return max([born, *named[:1]])

    @property
    def until(self) -> float:
        return math.inf if self.home is None or self.home.ended is None else self.home.ended

    def named(self, address: str, x: Floats) -> NDArray[np.bool_]:
        """Whether the ingress sends that address here."""
        if self.home is None:
            return np.ones(len(x), dtype=np.bool_)
        home, host = self.home, urlsplit(address).hostname

        def there(at: float) -> bool:
            known = home.known("addresses", at).values() if home.exists(at) else ()
            return any(urlsplit(one).hostname == host for some in known for one in some)

        return np.array([there(float(at)) for at in x], dtype=np.bool_)

    def life(self, x: Floats) -> Floats:
        """A row of each of COUNTERS, counted from the epoch by an ingress that never restarts."""
        total = np.zeros((len(COUNTERS), len(x)))
        for slot, span in zip(self.slots, self._answering(), strict=True):
            mind = self._mind(slot)
            person = mind.person
            traffic = mind.traffic(x)
            born = mind.traffic(np.array([slot.pods[0].created]))[0]
            wanted = traffic if slot.ended is None else mind.traffic(np.minimum(x, slot.ended))
            asked = np.maximum(0.0, wanted - born)
            answered = self._answered(span, x, traffic)
            crowded = np.zeros(len(x))
            for office in self._offices(slot):
                crowded += self._within(slot, span, office, x)
            crowded = np.minimum(crowded, answered)
            rate = person.requests
            failed = np.maximum(0.0, asked - answered)
            total[0] += rate * asked
            total[1] += 0.013 * rate * asked
            total[2] += rate * failed + 0.0015 * rate * asked
            total[3] += rate * person.latency * (answered + _SLOWED * crowded) + 0.002 * rate * failed
            total[4] += 0.5 * person.received * asked
            total[5] += person.sent * answered + 300.0 * rate * failed
            total[7] += rate * (answered + failed)
            for row, bound in enumerate(BOUNDS, start=8):
                usual = _share(bound, person.latency)
                total[row] += rate * (usual * answered + failed)
                if crowded.any():
                    total[row] -= rate * (usual - _share(bound, person.latency * (1.0 + _SLOWED))) * crowded
        return total

    @staticmethod
    def _answered(span: Span, x: Floats, traffic: Floats) -> Floats:
        """Of `traffic` at each x, what had been answered."""
        start, end, begun, done = span
        if not len(start):
            return np.zeros(len(x))
        at = np.searchsorted(start, x, "right") - 1
        found = np.maximum(at, 0)
        inside = np.where(x < end[found], traffic, begun[found] + done[found + 1] - done[found])
        counted: Floats = np.where(at >= 0, done[found] + inside - begun[found], 0.0)
        return counted

    def _within(self, slot: Slot, span: Span, office: Office, x: Floats) -> Floats:
        """What a slot had answered at each x while the office was open."""
        opens, closes = office.hours(float(x.max()))
        if not len(opens):
            return np.zeros(len(x))
        traffic = self._mind(slot).traffic
        begun = self._answered(span, opens, traffic(opens))
        whole = self._answered(span, closes, traffic(closes)) - begun
        before = np.concatenate(([0.0], np.cumsum(whole)))
        at = np.searchsorted(opens, x, "right") - 1
        found = np.maximum(at, 0)
        here = np.minimum(x, closes[found])
        counted: Floats = np.where(at >= 0, before[found] + self._answered(span, here, traffic(here)) - begun[found], 0.0)
        return counted

    def _answering(self) -> list[Span]:
        """Of each slot: from when to when it answered (merged), its traffic at each start, and what it had answered before."""
        mark = tuple((len(pod.runs), pod.runs[-1].end if pod.runs else 0, pod.deleted) for slot in self.slots for pod in slot.pods)
        if mark != self._mark:
            self._spans, self._mark = [self._merged(slot) for slot in self.slots], mark
        return self._spans

    def _merged(self, slot: Slot) -> Span:
        # an ordered pod that is deleted gets no more requests, though it takes a while to end
        ends = {pod.uid: pod.deleted if slot.work is not None and pod.deleted is not None else math.inf for pod in slot.pods}
        runs = [(r.ready, min(ends[pod.uid], math.inf if r.end is None else r.end)) for pod in slot.pods for r in pod.runs]
        spans: list[list[float]] = []
        for ready, ended in sorted((a, b) for a, b in runs if a < b):
            if spans and ready <= spans[-1][1]:
                spans[-1][1] = max(spans[-1][1], ended)
            else:
                spans.append([ready, ended])
        start, end = np.array([s[0] for s in spans]), np.array([s[1] for s in spans])
        if not spans:
            return start, end, start, np.zeros(1)
        mind = self._mind(slot)
        begun = mind.traffic(start)
        counted = mind.traffic(np.where(np.isfinite(end), end, start)) - begun
        return start, end, begun, np.concatenate(([0.0], np.cumsum(counted)))

    def turns(self) -> Floats:
        """When a replica began or ceased to answer."""
        edges = np.concatenate([edge for start, end, _, _ in self._answering() for edge in (start, end)])
        found: Floats = edges[np.isfinite(edges)]
        return found

    def pace(self, x: Floats) -> Floats:
        """Requests a second, smoothed."""
        total = np.zeros(len(x))
        for slot in self.slots:
            mind = self._mind(slot)
            total += mind.person.requests * np.maximum(0.0, mind.level(x))
        return np.where(self.answers(x), total, 0.0)

    def answers(self, x: Floats) -> NDArray[np.bool_]:
        """Whether any replica answers."""
        good = np.zeros(len(x), dtype=np.bool_)
        for start, end, _, _ in self._answering():
            if len(start):
                at = np.searchsorted(start, x, "right") - 1
                good |= (at >= 0) & (x < end[np.maximum(at, 0)])
        return good

    def latency(self, x: Floats) -> Floats:
        """Seconds until the head of an answer."""
        slot = self.slots[0]
        mind = self._mind(slot)
        crowd = np.zeros(len(x))
        for office in self._offices(slot):
            crowd = np.maximum(crowd, office.on(x))
        key = np.array([[chance.key(0, slot.name, mind.person.key, "latency")]], dtype=np.uint64)
        noise = chance.wander(key, x[None, :], 75.0)[0]
        load = np.maximum(0.2, mind.level(x))
        seconds: Floats = mind.person.latency * (0.7 + 0.3 * load + 0.5 * noise) * (1.0 + _SLOWED * crowd) + 0.012
        return seconds


def _share(bound: float, seconds: float) -> float:
    """Of the answers that take so many seconds on average, those that take no longer than the bound; their logarithm is normal."""
    return 0.5 * (1.0 + math.erf((math.log(bound / seconds) + _SPREAD**2 / 2) / (_SPREAD * math.sqrt(2.0))))


PROCESS_COUNTERS = ("config_reloads_total",)
PROCESS_GAUGES = ("open_connections", "config_age_seconds", "uptime_seconds")
_HELD = 8.0
"""Seconds for which a connection stays open for each request that comes through it."""


class Ingress:
    """The processes of the ingress, of which each counts for itself."""

    def __init__(self, slot: Slot, services: Sequence[Service]) -> None:
        self.slot, self._services = slot, services

    def processes(self) -> list[tuple[str, float, float]]:
        """Each with its start and end."""
        return [
            (address(pod, 9100), run.start, math.inf if run.end is None else run.end) for pod in self.slot.pods for run in pod.runs
        ]

    def answers(self, x: Floats) -> NDArray[np.bool_]:
        good = np.zeros(len(x), dtype=np.bool_)
        for pod in self.slot.pods:
            for run in pod.runs:
                good |= (run.ready <= x) & (x < (math.inf if run.end is None else run.end))
        return good

    def process(self, since: float, x: Floats) -> dict[str, Floats]:
        """All columns of an entity `ingress_process` that started at `since`."""
        count, newest = self._taken(since, x)
        held = np.zeros(len(x))
        for one in self._services:
            held += _HELD * one.pace(x)
        return {
            "config_reloads_total": count,
            "open_connections": np.floor(held),
            "config_age_seconds": x - newest,
            "uptime_seconds": x - since,
        }

    def reloads(self, since: float, x: Floats) -> Floats:
        """Its counter alone."""
        return self._taken(since, x)[0]

    def _taken(self, since: float, x: Floats) -> tuple[Floats, Floats]:
        """How many configurations it has taken, and when the newest: one at its start, and one whenever something behind it begins or
        ceases to answer."""
        changes = np.sort(np.concatenate([since + np.zeros(1), *(one.turns() for one in self._services)]))
        upto = np.searchsorted(changes, x, "right")
        return (upto - np.searchsorted(changes, since)).astype(np.float64), changes[np.maximum(upto - 1, 0)]


def address(pod: Incarnation, port: int) -> str:
    """Of a pod in the cluster's network."""
    number = int(pod.uid[:8], 16)
    return f"10.42.{number % 3}.{2 + number // 3 % 250}:{port}"


VOLUME_GAUGES = ("requested_bytes", "capacity_bytes", "used_bytes", "available_bytes", "inodes", "inodes_used")


def volume(binding: Binding, x: Floats, seed: int) -> dict[str, Floats]:
    """All columns of an entity `volume`; local-path gives no statistics."""
    size = float(binding.requested)
    columns = {name: np.full(len(x), math.nan) for name in VOLUME_GAUGES}
    columns["requested_bytes"] = np.full(len(x), size)
    if binding.storage_class == LOCAL:
        return columns
    names = (seed, binding.namespace, binding.name)
    full, first = chance.between(0.45, 0.93, *names, "full"), chance.between(0.08, 0.2, *names, "first")
    capacity = 0.98 * size
    used = capacity * (first + (full - first) * settle(x - binding.created, 160 * 86400.0))
    inodes = size / 16384
    columns["capacity_bytes"] = np.full(len(x), capacity)
    columns["used_bytes"] = np.floor(used)
    columns["available_bytes"] = capacity - np.floor(used)
    columns["inodes"] = np.full(len(x), np.floor(inodes))
    columns["inodes_used"] = np.floor(inodes * 0.4 * used / capacity)
    return columns
