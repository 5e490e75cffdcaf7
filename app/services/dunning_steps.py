"""Dunning at work: one decision in one transaction, while the facts still decide it. What it does to apps goes the ways that people go."""

from __future__ import annotations

from datetime import timedelta

from babel import Locale
from sqlalchemy.exc import IntegrityError

from app import money
from app.context import Context
from app.gateways import mail_texts
from app.services import (
    audit,
    dunning,
    lifecycle,
    operations,
    outbox,
    purchases,
    shares,
    specifications,
    stillness,
    suspension,
    trials,
)
from app.services.dunning import Known
from app.services.organizations import existing
from models.domain import dunning as rules
from models.domain.access import MemberRole, Permission
from models.domain.app_backups import BackupReason, BackupState
from models.domain.changesets import ChangeState, Purpose
from models.domain.dunning import Action, Decision, Ended
from models.domain.instances import State
from models.domain.subscriptions import SubscriptionState
from models.store import app_backups, changesets, members, payments, subscriptions, upgrades
from models.store import dunning as store
from models.store import specifications as wishes
from models.store.dunning import DunningReminder
from models.store.instances import Instance
from models.store.members import User
from models.store.payments import Payment, PaymentState
from models.store.specifications import SUSPENDED
from models.store.subscriptions import SubscriptionItem
from provisioner.app_backups import parts

TOLD = frozenset({MemberRole.OWNER, MemberRole.BILLING})
AGAIN = timedelta(days=1)
"""So long after a last backup that failed another one is made."""
S = SubscriptionState


def carry_out(ctx: Context, *, subscription_id: str, key: str) -> Decision | None:
    """Do what a run decided under that key, if the facts decide it still; None when they do not, or the app is just being worked on.

    By the platform's own job. What claims it is written with it: the row of the move, of the reminder or of the payment.
    """
    ctx.require(Permission.RUN_JOBS)
    known = dunning.know(ctx, subscription_id)
    if known is None:
        return None
    decision = next((one for one in rules.decide(known.facts, ctx.now, dunning.policy(ctx)) if one.key == key), None)
    if decision is None:
        return None
    done = {
        Action.REMIND: _remind,
        Action.CHARGE: _charge,
        Action.MOVE: move,
        Action.REMOVE: _remove,
        Action.PARK: _park,
    }[decision.action](ctx, known, decision)
    return decision if done else None


def _remind(ctx: Context, known: Known, decision: Decision) -> bool:
    invoice, day = known.invoice, decision.day
    if invoice is None or day is None or known.open_minor <= 0:
        return False
    organization = existing(ctx, invoice.organization_id)
    people = _people(ctx, organization.id)
    if not store.remind(ctx.session, DunningReminder(invoice_id=invoice.id, day=day, at=ctx.now, told=len(people))):
        return False
    stops = known.facts.due + dunning.policy(ctx).suspend_after * rules.DAY if known.facts.due else ctx.now
    for user in people:
        outbox.enqueue(
            ctx,
            key=f"dunning:{invoice.id}:{day}:{user.id}",
            kind="invoice_due" if day < 0 else "invoice_late",
            to=user.email,
            locale=user.locale,
            link=f"{ctx.address}/billing?invoice={invoice.id}",
            organization=organization.id,
            name=user.name,
            number=invoice.number,
            amount=money.shown(known.open_minor, invoice.currency, Locale.parse(mail_texts.language(user.locale))),
            due=f"{invoice.due_on:%Y-%m-%d}",
            stops=f"{stops:%Y-%m-%d}",
        )
    audit.record(
        ctx,
        action="dunning.remind",
        subject=invoice.id,
        organization=organization.id,
        after={"number": invoice.number, "day": day, "people": len(people)},
    )
    return True


def _charge(ctx: Context, known: Known, decision: Decision) -> bool:
    """One more row of money that is asked for; the job of renewals asks for it."""
    invoice, number = known.invoice, decision.number
    if invoice is None or number is None or known.open_minor <= 0:
        return False
    before = dunning.attempts(payments.of_invoice(ctx.session, invoice.id))
    payment = Payment(
        organization_id=invoice.organization_id,
        subscription_id=invoice.subscription_id,
        invoice_id=invoice.id,
        gateway=before[max(before)].gateway,
        key=f"invoice:{invoice.id}:{number}",
        amount_minor=known.open_minor,
        currency=invoice.currency,
        state=PaymentState.PENDING,
        created_at=ctx.now,
        ask_at=ctx.now,
    )
    try:
        with ctx.session.begin_nested():
            ctx.session.add(payment)
    except IntegrityError:
        return False
    audit.record(
        ctx,
        action="dunning.charge",
        subject=invoice.id,
        organization=invoice.organization_id,
        after={"number": invoice.number, "attempt": number, "amount_minor": known.open_minor, "currency": invoice.currency},
    )
    return True


def move(ctx: Context, known: Known, decision: Decision) -> bool:
    """A move and all that belongs to it; False when somebody was faster or an upgrade goes on. For other services, which check rights."""
    row, target = known.subscription, decision.target
    if target is None or (target is not S.CLEANED and any(upgrades.open_of(ctx.session, app.id) for app in known.apps)):
        return False  # an upgrade comes to its end first
    if decision.ended is Ended.TRIAL:
        return trials.end(ctx, subscription_id=row.id, decided=True)
    before = row.state
    if not lifecycle.move(
        ctx, row, target, reason=decision.reason, ended=decision.ended, key=decision.key,
        kept=known.facts.backup or known.facts.standing, evidence=not known.facts.standing,
    ):  # fmt: skip
        return False
    audit.record(
        ctx,
        action="dunning.move",
        subject=row.id,
        organization=row.organization_id,
        before={"state": before},
        after={"state": target, "reason": decision.reason, "apps": [app.name for app in known.apps]},
    )
    if target is S.SUSPENDED:
        for app in _ours(ctx, known):
            _suspend(ctx, app)
    if target is S.EXPIRED:
        _end(ctx, known, decision)
    if target is S.ACTIVE and decision.reason == "trial_paid":
        purchases.begin(ctx, row)
    if target is S.ACTIVE and before is not S.PAST_DUE:
        _back(ctx, known, decision)
    return True


