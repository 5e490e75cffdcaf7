"""`moorage vouchers`: codes that lower what is charged."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption
from models.domain.errors import Invalid

app = typer.Typer(help="Vouchers: codes that lower what is charged.", no_args_is_help=True)


@app.command("list")
def list_(data: DataOption = None) -> None:
    """All of them, the newest first."""
    from app.services import vouchers

    with edge.reading(edge.settings(data)) as ctx:
        rows = vouchers.list_(ctx)
    edge.table(
        ("code", "percent", "amount", "currency", "periods", "until", "used", "of", "withdrawn"),
        [
            (
                row.code,
                row.percent_hundredths / 100 if row.percent_hundredths is not None else "",
                row.amount_minor if row.amount_minor is not None else "",
                row.currency,
                row.periods or "",
                f"{row.until:%Y-%m-%d %H:%M}" if row.until else "",
                row.used,
                row.uses or "",
                f"{row.withdrawn_at:%Y-%m-%d}" if row.withdrawn_at else "",
            )
            for row in rows
        ],
    )


@app.command()
def create(
    code: Annotated[str, typer.Argument(help="Capital letters, digits and hyphens.")],
    percent: Annotated[int | None, typer.Option("--percent", help="Whole percents, 1 to 100.")] = None,
    amount: Annotated[int | None, typer.Option("--amount", help="In minor units of --currency.")] = None,
    currency: Annotated[str, typer.Option("--currency", help="Of the amount.")] = "IDR",
    periods: Annotated[int | None, typer.Option("--periods", help="For so many months; without it for good.")] = None,
    until: Annotated[str, typer.Option("--until", help="Redeemed before that time (ISO 8601 with its zone).")] = "",
    uses: Annotated[int | None, typer.Option("--uses", help="Redeemed so often at most.")] = None,
    data: DataOption = None,
) -> None:
    """Make one."""
    from app.services import vouchers

    with edge.transaction(edge.settings(data)) as ctx:
        made = vouchers.create(
            ctx,
            code=code,
            percent_hundredths=percent * 100 if percent is not None else None,
            amount_minor=amount,
            currency=currency,
            periods=periods,
            until=_time(until) if until else None,
            uses=uses,
        )
    edge.say(f"{made.code} is there.")


@app.command()
def withdraw(code: Annotated[str, typer.Argument(help="The code.")], data: DataOption = None) -> None:
    """Nobody redeems it any more; who did keeps it."""
    from app.services import vouchers

    with edge.transaction(edge.settings(data)) as ctx:
        made = vouchers.withdraw(ctx, code=code)
    edge.say(f"{made.code} is withdrawn.")


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Invalid(f"“{text}” is no time with its zone. Write it as 2026-12-31T17:00+07:00.", field="until")
    return at
