"""Receivables: what the ledger says is open of each invoice, and what invoices charged as tax by month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import extract, func
from sqlmodel import Session, col, select

from models.domain.ledger import RECEIVABLES
from models.domain.tax import TaxCategory
from models.store.invoices import Invoice, InvoiceState
from models.store.ledger import LedgerPosting


@dataclass(frozen=True, slots=True)
class Taxed:
    """Invoices of one month of issue with the same tax."""

    month: date
    category: TaxCategory
    name: str
    invoices: int
    net_minor: int
    tax_minor: int


def open_(session: Session, currency: str) -> Sequence[tuple[Invoice, int]]:
    """Invoices that are open, with what is posted to receivables for them and not balanced."""
    amount = func.sum(col(LedgerPosting.amount_minor))
    sums = (
        select(LedgerPosting.invoice_id, amount.label("open"))
        .where(LedgerPosting.account == RECEIVABLES.code, LedgerPosting.currency == currency)
        .where(col(LedgerPosting.invoice_id).in_(select(Invoice.id).where(Invoice.state == InvoiceState.OPEN)))
        .group_by(col(LedgerPosting.invoice_id))
        .having(amount != 0)
        .subquery()
    )
    query = select(Invoice, sums.c.open).join(sums, sums.c.invoice_id == col(Invoice.id))
    return [(row, int(open_minor)) for row, open_minor in session.exec(query).all()]


def taxed(session: Session, currency: str) -> Sequence[Taxed]:
    """By month of issue, category and name, the newest month first."""
    year, month = extract("year", col(Invoice.issued_on)), extract("month", col(Invoice.issued_on))
    parts: tuple[Any, ...] = (year, month, Invoice.tax_category, Invoice.tax_name)
    columns: tuple[Any, ...] = (*parts, func.count(), func.sum(col(Invoice.net_minor)), func.sum(col(Invoice.tax_minor)))
    query: Any = select(*columns)
    query = query.where(Invoice.currency == currency).group_by(*parts).order_by(year.desc(), month.desc(), *parts[2:])
    return [
        Taxed(date(int(y), int(m), 1), category, name, int(count), int(net), int(tax))
        for y, m, category, name, count, net, tax in session.exec(query).all()
    ]
