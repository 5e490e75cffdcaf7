"""What payment gateways tell by themselves: verified before, kept once, and taken as an answer to a question would be."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.context import Context
from app.gateways.payments import Answer, Event, Kind
from app.services import audit, ledger, payments
from app.services.organizations import NOTHING_HERE
from app.services.paging import Page, limited, moment, paged
from models.domain import ledger as rules
from models.domain.access import Permission
from models.domain.errors import Conflict, NotFound
from models.domain.periods import local_day
from models.store import credits as balances
from models.store import gateway_events as store
from models.store import ledger as entries
from models.store import payments as rows
from models.store import renewals
from models.store.gateway_events import GatewayEvent, Outcome
from models.store.payments import Payment

FORGED_A_DAY = 50
"""So many forged ones of a day are kept: nobody fills the store by sending more."""


@dataclass(frozen=True, slots=True)
class EventView:
    """One event and what came of it. Amounts in minor units; `seen_at` says when staff looked at it."""

    id: str
    gateway: str
    at: datetime
    kind: str
    outcome: Outcome
    key: str
    reference: str
    amount_minor: int | None
    currency: str
    payment_id: str | None
    note: str
    seen_at: datetime | None


def heard(ctx: Context, *, gateway: str, event: Event, body: bytes) -> Outcome | None:
    """Take a verified event; None when it was told before, which changes nothing. By the platform's own webhook."""
    ctx.require(Permission.RUN_JOBS)
    said = event.receipt
    payment = rows.by_key(ctx.session, event.key) or rows.by_reference(ctx.session, gateway, event.of)
    if payment is not None and (payment.gateway != gateway or payment.invoice_id is None):
        payment = None
    row = GatewayEvent(
        gateway=gateway,
        event_id=event.id,
        body_hash=hashlib.sha256(body).hexdigest(),
        at=ctx.now,
        kind=event.kind.value,
        outcome=Outcome.NOTED,
        payment_id=payment.id if payment else None,
        key=event.key,
        reference=said.reference,
        amount_minor=said.amount_minor,
        currency=said.currency,
    )
    if not store.take(ctx.session, row):
        return None
    row.outcome = _outcome(ctx, event, payment)
    ctx.session.add(row)
    ctx.session.flush()
    return row.outcome


def forged(ctx: Context, *, gateway: str, body: bytes, why: str) -> None:
    """Keep that somebody sent what is not the gateway's, so that staff see it; not more than a number of them a day."""
    ctx.require(Permission.RUN_JOBS)
    if store.count(ctx.session, Outcome.FORGED, since=ctx.now - timedelta(days=1)) >= FORGED_A_DAY:
        return
    digest = hashlib.sha256(body).hexdigest()
    row = GatewayEvent(
        gateway=gateway,
        event_id=digest,
        body_hash=digest,
        at=ctx.now,
        kind=Kind.OTHER.value,
        outcome=Outcome.FORGED,
        note=why[:500],
    )
    store.take(ctx.session, row)


def list_(ctx: Context, *, trouble: bool = False, limit: int = 100, after: str | None = None) -> Page[EventView]:
    """The newest first, for staff; with `trouble` only those that somebody should look at."""
    ctx.require(Permission.SEE_OWN_BILLING)
    found = store.search(ctx.session, trouble=trouble, after=moment(after), limit=limited(limit) + 1)
    return paged(found, limit, _view, lambda row: (row.at.isoformat(), row.id))


def seen(ctx: Context, *, event_id: str) -> EventView:
    """Staff looked at an event. Once: Conflict when somebody did before."""
    ctx.require(Permission.MANAGE_OWN_BILLING)
    row = store.by_id(ctx.session, event_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    if not store.seen(ctx.session, event_id, at=ctx.now):
        raise Conflict("Somebody looked at this event before you.")
    audit.record(ctx, action="payments.seen", subject=event_id, after={"outcome": row.outcome.value, "gateway": row.gateway})
    ctx.session.refresh(row)
    return _view(row)


def _outcome(ctx: Context, event: Event, payment: Payment | None) -> Outcome:
    if event.kind is Kind.OTHER:
        return Outcome.NOTED
    if payment is None:
        # a charge that nobody paid needs nobody's eyes
        return Outcome.UNKNOWN if event.receipt.answer is Answer.PAID else Outcome.NOTED
    if event.kind is Kind.CHARGE:
        return payments.took(ctx, payment, event.receipt)
    return _returned(ctx, event, payment) if event.receipt.answer is Answer.PAID else Outcome.NOTED


def _returned(ctx: Context, event: Event, payment: Payment) -> Outcome:
    """Money that went back: out of the gateway's account, from the customer's credit first. Posted once by the gateway's name of it."""
    said = event.receipt
    if said.currency and said.currency != payment.currency:
        return Outcome.CURRENCY
    key = f"ref:{payment.gateway}:{said.reference}"
    if entries.by_key(ctx.session, key) is not None:
        return Outcome.NOTED
    amount = payment.amount_minor if said.amount_minor is None else said.amount_minor
    back = event.kind is Kind.CHARGEBACK
    balances.lock(ctx.session, payment.organization_id)
    credit = balances.balances(ctx.session, payment.organization_id).get(payment.currency, 0)
    zone = renewals.by_subscription(ctx.session, payment.subscription_id)
    ledger.post(
        ctx,
        key=key,
        kind="chargeback" if back else "refund",
        day=local_day(ctx.now, zone.zone if zone else "UTC"),
        memo=payment.key,
        postings=rules.returned(amount, credit, payment.currency, forced=back),
        organization_id=payment.organization_id,
        invoice_id=payment.invoice_id,
    )
    audit.record(
        ctx,
        action="payments.charged_back" if back else "payments.refunded",
        subject=payment.invoice_id or payment.id,
        organization=payment.organization_id,
        after={"amount_minor": amount, "currency": payment.currency, "gateway": payment.gateway},
    )
    return Outcome.CHARGED_BACK if back else Outcome.REFUNDED


def _view(row: GatewayEvent) -> EventView:
    return EventView(
        row.id, row.gateway, row.at, row.kind, row.outcome, row.key, row.reference, row.amount_minor, row.currency, row.payment_id,
        row.note, row.seen_at,
    )  # fmt: skip
