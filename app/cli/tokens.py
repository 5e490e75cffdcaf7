"""`moorage token`: API tokens of a person, made on the machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption
from app.config import Settings
from app.context import Context
from models.domain.access import Permission
from models.domain.errors import NotFound

app = typer.Typer(help="API tokens of a person: make, list, revoke.", no_args_is_help=True)
Of = Annotated[str, typer.Option("--of", metavar="EMAIL", help="Whose token it is; it can do no more than that person.")]


@contextmanager
def acting(found: Settings, email: str) -> Iterator[Context]:
    """A transaction in which the person of that address acts; the audit says so, and that it was on the command line."""
    from app.auth import people
    from models.store import members

    with edge.parts(found) as made:
        with made.store.reading() as session:
            user = members.user_by_email(session, email)
            if user is None or user.disabled_at is not None:
                raise NotFound(f"Nobody who may sign in has the address {email}.")
            actor = people.of(session, user).actor
        with made.transaction(actor, "cli") as ctx:
            yield ctx


@app.command()
def make(
    of: Of,
    name: Annotated[str, typer.Option("--name", help="What it is for.")],
    scope: Annotated[list[Permission], typer.Option("--scope", help="What it may do; may be given several times.")],
    organization: Annotated[str | None, typer.Option("--organization", help="Inside this organization (its id) alone.")] = None,
    days: Annotated[int, typer.Option("--days", min=0, help="How long it is good; 0: until it is revoked.")] = 90,
    data: DataOption = None,
) -> None:
    """A new token. Its secret is printed once and kept nowhere."""
    from app.services import tokens

    with acting(edge.settings(data), of) as ctx:
        made = tokens.make(ctx, name=name, scopes=scope, organization_id=organization, days=days or None)
    edge.say(made.secret)


@app.command("list")
def list_(of: Of, data: DataOption = None) -> None:
    """A person's tokens, newest first."""
    from app.services import tokens

    with acting(edge.settings(data), of) as ctx:
        rows = tokens.mine(ctx)
    edge.table(
        ("id", "name", "begins with", "scopes", "expires", "used", "open"),
        [(r.id, r.name, r.hint, " ".join(r.scopes), r.expires_at, r.used_at, "yes" if r.open else "no") for r in rows],
    )


@app.command()
def revoke(token: Annotated[str, typer.Argument(help="Id of the token.")], of: Of, data: DataOption = None) -> None:
    """End a token from this moment on."""
    from app.services import tokens

    with acting(edge.settings(data), of) as ctx:
        ended = tokens.revoke(ctx, token_id=token)
    edge.say(f"{ended.name} is revoked.")
