"""`moorage domains`: own domains of apps."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption

app = typer.Typer(help="Own domains of apps: list, add, check, remove.", no_args_is_help=True)
InstanceOption = Annotated[str, typer.Argument(help="Id of the instance (ins_…).")]
NameOption = Annotated[str, typer.Argument(help="The domain, such as shop.example.com.")]
WORDS = {"proof": "the TXT record is missing", "target": "it does not lead here yet", "": ""}


@app.command("list")
def list_(instance: InstanceOption, data: DataOption = None) -> None:
    """Domains of an app and the DNS records that they need."""
    from app.services import domains

    with edge.reading(edge.settings(data)) as ctx:
        rows = domains.list_(ctx, instance_id=instance)
    edge.table(
        ("domain", "state", "CNAME to", "TXT at", "TXT"),
        [
            (one.name, "active" if one.active else WORDS[one.lacking] or "asked for", one.host, one.proof_name, one.proof)
            for one in rows
        ],
    )


@app.command()
def add(instance: InstanceOption, name: NameOption, data: DataOption = None) -> None:
    """Ask for a domain; says which DNS records it needs."""
    from app.services import domains

    with edge.transaction(edge.settings(data)) as ctx:
        made = domains.add(ctx, instance_id=instance, name=name)
    edge.say(f"Set {made.proof_name} TXT “{made.proof}” and {made.name} CNAME {made.host}, then: moorage domains check.")


@app.command()
def check(instance: InstanceOption, name: NameOption, data: DataOption = None) -> None:
    """Look into the DNS now; once the records stand the app answers there."""
    from app.gateways.names import names
    from app.services import domains

    found = edge.settings(data)
    with edge.reading(found) as ctx:
        one = domains.get(ctx, instance_id=instance, name=name)
    seen = names(live=found.live).look(one.name, host=one.host, token=one.token)
    with edge.transaction(found) as ctx:
        one = domains.check(ctx, instance_id=instance, name=name, found=seen)
    edge.say(f"{one.name}: {WORDS[one.lacking] or 'as it should be'}.")
    if one.lacking:
        raise typer.Exit(1)


@app.command()
def remove(instance: InstanceOption, name: NameOption, data: DataOption = None) -> None:
    """The app no longer answers at the domain."""
    from app.services import domains

    with edge.transaction(edge.settings(data)) as ctx:
        domains.remove(ctx, instance_id=instance, name=name)
    edge.say(f"{name} is removed.")
