"""Instances: the running copies of apps. Members see those of their organizations, staff see all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from app.context import Context
from app.services import audit, settings, traffic
from app.services.organizations import NOTHING_HERE, existing
from app.services.paging import Page, limited, paged, pair, whole
from models.domain.access import Permission
from models.domain.errors import Conflict, NotFound
from models.domain.instances import LIVING, State, move, trial_is_unused
from models.store import instances as store


@dataclass(frozen=True, slots=True)
class InstanceView:
    """One instance. `unused` marks a running trial that nobody used for the days of a setting.

    Use is what went through the ingress: where it never told anything about the namespace, use is unknown and `unused` is False.
    """

    id: str
    organization_id: str
    name: str
    template: str
    plan_id: str | None
    cluster: str
    namespace: str
    address: str
    state: State
    trial_until: datetime | None
    last_used_at: datetime | None
    created_at: datetime
    unused: bool


def list_(
    ctx: Context,
    *,
    organization_id: str | None = None,
    states: Collection[State] | None = None,
    on_trial: bool = False,
    search: str = "",
    limit: int = 100,
    after: str | None = None,
) -> Page[InstanceView]:
    """Those that the actor may see, by name; without `states` all but the gone. `search`: name, namespace, address, template."""
    within: list[str] | None = [organization_id] if organization_id is not None else None
    if organization_id is not None:
        ctx.require(Permission.SEE_OWN_INSTANCES, organization_id)
    elif not ctx.actor.may(Permission.SEE_OWN_INSTANCES):
        within = [org for org, held in ctx.actor.within.items() if Permission.SEE_OWN_INSTANCES in held]
    rows = store.search(
        ctx.session,
        within=within,
        words=search,
        states=LIVING if states is None else states,
        on_trial_at=ctx.now if on_trial else None,
        after=pair(after),
        limit=limited(limit) + 1,
    )
    idle = _unused(ctx, rows)
    return paged(rows, limit, lambda row: _view(row, idle), lambda row: (row.name, row.id))


def every(ctx: Context, *, on_trial: bool = False) -> tuple[InstanceView, ...]:
    """All living ones that the actor may see, by name: for counts."""
    return whole(partial(list_, ctx), on_trial=on_trial)


def get(ctx: Context, *, instance_id: str) -> InstanceView:
    """One of them; NotFound when it does not exist or is somebody else's."""
    row = store.by_id(ctx.session, instance_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_INSTANCES, row.organization_id)
    return seen(ctx, row)


def of_organization(ctx: Context, *, organization_id: str, gone: bool = False) -> tuple[InstanceView, ...]:
    """All of one organization, by name; those that are gone only when asked for."""
    ctx.require(Permission.SEE_OWN_INSTANCES, organization_id)
    existing(ctx, organization_id)
    rows = store.search(ctx.session, within=[organization_id], states=None if gone else LIVING)
    idle = _unused(ctx, rows)
    return tuple(_view(row, idle) for row in rows)


def set_state(ctx: Context, *, instance_id: str, state: State) -> InstanceView:
    """Note that it moved on in its life, by staff or a job; IllegalTransition when the table has no such move."""
    ctx.require(Permission.MANAGE_ORGANIZATIONS)
    row = store.by_id(ctx.session, instance_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    before = row.state
    if not store.move(ctx.session, row.id, before, move(before, State(state))):
        raise Conflict("The instance changed just now. Look again.")
    ctx.session.refresh(row)
    audit.record(
        ctx,
        action="instances.set_state",
        subject=row.id,
        organization=row.organization_id,
        before={"state": before},
        after={"state": row.state},
    )
    return seen(ctx, row)


def seen(ctx: Context, row: store.Instance) -> InstanceView:
    """The row as it is shown. For other services, which check rights."""
    return _view(row, _unused(ctx, [row]))


def _unused(ctx: Context, rows: Sequence[store.Instance]) -> frozenset[str]:
    """Ids of those that nobody uses, as far as the ingress tells."""
    idle = timedelta(days=settings.get(ctx, "trial_idle_days"))
    quiet = [
        row
        for row in rows
        if row.state in LIVING
        and trial_is_unused(
            trial_until=row.trial_until, last_used_at=row.last_used_at, created_at=row.created_at, now=ctx.now, idle=idle
        )
    ]
    told = traffic.told(ctx, {(row.cluster, row.namespace) for row in quiet})
    return frozenset(row.id for row in quiet if (row.cluster, row.namespace) in told)


def _view(row: store.Instance, unused: frozenset[str]) -> InstanceView:
    return InstanceView(
        id=row.id,
        organization_id=row.organization_id,
        name=row.name,
        template=row.template,
        plan_id=row.plan_id,
        cluster=row.cluster,
        namespace=row.namespace,
        address=row.address,
        state=row.state,
        trial_until=row.trial_until,
        last_used_at=row.last_used_at,
        created_at=row.created_at,
        unused=row.id in unused,
    )
