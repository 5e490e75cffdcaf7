"""What payment gateways told by themselves: each event once, with what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Index, Text, UniqueConstraint, func, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.ids import new_id
from models.store.types import UtcDateTime, text_enum


class Outcome(StrEnum):
    """What came of an event, or of an answer that was asked for."""

    SETTLED = "settled"
    DECLINED = "declined"
    NOTED = "noted"
    """Nothing changed: it was known, came too late or moves no money."""
    TOO_LITTLE = "too_little"
    TOO_MUCH = "too_much"
    TWICE = "twice"
    """Another charge for a payment that was paid before; the customer's credit."""
    CURRENCY = "currency"
    UNKNOWN = "unknown"
    """No payment of ours has that key."""
    FORGED = "forged"
    REFUNDED = "refunded"
    CHARGED_BACK = "charged_back"


TROUBLE = (
    Outcome.TOO_LITTLE,
    Outcome.TOO_MUCH,
    Outcome.TWICE,
    Outcome.CURRENCY,
    Outcome.UNKNOWN,
    Outcome.FORGED,
    Outcome.CHARGED_BACK,
)
"""What a person should look at."""


class GatewayEvent(SQLModel, table=True):
    """One event. Amounts in minor units; `seen_at` is when staff said that they looked at it."""

    __tablename__ = "gateway_event"
    __table_args__ = (UniqueConstraint("gateway", "event_id"), Index("ix_gateway_event_at_id", "at", "id"))

    id: str = Field(default_factory=lambda: new_id("evt"), primary_key=True)
    gateway: str
    event_id: str
    """The gateway's name of it; of a forged one the hash of its body."""
    body_hash: str
    at: datetime = Field(sa_type=UtcDateTime)
    kind: str
    outcome: Outcome = Field(sa_type=text_enum(Outcome))
    payment_id: str | None = Field(default=None, foreign_key="payment.id", index=True)
    key: str = ""
    reference: str = ""
    amount_minor: int | None = Field(default=None, sa_type=BigInteger)
    currency: str = ""
    note: str = Field(default="", sa_type=Text)
    seen_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


def take(session: Session, event: GatewayEvent) -> bool:
    """Keep it; False when this gateway told it before."""
    try:
        with session.begin_nested():
            session.add(event)
            session.flush()
    except IntegrityError:
        return False
    return True


def by_id(session: Session, event_id: str) -> GatewayEvent | None:
    return session.get(GatewayEvent, event_id)


def count(session: Session, outcome: Outcome, *, since: datetime) -> int:
    """How many of that outcome came since then."""
    query = select(func.count()).select_from(GatewayEvent).where(GatewayEvent.outcome == outcome, col(GatewayEvent.at) >= since)
    return session.exec(query).one()


def search(
    session: Session, *, trouble: bool = False, after: tuple[datetime, str] | None = None, limit: int | None = None
) -> Sequence[GatewayEvent]:
    """The newest first, from behind `after` (time and id); with `trouble` only those that nobody looked at and somebody should."""
    query = select(GatewayEvent)
    if trouble:
        query = query.where(col(GatewayEvent.outcome).in_(TROUBLE), col(GatewayEvent.seen_at).is_(None))
    if after is not None:
        query = query.where(tuple_(col(GatewayEvent.at), col(GatewayEvent.id)) < tuple_(*after))
    return session.exec(query.order_by(col(GatewayEvent.at).desc(), col(GatewayEvent.id).desc()).limit(limit)).all()


def seen(session: Session, event_id: str, *, at: datetime) -> bool:
    """Say that somebody looked at it; False when that was said before."""
    moved = session.exec(
        update(GatewayEvent)
        .where(col(GatewayEvent.id) == event_id, col(GatewayEvent.seen_at).is_(None))
        .values(seen_at=at)
        .execution_options(synchronize_session="fetch")
    )
    return moved.rowcount == 1
