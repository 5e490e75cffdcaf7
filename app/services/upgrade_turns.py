"""Upgrades as the worker carries them: each step is decided from what is in the store and taken once, in one transaction.

Level-triggered: `due` looks at the facts (backup, change set, restore), `advance` looks again under a lock and takes the step. A process
that is killed between two steps leaves the facts, and the next one goes on from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.context import Context
from app.services import app_backups, audit, changesets, editions, operations, outbox, specifications, stillness, upgrades
from app.services.selling import NoRoom
from models.domain import upgrades as rules
from models.domain.access import Permission
from models.domain.app_backups import BackupReason, BackupState, RestoreKind, RestoreState
from models.domain.changesets import ChangeState, Purpose
from models.domain.errors import Invalid
from models.domain.instances import MOVES, State, move
from models.domain.upgrades import UpgradeState as U
from models.store import app_backups as backups
from models.store import changesets as changes
from models.store import instances
from models.store import specifications as wishes
from models.store import upgrades as store
from models.store.instances import Instance
from models.store.specifications import UPGRADES, Specification
from models.store.upgrades import AppUpgrade
from provisioner.app_backups import parts
from provisioner.wanted import Wanted

ELSE = "Something else was wanted of the app meanwhile."


@dataclass(frozen=True, slots=True)
class Due:
    """An upgrade with a step to take. `proves`: what is to be tried at `address` before anything is changed; None when nothing is."""

    id: str
    proves: Wanted | None
    address: str


def open_ids(ctx: Context) -> tuple[str, ...]:
    """Of all that are not over, the oldest first."""
    ctx.require(Permission.RUN_JOBS)
    return tuple(row.id for row in store.open_ones(ctx.session))


def due(ctx: Context, *, upgrade_id: str) -> Due | None:
    """That one, when its next step can be taken now."""
    ctx.require(Permission.RUN_JOBS)
    row = store.by_id(ctx.session, upgrade_id)
    if row is None or row.state not in rules.OPEN or _next(ctx, row) is None:
        return None
    instance, wish = instances.by_id(ctx.session, row.instance_id), wishes.newest(ctx.session, row.instance_id)
    asked = row.state is U.ASKED and instance is not None and wish is not None
    wanted = specifications.wanted(ctx.session, instance, wish, ctx.ground) if asked and instance and wish else None
    return Due(row.id, wanted, instance.address if instance is not None else "")


def advance(ctx: Context, *, upgrade_id: str, proves: bool = False) -> U | None:
    """Take the next step; the state that it led to, None when there is none to take now.

    `proves`: the drawn credentials signed in while nothing was changed.
    """
    ctx.require(Permission.RUN_JOBS)
    row = store.locked(ctx.session, upgrade_id)
    if row is None or row.state not in rules.OPEN:
        return None
    found = _next(ctx, row)
    if found is None:
        return None
    target, why = found
    instance, wish = instances.by_id(ctx.session, row.instance_id), wishes.newest(ctx.session, row.instance_id)
    if instance is None or wish is None:
        return _end(ctx, row, None, U.CANCELLED, "The app is gone.")
    match target:
        case U.SAVING:
            row.proves = proves
            _save(ctx, row, instance, wish)
        case U.CHANGING:
            row.proves = proves or row.proves
            return _change(ctx, row, instance, wish)
        case U.RETURNING:
            _return(ctx, row, instance, wish, why)
        case _:
            return _end(ctx, row, instance, target, why or row.why)
    return row.state


def _next(ctx: Context, row: AppUpgrade) -> tuple[U, str] | None:
    """Where the facts lead, and why when that is not on."""
    session = ctx.session
    instance, wish = instances.by_id(session, row.instance_id), wishes.newest(session, row.instance_id)
    if instance is None or wish is None or instance.state in (State.GONE, State.DELETING):
        return U.CANCELLED, "The app is gone."
    if row.state in (U.ASKED, U.SAVING) and wish.generation != row.before:
        return U.CANCELLED, ELSE
    match row.state:
        case U.ASKED:
            # a backup or restore that runs, and work on the app, are waited for
            held = backups.open_of(session, instance.id), backups.open_restore_of(session, instance.id)
            if any(held) or changes.open_of(session, instance.id) is not None:
                return None
            saved = parts(specifications.wanted(session, instance, wish, ctx.ground).template)
            return (U.SAVING if saved else U.CHANGING), ""
        case U.SAVING:
            backup = backups.by_id(session, row.backup_id)
            if backup is None or backup.state in (BackupState.FAILED, BackupState.EXPIRED):
                return U.FAILED, f"The backup could not be made: {backup.why if backup is not None else 'it is gone'}"
            return (U.CHANGING, "") if backup.state is BackupState.DONE else None
        case U.CHANGING:
            work = changes.by_id(session, row.change_set_id)
            if work is None or wish.generation != row.generation:
                return U.CANCELLED, ELSE
            if work.state is ChangeState.BLOCKED:
                return U.RETURNING, work.reason
            return (U.DONE, "") if work.state is ChangeState.DONE else None
        case _:
            return _back(ctx, row)


def _back(ctx: Context, row: AppUpgrade) -> tuple[U, str] | None:
    if row.restore_id:
        restore = backups.restore_by_id(ctx.session, row.restore_id)
        if restore is None or restore.state is RestoreState.FAILED:
            said = restore.why if restore is not None else "it is gone"
            return U.STUCK, f"{row.why} Its data could not be brought back: {said}"
        if restore.state is not RestoreState.DONE:
            return None
    work = changes.open_of(ctx.session, row.instance_id)
    if work is None:
        return U.RETURNED, ""
    if work.state is ChangeState.BLOCKED:
        return U.STUCK, f"{row.why} The old version does not come back either: {work.reason}"
    return None


def _save(ctx: Context, row: AppUpgrade, instance: Instance, wish: Specification) -> None:
    backup = stillness.begin(ctx, instance, BackupReason.UPGRADE, wish.generation)
    backup.still = row.migrates  # what is written after it would be lost on the way back
    ctx.session.add(backup)
    row.backup_id = backup.id
    _to(ctx, row, U.SAVING)
    if backup.still and State.PROVISIONING in MOVES[instance.state]:
        instances.move(ctx.session, instance.id, instance.state, move(instance.state, State.PROVISIONING))
        ctx.session.refresh(instance)


def _change(ctx: Context, row: AppUpgrade, instance: Instance, wish: Specification) -> U:
    target = editions.read(ctx.session, row.to_edition)
    try:
        given = upgrades.answers(target, wish)
        operations.hold(ctx, instance, operations.wish_with(wish, edition=row.to_edition, parameters=given), Purpose.UPGRADE)
    except (NoRoom, Invalid) as error:
        return _end(ctx, row, instance, U.FAILED, str(error))
    work = operations.want(
        ctx, instance, wish, Purpose.UPGRADE, f"{UPGRADES}{row.to_version}", edition=row.to_edition, parameters=given
    )
    made = changes.by_id(ctx.session, work.id)
    if made is not None:
        # once for the rollout, which has a deadline of its own in the cluster, and once for the address
        made.deadline = ctx.now + timedelta(seconds=2 * target.ready_within_seconds)
        ctx.session.add(made)
    row.change_set_id, row.generation, row.changed_at = work.id, work.generation, ctx.now
    return _to(ctx, row, U.CHANGING)


def _return(ctx: Context, row: AppUpgrade, instance: Instance, wish: Specification, why: str) -> None:
    before = wishes.generation(ctx.session, instance.id, row.before)
    facts: dict[str, Any] = {
        "edition": row.from_edition,
        "parameters": dict(before.given) if before is not None else dict(wish.given),
    }
    row.why = why
    backup = backups.by_id(ctx.session, row.backup_id) if row.migrates and row.backup_id else None
    if backup is None:
        operations.want(ctx, instance, wish, Purpose.CHANGE, f"returned {row.from_version}", **facts)
    else:
        # the old version is started by the restore, when its data is there again
        specifications.add(
            ctx, instance, plan_id=wish.plan_id, email=wish.email, running=wish.running, restarts=wish.restarts,
            reason=f"returned {row.from_version}", **facts,
        )  # fmt: skip
        row.restore_id = app_backups.begin(ctx, backup, instance, RestoreKind.PLACE).id
    _note(ctx, row, instance, "upgrades.return", {"why": why, "restores": bool(row.restore_id)})
    _to(ctx, row, U.RETURNING)


def _end(ctx: Context, row: AppUpgrade, instance: Instance | None, target: U, why: str) -> U:
    before = row.state
    row.why, row.finished_at = why, ctx.now
    _to(ctx, row, target)
    if instance is None:
        return row.state
    backup = backups.by_id(ctx.session, row.backup_id) if row.backup_id else None
    if before is U.SAVING and backup is not None and backup.still and backup.state not in backups.OPEN_BACKUPS:
        _run_again(ctx, instance)
    said: dict[str, object] = {"why": why} if why else {}
    match target:
        case U.DONE:
            _note(ctx, row, instance, "upgrades.done", said)
        case U.RETURNED:
            _note(ctx, row, instance, "upgrades.returned", said)
        case U.FAILED:
            _note(ctx, row, instance, "upgrades.failed", said)
        case U.STUCK:
            _note(ctx, row, instance, "upgrades.stuck", said)
        case _:
            _note(ctx, row, instance, "upgrades.cancelled", said)
    if target in (U.RETURNED, U.FAILED, U.STUCK):
        _tell(ctx, row, instance)
    return row.state


def _run_again(ctx: Context, instance: Instance) -> None:
    wish = wishes.newest(ctx.session, instance.id)
    work = changes.open_of(ctx.session, instance.id)
    if wish is not None and work is None and instance.state not in (State.DELETING, State.GONE):
        changesets.begin(ctx, instance, purpose=Purpose.START if wish.running else Purpose.STOP)


def _tell(ctx: Context, row: AppUpgrade, instance: Instance) -> None:
    said = {
        U.RETURNED: f"It runs version {row.from_version} again"
        + (", with its data as it was before." if row.restore_id else "; its data was not touched."),
        U.FAILED: "Nothing was changed.",
    }.get(row.state, "It does not run as it should. Look into it now.")
    outbox.alert_staff(
        ctx,
        key=f"upgrade:{row.id}",
        title=f"{instance.name} in {instance.namespace} could not be brought to version {row.to_version}",
        body=f"{row.why} {said}",
        link=f"{ctx.address}/provisioning" + (f"?change={row.change_set_id}" if row.change_set_id else ""),
    )


def _to(ctx: Context, row: AppUpgrade, target: U) -> U:
    row.state = rules.move(row.state, target)
    ctx.session.add(row)
    ctx.session.flush()
    return row.state


def _note(ctx: Context, row: AppUpgrade, instance: Instance, action: str, after: dict[str, object]) -> None:
    audit.record(
        ctx,
        action=action,
        subject=row.id,
        organization=instance.organization_id,
        before={"version": row.from_version},
        after={"app": instance.name, "version": row.to_version} | after,
    )
