"""Suspension by staff: an app ends with all it holds kept, its address says why, and it comes back exactly as it was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.context import Context
from app.services import operations, shares
from app.services.changesets import ChangeSetView
from app.services.organizations import NOTHING_HERE
from models.domain.access import Permission
from models.domain.changesets import Purpose
from models.domain.errors import Conflict, Invalid, NotFound
from models.domain.instances import LIVING, State
from models.domain.subscriptions import ENDED
from models.store import instances, subscriptions
from models.store import specifications as wishes
from models.store.instances import Instance
from models.store.specifications import SUSPENDED, Specification

LONGEST = 300
RESTED = frozenset({"trial ended", "subscription ended"})
"""Reasons of generations by which the platform itself stopped an app."""


@dataclass(frozen=True, slots=True)
class Suspension:
    """Whether an app is suspended: since when, and what its visitors read. `may`: the actor may suspend and resume."""

    name: str
    reason: str
    since: datetime | None
    may: bool


def of_app(ctx: Context, *, instance_id: str) -> Suspension | None:
    """None for an app that Moorage did not make, or that is gone."""
    row, wish = _seen(ctx, instance_id)
    if wish is None or row.state in (State.ORDERED, State.DELETING, State.GONE):
        return None
    may = ctx.actor.may(Permission.MANAGE_ORGANIZATIONS)
    return Suspension(row.name, wish.suspended, wish.created_at if wish.suspended else None, may)


def suspend(ctx: Context, *, instance_id: str, reason: str) -> ChangeSetView:
    """End its containers, keep everything, and let its address say `reason`; by staff."""
    _by_staff(ctx, instance_id)
    text = " ".join(reason.split())
    if not 1 <= len(text) <= LONGEST:
        raise Invalid(f"Say why in 1 to {LONGEST} characters: everybody who visits the address reads it.", field="reason")
    row, wish = operations.operated(ctx, instance_id)
    return operations.want_suspended(ctx, row, wish, f"{SUSPENDED}{text}")


def resume(ctx: Context, *, instance_id: str) -> ChangeSetView:
    """As it was before: running when it ran, stopped when it was stopped; NoRoom when its place was taken meanwhile. By staff."""
    _by_staff(ctx, instance_id)
    row, wish = _seen(ctx, instance_id)
    if wish is None or not wish.suspended or row.state not in LIVING or row.state is State.DELETING:
        raise Conflict(f"“{row.name}” is not suspended.")
    paid_for = subscriptions.of_instance(ctx.session, row.id)
    if paid_for is not None and paid_for.state in ENDED:
        raise Conflict(f"The subscription of “{row.name}” has ended; it runs again when it is ordered again.")
    if paid_for is not None:
        shares.credit_rest(
            ctx, subscription_id=paid_for.id, since=wish.created_at, until=ctx.now, key=f"{row.id}:{wish.generation}"
        )
    return bring_back(ctx, row, wish)


def bring_back(ctx: Context, row: Instance, wish: Specification) -> ChangeSetView:
    """As it was before it was suspended or its subscription ended. For other services, which check rights."""
    resting = (one for one in wishes.history(ctx.session, row.id) if not one.suspended and one.reason not in RESTED)
    before = next(resting, None)
    if before is None or not before.running:
        return operations.want(ctx, row, wish, Purpose.STOP, "stopped", running=False)
    operations.hold(ctx, row, operations.wish_with(wish, running=True, reason="resumed"), Purpose.START)
    return operations.want(ctx, row, wish, Purpose.START, "resumed", running=True)


def _seen(ctx: Context, instance_id: str) -> tuple[Instance, Specification | None]:
    row = instances.by_id(ctx.session, instance_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_INSTANCES, row.organization_id)
    return row, wishes.newest(ctx.session, row.id)


def _by_staff(ctx: Context, instance_id: str) -> None:
    _seen(ctx, instance_id)
    ctx.require(Permission.MANAGE_ORGANIZATIONS)
