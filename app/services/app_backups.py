"""Backups of apps as their people see them: made now, listed, brought back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError

from app.context import Context
from app.services import audit, editions, specifications, stillness
from app.services.organizations import NOTHING_HERE
from models.domain.access import ActorKind, Permission
from models.domain.app_backups import BackupReason, BackupState, RestoreKind, RestoreState
from models.domain.errors import Conflict, Invalid, NotFound, NotPermitted
from models.domain.instances import State
from models.domain.upgrades import goes_on
from models.store import app_backups as store
from models.store import instances, upgrades
from models.store import specifications as wishes
from models.store.app_backups import AppBackup, AppRestore
from models.store.instances import Instance
from models.store.specifications import Specification
from provisioner.app_backups import parts


@dataclass(frozen=True, slots=True)
class PartView:
    """One stream of a backup: the component, `dump` or the name of its volume, and its bytes before sealing."""

    of: str
    what: str
    size: int


@dataclass(frozen=True, slots=True)
class BackupView:
    """One backup. `why`: what is waited for, or why it failed; `usable`: it can be brought back now."""

    id: str
    instance_id: str
    app: str
    template: str
    state: BackupState
    reason: BackupReason
    generation: int
    size: int
    sha256: str
    parts: tuple[PartView, ...]
    why: str
    created_by: str
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None
    usable: bool


@dataclass(frozen=True, slots=True)
class RestoreView:
    """One restore into the app `instance_id`."""

    id: str
    backup_id: str
    instance_id: str
    kind: RestoreKind
    state: RestoreState
    why: str
    created_by: str
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Kept:
    """All backups of one app, the newest first, and what is being done. `can_save`: there is something to save."""

    instance_id: str
    app: str
    can_save: bool
    backups: tuple[BackupView, ...]
    restores: tuple[RestoreView, ...]
    may_operate: bool


def of_app(ctx: Context, *, instance_id: str, limit: int = 50) -> Kept:
    """Backups of one app and restores into it, for whoever may see it."""
    row = _seen(ctx, instance_id)
    wish = wishes.newest(ctx.session, row.id)
    return Kept(
        row.id,
        row.name,
        _savable(ctx, row, wish),
        tuple(_view(ctx, row, one) for one in store.of_instance(ctx.session, row.id, limit=limit)),
        tuple(
            _restore_view(one) for one in store.restores_of(ctx.session, row.id, limit=limit) if one.kind is not RestoreKind.DRILL
        ),
        ctx.actor.may(Permission.OPERATE_OWN_INSTANCES, row.organization_id),
    )


def get(ctx: Context, *, backup_id: str) -> BackupView:
    row = _backup(ctx, backup_id)
    return _view(ctx, _seen(ctx, row.instance_id), row)


def ask(ctx: Context, *, instance_id: str) -> BackupView:
    """Save the app now; the worker does it. Conflict while another backup of it is being made."""
    row, wish = _operated(ctx, instance_id)
    if not _savable(ctx, row, wish):
        raise Conflict(f"{row.name} keeps nothing that could be saved.")
    if store.spoiled(ctx.session, row.id):
        raise Conflict(f"What {row.name} keeps is overwritten in part. Bring a backup back again first.")
    if upgrades.open_of(ctx.session, row.id) is not None:
        raise Conflict(f"{row.name} is being brought to another version now. Wait until that is over.")
    if store.open_of(ctx.session, row.id) is not None:
        raise Conflict(f"{row.name} is being saved already.")
    try:
        with ctx.session.begin_nested():
            made = stillness.begin(ctx, row, BackupReason.ASKED, wish.generation)
    except IntegrityError as error:
        raise Conflict(f"{row.name} is being saved already.") from error
    audit.record(ctx, action="app_backups.ask", subject=made.id, organization=row.organization_id, after={"app": row.name})
    return _view(ctx, row, made)


def restore(ctx: Context, *, backup_id: str, typed_name: str) -> RestoreView:
    """Bring a backup back in the place of what its app has now, by somebody who typed the app's name. Not by a token."""
    backup = _backup(ctx, backup_id)
    row, wish = _operated(ctx, backup.instance_id)
    if ctx.actor.kind is ActorKind.TOKEN:
        raise NotPermitted("A token cannot overwrite an app's data. Sign in and bring the backup back there.")
    if typed_name.strip() != row.name:
        raise Invalid(
            f"Type the app's name, “{row.name}”, to confirm: what it has now is overwritten by the backup.", field="typed_name"
        )
    usable(ctx, backup.id)
    if upgrades.open_of(ctx.session, row.id) is not None:
        raise Conflict(f"{row.name} is being brought to another version now. Wait until that is over.")
    fits(ctx, backup, wish)
    if store.open_of(ctx.session, row.id) is not None:
        raise Conflict(f"{row.name} is being saved now. Wait until that is done.")
    made = begin(ctx, backup, row, RestoreKind.PLACE)
    audit.record(
        ctx,
        action="app_backups.restore",
        subject=made.id,
        organization=row.organization_id,
        after={"app": row.name, "backup": backup.id, "made": backup.created_at},
    )
    return _restore_view(made)


