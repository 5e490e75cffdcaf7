"""The simulated cluster as a function of time: the same state and instant give the same answer, in any order of asking."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import numpy as np

from models.domain.cluster import Event, Node, Pod, Quota, Snapshot
from models.world import history, rolled, sampling, view
from models.world.apps import Role
from models.world.chance import Floats
from models.world.course import Course
from models.world.curves import DAY, Office
from models.world.faults import Fault, Kind
from models.world.machines import Gauge
from models.world.meters import Meter, Mind
from models.world.state import State
from models.world.table import Table
from models.world.timeline import Incarnation, Machine, Slot, Timeline
from models.world.traffic import Ingress, Service

Instants = Floats
"""Seconds since 1970, UTC, ascending."""
Thing = TypeVar("Thing", Pod, Node, Event)


@dataclass(frozen=True, slots=True)
class Change:
    """What the API would tell a watcher at `at`: a pod, a node or an event before and now. None: there is none."""

    at: datetime
    before: Pod | Node | Event | None
    now: Pod | Node | Event | None


class World:
    """Nodes, pods and everything that can be measured on them at any instant from the epoch on. Thread safe."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._lock = threading.RLock()
        self._origin = state.epoch.timestamp()
        self.faults: tuple[Fault, ...] = (*history.faults(state.epoch), *state.faults)
        """Those of its own history and the ordered ones."""
        midnight = self._origin % DAY
        spans = [(f, self.x(f.start), math.inf if f.end is None else self.x(f.end)) for f in self.faults]
        self._lost = [(start, end) for fault, start, end in spans if fault.kind is Kind.SAMPLES_LOST]
        self._course = Course(state.seed, midnight, spans, history.FADES_ON * DAY)
        self._midnight = midnight
        self._minds: dict[str, Mind] = {}
        self._meters: dict[str, Meter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._services: dict[str, Service] = {}

    @property
    def epoch(self) -> datetime:
        """From when on there is anything."""
        return self.state.epoch

    @property
    def seed(self) -> int:
        return self.state.seed

    @property
    def origin(self) -> float:
        """The epoch in seconds since 1970."""
        return self._origin

    @property
    def lost(self) -> Sequence[tuple[float, float]]:
        """When nothing was scraped, in seconds since the epoch."""
        return self._lost

    def x(self, at: datetime) -> float:
        """Seconds since the epoch."""
        return at.timestamp() - self._origin

    def active(self, kind: Kind, at: datetime) -> Fault | None:
        """A fault of that kind that is on at `at`."""
        return next((fault for fault in self.faults if fault.kind is kind and fault.active(at)), None)

    def snapshot(self, at: datetime, cluster: str = "default") -> Snapshot:
        """The cluster at `at`, as its API would tell it."""
        x = self.x(at)
        with self._lock:
            timeline = self._upto(x)
            nodes = {name: view.node(machine, x, self.epoch) for name, machine in timeline.machines.items()}
            pods = [view.pod(one, x, self._calls_ready(one, x), self.epoch) for one in timeline.pods if one.exists(x)]
            recent = {saying.uid: saying for saying in timeline.sayings if x - 3600.0 < saying.x <= x}
            return Snapshot(
                cluster=cluster,
                as_of=at,
                nodes=nodes,
                pods={pod.uid: pod for pod in pods},
                workloads=tuple(
                    view.workload(
                        slots,
                        sum(p.ready and p.owner_name == slots[0].component.name for p in pods if p.namespace == slots[0].namespace),
                        x,
                        self.seed,
                        self.epoch,
                    )
                    for slots in self._components(timeline)
                    if slots[0].pods[0].created <= x
                ),
                claims={
                    key: view.claim(binding, x, self.seed, self.epoch)
                    for key, binding in timeline.bindings.items()
                    if binding.created <= x
                },
                namespaces={
                    name: view.namespace(name, created, labels, self.seed, self.epoch)
                    for name, (created, labels) in timeline.namespaces.items()
                    if created <= x
                },
                quotas=tuple(self._quotas(pods, timeline)),
                events=tuple(view.event(saying, self.epoch) for saying in sorted(recent.values(), key=lambda s: s.x)),
            )

    def samples(self, entity: str, ends: Instants, seconds: float) -> Table:
        """One row per thing of `entity` and tick: its newest sample in (end - seconds, end], for each of the ascending `ends`.

        Columns are those of `collectors.entities`, and `tick`. Asking for a range is the same as asking for each tick by itself.
        """
        with self._lock:
            self._upto(float(ends[-1]) - self._origin)
            return sampling.sample(self, entity, ends, seconds)

    def windows(self, entity: str, ends: Instants) -> Table:
        """Finished 5-minute windows that end at `ends`, one after the other; columns as `Warehouse.bulk_load` wants them."""
        with self._lock:
            self._upto(float(ends[-1]) - self._origin)
            return rolled.windows(self, entity, ends)

    def reach(self, namespace: str, at: Instants) -> tuple[Floats, Floats] | None:
        """Whether the app's address answers (1 or 0) at each instant, and in how many seconds; None: there is no such app."""
        x = at - self._origin
        with self._lock:
            self._upto(float(x[-1]))
            service = next((s for s in self.services() if s.namespace == namespace), None)
            if service is None:
                return None
            good = service.answers(x) & self.ingress().answers(x)
            return good.astype(np.float64), service.latency(x)

    def changes(self, since: datetime, upto: datetime, *, whole: bool = False) -> Sequence[Change]:
        """What came about in (since, upto], oldest first; `whole`: what is there at `since` is told as new at first."""
        low, high = self.x(since), self.x(upto)
        with self._lock:
            timeline = self._upto(high)
            found: list[tuple[float, Pod | Node | Event | None, Pod | Node | Event | None]] = [
                *self._pod_changes(timeline, low, high, whole),
                *self._node_changes(timeline, low, high, whole),
            ]
            found += [
                (saying.x, None, view.event(saying, self.epoch))
                for saying in timeline.sayings
                if (low - 3600.0 * whole < saying.x <= high)
            ]
        found.sort(key=lambda change: change[0])
        return [Change(view.instant(x, self.epoch), before, now) for x, before, now in found]

    def _pod_changes(
        self, timeline: Timeline, low: float, high: float, whole: bool
    ) -> Iterator[tuple[float, Pod | None, Pod | None]]:
        for one in timeline.pods:
            if one.created > high or (one.gone is not None and one.gone <= low):
                continue
            before = view.pod(one, low, self._calls_ready(one, low), self.epoch) if one.exists(low) else None
            if before is not None and whole:
                yield low, None, before
            conditions = timeline.machines[one.node].conditions if one.node else []
            for x in view.moments(one, conditions, low, high):
                now = view.pod(one, x, self._calls_ready(one, x), self.epoch) if one.exists(x) else None
                if now != before:
                    yield x, before, now
                before = now

    def _node_changes(
        self, timeline: Timeline, low: float, high: float, whole: bool
    ) -> Iterator[tuple[float, Node | None, Node | None]]:
        for machine in timeline.machines.values():
            before = view.node(machine, low, self.epoch)
            if whole:
                yield low, None, before
            for x, _, _ in machine.conditions:
                if low < x <= high:
                    now = view.node(machine, x, self.epoch)
                    yield x, before, now
                    before = now

    # parts, for the modules that measure

    @property
    def timeline(self) -> Timeline:
        return self._course.timeline

    def meter(self, pod: Incarnation) -> Meter:
        if pod.uid not in self._meters:
            self._meters[pod.uid] = Meter(pod, self.mind(pod.slot))
        return self._meters[pod.uid]

    def mind(self, slot: Slot) -> Mind:
        if slot.name not in self._minds:
            self._minds[slot.name] = Mind(slot, self._midnight)
        return self._minds[slot.name]

    def gauge(self, machine: Machine) -> Gauge:
        if machine.name not in self._gauges:
            self._gauges[machine.name] = Gauge(machine, self.seed, self.meter)
        return self._gauges[machine.name]

    def services(self) -> list[Service]:
        """The addresses that lead to an app, by namespace."""
        for slots in self._components(self.timeline):
            if slots[0].component.role is Role.WEB and slots[0].namespace not in self._services:
                self._services[slots[0].namespace] = Service(slots[0].namespace, slots, self.mind, self.neighbours)
        return [self._services[namespace] for namespace in sorted(self._services)]

    def ingress(self) -> Ingress:
        return Ingress(next(slot for slot in self.timeline.slots if slot.workload == "kube-system/traefik"), self.services())

    def neighbours(self, slot: Slot) -> list[Office]:
        """When a noisy neighbour is noisy on the node where the slot's pod is."""
        return [
            office
            for pod in slot.pods
            if pod.node is not None
            for office in self.noise(pod.node, pod.created, math.inf if pod.gone is None else pod.gone)
            if office.start < office.end
        ]

    def noise(self, node: str, since: float, until: float) -> list[Office]:
        """When a noisy neighbour is noisy on that node within [since, until)."""
        found = []
        for noisy in self.timeline.slots:
            for office in noisy.offices:
                for pod in noisy.pods:
                    if pod.node == node and pod.runs:
                        start = max(office.start, since, pod.runs[0].start)
                        end = min(office.end, until, math.inf if pod.gone is None else pod.gone)
                        if start < end:
                            found.append(Office(start, end, self._midnight))
        return found

    def _upto(self, x: float) -> Timeline:
        self._course.advance(x)
        return self._course.timeline

    def _calls_ready(self, pod: Incarnation, x: float) -> bool:
        return pod.node is not None and self.timeline.machines[pod.node].condition_at(x)[1] is True

    def _components(self, timeline: Timeline) -> list[list[Slot]]:
        found: dict[str, list[Slot]] = {}
        for slot in timeline.slots:
            found.setdefault(slot.workload, []).append(slot)
        return list(found.values())

    def _quotas(self, pods: Sequence[Pod], timeline: Timeline) -> Iterator[Quota]:
        """Half as much again as the plan asks for, so that a new version fits beside the old one."""
        used: dict[str, list[float]] = {}
        asked: dict[str, list[float]] = {}
        for slot in timeline.slots:
            have = asked.setdefault(slot.namespace, [0.0, 0.0])
            have[0] += slot.component.cpu
            have[1] += slot.component.request.memory
        for pod in pods:
            have = used.setdefault(pod.namespace, [0.0, 0.0])
            have[0] += pod.request.cpu
            have[1] += pod.request.memory
        for namespace, (cpu, memory) in sorted(used.items()):
            if "moorage.dev/organization" not in timeline.namespaces[namespace][1]:
                continue
            most = asked[namespace]
            yield Quota(namespace, "plan", _amounts(1.5 * most[0], 1.5 * most[1]), _amounts(cpu, memory))


def _amounts(cpu: float, memory: float) -> Mapping[str, str]:
    return {"requests.cpu": f"{round(cpu * 1000)}m", "requests.memory": f"{round(memory / 2**20)}Mi"}
