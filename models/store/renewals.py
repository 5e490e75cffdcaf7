"""Renewals: where each subscription's billing stands, one row a subscription."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime

from sqlalchemy import Date, func, or_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.periods import Anchor
from models.domain.subscriptions import ENDED, SubscriptionState
from models.store.subscriptions import Subscription, SubscriptionItem
from models.store.types import UtcDateTime

_NOT_YET = (SubscriptionState.PENDING, SubscriptionState.LAPSED)


class Renewal(SQLModel, table=True):
    """The anchor of a subscription's periods, kept for good, and the next period that is to be charged, due at `next_at`.

    `next_at` is None when nothing of it is charged any more. One that is parked waits for a person.
    """

    subscription_id: str = Field(foreign_key="subscription.id", primary_key=True)
    anchor: date = Field(sa_type=Date)
    zone: str
    next_index: int = 0
    base: int = 0
    """So many periods were counted before this anchor: who comes back after a while gets a new one, and the count goes on."""
    next_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    missed: int = 0
    """So many periods at once a person has allowed, until none is due any more."""
    parked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


def by_subscription(session: Session, subscription_id: str) -> Renewal | None:
    return session.get(Renewal, subscription_id)


def add(session: Session, row: Renewal) -> bool:
    """Write it; False when another process wrote one of its subscription just now."""
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return False
    return True


def beginning(session: Session, now: datetime, *, limit: int | None = None) -> Sequence[Subscription]:
    """Subscriptions with an item that has begun and no row here yet; not those whose order waits for its money.

    An item that never lasted a moment has not begun, nor has one that waits for the end of a trial which nobody has ended yet.
    """
    lasts = or_(col(SubscriptionItem.until).is_(None), col(SubscriptionItem.until) > col(SubscriptionItem.since))
    waits = (
        select(SubscriptionItem.id)
        .join(Subscription, col(Subscription.id) == col(SubscriptionItem.subscription_id))
        .where(Subscription.state == SubscriptionState.TRIAL, col(SubscriptionItem.since) >= col(Subscription.trial_until))
    )
    begun = select(SubscriptionItem.subscription_id).where(
        col(SubscriptionItem.since) <= now, lasts, col(SubscriptionItem.id).not_in(waits)
    )
    query = (
        select(Subscription)
        .where(col(Subscription.state).not_in(_NOT_YET), col(Subscription.id).in_(begun))
        .where(col(Subscription.id).not_in(select(Renewal.subscription_id)))
    )
    return session.exec(query.order_by(col(Subscription.created_at), col(Subscription.id)).limit(limit)).all()


def reopened(session: Session, now: datetime, *, limit: int | None = None) -> Sequence[Renewal]:
    """Those that were over and have an item again that has begun."""
    begun = select(SubscriptionItem.subscription_id).where(
        col(SubscriptionItem.since) <= now, col(SubscriptionItem.until).is_(None)
    )
    goes_on = or_(col(Subscription.cancel_at).is_(None), col(Subscription.cancel_at) > now)
    going = select(Subscription.id).where(col(Subscription.state).not_in(ENDED), goes_on)
    query = (
        select(Renewal)
        .where(col(Renewal.next_at).is_(None), col(Renewal.subscription_id).in_(begun))
        .where(col(Renewal.subscription_id).in_(going))
    )
    return session.exec(query.order_by(col(Renewal.subscription_id)).limit(limit)).all()


def due(session: Session, now: datetime, *, limit: int | None = None, without: Collection[str] = ()) -> Sequence[Renewal]:
    """Those with a period to charge that wait for nobody, the longest due first; not those of which `without` has the ids."""
    query = select(Renewal).where(col(Renewal.next_at) <= now, col(Renewal.parked_at).is_(None))
    query = query.where(col(Renewal.subscription_id).not_in(without))
    return session.exec(query.order_by(col(Renewal.next_at), col(Renewal.subscription_id)).limit(limit)).all()


def next_due(session: Session) -> datetime | None:
    """When the first period is due of those that wait for nobody; None when nothing is."""
    query = select(func.min(col(Renewal.next_at))).where(col(Renewal.parked_at).is_(None))
    return session.exec(query).one()


def parked(session: Session) -> Sequence[Renewal]:
    query = select(Renewal).where(col(Renewal.parked_at).is_not(None))
    return session.exec(query.order_by(col(Renewal.parked_at), col(Renewal.subscription_id))).all()


def advance(session: Session, subscription_id: str, index: int, *, next_at: datetime | None) -> bool:
    """Take period `index` as done; False when somebody else did. The row stays locked until the transaction ends."""
    moved = session.exec(
        update(Renewal)
        .where(col(Renewal.subscription_id) == subscription_id, col(Renewal.next_index) == index)
        .where(col(Renewal.parked_at).is_(None), col(Renewal.next_at).is_not(None))
        .values(next_index=index + (next_at is not None), next_at=next_at)
        .execution_options(synchronize_session="fetch")
    )
    return moved.rowcount == 1


def restart(session: Session, subscription_id: str, index: int, *, anchor: Anchor, next_at: datetime) -> bool:
    """Count from another anchor on, whose first period is charged; False when somebody charged meanwhile."""
    moved = session.exec(
        update(Renewal)
        .where(col(Renewal.subscription_id) == subscription_id, col(Renewal.next_index) == index)
        .where(col(Renewal.parked_at).is_(None))
        .values(anchor=anchor.day, next_index=1, base=col(Renewal.base) + index, next_at=next_at)
        .execution_options(synchronize_session="fetch")
    )
    return moved.rowcount == 1


def park(session: Session, subscription_id: str, index: int, *, at: datetime) -> bool:
    """Leave it to a person; False when it moved on meanwhile."""
    moved = session.exec(
        update(Renewal)
        .where(col(Renewal.subscription_id) == subscription_id, col(Renewal.next_index) == index)
        .where(col(Renewal.parked_at).is_(None))
        .values(parked_at=at)
        .execution_options(synchronize_session="fetch")
    )
    return moved.rowcount == 1


def release(session: Session, subscription_id: str, *, missed: int) -> bool:
    """Go on with one that was parked, with that many periods at once; False when it is not parked."""
    moved = session.exec(
        update(Renewal)
        .where(col(Renewal.subscription_id) == subscription_id, col(Renewal.parked_at).is_not(None))
        .values(parked_at=None, missed=missed)
        .execution_options(synchronize_session="fetch")
    )
    return moved.rowcount == 1
