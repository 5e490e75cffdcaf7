"""What is done about backups of apps by themselves: made by schedule, deleted after their time with evidence, tidied. For the job."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from app.context import Context
from app.gateways.backup_target import BackupTarget
from app.services import audit, settings, specifications, stillness
from models.domain import app_backups as rules
from models.domain.access import Permission
from models.domain.app_backups import BackupReason, BackupState
from models.domain.errors import Unavailable
from models.domain.instances import ANSWERS
from models.store import app_backups as store
from models.store import catalogue, instances, upgrades
from models.store import specifications as wishes
from provisioner.app_backups import parts


def due(ctx: Context) -> tuple[str, ...]:
    """Ids of the apps that are to be saved now: those that run and keep something, paid ones, trials by a setting."""
    ctx.require(Permission.RUN_JOBS)
    every, trials = timedelta(hours=float(settings.get(ctx, "app_backup_hours"))), bool(settings.get(ctx, "app_backup_trials"))
    found = []
    for row in instances.search(ctx.session, states=ANSWERS):
        wish = wishes.newest(ctx.session, row.id)
        plan = catalogue.plan_by_id(ctx.session, wish.plan_id) if wish is not None else None
        if wish is None or plan is None or (not plan.price_minor and not trials) or _held(ctx, row.id):
            continue
        made = [one.created_at for one in store.of_instance(ctx.session, row.id, limit=20) if one.state is not BackupState.FAILED]
        if not rules.is_due(max(made, default=None), ctx.now, every=every):
            continue
        if parts(specifications.wanted(ctx.session, row, wish, ctx.ground).template):
            found.append(row.id)
    return tuple(found)


def begin(ctx: Context, *, instance_id: str) -> None:
    """Save the app by schedule, unless it is being saved already or brought to another version."""
    ctx.require(Permission.RUN_JOBS)
    row, wish = instances.by_id(ctx.session, instance_id), wishes.newest(ctx.session, instance_id)
    if row is not None and wish is not None and not _held(ctx, instance_id):
        stillness.begin(ctx, row, BackupReason.SCHEDULE, wish.generation)


def _held(ctx: Context, instance_id: str) -> bool:
    """Whether it is being saved already, or what is there is nothing whole: during an upgrade, or after half a restore."""
    session = ctx.session
    going = store.open_of(session, instance_id) or upgrades.open_of(session, instance_id)
    return going is not None or store.spoiled(session, instance_id)


def over(ctx: Context, *, limit: int) -> tuple[str, ...]:
    """Ids of backups whose time is over and whose content is still kept."""
    ctx.require(Permission.RUN_JOBS)
    return tuple(row.id for row in store.expired(ctx.session, ctx.now, limit=limit))


def expire(ctx: Context, *, backup_id: str, target: BackupTarget) -> None:
    """Delete the content of one whose time is over, and write down what was deleted and that it was seen to be gone."""
    ctx.require(Permission.RUN_JOBS)
    row = store.by_id(ctx.session, backup_id)
    if row is None or row.state is not BackupState.DONE or row.expires_at is None or row.expires_at > ctx.now:
        return
    target.delete(row.place)
    if target.size(row.place) is not None:
        raise Unavailable(f"The backup {row.place} was deleted and is still in {target.words}.")
    instance = instances.by_id(ctx.session, row.instance_id)
    if store.expire(ctx.session, row.id, ctx.now) and instance is not None:
        audit.record(
            ctx,
            action="app_backups.expire",
            subject=row.id,
            organization=instance.organization_id,
            before={"place": row.place, "size": row.size, "sha256": row.sha256, "made": row.finished_at, "until": row.expires_at},
            after={"app": instance.name, "gone": ctx.now},
        )


def leftovers(ctx: Context, *, names: Iterable[str]) -> tuple[str, ...]:
    """Of names that were seen in the target before, those that belong to no backup: what killed turns left behind."""
    ctx.require(Permission.RUN_JOBS)
    known, running = store.places(ctx.session), {backup for _, backup in store.running_turns(ctx.session)}
    return tuple(name for name in names if name not in known and name.rpartition("/")[2].partition(".")[0] not in running)
