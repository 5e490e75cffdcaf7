"""Bank transfers: lines of statements become money of invoices, each once; what nobody can tell is listed and assigned by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.context import Context
from app.gateways.payments import DummyGateway
from app.services import audit, invoices, settings
from app.services.organizations import NOTHING_HERE
from models.domain import bank_statements
from models.domain.access import Permission
from models.domain.errors import Conflict, Invalid, NotFound
from models.store import invoices as documents
from models.store import payments
from models.store import transfers as store
from models.store.invoices import Invoice, InvoiceState
from models.store.payments import Payment, PaymentState
from models.store.transfers import BankLine, LineState, ReportState

GATEWAY = "transfer"
LARGEST_FILE = 2_000_000


@dataclass(frozen=True, slots=True)
class Details:
    """What a customer types at the bank to pay an invoice; the reference is by what the money is found."""

    account: str
    amount_minor: int
    currency: str
    reference: str


@dataclass(frozen=True, slots=True)
class LineView:
    """Money on the bank account that is nobody's yet. `likely` are numbers of open invoices over just that amount."""

    id: str
    day: date
    amount_minor: int
    currency: str
    words: str
    source: str
    likely: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a statement. `known` lines were taken before; `outgoing` ones are none of the customers' money."""

    taken: int
    known: int
    matched: int
    unmatched: int
    outgoing: int


def details(ctx: Context, *, invoice_id: str) -> Details | None:
    """How an invoice is paid by transfer; None when it is paid or no account is set."""
    row = invoices.get(ctx, invoice_id=invoice_id)
    account = str(settings.get(ctx, "bank_account"))
    if not account or not row.open_minor:
        return None
    return Details(account, row.open_minor, row.currency, row.number)


def take(ctx: Context, *, text: str, source: str) -> Imported:
    """Take a statement of the bank, as staff: whole or, when a line cannot be read, not at all. Lines that were taken before are left.

    A line that names one open invoice in its currency pays it, whatever its amount: what is too little leaves the rest open, what is too
    much is the customer's credit. So does one that names none but has the amount of the one transfer that customers reported.
    """
    ctx.require(Permission.MANAGE_OWN_BILLING)
    if len(text) > LARGEST_FILE:
        raise Invalid(f"The statement is larger than {LARGEST_FILE:,} characters. Split it.", field="text")
    read = bank_statements.read(text)
    known = matched = 0
    for one in read.lines:
        row = BankLine(
            key=one.key, at=ctx.now, source=source[:200], day=one.day, amount_minor=one.amount_minor, currency=one.currency,
            words=one.words,
        )  # fmt: skip
        if not store.take(ctx.session, row):
            known += 1
        elif (invoice := _meant(ctx, row)) is not None:
            _apply(ctx, row, invoice)
            matched += 1
    taken = len(read.lines) - known
    found = Imported(taken, known, matched, taken - matched, read.outgoing)
    audit.record(ctx, action="transfers.take", subject=source[:200], after={"taken": taken, "known": known, "matched": matched})
    return found


def unmatched(ctx: Context) -> tuple[LineView, ...]:
    """Money that nobody's invoice was found for, the oldest first; for staff."""
    ctx.require(Permission.SEE_OWN_BILLING)
    rows = store.lines(ctx.session, (LineState.UNMATCHED,), limit=500)
    open_ = invoices.unpaid(ctx) if rows else ()
    return tuple(
        _view(row, [one.number for one in open_ if (one.open_minor, one.currency) == (row.amount_minor, row.currency)])
        for row in rows
    )


def assign(ctx: Context, *, line_id: str, invoice: str) -> invoices.InvoiceView:
    """Staff say whose invoice a line pays, by its id or number. Of a paid one it becomes the customer's credit."""
    ctx.require(Permission.MANAGE_OWN_BILLING)
    line = _waiting(ctx, line_id)
    row = documents.by_number(ctx.session, invoice.strip().upper()) or documents.by_id(ctx.session, invoice.strip())
    if row is None:
        raise NotFound(f"There is no invoice “{invoice.strip()[:60]}”. Write its number, such as INV-2026-000002.")
    if row.currency != line.currency:
        raise Invalid(
            f"The invoice {row.number} is in {row.currency}, the money in {line.currency}. Exchange it first.", field="invoice"
        )
    _apply(ctx, line, row)
    return invoices.get(ctx, invoice_id=row.id)


def ignore(ctx: Context, *, line_id: str) -> None:
    """Staff say that a line is none of the customers' money."""
    ctx.require(Permission.MANAGE_OWN_BILLING)
    line = _waiting(ctx, line_id)
    if not store.assign(ctx.session, line.id, LineState.IGNORED):
        raise Conflict("Somebody decided about this line just now. Look again.")
    audit.record(
        ctx, action="transfers.ignore", subject=line.id, after={"amount_minor": line.amount_minor, "currency": line.currency}
    )


def _waiting(ctx: Context, line_id: str) -> BankLine:
    line = store.line(ctx.session, line_id)
    if line is None:
        raise NotFound(NOTHING_HERE)
    if line.state is not LineState.UNMATCHED:
        raise Conflict("Somebody decided about this line before you. Look again.")
    return line


def _meant(ctx: Context, line: BankLine) -> Invoice | None:
    """The one open invoice that a line is for, when there is no doubt."""
    named = [row for number in bank_statements.numbers(line.words) if (row := documents.by_number(ctx.session, number))]
    if not named:
        waiting = store.reports(ctx.session, state=ReportState.WAITING)
        ids = {one.invoice_id for one in waiting if (one.amount_minor, one.currency) == (line.amount_minor, line.currency)}
        named = [row for one in ids if (row := documents.by_id(ctx.session, one))]
    if len(named) != 1 or named[0].currency != line.currency or named[0].state is not InvoiceState.OPEN:
        return None
    return named[0]


def _apply(ctx: Context, line: BankLine, row: Invoice) -> None:
    """The line's money is the invoice's: one payment, one entry, in the caller's transaction."""
    payment = Payment(
        organization_id=row.organization_id,
        subscription_id=row.subscription_id,
        invoice_id=row.id,
        gateway=GATEWAY,
        key=f"bank:{line.id}",
        reference=line.words[:200],
        amount_minor=line.amount_minor,
        currency=line.currency,
        state=PaymentState.PAID,
        created_at=ctx.now,
        settled_at=ctx.now,
    )
    ctx.session.add(payment)
    ctx.session.flush()
    if not store.assign(ctx.session, line.id, LineState.MATCHED, payment_id=payment.id):
        raise Conflict("Somebody decided about this line just now. Look again.")
    invoices.posted(ctx, row, payment)
    if row.state is InvoiceState.PAID:
        store.close(ctx.session, row.id, ReportState.FOUND)
        for one in payments.of_invoice(ctx.session, row.id):
            if one.gateway == DummyGateway.name:
                payments.ask_later(ctx.session, one.id, at=None)  # it never hears of any money
    audit.record(
        ctx,
        action="invoices.paid",
        subject=row.id,
        organization=row.organization_id,
        after={"number": row.number, "amount_minor": line.amount_minor, "currency": line.currency, "gateway": GATEWAY},
    )


def _view(row: BankLine, likely: Sequence[str]) -> LineView:
    return LineView(row.id, row.day, row.amount_minor, row.currency, row.words, row.source, tuple(likely[:5]))
