"""`moorage credits`: credit notes, what customers have to their credit, and what was paid out of it."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption
from models.domain.errors import Invalid

app = typer.Typer(help="Credit notes and the credit of customers. Amounts in minor units.", no_args_is_help=True)

KeyOption = Annotated[str, typer.Option("--key", help="A word of your own: the same one again gives back nothing more.")]


@app.command("list")
def list_(
    organization: Annotated[str, typer.Option("--organization", help="Id of an organization.")] = "",
    invoice: Annotated[str, typer.Option("--invoice", help="Id of an invoice.")] = "",
    data: DataOption = None,
) -> None:
    """The newest hundred credit notes."""
    from app.services import credit_notes

    with edge.reading(edge.settings(data)) as ctx:
        rows = credit_notes.list_(ctx, organization_id=organization or None, invoice_id=invoice or None).items
    edge.table(
        ("number", "of", "organization", "day", "total", "tax", "currency", "reason"),
        [
            (
                row.number,
                row.invoice_number,
                row.organization_id,
                row.issued_on,
                row.total_minor,
                row.tax_minor,
                row.currency,
                row.reason,
            )
            for row in rows
        ],
    )


@app.command()
def note(
    invoice: Annotated[str, typer.Argument(help="Id of the invoice (inv_…).")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands on the credit note.")],
    key: KeyOption,
    line: Annotated[
        list[str] | None,
        typer.Option("--line", help="NUMBER=AMOUNT with its tax, once a line; without it everything that is left."),
    ] = None,
    data: DataOption = None,
) -> None:
    """Give something of an invoice back; a paid one's becomes the customer's credit."""
    from app.services import credit_notes

    amounts = dict(_amount(one) for one in line) if line else None
    with edge.transaction(edge.settings(data)) as ctx:
        made = credit_notes.issue(ctx, invoice_id=invoice, reason=reason, key=f"cli:{key}", amounts=amounts)
    edge.say(f"{made.number} gives back {made.total_minor} {made.currency} of {made.invoice_number}.")


@app.command()
def show(organization: Annotated[str, typer.Argument(help="Id of the organization (org_…).")], data: DataOption = None) -> None:
    """What an organization has to its credit."""
    from app.services import credits

    with edge.reading(edge.settings(data)) as ctx:
        rows = credits.of_organization(ctx, organization_id=organization)
    edge.table(("currency", "credit"), [(row.currency, row.credit_minor) for row in rows])


@app.command()
def refund(
    organization: Annotated[str, typer.Argument(help="Id of the organization (org_…).")],
    amount: Annotated[int, typer.Argument(help="In minor units.")],
    currency: Annotated[str, typer.Argument(help="Such as IDR.")],
    reason: Annotated[str, typer.Option("--reason", help="Why and how it went back.")],
    key: KeyOption,
    data: DataOption = None,
) -> None:
    """Say that credit was paid out by hand."""
    from app.services import credits

    with edge.transaction(edge.settings(data)) as ctx:
        left = credits.refund(
            ctx, organization_id=organization, currency=currency, amount_minor=amount, reason=reason, key=f"cli:{key}"
        )
    edge.say(f"{left.credit_minor} {left.currency} are left to their credit.")


@app.command("write-off")
def write_off(
    invoice: Annotated[str, typer.Argument(help="Id of the invoice (inv_…).")],
    reason: Annotated[str, typer.Option("--reason", help="Why; for the audit.")],
    data: DataOption = None,
) -> None:
    """Give up what is open of an invoice as a loss."""
    from app.services import credits

    with edge.transaction(edge.settings(data)) as ctx:
        credits.write_off(ctx, invoice_id=invoice, reason=reason)
    edge.say(f"{invoice} is written off.")


def _amount(text: str) -> tuple[int, int]:
    number, _, amount = text.partition("=")
    if not number.isdecimal() or not amount.isdecimal():
        raise Invalid(f"“{text}” is no line with its amount. Write it as 1=5000.", field="line")
    return int(number), int(amount)
