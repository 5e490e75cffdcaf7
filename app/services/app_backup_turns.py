"""Turns of the worker at backups and restores: taken by one process at a time, and what came of each written down once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from app.auth.seal import Seal
from app.context import Context
from app.gateways.backup_target import Stored
from app.services import audit, changesets, credentials, outbox, settings, specifications, stillness
from models.domain import app_backups as rules
from models.domain.access import Permission
from models.domain.app_backups import BackupReason, BackupState, RestoreKind, RestoreState
from models.domain.changesets import ChangeState, Purpose
from models.domain.instances import MOVES, State, move
from models.store import app_backups as store
from models.store import changesets as changes
from models.store import instances, locks, upgrades
from models.store import specifications as wishes
from models.store.app_backups import AppBackup, AppRestore
from models.store.instances import Instance
from models.store.specifications import Specification
from provisioner.wanted import Wanted

LEASE = timedelta(seconds=120)
LOOK = timedelta(seconds=2)
"""Between two looks at a cluster that is not there yet."""


@dataclass(frozen=True, slots=True)
class BackupTurn:
    """One turn at a backup. `place`: the name that nobody else writes; `sealing`: for what its content is sealed.

    `last`: the app is deleted afterwards.
    """

    id: str
    holder: str
    turn: int
    wanted: Wanted
    secrets: Mapping[str, str]
    place: str
    sealing: str
    last: bool


@dataclass(frozen=True, slots=True)
class RestoreTurn:
    """One turn at a restore of what lies under `place` into the app that `wanted` says, which stands still for it."""

    id: str
    holder: str
    turn: int
    wanted: Wanted
    secrets: Mapping[str, str]
    place: str
    sealing: str
    parts: Mapping[tuple[str, str], int]
    """Bytes of all that has to be in it, by component and what it is."""


def sealing(instance_id: str) -> str:
    """For what the content of an instance's backups is sealed: each instance has keys of its own."""
    return f"app-backup:{instance_id}"


