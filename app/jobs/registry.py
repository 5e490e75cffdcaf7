"""The table of background work: `@job` declares, `every()` and `find()` tell."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.config import Settings
from app.context import Context
from app.jobs.run import Run
from app.services import jobs as service
from app.services.jobs import Preview
from models.domain.errors import NotFound
from models.domain.jobs import JobHome, Rhythm

MODULES: tuple[str, ...] = (
    "warehouse",
    "inventory",
    "traffic",
    "housekeeping",
    "backup",
    "mail",
    "alerts",
    "orders",
    "trials",
    "app_backups",
    "renewals",
    "recognition",
    "ledger",
    "dunning",
    "documents",
)
"""Modules of `app.jobs` that declare jobs."""


@dataclass(frozen=True, slots=True)
class Job:
    """One declared job. `body` receives a `Run`; its `due_at` is the time it speaks for, not the time it happens to run."""

    name: str
    home: JobHome
    rhythm: Rhythm
    body: Callable[[Run], None]
    preview: Callable[[Context, datetime], Preview]
    at_start: bool
    """Whether a new installation runs it at once instead of at its first due time."""

    @property
    def about(self) -> str:
        return (self.body.__doc__ or "").strip().splitlines()[0]


_JOBS: dict[str, Job] = {}
_SET: dict[str, Callable[[Settings], timedelta]] = {}
"""Rhythms that are settings, by job."""


def job(
    name: str,
    *,
    every: timedelta | Callable[[Settings], timedelta],
    home: str,
    preview: Callable[[Context, datetime], Preview],
    offset: timedelta = timedelta(0),
    at_start: bool = False,
) -> Callable[[Callable[[Run], None]], Callable[[Run], None]]:
    """Declare the decorated body as a job, due each `every` counted from midnight UTC plus `offset`.

    Where `every` is a setting, it is a function of the settings: its default holds until `fit`.
    """

    def declare(body: Callable[[Run], None]) -> Callable[[Run], None]:
        if not (body.__doc__ or "").strip():
            raise ValueError(f"the job {name} needs a docstring: its first line is shown to people")
        if callable(every):
            _SET[name] = every
        usual = every(Settings.model_construct()) if callable(every) else every
        _keep(Job(name, JobHome(home), Rhythm(usual, offset), body, preview, at_start))
        return body

    return declare


def _keep(job: Job) -> None:
    _JOBS[job.name] = job
    service.declare(service.Declared(job.name, job.about, job.home, job.rhythm, job.preview))


def fit(settings: Settings) -> None:
    """Give jobs whose rhythm is a setting the one of this installation."""
    every()
    for name, rhythm in _SET.items():
        job = _JOBS[name]
        _keep(replace(job, rhythm=Rhythm(rhythm(settings), job.rhythm.offset)))


def every() -> tuple[Job, ...]:
    """All jobs of the program, by name."""
    for module in MODULES:
        importlib.import_module(f"app.jobs.{module}")
    return tuple(_JOBS[name] for name in sorted(_JOBS))


def find(name: str) -> Job:
    known = {j.name: j for j in every()}
    if name not in known:
        raise NotFound(f"There is no job “{name}”. There are: {', '.join(known)}.")
    return known[name]
