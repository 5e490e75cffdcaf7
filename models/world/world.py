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
from models.world import history, rolled, sampling, standing, view
from models.world.apps import Role
from models.world.chance import Floats
from models.world.course import Course
from models.world.curves import DAY, Office
from models.world.faults import Fault, Kind
from models.world.machines import Gauge
from models.world.meters import Meter, Mind
from models.world.orders import Order
from models.world.state import State
from models.world.table import Table
from models.world.timeline import Binding, Incarnation, Machine, Slot, Timeline, Work
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

    def __init__(self, state: State, orders: Sequence[Order] = ()) -> None:
        self.state = state
        self.taken = 0
        """Number of the newest order that it knows."""
        self._lock = threading.RLock()
        self._origin = state.epoch.timestamp()
        self.faults: tuple[Fault, ...] = (*history.faults(state.epoch), *state.faults)
        """Those of its own history and the ordered ones."""
        midnight = self._origin % DAY
        spans = [(f, self.x(f.start), math.inf if f.end is None else self.x(f.end)) for f in self.faults]
        self._lost = [(start, end) for fault, start, end in spans if fault.kind is Kind.SAMPLES_LOST]
        self._course = Course(state.seed, midnight, spans, history.FADES_ON * DAY, state.nodes)
        self._midnight = midnight
        self._minds: dict[str, Mind] = {}
        self._meters: dict[str, Meter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._services: dict[str, Service] = {}
        self.take(orders)

    def take(self, orders: Sequence[Order]) -> bool:
        """Go on with more orders; False when one of them came too late, and the world must be made anew with all of them."""
        with self._lock:
            for order in orders:
                if not self._course.take(order, self.x(order.at)):
                    return False
                self.taken = order.number
        return True

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
                )
                + tuple(
                    standing.workload(work, self._standing(work, x), self.epoch)
                    for work in timeline.works
                    if work.kind == "Deployment" and work.exists(x)
                ),
                claims={
                    key: view.claim(binding, x, self.seed, self.epoch)
                    for key, binding in timeline.bindings.items()
                    if binding.exists(x)
                },
                namespaces={
                    name: view.namespace(name, created, labels, self.seed, self.epoch)
                    for name, (created, labels) in timeline.namespaces.items()
                    if created <= x
                }
                | {home.name: standing.namespace(home, x, self.epoch) for home in timeline.homes if home.exists(x)},
                quotas=tuple(self._quotas(pods, timeline)) + tuple(self._ordered_quotas(pods, timeline, x)),
                events=tuple(view.event(saying, self.epoch) for saying in sorted(recent.values(), key=lambda s: s.x)),
                addresses=standing.addresses(timeline.homes, x),
            )

    def pods(self, namespace: str | None, at: datetime) -> list[Pod]:
        """Those of the snapshot at `at` that are in an ordered namespace, or in that one."""
        x = self.x(at)
        with self._lock:
            return [
                view.pod(pod, x, self._calls_ready(pod, x), self.epoch)
                for work in self._upto(x).works
                if namespace in (None, work.namespace)
                for slot in work.slots
                for pod in slot.pods
                if pod.exists(x)
            ]

    def progress(self, uid: str, at: datetime) -> standing.Standing:
        """How far an ordered Deployment or Job has come."""
        x = self.x(at)
        with self._lock:
            work = next((work for work in self._upto(x).works if work.uid == uid), None)
            return standing.Standing() if work is None else self._standing(work, x)

    def bound(self, namespace: str, claim: str, at: datetime) -> bool:
        """Whether the claim has its volume."""
        x = self.x(at)
        with self._lock:
            found = self._upto(x).bindings.get((namespace, claim))
            return found is not None and found.exists(x) and found.bound is not None and found.bound <= x

    def over(self, uid: str, at: datetime) -> bool:
        """Whether an ordered namespace has ended, with all that was in it."""
        x = self.x(at)
        with self._lock:
            return any(home.uid == uid and home.ended is not None and home.ended <= x for home in self._upto(x).homes)

    def events(self, namespace: str | None, at: datetime) -> list[Event]:
        """What was said within the last hour, in that namespace or anywhere; oldest first."""
        x = self.x(at)
        with self._lock:
            said = self._upto(x).sayings
            recent = {one.uid: one for one in said if x - 3600.0 < one.x <= x and namespace in (None, one.namespace)}
            return [view.event(one, self.epoch) for one in sorted(recent.values(), key=lambda one: one.x)]

    def _standing(self, work: Work, x: float) -> standing.Standing:
        return standing.standing(work, x, lambda pod: view.ready_run(pod, x, self._calls_ready(pod, x)) is not None)

    def _ordered_quotas(self, pods: Sequence[Pod], timeline: Timeline, x: float) -> Iterator[Quota]:
        inside: dict[str, list[Pod]] = {}
        claims: dict[str, list[Binding]] = {}
        for pod in pods:
            inside.setdefault(pod.namespace, []).append(pod)
        for (namespace, _), binding in timeline.bindings.items():
            if binding.exists(x):
                claims.setdefault(namespace, []).append(binding)
        for home in timeline.homes:
            if home.exists(x):
                yield from standing.quotas(home, x, inside.get(home.name, ()), claims.get(home.name, ()))

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

    def reach(self, namespace: str, address: str, at: Instants) -> tuple[Floats, Floats, Floats] | None:
        """Whether the address leads to the app (1 or 0) at each instant, whether that answers, and in how many seconds.

        None: there is no such app. To an app of the world's own history any address leads.
        """
        x = at - self._origin
        with self._lock:
            self._upto(float(x[-1]))
            found = [s for s in self.services() if s.namespace == namespace and s.until > x[-1]]
            if not found:
                return None
            service = found[-1]
            named = service.named(address, x)
            good = named & service.answers(x) & self.ingress().answers(x)
            return named.astype(np.float64), good.astype(np.float64), service.latency(x)

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
            for x in sorted({*(x for x, _, _ in machine.conditions), *(x for x, _ in machine.cordons)}):
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
        for home in self.timeline.homes:
            if home.web and home.uid not in self._services and any(what == "addresses" for _, what, _, _ in home.said):
                self._services[home.uid] = Service(home.name, home.web, self.mind, self.neighbours, home)
        return [self._services[key] for key in sorted(self._services)]

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
            if slot.work is None:
                found.setdefault(slot.workload, []).append(slot)
        return list(found.values())

    def _quotas(self, pods: Sequence[Pod], timeline: Timeline) -> Iterator[Quota]:
        """Half as much again as the plan asks for, so that a new version fits beside the old one."""
        used: dict[str, list[float]] = {}
        asked: dict[str, list[float]] = {}
        for slot in timeline.slots:
            if slot.work is not None:
                continue
            have = asked.setdefault(slot.namespace, [0.0, 0.0])
            have[0] += slot.component.cpu
            have[1] += slot.component.request.memory
        for pod in pods:
            have = used.setdefault(pod.namespace, [0.0, 0.0])
            have[0] += pod.request.cpu
            have[1] += pod.request.memory
        for namespace, (cpu, memory) in sorted(used.items()):
            if "moorage.dev/organization" not in timeline.namespaces.get(namespace, (0.0, {}))[1]:
                continue
            most = asked[namespace]
            yield Quota(namespace, "plan", _amounts(1.5 * most[0], 1.5 * most[1]), _amounts(cpu, memory))


def _amounts(cpu: float, memory: float) -> Mapping[str, str]:
    return {"requests.cpu": f"{round(cpu * 1000)}m", "requests.memory": f"{round(memory / 2**20)}Mi"}
