"""Change sets: the work that is to be done in the cluster, as it is begun, watched, retried and agreed to by people."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.context import Context
from app.services import audit
from app.services.organizations import NOTHING_HERE
from app.services.paging import Page, limited, moment, paged
from models.domain.access import Permission
from models.domain.changesets import ChangeState, Purpose, move
from models.domain.errors import Conflict, NotFound
from models.store import changesets as store
from models.store import instances, organizations, specifications
from models.store.instances import Instance


@dataclass(frozen=True, slots=True)
class StepView:
    """One thing that was done or reached."""

    at: datetime
    verb: str
    kind: str
    name: str
    sentence: str


@dataclass(frozen=True, slots=True)
class ChangeSetView:
    """One piece of work on one app. `reason`: what is waited for, or why it stopped."""

    id: str
    instance_id: str
    organization_id: str
    app: str
    template: str
    namespace: str
    generation: int
    purpose: Purpose
    state: ChangeState
    phase: str
    reason: str
    attempts: int
    again_at: datetime
    created_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    needs_agreement: bool
    """It stopped because of something that a person has to say yes to."""
    organization: str
    objections: tuple[tuple[str, str, str], ...]
    """(danger, kind, name) of what nobody has said yes to yet."""


def begin(ctx: Context, instance: Instance, *, purpose: Purpose, held: bool = False) -> store.ChangeSet:
    """Work towards the newest specification. One that is open already takes it over instead. For other services."""
    newest = specifications.newest(ctx.session, instance.id)
    generation = newest.generation if newest else 0
    state = ChangeState.HELD if held else ChangeState.WAITING
    row = store.open_of(ctx.session, instance.id)
    if row is not None and row.purpose is Purpose.REMOVE:
        raise Conflict(f"The app “{instance.name}” is being deleted.")
    if row is not None and (row.state is not ChangeState.HELD or not held):
        # a first making that is not over stays one: it decides what the app becomes
        kept = row.purpose if row.purpose is Purpose.CREATE and purpose is Purpose.CHANGE else purpose
        row.generation, row.purpose, row.reason, row.agreed, row.deadline = generation, kept, "", "", None
        if row.state is not ChangeState.HELD:
            store.move(ctx.session, row.id, row.state, move(row.state, ChangeState.WAITING), again_at=ctx.now)
        ctx.session.add(row)
        ctx.session.flush()
        return row
    row = store.ChangeSet(
        instance_id=instance.id,
        generation=generation,
        purpose=purpose,
        state=state,
        again_at=ctx.now,
        created_by_name=ctx.actor.name,
        created_at=ctx.now,
    )
    ctx.session.add(row)
    ctx.session.flush()
    return row


def release(ctx: Context, *, instance_id: str) -> None:
    """Its order was accepted: the work may begin. For other services."""
    row = store.open_of(ctx.session, instance_id)
    if row is None or row.state is not ChangeState.HELD:
        raise Conflict("The work for this order has begun already.")
    store.move(ctx.session, row.id, row.state, move(row.state, ChangeState.WAITING), again_at=ctx.now)


def cancel_held(ctx: Context, *, instance_id: str) -> None:
    """Its order came to nothing. For other services."""
    row = store.open_of(ctx.session, instance_id)
    if row is not None and row.state is ChangeState.HELD:
        store.move(ctx.session, row.id, row.state, move(row.state, ChangeState.CANCELLED), again_at=ctx.now)


def list_(
    ctx: Context,
    *,
    instance_id: str | None = None,
    organization_id: str | None = None,
    states: Collection[ChangeState] | None = None,
    limit: int = 100,
) -> tuple[ChangeSetView, ...]:
    """The newest first; those of one app or one organization for whoever may see it, of all for staff."""
    rows: Sequence[store.ChangeSet]
    if organization_id is not None:
        ctx.require(Permission.SEE_OWN_INSTANCES, organization_id)
        rows = store.search(ctx.session, within=[organization_id], states=states, limit=limit)
    elif instance_id is not None:
        _instance(ctx, instance_id)
        rows = [row for row in store.of_instance(ctx.session, instance_id) if states is None or row.state in states][:limit]
    else:
        ctx.require(Permission.SEE_CLUSTER)
        rows = store.search(ctx.session, states=states, limit=limit)
    return tuple(_view(ctx, row) for row in rows)


def parts(
    ctx: Context,
    *,
    instance_id: str | None = None,
    states: Collection[ChangeState] | None = None,
    limit: int = 100,
    after: str | None = None,
) -> Page[ChangeSetView]:
    """Those that the actor may see, the newest first, in parts."""
    within: list[str] | None = None
    if instance_id is not None:
        _instance(ctx, instance_id)
    elif not ctx.actor.may(Permission.SEE_OWN_INSTANCES):
        within = [org for org, held in ctx.actor.within.items() if Permission.SEE_OWN_INSTANCES in held]
    rows = store.search(
        ctx.session, within=within, instance_id=instance_id, states=states, after=moment(after), limit=limited(limit) + 1
    )
    return paged(rows, limit, lambda row: _view(ctx, row), lambda row: (row.created_at.isoformat(), row.id))


def makings(ctx: Context) -> Mapping[str, tuple[int, int]]:
    """By template how many apps were made, and how many stand still because their making stopped."""
    ctx.require(Permission.SEE_CLUSTER)
    found: dict[str, tuple[int, int]] = {}
    for template, state, number in store.makings(ctx.session):
        made, stopped = found.get(template, (0, 0))
        found[template] = (made + number, stopped) if state is ChangeState.DONE else (made, stopped + number)
    return found


def get(ctx: Context, *, change_set_id: str) -> ChangeSetView:
    return _view(ctx, _seen(ctx, change_set_id))


def steps(ctx: Context, *, change_set_id: str) -> tuple[StepView, ...]:
    """What was done, in order."""
    row = _seen(ctx, change_set_id)
    found = store.steps(ctx.session, row.id)
    return tuple(StepView(one.at, one.verb, one.kind, one.name, one.sentence) for one in found)


def retry(ctx: Context, *, change_set_id: str) -> ChangeSetView:
    """Try it again now, by whoever operates the app; what waits is tried at once, what stopped goes on."""
    row = _seen(ctx, change_set_id)
    ctx.require(Permission.OPERATE_OWN_INSTANCES, _instance(ctx, row.instance_id).organization_id)
    if row.state not in (ChangeState.WAITING, ChangeState.BLOCKED):
        raise Conflict(f"This work is {row.state.value}, so there is nothing to try again.")
    return _again(ctx, row, "changesets.retry")


def agree(ctx: Context, *, change_set_id: str) -> ChangeSetView:
    """Say yes, as staff, to exactly what it stopped at; anything else that is dangerous stops it again."""
    row = _seen(ctx, change_set_id)
    ctx.require(Permission.MANAGE_ORGANIZATIONS)
    if not _needs_agreement(row):
        raise Conflict("This work does not wait for anybody's agreement.")
    row.agreed = json.dumps([[*one, True] for one in _objected(row)])
    return _again(ctx, row, "changesets.agree")


def agreed(row: store.ChangeSet) -> frozenset[tuple[str, str, str]]:
    """(danger, kind, name) of what somebody said yes to. For the provisioner's driver."""
    return frozenset((one[0], one[1], one[2]) for one in json.loads(row.agreed or "[]") if one[3])


