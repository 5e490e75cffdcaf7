"""Backups of customers' apps by schedule, and the end of those whose time is over."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.context import Context
from app.gateways import backup_target
from app.jobs.registry import job
from app.jobs.run import Run
from app.services import app_backup_upkeep as upkeep
from app.services.jobs import Planned, Preview

NAME = "app_backups"
BATCH = 200


def preview(ctx: Context, due_at: datetime) -> Preview:
    saved, over = upkeep.due(ctx), upkeep.over(ctx, limit=BATCH)
    planned = tuple(Planned(one, "save") for one in saved) + tuple(Planned(one, "delete") for one in over)
    summary = (
        f"{len(saved)} apps would be saved and {len(over)} backups deleted." if planned else "No app is due and no backup is over."
    )
    return Preview(NAME, due_at, summary, planned)


@job(NAME, every=timedelta(hours=1), offset=timedelta(minutes=20), home="worker", preview=preview)
def keep(run: Run) -> None:
    """Save apps that are due, and delete backups whose time is over."""
    settings = run.container.settings
    target = backup_target.target(settings.app_backups, settings.app_backups_folder)

    def saved(ctx: Context, instance_id: str) -> None:
        upkeep.begin(ctx, instance_id=instance_id)

    def expired(ctx: Context, backup_id: str) -> None:
        upkeep.expire(ctx, backup_id=backup_id, target=target)

    with run.reading() as ctx:
        due, over = upkeep.due(ctx), upkeep.over(ctx, limit=BATCH)
    run.each(due, saved, word="begun")
    run.each(over, expired, word="deleted")
    seen = tuple(target.names())  # before the store is asked: what is finished meanwhile is known there
    with run.reading() as ctx:
        left = upkeep.leftovers(ctx, names=seen)
    for name in left:
        run.check()
        run.count("tidied", target.delete(name))
