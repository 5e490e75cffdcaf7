"""`moorage soak`: the kill tests in full counts, over hours if need be, going on where it was stopped."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli import edge
from app.cli.soak_targets import BY_NAME, Target
from models.domain.clock import SystemClock, stopwatch
from models.domain.errors import Invalid

BATCH = 25
"""Kills of one round: what is stopped loses at most so many."""
HEAD = ("target", "kills", "units of work", "seconds", "lost, doubled or torn")

Done = dict[str, list[dict[str, Any]]]


def add(app: typer.Typer) -> None:
    app.command()(soak)


def soak(
    kills: Annotated[int, typer.Option("--kills", min=1, help="Kills of each target.")] = 300,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the first round; each round has the next one.")] = 1,
    results: Annotated[Path, typer.Option("--results", help="File that keeps what was done, and is gone on from.")] = Path(
        "soak.json"
    ),
    postgres: Annotated[
        str,
        typer.Option(
            "--postgres", envvar="MOORAGE_TEST_POSTGRES", help="Server on which databases may be made, for what needs PostgreSQL."
        ),
    ] = "",
    only: Annotated[list[str] | None, typer.Option("--only", help="One target; may be given several times. Default: all.")] = None,
    table: Annotated[Path | None, typer.Option("--table", help="File for the table, as Markdown.")] = None,
) -> None:
    """Kill processes at random points, again and again, and compare what they leave with what must be.

    Targets: the job runner, the provisioner and renewals on SQLite and PostgreSQL; the collector and the warehouse's writer on a
    DuckDB file and on DuckLake with its catalogue in SQLite and in PostgreSQL. What needs PostgreSQL runs only with --postgres.
    Stop it at any time: the same command goes on; several at once may share one file of results when each has targets of its own.
    The table has date and machine.
    """
    if unknown := sorted(set(only or ()) - set(BY_NAME)):
        raise Invalid(f"There is no target “{unknown[0]}”. There are: {', '.join(BY_NAME)}.", field="only")
    for name, target in BY_NAME.items():
        if (not only or name in only) and (postgres or not target.postgres):
            _fulfil(name, target, results, kills, seed, postgres)
    done = _read(results)
    rows = _rows(done)
    edge.say()
    edge.table(HEAD, list(rows))
    problems = [f"{name}, seed {one['seed']}: {p}" for name, rounds in done.items() for one in rounds for p in one["problems"]]
    for problem in problems:
        edge.say(problem)
    if table is not None:
        table.write_text(_markdown(done, rows, problems, kills), encoding="utf-8")
    if problems:
        raise typer.Exit(1)


def _fulfil(name: str, target: Target, results: Path, kills: int, seed: int, postgres: str) -> None:
    """Rounds of one target until it has its kills."""
    while (killed := sum(one["kills"] for one in _read(results).get(name, []))) < kills:
        began, number, at = stopwatch(), min(BATCH, kills - killed), SystemClock().now()
        with_seed = seed + len(_read(results).get(name, []))
        with tempfile.TemporaryDirectory(prefix="moorage-soak-") as folder:
            found = target.run(Path(folder), number, with_seed, postgres)
        _append(
            results,
            name,
            {
                "kills": number,
                "seed": with_seed,
                "seconds": round(stopwatch() - began),
                "at": at.isoformat(timespec="seconds"),
                "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, {platform.system()} {platform.release()}",
                **found,
            },
        )
        edge.say(f"{name}: {killed + number} of {kills} kills, {len(found['problems'])} problems in this round")


def _rows(done: Done) -> list[tuple[Any, ...]]:
    """Of every target, also of those that never ran."""
    rows: list[tuple[Any, ...]] = []
    for name in BY_NAME:
        rounds = done.get(name, [])
        sums = [sum(one[key] for one in rounds) for key in ("kills", "work", "seconds")]
        rows.append((name, *sums, sum(len(one["problems"]) for one in rounds)) if rounds else (name, 0, "—", "—", "not run"))
    return rows


def _markdown(done: Done, rows: list[tuple[Any, ...]], problems: list[str], kills: int) -> str:
    every = [one for rounds in done.values() for one in rounds]
    begun, machines = sorted(one["at"] for one in every), sorted({one["machine"] for one in every})
    short = [f"{row[0]} ({row[1]})" for row in rows if row[1] < kills]
    lines = [
        "# Kill tests in full counts",
        "",
        f"Made by `moorage soak`, {kills} kills of each target, from {begun[0]} to {begun[-1]} on {'; '.join(machines)}."
        if begun
        else "Nothing was run.",
        *([f"Not reached by: {', '.join(short)}."] if short else []),
        "",
        *(f"| {' | '.join(str(cell) for cell in row)} |" for row in (HEAD, ("---",) * len(HEAD), *rows)),
        "",
        *(f"- {problem}" for problem in problems),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _read(file: Path) -> Done:
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}


def _append(file: Path, name: str, one: dict[str, Any]) -> None:
    """Keep one round; other processes keep theirs in the same file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_name(f".{file.name}.lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = _read(file)
        done.setdefault(name, []).append(one)
        fresh = file.with_name(f".{file.name}.new")
        fresh.write_text(json.dumps(done, indent=1), encoding="utf-8")
        fresh.replace(file)