def due(ctx: Context, *, limit: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Ids of backups and of restores that wait for a turn now."""
    ctx.require(Permission.RUN_JOBS)
    saving = store.due(ctx.session, AppBackup, ctx.now, limit=limit)
    return tuple(saving), tuple(store.due(ctx.session, AppRestore, ctx.now, limit=limit))


def take_backup(ctx: Context, *, backup_id: str, holder: str, seal: Seal, lease: timedelta = LEASE) -> BackupTurn | None:
    """Take one; None when somebody was faster, or when it has to wait or cannot be made any more."""
    ctx.require(Permission.RUN_JOBS)
    known = store.by_id(ctx.session, backup_id)
    if known is None:
        return None
    locks.hold(ctx.session, f"instance:{known.instance_id}")
    ctx.session.refresh(known)
    if known.state is BackupState.WANTED and store.open_restore_of(ctx.session, known.instance_id) and known.again_at <= ctx.now:
        _wait(ctx, known, "A backup is brought back first.", LOOK)  # half of it would be saved
        return None
    row = store.claim(ctx.session, AppBackup, backup_id, holder=holder, now=ctx.now, until=ctx.now + lease)
    if row is None:
        return None
    instance, wish = instances.by_id(ctx.session, row.instance_id), wishes.newest(ctx.session, row.instance_id)
    if instance is None or wish is None or instance.state is State.GONE:
        _fail_backup(ctx, row, instance, "The app is gone.")
        return None
    # what is deleted need not answer while it is saved, and an app that is broken can still be saved so
    row.still = row.still or not wish.running or row.reason is BackupReason.DELETION
    row.started_at = row.started_at or ctx.now
    ctx.session.add(row)
    ctx.session.flush()
    if _impatient(ctx, row):
        _fail_backup(ctx, row, instance, row.why or "The app did not come to where it could be saved.")
        return None
    if row.still and _busy(ctx, instance):
        _wait(ctx, row, "Another change of the app is finished first.", LOOK)
        return None
    wanted = replace(specifications.wanted(ctx.session, instance, wish, ctx.ground), still=row.still)
    place = f"{instance.id}/{row.id}.{row.turns}"
    secrets, last = _secrets(ctx, instance.id, seal), row.reason is BackupReason.DELETION
    return BackupTurn(row.id, holder, row.turns, wanted, secrets, place, sealing(instance.id), last)


def take_restore(ctx: Context, *, restore_id: str, holder: str, seal: Seal, lease: timedelta = LEASE) -> RestoreTurn | None:
    """Take one; from then on the app stands still. None when somebody was faster, or when it has to wait or cannot be done."""
    ctx.require(Permission.RUN_JOBS)
    known = store.restore_by_id(ctx.session, restore_id)
    if known is None:
        return None
    locks.hold(ctx.session, f"instance:{known.instance_id}")
    instance = instances.by_id(ctx.session, known.instance_id)
    ctx.session.refresh(known)
    if instance is not None and known.state is RestoreState.WANTED and known.again_at <= ctx.now:
        saving = store.open_of(ctx.session, instance.id)
        # what waits for this restore is not waited for
        busy = _busy(ctx, instance) and not known.writing
        if busy or (saving is not None and saving.state is BackupState.RUNNING):
            _wait(ctx, known, "Another change or backup of the app is finished first.", LOOK)
            return None
    row = store.claim(ctx.session, AppRestore, restore_id, holder=holder, now=ctx.now, until=ctx.now + lease)
    if row is None:
        return None
    backup, wish = store.by_id(ctx.session, row.backup_id), wishes.newest(ctx.session, row.instance_id)
    if instance is None or wish is None or instance.state in (State.GONE, State.DELETING):
        _fail_restore(ctx, row, instance, "The app is gone.")
        return None
    if backup is None or backup.state is not BackupState.DONE:
        _fail_restore(ctx, row, instance, "The backup is not there any more.")
        return None
    row.started_at = row.started_at or ctx.now
    ctx.session.add(row)
    ctx.session.flush()
    if _impatient(ctx, row):
        _fail_restore(ctx, row, instance, row.why or "The app did not come to rest.")
        return None
    if wish.running:
        _goto(ctx, instance, State.PROVISIONING)
    wanted = replace(specifications.wanted(ctx.session, instance, wish, ctx.ground), still=True)
    secrets, parts = _secrets(ctx, instance.id, seal), {(of, what): size for of, what, size in json.loads(backup.parts)}
    return RestoreTurn(row.id, holder, row.turns, wanted, secrets, backup.place, sealing(backup.instance_id), parts)


def beat(ctx: Context, turn: BackupTurn | RestoreTurn, *, lease: timedelta = LEASE) -> bool:
    """Hold the turn longer; False when it is lost."""
    ctx.require(Permission.RUN_JOBS)
    until = ctx.now + lease
    if isinstance(turn, BackupTurn):
        return store.beat(ctx.session, AppBackup, turn.id, holder=turn.holder, turn=turn.turn, until=until)
    return store.beat(ctx.session, AppRestore, turn.id, holder=turn.holder, turn=turn.turn, until=until)


def wait(ctx: Context, turn: BackupTurn | RestoreTurn, reason: str, pause: timedelta = LOOK) -> None:
    """It is not there yet: look again after `pause`. Nothing when the turn is lost."""
    ctx.require(Permission.RUN_JOBS)
    row = _held(ctx, turn)
    if row is not None:
        _wait(ctx, row, reason, pause)


def failed(ctx: Context, turn: BackupTurn | RestoreTurn, reason: str, *, final: bool = False) -> None:
    """It went wrong: again after a pause, or over after `MOST_ATTEMPTS` or when trying again is of no use."""
    ctx.require(Permission.RUN_JOBS)
    row = _held(ctx, turn)
    if row is None:
        return
    row.attempts += 1
    if not final and row.attempts < rules.MOST_ATTEMPTS:
        _wait(ctx, row, reason, rules.pause(row.attempts))
        return
    instance = instances.by_id(ctx.session, row.instance_id)
    if isinstance(row, AppBackup):
        _fail_backup(ctx, row, instance, reason)
    else:
        _fail_restore(ctx, row, instance, reason)


def saved(ctx: Context, turn: BackupTurn, stored: Stored, parts: Sequence[tuple[str, str, int]], *, seal: Seal) -> bool:
    """Its content lies whole in the target; False when the turn is lost, and what it wrote belongs to nobody."""
    ctx.require(Permission.RUN_JOBS)
    row = store.held_by(ctx.session, AppBackup, turn.id, holder=turn.holder, turn=turn.turn)
    if row is None:
        return False
    row.state = rules.move_backup(row.state, BackupState.DONE)
    row.place, row.size, row.sha256, row.parts = turn.place, stored.size, stored.sha256, json.dumps(list(parts))
    row.secrets = seal.seal(json.dumps(dict(turn.secrets)), turn.sealing)
    row.finished_at, row.why, row.holder, row.lease_until = ctx.now, "", "", None
    row.expires_at = rules.kept_until(
        row.reason,
        ctx.now,
        days=int(settings.get(ctx, "app_backup_days")),
        deleted_days=int(settings.get(ctx, "deleted_app_backup_days")),
    )
    ctx.session.add(row)
    ctx.session.flush()
    instance = instances.by_id(ctx.session, row.instance_id)
    if instance is not None:
        _note(ctx, instance, "app_backups.done", row.id, {"size": row.size, "sha256": row.sha256, "until": row.expires_at})
        _go_on(ctx, row, instance)
    return True


def writes(ctx: Context, turn: RestoreTurn) -> bool:
    """From now on it overwrites what is there; False when the turn is lost, and then it must not."""
    ctx.require(Permission.RUN_JOBS)
    row = store.held_by(ctx.session, AppRestore, turn.id, holder=turn.holder, turn=turn.turn)
    if row is None:
        return False
    row.writing = True
    ctx.session.add(row)
    ctx.session.flush()
    return True


def restored(ctx: Context, turn: RestoreTurn) -> bool:
    """Everything is back: the app runs again. False when the turn is lost."""
    ctx.require(Permission.RUN_JOBS)
    row = store.held_by(ctx.session, AppRestore, turn.id, holder=turn.holder, turn=turn.turn)
    if row is None:
        return False
    row.state = rules.move_restore(row.state, RestoreState.DONE)
    row.finished_at, row.why, row.holder, row.lease_until = ctx.now, "", "", None
    ctx.session.add(row)
    ctx.session.flush()
    instance = instances.by_id(ctx.session, row.instance_id)
    if instance is not None and row.kind is not RestoreKind.DRILL:
        _note(ctx, instance, "app_backups.restored", row.id, {"backup": row.backup_id})
        _run_again(ctx, instance)
    return True


def _fail_backup(ctx: Context, row: AppBackup, instance: Instance | None, reason: str) -> None:
    row.state = rules.move_backup(row.state, BackupState.FAILED)
    _close(ctx, row, reason)
    if instance is None:
        return
    _note(ctx, instance, "app_backups.fail", row.id, {"why": reason})
    _go_on(ctx, row, instance)
    outbox.alert_staff(
        ctx,
        key=f"app-backup:{row.id}",
        title=f"{instance.name} in {instance.namespace} could not be saved",
        body=f"{reason} The next backup is made as usual; look into it before somebody needs this one.",
        link=f"{ctx.address}/provisioning",
    )


def _fail_restore(ctx: Context, row: AppRestore, instance: Instance | None, reason: str) -> None:
    row.state = rules.move_restore(row.state, RestoreState.FAILED)
    _close(ctx, row, f"{reason} {stillness.HALF}" if row.writing else reason)
    if instance is None:
        return
    _note(ctx, instance, "app_backups.restore_fail", row.id, {"why": reason, "backup": row.backup_id})
    if row.kind is not RestoreKind.DRILL and instance.state not in (State.DELETING, State.GONE):
        if not row.writing:
            _run_again(ctx, instance)
        elif instance.state is not State.STOPPED:
            _goto(ctx, instance, State.DEGRADED)  # its door would be open, with nothing behind it
    outbox.alert_staff(
        ctx,
        key=f"app-restore:{row.id}",
        title=f"A backup of {instance.name} in {instance.namespace} could not be brought back",
        body=f"{reason} {stillness.HALF if row.writing else 'The app was started again with what it has now.'}",
        link=f"{ctx.address}/provisioning",
    )


def _go_on(ctx: Context, row: AppBackup, instance: Instance) -> None:
    """What was started for the backup alone ends again; the deletion or upgrade that waits for it does it otherwise."""
    if row.still and row.reason is not BackupReason.DELETION and not upgrades.waits_for(ctx.session, row.id):
        _run_again(ctx, instance)


def _run_again(ctx: Context, instance: Instance) -> None:
    wish = wishes.newest(ctx.session, instance.id)
    if wish is not None:
        changesets.begin(ctx, instance, purpose=Purpose.START if wish.running else Purpose.STOP)


def _busy(ctx: Context, instance: Instance) -> bool:
    """Whether something is being changed on the app: it is not stopped in the middle of that."""
    work = changes.open_of(ctx.session, instance.id)
    return work is not None and work.purpose is not Purpose.REMOVE and work.state in (ChangeState.WAITING, ChangeState.HELD)


def _impatient(ctx: Context, row: AppBackup | AppRestore) -> bool:
    return row.started_at is not None and ctx.now - row.started_at > rules.PATIENCE


def _secrets(ctx: Context, instance_id: str, seal: Seal) -> dict[str, str]:
    row = wishes.credentials(ctx.session, instance_id)
    if row is None:
        return {}
    found: dict[str, str] = json.loads(seal.unseal(row.sealed, f"{credentials.PURPOSE}:{instance_id}"))
    return found


def _held(ctx: Context, turn: BackupTurn | RestoreTurn) -> AppBackup | AppRestore | None:
    if isinstance(turn, BackupTurn):
        return store.held_by(ctx.session, AppBackup, turn.id, holder=turn.holder, turn=turn.turn)
    return store.held_by(ctx.session, AppRestore, turn.id, holder=turn.holder, turn=turn.turn)


def _wait(ctx: Context, row: AppBackup | AppRestore, reason: str, pause: timedelta) -> None:
    row.why, row.again_at, row.holder, row.lease_until = reason, ctx.now + pause, "", None
    ctx.session.add(row)
    ctx.session.flush()


def _close(ctx: Context, row: AppBackup | AppRestore, reason: str) -> None:
    row.why, row.finished_at, row.holder, row.lease_until = reason, ctx.now, "", None
    ctx.session.add(row)
    ctx.session.flush()


def _goto(ctx: Context, instance: Instance, target: State) -> None:
    if (
        instance.state is not target
        and target in MOVES[instance.state]
        and instances.move(ctx.session, instance.id, instance.state, move(instance.state, target))
    ):
        ctx.session.refresh(instance)


def _note(ctx: Context, instance: Instance, action: str, subject: str, after: Mapping[str, object]) -> None:
    audit.record(ctx, action=action, subject=subject, organization=instance.organization_id, after={"app": instance.name, **after})


def living(instance: Instance, wish: Specification | None) -> bool:
    """Whether the app is one that can be saved and brought back in its own place."""
    return wish is not None and instance.state not in (State.ORDERED, State.DELETING, State.GONE)
