"""What a Kubernetes cluster looks like to Moorage: plain values, the same from the live API and from the simulated world.

Quantities: CPU in cores, memory and storage in bytes. Times are aware UTC. `None` means that the cluster did not say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Resources:
    """An amount of what a node has and a pod asks for."""

    cpu: float = 0.0
    memory: int = 0
    pods: int = 0

    def __add__(self, other: Resources) -> Resources:
        return Resources(self.cpu + other.cpu, self.memory + other.memory, self.pods + other.pods)

    def __sub__(self, other: Resources) -> Resources:
        return Resources(self.cpu - other.cpu, self.memory - other.memory, self.pods - other.pods)

    def fits(self, other: Resources) -> bool:
        """Whether this amount, wanted, fits into `other`, free. A nano-core of slack absorbs binary fractions."""
        return self.cpu <= other.cpu + 1e-9 and self.memory <= other.memory and self.pods <= other.pods


@dataclass(frozen=True, slots=True)
class Taint:
    key: str
    effect: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Toleration:
    key: str | None = None
    operator: str = "Equal"
    value: str = ""
    effect: str | None = None
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One machine. `ready` is None while the control plane does not know."""

    name: str
    uid: str
    capacity: Resources
    allocatable: Resources
    ready: bool | None
    ready_since: datetime | None
    created_at: datetime
    reason: str = ""
    pressures: frozenset[str] = frozenset()
    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    address: str = ""

    @property
    def dedicated(self) -> bool:
        """Kept by a hard taint of its owner for pods that tolerate it, unlike those that a cordon or a condition sets."""
        hard = (taint for taint in self.taints if taint.effect in ("NoSchedule", "NoExecute"))
        return any(not taint.key.startswith("node.kubernetes.io/") for taint in hard)

    @property
    def schedulable(self) -> bool:
        blocked = any(t.effect in ("NoSchedule", "NoExecute") for t in self.taints)
        return self.ready is True and not self.unschedulable and not blocked


class Phase(StrEnum):
    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a pod. `state` is waiting, running, terminated or empty; `last_*` speak of the run before this one."""

    name: str
    image: str
    request: Resources
    limit: Resources
    ready: bool = False
    restarts: int = 0
    state: str = ""
    reason: str = ""
    started_at: datetime | None = None
    last_reason: str = ""
    last_exit_code: int | None = None
    last_finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod. `request` and `limit` are the scheduler's: init containers and overhead included."""

    namespace: str
    name: str
    uid: str
    phase: Phase
    node: str | None
    created_at: datetime
    containers: tuple[Container, ...]
    request: Resources
    limit: Resources
    started_at: datetime | None = None
    deleted_at: datetime | None = None
    ready: bool = False
    ready_since: datetime | None = None
    reason: str = ""
    message: str = ""
    owner_kind: str = ""
    owner_name: str = ""
    priority: int = 0
    qos: str = ""
    host_network: bool = False
    claims: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()

    @property
    def active(self) -> bool:
        """Whether it still holds what it asked for on its node."""
        return self.phase in (Phase.PENDING, Phase.RUNNING, Phase.UNKNOWN)

    @property
    def restarts(self) -> int:
        return sum(c.restarts for c in self.containers)


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment or StatefulSet."""

    kind: str
    namespace: str
    name: str
    uid: str
    desired: int
    ready: int
    available: int
    generation: int
    observed_generation: int
    created_at: datetime
    labels: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """A persistent volume claim. `node` is set when its volume lives on one node only, so that its pods cannot move."""

    namespace: str
    name: str
    uid: str
    phase: str
    storage_class: str
    requested_bytes: int
    volume: str = ""
    node: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Namespace:
    name: str
    uid: str
    phase: str
    created_at: datetime
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Quota:
    """A resource quota: `hard` and `used` as the cluster writes them, by resource name."""

    namespace: str
    name: str
    hard: Mapping[str, str]
    used: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Event:
    """Something the cluster said about an object; the API forgets it after an hour."""

    uid: str
    namespace: str
    kind: str
    name: str
    object_uid: str
    type: str
    reason: str
    message: str
    count: int
    first_at: datetime
    last_at: datetime
    component: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The cluster at `as_of`. `stale_since` is set when the connection to it is lost: then this is the last that was known."""

    cluster: str
    as_of: datetime
    nodes: Mapping[str, Node]
    pods: Mapping[str, Pod]
    """By uid."""
    workloads: tuple[Workload, ...] = ()
    claims: Mapping[tuple[str, str], Claim] = field(default_factory=dict)
    """By (namespace, name)."""
    namespaces: Mapping[str, Namespace] = field(default_factory=dict)
    quotas: tuple[Quota, ...] = ()
    events: tuple[Event, ...] = ()
    """Those of the last hour, oldest first."""
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By namespace: the web addresses that its Ingress objects name."""
    stale_since: datetime | None = None
    trouble: str = ""
