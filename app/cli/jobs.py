"""`moorage jobs`: what background work there is, what it would do, and doing it now."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption
from app.config import Settings
from models.domain.clock import stopwatch
from models.domain.errors import Unavailable
from models.domain.jobs import JobHome, OccurrenceState

app = typer.Typer(help="Background work: list, preview, run.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Name of the job; `moorage jobs list` shows them.")]
ENDED = (OccurrenceState.DONE, OccurrenceState.FAILED, OccurrenceState.SUPERSEDED)


@app.command("list")
def list_(data: DataOption = None) -> None:
    """Every job with its rhythm, its newest run and its next due time."""
    from app.jobs import registry
    from app.services import jobs

    found = edge.settings(data)
    registry.fit(found)
    with edge.reading(found) as ctx:
        rows = jobs.list_(ctx).jobs
    edge.table(
        ("job", "home", "every", "last run", "result", "next", "what it does"),
        [
            (
                row.name,
                row.home,
                row.every,
                f"{row.last.started_at:%m-%d %H:%M:%S}" if row.last and row.last.started_at else "never",
                row.last.state if row.last else "",
                f"{row.next_at:%m-%d %H:%M:%S}",
                row.about,
            )
            for row in rows
        ],
    )


@app.command()
def preview(name: Name, data: DataOption = None) -> None:
    """What the next run would do; writes nothing."""
    from app.jobs import registry
    from app.services import jobs

    found = edge.settings(data)
    registry.fit(found)
    with edge.reading(found) as ctx:
        shown = jobs.preview(ctx, name=name)
    edge.say(f"{shown.job}, due at {shown.due_at:%Y-%m-%d %H:%M:%S} UTC: {shown.summary}")
    if shown.planned:
        edge.table(("subject", "action"), [(step.subject, step.action) for step in shown.planned])


@app.command()
def run(
    name: Name,
    data: DataOption = None,
    seconds: Annotated[float, typer.Option(help="How long to wait for the server to run one of its jobs.")] = 300.0,
) -> None:
    """Run a job now and wait for its outcome: the server's jobs in the server when it runs, the others here."""
    from app import ownership
    from app.jobs import registry

    found = edge.existing(edge.settings(data))
    registry.fit(found)
    job = registry.find(name)
    if job.home is JobHome.SERVER and ownership.owner(found.data) is not None:
        _ask(found, name, seconds)
    else:
        _here(found, name, job.home)


def _here(found: Settings, name: str, home: JobHome) -> None:
    from app import container, ownership
    from app.cli import owned
    from app.jobs import runner
    from app.services import jobs

    with edge.transaction(found) as ctx:
        asked = jobs.run_now(ctx, name=name)
    if home is JobHome.SERVER:
        with owned.server(found) as made:
            outcome = runner.run_once(made, name, asked.due_at)
    else:
        with ownership.work(found.data):
            made = container.build_worker(found)
            try:
                outcome = runner.run_once(made, name, asked.due_at)
            finally:
                made.close()
    if outcome is None:
        raise Unavailable(f"The job {name} runs in another process right now. `moorage jobs list` shows how it ends.")
    _told(outcome.state, outcome.counts, outcome.seconds, outcome.error)


def _ask(found: Settings, name: str, seconds: float) -> None:
    from app.services import jobs

    with edge.transaction(found) as ctx:
        asked = jobs.run_now(ctx, name=name)
    began = stopwatch()
    while stopwatch() - began < seconds:
        with edge.reading(found) as ctx:
            row = jobs.get(ctx, id=asked.id)
        if row.state in ENDED or (row.state is OccurrenceState.WAITING and row.attempts):
            _told(row.state, row.counts, row.seconds or 0.0, row.error)
            return
        time.sleep(0.5)
    raise Unavailable(f"The server did not run {name} within {seconds:g} s. It stays asked for; `moorage jobs list` shows it.")


def _told(state: OccurrenceState, counts: dict[str, int], seconds: float, error: str) -> None:
    done = ", ".join(f"{number} {word}" for word, number in sorted(counts.items())) or "nothing to do"
    edge.say(f"{state} in {seconds:.1f} s: {done}" + (f"; {error}" if error else ""))
    if state not in (OccurrenceState.DONE, OccurrenceState.SUPERSEDED):
        raise typer.Exit(1)
