"""Invoices: issued with their lines, their entry and the wish for money in one transaction; paid once, whoever says so how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from app.context import Context
from app.gateways.payments import DummyGateway
from app.services import audit, credits, documents, ledger, vouchers
from app.services.organizations import NOTHING_HERE
from app.services.paging import Page, limited, moment, paged, whole
from models.domain import credits as rules
from models.domain import ledger as books
from models.domain.access import Permission
from models.domain.errors import Conflict, NotFound
from models.domain.periods import local_day
from models.domain.renewals import Charge
from models.domain.tax import TaxCategory, TaxRule
from models.store import invoices as store
from models.store import payments, renewals
from models.store.invoices import Invoice, InvoiceLine, InvoiceState
from models.store.payments import Payment, PaymentState

SERIES = "INV"


@dataclass(frozen=True, slots=True)
class LineView:
    """What is charged for one item from `first` to before `after`; minor units."""

    item_id: str
    what: str
    first: date
    after: date
    net_minor: int
    tax_minor: int


@dataclass(frozen=True, slots=True)
class InvoiceView:
    """One issued invoice, in minor units of `currency`. `open_minor` is what is still to be paid."""

    id: str
    number: str
    organization_id: str
    subscription_id: str
    first: date
    after: date
    currency: str
    net_minor: int
    tax_minor: int
    total_minor: int
    open_minor: int
    tax_category: TaxCategory
    tax_name: str
    tax_formula: str
    issued_at: datetime
    due_on: date
    state: InvoiceState
    settled_at: datetime | None
    lines: tuple[LineView, ...]
    credit_used_minor: int
    """What the customer's credit paid of it."""
    credited_minor: int
    """By how much credit notes lowered what was open of it."""
    written_off_minor: int


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A charge to come: what credit will pay of it, and what the gateway will be asked for."""

    charge: Charge
    credit_minor: int
    rest_minor: int


@dataclass(frozen=True, slots=True)
class Asked:
    """Money that a gateway is to be asked for, under the key by which it knows it."""

    payment_id: str
    invoice_id: str
    gateway: str
    key: str
    amount_minor: int
    currency: str
    since: datetime
    number: str = ""
    """That of the invoice."""
    reference: str = ""
    """The gateway's name for it, once it said one."""
    paid: bool = False
    """The invoice was paid otherwise or given up meanwhile: nothing is begun any more."""


def list_(
    ctx: Context,
    *,
    organization_id: str | None = None,
    states: Collection[InvoiceState] | None = None,
    limit: int = 100,
    after: str | None = None,
) -> Page[InvoiceView]:
    """Those that the actor may see, the newest first."""
    within: list[str] | None = [organization_id] if organization_id is not None else None
    if organization_id is not None:
        ctx.require(Permission.SEE_OWN_BILLING, organization_id)
    elif not ctx.actor.may(Permission.SEE_OWN_BILLING):
        within = [org for org, held in ctx.actor.within.items() if Permission.SEE_OWN_BILLING in held]
    rows = store.search(ctx.session, within=within, states=states, after=moment(after), limit=limited(limit) + 1)
    lines = store.lines(ctx.session, [row.id for row in rows])
    posted = credits.receivable(ctx, [row.id for row in rows])
    return paged(
        rows, limit, lambda row: _view(row, lines[row.id], posted[row.id]), lambda row: (row.issued_at.isoformat(), row.id)
    )


def unpaid(ctx: Context, *, organization_id: str | None = None) -> tuple[InvoiceView, ...]:
    """All open ones that the actor may see, however old, the newest first."""
    return whole(partial(list_, ctx), organization_id=organization_id, states=(InvoiceState.OPEN,))


def get(ctx: Context, *, invoice_id: str) -> InvoiceView:
    """One of them; NotFound when it does not exist or is somebody else's."""
    row = store.by_id(ctx.session, invoice_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_BILLING, row.organization_id)
    return _view(row, store.lines(ctx.session, [row.id])[row.id], credits.receivable(ctx, [row.id])[row.id])


