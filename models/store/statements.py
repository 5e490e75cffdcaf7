"""What a statement of account is made of: balances and moves of one organization on the ledger."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from sqlmodel import Session, col, func, select

from models.store.ledger import LedgerEntry, LedgerPosting


def currencies_of(session: Session, organization_id: str) -> Sequence[str]:
    """Currencies in which anything was posted for the organization."""
    query = select(LedgerPosting.currency).where(LedgerPosting.organization_id == organization_id).distinct()
    return sorted(session.exec(query).all())


def balance_of(session: Session, organization_id: str, accounts: Collection[str], currency: str, *, before: date) -> int:
    """Debit minus credit of the organization on those accounts over the days before `before`."""
    total: Any = func.coalesce(func.sum(col(LedgerPosting.amount_minor)), 0)
    query = select(total).join(LedgerEntry, col(LedgerEntry.id) == col(LedgerPosting.entry_id))
    query = query.where(LedgerPosting.organization_id == organization_id, LedgerPosting.currency == currency)
    return int(session.exec(query.where(col(LedgerPosting.account).in_(accounts), col(LedgerEntry.day) < before)).one())


def moves_of(
    session: Session, organization_id: str, accounts: Collection[str], currency: str, *, first: date, before: date
) -> Sequence[tuple[LedgerEntry, int]]:
    """Entries of the days from `first` to before `before` that moved those accounts of the organization, with by how much, in order."""
    amount: Any = func.sum(col(LedgerPosting.amount_minor))
    moved = (
        select(col(LedgerPosting.entry_id).label("entry_id"), amount.label("amount"))
        .where(LedgerPosting.organization_id == organization_id, LedgerPosting.currency == currency)
        .where(col(LedgerPosting.account).in_(accounts))
        .group_by(col(LedgerPosting.entry_id))
        .having(amount != 0)
        .subquery()
    )
    query = select(LedgerEntry, moved.c.amount).join(moved, moved.c.entry_id == col(LedgerEntry.id))
    query = query.where(col(LedgerEntry.day) >= first, col(LedgerEntry.day) < before)
    # within one moment what was charged comes before what paid it
    rows = session.exec(query.order_by(col(LedgerEntry.day), col(LedgerEntry.at), moved.c.amount.desc(), col(LedgerEntry.id))).all()
    return [(entry, int(by)) for entry, by in rows]
