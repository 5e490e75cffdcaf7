"""Drift: apps that are otherwise in the cluster than they are wanted, put back or told, by a setting; and what was found of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.context import Context
from app.services import audit, changesets, outbox, settings, specifications
from app.services.paging import Page
from models.domain.access import Permission
from models.domain.changesets import Purpose
from models.domain.instances import State
from models.store import app_backups, instances, upgrades
from models.store import changesets as rows
from models.store import specifications as wishes
from provisioner import drift, explain
from provisioner.changes import Change
from provisioner.guards import Objection
from provisioner.wanted import Wanted


@dataclass(frozen=True, slots=True)
class DriftView:
    """That somebody changed an app in the cluster. `by`: field managers as the API names them; `put_back`: whether it was repaired."""

    at: datetime
    instance_id: str
    app: str
    namespace: str
    organization_id: str
    by: str
    what: tuple[str, ...]
    put_back: bool


STANDS = frozenset({State.READY, State.DEGRADED, State.STOPPED})
MOST_TOLD = 10
ACTION = "instances.drift"


def recent(ctx: Context, *, limit: int = 100, after: str | None = None) -> Page[DriftView]:
    """What was found otherwise than wanted, the newest first; for staff."""
    ctx.require(Permission.SEE_CLUSTER)
    found = audit.search(ctx, limit, after, action=ACTION)
    return Page(tuple(_view(ctx, row) for row in found.items), found.after)


def _view(ctx: Context, row: audit.AuditView) -> DriftView:
    app = instances.by_id(ctx.session, row.subject)
    return DriftView(
        at=row.at,
        instance_id=row.subject,
        app=app.name if app else "",
        namespace=app.namespace if app else "",
        organization_id=row.organization_id or "",
        by=str(row.after.get("by", "")),
        what=tuple(map(str, row.after.get("what", ()))),
        put_back=bool(row.after.get("put_back")),
    )


def watched(ctx: Context) -> tuple[str, ...]:
    """Ids of the apps that should be as they are wanted: made by Moorage, and nothing is being changed on them."""
    ctx.require(Permission.RUN_JOBS)
    return tuple(row.id for row in instances.search(ctx.session, states=STANDS) if row.host and _idle(ctx, row.id))


def wanted(ctx: Context, *, instance_id: str) -> Wanted | None:
    """What the app should be; None when it is not watched any more."""
    ctx.require(Permission.RUN_JOBS)
    row, wish = instances.by_id(ctx.session, instance_id), wishes.newest(ctx.session, instance_id)
    if row is None or wish is None or row.state not in STANDS or not _idle(ctx, instance_id):
        return None
    return specifications.wanted(ctx.session, row, wish, ctx.ground)


def found(ctx: Context, *, seen: Wanted, changes: Sequence[Change], objections: Sequence[Objection]) -> bool:
    """Somebody changed the app: it is put back, unless that is set otherwise or not safe; then staff are told, once for the same.

    Answers whether it is put back. Nothing happens when other work began meanwhile.
    """
    ctx.require(Permission.RUN_JOBS)
    row, wish = instances.by_id(ctx.session, seen.instance_id), wishes.newest(ctx.session, seen.instance_id)
    if row is None or wish is None or wish.generation != seen.generation or not _idle(ctx, row.id):
        return False
    what = list(explain.sentences(changes))
    by = ", ".join(drift.managers(changes)) or "somebody unknown"
    repair = settings.get(ctx, "drift") == "repair" and not objections
    digest = hashlib.sha256("\n".join(what).encode()).hexdigest()[:16]
    if not repair:
        said = " ".join(what[:MOST_TOLD]) + "".join(f" {one.sentence}" for one in objections[:MOST_TOLD])
        told = outbox.alert_staff(
            ctx,
            key=f"drift:{row.id}:{seen.generation}:{digest}",
            title=f"{row.name} in {row.namespace} was changed by {by}",
            body=f"To be as it is wanted, this would be done: {said} Nothing was put back.",
            link=f"{ctx.address}/provisioning",
        )
        if not told:
            return False
    audit.record(
        ctx,
        action="instances.drift",
        subject=row.id,
        organization=row.organization_id,
        after={"by": by, "what": what[:MOST_TOLD], "put_back": repair},
    )
    if repair:
        changesets.begin(ctx, row, purpose=Purpose.REPAIR)
    return repair


def _idle(ctx: Context, instance_id: str) -> bool:
    return (
        rows.open_of(ctx.session, instance_id) is None
        and upgrades.open_of(ctx.session, instance_id) is None
        and not app_backups.holds_still(ctx.session, instance_id)
        and not app_backups.spoiled(ctx.session, instance_id)
    )
