"""`moorage backup` and `moorage restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption


def add(app: typer.Typer) -> None:
    app.command()(backup)
    app.command()(restore)


def backup(
    folder: Annotated[Path | None, typer.Option("--folder", help="Where to.", show_default="backups in the data directory")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Only show what is there.")] = False,
    data: DataOption = None,
) -> None:
    """Copy store, documents, keys and world, also while the server runs. The warehouse's backup is `moorage warehouse export`."""
    from app import backup as backups
    from app import container, ownership
    from models.domain.clock import SystemClock

    found = edge.existing(edge.settings(data))
    where = folder.expanduser().resolve() if folder is not None else backups.home(found)
    if not list_:
        with ownership.work(found.data):
            store = container.open_store(found)
            try:
                made = backups.make(found, store, SystemClock().now(), where)
            finally:
                store.close()
        edge.say(f"{made.folder}  ({made.rows} rows, {made.bytes / 1e6:.1f} MB)")
        if folder is None:
            backups.prune(where, found.backup_keep)
        return
    edge.table(("backup", "rows", "MB"), [(one.name, one.rows, f"{one.bytes / 1e6:.1f}") for one in backups.all_(where)])
    for name, trouble in backups.unreadable(where):
        edge.say(f"{name} is not counted. {trouble}")


def restore(
    which: Annotated[str, typer.Argument(help="Folder of a backup, its name in the data directory's backups, or latest.")],
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    data: DataOption = None,
) -> None:
    """Put a backup in the place of store, documents, keys and world.

    Refuses while a server, a worker or another command runs, and without --force when the store has rows.
    """
    from app import backup as backups
    from app import container, ownership

    found = edge.settings(data)
    container.prepare_directory(found)
    with ownership.alone(found.data):
        chosen = backups.find(found, which)
        counted = backups.restore(found, chosen, force=force)
    edge.say(f"Restored {sum(counted.values())} rows of {len(counted)} tables from {chosen.folder}.")
    edge.say(f"What was there before is kept in {found.data / 'before-restore'} until the next restore.")
