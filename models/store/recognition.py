"""Recognition: how much of each invoice's line was moved from deferred revenue to revenue, and which month comes next."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from sqlalchemy import BigInteger, Date, ForeignKeyConstraint, func, or_, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col, select

from models.store.invoices import Invoice, InvoiceLine


class Recognition(SQLModel, table=True):
    """One row a line, from its first month on. `next_month` is the first one (its first day) that was not posted; None at the end."""

    __table_args__ = (ForeignKeyConstraint(["invoice_id", "line"], ["invoice_line.invoice_id", "invoice_line.line"]),)

    invoice_id: str = Field(primary_key=True)
    line: int = Field(primary_key=True)
    next_month: date | None = Field(default=None, sa_type=Date, index=True)
    earned_minor: int = Field(sa_type=BigInteger)


@dataclass(frozen=True, slots=True)
class Standing:
    """A line of an issued invoice with where its recognition stands; `next_month` is None before it has begun and at its end."""

    invoice_id: str
    line: int
    number: str
    organization_id: str
    currency: str
    what: str
    first: date
    after: date
    net_minor: int
    begun: bool
    next_month: date | None
    earned_minor: int


Key = tuple[str, int]
_COLUMNS = (
    InvoiceLine.invoice_id, InvoiceLine.line, Invoice.number, Invoice.organization_id, Invoice.currency, InvoiceLine.what,
    InvoiceLine.first, InvoiceLine.after, InvoiceLine.net_minor, col(Recognition.invoice_id).is_not(None),
    Recognition.next_month, Recognition.earned_minor,
)  # fmt: skip


def _standings() -> Any:
    """Every line of an issued invoice with how far it was earned."""
    mine = (col(Recognition.invoice_id) == col(InvoiceLine.invoice_id)) & (col(Recognition.line) == col(InvoiceLine.line))
    columns: Any = select(*_COLUMNS)  # type: ignore[call-overload]  # sqlmodel types at most four columns
    return columns.join(Invoice, col(Invoice.id) == col(InvoiceLine.invoice_id)).outerjoin(Recognition, mine)


def due(session: Session, month: date, *, limit: int | None = None, without: Collection[Key] = ()) -> Sequence[Standing]:
    """Lines with something to post for a month before `month` (a first day), the earliest service first; not those of `without`."""
    fresh = col(Recognition.invoice_id).is_(None) & (col(InvoiceLine.first) < month)
    query = (
        _standings()
        .where(col(InvoiceLine.net_minor) != 0, or_(fresh, col(Recognition.next_month) < month))
        .order_by(col(InvoiceLine.first), col(InvoiceLine.invoice_id), col(InvoiceLine.line))
    )
    if without:
        query = query.where(tuple_(col(InvoiceLine.invoice_id), col(InvoiceLine.line)).not_in(without))
    return [_standing(row) for row in session.exec(query.limit(limit)).all()]


def of_line(session: Session, key: Key) -> Standing | None:
    """Where that line stands now, once its invoice is issued."""
    query = _standings().where(InvoiceLine.invoice_id == key[0], InvoiceLine.line == key[1])
    row = session.exec(query).first()
    return _standing(row) if row else None


def advance(session: Session, standing: Standing, *, next_month: date | None, earned_minor: int) -> bool:
    """Take it as far as that; False when another process was there first. The row stays locked until the transaction ends."""
    if not standing.begun:
        try:
            with session.begin_nested():
                session.add(
                    Recognition(
                        invoice_id=standing.invoice_id, line=standing.line, next_month=next_month, earned_minor=earned_minor
                    )
                )
        except IntegrityError:
            return False
        return True
    moved = session.exec(
        update(Recognition)
        .where(col(Recognition.invoice_id) == standing.invoice_id, col(Recognition.line) == standing.line)
        .where(col(Recognition.next_month) == standing.next_month)
        .values(next_month=next_month, earned_minor=earned_minor)
        .execution_options(synchronize_session="fetch")
    )
    return moved.rowcount == 1


def earned(session: Session) -> dict[str, int]:
    """What was moved to revenue of all lines together, by currency."""
    query = (
        select(Invoice.currency, func.sum(col(Recognition.earned_minor)))
        .join(Invoice, col(Invoice.id) == col(Recognition.invoice_id))
        .group_by(Invoice.currency)
    )
    return {currency: int(amount) for currency, amount in session.exec(query).all()}


def _standing(row: tuple[object, ...]) -> Standing:
    *facts, earned_minor = row
    made: Standing = Standing(*cast(Any, (*facts, earned_minor or 0)))
    return made
