"""Holds: a customer who promised to pay, or disputes a bill, is left in peace until a date. What they pay helps them all the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.context import Context
from app.services import audit
from app.services.organizations import existing
from models.domain.access import Permission
from models.domain.clock import aware
from models.domain.errors import Conflict, Invalid
from models.store import dunning as store
from models.store.dunning import DunningHold

LONGEST = timedelta(days=365)
MOST_REASON = 300


@dataclass(frozen=True, slots=True)
class HoldView:
    """One hold; over when its time is, or when it was lifted."""

    id: str
    organization_id: str
    until: datetime
    reason: str
    created_at: datetime
    lifted_at: datetime | None


def of_organization(ctx: Context, *, organization_id: str) -> tuple[HoldView, ...]:
    """All that it ever had, the newest first; for staff."""
    ctx.require(Permission.SEE_ORGANIZATIONS)
    return tuple(_view(row) for row in store.holds_of(ctx.session, existing(ctx, organization_id).id))


def put(ctx: Context, *, organization_id: str, until: datetime, reason: str) -> HoldView:
    """No reminder, no charge and no step down before that moment, by staff who may bill. A former hold ends with it."""
    row = existing(ctx, organization_id)
    ctx.require(Permission.SEE_OWN_BILLING, row.id)
    ctx.require(Permission.MANAGE_OWN_BILLING)
    until, why = aware(until), " ".join(reason.split())
    if not ctx.now < until <= ctx.now + LONGEST:
        raise Invalid(f"Choose an end in the next {LONGEST.days} days.", field="until")
    if not 3 <= len(why) <= MOST_REASON:
        raise Invalid(f"Say why in 3 to {MOST_REASON} characters.", field="reason")
    store.lift(ctx.session, row.id, ctx.now)
    made = DunningHold(organization_id=row.id, until=until, reason=why, actor=ctx.actor.id, created_at=ctx.now)
    store.hold(ctx.session, made)
    audit.record(ctx, action="dunning.hold", subject=row.id, organization=row.id, after={"until": until})
    return _view(made)


def lift(ctx: Context, *, organization_id: str) -> None:
    """End its hold now. Conflict when it has none."""
    row = existing(ctx, organization_id)
    ctx.require(Permission.SEE_OWN_BILLING, row.id)
    ctx.require(Permission.MANAGE_OWN_BILLING)
    if not store.lift(ctx.session, row.id, ctx.now):
        raise Conflict(f"{row.name} has no hold now.")
    audit.record(ctx, action="dunning.lift", subject=row.id, organization=row.id)


def _view(row: DunningHold) -> HoldView:
    return HoldView(row.id, row.organization_id, row.until, row.reason, row.created_at, row.lifted_at)
