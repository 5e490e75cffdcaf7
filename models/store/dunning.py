"""Dunning: which reminders of an invoice were sent, and which customers are left in peace until when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Text, and_, or_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.changesets import Purpose
from models.domain.ids import new_id
from models.domain.instances import State
from models.domain.subscriptions import SubscriptionState
from models.store.changesets import ChangeSet
from models.store.guards import Guard, guard
from models.store.instances import Instance
from models.store.invoices import Invoice, InvoiceState
from models.store.subscriptions import Subscription, SubscriptionItem
from models.store.types import UtcDateTime


class DunningReminder(SQLModel, table=True):
    """One reminder of one invoice, sent for its `day` from the due day on; `told` counts the people."""

    __tablename__ = "dunning_reminder"

    invoice_id: str = Field(foreign_key="invoice.id", primary_key=True)
    day: int = Field(primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    told: int


class DunningHold(SQLModel, table=True):
    """Nothing presses an organization before `until`; over earlier when somebody lifted it."""

    __tablename__ = "dunning_hold"

    id: str = Field(default_factory=lambda: new_id("hld"), primary_key=True)
    organization_id: str = Field(foreign_key="organization.id", index=True)
    until: datetime = Field(sa_type=UtcDateTime)
    reason: str = Field(sa_type=Text)
    actor: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    lifted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


guard(SQLModel.metadata.tables["dunning_reminder"], Guard("dunning_reminder"))


def remind(session: Session, row: DunningReminder) -> bool:
    """Take this reminder as sent; False when it was."""
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return False
    return True


def reminders(session: Session, invoice_ids: Sequence[str]) -> Sequence[DunningReminder]:
    """Those of these invoices, in their order."""
    query = select(DunningReminder).where(col(DunningReminder.invoice_id).in_(invoice_ids))
    return session.exec(query.order_by(col(DunningReminder.at), col(DunningReminder.day))).all()


def hold(session: Session, row: DunningHold) -> None:
    session.add(row)
    session.flush()


def holds(session: Session, organization_ids: Sequence[str], now: datetime) -> Mapping[str, DunningHold]:
    """The hold of each organization that has one now, the longest when there are several."""
    query = select(DunningHold).where(col(DunningHold.organization_id).in_(organization_ids))
    query = query.where(col(DunningHold.until) > now, col(DunningHold.lifted_at).is_(None))
    return {row.organization_id: row for row in session.exec(query.order_by(col(DunningHold.until), col(DunningHold.id))).all()}


def holds_of(session: Session, organization_id: str) -> Sequence[DunningHold]:
    """All that an organization ever had, the newest first."""
    query = select(DunningHold).where(DunningHold.organization_id == organization_id)
    return session.exec(query.order_by(col(DunningHold.created_at).desc(), col(DunningHold.id))).all()


def lift(session: Session, organization_id: str, now: datetime) -> int:
    """End what an organization has of holds now; how many."""
    ended = session.exec(
        update(DunningHold)
        .where(col(DunningHold.organization_id) == organization_id, col(DunningHold.until) > now)
        .where(col(DunningHold.lifted_at).is_(None))
        .values(lifted_at=now)
        .execution_options(synchronize_session="fetch")
    )
    return int(ended.rowcount)


def blank(session: Session, organization_id: str) -> None:
    """Forget what people wrote."""
    session.exec(
        update(DunningHold)
        .where(col(DunningHold.organization_id) == organization_id)
        .values(reason="")
        .execution_options(synchronize_session="fetch")
    )


def concerned(session: Session, at: datetime, *, after: str = "", limit: int) -> Sequence[str]:
    """Ids of subscriptions about which something may have to be decided at that moment, in their order, behind `after`.

    Those with an open invoice, in dunning, at an end that was chosen or at a trial's; and those that are over while an app of theirs stands
    or was deleted and nobody has said yet that it is gone.
    """
    s = SubscriptionState
    open_ = select(Invoice.subscription_id).where(Invoice.state == InvoiceState.OPEN)
    removed = select(ChangeSet.instance_id).where(ChangeSet.purpose == Purpose.REMOVE)
    left = (
        select(SubscriptionItem.subscription_id)
        .join(Instance, col(Instance.id) == col(SubscriptionItem.instance_id))
        .where(or_(col(Instance.state) != State.GONE, col(Instance.id).in_(removed)))
    )
    living = col(Subscription.state).in_([s.TRIAL, s.ACTIVE, s.PAST_DUE, s.PAUSED, s.SUSPENDED])
    query = select(Subscription.id).where(
        col(Subscription.id) > after,
        or_(
            and_(living, col(Subscription.id).in_(open_)),
            col(Subscription.state).in_([s.PAST_DUE, s.SUSPENDED]),
            and_(living, col(Subscription.cancel_at) <= at),
            and_(col(Subscription.state) == s.TRIAL, col(Subscription.trial_until) <= at),
            and_(col(Subscription.state) == s.EXPIRED, col(Subscription.id).in_(left)),
        ),
    )
    return session.exec(query.order_by(col(Subscription.id)).limit(limit)).all()
