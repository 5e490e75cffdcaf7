"""Invoices and the ledger row by row, as files of them hold them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from models.store.invoices import Invoice, InvoiceLine
from models.store.ledger import LedgerEntry, LedgerPosting

LINE_COLUMNS: tuple[tuple[str, type], ...] = (
    ("number", str), ("issued_on", date), ("due_on", date), ("state", str), ("organization", str), ("subscription", str), ("line", int),
    ("what", str), ("first", date), ("before", date), ("currency", str), ("net_minor", int), ("tax_minor", int), ("tax", str),
)  # fmt: skip


def line_rows(
    session: Session, *, first: date | None, before: date | None, organization_id: str | None
) -> Sequence[tuple[object, ...]]:
    """One row a line as LINE_COLUMNS says, of invoices issued from `first` to before `before`; by number and line."""
    columns: list[Any] = [
        Invoice.number, Invoice.issued_on, Invoice.due_on, Invoice.state, Invoice.organization_id, Invoice.subscription_id,
        InvoiceLine.line, InvoiceLine.what, InvoiceLine.first, InvoiceLine.after, Invoice.currency, InvoiceLine.net_minor,
        InvoiceLine.tax_minor, Invoice.tax_name,
    ]  # fmt: skip
    query = select(*columns).join(InvoiceLine, col(InvoiceLine.invoice_id) == col(Invoice.id))
    if first is not None:
        query = query.where(col(Invoice.issued_on) >= first)
    if before is not None:
        query = query.where(col(Invoice.issued_on) < before)
    if organization_id is not None:
        query = query.where(col(Invoice.organization_id) == organization_id)
    found = session.connection().execute(query.order_by(col(Invoice.number), col(InvoiceLine.line)))
    return [tuple(row) for row in found]


POSTING_COLUMNS: tuple[tuple[str, type], ...] = (
    ("entry", str), ("day", date), ("kind", str), ("memo", str), ("line", int), ("account", str), ("currency", str),
    ("amount_minor", int), ("organization", str), ("invoice", str),
)  # fmt: skip


def posting_rows(session: Session, *, first: date | None, before: date | None) -> Sequence[tuple[object, ...]]:
    """One row a posting as POSTING_COLUMNS says, by day, entry and line."""
    entry, posting = LedgerEntry, LedgerPosting
    columns: list[Any] = [
        entry.id, entry.day, entry.kind, entry.memo, posting.line, posting.account, posting.currency, posting.amount_minor,
        posting.organization_id, posting.invoice_id,
    ]  # fmt: skip
    query = select(*columns).join(posting, col(posting.entry_id) == col(entry.id))
    if first is not None:
        query = query.where(col(entry.day) >= first)
    if before is not None:
        query = query.where(col(entry.day) < before)
    found = session.connection().execute(query.order_by(col(entry.day), col(entry.at), col(entry.id), col(posting.line)))
    return [tuple(row) for row in found]
