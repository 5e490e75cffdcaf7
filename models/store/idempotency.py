"""Answers to requests that carried an idempotency key: the same key again gets the same answer and does nothing."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text, UniqueConstraint, delete
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.errors import Conflict
from models.domain.ids import new_id
from models.store.types import UtcDateTime


class IdempotentAnswer(SQLModel, table=True):
    """One request that was carried out. `digest` is over method, path, body and rights; `body` is the answer as it was sent."""

    __tablename__ = "idempotent_answer"
    __table_args__ = (UniqueConstraint("actor", "key", name="uq_idempotent_answer_actor_key"),)

    id: str = Field(default_factory=lambda: new_id("idm"), primary_key=True, sa_type=String(40))
    actor: str = Field(sa_type=String(100))
    key: str = Field(sa_type=String(200))
    digest: str = Field(sa_type=String(64))
    body: str = Field(default="", sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)


def find(session: Session, *, actor: str, key: str, digest: str) -> IdempotentAnswer | None:
    """The answer given to this key; Conflict when the key belongs to another request."""
    row = session.exec(
        select(IdempotentAnswer).where(col(IdempotentAnswer.actor) == actor, col(IdempotentAnswer.key) == key)
    ).one_or_none()
    if row is not None and row.digest != digest:
        raise Conflict(
            "This Idempotency-Key was already used for another request, or with other rights. Use a new key for each new request."
        )
    return row


def claim(session: Session, *, actor: str, key: str, digest: str, now: datetime) -> IdempotentAnswer | None:
    """A row for a request about to be carried out in this transaction; None when another one holds the key.

    On PostgreSQL a second request with the same key waits here for the first one's commit.
    """
    row = IdempotentAnswer(actor=actor, key=key, digest=digest, created_at=now)
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError:
        return None
    return row


def forget_actor(session: Session, actor: str) -> int:
    """Forget the answers given to one actor; returns how many."""
    return session.exec(delete(IdempotentAnswer).where(col(IdempotentAnswer.actor) == actor)).rowcount
