"""Dunning: what is known of subscriptions that are not paid, end or ended, and what the rules decide about each. Nothing is done here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.context import Context
from app.services import credits, settings, specifications
from app.services.organizations import existing
from models.domain import dunning as rules
from models.domain.access import Permission
from models.domain.app_backups import BackupState
from models.domain.changesets import Purpose
from models.domain.dunning import DAY, Decision, Facts, Policy
from models.domain.instances import State
from models.domain.periods import begins
from models.domain.settings import days_of
from models.domain.subscriptions import SubscriptionState
from models.store import app_backups, changesets, instances, invoices, lifecycle, payments, renewals, subscriptions
from models.store import dunning as store
from models.store import specifications as wishes
from models.store.instances import Instance
from models.store.invoices import Invoice, InvoiceState
from models.store.payments import Payment, PaymentState
from models.store.subscriptions import Subscription
from provisioner.app_backups import parts

BATCH = 200
NOTICE = "This app rests at the moment. Its owner finds the reason on the page Billing."
"""What visitors of an app read that was suspended by the platform itself."""
HARD = "hard"


@dataclass(frozen=True, slots=True)
class Known:
    """Everything of one subscription that decides, with the rows that are acted on. `open_minor` is left of its oldest open invoice."""

    facts: Facts
    subscription: Subscription
    invoice: Invoice | None
    open_minor: int
    apps: tuple[Instance, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """One decision of a run: about whom, and over how much, in minor units of `currency`; nothing where no invoice is open."""

    subscription_id: str
    organization_id: str
    organization: str
    apps: tuple[str, ...]
    decision: Decision
    invoice: str
    open_minor: int
    currency: str


def policy(ctx: Context) -> Policy:
    """The days as staff set them. Open to every service."""
    usual = Policy()
    return Policy(
        reminders=days_of(str(settings.get(ctx, "reminder_days"))),
        charges=days_of(str(settings.get(ctx, "charge_days"))),
        suspend_after=int(settings.get(ctx, "suspend_days")),
        expire_after=int(settings.get(ctx, "expire_days")),
        clean_after=int(settings.get(ctx, "clean_days")),
        dwell=usual.dwell,
        keep_ended=timedelta(days=int(settings.get(ctx, "keep_ended_days"))),
    )


def planned(ctx: Context, at: datetime) -> tuple[Planned, ...]:
    """What a run at that time decides, by the facts as they are now. Writes nothing."""
    ctx.require(Permission.SEE_JOBS)
    days = policy(ctx)
    return tuple(
        Planned(
            known.subscription.id,
            known.subscription.organization_id,
            existing(ctx, known.subscription.organization_id).name,
            tuple(app.name for app in known.apps),
            decision,
            known.invoice.number if known.invoice else "",
            known.open_minor,
            known.subscription.currency,
        )
        for known in concerned(ctx, at)
        for decision in rules.decide(known.facts, at, days)
    )


def concerned(ctx: Context, at: datetime) -> Iterator[Known]:
    """Everything about which something may be decided, by id. For other services, which check rights."""
    after = ""
    while True:
        ids = store.concerned(ctx.session, at, after=after, limit=BATCH)
        for one in ids:
            found = know(ctx, one)
            if found is not None:
                yield found
        if len(ids) < BATCH:
            return
        after = ids[-1]


def know(ctx: Context, subscription_id: str) -> Known | None:
    """One subscription as it stands. For other services, which check rights."""
    row = subscriptions.by_id(ctx.session, subscription_id)
    if row is None:
        return None
    last = lifecycle.newest(ctx.session, [row.id]).get(row.id)
    since = last.at if last is not None else row.created_at
    bills = invoices.search(ctx.session, subscription_id=row.id)
    posted = credits.receivable(ctx, [one.id for one in bills])
    unpaid = [one for one in bills if one.state is InvoiceState.OPEN or posted[one.id].get(credits.LOST)]
    open_ = sorted(unpaid, key=lambda one: (one.due_on, one.year, one.sequence))
    oldest = open_[0] if open_ else None
    asked = attempts(payments.of_invoice(ctx.session, oldest.id)) if oldest else {}
    newest = asked[max(asked)] if asked else None
    apps = _apps(ctx, row)
    suspended = [wish.suspended for app in apps if (wish := wishes.newest(ctx.session, app.id)) is not None]
    holds = store.holds(ctx.session, [row.organization_id], ctx.now)
    facts = Facts(
        subscription=row.id,
        state=row.state,
        since=since,
        due=_due(ctx, row, oldest) if oldest else None,
        reminded=frozenset(one.day for one in store.reminders(ctx.session, [oldest.id])) if oldest else frozenset(),
        can_charge=newest is not None and newest.state is PaymentState.FAILED and newest.decline != HARD,
        charges=max(asked, default=0),
        charged_at=newest.created_at if newest else None,
        charge_open=newest is not None and newest.state is PaymentState.PENDING,
        hold_until=holds[row.organization_id].until if row.organization_id in holds else None,
        suspended_by_hand=any(text and text != NOTICE for text in suspended),
        trial_until=row.trial_until,
        paid_period=any(one.state is InvoiceState.PAID and _came(posted[one.id]) for one in bills),
        cancel_at=row.cancel_at,
        ended=last.ended if last is not None else None,
        backup=row.state is SubscriptionState.EXPIRED and all(_saved(ctx, app, since) for app in apps),
        ours=all(_ours(ctx, app) for app in apps),
        standing=any(app.state is not State.GONE for app in apps),
        removing=any(_removing(ctx, app) for app in apps),
    )
    return Known(facts, row, oldest, max(0, sum(posted[oldest.id].values())) if oldest else 0, apps)


def attempts(rows: Sequence[Payment]) -> Mapping[int, Payment]:
    """What was asked of a gateway for an invoice, by the number in its key; not what was noted by hand."""
    return {int(number): row for row in rows if (number := row.key.rpartition(":")[2]).isdecimal()}


def _came(posted: Mapping[str, int]) -> bool:
    """Whether money or credit paid for it; not when it was only taken back."""
    return posted.get("payment", 0) + posted.get(credits.USED, 0) < 0


def _due(ctx: Context, row: Subscription, invoice: Invoice) -> datetime:
    """The moment from which it is late: the end of its last day, or of the trial whose first paid period it is."""
    if row.state is SubscriptionState.TRIAL and row.trial_until is not None:
        return row.trial_until
    known = renewals.by_subscription(ctx.session, row.id)
    zone = known.zone if known else str(settings.get(ctx, "billing_zone"))
    return begins(invoice.due_on + DAY, zone)


def _apps(ctx: Context, row: Subscription) -> tuple[Instance, ...]:
    """Those that it is the newest subscription of."""
    ids = dict.fromkeys(one.instance_id for one in subscriptions.items(ctx.session, row.id) if one.instance_id)
    found = [instances.by_id(ctx.session, id) for id in ids if id]
    mine = []
    for app in found:
        if app is not None and (newest := subscriptions.of_instance(ctx.session, app.id)) is not None and newest.id == row.id:
            mine.append(app)
    return tuple(mine)


def _ours(ctx: Context, app: Instance) -> bool:
    return wishes.newest(ctx.session, app.id) is not None


def _removing(ctx: Context, app: Instance) -> bool:
    if app.state in (State.DELETING, State.GONE):
        return True
    work = changesets.open_of(ctx.session, app.id)
    return work is not None and work.purpose is Purpose.REMOVE


def _saved(ctx: Context, app: Instance, since: datetime) -> bool:
    """Whether it keeps nothing, or a backup that was made after that moment can be brought back."""
    wish = wishes.newest(ctx.session, app.id)
    if wish is None:
        return False
    if not parts(specifications.wanted(ctx.session, app, wish, ctx.ground).template):
        return True
    return any(
        one.state is BackupState.DONE and one.created_at >= since and one.expires_at is not None and one.expires_at > ctx.now
        for one in app_backups.of_instance(ctx.session, app.id)
    )
