"""Background work as people see it: what is declared, what ran, what will run, and “run it now”.

`app.jobs.registry` declares its jobs here when it is imported, so that services need not know the edge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.context import Context
from app.services import audit
from models.domain.access import Permission
from models.domain.errors import Invalid, NotFound
from models.domain.jobs import JobHome, OccurrenceState, Rhythm
from models.store import jobs as store


@dataclass(frozen=True, slots=True)
class Planned:
    """One thing that a run would do."""

    subject: str
    action: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What the next run would do, if the facts stay as they are. Making one writes nothing."""

    job: str
    due_at: datetime
    summary: str
    planned: tuple[Planned, ...] = ()


@dataclass(frozen=True, slots=True)
class Declared:
    """A job of the program: its promise in one sentence, its rhythm, its home, and its preview."""

    name: str
    about: str
    home: JobHome
    rhythm: Rhythm
    preview: Callable[[Context, datetime], Preview]


@dataclass(frozen=True, slots=True)
class OccurrenceRow:
    """One due run. `seconds` is its duration, `counts` what it did."""

    id: str
    name: str
    due_at: datetime
    state: OccurrenceState
    requested_by: str
    worker: str
    attempts: int
    again_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None
    counts: dict[str, int]
    error: str


@dataclass(frozen=True, slots=True)
class JobRow:
    """A declared job with its newest run and its next due time."""

    name: str
    about: str
    home: JobHome
    every: timedelta
    next_at: datetime
    last: OccurrenceRow | None


@dataclass(frozen=True, slots=True)
class JobList:
    as_of: datetime
    jobs: tuple[JobRow, ...]
    source: str = field(default="operational store")


DECLARED: dict[str, Declared] = {}


def declare(job: Declared) -> None:
    """Make a job known, or its rhythm another one; two jobs of one name are a programming error."""
    known = DECLARED.get(job.name, job)
    if (known.about, known.home, known.preview) != (job.about, job.home, job.preview):
        raise ValueError(f"two jobs are called {job.name}")
    DECLARED[job.name] = job


def _declared(name: str) -> Declared:
    try:
        return DECLARED[name]
    except KeyError:
        raise NotFound(f"There is no job “{name}”. There are: {', '.join(sorted(DECLARED))}.") from None


def _row(row: store.JobOccurrence) -> OccurrenceRow:
    return OccurrenceRow(
        id=row.id,
        name=row.name,
        due_at=row.due_at,
        state=OccurrenceState(row.state),
        requested_by=row.requested_by,
        worker=row.worker,
        attempts=row.attempts,
        again_at=row.again_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        seconds=row.seconds,
        counts=row.tally(),
        error=row.error,
    )


def list_(ctx: Context) -> JobList:
    """Every declared job with its newest run and when it is due next."""
    ctx.require(Permission.SEE_JOBS)
    rows = []
    for job in sorted(DECLARED.values(), key=lambda j: j.name):
        last = store.latest(ctx.session, job.name)
        rows.append(
            JobRow(
                name=job.name,
                about=job.about,
                home=job.home,
                every=job.rhythm.every,
                next_at=job.rhythm.next(ctx.now),
                last=None if last is None else _row(last),
            )
        )
    return JobList(as_of=ctx.now, jobs=tuple(rows))


def history(
    ctx: Context, *, name: str = "", state: str = "", before: datetime | None = None, after: str = "", limit: int = 100
) -> Sequence[OccurrenceRow]:
    """Occurrences, newest due time first: those due before `before`, or those that follow the occurrence `after`. Kept 90 days."""
    ctx.require(Permission.SEE_JOBS)
    last = None
    if after:
        last = store.get(ctx.session, after)
        if last is None:
            raise Invalid("The list has no such place any more. Begin it anew, without the cursor.", field="cursor")
    found = store.history(ctx.session, name=name, state=state, before=before, after=last, limit=min(limit, 1000))
    return tuple(_row(row) for row in found)


def get(ctx: Context, *, id: str) -> OccurrenceRow:
    ctx.require(Permission.SEE_JOBS)
    row = store.get(ctx.session, id)
    if row is None:
        raise NotFound("There is no such occurrence; those older than 90 days are forgotten.")
    return _row(row)


def run_now(ctx: Context, *, name: str) -> OccurrenceRow:
    """Ask the job's home process to run it; it begins within seconds. Asking twice in one second asks once."""
    ctx.require(Permission.RUN_JOBS)
    _declared(name)
    row = store.ask(ctx.session, name, due_at=ctx.now.replace(microsecond=0), by=ctx.actor.id)
    ctx.session.flush()
    audit.record(ctx, action="job.run_now", subject=name, after={"occurrence": row.id})
    return _row(row)


def preview(ctx: Context, *, name: str) -> Preview:
    """What the next run would do; reads only."""
    ctx.require(Permission.SEE_JOBS)
    job = _declared(name)
    return job.preview(ctx, job.rhythm.next(ctx.now))
