"""`moorage ledger`, the part beside journal and balances: closing months and opening them again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption
from app.cli.invoices import books as app

__all__ = ["app"]

MonthArgument = Annotated[datetime, typer.Argument(formats=["%Y-%m"], help="The month, such as 2026-11.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is kept.")]


@app.command()
def close(month: MonthArgument, reason: ReasonOption, data: DataOption = None) -> None:
    """Close a month that ended, and all before it: nothing more is posted for them."""
    from app.services import books

    with edge.transaction(edge.settings(data)) as ctx:
        made = books.close(ctx, month=month.date(), reason=reason)
    edge.say(f"The books are open from {made.open_from} on.")


@app.command()
def reopen(month: MonthArgument, reason: ReasonOption, data: DataOption = None) -> None:
    """Open a closed month again, and all after it."""
    from app.services import books

    with edge.transaction(edge.settings(data)) as ctx:
        made = books.reopen(ctx, month=month.date(), reason=reason)
    edge.say(f"The books are open from {made.open_from} on.")


@app.command()
def closings(data: DataOption = None) -> None:
    """Every closing and reopening, the newest first."""
    from app.services import books

    with edge.reading(edge.settings(data)) as ctx:
        found = books.get(ctx)
    edge.table(
        ("at", "what", "open from", "by", "reason"),
        [
            (f"{row.at:%Y-%m-%d %H:%M}", "closed" if row.closed else "opened", row.after, row.actor_name, row.reason)
            for row in found.moves
        ],
    )


@app.command()
def export(
    format: Annotated[str, typer.Option("--format", help="Only beancount so far.")] = "beancount",
    data: DataOption = None,
) -> None:
    """The whole ledger on standard output, for another program to check: `bean-check` adds up every account."""
    from app.services import ledger_export
    from models.domain.errors import Invalid

    if format != "beancount":
        raise Invalid(f"“{format}” is no format of this export. Write --format beancount.", field="format")
    with edge.reading(edge.settings(data)) as ctx:
        for line in ledger_export.beancount(ctx):
            edge.say(line)
