"""What goes wrong in the simulated world: faults that are part of its history, and those that somebody orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from models.domain.clock import aware
from models.domain.errors import Invalid


class Kind(StrEnum):
    """A way to fail. `target` is a node's name, a component as "namespace/component", or empty for the kinds that concern all."""

    NODE_OFF = "node_off"
    """The power of a node is cut from `start` to `end`."""
    CRASH = "crash"
    """A component ends once, at `start`, with exit code 1."""
    OOM = "oom"
    """A component is killed once for its memory, at `start`."""
    CRASH_LOOP = "crash_loop"
    """A component ends seconds after each of its starts."""
    LEAK = "leak"
    """A component's memory grows until it is killed, again and again."""
    NOISY = "noisy"
    """The first replica of a component wants all the CPU that its limit allows during the day, and slows its node down."""
    PROMETHEUS_DOWN = "prometheus_down"
    """Prometheus does not answer; what it scrapes meanwhile can be read afterwards."""
    SAMPLES_LOST = "samples_lost"
    """Nothing was scraped: samples of that time never existed."""
    API_DOWN = "api_down"
    """The Kubernetes API does not answer; the cluster itself goes on."""


MOMENTARY = frozenset({Kind.CRASH, Kind.OOM})
ON_A_NODE = frozenset({Kind.NODE_OFF})
ON_A_COMPONENT = frozenset({Kind.CRASH, Kind.OOM, Kind.CRASH_LOOP, Kind.LEAK, Kind.NOISY})


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong in [start, end); without `end` it lasts until somebody ends it."""

    kind: Kind
    target: str
    start: datetime
    end: datetime | None = None

    def __post_init__(self) -> None:
        aware(self.start)
        if self.end is not None and self.end <= self.start:
            raise Invalid(
                f"The fault {self.kind} of {self.target or 'the world'} ends before it starts. Give a later end.", field="end"
            )

    def active(self, at: datetime) -> bool:
        return self.start <= at and (self.end is None or at < self.end)
