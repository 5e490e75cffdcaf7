"""Cancelling a subscription by its people, now or when what was paid runs out, and taking that back until then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.context import Context
from app.services import audit, dunning, dunning_steps, renewals, settings
from app.services.organizations import NOTHING_HERE
from models.domain import dunning as rules
from models.domain.access import ActorKind, Permission
from models.domain.dunning import Action
from models.domain.errors import Conflict, NotFound, NotPermitted
from models.domain.periods import period
from models.domain.subscriptions import ENDED, CancelWhen, SubscriptionState, ends_at
from models.store import instances, subscriptions
from models.store.subscriptions import Subscription


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    """One subscription. `apps` are the names of its apps; `cancel_at` is when it ends because its people said so.

    `period_end`: when it would end if it were cancelled for the end of what was paid. `kept_until`: how long its data would stay then.
    """

    id: str
    organization_id: str
    state: SubscriptionState
    apps: tuple[str, ...]
    currency: str
    created_at: datetime
    trial_until: datetime | None
    cancel_at: datetime | None
    ended_at: datetime | None
    period_end: datetime | None
    kept_until: datetime | None


def list_(ctx: Context, *, organization_id: str | None = None) -> tuple[SubscriptionView, ...]:
    """All that the actor may see, or those of one organization, the oldest first; those that are over too."""
    within: list[str] | None = [organization_id] if organization_id is not None else None
    if organization_id is not None:
        ctx.require(Permission.SEE_OWN_BILLING, organization_id)
    elif not ctx.actor.may(Permission.SEE_OWN_BILLING):
        within = [org for org, held in ctx.actor.within.items() if Permission.SEE_OWN_BILLING in held]
    return tuple(view(ctx, row) for row in subscriptions.search(ctx.session, within=within))


def get(ctx: Context, *, subscription_id: str) -> SubscriptionView:
    return view(ctx, seen(ctx, subscription_id))


def cancel(ctx: Context, *, subscription_id: str, when: CancelWhen) -> SubscriptionView:
    """Let it end, by somebody who may pay. At its end the app stops, is saved a last time, and nothing is charged any more.

    Not by a token. Conflict when it is over, was never accepted, or an upgrade of its app goes on.
    """
    row = _decided(ctx, subscription_id, "cancel a subscription")
    if row.state is SubscriptionState.PENDING:
        raise Conflict("This subscription has not begun. Take the order back instead.")
    end = ends_at(when, row.state, now=ctx.now, period_end=_period_end(ctx, row))
    before, row.cancel_at = row.cancel_at, end
    ctx.session.add(row)
    ctx.session.flush()
    audit.record(
        ctx,
        action="subscriptions.cancel",
        subject=row.id,
        organization=row.organization_id,
        before={"cancel_at": before},
        after={"cancel_at": end, "when": when},
    )
    if end <= ctx.now:
        _end(ctx, row.id)
        ctx.session.refresh(row)
    return view(ctx, row)


def keep(ctx: Context, *, subscription_id: str) -> SubscriptionView:
    """Take a cancellation back before its end. Conflict when there is none, or the end has come."""
    row = _decided(ctx, subscription_id, "keep a subscription")
    if row.state in ENDED or row.cancel_at is None or row.cancel_at <= ctx.now:
        raise Conflict("This subscription is not about to end, so there is nothing to take back.")
    before, row.cancel_at = row.cancel_at, None
    ctx.session.add(row)
    ctx.session.flush()
    audit.record(
        ctx, action="subscriptions.keep", subject=row.id, organization=row.organization_id, before={"cancel_at": before}, after={}
    )
    return view(ctx, row)


def seen(ctx: Context, subscription_id: str) -> Subscription:
    """The row, for whoever may see its money. For other services."""
    row = subscriptions.by_id(ctx.session, subscription_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_BILLING, row.organization_id)
    return row


def view(ctx: Context, row: Subscription) -> SubscriptionView:
    """For other services, which check rights."""
    living = row.state not in (SubscriptionState.PENDING, *ENDED)
    end = _period_end(ctx, row) if living else None
    ids = dict.fromkeys(one.instance_id for one in subscriptions.items(ctx.session, row.id) if one.instance_id)
    found = [instances.by_id(ctx.session, id) for id in ids if id]
    days = timedelta(days=int(settings.get(ctx, "keep_ended_days")))
    return SubscriptionView(
        id=row.id,
        organization_id=row.organization_id,
        state=row.state,
        apps=tuple(app.name for app in found if app is not None),
        currency=row.currency,
        created_at=row.created_at,
        trial_until=row.trial_until,
        cancel_at=row.cancel_at,
        ended_at=row.ended_at,
        period_end=end,
        kept_until=(row.cancel_at or end or ctx.now) + days if living else None,
    )


def _decided(ctx: Context, subscription_id: str, what: str) -> Subscription:
    row = seen(ctx, subscription_id)
    ctx.require(Permission.MANAGE_OWN_BILLING, row.organization_id)
    ctx.actor.leave_to_its_people(what)
    if ctx.actor.kind is ActorKind.TOKEN:
        raise NotPermitted("A token cannot decide whether a subscription goes on. Sign in and decide it there.")
    return row


def _period_end(ctx: Context, row: Subscription) -> datetime | None:
    """The end of what was paid, or of the trial."""
    if row.state is SubscriptionState.TRIAL:
        return row.trial_until
    known = renewals.standing(ctx, row)
    if known is None:
        return None
    anchor, index = known
    return period(anchor, max(index, 1)).start


def _end(ctx: Context, subscription_id: str) -> None:
    """What the job would do at its next run, now."""
    known = dunning.know(ctx, subscription_id)
    found = rules.decide(known.facts, ctx.now, dunning.policy(ctx)) if known is not None else ()
    decision = next((one for one in found if one.action is Action.MOVE and one.target is SubscriptionState.EXPIRED), None)
    if known is None or decision is None or not dunning_steps.move(ctx, known, decision):
        raise Conflict("Something is being done with its app just now. Try again when that is over.")
