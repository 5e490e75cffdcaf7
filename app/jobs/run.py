"""What the body of a job holds in its hands: the container, a due time, fenced transactions and a count."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from app.container import Container
from app.context import Context
from app.logs import logger
from models.domain.access import Actor, job_actor
from models.domain.errors import PlatformError
from models.domain.jobs import LEASE
from models.store import jobs as store

Item = TypeVar("Item")
log = logger(__name__)


class ClaimLost(PlatformError):
    """Another process took the occurrence over, because this one was silent too long; nothing more may be written."""

    code = "claim_lost"


class Stopping(PlatformError):
    """The process was asked to end; the occurrence goes back to waiting and is continued by the next one."""

    code = "stopping"


@dataclass
class Run:
    """One attempt at one occurrence. Every transaction prolongs the claim first, so a process that lost it cannot write."""

    container: Container
    job: str
    due_at: datetime
    occurrence: str
    worker: str
    attempt: int
    lease: timedelta = LEASE
    stop: threading.Event = field(default_factory=threading.Event)
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    @property
    def actor(self) -> Actor:
        return job_actor(self.job)

    def check(self) -> None:
        """Raise when the process was asked to stop: call it between items."""
        if self.stop.is_set():
            raise Stopping("The process was asked to stop.")

    def count(self, word: str, number: int = 1) -> None:
        self.counts[word] += number

    @contextmanager
    def transaction(self) -> Iterator[Context]:
        """One unit of work, only while the claim holds. On PostgreSQL the claim's row stays locked until the commit."""
        with self.container.transaction(self.actor, "job") as ctx:
            until = self.container.clock.now() + self.lease
            held = store.beat(ctx.session, self.job, self.occurrence, worker=self.worker, attempts=self.attempt, until=until)
            if not held:
                raise ClaimLost(f"The job {self.job} was taken over by another process; this one stops.")
            yield ctx

    @contextmanager
    def reading(self) -> Iterator[Context]:
        with self.container.reading(self.actor, "job") as ctx:
            yield ctx

    def each(self, items: Iterable[Item], work: Callable[[Context, Item], None], *, word: str) -> None:
        """`work` on every item in a transaction of its own; a failing item is counted and told, and never stops the rest."""
        for item in items:
            self.check()
            with self.telling(item):
                with self.transaction() as ctx:
                    work(ctx, item)
                self.count(word)

    @contextmanager
    def telling(self, item: object) -> Iterator[None]:
        """What fails inside is counted and told as that item's, and goes no further."""
        try:
            yield
        except (ClaimLost, Stopping):
            raise
        except Exception as error:  # one item's failure must not stop the others, whatever it is; it is told at the end
            self.count("failed")
            self.problems.append(f"{item}: {error}")
            log.warning("item failed", job=self.job, item=str(item), error=error)
