"""The ledger: accounts, entries that balance, and their postings. Nothing of an entry is ever changed; a mistake is reversed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKeyConstraint, Index, Text, exists, insert, tuple_
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
    __table_args__ = (Index("ix_ledger_entry_at_id", "at", "id"), Index("ix_ledger_entry_day", "day"))

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
        Index("ix_ledger_posting_account_entry_id", "account", "entry_id"),
    )

    entry_id: str = Field(primary_key=True)
    line: int = Field(primary_key=True)
    account: str = Field(foreign_key="ledger_account.code")
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


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: for an invoice, of an account, in days from `first` to before `after`, of a kind of event. None: any."""

    invoice_id: str | None = None
    account: str | None = None
    currency: str | None = None
    kind: str | None = None
    first: date | None = None
    after: date | None = None


def search(
    session: Session, wanted: Wanted = Wanted(), *, after: tuple[datetime, str] | None = None, limit: int | None = None
) -> Sequence[LedgerEntry]:
    """The newest first, from behind `after` (time and id)."""
    query = select(LedgerEntry)
    lines = (
        (LedgerPosting.invoice_id, wanted.invoice_id),
        (LedgerPosting.account, wanted.account),
        (LedgerPosting.currency, wanted.currency),
    )
    asked = [(column, value) for column, value in lines if value is not None]
    if asked:
        of_it = select(LedgerPosting.entry_id).where(*(col(column) == value for column, value in asked))
        if wanted.invoice_id is None:
            of_it = of_it.where(col(LedgerPosting.entry_id) == col(LedgerEntry.id))
        query = query.where(col(LedgerEntry.id).in_(of_it) if wanted.invoice_id is not None else exists(of_it))
    if wanted.kind is not None:
        query = query.where(LedgerEntry.kind == wanted.kind)
    if wanted.first is not None:
        query = query.where(col(LedgerEntry.day) >= wanted.first)
    if wanted.after is not None:
        query = query.where(col(LedgerEntry.day) < wanted.after)
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


def chronological(session: Session, *, at_once: int) -> Iterator[tuple[LedgerEntry, Sequence[LedgerPosting]]]:
    """Every entry with its lines, the earliest day first, so many read together."""
    last: tuple[date, str] | None = None
    while True:
        query = select(LedgerEntry).order_by(col(LedgerEntry.day), col(LedgerEntry.id)).limit(at_once)
        if last is not None:
            query = query.where(tuple_(col(LedgerEntry.day), col(LedgerEntry.id)) > tuple_(*last))
        rows = session.exec(query).all()
        lines = postings(session, [row.id for row in rows])
        for row in rows:
            yield row, lines[row.id]
        if len(rows) < at_once:
            return
        last = rows[-1].day, rows[-1].id
