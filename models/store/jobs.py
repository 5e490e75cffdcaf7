"""Occurrences of jobs: one row per due run, claimed by its unique key and a lease, never run twice."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Index, String, Text, UniqueConstraint, and_, func, or_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.ids import new_id
from models.domain.jobs import MAX_ATTEMPTS, OccurrenceState, back_off
from models.store import leases
from models.store.types import UtcDateTime

S = OccurrenceState


class JobOccurrence(SQLModel, table=True):
    """One due run of a job. `worker` and `attempts` together are the claim: only who holds both may write the outcome."""

    __tablename__ = "job_occurrence"
    __table_args__ = (
        UniqueConstraint("name", "due_at", name="uq_job_occurrence_name_due_at"),
        Index("ix_job_occurrence_state", "state"),
        Index("ix_job_occurrence_due_at", "due_at"),
    )

    id: str = Field(default_factory=lambda: new_id("occ"), primary_key=True, sa_type=String(40))
    name: str = Field(sa_type=String(100))
    due_at: datetime = Field(sa_type=UtcDateTime)
    state: str = Field(default=S.WAITING.value, sa_type=String(20))
    requested_by: str = Field(default="", sa_type=String(200))
    """Who pressed “run now”; empty for what the clock made due."""
    worker: str = Field(default="", sa_type=String(200))
    attempts: int = 0
    again_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Not before; set after a failure."""
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    seconds: float | None = None
    counts: str = Field(default="{}", sa_type=Text)
    """What was done, as JSON from word to number."""
    error: str = Field(default="", sa_type=Text)

    def tally(self) -> dict[str, int]:
        return {str(k): int(v) for k, v in json.loads(self.counts).items()}


def lease_name(job: str) -> str:
    return f"job:{job}"


def at(session: Session, name: str, due_at: datetime) -> JobOccurrence | None:
    return session.exec(
        select(JobOccurrence).where(col(JobOccurrence.name) == name, col(JobOccurrence.due_at) == due_at)
    ).one_or_none()


def ask(session: Session, name: str, *, due_at: datetime, by: str) -> JobOccurrence:
    """A waiting occurrence at `due_at`; the one that is there when it was asked for already."""
    there = at(session, name, due_at)
    if there is not None:
        return there
    row = JobOccurrence(name=name, due_at=due_at, requested_by=by)
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError:
        there = at(session, name, due_at)
        if there is None:
            raise
        return there
    return row


def claim(session: Session, name: str, *, due_at: datetime, worker: str, now: datetime, lease: timedelta) -> JobOccurrence | None:
    """Take the occurrence (name, due_at), making it when the clock made it due; None when it is done, taken or not to be tried yet.

    One job has at most one running occurrence: the lease on its name decides between processes that claim different ones.
    """
    until = now + lease
    if not leases.take(session, lease_name(name), holder=worker, until=until, now=now):
        return None
    ask(session, name, due_at=due_at, by="")
    free = or_(
        and_(col(JobOccurrence.state) == S.WAITING, or_(col(JobOccurrence.again_at).is_(None), col(JobOccurrence.again_at) <= now)),
        and_(col(JobOccurrence.state) == S.RUNNING, col(JobOccurrence.lease_until) < now),
    )
    taken = session.connection().execute(
        update(JobOccurrence)
        .where(
            col(JobOccurrence.name) == name, col(JobOccurrence.due_at) == due_at, free, col(JobOccurrence.attempts) < MAX_ATTEMPTS
        )
        .values(
            state=S.RUNNING,
            worker=worker,
            attempts=JobOccurrence.attempts + 1,
            lease_until=until,
            started_at=now,
            finished_at=None,
            again_at=None,
        )
    )
    if taken.rowcount != 1:
        leases.release(session, lease_name(name), holder=worker)
        return None
    session.expire_all()
    return at(session, name, due_at)


def beat(session: Session, name: str, occurrence: str, *, worker: str, attempts: int, until: datetime) -> bool:
    """Prolong the claim; False when it was lost. In a transaction with work it keeps others from taking over until the commit.

    The claim is both: the lease on the job's name, which another process may have taken for a later due time, and the occurrence.
    """
    if not leases.keep(session, lease_name(name), holder=worker, until=until):
        return False
    kept = session.connection().execute(
        update(JobOccurrence)
        .where(
            col(JobOccurrence.id) == occurrence,
            col(JobOccurrence.state) == S.RUNNING,
            col(JobOccurrence.worker) == worker,
            col(JobOccurrence.attempts) == attempts,
        )
        .values(lease_until=until)
    )
    return kept.rowcount == 1


