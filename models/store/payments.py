"""Payments: money that was asked for through a gateway, and whether it came."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Text, func, tuple_, update
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.ids import new_id
from models.store.types import UtcDateTime, text_enum


class PaymentState(StrEnum):
    PENDING = "pending"
    PAID = "paid"
    FAILED = "failed"


class Payment(SQLModel, table=True):
    """One amount at one gateway. `key` is the idempotency key under which the gateway knows it, so that asking twice charges once."""

    id: str = Field(default_factory=lambda: new_id("pay"), primary_key=True)
    organization_id: str = Field(foreign_key="organization.id", index=True)
    subscription_id: str = Field(foreign_key="subscription.id", index=True)
    invoice_id: str | None = Field(default=None, foreign_key="invoice.id", index=True)
    """What it pays; that of an order belongs to the first invoice as soon as there is one."""
    gateway: str
    key: str = Field(unique=True)
    reference: str = ""
    amount_minor: int = Field(sa_type=BigInteger)
    currency: str
    state: PaymentState = Field(default=PaymentState.PENDING, sa_type=text_enum(PaymentState))
    created_at: datetime = Field(sa_type=UtcDateTime)
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ask_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    """When the gateway is to be asked, or asked again; None for orders, which their own driver asks for."""
    decline: str = ""
    """Why it failed, as the gateway names it: soft (another attempt may work) or hard."""
    link: str = Field(default="", sa_type=Text)
    """The gateway's page where the customer pays, when there is one."""
    bank: str = ""
    account: str = ""
    """A virtual account at `bank` that the gateway gave for this payment alone."""
    qr: str = Field(default="", sa_type=Text)
    """What the QR code to pay it holds."""


def by_key(session: Session, key: str) -> Payment | None:
    return session.exec(select(Payment).where(Payment.key == key)).first()


def by_reference(session: Session, gateway: str, reference: str) -> Payment | None:
    """The one that the gateway knows by that name; never one without a name."""
    if not reference:
        return None
    query = select(Payment).where(Payment.gateway == gateway, Payment.reference == reference)
    return session.exec(query.order_by(col(Payment.created_at), col(Payment.id))).first()


def search(
    session: Session,
    *,
    within: Collection[str] | None = None,
    states: Collection[PaymentState] | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int | None = None,
) -> Sequence[Payment]:
    """The newest first, from behind `after` (time and id); `within` are organizations, None means all of them."""
    query = select(Payment)
    if within is not None:
        query = query.where(col(Payment.organization_id).in_(within))
    if states is not None:
        query = query.where(col(Payment.state).in_(states))
    if after is not None:
        query = query.where(tuple_(col(Payment.created_at), col(Payment.id)) < tuple_(*after))
    return session.exec(query.order_by(col(Payment.created_at).desc(), col(Payment.id).desc()).limit(limit)).all()


def of_organization(session: Session, organization_id: str) -> Sequence[Payment]:
    query = select(Payment).where(Payment.organization_id == organization_id)
    return session.exec(query.order_by(col(Payment.created_at), col(Payment.id))).all()


def of_invoice(session: Session, invoice_id: str) -> Sequence[Payment]:
    query = select(Payment).where(Payment.invoice_id == invoice_id)
    return session.exec(query.order_by(col(Payment.created_at), col(Payment.id))).all()


def paid(session: Session, invoice_ids: Sequence[str]) -> Mapping[str, int]:
    """The money that came for each of them, in minor units."""
    query = (
        select(Payment.invoice_id, func.sum(col(Payment.amount_minor)))
        .where(col(Payment.invoice_id).in_(invoice_ids), Payment.state == PaymentState.PAID)
        .group_by(col(Payment.invoice_id))
    )
    found = {invoice_id: int(amount) for invoice_id, amount in session.exec(query).all()}
    return {one: found.get(one, 0) for one in invoice_ids}


def unassigned(session: Session, subscription_id: str) -> Sequence[Payment]:
    """Money that came for a subscription and pays no invoice yet."""
    query = select(Payment).where(Payment.subscription_id == subscription_id, Payment.state == PaymentState.PAID)
    return session.exec(query.where(col(Payment.invoice_id).is_(None)).order_by(col(Payment.created_at), col(Payment.id))).all()


def to_ask(session: Session, now: datetime, *, limit: int | None = None, without: Collection[str] = ()) -> Sequence[Payment]:
    """Those whose gateway is to be asked, the longest waiting first; not those of which `without` has the ids."""
    query = select(Payment).where(Payment.state == PaymentState.PENDING, col(Payment.ask_at) <= now)
    query = query.where(col(Payment.id).not_in(without))
    return session.exec(query.order_by(col(Payment.ask_at), col(Payment.id)).limit(limit)).all()


def ask_later(session: Session, payment_id: str, *, at: datetime | None) -> None:
    """The gateway does not know yet; it is asked again then, or never."""
    session.exec(
        update(Payment)
        .where(col(Payment.id) == payment_id, col(Payment.state) == PaymentState.PENDING)
        .values(ask_at=at)
        .execution_options(synchronize_session="fetch")
    )


def settle(session: Session, payment_id: str, state: PaymentState, *, reference: str, at: datetime, decline: str = "") -> bool:
    """Say how a pending one ended; False when that was said before."""
    moved = session.exec(
        update(Payment)
        .where(col(Payment.id) == payment_id, col(Payment.state) == PaymentState.PENDING)
        .values(state=state, reference=reference, settled_at=at, decline=decline)
        .execution_options(synchronize_session="fetch")
    )
    return moved.rowcount == 1


def begun(session: Session, payment_id: str, *, reference: str, link: str, bank: str, account: str, qr: str) -> None:
    """Keep what the gateway said when it began one that is still pending: its name for it and where the customer pays."""
    said = {"reference": reference, "link": link, "bank": bank, "account": account, "qr": qr}
    session.exec(
        update(Payment)
        .where(col(Payment.id) == payment_id, col(Payment.state) == PaymentState.PENDING)
        .values(**{name: value for name, value in said.items() if value})
        .execution_options(synchronize_session="fetch")
    )


def came(session: Session, payment_id: str, amount_minor: int, *, reference: str, at: datetime) -> bool:
    """Say that the money of one came, also of one that was given up; `amount_minor` is what came. False when that was said before."""
    moved = session.exec(
        update(Payment)
        .where(col(Payment.id) == payment_id, col(Payment.state) != PaymentState.PAID)
        .values(state=PaymentState.PAID, reference=reference, settled_at=at, decline="", amount_minor=amount_minor, ask_at=None)
        .execution_options(synchronize_session="fetch")
    )
    return moved.rowcount == 1
