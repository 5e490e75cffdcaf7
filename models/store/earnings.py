"""Earnings: what was recognised in a month, by the app whose item was charged."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from sqlmodel import Session, col, select

from models.domain.ledger import REVENUE
from models.domain.money import Money
from models.domain.recognition import Deferred, next_month, recognised
from models.store.invoices import Invoice, InvoiceLine
from models.store.ledger import LedgerEntry, LedgerPosting
from models.store.subscriptions import SubscriptionItem

ELSEWHERE = ""
"""What belongs to no app."""


def posted(session: Session, month: date, currency: str) -> Mapping[str, int]:
    """By instance, from the ledger's account of revenue: its sum is that of the account in the month."""
    query = (
        select(LedgerEntry, LedgerPosting)
        .join(LedgerPosting, col(LedgerPosting.entry_id) == col(LedgerEntry.id))
        .where(col(LedgerEntry.day) >= month, col(LedgerEntry.day) < next_month(month))
        .where(LedgerPosting.account == REVENUE.code, LedgerPosting.currency == currency)
    )
    apps = _apps(session)
    found: dict[str, int] = {}
    for entry, posting in session.exec(query).all():
        kind, _, rest = entry.key.partition(":")
        invoice, _, line = rest.rpartition(":")[0].rpartition(":")
        app = apps.get((invoice, int(line)), ELSEWHERE) if kind == "rec" and line.isdigit() else ELSEWHERE
        found[app] = found.get(app, 0) - posting.amount_minor
    return found


def so_far(session: Session, month: date, before: date, currency: str) -> Mapping[str, int]:
    """By instance, what was earned by days from the first of a month to before a day, of lines that are billed."""
    query = (
        select(InvoiceLine)
        .join(Invoice, col(Invoice.id) == col(InvoiceLine.invoice_id))
        .where(Invoice.currency == currency, col(InvoiceLine.first) < before, col(InvoiceLine.after) > month)
        .where(col(InvoiceLine.net_minor) != 0)
    )
    apps = _apps(session)
    found: dict[str, int] = {}
    for row in session.exec(query).all():
        line = Deferred(Money(row.net_minor, currency), row.first, row.after)
        amount = (recognised(line, before) - recognised(line, month)).minor
        app = apps.get((row.invoice_id, row.line), ELSEWHERE)
        found[app] = found.get(app, 0) + amount
    return found


def _apps(session: Session) -> Mapping[tuple[str, int], str]:
    query = select(InvoiceLine, SubscriptionItem).join(SubscriptionItem, col(SubscriptionItem.id) == col(InvoiceLine.item_id))
    return {(line.invoice_id, line.line): item.instance_id or ELSEWHERE for line, item in session.exec(query).all()}
