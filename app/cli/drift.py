"""`moorage drift`: which apps are otherwise in the cluster than they are wanted, now."""

from __future__ import annotations

import typer

from app.cli import edge
from app.cli.edge import DataOption


def add(main: typer.Typer) -> None:
    main.command()(drift)


def drift(data: DataOption = None) -> None:
    """Compare every app with what is wanted of it, and say who changed what; nothing is written. Exit code 1 when something differs."""
    from app.provisioning import cluster_of
    from app.services import drift as service
    from models.domain.access import job_actor
    from models.domain.clock import SystemClock
    from provisioner import drift as rules
    from provisioner import explain, reconcile

    found = edge.settings(data)
    differ = 0
    with edge.parts(found) as made, cluster_of(found, SystemClock()) as cluster:
        with made.reading(job_actor("drift"), "cli") as ctx:
            wanted = [seen for one in service.watched(ctx) if (seen := service.wanted(ctx, instance_id=one)) is not None]
        for one in wanted:
            todo, against = reconcile.plan(cluster, one, making=False)
            if not todo:
                continue
            differ += 1
            edge.say(f"{one.namespace} ({one.instance_id}) was changed by {', '.join(rules.managers(todo)) or 'somebody unknown'}:")
            for sentence in explain.sentences(todo):
                edge.say(f"  would be put back: {sentence}")
            for objection in against:
                edge.say(f"  not by itself: {objection.sentence}")
    if not differ:
        edge.say(f"All {len(wanted)} apps are as they are wanted." if wanted else "Moorage runs no app yet.")
    raise typer.Exit(1 if differ else 0)
