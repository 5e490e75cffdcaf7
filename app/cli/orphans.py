"""`moorage orphans`: what has no other side, and putting it right."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption

app = typer.Typer(help="What stands for no app and what is on record and stands nowhere: list, repair.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(help="Id as `moorage orphans list` says it.")]
Yes = Annotated[str, typer.Option("--yes", help="Its name again: what is lost here cannot be brought back.")]


@app.command("list")
def list_(data: DataOption = None) -> None:
    """All of them; exit code 1 when there are any."""
    from app.services import orphans

    with edge.reading(edge.settings(data)) as ctx:
        rows = orphans.list_(ctx)
    edge.table(
        ("what", "id", "name", "organization", "why", "pods"),
        [
            (one.orphan.kind.value, one.orphan.id, one.orphan.name, one.organization, one.orphan.why, one.orphan.pods)
            for one in rows
        ],
    )
    raise typer.Exit(1 if rows else 0)


@app.command("delete-namespace")
def delete_namespace(id: Id, yes: Yes, data: DataOption = None) -> None:
    """Delete a namespace that stands for no app, with everything in it."""
    from app.provisioning import hands
    from app.services import orphans

    with edge.parts(edge.settings(data)) as made, made.transaction(edge.actor(), "cli") as ctx:
        orphans.delete_namespace(ctx, namespace=id, typed_name=yes, cluster=hands(made))
    edge.say(f"{id} is being deleted.")


@app.command("make-again")
def make_again(id: Id, yes: Yes, data: DataOption = None) -> None:
    """Make an app anew whose namespace is gone: empty; a running worker does it."""
    from app.services import orphans

    with edge.transaction(edge.settings(data)) as ctx:
        made = orphans.make_again(ctx, instance_id=id, typed_name=yes)
    edge.say(f"{made.id}: {made.app} is made again.")


@app.command("give-up")
def give_up(id: Id, yes: Yes, data: DataOption = None) -> None:
    """Take an app off the record whose namespace is gone, and end what is charged for it."""
    from app.services import orphans

    with edge.transaction(edge.settings(data)) as ctx:
        orphans.give_up(ctx, instance_id=id, typed_name=yes)
    edge.say(f"{id} is off the record.")


@app.command("end-subscription")
def end_subscription(id: Id, data: DataOption = None) -> None:
    """End a subscription that has no app any more."""
    from app.services import orphans

    with edge.transaction(edge.settings(data)) as ctx:
        orphans.end_subscription(ctx, subscription_id=id)
    edge.say(f"{id} is ended.")
