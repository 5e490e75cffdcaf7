"""Statements of account: what an organization owed before some days, what came and went in them, and what it owes after."""

from __future__ import annotations

from datetime import date, timedelta

from app.context import Context
from app.documents.pdf import MEDIA_TYPE, pdf
from app.services import billing_profiles
from app.services.export import Archive
from app.services.organizations import existing
from models.domain.access import Permission
from models.domain.documents import DocumentKind, Paper, PaperLine
from models.domain.errors import Invalid, NotFound
from models.domain.ledger import CREDIT, RECEIVABLES
from models.store import statements as store

OPENING = {"en": "Balance before", "id": "Saldo sebelumnya", "de": "Saldo davor"}
KINDS = {
    "invoice": {"en": "Invoice", "id": "Faktur", "de": "Rechnung"},
    "payment": {"en": "Payment", "id": "Pembayaran", "de": "Zahlung"},
}
"""Entries in words; others are named by what they are about alone."""
LONGEST = timedelta(days=366 * 3)


def currencies(ctx: Context, *, organization_id: str) -> tuple[str, ...]:
    """Currencies in which the organization was ever charged."""
    ctx.require(Permission.SEE_OWN_BILLING, organization_id)
    return tuple(store.currencies_of(ctx.session, existing(ctx, organization_id).id))


def statement(
    ctx: Context, *, organization_id: str, currency: str, first: date | None = None, before: date | None = None
) -> Archive:
    """The days from `first` to before `before` as PDF: receivables less credit, entry by entry, as the ledger has them.

    Without days: this month, or the month of `first`. Its last figure is what the organization owes (below zero: what it has to its
    credit). Invalid when the days make no span of at most three years; NotFound when nothing was ever posted in that currency.
    """
    ctx.require(Permission.SEE_OWN_BILLING, organization_id)
    row = existing(ctx, organization_id)
    first = first or ctx.now.date().replace(day=1)
    before = before or (first.replace(day=1) + timedelta(days=32)).replace(day=1)
    if not timedelta(0) < before - first <= LONGEST:
        raise Invalid("A statement goes from a first day to a later one, over at most three years.", field="before")
    if currency not in store.currencies_of(ctx.session, row.id):
        raise NotFound(f"Nothing was ever charged in {currency} here.")
    accounts = (RECEIVABLES.code, CREDIT.code)
    buyer, language = billing_profiles.buyer(ctx, row.id)
    opening = store.balance_of(ctx.session, row.id, accounts, currency, before=first)
    moved = store.moves_of(ctx.session, row.id, accounts, currency, first=first, before=before)
    lines = [PaperLine(OPENING[language], opening, 0)]
    for entry, amount in moved:
        kind = KINDS.get(entry.kind, {}).get(language, "")
        lines.append(PaperLine(f"{kind} {entry.memo}".strip(), amount, 0, entry.day, entry.day + timedelta(days=1)))
    total = opening + sum(amount for _, amount in moved)
    last = before - timedelta(days=1)
    paper = Paper(
        kind=DocumentKind.STATEMENT,
        number=f"{first} – {last}",
        language=language,
        issued_on=ctx.now.date(),
        seller=billing_profiles.seller(ctx),
        buyer=buyer,
        currency=currency,
        lines=tuple(lines),
        net=total,
        tax=0,
        total=total,
        link=f"{ctx.address}/billing" if ctx.address else "",
    )
    return Archive(f"{row.slug}-{first}-{last}.pdf", MEDIA_TYPE, pdf(paper))
