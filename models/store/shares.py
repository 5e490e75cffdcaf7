"""Shares of a month: which lines were charged for a time, and which of them were settled when the plan changed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy import func
from sqlmodel import Session, col, select

from models.store.credit_notes import CreditNote, CreditNoteLine
from models.store.invoices import Invoice, InvoiceLine
from models.store.renewals import Renewal

CHANGED = "plan"
"""The reason of a credit note that gives the old price back when the plan changes."""


def lines(session: Session, item_ids: Collection[str], after: date) -> Sequence[tuple[Invoice, InvoiceLine]]:
    """What was charged for the items in periods that go on after that day's beginning, the oldest invoice first."""
    query = (
        select(Invoice, InvoiceLine)
        .join(InvoiceLine, col(InvoiceLine.invoice_id) == col(Invoice.id))
        .where(col(InvoiceLine.item_id).in_(item_ids), col(Invoice.after) > after)
    )
    return session.exec(query.order_by(col(Invoice.issued_at), col(Invoice.id), col(InvoiceLine.line))).all()


def changed(session: Session, invoice_id: str) -> frozenset[int]:
    """Lines of an invoice whose rest was given back already because the plan changed."""
    query = (
        select(CreditNoteLine.invoice_line)
        .join(CreditNote, col(CreditNote.id) == col(CreditNoteLine.credit_note_id))
        .where(CreditNote.invoice_id == invoice_id, CreditNote.reason == CHANGED)
    )
    return frozenset(session.exec(query).all())


def next_number(session: Session, subscription_id: str) -> int:
    """The number of the next charge within a period: below zero, counted down. Sure only while the renewal's row is locked."""
    query = select(func.min(Invoice.period)).where(Invoice.subscription_id == subscription_id)
    return min(session.exec(query).one() or 0, 0) - 1


def locked(session: Session, subscription_id: str) -> Renewal | None:
    """Where its billing stands, locked until the transaction ends."""
    return session.get(Renewal, subscription_id, with_for_update=True, populate_existing=True)
