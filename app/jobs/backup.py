"""Backups of the platform itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from app import backup
from app.context import Context
from app.jobs.registry import job
from app.jobs.run import Run
from app.services.jobs import Preview


def preview(_ctx: Context, due_at: datetime) -> Preview:
    return Preview(
        "backup", due_at, "Store, documents, keys and world would be copied; backups beyond the number to keep would go."
    )


@job("backup", every=lambda settings: timedelta(minutes=settings.backup_minutes), home="worker", preview=preview)
def save(run: Run) -> None:
    """Copy store, documents, keys and world into the folder of backups, and remove the oldest ones."""
    settings = run.container.settings
    made = backup.make(settings, run.container.store, run.container.clock.now())
    run.count("rows", made.rows)
    run.count("bytes", made.bytes)
    gone = backup.prune(backup.home(settings), settings.backup_keep)
    if gone:
        run.count("removed", len(gone))
