"""`moorage warehouse`: ask it, describe it, export it, care for it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption

if TYPE_CHECKING:
    import polars as pl

app = typer.Typer(help="The warehouse of measurements: SQL, dictionary, export.", no_args_is_help=True)


class Format(StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


class Care(StrEnum):
    """Work that jobs do by themselves and that can be asked for."""

    ROLLUP = "rollup"
    COMPACT = "compact"
    EXPIRE = "expire"
    RESYNC = "resync"
    SIZES = "sizes"


@app.command()
def sql(
    question: Annotated[str, typer.Argument(help="One SELECT over the views that `moorage warehouse describe` lists.")],
    format: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = Format.TABLE,
    data: DataOption = None,
) -> None:
    """Ask the warehouse, also while the server runs; read-only, times are UTC."""
    from collectors.warehouse import reader

    found = edge.existing(edge.settings(data))
    opened = reader(found.warehouse)
    try:
        answer = opened.query(question)
    finally:
        opened.close()
    show(answer, format)


def show(answer: pl.DataFrame, format: Format) -> None:
    if format is Format.CSV:
        typer.echo(answer.write_csv(datetime_format="%Y-%m-%dT%H:%M:%S%.fZ"), nl=False)
    elif format is Format.JSON:
        edge.say_json(answer.to_dicts())
    else:
        edge.table(tuple(answer.columns), list(answer.iter_rows()))


@app.command()
def describe(
    view: Annotated[str, typer.Argument(help="Only this view.")] = "",
    format: Annotated[Format, typer.Option("--format", help="table, csv or json.")] = Format.TABLE,
) -> None:
    """The dictionary: every column of every view with type, unit and meaning."""
    import polars as pl

    from collectors.warehouse.dictionary import describe as dictionary
    from models.domain.errors import NotFound

    rows = [(d.view, d.column, d.type, d.unit, d.about) for d in dictionary() if view in ("", d.view)]
    if not rows:
        raise NotFound(f"There is no view “{view}”. There are: {', '.join(dict.fromkeys(d.view for d in dictionary()))}.")
    show(pl.DataFrame(rows, schema=["view", "column", "type", "unit", "meaning"], orient="row"), format)


@app.command()
def export(
    day: Annotated[str, typer.Option("--day", help="The day, such as 2026-11-22.", show_default="yesterday")] = "",
    folder: Annotated[Path | None, typer.Option("--folder", help="Where to.", show_default="export in the data directory")] = None,
    data: DataOption = None,
) -> None:
    """Write one day as Parquet: the warehouse's backup, and what other tools read."""
    from app.cli import owned

    where = str(folder.expanduser().resolve()) if folder is not None else ""
    done = owned.command(edge.existing(edge.settings(data)), "export", day=day, folder=where)
    for file in done["files"]:
        edge.say(file)


@app.command("import")
def refill(
    folder: Annotated[
        Path | None, typer.Argument(help="What an export wrote.", show_default="export in the data directory")
    ] = None,
    data: DataOption = None,
) -> None:
    """Put exported days back into a warehouse that lost them. Days that are there stay; the same again changes nothing."""
    from app.cli import owned

    where = str(folder.expanduser().resolve()) if folder is not None else ""
    done = owned.command(edge.existing(edge.settings(data)), "import", folder=where)
    for day in done["days"]:
        edge.say(f"{day}  put back")
    for day in done["left"]:
        edge.say(f"{day}  left: the warehouse has it")


@app.command()
def care(what: Annotated[Care, typer.Argument(help="What to do now.")], data: DataOption = None) -> None:
    """Do one piece of the jobs' work now: in the server when it runs, else here."""
    from app.cli import owned

    edge.say_json(owned.command(edge.existing(edge.settings(data)), what))
