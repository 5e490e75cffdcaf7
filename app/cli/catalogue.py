"""`moorage catalogue`: what is offered."""

from __future__ import annotations

import secrets
import time
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption
from models.domain.errors import PlatformError

app = typer.Typer(help="What customers can order: templates and plans.", no_args_is_help=True)
GIB = 1 << 30


@app.callback()
def catalogue() -> None:
    """What customers can order: templates and plans."""


@app.command("list")
def list_(
    template: Annotated[str | None, typer.Option("--template", help="Only plans of this template.")] = None,
    retired: Annotated[bool, typer.Option("--retired", help="Also what nobody can order any more.")] = False,
    data: DataOption = None,
) -> None:
    """Templates and their plans, with resources and the price of a month."""
    from babel.numbers import format_currency

    from app.money import precision
    from app.services import catalogue

    with edge.reading(edge.settings(data)) as ctx:
        templates = catalogue.templates(ctx, retired=retired)
        plans = catalogue.plans(ctx, template=template, retired=retired)
    edge.table(("template", "name", "retired"), [(t.id, t.name, t.retired_at) for t in templates if template in (None, t.id)])
    edge.say()
    edge.table(
        ("template", "plan", "version", "cores", "memory GiB", "storage GiB", "price a month", "id"),
        [
            (
                plan.template,
                plan.name,
                plan.version,
                f"{plan.cpu_cores:g}",
                f"{plan.memory_bytes / GIB:g}",
                f"{plan.storage_bytes / GIB:g}",
                format_currency(plan.price_minor / 10 ** precision(plan.currency), plan.currency, locale="en"),
                plan.id,
            )
            for plan in plans
        ],
    )


@app.command()
def publish(data: DataOption = None) -> None:
    """Offer what this program's templates say, as the worker does when it starts; a changed plan becomes a new version."""
    from app.services import offers
    from provisioner import catalogue as templates

    with edge.transaction(edge.settings(data)) as ctx:
        changed = offers.publish(ctx, templates=templates.load().values())
        withheld = [(one.id, one.withheld) for one in offers.list_(ctx, withheld=True) if one.withheld]
    edge.say(f"{changed} changes." if changed else "Everything was offered as it is.")
    for template, why in withheld:
        edge.say(f"{template} is not on sale: {why}")


@app.command("import")
def import_(
    plain: Annotated[list[str] | None, typer.Option("--plain", metavar="HOST:PORT", help="A registry that speaks HTTP.")] = None,
    mirror: Annotated[
        str, typer.Option("--mirror", metavar="HOST:PORT", help="Ask this registry in place of the images' own.")
    ] = "",
    data: DataOption = None,
) -> None:
    """Ask registries which digests the templates' tags stand for now, and name the images by them from the next order on."""
    from app.gateways.registry import HttpRegistry
    from app.services import offers
    from provisioner import catalogue as templates
    from provisioner.catalogue.addons import load_components
    from provisioner.pinning import loose

    found = edge.existing(edge.settings(data))
    written = templates.load()
    registry = HttpRegistry(plain=frozenset(plain or ()), mirror=mirror)
    digests: dict[str, str] = {}
    missing = 0
    images = {image for template in written.values() for image in loose(template)}
    images |= {one.component.image for one in load_components().values()} | {found.ground.notice_image}
    for image in sorted(images):
        try:
            digests[image] = registry.digest(image)
        except PlatformError as error:
            missing += 1
            edge.say(f"{image}: {error}")
            continue
        edge.say(f"{image}: {digests[image]}")
    with edge.transaction(found) as ctx:
        changed = offers.pin(ctx, digests=digests)
        offers.publish(ctx, templates=written.values())
    edge.say(f"{len(digests)} images resolved, {changed} of them others than before; {missing} not.")
    if missing:
        raise typer.Exit(1)


@app.command()
def check(
    kubeconfig: Annotated[
        Path | None, typer.Option("--kubeconfig", help="Also ask this cluster, in a namespace that is made for it and deleted.")
    ] = None,
    folder: Annotated[Path | None, typer.Option("--folder", help="Templates of another folder than the program's own.")] = None,
) -> None:
    """Whether every template can be read and rendered with every plan, and whether a cluster would take all of it."""
    from app.provisioning import provisioned
    from provisioner import catalogue as templates
    from provisioner.check import check as verdicts
    from provisioner.check import clear
    from provisioner.wanted import Ground

    found = templates.load(folder or templates.FOLDER)
    refused = 0
    moment = partial(time.sleep, 0.25)
    namespace = f"c-check-{secrets.token_hex(4)}"
    with provisioned(kubeconfig) as cluster:
        for template in found.values():
            try:
                for one in verdicts(template, ground=Ground("apps.example"), cluster=cluster, namespace=namespace, pause=moment):
                    edge.say(
                        f"{one.template} {one.plan}: {one.objects} objects" + (", taken" if cluster and not one.refused else "")
                    )
                    for what, why in one.refused:
                        edge.say(f"  {what} is refused: {why}")
                    refused += len(one.refused)
            finally:
                if cluster is not None:
                    clear(cluster, namespace)
            namespace = f"c-check-{secrets.token_hex(4)}"
    edge.say("Only rendered; name --kubeconfig to ask a cluster." if kubeconfig is None else f"{refused} refused.")
    if refused:
        raise typer.Exit(1)
