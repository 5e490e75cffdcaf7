"""`moorage app-backups`: backups of customers' apps. Those of the platform itself are `moorage backup` and `moorage restore`."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption

app = typer.Typer(help="Backups of customers' apps: list, make, restore, copy.", no_args_is_help=True)
InstanceOption = Annotated[str, typer.Argument(help="Id of the instance (ins_…).")]
BackupOption = Annotated[str, typer.Argument(help="Id of the backup (bak_…).")]


@app.command("list")
def list_(instance: InstanceOption, data: DataOption = None) -> None:
    """Backups of one app, the newest first."""
    from app.services import app_backups

    with edge.reading(edge.settings(data)) as ctx:
        found = app_backups.of_app(ctx, instance_id=instance)
    edge.table(
        ("backup", "made", "why", "state", "bytes", "kept until", "note"),
        [
            (
                row.id,
                f"{row.created_at:%Y-%m-%d %H:%M}",
                row.reason,
                row.state,
                str(row.size or ""),
                f"{row.expires_at:%Y-%m-%d}" if row.expires_at else "",
                row.why,
            )
            for row in found.backups
        ],
    )


@app.command()
def make(instance: InstanceOption, data: DataOption = None) -> None:
    """Save an app now; a running worker does it."""
    from app.services import app_backups

    with edge.transaction(edge.settings(data)) as ctx:
        made = app_backups.ask(ctx, instance_id=instance)
    edge.say(f"{made.id} of {made.app} is {made.state}.")


@app.command()
def restore(
    backup: BackupOption,
    name: Annotated[str, typer.Option("--name", help="The app's name: what it has now is overwritten.")],
    data: DataOption = None,
) -> None:
    """Bring a backup back in the place of what its app has now; a running worker does it."""
    from app.services import app_backups

    with edge.transaction(edge.settings(data)) as ctx:
        made = app_backups.restore(ctx, backup_id=backup, typed_name=name)
    edge.say(f"{made.id} is {made.state}.")


@app.command()
def copy(
    backup: BackupOption,
    plan: Annotated[str, typer.Option("--plan", help="Name of a plan; without it the one that the app had.")] = "",
    name: Annotated[str, typer.Option("--name", help="Name of the new app; without it one that is free.")] = "",
    data: DataOption = None,
) -> None:
    """Order a new app that begins with a backup's content, also of an app that was deleted."""
    from app.services import app_copies

    with edge.parts(edge.settings(data)) as made, made.transaction(edge.actor(), "cli") as ctx:
        placed = app_copies.copy(ctx, backup_id=backup, seal=made.seal, plan=plan, name=name)
    edge.say(f"{placed.id}: {placed.name} at {placed.address}, {placed.state}.")
