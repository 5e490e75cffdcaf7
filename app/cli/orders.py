"""`moorage orders`, `changes` and `apply`: what was ordered, what that changes in the cluster, and doing it now."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import edge
from app.cli.edge import DataOption
from models.domain.changesets import ChangeState
from models.domain.errors import Invalid, NotFound

if TYPE_CHECKING:
    from app.context import Context

app = typer.Typer(help="Orders of apps: list, place, decide.", no_args_is_help=True)
OrderOption = Annotated[str, typer.Argument(help="Id of the order (ord_…).")]
WorkOption = Annotated[str, typer.Argument(help="Id of an order, an instance or a change set.")]
MOST_PASSES = 600


def add(main: typer.Typer) -> None:
    main.add_typer(app, name="orders")
    main.command()(changes)
    main.command()(apply)
    main.command()(logs)


@app.command("list")
def list_(
    open_: Annotated[bool, typer.Option("--open", help="Only those that wait for somebody or for money.")] = False,
    data: DataOption = None,
) -> None:
    """The newest hundred orders."""
    from app.services import orders
    from models.domain.orders import OPEN

    with edge.reading(edge.settings(data)) as ctx:
        rows = orders.list_(ctx, states=OPEN if open_ else None).items
    edge.table(
        ("order", "app", "template", "plan", "state", "until", "placed by", "reason"),
        [
            (
                row.id,
                row.address,
                row.template,
                row.plan,
                row.state,
                f"{row.until:%m-%d %H:%M}" if row.until else "",
                row.placed_by,
                row.reason,
            )
            for row in rows
        ],
    )


@app.command()
def place(
    organization: Annotated[str, typer.Argument(help="Id of the organization.")],
    template: Annotated[str, typer.Argument(help="Short name of the kind of app; `moorage catalogue list` shows them.")],
    plan: Annotated[str, typer.Argument(help="Name of one of its plans.")],
    name: Annotated[str, typer.Option("--name", help="Its name; without it one that is free.")] = "",
    label: Annotated[str, typer.Option("--label", help="First part of its address; without it the organization's.")] = "",
    say: Annotated[list[str] | None, typer.Option("--say", metavar="NAME=VALUE", help="What the template asks for.")] = None,
    components: Annotated[
        Path | None, typer.Option("--components", metavar="FILE", help="Components of a stack: a YAML or JSON list of them.")
    ] = None,
    data: DataOption = None,
) -> None:
    """Order an app for an organization; a running worker makes it."""
    from app.services import orders

    with edge.transaction(edge.settings(data)) as ctx:
        made = orders.place(
            ctx,
            organization_id=organization,
            template=template,
            plan=plan,
            name=name,
            label=label,
            parameters=_said(say or []) | _listed(components),
        )
    edge.say(f"{made.id}: {made.name} at {made.address}, {made.state}.")


@app.command()
def decide(
    order: OrderOption,
    decision: Annotated[str, typer.Argument(help="approve, refuse, received (the money came) or cancel.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it is refused; the customer reads it.")] = "",
    data: DataOption = None,
) -> None:
    """Decide about an open order."""
    from app.services import decisions

    with edge.transaction(edge.settings(data)) as ctx:
        match decision:
            case "approve":
                made = decisions.approve(ctx, order_id=order)
            case "refuse":
                made = decisions.refuse(ctx, order_id=order, reason=reason)
            case "received":
                made = decisions.received(ctx, order_id=order)
            case "cancel":
                made = decisions.cancel(ctx, order_id=order)
            case _:
                raise Invalid(f"“{decision}” is no decision. Say approve, refuse, received or cancel.", field="decision")
    edge.say(f"{made.id} is {made.state}.")


def changes(work: WorkOption, data: DataOption = None) -> None:
    """What was done for an app, and what a pass of the provisioner would change in the cluster now; nothing is written."""
    from app.provisioning import cluster_of
    from app.services import changesets, specifications
    from models.domain.clock import SystemClock
    from models.store import instances
    from models.store import specifications as wishes
    from provisioner import explain, reconcile

    found = edge.settings(data)
    with edge.reading(found) as ctx:
        known = changesets.get(ctx, change_set_id=_change_set(ctx, work))
        steps = changesets.steps(ctx, change_set_id=known.id)
        instance, wish = instances.by_id(ctx.session, known.instance_id), wishes.newest(ctx.session, known.instance_id)
        wanted = specifications.wanted(ctx.session, instance, wish, found.ground) if instance and wish else None
    edge.say(
        f"{known.id}: {known.purpose} of {known.app}, {known.state} at {known.phase or 'its beginning'}. {known.reason}".rstrip()
    )
    edge.table(("at", "what"), [(f"{one.at:%m-%d %H:%M:%S}", one.sentence or f"{one.name} stands") for one in steps])
    if wanted is None or known.state is ChangeState.HELD:
        edge.say("Nothing is done in the cluster before the order is accepted.")
        return
    with cluster_of(found, SystemClock()) as cluster:
        todo, against = reconcile.plan(cluster, wanted)
    for sentence in explain.sentences(todo):
        edge.say(f"would: {sentence}")
    for one in against:
        edge.say(f"stops, because: {one.sentence}")
    if not todo:
        edge.say("The cluster is as it is wanted.")


def apply(work: WorkOption, data: DataOption = None) -> None:
    """Bring an app to what is wanted from here, until it is done or stops; a running worker may do the same at the same time."""
    import time

    from app import container
    from app.driver import Driver
    from app.gateways import sign_in
    from app.provisioning import cluster_of
    from app.services import changesets

    found = edge.settings(data)
    with edge.reading(found) as ctx:
        change_set = _change_set(ctx, work)
    with edge.parts(found) as made, cluster_of(found, made.clock) as cluster:
        driver = Driver(made, cluster, prober=container.prober(found, made.clock), doorman=sign_in.doorman(found))
        told = ""
        for _ in range(MOST_PASSES):
            driver.settle()
            driver.one(change_set)
            with made.reading(edge.actor(), "cli") as ctx:
                now = changesets.get(ctx, change_set_id=change_set)
            line = f"{now.state}: {now.phase} {now.reason}".rstrip()
            if line != told:
                edge.say(line)
                told = line
            if now.state not in (ChangeState.WAITING, ChangeState.HELD):
                raise typer.Exit(0 if now.state is ChangeState.DONE else 1)
            time.sleep(1)
    raise typer.Exit(1)


def logs(
    instance: Annotated[str, typer.Argument(help="Id of the instance (ins_…).")],
    source: Annotated[str, typer.Option("--source", metavar="POD/CONTAINER", help="Which container; without it the first.")] = "",
    previous: Annotated[bool, typer.Option("--previous", help="The run before the present one.")] = False,
    lines: Annotated[int, typer.Option("--lines", help="How many of the newest.")] = 200,
    search: Annotated[str, typer.Option("--search", help="Only lines that contain it.")] = "",
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what is written from now on.")] = False,
    data: DataOption = None,
) -> None:
    """What an app writes; passwords that the platform knows are blacked out."""
    import time

    from app.services import app_logs

    since = None
    with edge.parts(edge.settings(data)) as made:
        while True:
            with made.reading(edge.actor(), "cli") as ctx:
                found = app_logs.read(
                    ctx, instance_id=instance, logs=made.logs, seal=made.seal, source=source, previous=previous, lines=lines,
                    search=search, since=since,
                )  # fmt: skip
            for one in found.lines:
                edge.say(f"{one.at:%Y-%m-%dT%H:%M:%S}Z {one.text}")
            if not follow:
                return
            since = found.lines[-1].at if found.lines else since
            time.sleep(2)


def _change_set(ctx: Context, work: str) -> str:
    from app.services import changesets, orders

    if work.startswith("chs_"):
        return work
    instance = orders.get(ctx, order_id=work).instance_id if work.startswith("ord_") else work
    found = changesets.list_(ctx, instance_id=instance, limit=1)
    if not found:
        raise NotFound("Nothing was ever changed for that app. Name an order, an instance or a change set.")
    return found[0].id


def _until(at: datetime | None) -> str:
    return f"{at:%m-%d %H:%M}" if at else ""


def _listed(file: Path | None) -> dict[str, Any]:
    """What the file lists. Raises Invalid with what is wrong with it."""
    if file is None:
        return {}
    import yaml

    try:
        return {"components": yaml.safe_load(file.read_text(encoding="utf-8"))}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Invalid(f"{file} cannot be read as a YAML or JSON list of components: {error}", field="components") from error


def _said(pairs: list[str]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign:
            raise Invalid(f"“{pair}” is not NAME=VALUE. Write it like image=ghcr.io/you/app:1.4.", field="say")
        found[name] = value
    return found
