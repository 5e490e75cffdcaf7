"""Reservations: room that is sold and that no pods have taken yet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Index, Text, text, update
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.cluster import Resources
from models.domain.ids import new_id
from models.store import locks
from models.store.types import UtcDateTime

_OPEN = text("ended_at IS NULL")


class Reservation(SQLModel, table=True):
    """The pods of one order, until they exist (or never will). `parts`: JSON, (cores, bytes) of each pod."""

    __table_args__ = (
        Index("uq_reservation_instance_id_open", "instance_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_reservation_cluster", "cluster"),
    )

    id: str = Field(default_factory=lambda: new_id("rsv"), primary_key=True)
    cluster: str
    instance_id: str = Field(foreign_key="instance.id")
    parts: str = Field(sa_type=Text)
    storage_bytes: int = Field(sa_type=BigInteger)
    created_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    @property
    def pods(self) -> tuple[Resources, ...]:
        return tuple(Resources(cpu, memory, 1) for cpu, memory in json.loads(self.parts))


def lock(session: Session, cluster: str) -> None:
    """Let nobody else sell room of that cluster until this transaction ends."""
    locks.hold(session, f"reservations:{cluster}")


def hold(
    session: Session, *, cluster: str, instance_id: str, pods: Sequence[Resources], storage_bytes: int, now: datetime
) -> Reservation:
    """Note the pods of an instance as sold; flushed."""
    parts = json.dumps([[pod.cpu, pod.memory] for pod in pods])
    row = Reservation(cluster=cluster, instance_id=instance_id, parts=parts, storage_bytes=storage_bytes, created_at=now)
    session.add(row)
    session.flush()
    return row


def open_(session: Session, cluster: str) -> Sequence[Reservation]:
    """Those that still hold room, the oldest first."""
    query = select(Reservation).where(Reservation.cluster == cluster, col(Reservation.ended_at).is_(None))
    return session.exec(query.order_by(col(Reservation.created_at), col(Reservation.id))).all()


def of_instance(session: Session, instance_id: str) -> Reservation | None:
    """The one that still holds room for the instance."""
    query = select(Reservation).where(Reservation.instance_id == instance_id, col(Reservation.ended_at).is_(None))
    return session.exec(query).first()


def end(session: Session, instance_id: str, now: datetime) -> bool:
    """Give its room back, or leave it to the pods that took it; False when it held none."""
    ended = session.exec(
        update(Reservation)
        .where(col(Reservation.instance_id) == instance_id, col(Reservation.ended_at).is_(None))
        .values(ended_at=now)
        .execution_options(synchronize_session="fetch")
    )
    return ended.rowcount == 1
