"""`moorage support`: who of the staff looked at an organization, and ending it."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption

app = typer.Typer(help="Staff that look at an organization as support: list, end.", no_args_is_help=True)


@app.command("list")
def list_(organization: Annotated[str, typer.Argument(help="Id of the organization.")], data: DataOption = None) -> None:
    """Who looked, when and why."""
    from app.services import support

    with edge.reading(edge.settings(data)) as ctx:
        rows = support.of_organization(ctx, organization_id=organization)
    edge.table(
        ("id", "by", "from", "until", "acts", "reason"),
        [
            (one.id, one.by, f"{one.began_at:%Y-%m-%d %H:%M}", f"{one.ended_at or one.until:%Y-%m-%d %H:%M}", one.acts, one.reason)
            for one in rows
        ],
    )


@app.command()
def end(stay: Annotated[str, typer.Argument(help="Id of the stay (sup_…).")], data: DataOption = None) -> None:
    """End somebody's look as support."""
    from app.services import support

    with edge.transaction(edge.settings(data)) as ctx:
        seen = support.end(ctx, stay_id=stay)
    edge.say(f"{seen.by} is out of {seen.organization_id}.")
