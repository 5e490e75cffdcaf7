"""`moorage collect`: one collection, now."""

from __future__ import annotations

import typer

from app.cli import edge
from app.cli.edge import DataOption


def add(app: typer.Typer) -> None:
    app.command()(collect)


def collect(data: DataOption = None) -> None:
    """Collect once from every source and fill what gaps can still be filled."""
    from app.cli import owned

    done = owned.command(edge.existing(edge.settings(data)), "collect")
    edge.table(("source", "result"), [(source, result) for source, result in sorted(done["sources"].items())])
    if any(result != "ok" for result in done["sources"].values()):
        raise typer.Exit(1)
