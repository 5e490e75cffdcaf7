"""Rules of background work: when a job is due, what an occurrence may become, how long to wait after a failure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from models.domain.clock import aware

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
LEASE = timedelta(seconds=45)
"""How long a claim holds without a sign of life from its process."""
HEARTBEAT = timedelta(seconds=10)
MAX_ATTEMPTS = 5
KEPT = timedelta(days=90)


class JobHome(StrEnum):
    """The process in which a job runs: the server owns warehouse and cluster cache, the worker may burn CPU and wait."""

    SERVER = "server"
    WORKER = "worker"


class OccurrenceState(StrEnum):
    """What a due run of a job is.

    `waiting` has been asked for, was put back after a failure, or was freed from a dead process; `superseded` was waiting when a
    later run of the same job did its work too.
    """

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Due each `every`, counted from midnight UTC plus `offset`, so that all processes agree on the due times."""

    every: timedelta
    offset: timedelta = field(default=timedelta(0))

    def __post_init__(self) -> None:
        if self.every < timedelta(seconds=1):
            raise ValueError("a job is due at most once a second")

    def latest(self, now: datetime) -> datetime:
        """The newest due time that is not after `now`."""
        start = EPOCH + self.offset
        return start + (aware(now) - start) // self.every * self.every

    def next(self, now: datetime) -> datetime:
        """The first due time after `now`."""
        return self.latest(now) + self.every


def back_off(attempts: int) -> timedelta:
    """How long to wait after the failure of attempt number `attempts`: 30 s, 1, 2, 4 min ... at most an hour."""
    doublings = min(max(attempts - 1, 0), 7)  # the seventh is beyond an hour already
    return min(timedelta(seconds=30 * 2**doublings), timedelta(hours=1))
