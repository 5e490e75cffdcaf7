"""What is known of an app that has to be diagnosed, and what a finding about it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from models.domain.changesets import ChangeState
from models.domain.cluster import Event, Pod, Snapshot
from models.domain.diagnosis_words import SENTENCES, written
from models.domain.trouble import MemoryUse, VolumeUse, amount
from models.domain.trouble_shapes import Severity, Trouble, percent


class Cause(StrEnum):
    """Why an app does not do what it should; the order is the one in which they are told."""

    DATA_LOST = "data_lost"
    VOLUME_NODE = "volume_node"
    NODE_DOWN = "node_down"
    NO_MEMORY = "no_memory"
    NO_CPU = "no_cpu"
    NO_NODE = "no_node"
    STORAGE = "storage"
    QUOTA = "quota"
    SECURITY = "security"
    IMAGE = "image"
    CONFIGURATION = "configuration"
    COMMAND = "command"
    OUT_OF_MEMORY = "out_of_memory"
    PROBE = "probe"
    CRASHING = "crashing"
    SETUP = "setup"
    REFUSED = "refused"
    DEADLINE = "deadline"
    ADDRESS = "address"
    CERTIFICATE = "certificate"
    VOLUME_FULL = "volume_full"
    FAILING = "failing"
    MEMORY_NEAR = "memory_near"
    SLOW = "slow"
    STOPPED = "stopped"


class Remedy(StrEnum):
    """What a button does about it."""

    PLAN = "plan"
    SETTINGS = "settings"
    ROLL_BACK = "roll_back"
    RESTART = "restart"
    START = "start"
    RETRY = "retry"
    STAFF = "staff"
    """Tell those who run the platform."""
    WAIT = "wait"
    """It mends itself."""


Value = str | int | float | datetime


@dataclass(frozen=True, slots=True)
class End:
    """A run of a container that ended otherwise than by its own success, as it was recorded."""

    uid: str
    container: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Work:
    """What is being done with the app now, or where it stopped. `lost`: it stopped because what held data is gone."""

    state: ChangeState
    phase: str
    reason: str
    since: datetime
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Reached:
    """Its address, as it was last asked: up, down or unknown."""

    outcome: str
    at: datetime | None = None
    certificate_ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of one app. `pods` are those of its namespaces; `snapshot` is the whole cluster, for what room there is."""

    snapshot: Snapshot
    pods: Sequence[Pod]
    namespaces: frozenset[str]
    running: bool = True
    ends: Sequence[End] = ()
    memory: Sequence[MemoryUse] = ()
    volumes: Sequence[VolumeUse] = ()
    held_back: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """Share of the time in which the processor limit held it back, by uid and container."""
    answers: Sequence[Trouble] = ()
    reached: Reached | None = None
    work: Work | None = None

    def events(self, *reasons: str) -> Iterator[Event]:
        """Of its namespaces, the newest first."""
        for one in reversed(self.snapshot.events):
            if one.namespace in self.namespaces and one.reason in reasons:
                yield one


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause. `code` is that of its sentence; `values` are what the sentence names; `evidence` are the cluster's own words."""

    cause: Cause
    code: str
    severity: Severity
    part: str = ""
    since: datetime | None = None
    values: Mapping[str, Value] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()
    log: str = ""
    """`pod/container` whose previous run says more; empty when no log does."""

    @property
    def sentence(self) -> str:
        """English, times in UTC."""
        return written(SENTENCES[self.code], self.values.get("n"), shown(self.values))


def shown(values: Mapping[str, Value]) -> dict[str, str]:
    """Values as words: sizes, shares and times by what their names end with."""
    return {name: _shown(name, value) for name, value in values.items()}


def _shown(name: str, value: Value) -> str:
    if isinstance(value, datetime):
        return f"{value:%H:%M} UTC" if name == "since" else f"{value:%Y-%m-%d %H:%M} UTC"
    if name.endswith("_bytes"):
        return amount(float(value))
    if name.endswith("_cores"):
        return f"{float(value):g} {'core' if value == 1 else 'cores'}"
    return percent(float(value)) if name == "share" else str(value)