def issue(ctx: Context, charge: Charge, tax: TaxRule, *, gateway: str) -> str:
    """Write the invoice of a charge, for the service that claimed its period: lines, number, entry, and the payment that is asked for.

    Money that came before its invoice, as that of an order does, pays it at once; then the customer's credit does, and a gateway is asked
    for the rest alone. An amount of zero is paid too. Its id.
    """
    row = Invoice(
        number="",
        series=SERIES,
        year=charge.issued_on.year,
        sequence=0,
        organization_id=charge.organization_id,
        subscription_id=charge.subscription_id,
        period=charge.number,
        first=charge.period.first,
        after=charge.period.after,
        currency=charge.currency,
        net_minor=charge.net,
        tax_minor=charge.tax,
        total_minor=charge.total,
        tax_category=tax.category,
        tax_name=tax.name,
        tax_formula=charge.formula or tax.reason,
        issued_at=ctx.now,
        issued_on=charge.issued_on,
        due_on=charge.due_on,
    )
    lines = [
        InvoiceLine(
            invoice_id=row.id, line=number, item_id=one.item_id, period=charge.number, what=one.what, first=one.first,
            after=one.after, net_minor=one.net, tax_minor=one.tax,
        )
        for number, one in enumerate(charge.lines, 1)
    ]  # fmt: skip
    store.write(ctx.session, row, lines)
    written = ctx.session.get_one(Invoice, row.id)
    vouchers.note(ctx, row.id, charge.discounts)
    documents.issue_invoice(ctx, written, lines)
    ledger.post(
        ctx,
        key=f"inv:{row.id}:issue",
        kind="invoice",
        day=charge.issued_on,
        memo=row.number,
        postings=books.issued(charge.net, charge.tax, charge.currency),
        organization_id=row.organization_id,
        invoice_id=row.id,
    )
    audit.record(
        ctx,
        action="invoices.issue",
        subject=row.id,
        organization=row.organization_id,
        after={"number": row.number, "total_minor": row.total_minor, "currency": row.currency, "first": row.first.isoformat()},
    )
    early = payments.unassigned(ctx.session, row.subscription_id)
    for payment in early:  # one after the other, each posted against what those before it left open
        payment.invoice_id = row.id
        ctx.session.add(payment)
        ctx.session.flush()
        posted(ctx, written, payment)
    came = sum(payment.amount_minor for payment in early)
    used = credits.apply(ctx, written, day=charge.issued_on, up_to=row.total_minor - came)
    rest = row.total_minor - came - used
    if rest > 0 or not (early or used):
        ctx.session.add(_wanted(ctx, written, rest, gateway))
    elif used:
        store.settle(ctx.session, row.id, at=ctx.now)
    if row.total_minor == 0:
        store.settle(ctx.session, row.id, at=ctx.now)
    ctx.session.flush()
    documents.tell_issued(ctx, written, rest)
    return row.id


def to_ask(ctx: Context, *, at: datetime, limit: int | None = None, without: Collection[str] = ()) -> tuple[Asked, ...]:
    """Payments of invoices whose gateway is to be asked by then, the longest waiting first; `without` are ids of others."""
    ctx.require(Permission.SEE_JOBS)
    rows = payments.to_ask(ctx.session, at, limit=limit, without=without)
    of = {one.id: store.by_id(ctx.session, one.invoice_id or "") for one in rows}
    return tuple(
        Asked(
            one.id, one.invoice_id or "", one.gateway, one.key, one.amount_minor, one.currency, one.created_at,
            row.number if row else "", one.reference, row is not None and row.state is not InvoiceState.OPEN,
        )
        for one in rows
        for row in (of[one.id],)
    )  # fmt: skip


def foreseen(ctx: Context, charges: Sequence[Charge]) -> tuple[Foreseen, ...]:
    """By what charges to come will be paid, given in the order in which they are issued: money that came before, then credit."""
    ctx.require(Permission.SEE_JOBS)
    early = {
        one: sum(row.amount_minor for row in payments.unassigned(ctx.session, one)) for one in {c.subscription_id for c in charges}
    }
    credit = Counter({
        (one, currency): minor
        for one in {c.organization_id for c in charges}
        for currency, minor in credits.balances(ctx, one).items()
    })  # fmt: skip
    found = []
    for one in charges:
        rest = one.total - early.pop(one.subscription_id, 0)  # the first takes all of it, as `issue` does
        pot = (one.organization_id, one.currency)
        credit[pot] += max(-rest, 0)  # what came too much
        used = rules.used(rest, credit[pot])
        credit[pot] -= used
        found.append(Foreseen(one, used, max(rest - used, 0)))
    return tuple(found)


