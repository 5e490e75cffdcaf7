"""What customers have to their credit: it pays for invoices by itself, and staff may pay it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from app.context import Context
from app.services import audit, ledger, settings
from app.services.organizations import NOTHING_HERE, existing
from models.domain import credits as rules
from models.domain.access import Permission
from models.domain.errors import Conflict, Invalid, NotFound
from models.domain.money import currency as known
from models.domain.periods import local_day
from models.store import credits as store
from models.store import invoices as documents
from models.store import ledger as books
from models.store import payments
from models.store.invoices import Invoice, InvoiceState

USED, NOTED, LOST, PAID_OUT = "credit", "credit_note", "write_off", "refund"
"""Kinds of entries."""


@dataclass(frozen=True, slots=True)
class CreditView:
    """What a customer has to their credit in one currency, in minor units."""

    currency: str
    credit_minor: int


def of_organization(ctx: Context, *, organization_id: str) -> tuple[CreditView, ...]:
    """By currency; empty when there is none."""
    ctx.require(Permission.SEE_OWN_BILLING, organization_id)
    return tuple(CreditView(currency, minor) for currency, minor in balances(ctx, organization_id).items())


def refund(ctx: Context, *, organization_id: str, currency: str, amount_minor: int, reason: str, key: str) -> CreditView:
    """Credit was paid out to the customer by hand, such as by bank transfer; say so as staff. The same key again pays out nothing more."""
    row = existing(ctx, organization_id)
    ctx.require(Permission.SEE_OWN_BILLING, row.id)
    ctx.require(Permission.MANAGE_OWN_BILLING)
    known(currency)
    why = " ".join(reason.split())
    if not 3 <= len(why) <= 200:
        raise Invalid("Say in 3 to 200 characters why and how the money went back.", field="reason")
    store.lock(ctx.session, row.id)
    credit = balances(ctx, row.id).get(currency, 0)
    event = f"ref:{row.id}:{key}"
    if books.by_key(ctx.session, event) is None:
        ledger.post(
            ctx,
            key=event,
            kind=PAID_OUT,
            day=today(ctx),
            memo=why,
            postings=rules.refunded(amount_minor, credit, currency),
            organization_id=row.id,
        )
        audit.record(
            ctx,
            action="credits.refund",
            subject=row.id,
            organization=row.id,
            after={"amount_minor": amount_minor, "currency": currency, "reason": why},
        )
        credit -= amount_minor
    return CreditView(currency, credit)


def write_off(ctx: Context, *, invoice_id: str, reason: str) -> None:
    """Give up what is open of an invoice as a loss, as staff: once, Conflict when nothing is open. Its payments are asked for no more.

    What comes later all the same is the customer's credit.
    """
    ctx.require(Permission.MANAGE_OWN_BILLING)
    if documents.by_id(ctx.session, invoice_id) is None:
        raise NotFound(NOTHING_HERE)
    why = " ".join(reason.split())
    if not 3 <= len(why) <= 200:
        raise Invalid("Say in 3 to 200 characters why the money is given up.", field="reason")
    row = documents.locked(ctx.session, invoice_id)
    open_ = store.open_of(ctx.session, row.id)
    if row.state is not InvoiceState.OPEN:
        raise Conflict(f"Nothing of {row.number} is open.")
    tax_back = bool(settings.get(ctx, "write_off_tax"))
    ledger.post(
        ctx,
        key=f"wof:{row.id}",
        kind=LOST,
        day=today(ctx),
        memo=row.number,
        postings=rules.written_off(open_, row.net_minor, row.tax_minor, row.currency, tax_back=tax_back),
        organization_id=row.organization_id,
        invoice_id=row.id,
    )
    documents.settle(ctx.session, row.id, at=ctx.now, state=InvoiceState.WRITTEN_OFF)
    for one in payments.of_invoice(ctx.session, row.id):
        payments.ask_later(ctx.session, one.id, at=None)
    audit.record(
        ctx,
        action="invoices.write_off",
        subject=row.id,
        organization=row.organization_id,
        after={"number": row.number, "amount_minor": open_, "currency": row.currency, "reason": why},
    )


def apply(ctx: Context, row: Invoice, *, day: date, up_to: int) -> int:
    """Let the customer's credit pay for an invoice that was just issued, at most `up_to`; how much it did. For other services."""
    if up_to <= 0 or not balances(ctx, row.organization_id).get(row.currency, 0):
        return 0
    store.lock(ctx.session, row.organization_id)
    used = rules.used(up_to, balances(ctx, row.organization_id).get(row.currency, 0))
    ledger.post(
        ctx,
        key=f"cra:{row.id}",
        kind=USED,
        day=day,
        memo=row.number,
        postings=rules.applied(used, row.currency),
        organization_id=row.organization_id,
        invoice_id=row.id,
    )
    return used


def balances(ctx: Context, organization_id: str) -> Mapping[str, int]:
    """For other services, which check rights."""
    return store.balances(ctx.session, organization_id)


def receivable(ctx: Context, invoice_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
    """What was posted to receivables of each invoice, by kind of entry. For other services, which check rights."""
    return store.receivable(ctx.session, invoice_ids)


def open_of(ctx: Context, invoice_id: str) -> int:
    """What is open of an invoice that the caller has locked. For other services, which check rights."""
    return store.open_of(ctx.session, invoice_id)


def today(ctx: Context) -> date:
    """The seller's own day, by which documents and entries are dated."""
    return local_day(ctx.now, str(settings.get(ctx, "billing_zone")))
