"""`moorage diagnose` and `orphans`: what is wrong with an app, and what has no other side."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption


def add(main: typer.Typer) -> None:
    main.command()(diagnose)
    main.command()(orphans)


def diagnose(instance: Annotated[str, typer.Argument(help="Id of the instance (ins_…).")], data: DataOption = None) -> None:
    """What is wrong with an app, with evidence and what mends it; exit code 1 when something is."""
    from app.services import diagnosis

    with edge.parts(edge.settings(data)) as made, made.reading(edge.actor(), "cli") as ctx:
        found = diagnosis.of_app(ctx, instance_id=instance, logs=made.logs, seal=made.seal)
    if found.stale_since is not None:
        edge.say(f"The cluster has been silent since {found.stale_since:%Y-%m-%d %H:%M} UTC, so nobody can say.")
        raise typer.Exit(1)
    for one in found.findings:
        edge.say(f"{one.severity}: {one.sentence}")
        for text in (*one.evidence, *(f"log: {line}" for line in one.log)):
            edge.say(f"    {text}")
        edge.say(f"  → {one.fix.advice} {one.mend}".rstrip())
    if not found.findings:
        edge.say(f"Nothing is wrong with {found.name}.")
    raise typer.Exit(1 if found.findings else 0)


def orphans(
    delete: Annotated[str, typer.Option("--delete", metavar="NAMESPACE", help="Delete this one with everything in it.")] = "",
    again: Annotated[str, typer.Option("--again", metavar="INSTANCE", help="Make this app anew, empty; also give --name.")] = "",
    give_up: Annotated[str, typer.Option("--give-up", metavar="INSTANCE", help="Take it off the record; also give --name.")] = "",
    end: Annotated[str, typer.Option("--end", metavar="SUBSCRIPTION", help="End this subscription.")] = "",
    name: Annotated[str, typer.Option("--name", help="The app's or namespace's name once more, since its data is lost.")] = "",
    data: DataOption = None,
) -> None:
    """Namespaces without an app, apps without a namespace, subscriptions without either; and one repair at a time."""
    from app.provisioning import hands
    from app.services import orphans

    with edge.parts(edge.settings(data)) as made:
        if delete or again or give_up or end:
            with made.transaction(edge.actor(), "cli") as ctx:
                if delete:
                    orphans.delete_namespace(ctx, namespace=delete, typed_name=name, cluster=hands(made))
                if again:
                    orphans.make_again(ctx, instance_id=again, typed_name=name)
                if give_up:
                    orphans.give_up(ctx, instance_id=give_up, typed_name=name)
                if end:
                    orphans.end_subscription(ctx, subscription_id=end)
            edge.say("Done.")
            return
        with made.reading(edge.actor(), "cli") as ctx:
            rows = orphans.list_(ctx)
    edge.table(
        ("kind", "id", "name", "organization", "why", "pods"),
        [(one.orphan.kind, one.orphan.id, one.orphan.name, one.organization, one.orphan.why, one.orphan.pods) for one in rows],
    )
