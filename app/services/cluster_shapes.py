"""What is said about nodes and pods: the values that `app.services.cluster` answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.services.figures import Figure
from models.domain.cluster import Event, Resources
from models.domain.health import Condition
from models.domain.trouble_machines import MachineUse
from models.domain.trouble_shapes import Trouble


@dataclass(frozen=True, slots=True)
class NodeRow:
    """One node. `requests.pods` is the number of pods that hold a place on it; use is None when it is not measured now."""

    name: str
    state: str
    """ready, not_ready, unknown, cordoned"""
    since: datetime | None
    reason: str
    pressures: tuple[str, ...]
    cordoned: bool
    roles: tuple[str, ...]
    version: str
    address: str
    created_at: datetime
    capacity: Resources
    allocatable: Resources
    requests: Resources
    limits: Resources
    free: Resources
    cpu_used: float | None
    memory_used: float | None
    disk_used_share: float | None
    load1: float | None
    measured_at: datetime | None


@dataclass(frozen=True, slots=True)
class ContainerRow:
    name: str
    image: str
    state: str
    reason: str
    ready: bool
    restarts: int
    started_at: datetime | None
    last_reason: str
    last_exit_code: int | None
    last_finished_at: datetime | None
    request: Resources
    limit: Resources
    cpu_used: float | None
    memory_used: float | None
    throttled_share: float | None
    """Of the CPU periods in which it wanted to run, the share in which its limit stopped it."""


@dataclass(frozen=True, slots=True)
class PodRow:
    """One pod. Use is the sum over its containers, None when not measured now; shares are of the limit, else of the request."""

    uid: str
    namespace: str
    name: str
    node: str | None
    phase: str
    condition: Condition
    organization_id: str | None
    organization: str
    """Empty: unowned."""
    instance_id: str | None
    instance: str
    template: str
    owner: str
    """Kind/name of what runs it, empty for a bare pod."""
    ready: bool
    restarts: int
    created_at: datetime
    request: Resources
    limit: Resources
    cpu_used: float | None
    memory_used: float | None
    memory_share: float | None
    cpu_share: float | None
    qos: str
    measured_at: datetime | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the rows asked for; `total` is how many match, `up` how many of those are healthy, `of` how many there are."""

    rows: tuple[PodRow, ...]
    total: int
    up: int
    of: int
    as_of: datetime
    source: str
    stale_since: datetime | None


@dataclass(frozen=True, slots=True)
class StateChange:
    """A change that was noticed: of a container of a pod, or of a node."""

    at: datetime
    container: str
    phase: str
    state: str
    reason: str
    ready: bool | None
    restarts: int | None
    last_reason: str


@dataclass(frozen=True, slots=True)
class ClaimRow:
    name: str
    storage_class: str
    requested_bytes: int
    node: str | None
    """Set: its volume lives on that node only, the pod cannot move."""


@dataclass(frozen=True, slots=True)
class PodDetail:
    pod: PodRow
    containers: tuple[ContainerRow, ...]
    claims: tuple[ClaimRow, ...]
    neighbours: tuple[PodRow, ...]
    """The others on its node, largest memory use first."""
    events: tuple[Event, ...]
    changes: tuple[StateChange, ...]
    labels: Mapping[str, str]
    figures: Mapping[str, Figure]
    """cpu_used, memory_used, restarts: with source and formula."""
    as_of: datetime
    source: str
    stale_since: datetime | None
    away_since: datetime | None
    """Since when the warehouse does not answer: then events are those that the cluster still has, and changes are not known."""


@dataclass(frozen=True, slots=True)
class NodeDetail:
    node: NodeRow
    pods: tuple[PodRow, ...]
    events: tuple[Event, ...]
    changes: tuple[StateChange, ...]
    taints: tuple[str, ...]
    labels: Mapping[str, str]
    machine: MachineUse | None
    """What its exporter and its kubelet tell of it; None: not measured now."""
    trouble: tuple[Trouble, ...]
    """What is wrong with the machine itself."""
    figures: Mapping[str, Figure]
    as_of: datetime
    source: str
    stale_since: datetime | None
    away_since: datetime | None
    """Since when the warehouse does not answer: then events are those that the cluster still has, and changes and counts are not known."""


@dataclass(frozen=True, slots=True)
class Nodes:
    rows: tuple[NodeRow, ...]
    as_of: datetime
    source: str
    stale_since: datetime | None
