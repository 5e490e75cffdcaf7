"""`moorage diagnose`: what is wrong with an app."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption


def add(main: typer.Typer) -> None:
    main.command()(diagnose)


def diagnose(instance: Annotated[str, typer.Argument(help="Id of the instance (ins_…).")], data: DataOption = None) -> None:
    """What is wrong with an app, with evidence and what mends it; exit code 1 when something is."""
    from app.services import diagnosis

    with edge.parts(edge.settings(data)) as made, made.reading(edge.actor(), "cli") as ctx:
        found = diagnosis.of_app(ctx, instance_id=instance, logs=made.logs, seal=made.seal)
    if found.stale_since is not None:
        edge.say(f"The cluster has been silent since {found.stale_since:%Y-%m-%d %H:%M} UTC, so nobody can say.")
        raise typer.Exit(1)
    for one in found.findings:
        edge.say(f"{one.severity}: {one.sentence}")
        for text in (*one.evidence, *(f"log: {line}" for line in one.log)):
            edge.say(f"    {text}")
        edge.say(f"  → {one.fix.advice} {one.mend}".rstrip())
    if not found.findings:
        edge.say(f"Nothing is wrong with {found.name}.")
    raise typer.Exit(1 if found.findings else 0)
