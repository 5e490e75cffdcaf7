"""Vouchers: codes that lower what is charged, who redeemed them for what, and what each invoice was lowered by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, UniqueConstraint, func, or_, update
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.ids import new_id
from models.store.types import UtcDateTime


class Voucher(SQLModel, table=True):
    """A percentage (in hundredths) or an amount in minor units of a currency, for so many periods, redeemed so often at most."""

    __table_args__ = (
        CheckConstraint("(percent_hundredths IS NULL) <> (amount_minor IS NULL)", name="kind"),
        CheckConstraint("uses IS NULL OR used <= uses", name="used"),
    )

    id: str = Field(default_factory=lambda: new_id("vou"), primary_key=True)
    code: str = Field(unique=True)
    percent_hundredths: int | None = None
    amount_minor: int | None = Field(default=None, sa_type=BigInteger)
    currency: str = ""
    periods: int | None = None
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    uses: int | None = None
    used: int = 0
    created_by: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class VoucherUse(SQLModel, table=True):
    """An organization redeemed a voucher for one of its subscriptions, once."""

    __tablename__ = "voucher_use"
    __table_args__ = (UniqueConstraint("voucher_id", "organization_id"),)

    id: str = Field(default_factory=lambda: new_id("vus"), primary_key=True)
    voucher_id: str = Field(foreign_key="voucher.id")
    organization_id: str = Field(foreign_key="organization.id", index=True)
    subscription_id: str = Field(foreign_key="subscription.id", index=True)
    redeemed_at: datetime = Field(sa_type=UtcDateTime)


class VoucherDiscount(SQLModel, table=True):
    """By how much an invoice was lowered, in minor units before its tax was computed."""

    __tablename__ = "voucher_discount"

    invoice_id: str = Field(foreign_key="invoice.id", primary_key=True)
    voucher_use_id: str = Field(foreign_key="voucher_use.id", primary_key=True)
    off_minor: int = Field(sa_type=BigInteger)


def by_code(session: Session, code: str) -> Voucher | None:
    return session.exec(select(Voucher).where(Voucher.code == code)).first()


def everything(session: Session) -> Sequence[Voucher]:
    """The newest first."""
    return session.exec(select(Voucher).order_by(col(Voucher.created_at).desc(), col(Voucher.id))).all()


def claim(session: Session, voucher_id: str) -> bool:
    """Take one use; False when none is left or it was withdrawn. The row stays locked until the transaction ends."""
    taken = session.exec(
        update(Voucher)
        .where(col(Voucher.id) == voucher_id, col(Voucher.withdrawn_at).is_(None))
        .where(or_(col(Voucher.uses).is_(None), col(Voucher.used) < col(Voucher.uses)))
        .values(used=col(Voucher.used) + 1)
        .execution_options(synchronize_session="fetch")
    )
    return taken.rowcount == 1


def use_of(session: Session, voucher_id: str, organization_id: str) -> VoucherUse | None:
    query = select(VoucherUse).where(VoucherUse.voucher_id == voucher_id, VoucherUse.organization_id == organization_id)
    return session.exec(query).first()


def of_organization(session: Session, organization_id: str) -> Sequence[tuple[Voucher, VoucherUse]]:
    """In the order in which they were redeemed."""
    query = select(Voucher, VoucherUse).join(VoucherUse, col(VoucherUse.voucher_id) == col(Voucher.id))
    query = query.where(VoucherUse.organization_id == organization_id)
    return session.exec(query.order_by(col(VoucherUse.redeemed_at), col(VoucherUse.id))).all()


def of_subscription(session: Session, subscription_id: str) -> Sequence[tuple[Voucher, VoucherUse]]:
    """In the order in which they were redeemed."""
    query = select(Voucher, VoucherUse).join(VoucherUse, col(VoucherUse.voucher_id) == col(Voucher.id))
    query = query.where(VoucherUse.subscription_id == subscription_id)
    return session.exec(query.order_by(col(VoucherUse.redeemed_at), col(VoucherUse.id))).all()


def periods(session: Session, use_ids: Sequence[str]) -> Mapping[str, int]:
    """In how many invoices each took part."""
    query = select(VoucherDiscount.voucher_use_id, func.count()).where(col(VoucherDiscount.voucher_use_id).in_(use_ids))
    found = {use: int(count) for use, count in session.exec(query.group_by(col(VoucherDiscount.voucher_use_id))).all()}
    return {one: found.get(one, 0) for one in use_ids}


def discounts(session: Session, organization_id: str) -> Sequence[VoucherDiscount]:
    query = select(VoucherDiscount).join(VoucherUse, col(VoucherUse.id) == col(VoucherDiscount.voucher_use_id))
    return session.exec(query.where(VoucherUse.organization_id == organization_id).order_by(col(VoucherDiscount.invoice_id))).all()


def of_invoice(session: Session, invoice_id: str) -> Sequence[tuple[str, int]]:
    """Codes and amounts that lowered an invoice."""
    query = (
        select(Voucher.code, VoucherDiscount.off_minor)
        .join(VoucherUse, col(VoucherUse.voucher_id) == col(Voucher.id))
        .join(VoucherDiscount, col(VoucherDiscount.voucher_use_id) == col(VoucherUse.id))
        .where(VoucherDiscount.invoice_id == invoice_id)
    )
    return [(code, int(off)) for code, off in session.exec(query.order_by(col(VoucherUse.redeemed_at))).all()]
