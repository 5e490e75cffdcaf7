"""Runs one occurrence of one job: claim, body, outcome. Scheduler, command line, “run now” and tests all come through here."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.container import Container
from app.jobs.registry import Job, find
from app.jobs.run import ClaimLost, Run, Stopping
from app.logs import logger
from models.domain.clock import stopwatch
from models.domain.errors import PlatformError
from models.domain.ids import new_id
from models.domain.jobs import HEARTBEAT, LEASE, MAX_ATTEMPTS, OccurrenceState, back_off
from models.store import jobs as store

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended."""

    job: str
    due_at: datetime
    state: OccurrenceState
    counts: dict[str, int]
    seconds: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class _End:
    state: OccurrenceState
    error: str = ""
    again_at: datetime | None = None
    refund: bool = False


def new_worker() -> str:
    """A name for one attempt's holder: machine, process, and something that no restart repeats."""
    return f"{socket.gethostname()}:{os.getpid()}:{new_id('w')}"


def run_once(
    container: Container,
    name: str,
    due_at: datetime | None = None,
    *,
    stop: threading.Event | None = None,
    lease: timedelta = LEASE,
) -> Outcome | None:
    """Run the occurrence of `name` that is due at `due_at` (None: its newest due time); None when there is nothing to claim.

    `stop` asks the body to end at its next item; what is not done goes back to waiting.
    An expected failure or a bug in the body becomes a failed attempt with a time to try again; it never escapes from here.
    """
    job = find(name)
    now = container.clock.now()
    due = due_at or job.rhythm.latest(now)
    worker = new_worker()
    with container.store.transaction() as session:
        claimed = store.claim(session, name, due_at=due, worker=worker, now=now, lease=lease)
    if claimed is None:
        return None
    run = Run(container, name, due, claimed.id, worker, claimed.attempts, lease, stop or threading.Event())
    started = stopwatch()
    with _heartbeat(container, claimed, lease):
        end = _attempt(job, run)
    seconds = stopwatch() - started
    with container.store.transaction() as session:
        mine = store.finish(
            session,
            claimed,
            state=end.state,
            now=container.clock.now(),
            seconds=seconds,
            counts=run.counts,
            error=end.error,
            again_at=end.again_at,
            refund=end.refund,
        )
    if not mine:
        log.warning("claim was lost before the outcome was written", job=name, due_at=due.isoformat())
        return None
    told = log.debug if end.state is OccurrenceState.DONE else log.warning  # what ran well is in the history, not on the console
    told("job", job=name, state=end.state.value, seconds=round(seconds, 3), error=end.error, counts=dict(run.counts))
    return Outcome(name, due, end.state, dict(run.counts), seconds, end.error)


def _attempt(job: Job, run: Run) -> _End:
    """The body, with every exception turned into a state, a sentence and the time of the next attempt."""
    clock = run.container.clock
    try:
        run.check()
        job.body(run)
    except Stopping:
        return _End(OccurrenceState.WAITING, "The process was asked to stop; the rest follows.", clock.now(), refund=True)
    except ClaimLost as error:  # where only the job's name was lost, the occurrence waits; else `finish` writes nothing
        return _End(OccurrenceState.WAITING, str(error), clock.now(), refund=True)
    except PlatformError as error:
        log.warning("job failed", job=job.name, error=error, code=error.code)
        return _failed(run, str(error), clock.now())
    except Exception as error:  # a bug in one job must not end the scheduler; it is logged whole and kept with the occurrence
        log.exception("job failed unexpectedly", job=job.name)
        return _failed(run, f"{type(error).__name__}: {error}", clock.now())
    if run.problems:
        more = f" … and {len(run.problems) - 3} more" if len(run.problems) > 3 else ""
        return _failed(run, "; ".join(run.problems[:3]) + more, clock.now())
    return _End(OccurrenceState.DONE)


def _failed(run: Run, error: str, now: datetime) -> _End:
    if run.attempt >= MAX_ATTEMPTS:
        return _End(OccurrenceState.FAILED, error)
    return _End(OccurrenceState.WAITING, error, now + back_off(run.attempt))


@contextmanager
def _heartbeat(container: Container, claimed: store.JobOccurrence, lease: timedelta) -> Iterator[None]:
    """Prolongs the claim from a thread of its own while the body runs."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(min(HEARTBEAT, lease / 3).total_seconds()):
            now = container.clock.now()
            try:
                with container.store.transaction() as session:
                    until = now + lease
                    if not store.beat(
                        session, claimed.name, claimed.id, worker=claimed.worker, attempts=claimed.attempts, until=until
                    ):
                        return
            except PlatformError as error:
                log.warning("heartbeat failed", job=claimed.name, error=error)

    thread = threading.Thread(target=beat, name=f"heartbeat-{claimed.name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=2)