def _suspend(ctx: Context, app: Instance) -> None:
    wish = wishes.newest(ctx.session, app.id)
    if wish is not None and not wish.suspended:
        operations.want_suspended(ctx, app, wish, f"{SUSPENDED}{dunning.NOTICE}")


def _end(ctx: Context, known: Known, decision: Decision) -> None:
    """Nothing is charged any more; its apps are stopped and saved a last time."""
    for item in subscriptions.items(ctx.session, known.subscription.id):
        if item.until is None:
            item.until = max(item.since, min(ctx.now, known.facts.cancel_at or ctx.now))
            ctx.session.add(item)
    if decision.ended is Ended.CANCELLED:
        end = min(ctx.now, known.facts.cancel_at or ctx.now)
        shares.credit_unused(ctx, subscription_id=known.subscription.id, at=end, key=decision.key)
    for app in _ours(ctx, known):
        wish = wishes.newest(ctx.session, app.id)
        if wish is not None and (wish.running or wish.suspended == dunning.NOTICE):
            operations.want(ctx, app, wish, Purpose.STOP, "subscription ended", running=False)
        _save(ctx, app)
    days = dunning.policy(ctx)
    due = known.facts.due or ctx.now
    until = max(ctx.now + days.keep_ended, due + days.clean_after * rules.DAY)
    for user in _people(ctx, known.subscription.organization_id) if known.apps else ():
        outbox.enqueue(
            ctx,
            key=f"dunning:ended:{decision.key}:{user.id}",
            kind="subscription_ended",
            to=user.email,
            locale=user.locale,
            link=f"{ctx.address}/billing",
            organization=known.subscription.organization_id,
            name=user.name,
            app=known.apps[0].name,
            at=f"{ctx.now:%Y-%m-%d %H:%M} UTC",
            until=f"{until:%Y-%m-%d}",
        )


def _back(ctx: Context, known: Known, decision: Decision) -> None:
    """Charged again for what it had, and its apps as they were; what people suspended stays so. The time of a suspension is given back."""
    if known.facts.state is S.SUSPENDED:
        shares.credit_rest(ctx, subscription_id=known.subscription.id, since=known.facts.since, until=ctx.now, key=decision.key)
    items = subscriptions.items(ctx.session, known.subscription.id)
    if known.facts.state is S.EXPIRED:
        last = max((one.until for one in items if one.until is not None), default=None)
        for one in [one for one in items if one.until == last and last is not None]:
            facts = one.model_dump(include={"subscription_id", "kind", "instance_id", "plan_id", "component", "price_minor"})
            ctx.session.add(SubscriptionItem(**facts, since=ctx.now))
        ctx.session.flush()
    for app in _ours(ctx, known):
        wish = wishes.newest(ctx.session, app.id)
        rests = wish is not None and (wish.suspended == dunning.NOTICE or wish.reason in suspension.RESTED)
        if wish is not None and rests:
            suspension.bring_back(ctx, app, wish)


def _remove(ctx: Context, known: Known, decision: Decision) -> bool:
    """The way by which people delete an app, with the last backup that it makes."""
    for app in _ours(ctx, known):
        operations.want_removed(ctx, app)
    audit.record(
        ctx,
        action="dunning.remove",
        subject=known.subscription.id,
        organization=known.subscription.organization_id,
        after={"reason": decision.reason, "apps": [app.name for app in known.apps]},
    )
    return True


def _park(ctx: Context, known: Known, decision: Decision) -> bool:
    """A person has to look, on the page Dunning. A last backup that failed is begun again meanwhile, once a day."""
    if decision.reason == "no_backup":
        for app in _ours(ctx, known):
            newest = app_backups.newest(ctx.session, app.id)
            if newest is None or newest.state is not BackupState.FAILED or newest.created_at + AGAIN <= ctx.now:
                _save(ctx, app)
    return True


def _save(ctx: Context, app: Instance) -> None:
    wish = wishes.newest(ctx.session, app.id)
    if wish is None or not parts(specifications.wanted(ctx.session, app, wish, ctx.ground).template):
        return
    if app_backups.open_of(ctx.session, app.id) is None:
        stillness.begin(ctx, app, BackupReason.EXPIRY, wish.generation)


def _ours(ctx: Context, known: Known) -> list[Instance]:
    """Its apps that Moorage runs and that nothing removes; not one whose order is open."""
    found = []
    for app in known.apps:
        work = changesets.open_of(ctx.session, app.id)
        held = work is not None and work.state is ChangeState.HELD
        going = app.state in (State.DELETING, State.GONE) or (work is not None and work.purpose is Purpose.REMOVE)
        if wishes.newest(ctx.session, app.id) is not None and not held and not going:
            found.append(app)
    return found


def _people(ctx: Context, organization_id: str) -> list[User]:
    """Those who care for its money."""
    found = members.of_organization(ctx.session, organization_id)
    return [user for user, member in found if member.role in TOLD and user.disabled_at is None]
