"""Where subscriptions stand: who is in which step of dunning and what comes next, and what became of one from its beginning on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from app.context import Context
from app.services import cancellations, dunning
from app.services.dunning import Known
from app.services.organizations import existing
from models.domain import dunning as rules
from models.domain.access import Permission
from models.domain.dunning import DAY, Action, Decision, Facts, Policy
from models.domain.subscriptions import SubscriptionState
from models.store import dunning as rows
from models.store import invoices, lifecycle, payments
from models.store.payments import PaymentState

FORESEEN = 120
"""So many days ahead is looked for what comes next."""


@dataclass(frozen=True, slots=True)
class StandingView:
    """One subscription in dunning: its step since when, what is open in minor units, and what comes next and when.

    `next` is an action: remind, charge, move, remove or park; `target` the state of a move. Empty when nothing comes by itself.
    """

    subscription_id: str
    organization_id: str
    organization: str
    apps: tuple[str, ...]
    state: SubscriptionState
    since: datetime
    invoice: str
    open_minor: int
    currency: str
    due: datetime | None
    next: str
    target: str
    reason: str
    next_at: datetime | None
    hold_until: datetime | None


@dataclass(frozen=True, slots=True)
class MomentView:
    """One thing that happened: `what` is edge, invoice, payment or reminder. Amounts in minor units of `currency`, 0 without one."""

    at: datetime
    what: str
    before: str
    after: str
    reason: str
    number: str
    amount_minor: int
    currency: str


def board(ctx: Context) -> tuple[StandingView, ...]:
    """All about which something is, or will be, decided; the longest due first. For staff."""
    ctx.require(Permission.SEE_ORGANIZATIONS)
    days = dunning.policy(ctx)
    found = [_view(ctx, known, days) for known in dunning.concerned(ctx, ctx.now)]
    shown = [one for one in found if one.invoice or one.next or one.state is SubscriptionState.SUSPENDED]
    return tuple(sorted(shown, key=lambda one: (one.due is None, one.due or ctx.now, one.subscription_id)))


def timeline(ctx: Context, *, subscription_id: str) -> tuple[MomentView, ...]:
    """What happened to it, the newest first; for whoever may see its money."""
    row = cancellations.seen(ctx, subscription_id)
    bills = invoices.search(ctx.session, subscription_id=row.id)
    found = [
        MomentView(one.at, "edge", one.before, one.after, one.reason, "", 0, row.currency)
        for one in lifecycle.edges(ctx.session, row.id)
    ]
    for bill in bills:
        found.append(MomentView(bill.issued_at, "invoice", "", "issued", "", bill.number, bill.total_minor, bill.currency))
        for one in payments.of_invoice(ctx.session, bill.id):
            at = one.settled_at or one.created_at
            why = one.decline if one.state is PaymentState.FAILED else one.gateway
            found.append(MomentView(at, "payment", "", one.state, why, bill.number, one.amount_minor, one.currency))
    numbers = {one.id: one for one in bills}
    for told in rows.reminders(ctx.session, list(numbers)):
        bill = numbers[told.invoice_id]
        found.append(MomentView(told.at, "reminder", "", str(told.told), "", bill.number, 0, bill.currency))
    return tuple(sorted(found, key=lambda one: one.at, reverse=True))


def coming(facts: Facts, now: datetime, days: Policy) -> tuple[datetime, Decision] | None:
    """The next thing that happens by itself if nobody does anything, to the day; None within `FORESEEN` days."""
    if facts.hold_until is not None and facts.hold_until <= now:
        facts = replace(facts, hold_until=None)
    for day in range(FORESEEN):
        at = now + day * DAY
        found = [one for one in rules.decide(facts, at, days) if day == 0 or one.action is not Action.PARK]
        if found:
            return at, found[-1]
    return None


def _view(ctx: Context, known: Known, days: Policy) -> StandingView:
    row, facts = known.subscription, known.facts
    following = coming(facts, ctx.now, days)
    at, decision = following if following is not None else (None, None)
    return StandingView(
        subscription_id=row.id,
        organization_id=row.organization_id,
        organization=existing(ctx, row.organization_id).name,
        apps=tuple(app.name for app in known.apps),
        state=row.state,
        since=facts.since,
        invoice=known.invoice.number if known.invoice else "",
        open_minor=known.open_minor,
        currency=row.currency,
        due=facts.due,
        next=decision.action.value if decision else "",
        target=decision.target.value if decision and decision.target else "",
        reason=decision.reason if decision else "",
        next_at=at,
        hold_until=facts.hold_until,
    )
