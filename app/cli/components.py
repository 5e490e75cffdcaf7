"""`moorage components`: what stands beside an app, adding to it and taking away."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption
from models.domain.components import Keeping

app = typer.Typer(help="Components beside apps: list, add, remove, discard.", no_args_is_help=True)
InstanceOption = Annotated[str, typer.Argument(help="Id of the instance (ins_…).")]
ComponentOption = Annotated[str, typer.Argument(help="Short name of the component, such as postgresql.")]


@app.command("list")
def list_(instance: InstanceOption, data: DataOption = None) -> None:
    """What runs beside an app and what can be added, with the variables by which the app finds it."""
    from babel import Locale

    from app.money import shown
    from app.services import components

    with edge.reading(edge.settings(data)) as ctx:
        rows = components.list_(ctx, instance_id=instance)
    words = {Keeping.RUNS: "runs", Keeping.KEPT: "data kept", None: ""}
    edge.table(
        ("component", "state", "version", "price a month", "variables", "kept as they were"),
        [
            (
                one.id,
                words[one.keeping],
                one.version,
                shown(one.price_minor, one.currency, Locale("en")),
                " ".join(v.name for v in one.variables if not v.taken_by),
                " ".join(f"{v.name} ({v.taken_by})" for v in one.variables if v.taken_by),
            )
            for one in rows
        ],
    )


@app.command()
def add(instance: InstanceOption, component: ComponentOption, data: DataOption = None) -> None:
    """Run a component beside an app; a running worker makes it."""
    from app.services import components

    with edge.transaction(edge.settings(data)) as ctx:
        made = components.add(ctx, instance_id=instance, component=component)
    edge.say(f"{made.id}: {component} beside {made.app}, {made.state}.")


@app.command()
def remove(instance: InstanceOption, component: ComponentOption, data: DataOption = None) -> None:
    """End a component; its volume is kept."""
    from app.services import components

    with edge.transaction(edge.settings(data)) as ctx:
        made = components.remove(ctx, instance_id=instance, component=component)
    edge.say(f"{made.id}: {component} of {made.app} ends; its data is kept.")


@app.command()
def discard(
    instance: InstanceOption,
    component: ComponentOption,
    typed_name: Annotated[str, typer.Option("--yes-delete", metavar="COMPONENT", help="The component's name once more.")] = "",
    data: DataOption = None,
) -> None:
    """Delete the data of a component that was removed. It cannot be brought back."""
    from app.services import components

    with edge.transaction(edge.settings(data)) as ctx:
        made = components.discard(ctx, instance_id=instance, component=component, typed_name=typed_name)
    edge.say(f"{made.id}: the data of {component} of {made.app} is deleted.")