def usable(ctx: Context, backup_id: str) -> AppBackup:
    """A backup that can be brought back now, for whoever may operate its app. For other services."""
    row = _backup(ctx, backup_id)
    ctx.require(Permission.OPERATE_OWN_INSTANCES, _seen(ctx, row.instance_id).organization_id)
    if not _usable(ctx, row):
        raise Conflict("This backup cannot be brought back: it is not whole, or its time is over. Choose another one.")
    return row


def fits(ctx: Context, backup: AppBackup, into: Specification) -> None:
    """Conflict when the version that is wanted there does not go on from the backup's data. For other services."""
    made = wishes.generation(ctx.session, backup.instance_id, backup.generation)
    if made is None:
        return
    was, now = editions.read(ctx.session, made.edition).version, editions.read(ctx.session, into.edition)
    if not goes_on(now.version, was, rule=now.upgrade.rule):
        raise Conflict(f"This backup is of version {was}, and version {now.version} does not go on from that. Write to us.")


def begin(ctx: Context, backup: AppBackup, row: Instance, kind: RestoreKind) -> AppRestore:
    """A restore into that app that is wanted from now on. For other services."""
    if store.open_restore_of(ctx.session, row.id) is not None:
        raise Conflict(f"A backup of {row.name} is being brought back already.")
    made = AppRestore(
        backup_id=backup.id,
        instance_id=row.id,
        kind=kind,
        writing=store.spoiled(ctx.session, row.id),
        again_at=ctx.now,
        created_by_name=ctx.actor.name,
        created_at=ctx.now,
    )
    try:
        with ctx.session.begin_nested():
            ctx.session.add(made)
            ctx.session.flush()
    except IntegrityError as error:
        raise Conflict(f"A backup of {row.name} is being brought back already.") from error
    return made


def _seen(ctx: Context, instance_id: str) -> Instance:
    row = instances.by_id(ctx.session, instance_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_INSTANCES, row.organization_id)
    return row


def _backup(ctx: Context, backup_id: str) -> AppBackup:
    row = store.by_id(ctx.session, backup_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    _seen(ctx, row.instance_id)
    return row


def _operated(ctx: Context, instance_id: str) -> tuple[Instance, Specification]:
    row = _seen(ctx, instance_id)
    ctx.require(Permission.OPERATE_OWN_INSTANCES, row.organization_id)
    wish = wishes.newest(ctx.session, row.id)
    if wish is None:
        raise Conflict(f"“{row.name}” runs in the cluster without Moorage's doing, so Moorage does not save it.")
    if row.state is State.ORDERED:
        raise Conflict(f"“{row.name}” is not made yet: its order is still open.")
    if row.state in (State.DELETING, State.GONE):
        raise Conflict(f"“{row.name}” is {'gone' if row.state is State.GONE else 'being deleted'}.")
    return row, wish


def _savable(ctx: Context, row: Instance, wish: Specification | None) -> bool:
    if wish is None or row.state in (State.ORDERED, State.GONE):
        return False
    return bool(parts(specifications.wanted(ctx.session, row, wish, ctx.ground).template))


def _usable(ctx: Context, row: AppBackup) -> bool:
    return row.state is BackupState.DONE and row.expires_at is not None and row.expires_at > ctx.now


def _view(ctx: Context, instance: Instance, row: AppBackup) -> BackupView:
    return BackupView(
        id=row.id,
        instance_id=row.instance_id,
        app=instance.name,
        template=instance.template,
        state=row.state,
        reason=row.reason,
        generation=row.generation,
        size=row.size,
        sha256=row.sha256,
        parts=tuple(PartView(*one) for one in json.loads(row.parts)),
        why=row.why,
        created_by=row.created_by_name,
        created_at=row.created_at,
        finished_at=row.finished_at,
        expires_at=row.expires_at,
        usable=_usable(ctx, row),
    )


def _restore_view(row: AppRestore) -> RestoreView:
    return RestoreView(
        id=row.id,
        backup_id=row.backup_id,
        instance_id=row.instance_id,
        kind=row.kind,
        state=row.state,
        why=row.why,
        created_by=row.created_by_name,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
