"""Invoices with their lines, and the numbers that they get. What was issued is never changed; only how it stands moves on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    insert,
    tuple_,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.ids import new_id
from models.domain.tax import TaxCategory
from models.store.guards import Guard, guard
from models.store.types import UtcDateTime, text_enum


class InvoiceState(StrEnum):
    OPEN = "open"
    PAID = "paid"
    WRITTEN_OFF = "written_off"
    """Given up as a loss; what comes later all the same is the customer's credit."""


class InvoiceSeries(SQLModel, table=True):
    """The last number of a series in a year. Its row is locked by whoever issues, so that numbers have no gaps."""

    __tablename__ = "invoice_series"

    series: str = Field(primary_key=True)
    year: int = Field(primary_key=True)
    last: int = 0


class Invoice(SQLModel, table=True):
    """One issued document of one period of a subscription. Amounts in minor units of `currency`; days are those of the billing zone."""

    __table_args__ = (
        UniqueConstraint("series", "year", "sequence"),
        UniqueConstraint("subscription_id", "period"),
        CheckConstraint("net_minor + tax_minor = total_minor", name="total"),
        Index("ix_invoice_issued_at_id", "issued_at", "id"),
        Index("ix_invoice_organization_id_issued_at", "organization_id", "issued_at"),
    )

    id: str = Field(default_factory=lambda: new_id("inv"), primary_key=True)
    number: str = Field(unique=True)
    series: str
    year: int
    sequence: int
    organization_id: str = Field(foreign_key="organization.id")
    subscription_id: str = Field(foreign_key="subscription.id")
    period: int
    """Number of the period, the first being zero. Below zero, counted down, what was charged within one for a change of plan."""
    first: date = Field(sa_type=Date)
    after: date = Field(sa_type=Date)
    """The first day that is no longer in the period."""
    currency: str
    net_minor: int = Field(sa_type=BigInteger)
    tax_minor: int = Field(sa_type=BigInteger)
    total_minor: int = Field(sa_type=BigInteger)
    tax_category: TaxCategory = Field(sa_type=text_enum(TaxCategory))
    tax_name: str
    tax_formula: str = Field(sa_type=Text)
    issued_at: datetime = Field(sa_type=UtcDateTime)
    issued_on: date = Field(sa_type=Date)
    due_on: date = Field(sa_type=Date)
    state: InvoiceState = Field(default=InvoiceState.OPEN, sa_type=text_enum(InvoiceState))
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class InvoiceLine(SQLModel, table=True):
    """What is charged for one item in one period, once."""

    __tablename__ = "invoice_line"
    __table_args__ = (
        UniqueConstraint("item_id", "period"),
        # lines are written before the invoice that seals them
        ForeignKeyConstraint(["invoice_id"], ["invoice.id"], deferrable=True, initially="DEFERRED"),
    )

    invoice_id: str = Field(primary_key=True)
    line: int = Field(primary_key=True)
    item_id: str = Field(foreign_key="subscription_item.id")
    period: int
    what: str = Field(sa_type=Text)
    first: date = Field(sa_type=Date)
    after: date = Field(sa_type=Date)
    net_minor: int = Field(sa_type=BigInteger)
    tax_minor: int = Field(sa_type=BigInteger)


_SUMS = (
    "(SELECT coalesce(sum(net_minor), 0) FROM invoice_line WHERE invoice_id = NEW.id) = NEW.net_minor AND "
    "(SELECT coalesce(sum(tax_minor), 0) FROM invoice_line WHERE invoice_id = NEW.id) = NEW.tax_minor"
)
guard(SQLModel.metadata.tables["invoice"], Guard("invoice", free=("state", "settled_at"), adds_up=_SUMS))
guard(SQLModel.metadata.tables["invoice_line"], Guard("invoice_line", whole=("invoice", "invoice_id")))


def by_id(session: Session, invoice_id: str) -> Invoice | None:
    return session.get(Invoice, invoice_id)


