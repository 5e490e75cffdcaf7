"""The life of subscriptions: every move of one as a row that is never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Text, UniqueConstraint, func
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.dunning import Ended
from models.domain.ids import new_id
from models.domain.subscriptions import SubscriptionState
from models.store.guards import Guard, guard
from models.store.types import UtcDateTime, text_enum


class SubscriptionEdge(SQLModel, table=True):
    """One move of a subscription, numbered from 1 in its order. `key` makes it happen once; `ended` says why it is over."""

    __tablename__ = "subscription_edge"
    __table_args__ = (UniqueConstraint("subscription_id", "number"),)

    id: str = Field(default_factory=lambda: new_id("edg"), primary_key=True)
    subscription_id: str = Field(foreign_key="subscription.id")
    number: int
    before: SubscriptionState = Field(sa_type=text_enum(SubscriptionState))
    after: SubscriptionState = Field(sa_type=text_enum(SubscriptionState))
    at: datetime = Field(sa_type=UtcDateTime)
    reason: str = Field(sa_type=Text)
    actor: str
    """Id of the person, token or job; names are in the audit, where they can be forgotten."""
    key: str = Field(unique=True)
    ended: Ended | None = Field(default=None, sa_type=text_enum(Ended))


guard(SQLModel.metadata.tables["subscription_edge"], Guard("subscription_edge"))


def add(session: Session, row: SubscriptionEdge) -> None:
    """Write it behind those that its subscription has; for the one service that moves, which holds the subscription's row."""
    known = session.exec(select(func.max(SubscriptionEdge.number)).where(SubscriptionEdge.subscription_id == row.subscription_id))
    row.number = (known.one() or 0) + 1
    row.key = row.key or f"{row.subscription_id}:{row.number}"
    session.add(row)
    session.flush()


def edges(session: Session, subscription_id: str) -> Sequence[SubscriptionEdge]:
    """All of a subscription, in their order."""
    query = select(SubscriptionEdge).where(SubscriptionEdge.subscription_id == subscription_id)
    return session.exec(query.order_by(col(SubscriptionEdge.number))).all()


def newest(session: Session, subscription_ids: Sequence[str]) -> Mapping[str, SubscriptionEdge]:
    """The last move of each that ever moved."""
    last = (
        select(SubscriptionEdge.subscription_id, func.max(SubscriptionEdge.number).label("number"))
        .where(col(SubscriptionEdge.subscription_id).in_(subscription_ids))
        .group_by(col(SubscriptionEdge.subscription_id))
        .subquery()
    )
    query = select(SubscriptionEdge).join(
        last, (col(SubscriptionEdge.subscription_id) == last.c.subscription_id) & (col(SubscriptionEdge.number) == last.c.number)
    )
    return {row.subscription_id: row for row in session.exec(query).all()}
