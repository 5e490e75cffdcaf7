"""The ledger: accounts, entries that balance, and their postings. Nothing of an entry is ever changed; a mistake is reversed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKeyConstraint, Index, Text, func, insert, tuple_
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.ids import new_id
from models.domain.ledger import AccountKind
from models.store.guards import Guard, guard
from models.store.types import UtcDateTime, text_enum


class LedgerAccount(SQLModel, table=True):
    """One account of the chart that something was posted to."""

    __tablename__ = "ledger_account"

    code: str = Field(primary_key=True)
    name: str
    kind: AccountKind = Field(sa_type=text_enum(AccountKind))


class LedgerEntry(SQLModel, table=True):
    """A balanced entry: it is taken when its postings are there, sum to zero in every currency and are two at least.

    `key` names the event that it records, so that one event is posted once. `day` is the local day in the billing zone.
    """

    __tablename__ = "ledger_entry"
    __table_args__ = (Index("ix_ledger_entry_at_id", "at", "id"),)

    id: str = Field(default_factory=lambda: new_id("ent"), primary_key=True)
    key: str = Field(unique=True)
    kind: str
    day: date = Field(sa_type=Date)
    at: datetime = Field(sa_type=UtcDateTime)
    memo: str = Field(sa_type=Text)


class LedgerPosting(SQLModel, table=True):
    """One line of an entry: minor units of a currency, debit above zero, credit below."""

    __tablename__ = "ledger_posting"
    __table_args__ = (
        CheckConstraint("amount_minor <> 0", name="amount"),
        # postings are written before the entry that seals them
        ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], deferrable=True, initially="DEFERRED"),
    )

    entry_id: str = Field(primary_key=True)
    line: int = Field(primary_key=True)
    account: str = Field(foreign_key="ledger_account.code", index=True)
    currency: str
    amount_minor: int = Field(sa_type=BigInteger)
    organization_id: str = Field(foreign_key="organization.id", index=True)
    invoice_id: str | None = Field(default=None, index=True)
    """No foreign key: an invoice may be sealed after the entry that posts it, in the same transaction."""


_SUMS = (
    "(SELECT count(*) FROM ledger_posting WHERE entry_id = NEW.id) >= 2 AND NOT EXISTS "
    "(SELECT 1 FROM ledger_posting WHERE entry_id = NEW.id GROUP BY currency HAVING sum(amount_minor) <> 0)"
)
_CLOSED = "EXISTS (SELECT 1 FROM books WHERE open_from > NEW.day)"
guard(SQLModel.metadata.tables["ledger_entry"], Guard("ledger_entry", adds_up=_SUMS, closed=_CLOSED))
guard(SQLModel.metadata.tables["ledger_posting"], Guard("ledger_posting", whole=("ledger_entry", "entry_id")))


def by_key(session: Session, key: str) -> LedgerEntry | None:
    return session.exec(select(LedgerEntry).where(LedgerEntry.key == key)).first()


def accounts(session: Session) -> Sequence[LedgerAccount]:
    return session.exec(select(LedgerAccount).order_by(col(LedgerAccount.code))).all()


def write(session: Session, entry: LedgerEntry, postings: Sequence[LedgerPosting]) -> None:
    """The postings, then the entry that seals them, in this order and at once."""
    session.flush()
    connection = session.connection()
    connection.execute(insert(LedgerPosting), [posting.model_dump() for posting in postings])
    connection.execute(insert(LedgerEntry), [entry.model_dump()])


def search(
    session: Session, *, invoice_id: str | None = None, after: tuple[datetime, str] | None = None, limit: int | None = None
) -> Sequence[LedgerEntry]:
    """The newest first, from behind `after` (time and id)."""
    query = select(LedgerEntry)
    if invoice_id is not None:
        of_it = select(LedgerPosting.entry_id).where(LedgerPosting.invoice_id == invoice_id)
        query = query.where(col(LedgerEntry.id).in_(of_it))
    if after is not None:
        query = query.where(tuple_(col(LedgerEntry.at), col(LedgerEntry.id)) < tuple_(*after))
    return session.exec(query.order_by(col(LedgerEntry.at).desc(), col(LedgerEntry.id).desc()).limit(limit)).all()


def postings(session: Session, entry_ids: Sequence[str]) -> Mapping[str, Sequence[LedgerPosting]]:
    """Lines by entry, in their order."""
    query = select(LedgerPosting).where(col(LedgerPosting.entry_id).in_(entry_ids))
    found: dict[str, list[LedgerPosting]] = {one: [] for one in entry_ids}
    for row in session.exec(query.order_by(col(LedgerPosting.entry_id), col(LedgerPosting.line))).all():
        found[row.entry_id].append(row)
    return found


def of_organization(session: Session, organization_id: str) -> Sequence[LedgerPosting]:
    query = select(LedgerPosting).where(LedgerPosting.organization_id == organization_id)
    return session.exec(query.order_by(col(LedgerPosting.entry_id), col(LedgerPosting.line))).all()


def sums(session: Session) -> Sequence[tuple[str, str, int, int]]:
    """Account, currency, sum of debits and sum of credits (above zero both), by code and currency."""
    amount: Any = col(LedgerPosting.amount_minor)
    debit, credit = func.sum(amount).filter(amount > 0), func.sum(amount).filter(amount < 0)
    query = (
        select(LedgerPosting.account, LedgerPosting.currency, func.coalesce(debit, 0), -func.coalesce(credit, 0))
        .group_by(col(LedgerPosting.account), col(LedgerPosting.currency))
        .order_by(col(LedgerPosting.account), col(LedgerPosting.currency))
    )
    return [(account, currency, int(more), int(less)) for account, currency, more, less in session.exec(query).all()]
