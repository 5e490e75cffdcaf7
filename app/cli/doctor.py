"""`moorage doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption


def add(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(
    data: DataOption = None,
    kubeconfig: Annotated[Path | None, typer.Option("--kubeconfig", help="Look at this one instead of the setting's.")] = None,
    prometheus: Annotated[str | None, typer.Option("--prometheus", metavar="URL", help="The same for Prometheus.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Say what is wrong with this installation: directory, databases, cluster, rights, Prometheus, clock, domain.

    No data is changed. Exit code 1 when there is a problem, 0 when there are warnings at most.
    """
    from dataclasses import asdict

    from app.doctor import Verdict, examine

    found = edge.settings(data, kubeconfig=kubeconfig, prometheus_url=prometheus)
    marks = {Verdict.GOOD: "ok     ", Verdict.WARNING: "warning", Verdict.PROBLEM: "PROBLEM"}
    told = []
    for check in examine(found):
        told.append(check)
        if not as_json:
            edge.say(f"{marks[check.verdict]}  {check.name:<10}  {check.sentence}")
    if as_json:
        edge.say_json([asdict(check) for check in told])
    if any(check.verdict is Verdict.PROBLEM for check in told):
        raise typer.Exit(1)
