"""`moorage invoices` and `moorage ledger`: what was issued, what is open, and what was posted."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption

app = typer.Typer(help="Invoices: list, money that came, periods that wait for a person.", no_args_is_help=True)
books = typer.Typer(help="The ledger: journal and balances. Amounts in minor units.", no_args_is_help=True)


@app.command("list")
def list_(
    open_: Annotated[bool, typer.Option("--open", help="Only those that are not paid.")] = False,
    organization: Annotated[str, typer.Option("--organization", help="Id of an organization.")] = "",
    data: DataOption = None,
) -> None:
    """The newest hundred invoices, or all that are open; amounts in minor units."""
    from app.services import invoices

    with edge.reading(edge.settings(data)) as ctx:
        of = organization or None
        rows = invoices.unpaid(ctx, organization_id=of) if open_ else invoices.list_(ctx, organization_id=of).items
    edge.table(
        ("number", "invoice", "organization", "from", "to before", "total", "tax", "currency", "due", "state"),
        [
            (
                row.number,
                row.id,
                row.organization_id,
                row.first,
                row.after,
                row.total_minor,
                row.tax_minor,
                row.currency,
                row.due_on,
                row.state,
            )
            for row in rows
        ],
    )


@app.command()
def received(invoice: Annotated[str, typer.Argument(help="Id of the invoice (inv_…).")], data: DataOption = None) -> None:
    """Say that the money of an invoice came, such as by bank transfer."""
    from app.services import invoices

    with edge.transaction(edge.settings(data)) as ctx:
        made = invoices.received(ctx, invoice_id=invoice)
    edge.say(f"{made.number} is {made.state}.")


@app.command()
def parked(data: DataOption = None) -> None:
    """Subscriptions that missed too many periods at once and wait for a person."""
    from app.services import renewals

    with edge.reading(edge.settings(data)) as ctx:
        rows = renewals.parked(ctx)
    edge.table(
        ("subscription", "organization", "missed", "since"),
        [(row.subscription_id, row.organization, row.missed, f"{row.parked_at:%m-%d %H:%M}") for row in rows],
    )


@app.command()
def release(
    subscription: Annotated[str, typer.Argument(help="Id of the subscription (sub_…).")],
    forgive: Annotated[bool, typer.Option("--forgive", help="Charge none of the missed periods.")] = False,
    data: DataOption = None,
) -> None:
    """Go on with a subscription that waits for a person: every missed period is charged, or with --forgive none."""
    from app.services import renewals

    with edge.transaction(edge.settings(data)) as ctx:
        renewals.release(ctx, subscription_id=subscription, charge=not forgive)
    edge.say(f"{subscription} goes on; the next run of the job renewals does it.")


@books.command()
def journal(data: DataOption = None) -> None:
    """The newest hundred entries, one line a posting."""
    from app.services import ledger

    with edge.reading(edge.settings(data)) as ctx:
        rows = ledger.entries(ctx).items
    edge.table(
        ("day", "entry", "kind", "memo", "account", "name", "currency", "debit", "credit"),
        [
            (
                row.day,
                row.id,
                row.kind,
                row.memo,
                one.account,
                one.name,
                one.currency,
                one.debit_minor or "",
                one.credit_minor or "",
            )
            for row in rows
            for one in row.postings
        ],
    )


@books.command()
def balances(data: DataOption = None) -> None:
    """What was posted to each account, by currency; debits equal credits."""
    from app.services import ledger

    with edge.reading(edge.settings(data)) as ctx:
        rows = ledger.trial_balance(ctx)
    edge.table(
        ("account", "name", "kind", "currency", "debit", "credit", "balance"),
        [(r.account, r.name, r.kind, r.currency, r.debit_minor, r.credit_minor, r.balance_minor) for r in rows],
    )
