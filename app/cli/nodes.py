"""`moorage nodes`: take a node out of service and back."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption

app = typer.Typer(help="Nodes: cordon, uncordon, drain, and what that would mean.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Name of the node.")]


@app.command()
def cordon(name: Name, data: DataOption = None) -> None:
    """Let the node take no pods any more; what runs there goes on."""
    from app import provisioning
    from app.services import nodes

    found = edge.settings(data)
    with edge.parts(found) as made, made.transaction(edge.actor(), "cli") as ctx:
        nodes.cordon(ctx, name=name, nodes=provisioning.node_hands(made))
    edge.say(f"{name} takes no pods any more.")


@app.command()
def uncordon(name: Name, data: DataOption = None) -> None:
    """Let the node take pods again."""
    from app import provisioning
    from app.services import nodes

    found = edge.settings(data)
    with edge.parts(found) as made, made.transaction(edge.actor(), "cli") as ctx:
        nodes.uncordon(ctx, name=name, nodes=provisioning.node_hands(made))
    edge.say(f"{name} takes pods again.")


@app.command()
def preview(name: Name, data: DataOption = None) -> None:
    """What draining the node would mean, pod by pod; nothing is done."""
    from app import provisioning
    from app.services import emptying

    found = edge.settings(data)
    with edge.parts(found) as made, made.reading(edge.actor(), "cli") as ctx:
        seen = emptying.preview(ctx, name=name, nodes=provisioning.node_hands(made))
    rows = [(row.fate.value, row.organization, row.app, f"{row.namespace}/{row.pod}", row.target, row.why) for row in seen.moving]
    edge.table(("what happens", "organization", "app", "pod", "to", "why"), list(rows))
    if not seen.budgets_known:
        edge.say("Disruption budgets are not known: Moorage may not read them (deploy/nodes.yaml gives that right).")


@app.command()
def drain(
    name: Name,
    yes: Annotated[str, typer.Option("--yes", help="The node's name again: what runs on it is moved or is down.")],
    follow: Annotated[bool, typer.Option(help="Say how far it is until it is over.")] = True,
    data: DataOption = None,
) -> None:
    """Move away all that can be moved; a running worker does it. Exit code 1 when it does not come to its end."""
    from app import provisioning
    from app.services import nodes
    from models.domain.draining import DrainState

    found = edge.settings(data)
    with edge.parts(found) as made:
        with made.transaction(edge.actor(), "cli") as ctx:
            nodes.drain(ctx, name=name, typed_name=yes, nodes=provisioning.node_hands(made))
        said = ""
        while follow:
            with made.reading(edge.actor(), "cli") as ctx:
                seen = nodes.drained(ctx, name=name)
            if seen is None:
                break
            counts = ", ".join(f"{n} {step.value}" for step, n in sorted(seen.counts.items()))
            held = "".join(f"\n  {one.namespace}/{one.pod}: {one.why}" for one in seen.pods if one.why)
            if (line := f"{name}: {seen.state.value}; {counts or 'nothing looked at yet'}{held} {seen.why}".rstrip()) != said:
                edge.say(said := line)
            if seen.state is not DrainState.RUNNING:
                raise typer.Exit(0 if seen.state is DrainState.DONE else 1)
            time.sleep(1)
    edge.say(f"{name} is being drained.")


@app.command()
def stop(name: Name, data: DataOption = None) -> None:
    """End the drain that runs; what has left stays away, and the node stays cordoned."""
    from app.services import nodes

    with edge.transaction(edge.settings(data)) as ctx:
        nodes.stop(ctx, name=name)
    edge.say(f"The drain of {name} is stopped. The node stays cordoned.")
