"""Drains of nodes: one at a time for each node, worked on by one process at a time under a lease."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Index, Text, or_, text, update
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.draining import DrainState, Progress, Step
from models.domain.ids import new_id
from models.store.types import UtcDateTime, text_enum

_RUNNING = text("state = 'running'")


class Drain(SQLModel, table=True):
    """One drain. `pods`: JSON, how far each pod is; `why`: what is waited for, or why it failed."""

    __table_args__ = (
        Index("uq_drain_cluster_node_running", "cluster", "node", unique=True, sqlite_where=_RUNNING, postgresql_where=_RUNNING),
        Index("ix_drain_state_again_at", "state", "again_at"),
    )

    id: str = Field(default_factory=lambda: new_id("drn"), primary_key=True)
    cluster: str
    node: str
    state: DrainState = Field(default=DrainState.RUNNING, sa_type=text_enum(DrainState))
    pods: str = Field(default="[]", sa_type=Text)
    why: str = Field(default="", sa_type=Text)
    created_by_name: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    again_at: datetime = Field(sa_type=UtcDateTime)
    holder: str = ""
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)


def by_id(session: Session, drain_id: str) -> Drain | None:
    return session.get(Drain, drain_id)


def of_node(session: Session, cluster: str, node: str) -> Drain | None:
    """The newest, whatever came of it."""
    query = select(Drain).where(Drain.cluster == cluster, Drain.node == node)
    return session.exec(query.order_by(col(Drain.created_at).desc(), col(Drain.id).desc()).limit(1)).first()


def newest(session: Session, cluster: str, *, limit: int) -> Sequence[Drain]:
    """The newest first."""
    query = select(Drain).where(Drain.cluster == cluster)
    return session.exec(query.order_by(col(Drain.created_at).desc(), col(Drain.id).desc()).limit(limit)).all()


def due(session: Session, cluster: str, now: datetime, *, limit: int) -> Sequence[str]:
    """Ids of running ones of the cluster that wait for a turn and that nobody holds."""
    free = or_(col(Drain.lease_until).is_(None), col(Drain.lease_until) <= now)
    here = (Drain.cluster == cluster, Drain.state == DrainState.RUNNING)
    query = select(Drain.id).where(*here, col(Drain.again_at) <= now, free)
    return session.exec(query.order_by(col(Drain.again_at), col(Drain.id)).limit(limit)).all()


def claim(session: Session, drain_id: str, *, holder: str, now: datetime, until: datetime) -> Drain | None:
    """Take a turn; None when it is not running, not due, or somebody else's. The row's count decides, on both databases."""
    free = or_(col(Drain.lease_until).is_(None), col(Drain.lease_until) <= now)
    changed = session.connection().execute(
        update(Drain)
        .where(col(Drain.id) == drain_id, col(Drain.state) == DrainState.RUNNING, col(Drain.again_at) <= now, free)
        .values(holder=holder, lease_until=until)
    )
    if changed.rowcount != 1:
        return None
    row = session.get(Drain, drain_id)
    if row is not None:
        session.refresh(row)
    return row


def held(session: Session, drain_id: str, *, holder: str) -> Drain | None:
    """The row, while it runs and the turn is still the holder's."""
    row = session.exec(
        select(Drain).where(Drain.id == drain_id, Drain.state == DrainState.RUNNING, Drain.holder == holder).with_for_update()
    ).first()
    if row is not None:
        session.refresh(row)
    return row


def end(session: Session, drain_id: str, state: DrainState, *, why: str, now: datetime) -> bool:
    """Let a running one come to its end; False when it has already. Who is in a turn at it is so until `release`."""
    changed = session.connection().execute(
        update(Drain)
        .where(col(Drain.id) == drain_id, col(Drain.state) == DrainState.RUNNING)
        .values(state=state, why=why, finished_at=now)
    )
    return changed.rowcount == 1


def release(session: Session, drain_id: str, *, holder: str) -> None:
    """The holder's turn is over, whatever became of the drain meanwhile."""
    session.connection().execute(
        update(Drain).where(col(Drain.id) == drain_id, col(Drain.holder) == holder).values(lease_until=None, holder="")
    )


def pods(row: Drain) -> tuple[Progress, ...]:
    return tuple(
        Progress(**{**one, "step": Step(one["step"]), "again_at": _instant(one["again_at"]), "since": _instant(one["since"])})
        for one in json.loads(row.pods)
    )


def write(found: Iterable[Progress]) -> str:
    """As `pods` reads it."""
    return json.dumps([asdict(one) for one in found], default=datetime.isoformat, ensure_ascii=False)


def _instant(text_: str | None) -> datetime | None:
    return None if text_ is None else datetime.fromisoformat(text_)
