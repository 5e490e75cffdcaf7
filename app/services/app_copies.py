"""Backups brought back into a new app: a copy of one that runs, or one that was deleted and is wanted again."""

from __future__ import annotations

import json

from app.auth.seal import Seal
from app.context import Context
from app.services import app_backups, audit, credentials, orders, specifications
from app.services.app_backup_turns import sealing
from app.services.app_backups import BackupView
from app.services.orders import OrderView
from models.domain.access import Permission
from models.domain.app_backups import BackupState, RestoreKind
from models.domain.errors import Conflict
from models.domain.instances import State
from models.store import app_backups as store
from models.store import catalogue, instances
from models.store import specifications as wishes
from provisioner.app_backups import parts
from provisioner.secrets import draw


def of_deleted(ctx: Context, *, organization_id: str) -> tuple[BackupView, ...]:
    """Backups of the organization's deleted apps that can still be brought back, the newest first."""
    ctx.require(Permission.SEE_OWN_INSTANCES, organization_id)
    found = store.search(ctx.session, within=[organization_id], states=[BackupState.DONE])
    gone = {row.id for row in instances.search(ctx.session, within=[organization_id], states=[State.GONE])}
    shown = (app_backups.get(ctx, backup_id=row.id) for row in found if row.instance_id in gone)
    return tuple(one for one in shown if one.usable)


def copy(ctx: Context, *, backup_id: str, seal: Seal, plan: str = "", name: str = "", label: str = "") -> OrderView:
    """Order a new app that begins with the backup's content, settings and secrets; its room is held as with every order.

    Without `plan` it is the plan that the app had. What it costs and who may order it is as with every order.
    """
    backup = app_backups.usable(ctx, backup_id)
    row = instances.by_id(ctx.session, backup.instance_id)
    wish = wishes.generation(ctx.session, backup.instance_id, backup.generation)
    had = catalogue.plan_by_id(ctx.session, wish.plan_id) if wish is not None else None
    if row is None or wish is None or had is None:
        raise Conflict("What this app was like is not known any more, so no new one is made of its backup.")
    made = orders.place(
        ctx,
        organization_id=row.organization_id,
        template=row.template,
        plan=plan or had.name,
        name=name,
        label=label,
        parameters=wish.given,
    )
    newest = wishes.newest(ctx.session, made.instance_id)
    target = instances.by_id(ctx.session, made.instance_id)
    if newest is None or target is None:
        raise Conflict("The new app was taken back just now. Try it again.")
    app_backups.fits(ctx, backup, newest)
    template = specifications.wanted(ctx.session, target, newest, ctx.ground).template
    known = {(part.of, part.what) for part in parts(template)}
    if {(of, what) for of, what, _ in json.loads(backup.parts)} != known:
        raise Conflict("This backup has parts that a new app does not have, such as a component that was added. Write to us.")
    kept: dict[str, str] = json.loads(seal.unseal(backup.secrets, sealing(row.id)))
    values = draw(template) | {key: value for key, value in kept.items() if key in template.secrets}
    ctx.session.add(
        wishes.Credentials(
            instance_id=target.id, sealed=seal.seal(json.dumps(values), f"{credentials.PURPOSE}:{target.id}"), created_at=ctx.now
        )
    )
    app_backups.begin(ctx, backup, target, RestoreKind.COPY)
    audit.record(
        ctx,
        action="app_backups.copy",
        subject=backup.id,
        organization=row.organization_id,
        after={"of": row.name, "app": target.name, "order": made.id},
    )
    return made
