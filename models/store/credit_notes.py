"""Credit notes with their lines. What was issued is never changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    func,
    insert,
    tuple_,
)
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.ids import new_id
from models.store.guards import Guard, guard
from models.store.invoices import next_number
from models.store.types import UtcDateTime

SERIES = "CN"


class CreditNote(SQLModel, table=True):
    """What is given back of one invoice. `lowered_minor` of it was open and is owed no more; the rest is the customer's credit.

    `key` names the event, so that it gives back once. Amounts in minor units of `currency`.
    """

    __tablename__ = "credit_note"
    __table_args__ = (
        UniqueConstraint("series", "year", "sequence"),
        CheckConstraint("net_minor + tax_minor = total_minor", name="total"),
        CheckConstraint("lowered_minor >= 0 AND lowered_minor <= total_minor", name="lowered"),
        Index("ix_credit_note_issued_at_id", "issued_at", "id"),
    )

    id: str = Field(default_factory=lambda: new_id("cn"), primary_key=True)
    key: str = Field(unique=True)
    number: str = Field(unique=True)
    series: str = SERIES
    year: int
    sequence: int
    organization_id: str = Field(foreign_key="organization.id", index=True)
    subscription_id: str = Field(foreign_key="subscription.id", index=True)
    invoice_id: str = Field(foreign_key="invoice.id", index=True)
    currency: str
    net_minor: int = Field(sa_type=BigInteger)
    tax_minor: int = Field(sa_type=BigInteger)
    total_minor: int = Field(sa_type=BigInteger)
    lowered_minor: int = Field(sa_type=BigInteger)
    reason: str = Field(sa_type=Text)
    issued_at: datetime = Field(sa_type=UtcDateTime)
    issued_on: date = Field(sa_type=Date)


class CreditNoteLine(SQLModel, table=True):
    """What is given back of one line of the invoice. `deferred_minor` of its net was not rendered yet on the day of the note."""

    __tablename__ = "credit_note_line"
    __table_args__ = (
        CheckConstraint("net_minor >= 0 AND tax_minor >= 0 AND net_minor + tax_minor > 0", name="amount"),
        CheckConstraint("deferred_minor >= 0 AND deferred_minor <= net_minor", name="deferred"),
        # lines are written before the note that seals them
        ForeignKeyConstraint(["credit_note_id"], ["credit_note.id"], deferrable=True, initially="DEFERRED"),
        ForeignKeyConstraint(["invoice_id", "invoice_line"], ["invoice_line.invoice_id", "invoice_line.line"]),
        Index("ix_credit_note_line_invoice_id_invoice_line", "invoice_id", "invoice_line"),
    )

    credit_note_id: str = Field(primary_key=True)
    invoice_line: int = Field(primary_key=True)
    invoice_id: str
    net_minor: int = Field(sa_type=BigInteger)
    tax_minor: int = Field(sa_type=BigInteger)
    deferred_minor: int = Field(sa_type=BigInteger)


_OF = "FROM credit_note_line WHERE credit_note_id = NEW.id"
_EVERY = "FROM credit_note_line every WHERE every.invoice_id = charged.invoice_id AND every.invoice_line = charged.line"
_SUMS = (
    f"(SELECT coalesce(sum(net_minor), 0) {_OF}) = NEW.net_minor AND (SELECT coalesce(sum(tax_minor), 0) {_OF}) = NEW.tax_minor AND "
    f"NOT EXISTS (SELECT 1 {_OF} AND invoice_id <> NEW.invoice_id) AND "
    "NOT EXISTS (SELECT 1 FROM invoice_line charged WHERE charged.invoice_id = NEW.invoice_id AND "
    f"((SELECT coalesce(sum(every.net_minor), 0) {_EVERY}) > charged.net_minor OR "
    f"(SELECT coalesce(sum(every.tax_minor), 0) {_EVERY}) > charged.tax_minor))"
)
"""Sums are those of the lines, all lines are of its invoice, and of no line more is given back than was charged."""
guard(SQLModel.metadata.tables["credit_note"], Guard("credit_note", adds_up=_SUMS))
guard(SQLModel.metadata.tables["credit_note_line"], Guard("credit_note_line", whole=("credit_note", "credit_note_id")))


def by_id(session: Session, credit_note_id: str) -> CreditNote | None:
    return session.get(CreditNote, credit_note_id)


def by_key(session: Session, key: str) -> CreditNote | None:
    return session.exec(select(CreditNote).where(CreditNote.key == key)).first()


def write(session: Session, note: CreditNote, lines: Sequence[CreditNoteLine]) -> None:
    """The lines, then the note that seals them; its number is drawn between."""
    session.flush()
    connection = session.connection()
    connection.execute(insert(CreditNoteLine), [line.model_dump() for line in lines])
    note.sequence = next_number(session, note.series, note.year)
    note.number = f"{note.series}-{note.year}-{note.sequence:06d}"
    connection.execute(insert(CreditNote), [note.model_dump()])


def last_day(session: Session) -> date | None:
    """The day of the newest: an earlier one would go backwards. None before the first."""
    query = select(CreditNote).order_by(col(CreditNote.year).desc(), col(CreditNote.sequence).desc())
    newest = session.exec(query.limit(1)).first()
    return newest.issued_on if newest else None


def search(
    session: Session,
    *,
    within: Collection[str] | None = None,
    invoice_id: str | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int | None = None,
) -> Sequence[CreditNote]:
    """The newest first, from behind `after` (time and id); `within` are organizations, None means all of them."""
    query = select(CreditNote)
    if within is not None:
        query = query.where(col(CreditNote.organization_id).in_(within))
    if invoice_id is not None:
        query = query.where(CreditNote.invoice_id == invoice_id)
    if after is not None:
        query = query.where(tuple_(col(CreditNote.issued_at), col(CreditNote.id)) < tuple_(*after))
    return session.exec(query.order_by(col(CreditNote.issued_at).desc(), col(CreditNote.id).desc()).limit(limit)).all()


def lines(session: Session, credit_note_ids: Sequence[str]) -> Mapping[str, Sequence[CreditNoteLine]]:
    """Lines by credit note, in the order of the invoice's."""
    query = select(CreditNoteLine).where(col(CreditNoteLine.credit_note_id).in_(credit_note_ids))
    found: dict[str, list[CreditNoteLine]] = {one: [] for one in credit_note_ids}
    for row in session.exec(query.order_by(col(CreditNoteLine.credit_note_id), col(CreditNoteLine.invoice_line))).all():
        found[row.credit_note_id].append(row)
    return found