def objected(found: Collection[tuple[str, str, str]]) -> str:
    """How objections are kept until somebody agrees. For the provisioner's driver."""
    return json.dumps([[*one, False] for one in sorted(found)])


def _objected(row: store.ChangeSet) -> list[tuple[str, str, str]]:
    return [(one[0], one[1], one[2]) for one in json.loads(row.agreed or "[]")]


def _needs_agreement(row: store.ChangeSet) -> bool:
    return row.state is ChangeState.BLOCKED and any(not one[3] for one in json.loads(row.agreed or "[]"))


def _again(ctx: Context, row: store.ChangeSet, action: str) -> ChangeSetView:
    before, ended = row.state, row.agreed
    if not store.move(ctx.session, row.id, before, move(before, ChangeState.WAITING), again_at=ctx.now):
        raise Conflict("This work changed just now. Look again.")
    ctx.session.refresh(row)
    row.agreed, row.deadline = ended, None
    ctx.session.add(row)
    ctx.session.flush()
    instance = _instance(ctx, row.instance_id)
    audit.record(
        ctx,
        action=action,
        subject=row.id,
        organization=instance.organization_id,
        before={"state": before},
        after={"state": row.state, "purpose": row.purpose},
    )
    return _view(ctx, row)


def _seen(ctx: Context, change_set_id: str) -> store.ChangeSet:
    row = store.by_id(ctx.session, change_set_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    _instance(ctx, row.instance_id)
    return row


def _instance(ctx: Context, instance_id: str) -> Instance:
    row = instances.by_id(ctx.session, instance_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_INSTANCES, row.organization_id)
    return row


def _view(ctx: Context, row: store.ChangeSet) -> ChangeSetView:
    instance = _instance(ctx, row.instance_id)
    organization = organizations.by_id(ctx.session, instance.organization_id)
    return ChangeSetView(
        id=row.id,
        instance_id=row.instance_id,
        organization_id=instance.organization_id,
        app=instance.name,
        template=instance.template,
        namespace=instance.namespace,
        generation=row.generation,
        purpose=row.purpose,
        state=row.state,
        phase=row.phase,
        reason=row.reason,
        attempts=row.attempts,
        again_at=row.again_at,
        created_by=row.created_by_name,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        needs_agreement=_needs_agreement(row),
        organization=organization.name if organization else "",
        objections=tuple(_objected(row)) if _needs_agreement(row) else (),
    )
