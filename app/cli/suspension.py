"""`moorage suspend` and `resume`: an app ends and its address says why, and comes back as it was."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption

Instance = Annotated[str, typer.Argument(help="Id of the instance (ins_…).")]


def add(main: typer.Typer) -> None:
    main.command()(suspend)
    main.command()(resume)


def suspend(
    instance: Instance,
    reason: Annotated[str, typer.Option("--reason", help="Why; everybody who visits its address reads it.")],
    data: DataOption = None,
) -> None:
    """End an app, keep everything it holds, and let its address say why; a running worker does it."""
    from app.services import suspension

    with edge.transaction(edge.settings(data)) as ctx:
        made = suspension.suspend(ctx, instance_id=instance, reason=reason)
    edge.say(f"{made.id}: {made.app} is being suspended.")


def resume(instance: Instance, data: DataOption = None) -> None:
    """Bring a suspended app back as it was."""
    from app.services import suspension

    with edge.transaction(edge.settings(data)) as ctx:
        made = suspension.resume(ctx, instance_id=instance)
    edge.say(f"{made.id}: {made.app} comes back.")
