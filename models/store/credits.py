"""Credits as the ledger knows them: what is open of each invoice and by what it was lowered, and what customers have to their credit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from models.domain.ledger import CREDIT, RECEIVABLES
from models.store.ledger import LedgerEntry, LedgerPosting
from models.store.organizations import Organization


def receivable(session: Session, invoice_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
    """What was posted to receivables of each invoice, by kind of entry; the sum is what is open of it."""
    query = (
        select(LedgerPosting.invoice_id, LedgerEntry.kind, func.sum(col(LedgerPosting.amount_minor)))
        .join(LedgerEntry, col(LedgerEntry.id) == col(LedgerPosting.entry_id))
        .where(col(LedgerPosting.invoice_id).in_(invoice_ids), LedgerPosting.account == RECEIVABLES.code)
        .group_by(col(LedgerPosting.invoice_id), col(LedgerEntry.kind))
    )
    found: dict[str, dict[str, int]] = {one: {} for one in invoice_ids}
    for invoice_id, kind, amount in session.exec(query).all():
        if invoice_id is not None:
            found[invoice_id][kind] = int(amount)
    return found


def open_of(session: Session, invoice_id: str) -> int:
    """What is open of one; sure only while its row is locked."""
    return sum(receivable(session, [invoice_id])[invoice_id].values())


def lock(session: Session, organization_id: str) -> None:
    """Until the transaction ends nobody else takes from that customer's credit. Rows that point to the customer are written meanwhile."""
    query = select(Organization.id).where(Organization.id == organization_id)
    session.exec(query.with_for_update(key_share=True)).one()


def balances(session: Session, organization_id: str) -> Mapping[str, int]:
    """What the customer has to their credit, by currency; sure only after `lock`. Currencies in which there is nothing are left out."""
    amount: Any = func.sum(col(LedgerPosting.amount_minor))
    query = (
        select(LedgerPosting.currency, amount)
        .where(LedgerPosting.organization_id == organization_id, LedgerPosting.account == CREDIT.code)
        .group_by(col(LedgerPosting.currency))
        .order_by(col(LedgerPosting.currency))
    )
    return {currency: -int(sum_) for currency, sum_ in session.exec(query).all() if sum_}
