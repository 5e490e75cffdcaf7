"""What a row of the trouble list is: its kind, how bad it is, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Severity(StrEnum):
    """CRITICAL: somebody is hurt now. WARNING: somebody soon will be. INFO: to know."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Kind(StrEnum):
    """What a finding is about; the order is the one in which equal severities are listed."""

    CLUSTER_SILENT = "cluster_silent"
    NODE_DOWN = "node_down"
    CRASH_LOOP = "crash_loop"
    POD_FAILED = "pod_failed"
    PENDING = "pending"
    OUT_OF_MEMORY = "out_of_memory"
    NOT_READY = "not_ready"
    INGRESS_UNCONFIGURED = "ingress_unconfigured"
    ANSWERS_FAIL = "answers_fail"
    ANSWERS_SLOW = "answers_slow"
    INGRESS_BEHIND = "ingress_behind"
    FILESYSTEM_FILLING = "filesystem_filling"
    FILESYSTEM_READ_ONLY = "filesystem_read_only"
    CERTIFICATE_ENDING = "certificate_ending"
    EVICTIONS = "evictions"
    NODE_PRESSURE = "node_pressure"
    CONNECTIONS_FULL = "connections_full"
    MEMORY_THRASHING = "memory_thrashing"
    DISK_SATURATED = "disk_saturated"
    KUBELET_SLOW = "kubelet_slow"
    NETWORK_FAULTS = "network_faults"
    CLOCK_OFF = "clock_off"
    VOLUME_FILLING = "volume_filling"
    STALE_COLLECTION = "stale_collection"
    MEMORY_NEAR_LIMIT = "memory_near_limit"
    NODE_FULL = "node_full"
    NODE_CORDONED = "node_cordoned"
    UNOWNED = "unowned"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One row of the list. `subject` opens the thing: `pod:UID`, `node:NAME`, `volume:NS/NAME`, `source:NAME`, `namespace:NAME`,
    `ingress:INSTANCE`, `mapping`."""

    kind: Kind
    severity: Severity
    subject: str
    name: str
    since: datetime | None
    reason: str
    next_step: str
    organization_id: str | None = None
    instance_id: str | None = None
    namespace: str = ""
    count: int = 1


def percent(share: float, digits: int = 0) -> str:
    """A part of one as pages write it: `60 %`."""
    return f"{100 * share:.{digits}f} %"