def finish(
    session: Session,
    claimed: JobOccurrence,
    *,
    state: OccurrenceState,
    now: datetime,
    seconds: float,
    counts: Mapping[str, int],
    error: str = "",
    again_at: datetime | None = None,
    refund: bool = False,
) -> bool:
    """Write the outcome and give the claim back; False when the claim was lost meanwhile (then somebody else writes it).

    `refund` takes the attempt back: the process was asked to stop, the job did not fail.
    """
    leases.release(
        session, lease_name(claimed.name), holder=claimed.worker
    )  # first, as everybody: two orders would block each other
    written = session.connection().execute(
        update(JobOccurrence)
        .where(
            col(JobOccurrence.id) == claimed.id,
            col(JobOccurrence.state) == S.RUNNING,
            col(JobOccurrence.worker) == claimed.worker,
            col(JobOccurrence.attempts) == claimed.attempts,
        )
        .values(
            state=state,
            finished_at=now,
            seconds=round(seconds, 3),
            counts=json.dumps(dict(counts), sort_keys=True),
            error=error[:4000],
            again_at=again_at,
            lease_until=None,
            attempts=claimed.attempts - 1 if refund else claimed.attempts,
        )
    )
    if written.rowcount == 1 and state is S.DONE:
        _supersede(session, claimed.name, before=claimed.due_at)
    return written.rowcount == 1


def _supersede(session: Session, name: str, *, before: datetime) -> None:
    """What waited with an earlier due time needs no run of its own any more: bodies catch up by facts."""
    session.connection().execute(
        update(JobOccurrence)
        .where(col(JobOccurrence.name) == name, col(JobOccurrence.state) == S.WAITING, col(JobOccurrence.due_at) < before)
        .values(state=S.SUPERSEDED, again_at=None)
    )


def free_abandoned(session: Session, *, now: datetime) -> list[tuple[str, str]]:
    """Put occurrences whose process stopped answering back to waiting; (job, worker) of each. Too many such ends: failed."""
    dead = session.exec(
        select(JobOccurrence).where(col(JobOccurrence.state) == S.RUNNING, col(JobOccurrence.lease_until) < now)
    ).all()
    freed = []
    for row in dead:
        spent = row.attempts >= MAX_ATTEMPTS
        changed = session.connection().execute(
            update(JobOccurrence)
            .where(
                col(JobOccurrence.id) == row.id,
                col(JobOccurrence.state) == S.RUNNING,
                col(JobOccurrence.attempts) == row.attempts,
                col(JobOccurrence.lease_until) < now,
            )
            .values(
                state=S.FAILED if spent else S.WAITING,
                finished_at=now,
                again_at=None if spent else now + (back_off(row.attempts) if row.attempts > 1 else timedelta(0)),
                error=f"The process {row.worker} stopped answering during attempt {row.attempts}; the work was freed.",
                lease_until=None,
            )
        )
        if changed.rowcount == 1:
            freed.append((row.name, row.worker))
    return freed


def claimable(session: Session, names: Sequence[str], *, now: datetime) -> list[tuple[str, datetime]]:
    """(job, due_at) of waiting occurrences that may be tried now, oldest first."""
    rows = session.exec(
        select(col(JobOccurrence.name), col(JobOccurrence.due_at))
        .where(
            col(JobOccurrence.state) == S.WAITING,
            col(JobOccurrence.name).in_(names),
            or_(col(JobOccurrence.again_at).is_(None), col(JobOccurrence.again_at) <= now),
        )
        .order_by(col(JobOccurrence.due_at))
    )
    return [(name, due_at) for name, due_at in rows]


def newest_due(session: Session, names: Sequence[str]) -> dict[str, datetime]:
    """The newest due time that has a row, by job."""
    rows = session.exec(
        select(col(JobOccurrence.name), func.max(col(JobOccurrence.due_at)))
        .where(col(JobOccurrence.name).in_(names))
        .group_by(col(JobOccurrence.name))
    )
    return dict(rows.all())


def latest(session: Session, name: str) -> JobOccurrence | None:
    """The newest occurrence of a job that has begun."""
    return session.exec(
        select(JobOccurrence)
        .where(col(JobOccurrence.name) == name, col(JobOccurrence.started_at).is_not(None))
        .order_by(col(JobOccurrence.started_at).desc())
        .limit(1)
    ).first()


def get(session: Session, id: str) -> JobOccurrence | None:
    return session.get(JobOccurrence, id)


def history(
    session: Session,
    *,
    name: str = "",
    state: str = "",
    before: datetime | None = None,
    after: JobOccurrence | None = None,
    limit: int = 100,
) -> list[JobOccurrence]:
    """Occurrences, newest due time first, then by id; `after` is the row that the list goes on from."""
    query = select(JobOccurrence).order_by(col(JobOccurrence.due_at).desc(), col(JobOccurrence.id)).limit(limit)
    if name:
        query = query.where(col(JobOccurrence.name) == name)
    if state:
        query = query.where(col(JobOccurrence.state) == state)
    if before is not None:
        query = query.where(col(JobOccurrence.due_at) < before)
    if after is not None:
        same = and_(col(JobOccurrence.due_at) == after.due_at, col(JobOccurrence.id) > after.id)
        query = query.where(or_(col(JobOccurrence.due_at) < after.due_at, same))
    return list(session.exec(query))


def tally(session: Session, *, since: datetime) -> dict[tuple[str, str], int]:
    """Number of occurrences by (job, state) with a due time since then."""
    rows = session.exec(
        select(col(JobOccurrence.name), col(JobOccurrence.state), func.count())
        .where(col(JobOccurrence.due_at) >= since)
        .group_by(col(JobOccurrence.name), col(JobOccurrence.state))
    )
    return {(name, state): int(count) for name, state, count in rows}
