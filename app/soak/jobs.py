"""Kill test of the job runner: real processes race for the occurrences of one job and die at random points.

The job notes every quarter of every second since the test began exactly once, one transaction each; its witness is the audit.
One that is missing, one that is noted twice, or one that a process noted after another had taken over is a failure.
"""

from __future__ import annotations

import json
import os
import random
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlmodel import select

from app.auth.seal import Seal
from app.config import Settings
from app.container import Container
from app.context import Context
from app.gateways.mail import gateway
from app.jobs import registry, runner
from app.jobs.run import Run
from app.jobs.scheduler import Scheduler
from app.logs import logger
from app.services import audit
from app.services.jobs import Preview
from app.soak import victims
from models.domain.clock import SystemClock, stopwatch
from models.domain.errors import PlatformError, Unavailable
from models.domain.jobs import JobHome, OccurrenceState
from models.store.audit import Audit
from models.store.jobs import JobOccurrence
from models.store.session import Store

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    import polars as pl

    from collectors.sources.port import SourceHealth
    from models.domain.cluster import Snapshot

NAME = "soak"
LEASE = timedelta(seconds=1)
FAR = datetime.max.replace(tzinfo=UTC)
WORKERS = 2
SETTLE_SECONDS = 60.0
ANYBODY = 0.2
log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run of kills found. `problems` is empty when all held."""

    kills: int
    noted: int
    inside: int
    """Kills that hit a process inside the body."""
    takeovers: int
    """Attempts beyond the first: occurrences that went on after a death, and were not superseded by a later one."""
    overtaken: int
    """Processes that were alive and silent longer than their lease when another took over."""
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Passage:
    """One stay of a process inside the body; who died inside has no end of its own."""

    pid: int
    since: datetime
    until: datetime = FAR


NOTHING = "The soak of jobs runs without warehouse and cluster."


class Nothing:
    """Neither warehouse nor cluster: a job of the soak that asked for one would be told so, and fail."""

    def query(self, sql: str, params: object = None) -> pl.DataFrame:
        raise Unavailable(NOTHING)

    def snapshot(self) -> Snapshot:
        raise Unavailable(NOTHING)

    def current(self, entity: str) -> pl.DataFrame:
        raise Unavailable(NOTHING)

    def sources(self) -> tuple[SourceHealth, ...]:
        return ()


def _container(url: str, folder: Path) -> Container:
    nothing = Nothing()
    settings = Settings.model_construct(data=folder, store_url=url)
    return Container(
        settings=settings,
        clock=SystemClock(),
        store=Store(url),
        warehouse=nothing,
        cluster=nothing,
        mail=gateway(""),
        seal=Seal({"k": bytes(32)}, "k"),
    )


def _declare(since: datetime, diary: Path, pause: float) -> None:
    """The job that notes seconds."""

    def body(run: Run) -> None:
        """Note every quarter of a second since the beginning that is not noted yet."""
        _write(diary, f"in {os.getpid()} {SystemClock().now().isoformat()}")
        try:
            with run.reading() as ctx:
                noted = set(ctx.session.exec(select(Audit.subject).where(Audit.action == "soak.note")))
            run.each(
                (at for at in _expected(since, run.due_at) if at not in noted), lambda ctx, at: _note(ctx, at, pause), word="noted"
            )
        finally:
            _write(diary, f"out {os.getpid()} {SystemClock().now().isoformat()}")

    def preview(_ctx: Context, due_at: datetime) -> Preview:
        return Preview(NAME, due_at, "seconds would be noted")

    registry.job(NAME, every=timedelta(seconds=1), home="worker", preview=preview)(body)


def _note(ctx: Context, at: str, pause: float) -> None:
    audit.record(ctx, action="soak.note", subject=at, after={"pid": os.getpid()})
    time.sleep(pause)  # the transaction is open: deaths fall into it too


def _write(diary: Path, line: str) -> None:
    with diary.open("a", encoding="utf-8") as handle:
        handle.write(line + "\n")


def work(url: str, folder: str, since: datetime, pause: float) -> None:
    """One process: claims what is due until it is killed."""
    registry.MODULES = ()
    _declare(since, Path(folder) / "diary", pause)
    container = _container(url, Path(folder))
    scheduler = Scheduler(container, JobHome.WORKER, only={NAME}, lease=LEASE)
    while True:
        try:
            for name, due_at in scheduler.due():
                runner.run_once(container, name, due_at, lease=LEASE)
            runner.run_once(container, NAME, lease=LEASE)
        except PlatformError as error:  # as in the scheduler: a store that is busy too long is asked again
            log.warning("job could not be claimed", job=NAME, error=error)
        time.sleep(0.03)


def run(url: str, folder: Path, *, kills: int, seed: int, pause: float = 0.12) -> Verdict:
    """Kill `kills` times, on a migrated store that has no rows; then wait until the work is done, and judge."""
    chance = random.Random(seed)  # noqa: S311  a test that repeats, no secret
    methods = victims.context()
    since = SystemClock().now().replace(microsecond=0)
    killed: dict[int, datetime] = {}
    processes: list[BaseProcess] = []
    ended: list[int] = []

    def start() -> BaseProcess:
        made = methods.Process(target=work, args=(url, str(folder), since, pause), daemon=True)
        made.start()
        return made

    try:
        processes += [start() for _ in range(WORKERS)]
        diary = folder / "diary"
        for _ in range(kills):
            victim = _next(processes, diary, chance)
            _kill(processes[victim], killed, ended)
            processes[victim] = start()
        until = SystemClock().now().replace(microsecond=0)
        settled = _settle(url, since, until)
        for process in processes:
            _kill(process, killed, ended)
        verdict = _judge(url, since, until, killed, diary, kills, settled=settled)
        return replace(verdict, problems=(*verdict.problems, *(f"a process ended by itself with {code}" for code in ended)))
    finally:
        for process in processes:
            victims.kill(process)


def _kill(process: BaseProcess, killed: dict[int, datetime], ended: list[int]) -> None:
    if (code := victims.kill(process)) is not None:
        ended.append(code)
    if process.pid is not None:
        killed[process.pid] = SystemClock().now()


def _next(processes: list[BaseProcess], diary: Path, chance: random.Random) -> int:
    """Whom to kill, at the moment to do it: a fifth anybody at any time, the others who is inside the body, a little later.

    However slow the machine is, somebody gets inside before that: deaths of processes that never did anything show little.
    """
    if chance.random() < ANYBODY:
        time.sleep(chance.uniform(0.05, 1.0))
        return chance.randrange(WORKERS)
    began = stopwatch()
    while stopwatch() - began < SETTLE_SECONDS:
        inside = _entries(diary)
        if within := [n for n, one in enumerate(processes) if one.pid in inside]:
            time.sleep(chance.uniform(0.0, 0.3))
            return within[0]
        time.sleep(0.01)
    return chance.randrange(WORKERS)


def _entries(diary: Path) -> set[int]:
    """Who went into the body and did not come out."""
    inside: set[int] = set()
    for line in diary.read_text(encoding="utf-8").splitlines() if diary.exists() else ():
        word, pid, _ = line.split()
        (inside.add if word == "in" else inside.discard)(int(pid))
    return inside


def _expected(since: datetime, until: datetime) -> list[str]:
    return [(since + timedelta(seconds=n / 4)).isoformat() for n in range(4 * int((until - since).total_seconds()))]


def _settle(url: str, since: datetime, until: datetime) -> bool:
    """Wait until every second up to `until` is noted."""
    store, began = Store(url), stopwatch()
    try:
        while stopwatch() - began < SETTLE_SECONDS:
            with store.reading() as session:
                noted = set(session.exec(select(Audit.subject).where(Audit.action == "soak.note")))
            if set(_expected(since, until)) <= noted:
                return True
            time.sleep(0.2)
        return False
    finally:
        store.close()


def _judge(
    url: str, since: datetime, until: datetime, killed: dict[int, datetime], diary: Path, kills: int, *, settled: bool
) -> Verdict:
    store = Store(url)
    try:
        with store.reading() as session:
            kept = list(session.exec(select(Audit).where(Audit.action == "soak.note")))
            rows = list(session.exec(select(JobOccurrence).where(JobOccurrence.name == NAME)))
    finally:
        store.close()
    problems = [] if settled else [f"not everything was done {SETTLE_SECONDS:g} s after the last kill"]
    noted = [one.subject for one in kept]
    problems += [f"{at} is missing" for at in sorted(set(_expected(since, until)) - set(noted))]
    problems += [f"{at} was noted {noted.count(at)} times" for at in sorted(set(noted)) if noted.count(at) > 1]
    problems += [f"{row.due_at} failed: {row.error}" for row in rows if row.state == OccurrenceState.FAILED]
    stays = _passages(diary)
    inside = sum(stay.until == FAR and stay.pid in killed for stay in stays)
    overtaken, late = together(stays, killed, [(json.loads(one.after or "{}")["pid"], one.at) for one in kept])
    takeovers = sum(max(row.attempts - 1, 0) for row in rows)
    return Verdict(kills, len(noted), inside, takeovers, overtaken, (*problems, *late))


def _passages(diary: Path) -> list[Passage]:
    """Every stay of a process inside the body, in the order of their beginnings."""
    stays: list[Passage] = []
    for line in diary.read_text(encoding="utf-8").splitlines():
        word, number, moment = line.split()
        pid, at = int(number), datetime.fromisoformat(moment)
        if word == "in":
            stays.append(Passage(pid, at))
        else:
            newest = max(n for n, stay in enumerate(stays) if stay.pid == pid)
            stays[newest] = replace(stays[newest], until=at)
    return stays


def together(stays: list[Passage], killed: dict[int, datetime], notes: list[tuple[int, datetime]]) -> tuple[int, list[str]]:
    """How often a process was overtaken alive, and each note that one of those still wrote.

    Who is silent longer than its lease, as on a machine without a free processor, may be overtaken; what it writes after that is what
    must not be.
    """
    overtaken, found = 0, []
    for stay in stays:
        for other in stays:
            end = min(other.until, killed.get(other.pid, FAR))
            if other.pid != stay.pid and other.since <= stay.since < end:
                overtaken += 1
                late = [at for pid, at in notes if pid == other.pid and stay.since < at <= end]
                found += [f"{other.pid} noted at {at} after {stay.pid} had begun at {stay.since}" for at in late]
    return overtaken, found
