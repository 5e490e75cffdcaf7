"""What keeps the provisioner's hands off an app: a backup or restore that needs it still, and the last backup before it is deleted."""

from __future__ import annotations

from datetime import timedelta

from app.context import Context
from app.services import changesets, specifications
from models.domain.app_backups import BackupReason, BackupState
from models.domain.changesets import ChangeState, Purpose
from models.store import app_backups as store
from models.store import changesets as changes
from models.store import locks
from models.store import specifications as wishes
from models.store.changesets import ChangeSet
from models.store.instances import Instance
from provisioner.app_backups import parts

LOOK = timedelta(seconds=2)
HALF = "What it keeps is overwritten in part, so it stands still. Bring a backup back again."
NO_BACKUP = ("no_backup", "", "")
"""What somebody said yes to who deletes an app without a last backup."""


def waits(ctx: Context, instance: Instance, *, removes: bool) -> str:
    """Why nothing may be brought into the cluster for the app now; empty when it may. Holds the app's lock.

    What is half overwritten by a restore may only be removed, until a restore has come to its end.
    """
    locks.hold(ctx.session, f"instance:{instance.id}")
    if store.holds_still(ctx.session, instance.id):
        return "A backup needs the app to stand still."
    return HALF if store.spoiled(ctx.session, instance.id) and not removes else ""


def saved_before(ctx: Context, row: ChangeSet, instance: Instance) -> tuple[bool, str]:
    """Whether the deletion may go on, and if not what is waited for: the last backup, which is begun here.

    (False, "") when it failed: then the deletion stops, and trying it again begins another one.
    """
    wish = wishes.newest(ctx.session, instance.id)
    if wish is None or NO_BACKUP in changesets.agreed(row):
        return True, ""
    if not parts(specifications.wanted(ctx.session, instance, wish, ctx.ground).template):
        return True, ""
    made = [one for one in changes.of_instance(ctx.session, instance.id) if one.purpose is Purpose.CREATE]
    if not any(one.state is ChangeState.DONE for one in made):
        return True, ""  # it never stood, so there is nothing in it
    waited = "The last backup is made first."
    last = store.newest(ctx.session, instance.id, BackupReason.DELETION)
    if last is not None and last.state in (BackupState.DONE, BackupState.EXPIRED):
        return True, ""
    if last is not None and last.state is BackupState.FAILED:
        told = row.finished_at is not None and last.finished_at is not None and row.finished_at >= last.finished_at
        if not told:
            return False, ""
    if (last is None or last.state is BackupState.FAILED) and store.open_of(ctx.session, instance.id) is None:
        begin(ctx, instance, BackupReason.DELETION, wish.generation)
    return False, waited


def begin(ctx: Context, instance: Instance, reason: BackupReason, generation: int) -> store.AppBackup:
    """A backup that is wanted from now on; flushed. For other services."""
    row = store.AppBackup(
        instance_id=instance.id,
        reason=reason,
        generation=generation,
        again_at=ctx.now,
        created_by_name=ctx.actor.name,
        created_at=ctx.now,
    )
    ctx.session.add(row)
    ctx.session.flush()
    return row
