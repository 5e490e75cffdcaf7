"""`moorage payments`: what was asked of gateways and what they told, bank statements and money that is nobody's yet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption
from models.domain.errors import Invalid

app = typer.Typer(help="Payments: list, bank statements, unmatched transfers, events of gateways.", no_args_is_help=True)


@app.command("list")
def list_(
    organization: Annotated[str, typer.Option("--organization", help="Id of an organization.")] = "", data: DataOption = None
) -> None:
    """The newest hundred payments; amounts in minor units."""
    from app.services import payments

    with edge.reading(edge.settings(data)) as ctx:
        rows = payments.list_(ctx, organization_id=organization or None).items
    edge.table(
        ("payment", "invoice", "organization", "gateway", "amount", "currency", "state", "reference"),
        [(r.id, r.number, r.organization_id, r.gateway, r.amount_minor, r.currency, r.state, r.reference) for r in rows],
    )


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A statement of the bank as CSV.", exists=True, dir_okay=False)],
    data: DataOption = None,
) -> None:
    """Take a bank statement: money that names an invoice pays it. Lines that were taken before are left."""
    from app.services import transfers

    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(f"{file} is not UTF-8. Export it again as UTF-8.") from error
    with edge.transaction(edge.settings(data)) as ctx:
        made = transfers.take(ctx, text=text, source=file.name)
    edge.say(f"{made.taken} new lines: {made.matched} pay an invoice, {made.unmatched} wait for a person.")
    edge.say(f"{made.known} were taken before, {made.outgoing} are money that went out.")


@app.command()
def unmatched(data: DataOption = None) -> None:
    """Money on the bank account that is nobody's yet, with open invoices over just that amount."""
    from app.services import transfers

    with edge.reading(edge.settings(data)) as ctx:
        rows = transfers.unmatched(ctx)
    edge.table(
        ("line", "day", "amount", "currency", "words", "likely"),
        [(r.id, r.day, r.amount_minor, r.currency, r.words, ", ".join(r.likely)) for r in rows],
    )


@app.command()
def assign(
    line: Annotated[str, typer.Argument(help="Id of the line (bnk_…).")],
    invoice: Annotated[str, typer.Argument(help="Number or id of the invoice that it pays.")],
    data: DataOption = None,
) -> None:
    """Say whose invoice a line pays; of a paid one it becomes the customer's credit."""
    from app.services import transfers

    with edge.transaction(edge.settings(data)) as ctx:
        made = transfers.assign(ctx, line_id=line, invoice=invoice)
    edge.say(f"{made.number} is {made.state}.")


@app.command()
def ignore(line: Annotated[str, typer.Argument(help="Id of the line (bnk_…).")], data: DataOption = None) -> None:
    """Say that a line is none of the customers' money."""
    from app.services import transfers

    with edge.transaction(edge.settings(data)) as ctx:
        transfers.ignore(ctx, line_id=line)
    edge.say(f"{line} is left alone from now on.")


@app.command()
def events(
    trouble: Annotated[bool, typer.Option("--trouble", help="Only those that somebody should look at.")] = False,
    data: DataOption = None,
) -> None:
    """The newest hundred events that payment gateways told, with what came of each."""
    from app.services import gateway_events

    with edge.reading(edge.settings(data)) as ctx:
        rows = gateway_events.list_(ctx, trouble=trouble).items
    edge.table(
        ("event", "gateway", "at", "kind", "outcome", "amount", "currency", "key"),
        [
            (
                r.id,
                r.gateway,
                f"{r.at:%m-%d %H:%M}",
                r.kind,
                r.outcome,
                "" if r.amount_minor is None else r.amount_minor,
                r.currency,
                r.key,
            )
            for r in rows
        ],
    )
