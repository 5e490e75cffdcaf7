"""Sums of the ledger by account, currency, month and kind of event: kept for what is older than an hour, so that reports are fast.

They are a copy and never the truth: what was posted since is added when they are read. They are dropped by whoever posts something older
(a clock that was put back), and made anew when their count of entries is not that of the ledger.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import BigInteger, Date, delete, extract, func, insert
from sqlmodel import Field, Session, SQLModel, col, select

from models.store import locks
from models.store.ledger import LedgerEntry, LedgerPosting
from models.store.types import UtcDateTime

_ONE = "ledger"
NEVER = datetime(1, 1, 2, tzinfo=UTC)


class LedgerMonth(SQLModel, table=True):
    """Debits and credits (both above zero) of the entries that are summed."""

    __tablename__ = "ledger_month"

    account: str = Field(primary_key=True)
    currency: str = Field(primary_key=True)
    month: date = Field(primary_key=True, sa_type=Date)
    kind: str = Field(primary_key=True)
    debit_minor: int = Field(sa_type=BigInteger)
    credit_minor: int = Field(sa_type=BigInteger)


class LedgerSummed(SQLModel, table=True):
    """One row: entries written before `until` are summed, and so many they were."""

    __tablename__ = "ledger_summed"

    name: str = Field(default=_ONE, primary_key=True)
    until: datetime = Field(sa_type=UtcDateTime)
    entries: int


@dataclass(frozen=True, slots=True)
class Sum:
    """What was posted to one account in one currency and month by one kind of event; debits and credits both above zero."""

    account: str
    currency: str
    month: date
    kind: str
    debit: int
    credit: int

    @property
    def balance(self) -> int:
        return self.debit - self.credit


Key = tuple[str, str, date, str]


def monthly(session: Session) -> Sequence[Sum]:
    """All sums, by account, currency, month and kind: the kept ones and what was written since."""
    kept = session.get(LedgerSummed, _ONE, populate_existing=True)
    until = kept.until if kept is not None else NEVER
    sums: dict[Key, list[int]] = defaultdict(lambda: [0, 0])
    if until != NEVER:
        for row in session.exec(select(LedgerMonth)).all():
            sums[row.account, row.currency, row.month, row.kind] = [row.debit_minor, row.credit_minor]
    for one in _summed(session, until, None):
        both = sums[one.account, one.currency, one.month, one.kind]
        both[0], both[1] = both[0] + one.debit, both[1] + one.credit
    return [Sum(*key, *both) for key, both in sorted(sums.items())]


def keep(session: Session, until: datetime) -> int:
    """Sum what was written before `until`; how many entries were new. All of it anew when the count was wrong."""
    locks.hold(session, "ledger_sums")
    kept = session.get(LedgerSummed, _ONE, populate_existing=True)
    since = kept.until if kept is not None and kept.entries == _count(session, kept.until) else NEVER
    if since >= until:
        return 0
    before = kept.entries if kept is not None and since != NEVER else 0
    sums = {(one.account, one.currency, one.month, one.kind): (one.debit, one.credit) for one in _summed(session, since, until)}
    if since != NEVER:
        for row in session.exec(select(LedgerMonth)).all():
            key = (row.account, row.currency, row.month, row.kind)
            new = sums.get(key, (0, 0))
            sums[key] = row.debit_minor + new[0], row.credit_minor + new[1]
    session.exec(delete(LedgerMonth))
    names = ("account", "currency", "month", "kind", "debit_minor", "credit_minor")
    if sums:
        session.connection().execute(
            insert(LedgerMonth), [dict(zip(names, (*key, *both), strict=True)) for key, both in sums.items()]
        )
    count = _count(session, until)
    session.merge(LedgerSummed(until=until, entries=count))
    session.flush()
    return count - before


def heed(session: Session, at: datetime) -> None:
    """Something is posted as of then: sums that should have it already are dropped."""
    kept = session.get(LedgerSummed, _ONE)
    if kept is not None and at < kept.until:
        session.delete(kept)
        session.flush()


def _count(session: Session, until: datetime) -> int:
    return session.exec(select(func.count()).select_from(LedgerEntry).where(col(LedgerEntry.at) < until)).one()


def _summed(session: Session, since: datetime, until: datetime | None) -> Sequence[Sum]:
    amount: Any = col(LedgerPosting.amount_minor)
    debit, credit = func.sum(amount).filter(amount > 0), func.sum(amount).filter(amount < 0)
    year, month = extract("year", col(LedgerEntry.day)), extract("month", col(LedgerEntry.day))
    parts: tuple[Any, ...] = (LedgerPosting.account, LedgerPosting.currency, year, month, LedgerEntry.kind)
    columns: tuple[Any, ...] = (*parts, func.coalesce(debit, 0), -func.coalesce(credit, 0))
    query: Any = select(*columns)
    query = query.join(LedgerEntry, col(LedgerEntry.id) == col(LedgerPosting.entry_id)).group_by(*parts)
    if since != NEVER:
        # said of the postings too, or SQLite reads them all in the order of the groups
        fresh = select(LedgerEntry.id).where(col(LedgerEntry.at) >= since)
        query = query.where(col(LedgerEntry.at) >= since, col(LedgerPosting.entry_id).in_(fresh))
    if until is not None:
        query = query.where(col(LedgerEntry.at) < until)
    return [
        Sum(account, currency, date(int(y), int(m), 1), kind, int(more), int(less))
        for account, currency, y, m, kind, more, less in session.exec(query).all()
    ]
