"""When jobs run: APScheduler calls `run_once` at due times, and a sweep picks up what is late, asked for or was abandoned."""

from __future__ import annotations

import threading
from collections.abc import Collection
from datetime import datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from app.container import Container
from app.jobs import registry, runner
from app.jobs.registry import Job
from app.logs import logger
from models.domain.errors import PlatformError
from models.domain.jobs import EPOCH, LEASE, JobHome
from models.store import jobs as store

SWEEP_SECONDS = 3
THREADS = 3
log = logger(__name__)


class Scheduler:
    """Runs the jobs of one home in threads of this process; `only` some of them, when they are named."""

    def __init__(
        self, container: Container, home: JobHome, *, only: Collection[str] | None = None, lease: timedelta = LEASE
    ) -> None:
        registry.fit(container.settings)
        self._container, self._lease = container, lease
        self._jobs = {job.name: job for job in registry.every() if job.home is home and (only is None or job.name in only)}
        self._ending = threading.Event()
        self._idle = threading.Condition()
        self._running: list[str] = []
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={"default": ThreadPoolExecutor(THREADS), "sweep": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 30},
        )

    def start(self) -> None:
        for job in self._jobs.values():
            trigger = IntervalTrigger(
                seconds=int(job.rhythm.every.total_seconds()), start_date=EPOCH + job.rhythm.offset, timezone="UTC"
            )
            self._scheduler.add_job(self._run, trigger, args=[job.name, None], id=job.name)
        self._scheduler.add_job(
            self.sweep,
            IntervalTrigger(seconds=SWEEP_SECONDS, timezone="UTC"),
            executor="sweep",
            id="sweep",
            next_run_time=self._container.clock.now() + timedelta(seconds=1),
        )
        self._scheduler.start()

    def stop(self, *, seconds: float = 2.0) -> bool:
        """End: running bodies stop at their next item, the rest goes back to waiting. False when one still ran after `seconds`."""
        self._ending.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        with self._idle:
            return self._idle.wait_for(lambda: not self._running, timeout=seconds)

    def _run(self, name: str, due_at: datetime | None) -> None:
        with self._idle:
            if self._ending.is_set():
                return
            self._running.append(name)
        try:
            runner.run_once(self._container, name, due_at, stop=self._ending, lease=self._lease)
        except PlatformError as error:  # the store itself did not answer: the sweep comes back to it
            log.warning("job could not be claimed", job=name, error=error)
        finally:
            with self._idle:
                self._running.remove(name)
                self._idle.notify_all()

    def sweep(self) -> None:
        """Free what dead processes held, then start what waits and what was due while nobody was there."""
        if self._ending.is_set():
            return
        try:
            for name, due_at in self.due():
                self._scheduler.add_job(self._run, args=[name, due_at], id=f"late:{name}", replace_existing=True)
        except PlatformError as error:
            log.warning("sweep failed", error=error)

    def due(self) -> list[tuple[str, datetime]]:
        """At most one (job, due_at) a job: the newest slot that passed without a run, else the oldest that waits.

        The newest slot does the work of all that wait before it, which are superseded when it is done.
        """
        now = self._container.clock.now()
        with self._container.store.transaction() as session:
            for name, worker in store.free_abandoned(session, now=now):
                log.warning("freed an abandoned job", job=name, worker=worker)
        names = list(self._jobs)
        with self._container.store.reading() as session:
            newest = store.newest_due(session, names)
            waiting = store.claimable(session, names, now=now)
        late = {name: slot for name, job in self._jobs.items() if (slot := _missed(job, newest.get(name), now)) is not None}
        return list({**dict(reversed(waiting)), **late}.items())


def _missed(job: Job, newest: datetime | None, now: datetime) -> datetime | None:
    """The newest slot when it has no row: one late run does for all that were missed. A new installation waits for its first."""
    slot = job.rhythm.latest(now)
    if newest is None:
        return slot if job.at_start else None
    return slot if newest < slot and now - slot > timedelta(seconds=SWEEP_SECONDS) else None
