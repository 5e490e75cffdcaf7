"""Trials: told of before they end, and at their end stopped with everything kept."""

from __future__ import annotations

from datetime import timedelta

from app.context import Context
from app.services import audit, changesets, lifecycle, outbox, specifications
from models.domain.access import MemberRole, Permission
from models.domain.changesets import ChangeState, Purpose
from models.domain.dunning import Ended
from models.domain.instances import LIVING, State
from models.domain.subscriptions import SubscriptionState
from models.store import changesets as rows
from models.store import instances, invoices, members, organizations, subscriptions, upgrades
from models.store import specifications as wishes
from models.store.instances import Instance
from models.store.subscriptions import Subscription

TOLD_BEFORE = timedelta(days=3)


def ending(ctx: Context, *, limit: int) -> tuple[str, ...]:
    """Ids of trials that end within the time in which people are told."""
    ctx.require(Permission.RUN_JOBS)
    return tuple(row.id for row in subscriptions.trials_ending(ctx.session, ctx.now + TOLD_BEFORE, limit=limit))


def over(ctx: Context, *, limit: int) -> tuple[str, ...]:
    """Ids of trials whose end has come."""
    ctx.require(Permission.RUN_JOBS)
    return tuple(row.id for row in subscriptions.trials_ending(ctx.session, ctx.now, limit=limit))


def tell(ctx: Context, *, subscription_id: str) -> bool:
    """Mail the owners once that it ends soon; whether somebody was told now."""
    ctx.require(Permission.RUN_JOBS)
    row = subscriptions.by_id(ctx.session, subscription_id)
    tried = row is not None and row.state is SubscriptionState.TRIAL and not _bought(ctx, row)
    apps = _apps(ctx, row) if row is not None and tried else []
    return row is not None and _mail(ctx, row, apps, "trial_ending")


def end(ctx: Context, *, subscription_id: str, decided: bool = False) -> bool:
    """Stop what was tried, keep its data, and tell the owners; False when it was bought or ended meanwhile, or is upgraded just now.

    One whose first paid month is invoiced ends only where it is `decided` that the money does not come: by dunning.
    """
    ctx.require(Permission.RUN_JOBS)
    row = subscriptions.by_id(ctx.session, subscription_id)
    if row is None or row.state is not SubscriptionState.TRIAL or row.trial_until is None or row.trial_until > ctx.now:
        return False
    if not decided and _bought(ctx, row):
        return False
    if any(upgrades.open_of(ctx.session, app.id) is not None for app in _apps(ctx, row)):
        return False  # the upgrade comes to its end first, and the next run stops what is there then
    if not lifecycle.move(ctx, row, SubscriptionState.EXPIRED, reason="trial_unpaid", ended=Ended.TRIAL):
        return False
    apps = _apps(ctx, row)
    for item in subscriptions.items(ctx.session, row.id):
        if item.until is None:
            item.until = row.trial_until
            ctx.session.add(item)
    for app in apps:
        _stop(ctx, app)
    audit.record(
        ctx,
        action="trials.end",
        subject=row.id,
        organization=row.organization_id,
        before={"state": SubscriptionState.TRIAL},
        after={"state": row.state, "apps": [app.name for app in apps]},
    )
    _mail(ctx, row, apps, "trial_ended")
    return True


def _bought(ctx: Context, row: Subscription) -> bool:
    return any(one.total_minor > 0 for one in invoices.search(ctx.session, subscription_id=row.id))


def _stop(ctx: Context, app: Instance) -> None:
    wish = wishes.newest(ctx.session, app.id)
    work = rows.open_of(ctx.session, app.id)
    if wish is None or not wish.running or (work is not None and work.state is ChangeState.HELD):
        return
    specifications.add(
        ctx,
        app,
        edition=wish.edition,
        plan_id=wish.plan_id,
        parameters=wish.given,
        email=wish.email,
        running=False,
        restarts=wish.restarts,
        reason="trial ended",
    )
    changesets.begin(ctx, app, purpose=Purpose.STOP)


def _apps(ctx: Context, row: Subscription) -> list[Instance]:
    found = [
        instances.by_id(ctx.session, item.instance_id) for item in subscriptions.items(ctx.session, row.id) if item.instance_id
    ]
    return [app for app in found if app is not None and app.state in LIVING and app.state is not State.DELETING]


def _mail(ctx: Context, row: Subscription, apps: list[Instance], kind: str) -> bool:
    organization = organizations.by_id(ctx.session, row.organization_id)
    if organization is None or not apps or row.trial_until is None:
        return False
    told = False
    for user, member in members.of_organization(ctx.session, organization.id):
        if member.role is MemberRole.OWNER and user.disabled_at is None:
            told |= (
                outbox.enqueue(
                    ctx,
                    key=f"{kind}:{row.id}:{user.id}",
                    kind=kind,
                    to=user.email,
                    locale=user.locale,
                    link=f"{ctx.address}/app?id={apps[0].id}",
                    organization=organization.id,
                    name=user.name,
                    app=apps[0].name,
                    until=f"{row.trial_until:%Y-%m-%d %H:%M} UTC",
                )
                is not None
            )
    return told