def by_number(session: Session, number: str) -> Invoice | None:
    return session.exec(select(Invoice).where(Invoice.number == number)).first()


def locked(session: Session, invoice_id: str) -> Invoice:
    """It, locked until the transaction ends, so that what is open of it is known for sure."""
    return session.get_one(Invoice, invoice_id, with_for_update=True, populate_existing=True)


def write(session: Session, invoice: Invoice, lines: Sequence[InvoiceLine]) -> None:
    """The lines, then the invoice that seals them; its number is drawn between, so that the series is locked as briefly as can be."""
    session.flush()
    connection = session.connection()
    connection.execute(insert(InvoiceLine), [line.model_dump() for line in lines])
    invoice.sequence = next_number(session, invoice.series, invoice.year)
    invoice.number = f"{invoice.series}-{invoice.year}-{invoice.sequence:06d}"
    connection.execute(insert(Invoice), [invoice.model_dump()])


def next_number(session: Session, series: str, year: int) -> int:
    """The next number of the series; given back when the transaction is not kept."""
    connection = session.connection()
    taken = (
        update(InvoiceSeries)
        .where(col(InvoiceSeries.series) == series, col(InvoiceSeries.year) == year)
        .values(last=col(InvoiceSeries.last) + 1)
        .returning(col(InvoiceSeries.last))
    )
    found = connection.execute(taken).scalar_one_or_none()
    if found is None:
        try:
            with connection.begin_nested():
                connection.execute(insert(InvoiceSeries), [{"series": series, "year": year, "last": 0}])
        except IntegrityError:
            pass  # another issuer began the series just now
        found = connection.execute(taken).scalar_one()
    return int(found)


def last_day(session: Session, series: str) -> date | None:
    """The day of the newest of a series: an earlier one would go backwards. None before the first."""
    query = select(Invoice).where(Invoice.series == series).order_by(col(Invoice.year).desc(), col(Invoice.sequence).desc())
    newest = session.exec(query.limit(1)).first()
    return newest.issued_on if newest else None


def search(
    session: Session,
    *,
    within: Collection[str] | None = None,
    subscription_id: str | None = None,
    states: Collection[InvoiceState] | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int | None = None,
) -> Sequence[Invoice]:
    """The newest first, from behind `after` (time and id); `within` are organizations, None means all of them."""
    query = select(Invoice)
    if within is not None:
        query = query.where(col(Invoice.organization_id).in_(within))
    if subscription_id is not None:
        query = query.where(Invoice.subscription_id == subscription_id)
    if states is not None:
        query = query.where(col(Invoice.state).in_(states))
    if after is not None:
        query = query.where(tuple_(col(Invoice.issued_at), col(Invoice.id)) < tuple_(*after))
    return session.exec(query.order_by(col(Invoice.issued_at).desc(), col(Invoice.id).desc()).limit(limit)).all()


def lines(session: Session, invoice_ids: Sequence[str]) -> Mapping[str, Sequence[InvoiceLine]]:
    """Lines by invoice, in their order."""
    query = select(InvoiceLine).where(col(InvoiceLine.invoice_id).in_(invoice_ids))
    found: dict[str, list[InvoiceLine]] = {one: [] for one in invoice_ids}
    for row in session.exec(query.order_by(col(InvoiceLine.invoice_id), col(InvoiceLine.line))).all():
        found[row.invoice_id].append(row)
    return found


def settle(session: Session, invoice_id: str, *, at: datetime, state: InvoiceState = InvoiceState.PAID) -> bool:
    """Say that an open one is paid, or given up; False when that was said before."""
    moved = session.exec(
        update(Invoice)
        .where(col(Invoice.id) == invoice_id, col(Invoice.state) == InvoiceState.OPEN)
        .values(state=state, settled_at=at)
        .execution_options(synchronize_session="fetch")
    )
    return moved.rowcount == 1
