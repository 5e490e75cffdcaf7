"""`moorage documents`: PDFs of invoices and receipts, statements, and files of the books."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption
from models.domain.errors import Invalid

app = typer.Typer(help="Documents: PDFs of invoices and receipts, statements, files of invoices and ledger.", no_args_is_help=True)
Into = Annotated[Path, typer.Option("--into", help="Folder for the files.", file_okay=False)]
First = Annotated[datetime | None, typer.Option("--first", help="The first day.", formats=["%Y-%m-%d"])]
Before = Annotated[datetime | None, typer.Option("--before", help="The first day that is no longer in it.", formats=["%Y-%m-%d"])]


@app.command()
def save(
    invoice: Annotated[str, typer.Argument(help="Id of the invoice (inv_…).")], into: Into = Path(), data: DataOption = None
) -> None:
    """Write every document of an invoice into a folder."""
    from app.documents.shelf import Shelf
    from app.services import documents

    settings = edge.settings(data)
    with edge.reading(settings) as ctx:
        found = documents.of_invoice(ctx, invoice_id=invoice)
        made = [documents.content(ctx, document_id=one.id, shelf=Shelf.of(settings)) for one in found]
    for one in made:
        _write(into, one.name, one.content)


@app.command()
def statement(
    organization: Annotated[str, typer.Argument(help="Id of the organization (org_…).")],
    first: Annotated[datetime, typer.Option("--first", help="The first day.", formats=["%Y-%m-%d"])],
    before: Annotated[datetime, typer.Option("--before", help="The first day that is no longer in it.", formats=["%Y-%m-%d"])],
    currency: Annotated[str, typer.Option("--currency", help="Such as IDR.")] = "IDR",
    into: Into = Path(),
    data: DataOption = None,
) -> None:
    """Write a statement of account as PDF."""
    from app.services import statements

    with edge.reading(edge.settings(data)) as ctx:
        made = statements.statement(ctx, organization_id=organization, first=first.date(), before=before.date(), currency=currency)
    _write(into, made.name, made.content)


@app.command()
def books(
    what: Annotated[str, typer.Argument(help="invoices or ledger.")],
    form: Annotated[str, typer.Option("--form", help="csv or parquet.")] = "csv",
    first: First = None,
    before: Before = None,
    into: Into = Path(),
    data: DataOption = None,
) -> None:
    """Write lines of invoices, or postings of the ledger, as one file."""
    from app.services import book_files
    from app.services.book_files import FileForm

    known = {"invoices": book_files.invoice_lines, "ledger": book_files.postings}
    if what not in known:
        raise Invalid(f"There are files of {' and '.join(known)}, not of “{what}”.", field="what")
    if form not in list(FileForm):
        raise Invalid(f"A file is {' or '.join(FileForm)}, not “{form}”.", field="form")
    days = {"first": first.date() if first else None, "before": before.date() if before else None}
    with edge.reading(edge.settings(data)) as ctx:
        made = known[what](ctx, form=FileForm(form), **days)
    _write(into, made.name, made.content)


def _write(folder: Path, name: str, content: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    edge.say(f"{path}: {len(content):,} bytes")
