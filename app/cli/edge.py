"""What every command needs: settings, a container, an actor, and a way to print."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app import config, data_kind
from app.config import Settings
from app.context import Context
from models.domain.access import Actor, ActorKind, Permission
from models.domain.errors import Misconfigured

if TYPE_CHECKING:
    from app.container import Container

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", help="Data directory: store, warehouse, keys, documents, backups.", show_default="MOORAGE_DATA, else ./data"
    ),
]


def settings(data: Path | None = None, **others: Any) -> Settings:
    """The settings with what was typed in place of what environment and file say; the directory as an absolute path.

    A directory that was started live remembers its cluster and its Prometheus for when nobody names either.
    """
    typed = {key: value for key, value in {"data": data, **others}.items() if value is not None}
    found = config.load(**typed)
    if found.kubeconfig is None and not found.prometheus_url and (known := data_kind.remembered(found.data.expanduser())):
        found = config.load(**typed, **known)
    absolute: dict[str, Any] = {"data": found.data.expanduser().resolve()}
    if found.kubeconfig is not None and str(found.kubeconfig) != "in-cluster":
        absolute["kubeconfig"] = found.kubeconfig.expanduser().resolve()
    return found.model_copy(update=absolute)


def actor() -> Actor:
    """Whoever can run commands on this machine owns its files, so may do everything; the audit says who it was."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"  # a container's user has no name
    return Actor(f"cli:{user}", ActorKind.STAFF, f"{user} (command line)", frozenset(Permission))


def existing(found: Settings) -> Settings:
    """`found`, when something was ever started on its directory."""
    if not found.data.is_dir():
        raise Misconfigured(
            f"There is no data directory {found.data}. Start `moorage up` first, or name the right one with --data."
        )
    return found


@contextmanager
def transaction(found: Settings) -> Iterator[Context]:
    """One unit of work of a command, committed when the block ends."""
    with parts(found) as made, made.transaction(actor(), "cli") as ctx:
        yield ctx


@contextmanager
def reading(found: Settings) -> Iterator[Context]:
    """A consistent view for a command that only looks."""
    with parts(found) as made, made.reading(actor(), "cli") as ctx:
        yield ctx


@contextmanager
def parts(found: Settings) -> Iterator[Container]:
    """The parts of a command that uses the store beside whoever else does; not while a backup is restored."""
    from app import container, ownership

    with ownership.work(existing(found).data):
        made = container.build_cli(found)
        try:
            yield made
        finally:
            made.close()


def say(text: str = "") -> None:
    typer.echo(text)


def say_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, default=str, ensure_ascii=False))


def table(header: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    """Columns as wide as their content; nothing but the header when there is no row."""
    cells = [tuple("" if cell is None else str(cell) for cell in row) for row in rows]
    widths = [max(len(row[at]) for row in [header, *cells]) for at in range(len(header))]
    for row in [header, *cells]:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
