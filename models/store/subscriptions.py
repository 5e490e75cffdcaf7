"""Subscriptions and what they charge for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, update
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.ids import new_id
from models.domain.subscriptions import ENDED, SubscriptionState
from models.store.types import UtcDateTime, text_enum


class ItemKind(StrEnum):
    PLAN = "plan"
    ADD_ON = "add_on"


class Subscription(SQLModel, table=True):
    """The money side of something that an organization has; its currency never changes."""

    id: str = Field(default_factory=lambda: new_id("sub"), primary_key=True)
    organization_id: str = Field(foreign_key="organization.id", index=True)
    state: SubscriptionState = Field(default=SubscriptionState.PENDING, sa_type=text_enum(SubscriptionState))
    currency: str
    trial_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    cancel_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it ends because the customer said so; it can be taken back until then."""


class SubscriptionItem(SQLModel, table=True):
    """One thing that is charged monthly from `since` on, until `until`. `price_minor` counts minor units of the currency."""

    __tablename__ = "subscription_item"

    id: str = Field(default_factory=lambda: new_id("itm"), primary_key=True)
    subscription_id: str = Field(foreign_key="subscription.id", index=True)
    kind: ItemKind = Field(default=ItemKind.PLAN, sa_type=text_enum(ItemKind))
    instance_id: str | None = Field(default=None, foreign_key="instance.id", index=True)
    plan_id: str | None = Field(default=None, foreign_key="plan.id")
    component: str = ""
    """Which one was added, for an add-on."""
    price_minor: int = Field(sa_type=BigInteger)
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)


def by_id(session: Session, subscription_id: str) -> Subscription | None:
    return session.get(Subscription, subscription_id)


def of_instance(session: Session, instance_id: str) -> Subscription | None:
    """The subscription whose item points to the instance, the newest if there were several."""
    query = (
        select(Subscription)
        .join(SubscriptionItem, col(SubscriptionItem.subscription_id) == col(Subscription.id))
        .where(SubscriptionItem.instance_id == instance_id)
    )
    return session.exec(query.order_by(col(Subscription.created_at).desc(), col(Subscription.id))).first()


def of_organization(session: Session, organization_id: str) -> Sequence[Subscription]:
    query = select(Subscription).where(Subscription.organization_id == organization_id)
    return session.exec(query.order_by(col(Subscription.created_at), col(Subscription.id))).all()


def search(session: Session, *, within: Collection[str] | None = None) -> Sequence[Subscription]:
    """The oldest first; `within` are organizations, None means all of them."""
    query = select(Subscription)
    if within is not None:
        query = query.where(col(Subscription.organization_id).in_(within))
    return session.exec(query.order_by(col(Subscription.created_at), col(Subscription.id))).all()


def trials_ending(session: Session, before: datetime, *, limit: int) -> Sequence[Subscription]:
    """Trials that end before that moment, the first of them first."""
    query = select(Subscription).where(Subscription.state == SubscriptionState.TRIAL, col(Subscription.trial_until) <= before)
    return session.exec(query.order_by(col(Subscription.trial_until), col(Subscription.id)).limit(limit)).all()


def going_on(session: Session) -> Sequence[tuple[Subscription, tuple[str, ...]]]:
    """Subscriptions that are not over, with the apps that their open items point to; by id."""
    query = select(Subscription).where(col(Subscription.state).not_in(ENDED))
    rows = session.exec(query.order_by(col(Subscription.id))).all()
    open_ = select(SubscriptionItem).where(
        col(SubscriptionItem.subscription_id).in_([row.id for row in rows]), col(SubscriptionItem.until).is_(None)
    )
    ids: dict[str, list[str]] = {row.id: [] for row in rows}
    for item in session.exec(open_).all() if rows else ():
        if item.instance_id is not None:
            ids[item.subscription_id].append(item.instance_id)
    return [(row, tuple(sorted(ids[row.id]))) for row in rows]


def items(session: Session, subscription_id: str) -> Sequence[SubscriptionItem]:
    query = select(SubscriptionItem).where(SubscriptionItem.subscription_id == subscription_id)
    return session.exec(query.order_by(col(SubscriptionItem.since), col(SubscriptionItem.id))).all()


def open_items(session: Session, subscription_id: str, *, instance_id: str) -> Sequence[SubscriptionItem]:
    """What is charged for one instance now."""
    return [one for one in items(session, subscription_id) if one.instance_id == instance_id and one.until is None]


def move(session: Session, subscription_id: str, current: SubscriptionState, target: SubscriptionState) -> bool:
    """Set the state if it still is `current`. For `app.services.lifecycle` alone, which writes the row of the move."""
    moved = session.exec(
        update(Subscription)
        .where(col(Subscription.id) == subscription_id, col(Subscription.state) == current)
        .values(state=target)
        .execution_options(synchronize_session="fetch")
    )
    return moved.rowcount == 1


def currencies(session: Session) -> Sequence[str]:
    """Those in which anything was ever ordered."""
    return session.exec(select(Subscription.currency).distinct().order_by(Subscription.currency)).all()
