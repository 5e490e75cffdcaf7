"""Orders: what customers asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Index, Text, or_, text, tuple_, update
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.ids import new_id
from models.domain.orders import OPEN, OrderState
from models.store.members import User
from models.store.types import UtcDateTime, text_enum

_USES_TRIAL = text("trial AND state NOT IN ('refused', 'lapsed')")


class Order(SQLModel, table=True):
    """One order of one app. Nothing of it is edited but its state and who decided."""

    __tablename__ = "orders"
    __table_args__ = (
        Index(
            "uq_orders_organization_id_template_trial",
            "organization_id",
            "template",
            unique=True,
            sqlite_where=_USES_TRIAL,
            postgresql_where=_USES_TRIAL,
        ),
        Index("ix_orders_state_until", "state", "until"),
    )

    id: str = Field(default_factory=lambda: new_id("ord"), primary_key=True)
    organization_id: str = Field(foreign_key="organization.id", index=True)
    instance_id: str = Field(foreign_key="instance.id", unique=True)
    subscription_id: str = Field(foreign_key="subscription.id", unique=True)
    template: str = Field(foreign_key="template.id")
    plan_id: str = Field(foreign_key="plan.id")
    trial: bool
    """One per organization and template that was not refused and did not lapse."""
    price_minor: int = Field(sa_type=BigInteger)
    currency: str
    state: OrderState = Field(sa_type=text_enum(OrderState))
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """While it is open: when it lapses."""
    placed_by: str
    """Id of the actor."""
    placed_by_name: str
    placed_at: datetime = Field(sa_type=UtcDateTime)
    decided_by_name: str = ""
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reason: str = Field(default="", sa_type=Text)
    """Why it was refused or lapsed."""


def by_id(session: Session, order_id: str) -> Order | None:
    return session.get(Order, order_id)


def of_instance(session: Session, instance_id: str) -> Order | None:
    return session.exec(select(Order).where(Order.instance_id == instance_id)).first()


def of_subscription(session: Session, subscription_id: str) -> Order | None:
    return session.exec(select(Order).where(Order.subscription_id == subscription_id)).first()


def search(
    session: Session,
    *,
    within: Collection[str] | None = None,
    states: Collection[OrderState] | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int | None = None,
) -> Sequence[Order]:
    """The newest first, from behind `after` (time and id); `within` are organizations, None means all of them."""
    query = select(Order)
    if within is not None:
        query = query.where(col(Order.organization_id).in_(within))
    if states is not None:
        query = query.where(col(Order.state).in_(states))
    if after is not None:
        query = query.where(tuple_(col(Order.placed_at), col(Order.id)) < tuple_(*after))
    return session.exec(query.order_by(col(Order.placed_at).desc(), col(Order.id).desc()).limit(limit)).all()


def trial_of(session: Session, organization_id: str, template: str) -> Order | None:
    """The order with which the organization used up its trial of a template."""
    query = select(Order).where(Order.organization_id == organization_id, Order.template == template, col(Order.trial))
    return session.exec(query.where(col(Order.state).not_in([OrderState.REFUSED, OrderState.LAPSED]))).first()


def who_tried(session: Session, template: str, *, domains: Collection[str], but: str) -> Sequence[str]:
    """Mail addresses at these domains of those who had a trial of the template for an organization other than `but`."""
    query = (
        select(User.email)
        .join(Order, col(Order.placed_by) == col(User.id))
        .where(Order.template == template, col(Order.trial), Order.organization_id != but)
        .where(col(Order.state).not_in([OrderState.REFUSED, OrderState.LAPSED]))
        .where(or_(*(col(User.email).endswith(f"@{domain}", autoescape=True) for domain in domains)))
    )
    return session.exec(query.distinct()).all()


def overdue(session: Session, now: datetime, *, limit: int) -> Sequence[Order]:
    """Open orders whose time is over, the oldest first."""
    query = select(Order).where(col(Order.state).in_(OPEN), col(Order.until) <= now)
    return session.exec(query.order_by(col(Order.until), col(Order.id)).limit(limit)).all()


def move(
    session: Session,
    order_id: str,
    current: OrderState,
    target: OrderState,
    *,
    by: str,
    at: datetime,
    until: datetime | None = None,
    reason: str = "",
) -> bool:
    """Set the state if it still is `current`; False when somebody was faster. The table of moves is the caller's business."""
    moved = session.exec(
        update(Order)
        .where(col(Order.id) == order_id, col(Order.state) == current)
        .values(state=target, decided_by_name=by, decided_at=at, until=until, reason=reason)
        .execution_options(synchronize_session="fetch")
    )
    return moved.rowcount == 1


def blank(session: Session, organization_id: str) -> None:
    """Forget who ordered and who decided for an organization."""
    session.exec(
        update(Order)
        .where(col(Order.organization_id) == organization_id)
        .values(placed_by_name="", decided_by_name="")
        .execution_options(synchronize_session="fetch")
    )
