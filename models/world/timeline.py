"""What happened to the parts of the world so far. Times are seconds since the world's epoch."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models.domain.cluster import Resources
from models.world.apps import Component
from models.world.curves import Office, Personality
from models.world.orders import Wish


@dataclass(slots=True)
class Run:
    """One run of a container. `ready` is when it becomes ready if it lasts; `power` means that its node lost power."""

    start: float
    ready: float
    end: float | None = None
    reason: str = ""
    code: int = 0
    back_off: float = 0.0
    """Seconds from its end to the next start."""
    leak_from: float | None = None
    leak_full: float = 0.0
    """When the leak reaches the limit."""
    leak_stops: float | None = None
    sandbox: float = 0.0
    """When the pod's network came up; it outlives restarts of the container, but not the power of the node."""

    def running(self, x: float) -> bool:
        return self.start <= x and (self.end is None or x < self.end)


@dataclass(slots=True, eq=False)
class Slot:
    """One replica of a component: what its pods, one after the other, have in common."""

    namespace: str
    component: Component
    replica: int
    personality: Personality
    labels: dict[str, str]
    offices: list[Office] = field(default_factory=list)
    version: int = 1
    pods: list[Incarnation] = field(default_factory=list)
    work: Work | None = None
    """What it belongs to when it was ordered through the API."""
    ended: float | None = None
    """From when on it gets no pod any more."""

    @property
    def workload(self) -> str:
        """As faults name it."""
        return f"{self.namespace}/{self.component.name}"

    @property
    def name(self) -> str:
        own = "" if self.work is None else f"@{self.work.uid}.{self.version}"
        return f"{self.namespace}/{self.component.name}/{self.replica}{own}"


@dataclass(slots=True, eq=False)
class Incarnation:
    """One pod, from its creation until the API forgets it."""

    slot: Slot
    uid: str
    name: str
    version: int
    created: float
    node: str | None = None
    scheduled: float | None = None
    deleted: float | None = None
    gone: float | None = None
    refusals: list[tuple[float, str]] = field(default_factory=list)
    """Why it found no place, each time."""
    runs: list[Run] = field(default_factory=list)
    strikes: int = 0
    """Restarts in a row that did not last; the pause before the next start doubles with each."""
    waits: list[tuple[float, str]] = field(default_factory=list)
    """Why its container cannot start, each time that changed."""
    finished: float | None = None
    """When it had done its work: it holds no room any more, though the API still knows it."""

    @property
    def until(self) -> float:
        """When its last container ended for good; infinite while none has."""
        ends = [at for at in (self.gone, self.finished) if at is not None]
        return min(ends) if ends else math.inf

    def exists(self, x: float) -> bool:
        return self.created <= x and (self.gone is None or x < self.gone)

    def run_at(self, x: float) -> int:
        """Index of the newest run that began by `x`; -1 before the first."""
        return bisect_right(self.runs, x, key=lambda run: run.start) - 1


@dataclass(slots=True)
class Boot:
    """A node's time with power."""

    start: float
    end: float | None = None


@dataclass(slots=True)
class Machine:
    """One node."""

    name: str
    uid: str
    address: str
    capacity: Resources
    allocatable: Resources
    labels: dict[str, str]
    created: float
    boots: list[Boot] = field(default_factory=list)
    conditions: list[tuple[float, bool | None, str]] = field(default_factory=list)
    """Since when it is ready (None: unknown), and the reason."""
    cordons: list[tuple[float, bool]] = field(default_factory=list)
    """When somebody cordoned it (True) or took that back."""

    def boot_at(self, x: float) -> Boot | None:
        """The boot under power at `x`."""
        index = bisect_right(self.boots, x, key=lambda boot: boot.start) - 1
        if index < 0:
            return None
        boot = self.boots[index]
        return boot if boot.end is None or x < boot.end else None

    def cordoned_at(self, x: float) -> bool:
        index = bisect_right(self.cordons, x, key=lambda c: c[0]) - 1
        return index >= 0 and self.cordons[index][1]

    def condition_at(self, x: float) -> tuple[float, bool | None, str]:
        index = bisect_right(self.conditions, x, key=lambda c: c[0]) - 1
        return self.conditions[max(0, index)]


@dataclass(slots=True)
class Binding:
    """A volume claim; `node` and `bound` are set when its first pod found a place."""

    namespace: str
    name: str
    storage_class: str
    requested: int
    created: float
    bound: float | None = None
    node: str | None = None
    uid: str = ""
    """Of a claim that was ordered through the API."""
    ended: float | None = None
    binds: bool = True

    @property
    def until(self) -> float:
        return math.inf if self.ended is None else self.ended

    def exists(self, x: float) -> bool:
        return self.created <= x < self.until


@dataclass(slots=True, eq=False)
class Turn:
    """What a workload's owner wants from `x` on. Turns of one `revision` want the same pods."""

    x: float
    generation: int
    copies: int
    revision: int
    wish: Wish
    recreate: bool
    deadline: float
    complete: float | None = None
    """When all of it stood for the first time."""


@dataclass(slots=True, eq=False)
class Work:
    """A Deployment or Job that was ordered through the API."""

    kind: str
    namespace: str
    name: str
    uid: str
    created: float
    retries: int = 0
    turns: list[Turn] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    refusals: list[tuple[float, str]] = field(default_factory=list)
    """From when on the cluster refuses its pods, and why; empty: it does no longer."""
    outcomes: list[tuple[float, str, str]] = field(default_factory=list)
    """Of a Job: `Complete` or `Failed`, and why."""
    ended: float | None = None

    def exists(self, x: float) -> bool:
        return self.created <= x and (self.ended is None or x < self.ended)


@dataclass(slots=True, eq=False)
class Home:
    """A namespace that was ordered through the API, and what was said about it."""

    name: str
    uid: str
    created: float
    deleted: float | None = None
    ended: float | None = None
    works: dict[tuple[str, str], Work] = field(default_factory=dict)
    """The newest of each kind and name."""
    web: list[Slot] = field(default_factory=list)
    """Those that answer at its addresses, once they had a pod."""
    said: list[tuple[float, str, str, Any]] = field(default_factory=list)
    """Since when, what, its name, its value: labels, quota (its amounts) and addresses. None: it is gone."""

    def exists(self, x: float) -> bool:
        return self.created <= x and (self.ended is None or x < self.ended)

    def known(self, what: str, x: float) -> Mapping[str, Any]:
        """By name, what was said of that kind and held at `x`."""
        found: dict[str, Any] = {}
        for at, kind, name, value in self.said:
            if kind == what and at <= x:
                found[name] = value
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Saying:
    """One event as the cluster said it, once."""

    x: float
    namespace: str
    kind: str
    name: str
    object_uid: str
    type: str
    reason: str
    message: str
    component: str
    uid: str = ""
    """Of the event; the same while it is said again within the hour."""
    count: int = 1
    first: float = 0.0


@dataclass(slots=True)
class Timeline:
    """All of it, in order of time within each list."""

    machines: dict[str, Machine] = field(default_factory=dict)
    slots: list[Slot] = field(default_factory=list)
    pods: list[Incarnation] = field(default_factory=list)
    bindings: dict[tuple[str, str], Binding] = field(default_factory=dict)
    namespaces: dict[str, tuple[float, dict[str, str]]] = field(default_factory=dict)
    sayings: list[Saying] = field(default_factory=list)
    homes: list[Home] = field(default_factory=list)
    works: list[Work] = field(default_factory=list)
