"""Staff with an organization as support: begun with a reason and for a time, seen by the customer, ended by anybody of both.

What support may is decided by the actor that `app.auth.people` makes of an open stay: nothing outside of that organization, never
its credentials, tokens, people or money.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError

from app.context import Context
from app.services import audit
from app.services.organizations import NOTHING_HERE, existing
from models.domain.access import ActorKind, Permission
from models.domain.errors import Conflict, Invalid, NotFound, NotPermitted
from models.domain.organizations import Standing
from models.store import members, support
from models.store.support import SupportStay

SHORTEST, LONGEST = 5, 240
"""Minutes of a stay."""
MOST_REASON = 300
SHOWN = 200


@dataclass(frozen=True, slots=True)
class StayView:
    """One stay. `ended_at`: when it was over, also by itself; None while it goes on."""

    id: str
    organization_id: str
    by: str
    reason: str
    acts: bool
    began_at: datetime
    until: datetime
    ended_at: datetime | None


def begin(ctx: Context, *, organization_id: str, reason: str, minutes: int, acts: bool = False) -> StayView:
    """Look at one organization as its people do, and with `acts` operate its apps; by a signed-in person of the staff."""
    ctx.require(Permission.SEE_OWN_AUDIT, organization_id)  # strangers hear that there is nothing
    ctx.require(Permission.LOOK_AS_SUPPORT)
    if acts:
        ctx.require(Permission.ACT_AS_SUPPORT)
    if ctx.actor.kind is not ActorKind.STAFF or members.user_by_id(ctx.session, ctx.actor.id) is None:
        raise NotPermitted("Only a person of the staff who is signed in can look as support. Sign in and do it there.")
    row = existing(ctx, organization_id)
    if row.standing is Standing.ANONYMISED:
        raise Conflict("This organization is forgotten; there is nobody to support.")
    text = " ".join(reason.split())
    if not 1 <= len(text) <= MOST_REASON:
        raise Invalid(f"Say why in 1 to {MOST_REASON} characters: the customer reads it.", field="reason")
    if not SHORTEST <= minutes <= LONGEST:
        raise Invalid(f"Support looks for {SHORTEST} to {LONGEST} minutes at a time.", field="minutes")
    close_all(ctx, user_id=ctx.actor.id)
    stay = SupportStay(
        organization_id=row.id, user_id=ctx.actor.id, user_name=ctx.actor.name, reason=text, acts=acts, began_at=ctx.now,
        until=ctx.now + timedelta(minutes=minutes),
    )  # fmt: skip
    try:
        with ctx.session.begin_nested():
            ctx.session.add(stay)
            ctx.session.flush()
    except IntegrityError:
        raise Conflict("You began to look as support elsewhere just now. Look again.") from None
    # the reason stays with the stay alone, which is emptied when the organization is forgotten
    facts = {"organization": row.id, "acts": acts, "until": stay.until}
    audit.record(ctx, action="support.begin", subject=stay.id, organization=row.id, after=facts)
    return _view(stay, ctx.now)


def end(ctx: Context, *, stay_id: str) -> StayView:
    """End a stay: whoever is in it, owners of the organization, and staff who may change it or the staff."""
    stay = support.by_id(ctx.session, stay_id)
    if stay is None:
        raise NotFound(NOTHING_HERE)
    if ctx.actor.id != stay.user_id and not ctx.actor.may(Permission.MANAGE_STAFF):
        ctx.require(Permission.SEE_OWN_AUDIT, stay.organization_id)
        ctx.require(Permission.MANAGE_OWN_ORGANIZATION, stay.organization_id)
    if stay.ended_at is not None or stay.until <= ctx.now or not _finished(ctx, stay):
        raise Conflict("This look as support is over already.")
    return _view(stay, ctx.now)


def close_all(ctx: Context, *, user_id: str) -> None:
    """End what the person has open, as who leaves, is shut out or loses the right does. For other services, which check rights."""
    for stay in support.unfinished_of(ctx.session, user_id):
        _finished(ctx, stay)


def _finished(ctx: Context, stay: SupportStay) -> bool:
    if not support.finish(ctx.session, stay.id, ctx.now):
        return False
    ctx.session.refresh(stay)
    facts = {"organization": stay.organization_id, "support": stay.user_name}
    audit.record(ctx, action="support.end", subject=stay.id, organization=stay.organization_id, after=facts)
    return True


def of_organization(ctx: Context, *, organization_id: str) -> tuple[StayView, ...]:
    """Who looked, when and why, the newest first: for its people who see what was changed, and for staff."""
    ctx.require(Permission.SEE_OWN_AUDIT, organization_id)
    existing(ctx, organization_id)
    return tuple(_view(row, ctx.now) for row in support.of_organization(ctx.session, organization_id, limit=SHOWN))


def _view(row: SupportStay, now: datetime) -> StayView:
    over = row.until if row.ended_at is None and row.until <= now else row.ended_at
    return StayView(row.id, row.organization_id, row.user_name, row.reason, row.acts, row.began_at, row.until, over)
