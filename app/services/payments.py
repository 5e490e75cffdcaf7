"""Payments: money asked of a gateway, and what its answers come to. What came is never lost: too much is credit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.context import Context
from app.gateways.payments import Answer, Charge, PaymentGateway, Receipt
from app.services import audit, invoices
from app.services.invoices import Asked
from app.services.organizations import NOTHING_HERE
from app.services.paging import Page, limited, moment, paged
from models.domain.access import Permission
from models.domain.errors import NotFound
from models.store import gateway_events, payments
from models.store import invoices as documents
from models.store.gateway_events import GatewayEvent, Outcome
from models.store.payments import Payment, PaymentState

KEY_LIVES = timedelta(hours=20)
"""A gateway may forget a key after a day; what was asked for longer ago is looked up before it is asked for again."""


@dataclass(frozen=True, slots=True)
class PaymentView:
    """One amount at one gateway, in minor units of `currency`. `link`, `bank`, `account` and `qr` are where it is paid, if it says so."""

    id: str
    organization_id: str
    invoice_id: str | None
    number: str
    gateway: str
    reference: str
    amount_minor: int
    currency: str
    state: PaymentState
    decline: str
    created_at: datetime
    settled_at: datetime | None
    link: str
    bank: str
    account: str
    qr: str


def list_(
    ctx: Context,
    *,
    organization_id: str | None = None,
    state: PaymentState | None = None,
    limit: int = 100,
    after: str | None = None,
) -> Page[PaymentView]:
    """Those that the actor may see, the newest first."""
    within: list[str] | None = [organization_id] if organization_id is not None else None
    if organization_id is not None:
        ctx.require(Permission.SEE_OWN_BILLING, organization_id)
    elif not ctx.actor.may(Permission.SEE_OWN_BILLING):
        within = [org for org, held in ctx.actor.within.items() if Permission.SEE_OWN_BILLING in held]
    rows = payments.search(
        ctx.session, within=within, states=None if state is None else (state,), after=moment(after), limit=limited(limit) + 1
    )
    return paged(rows, limit, lambda row: _view(ctx, row), lambda row: (row.created_at.isoformat(), row.id))


def of_invoice(ctx: Context, *, invoice_id: str) -> tuple[PaymentView, ...]:
    """What was asked for and what came for one invoice, the oldest first."""
    row = documents.by_id(ctx.session, invoice_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_BILLING, row.organization_id)
    return tuple(_view(ctx, one) for one in payments.of_invoice(ctx.session, invoice_id))


def ask(gateway: PaymentGateway, asked: Asked, *, address: str, now: datetime) -> Receipt:
    """What the gateway says about a payment, outside of every transaction. It is begun once, whoever asks how often and how late."""
    charge = Charge(asked.key, asked.amount_minor, asked.currency, asked.number, f"{address}/billing?invoice={asked.invoice_id}")
    if asked.paid or asked.reference or now - asked.since > KEY_LIVES:
        known = gateway.stands(charge, reference=asked.reference)
        if known is not None:
            return known
        if asked.paid:
            return Receipt(Answer.FAILED, "")
    return gateway.ask(charge)


def answered(ctx: Context, *, payment_id: str, receipt: Receipt, again_at: datetime) -> Outcome:
    """Write down what the gateway says about a payment of an invoice. By the platform's own job."""
    ctx.require(Permission.RUN_JOBS)
    payment = ctx.session.get(Payment, payment_id)
    if payment is None or payment.invoice_id is None:
        raise NotFound(NOTHING_HERE)
    outcome = took(ctx, payment, receipt, again_at=again_at)
    if outcome in gateway_events.TROUBLE:  # nobody told it, so it is kept as if the gateway had
        key = f"asked:{payment.key}:{outcome.value}"
        gateway_events.take(
            ctx.session,
            GatewayEvent(
                gateway=payment.gateway, event_id=key, body_hash="", at=ctx.now, kind="charge", outcome=outcome,
                payment_id=payment.id, key=payment.key, reference=receipt.reference, amount_minor=receipt.amount_minor,
                currency=receipt.currency,
            ),
        )  # fmt: skip
    return outcome


def unanswered(ctx: Context, *, payment_id: str, again_at: datetime) -> None:
    """The gateway said nothing, which is not a no: it is asked again under the same key. By the platform's own job."""
    ctx.require(Permission.RUN_JOBS)
    payments.ask_later(ctx.session, payment_id, at=again_at)


