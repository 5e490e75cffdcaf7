"""`moorage upgrades`: versions of apps."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption

app = typer.Typer(help="Versions of apps: who is behind, upgrades.", no_args_is_help=True)
InstanceOption = Annotated[str, typer.Argument(help="Id of the instance (ins_…).")]


@app.command()
def behind(data: DataOption = None) -> None:
    """Apps that do not have the newest version of their template."""
    from app.services import upgrades

    with edge.reading(edge.settings(data)) as ctx:
        rows = upgrades.behind(ctx)
    edge.table(
        ("app", "organization", "template", "version", "newest", "upgrade"),
        [(one.instance_id, one.organization, one.template, one.version, one.newest, one.going or "") for one in rows],
    )


@app.command("list")
def list_(instance: InstanceOption, data: DataOption = None) -> None:
    """The version of an app, the one that it can have, and its upgrades."""
    from app.services import upgrades

    with edge.reading(edge.settings(data)) as ctx:
        seen = upgrades.of_app(ctx, instance_id=instance)
    if seen is None:
        edge.say("Moorage did not make this app, so it has no versions here.")
        return
    offered = upgrades.REFUSALS.get(seen.refused, "") or (f"It can have {seen.to}." if seen.to else "That is the newest.")
    edge.say(f"{seen.app} has version {seen.version}. {offered}")
    edge.table(
        ("upgrade", "asked", "from", "to", "state", "why"),
        [
            (one.id, f"{one.created_at:%Y-%m-%d %H:%M}", one.from_version, one.to_version, one.state, one.why)
            for one in seen.upgrades
        ],
    )


@app.command()
def begin(
    instance: InstanceOption,
    version: Annotated[str, typer.Option("--version", help="Only when this one is the next; without it the one that is.")] = "",
    data: DataOption = None,
) -> None:
    """Bring an app to its next version; a running worker saves it before and brings it back when it does not work."""
    from app.services import upgrades

    with edge.transaction(edge.settings(data)) as ctx:
        made = upgrades.ask(ctx, instance_id=instance, version=version)
    edge.say(f"{made.id}: {made.app} goes from {made.from_version} to {made.to_version}, {made.state}.")