def unearned(session: Session, invoice_id: str, line: int) -> Sequence[tuple[date, int]]:
    """What was given back of a line before it was earned, by the day of the note, the first one first."""
    query = (
        select(CreditNote, CreditNoteLine)
        .join(CreditNote, col(CreditNote.id) == col(CreditNoteLine.credit_note_id))
        .where(CreditNoteLine.invoice_id == invoice_id, CreditNoteLine.invoice_line == line, CreditNoteLine.deferred_minor > 0)
    )
    found = session.exec(query.order_by(col(CreditNote.issued_on), col(CreditNote.sequence))).all()
    return [(note.issued_on, of.deferred_minor) for note, of in found]


def credited(session: Session, invoice_id: str) -> Mapping[int, tuple[int, int, int]]:
    """Net, tax and deferred net that were given back of each line of an invoice, by the line's number."""
    query = (
        select(
            CreditNoteLine.invoice_line,
            func.sum(col(CreditNoteLine.net_minor)),
            func.sum(col(CreditNoteLine.tax_minor)),
            func.sum(col(CreditNoteLine.deferred_minor)),
        )
        .where(CreditNoteLine.invoice_id == invoice_id)
        .group_by(col(CreditNoteLine.invoice_line))
    )
    return {line: (int(net), int(tax), int(still)) for line, net, tax, still in session.exec(query).all()}
