"""Change sets: work on the cluster for one instance, claimed by one process at a time, and the record of its steps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Index, Text, UniqueConstraint, or_, text, tuple_, update
from sqlmodel import Field, Session, SQLModel, col, func, select

from models.domain.changesets import OPEN, ChangeState, Purpose
from models.domain.ids import new_id
from models.store.catalogue import Plan
from models.store.instances import Instance
from models.store.specifications import Specification
from models.store.types import UtcDateTime, text_enum

_OPEN = text("state IN ('held', 'waiting', 'blocked')")


class ChangeSet(SQLModel, table=True):
    """One piece of work: bring an instance to a generation of its specification, or remove it."""

    __tablename__ = "change_set"
    __table_args__ = (
        Index("uq_change_set_instance_id_open", "instance_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_change_set_state_again_at", "state", "again_at"),
        Index("ix_change_set_instance_id_created_at", "instance_id", "created_at"),
    )

    id: str = Field(default_factory=lambda: new_id("chs"), primary_key=True)
    instance_id: str = Field(foreign_key="instance.id")
    generation: int
    purpose: Purpose = Field(sa_type=text_enum(Purpose))
    state: ChangeState = Field(sa_type=text_enum(ChangeState))
    phase: str = ""
    """Where it is: a phase of the provisioner, or `address`, `ready`."""
    reason: str = Field(default="", sa_type=Text)
    """What is waited for, or why it stopped."""
    digest: str = ""
    """SHA-256 of all that is wanted, as of the last pass."""
    agreed: str = Field(default="", sa_type=Text)
    """JSON: what a person said yes to after it stopped, as `[danger, kind, name]`."""
    attempts: int = 0
    """Failed passes in a row."""
    again_at: datetime = Field(sa_type=UtcDateTime)
    deadline: datetime | None = Field(default=None, sa_type=UtcDateTime)
    holder: str = ""
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_by_name: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ChangeStep(SQLModel, table=True):
    """One thing that was done or reached. `verb`: create, update, delete, or `phase` for a phase that stands."""

    __tablename__ = "change_step"
    __table_args__ = (UniqueConstraint("change_set_id", "number", name="uq_change_step_change_set_id_number"),)

    id: str = Field(default_factory=lambda: new_id("stp"), primary_key=True)
    change_set_id: str = Field(foreign_key="change_set.id", index=True)
    number: int
    at: datetime = Field(sa_type=UtcDateTime)
    verb: str
    kind: str
    name: str
    sentence: str = Field(sa_type=Text)


def by_id(session: Session, change_set_id: str) -> ChangeSet | None:
    return session.get(ChangeSet, change_set_id)


def open_of(session: Session, instance_id: str) -> ChangeSet | None:
    """The one that is not over."""
    query = select(ChangeSet).where(ChangeSet.instance_id == instance_id, col(ChangeSet.state).in_(OPEN))
    return session.exec(query).first()


def of_instance(session: Session, instance_id: str) -> Sequence[ChangeSet]:
    """All of an instance, the newest first."""
    query = select(ChangeSet).where(ChangeSet.instance_id == instance_id)
    return session.exec(query.order_by(col(ChangeSet.created_at).desc(), col(ChangeSet.id).desc())).all()


def search(
    session: Session,
    *,
    within: Collection[str] | None = None,
    instance_id: str | None = None,
    states: Collection[ChangeState] | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int | None = None,
) -> Sequence[ChangeSet]:
    """The newest first, from behind `after` (time and id); `within` are organizations, None means all of them."""
    query = select(ChangeSet)
    if within is not None:
        query = query.join(Instance, col(Instance.id) == col(ChangeSet.instance_id)).where(
            col(Instance.organization_id).in_(within)
        )
    if instance_id is not None:
        query = query.where(ChangeSet.instance_id == instance_id)
    if states is not None:
        query = query.where(col(ChangeSet.state).in_(states))
    if after is not None:
        query = query.where(tuple_(col(ChangeSet.created_at), col(ChangeSet.id)) < tuple_(*after))
    return session.exec(query.order_by(col(ChangeSet.created_at).desc(), col(ChangeSet.id).desc()).limit(limit)).all()


def steps(session: Session, change_set_id: str) -> Sequence[ChangeStep]:
    """In the order in which they were done."""
    query = select(ChangeStep).where(ChangeStep.change_set_id == change_set_id)
    return session.exec(query.order_by(col(ChangeStep.number))).all()


def due(session: Session, now: datetime, *, limit: int) -> Sequence[str]:
    """Ids of those that may be worked on now and that nobody holds, the longest due first."""
    free = or_(col(ChangeSet.lease_until).is_(None), col(ChangeSet.lease_until) <= now)
    query = select(ChangeSet.id).where(ChangeSet.state == ChangeState.WAITING, col(ChangeSet.again_at) <= now, free)
    return session.exec(query.order_by(col(ChangeSet.again_at), col(ChangeSet.id)).limit(limit)).all()


def claim(session: Session, change_set_id: str, *, holder: str, now: datetime, until: datetime) -> ChangeSet | None:
    """Take it for `holder` until `until`, if it still is due and free; the row's count decides, on both databases."""
    free = or_(col(ChangeSet.lease_until).is_(None), col(ChangeSet.lease_until) <= now, col(ChangeSet.holder) == holder)
    taken = session.exec(
        update(ChangeSet)
        .where(
            col(ChangeSet.id) == change_set_id, col(ChangeSet.state) == ChangeState.WAITING, col(ChangeSet.again_at) <= now, free
        )
        .values(holder=holder, lease_until=until)
        .execution_options(synchronize_session="fetch")
    )
    return session.get(ChangeSet, change_set_id, populate_existing=True) if taken.rowcount == 1 else None


