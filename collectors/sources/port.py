"""What a source of measurements promises; live and simulated adapters sign the same contract tests.

Adapters translate every foreign error into `Unavailable` (try again) or `Misconfigured` (a person must act), with a sentence.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, runtime_checkable

import polars as pl

from models.domain.cluster import Snapshot


@dataclass(frozen=True, slots=True)
class Window:
    """The half-open interval (start, end] that tick `end` owns: aware UTC."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class QueryReport:
    """How one question to a source went; kept as collection health."""

    name: str
    seconds: float
    series: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """One source's answer for one window: a frame per entity (columns by `collectors.entities`) and how the questions went.

    An entity that the source cannot know at all is absent; one that it knows to be empty has an empty frame.
    """

    frames: Mapping[str, pl.DataFrame]
    queries: Sequence[QueryReport] = ()
    findings: Sequence[Finding] = ()


NOT_SAMPLED = "not_sampled"
"""Code of the finding that nobody measured in the window: such a reading is no tick, and lost when the window is old."""


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about the data's own quality: a missing exporter, labels that do not cover, volumes without statistics."""

    code: str
    severity: Severity
    message: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What the inventory noticed in (since, upto]: frames per record (`event`, `pod_state`, `node_state`)."""

    frames: Mapping[str, pl.DataFrame]
    upto: datetime


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """An address to reach from outside; `namespace` says whose it is. `resolve` overrides where the name leads ("ip:port")."""

    address: str
    namespace: str
    resolve: str = ""


class MetricsSource(Protocol):
    """Samples with their own times. `name` is the warehouse's source; it has no colon."""

    name: str

    def read(self, window: Window) -> Reading:
        """All raw samples in the window, one row per thing (its newest sample in the window)."""

    def oldest(self) -> datetime | None:
        """The time from which samples can still be read; None when unknown. What is older can never be back-filled."""


@runtime_checkable
class ChunkedMetricsSource(Protocol):
    """A metrics source that reads many adjoining windows with as few questions as one."""

    def read_many(self, windows: Sequence[Window]) -> Iterator[tuple[Window, Reading]]:
        """The same as `read` of each window, in order; raises as `read` does, before the window that failed."""


class InventorySource(Protocol):
    """What exists now, without asking the cluster anew for each reader."""

    name: str

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def snapshot(self) -> Snapshot:
        """The newest known state; after a lost connection the last one with `stale_since`. Raises Unavailable before the first."""

    def changes(self, now: datetime) -> Changes:
        """Changes noticed since they were last acknowledged, up to `now`; repeated until `acknowledge`."""

    def acknowledge(self, changes: Changes) -> None:
        """The changes are stored; do not report them again."""

    def resync(self) -> None:
        """Read everything anew from the cluster."""

    def findings(self) -> Sequence[Finding]:
        """What the inventory cannot see, such as a kind that its account may not list."""


@runtime_checkable
class VersionedInventorySource(Protocol):
    """An inventory that can tell cheaply that its next snapshot is of another kind than the one before."""

    def version(self) -> Hashable:
        """Another value when what is known changed otherwise than by the cluster's own course: a connection that was lost or
        came back, a simulated world that was changed. What the cluster does by itself need not change it."""


class ProbeSource(Protocol):
    name: str

    def probe(self, targets: Sequence[ProbeTarget], now: datetime) -> pl.DataFrame:
        """One row per target with the columns of `collectors.entities.PROBE`; never raises for a target that is down."""


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """State of one source's collection as pages and /metrics show it."""

    source: str
    last_tick: datetime | None
    last_success_at: datetime | None
    failing_since: datetime | None = None
    problem: str = ""
    queries: Sequence[QueryReport] = ()
    findings: Sequence[Finding] = ()
    tick_seconds: float = 0.0
    interval: timedelta = field(default=timedelta(seconds=30))
    expected_since: datetime | None = None
    """Since when this process collects from it."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that a container wrote, with the time at which it was taken down."""

    at: datetime
    text: str


class LogSource(Protocol):
    """What containers write to their standard output, as far as the cluster still has it."""

    def read(
        self, namespace: str, pod: str, container: str, *, lines: int, previous: bool = False, since: datetime | None = None
    ) -> Sequence[LogLine]:
        """The newest `lines` of them, the oldest first; of the run before the present one with `previous`; only after `since`.

        Raises NotFound when there is no such pod or run, Unavailable when nobody answers, Misconfigured without the right.
        """