def received(ctx: Context, *, invoice_id: str) -> InvoiceView:
    """Staff say that what is open of an invoice came another way, such as by bank transfer. Once: Conflict when it is paid.

    What was asked of the gateway stays as it stands: when that comes too, it is the customer's credit.
    """
    ctx.require(Permission.MANAGE_OWN_BILLING)
    if store.by_id(ctx.session, invoice_id) is None:
        raise NotFound(NOTHING_HERE)
    row = store.locked(ctx.session, invoice_id)
    rest = credits.open_of(ctx, row.id)
    if row.state is not InvoiceState.OPEN or rest <= 0:
        raise Conflict(f"The invoice {row.number} does not wait for money. Look again.")
    payment = Payment(
        organization_id=row.organization_id,
        subscription_id=row.subscription_id,
        invoice_id=row.id,
        gateway="manual",
        key=f"invoice:{row.id}:hand",
        reference=f"by hand: {ctx.actor.name}",
        amount_minor=rest,
        currency=row.currency,
        state=PaymentState.PAID,
        created_at=ctx.now,
        settled_at=ctx.now,
    )
    ctx.session.add(payment)
    ctx.session.flush()
    posted(ctx, row, payment)
    for one in payments.of_invoice(ctx.session, row.id):
        if one.gateway == DummyGateway.name:
            payments.ask_later(ctx.session, one.id, at=None)  # it never hears of any money
    audit.record(
        ctx,
        action="invoices.paid",
        subject=row.id,
        organization=row.organization_id,
        after={"number": row.number, "amount_minor": rest, "currency": row.currency, "gateway": "by hand"},
    )
    return get(ctx, invoice_id=row.id)


def _wanted(ctx: Context, row: Invoice, amount: int, gateway: str) -> Payment:
    """What is asked of the gateway, under a key that stays; nothing is paid at once, without asking."""
    free = amount == 0
    return Payment(
        organization_id=row.organization_id,
        subscription_id=row.subscription_id,
        invoice_id=row.id,
        gateway="dummy" if free else gateway,
        key=f"invoice:{row.id}:1",
        amount_minor=amount,
        currency=row.currency,
        state=PaymentState.PAID if free else PaymentState.PENDING,
        created_at=ctx.now,
        settled_at=ctx.now if free else None,
        ask_at=None if free else ctx.now,
    )


def posted(ctx: Context, row: Invoice, payment: Payment) -> None:
    """Post money that came, for the service that settled its payment: in the ledger, and the invoice paid when nothing is left open.

    What is too much becomes the customer's credit.
    """
    store.locked(ctx.session, row.id)
    open_ = credits.open_of(ctx, row.id)
    zone = renewals.by_subscription(ctx.session, row.subscription_id)
    ledger.post(
        ctx,
        key=f"pay:{payment.id}",
        kind="payment",
        day=local_day(ctx.now, zone.zone if zone else "UTC"),
        memo=row.number,
        postings=books.received(payment.amount_minor, open_, payment.currency),
        organization_id=row.organization_id,
        invoice_id=row.id,
    )
    if payment.amount_minor >= open_:
        store.settle(ctx.session, row.id, at=ctx.now)
        ctx.session.refresh(row)
    documents.issue_receipt(ctx, row, payment)


def _view(row: Invoice, lines: Sequence[InvoiceLine], posted: Mapping[str, int]) -> InvoiceView:
    return InvoiceView(
        id=row.id,
        number=row.number,
        organization_id=row.organization_id,
        subscription_id=row.subscription_id,
        first=row.first,
        after=row.after,
        currency=row.currency,
        net_minor=row.net_minor,
        tax_minor=row.tax_minor,
        total_minor=row.total_minor,
        open_minor=sum(posted.values()) if row.state is InvoiceState.OPEN else 0,
        tax_category=row.tax_category,
        tax_name=row.tax_name,
        tax_formula=row.tax_formula,
        issued_at=row.issued_at,
        due_on=row.due_on,
        state=row.state,
        settled_at=row.settled_at,
        lines=tuple(LineView(one.item_id, one.what, one.first, one.after, one.net_minor, one.tax_minor) for one in lines),
        credit_used_minor=-posted.get(credits.USED, 0),
        credited_minor=-posted.get(credits.NOTED, 0),
        written_off_minor=-posted.get(credits.LOST, 0),
    )