def took(ctx: Context, payment: Payment, receipt: Receipt, *, again_at: datetime | None = None) -> Outcome:
    """What a receipt changes, for services that heard it by asking or by an event: each of them once, in whatever order they come.

    Money that came is taken, also when the payment was given up, is of another amount or came a second time. No other answer moves a
    payment that ended.
    """
    if receipt.answer is Answer.PAID:
        return _came(ctx, payment, receipt)
    if receipt.answer is Answer.PENDING:
        payments.begun(
            ctx.session, payment.id, reference=receipt.reference, link=receipt.link, bank=receipt.bank, account=receipt.account,
            qr=receipt.qr,
        )  # fmt: skip
        if again_at is not None:
            payments.ask_later(ctx.session, payment.id, at=again_at)
        return Outcome.NOTED
    if not payments.settle(
        ctx.session, payment.id, PaymentState.FAILED, reference=receipt.reference, at=ctx.now, decline=receipt.decline.value
    ):
        return Outcome.NOTED
    if not receipt.reference:
        return Outcome.NOTED  # it was never begun, so nobody declined
    _record(ctx, "invoices.declined", payment)
    return Outcome.DECLINED


def _came(ctx: Context, payment: Payment, receipt: Receipt) -> Outcome:
    row = documents.locked(ctx.session, payment.invoice_id or "")  # before looking: who settles the same payment waits here
    ctx.session.refresh(payment)
    wanted = payment.amount_minor
    if receipt.currency and receipt.currency != payment.currency:
        payments.ask_later(ctx.session, payment.id, at=None)  # it would say the same again; a person has to look
        return Outcome.CURRENCY
    amount = wanted if receipt.amount_minor is None else receipt.amount_minor
    if payment.state is PaymentState.PAID:
        if receipt.reference in ("", payment.reference):
            return Outcome.NOTED
        return _again(ctx, row, payment, receipt, amount)
    if not payments.came(ctx.session, payment.id, amount, reference=receipt.reference, at=ctx.now):
        return Outcome.NOTED
    ctx.session.refresh(payment)
    invoices.posted(ctx, row, payment)
    _record(ctx, "invoices.paid", payment, wanted=wanted)
    return Outcome.SETTLED if amount == wanted else Outcome.TOO_LITTLE if amount < wanted else Outcome.TOO_MUCH


def _again(ctx: Context, row: documents.Invoice, payment: Payment, receipt: Receipt, amount: int) -> Outcome:
    """The gateway charged once more, under another name of its own: a row of its own, whose money is the customer's."""
    key = f"{payment.key}:{receipt.reference}"
    if payments.by_key(ctx.session, key) is not None:
        return Outcome.NOTED
    more = Payment(
        organization_id=payment.organization_id,
        subscription_id=payment.subscription_id,
        invoice_id=payment.invoice_id,
        gateway=payment.gateway,
        key=key,
        reference=receipt.reference,
        amount_minor=amount,
        currency=payment.currency,
        state=PaymentState.PAID,
        created_at=ctx.now,
        settled_at=ctx.now,
    )
    ctx.session.add(more)
    ctx.session.flush()
    invoices.posted(ctx, row, more)
    _record(ctx, "invoices.paid", more)
    return Outcome.TWICE


def _record(ctx: Context, action: str, payment: Payment, *, wanted: int | None = None) -> None:
    row = documents.by_id(ctx.session, payment.invoice_id or "")
    audit.record(
        ctx,
        action=action,
        subject=payment.invoice_id or payment.id,
        organization=payment.organization_id,
        before={} if wanted in (None, payment.amount_minor) else {"amount_minor": wanted},
        after={
            "number": row.number if row else "",
            "amount_minor": payment.amount_minor,
            "currency": payment.currency,
            "gateway": payment.gateway,
        },
    )


def _view(ctx: Context, row: Payment) -> PaymentView:
    invoice = documents.by_id(ctx.session, row.invoice_id) if row.invoice_id else None
    return PaymentView(
        id=row.id,
        organization_id=row.organization_id,
        invoice_id=row.invoice_id,
        number=invoice.number if invoice else "",
        gateway=row.gateway,
        reference=row.reference,
        amount_minor=row.amount_minor,
        currency=row.currency,
        state=row.state,
        decline=row.decline,
        created_at=row.created_at,
        settled_at=row.settled_at,
        link=row.link,
        bank=row.bank,
        account=row.account,
        qr=row.qr,
    )