def held_by(session: Session, change_set_id: str, holder: str) -> ChangeSet | None:
    """The row, locked for this transaction, while it is still `holder`'s; None when somebody else took it or it ended."""
    query = select(ChangeSet).where(
        ChangeSet.id == change_set_id, ChangeSet.holder == holder, ChangeSet.state == ChangeState.WAITING
    )
    return session.exec(query.with_for_update().execution_options(populate_existing=True)).first()


def move(session: Session, change_set_id: str, current: ChangeState, target: ChangeState, *, again_at: datetime) -> bool:
    """Set the state if it still is `current`, let go of the lease and count attempts anew; False when somebody was faster."""
    moved = session.exec(
        update(ChangeSet)
        .where(col(ChangeSet.id) == change_set_id, col(ChangeSet.state) == current)
        .values(state=target, again_at=again_at, holder="", lease_until=None, attempts=0)
        .execution_options(synchronize_session="fetch")
    )
    return moved.rowcount == 1


def durations(session: Session, template: str, *, limit: int) -> Sequence[float]:
    """Seconds from the beginning of the work to the running app, of the newest apps of a template that were made."""
    query = (
        select(ChangeSet.started_at, ChangeSet.finished_at)
        .join(Instance, col(Instance.id) == col(ChangeSet.instance_id))
        .where(Instance.template == template, ChangeSet.purpose == Purpose.CREATE, ChangeSet.state == ChangeState.DONE)
    )
    rows = session.exec(query.order_by(col(ChangeSet.finished_at).desc()).limit(limit)).all()
    return [(end - begin).total_seconds() for begin, end in rows if begin is not None and end is not None]


def makings(session: Session) -> Sequence[tuple[str, ChangeState, int]]:
    """(template, state, how many) of the first makings that came to an end or stopped."""
    query = (
        select(Instance.template, ChangeSet.state, func.count())
        .join(Instance, col(Instance.id) == col(ChangeSet.instance_id))
        .where(ChangeSet.purpose == Purpose.CREATE, col(ChangeSet.state).in_([ChangeState.DONE, ChangeState.BLOCKED]))
        .group_by(col(Instance.template), col(ChangeSet.state))
    )
    return [(template, ChangeState(state), number) for template, state, number in session.exec(query).all()]


def newest_makings(session: Session, template: str, *, limit: int) -> Sequence[tuple[ChangeSet, str]]:
    """(change set, name of the plan that was wanted then) of the newest makings that ended well or stopped."""
    wished = (col(Specification.instance_id) == col(ChangeSet.instance_id)) & (
        col(Specification.generation) == col(ChangeSet.generation)
    )
    query = (
        select(ChangeSet, Plan.name)
        .join(Instance, col(Instance.id) == col(ChangeSet.instance_id))
        .join(Specification, wished)
        .join(Plan, col(Plan.id) == col(Specification.plan_id))
        .where(Instance.template == template, ChangeSet.purpose == Purpose.CREATE)
        .where(col(ChangeSet.state).in_([ChangeState.DONE, ChangeState.BLOCKED]))
    )
    found = session.exec(query.order_by(col(ChangeSet.started_at).desc(), col(ChangeSet.id)).limit(limit)).all()
    return [(row, plan) for row, plan in found]


def phases(session: Session, change_set_ids: Sequence[str]) -> dict[str, list[tuple[str, datetime]]]:
    """By change set: which phases stood, and since when, in order."""
    query = select(ChangeStep).where(col(ChangeStep.change_set_id).in_(change_set_ids), ChangeStep.verb == "phase")
    found: dict[str, list[tuple[str, datetime]]] = {}
    for step in session.exec(query.order_by(col(ChangeStep.change_set_id), col(ChangeStep.number))).all():
        found.setdefault(step.change_set_id, []).append((step.name, step.at))
    return found


def failures_in_a_row(session: Session, template: str, *, limit: int) -> int:
    """How many of the newest apps of a template, at most `limit`, stopped while they were made, before the first that did not."""
    query = (
        select(ChangeSet.state)
        .join(Instance, col(Instance.id) == col(ChangeSet.instance_id))
        .where(Instance.template == template, ChangeSet.purpose == Purpose.CREATE)
        .where(col(ChangeSet.state).in_([ChangeState.DONE, ChangeState.BLOCKED]))
    )
    states = session.exec(query.order_by(col(ChangeSet.started_at).desc()).limit(limit)).all()
    return next((number for number, state in enumerate(states) if state is ChangeState.DONE), len(states))


def blank(session: Session, instance_ids: Sequence[str]) -> None:
    """Forget who wanted changes of these instances."""
    session.exec(
        update(ChangeSet)
        .where(col(ChangeSet.instance_id).in_(instance_ids))
        .values(created_by_name="")
        .execution_options(synchronize_session="fetch")
    )
