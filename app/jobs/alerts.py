"""Mails to staff: one when a trouble begins, one when it is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.context import Context
from app.jobs import mail
from app.jobs.registry import job
from app.jobs.run import Run
from app.services import collection, outbox
from app.services import jobs as declared
from app.services.jobs import Planned, Preview
from models.domain.errors import PlatformError, Unavailable
from models.domain.jobs import JobHome, OccurrenceState
from models.store import jobs, notices

SILENT_AFTER = timedelta(minutes=2)
LATE_RUNS = 3
"""A job is late when so many of its due times, and five minutes more, passed without a finished run."""
LATE_AFTER = timedelta(minutes=5)
SETTLED_RUNS, SETTLED_IN = 5, timedelta(minutes=6)
"""So many looks in so short a time: only a process that has run for a while can say that another one does not."""
NAMES = {JobHome.SERVER: "alerts", JobHome.WORKER: "alerts_worker"}


@dataclass(frozen=True, slots=True)
class Found:
    """Troubles by key, as (title, text). `judged` are the kinds of which all that lasts is known: the others stay as they were."""

    troubles: Mapping[str, tuple[str, str]]
    judged: frozenset[str]


def find(ctx: Context, *, home: JobHome) -> Found:
    """What a process of that home can see: the server everything, the worker whether the server still does its jobs."""
    parts = {"job": _failed, "late": _late} | (
        {"source": _stale, "node": _nodes, "cluster": _silent} if home is JobHome.SERVER else {}
    )
    troubles: dict[str, tuple[str, str]] = {}
    judged = set()
    for kind, part in parts.items():
        try:
            troubles |= {f"{home}/{kind}:{key}": told for key, told in part(ctx, home).items()}
        except PlatformError:
            continue  # what cannot be looked at is not over
        judged.add(f"{home}/{kind}")
    return Found(troubles, frozenset(judged))


def _stale(ctx: Context, _home: JobHome) -> dict[str, tuple[str, str]]:
    if any(health.last_success_at is None and health.failing_since is None for health in ctx.cluster.sources()):
        raise Unavailable("The collection has only begun; nobody knows yet how it goes.")
    return {
        source.source: (
            f"Collection from {source.source} is {source.state}",
            (f"The last tick is of {source.last_tick:%Y-%m-%d %H:%M} UTC. " if source.last_tick else "There was no tick yet. ")
            + (source.problem or "The source gives no reason.")
            + " Pages show the last known values; gaps are filled when it answers again.",
        )
        for source in collection.health(ctx).sources
        if source.state in ("late", "failing")
    }


def _nodes(ctx: Context, _home: JobHome) -> dict[str, tuple[str, str]]:
    known = ctx.cluster.snapshot()
    if known.stale_since is not None:
        raise Unavailable("the cluster is silent, so nobody knows about its nodes")
    if not known.nodes:
        raise Unavailable("no node was seen yet; a cluster has at least one")
    return {
        f"{known.cluster}/{node.name}": (
            f"Node {node.name} is down",
            f"It {'does not answer' if node.ready is None else 'is not ready'}"
            + (f" ({node.reason})" if node.reason else "")
            + (f" since {node.ready_since:%Y-%m-%d %H:%M} UTC" if node.ready_since else "")
            + f"; {sum(p.active and p.node == node.name for p in known.pods.values())} pods are on it.",
        )
        for node in known.nodes.values()
        if node.ready is not True
    }


def _silent(ctx: Context, _home: JobHome) -> dict[str, tuple[str, str]]:
    known = ctx.cluster.snapshot()
    if known.stale_since is None:
        return {}
    if ctx.now - known.stale_since < SILENT_AFTER:
        raise Unavailable("the cluster has only fallen silent: a process that began just now cannot say that it is back")
    said = known.trouble or "The Kubernetes API does not answer."
    return {known.cluster: (f"Cluster {known.cluster} is silent", f"Since {known.stale_since:%Y-%m-%d %H:%M} UTC. {said}")}


def _failed(ctx: Context, home: JobHome) -> dict[str, tuple[str, str]]:
    found = {}
    for job_ in _jobs_of(home):
        last = _ended(ctx, job_.name)
        if last is not None and last.state == OccurrenceState.FAILED:
            found[job_.name] = (f"The job {job_.name} failed", f"After {last.attempts} attempts: {last.error}")
    return found


def _ended(ctx: Context, name: str) -> jobs.JobOccurrence | None:
    """The newest run that has come to its end: one that runs now or tries again says nothing yet about the trouble before it."""
    ends = [
        one
        for state in (OccurrenceState.DONE, OccurrenceState.FAILED)
        for one in jobs.history(ctx.session, name=name, state=state, limit=1)
    ]
    return max(ends, key=lambda one: one.due_at, default=None)


def _late(ctx: Context, home: JobHome) -> dict[str, tuple[str, str]]:
    """Jobs of the other process: who is not running cannot say so itself."""
    looks = jobs.history(ctx.session, name=NAMES[home], state=OccurrenceState.DONE, limit=SETTLED_RUNS)
    if len(looks) < SETTLED_RUNS or looks[-1].due_at < ctx.now - SETTLED_IN:
        raise Unavailable("This process has only begun; the other one may be starting too.")
    other = JobHome.WORKER if home is JobHome.SERVER else JobHome.SERVER
    found = {}
    for job_ in _jobs_of(other):
        last = jobs.latest(ctx.session, job_.name)
        if last is not None and last.started_at is not None:
            silent = ctx.now - (last.finished_at or last.started_at)
            if silent > job_.rhythm.every * LATE_RUNS + LATE_AFTER:
                found[job_.name] = (
                    f"The job {job_.name} does not run",
                    f"It last ended at {last.finished_at or last.started_at:%Y-%m-%d %H:%M} UTC. Look whether the {other} runs.",
                )
    return found


def _jobs_of(home: JobHome) -> list[declared.Declared]:
    return [one for one in declared.DECLARED.values() if one.home is home]


@dataclass(frozen=True, slots=True)
class Step:
    """One change between what was told and what is."""

    key: str
    title: str
    text: str
    notice: str | None = None
    """The notice that is over; None: the trouble began."""


def steps(ctx: Context, *, home: JobHome) -> tuple[Step, ...]:
    """What a run would tell, by key: troubles that were not told yet, and told ones that are over."""
    found = find(ctx, home=home)
    told = {row.key: row for row in notices.open_(ctx.session)}
    begun = [Step(key, title, text) for key, (title, text) in found.troubles.items() if key not in told]
    over = [
        Step(key, f"Over: {row.text}", f"It began at {row.begun_at:%Y-%m-%d %H:%M} UTC and is over.", row.id)
        for key, row in told.items()
        if key not in found.troubles and key.split(":", 1)[0] in found.judged
    ]
    return tuple(sorted((*begun, *over), key=lambda step: step.key))


def tell(run: Run, home: JobHome) -> None:
    """Mail each step once: the notice and the mails are written in one transaction."""
    with run.reading() as ctx:
        planned = steps(ctx, home=home)
    run.each(planned, _tell, word="told")


def _tell(ctx: Context, step: Step) -> None:
    if step.notice is None:
        notice = notices.begin(ctx.session, key=step.key, text=step.title, now=ctx.now).id
    elif notices.end(ctx.session, step.notice, now=ctx.now):
        notice = f"{step.notice}:over"
    else:
        return
    outbox.alert_staff(ctx, key=f"notice:{notice}", title=step.title, body=step.text, link=ctx.address)


def _preview(ctx: Context, due_at: datetime, home: JobHome) -> Preview:
    planned = steps(ctx, home=home)
    begun = sum(step.notice is None for step in planned)
    summary = f"{begun} troubles began and {len(planned) - begun} are over; staff would be told." if planned else "Nothing to tell."
    return Preview(NAMES[home], due_at, summary, tuple(Planned(step.key, step.title) for step in planned))


def preview_server(ctx: Context, due_at: datetime) -> Preview:
    return _preview(ctx, due_at, JobHome.SERVER)


def preview_worker(ctx: Context, due_at: datetime) -> Preview:
    return _preview(ctx, due_at, JobHome.WORKER)


@job("alerts", every=timedelta(minutes=1), offset=timedelta(seconds=20), home="server", preview=preview_server)
def alert(run: Run) -> None:
    """Mail staff when collection goes stale, a node goes down, a job fails or the worker falls silent, and when it is over.

    While the worker does not hand over mails this does, or nobody would hear that it is silent.
    """
    tell(run, JobHome.SERVER)
    if _no_postman(run):
        mail.hand_over(run)


def _no_postman(run: Run) -> bool:
    try:
        with run.reading() as ctx:
            return mail.NAME in _late(ctx, JobHome.SERVER)
    except Unavailable:
        return False


@job("alerts_worker", every=timedelta(minutes=1), offset=timedelta(seconds=40), home="worker", preview=preview_worker)
def alert_from_worker(run: Run) -> None:
    """Mail staff when a job of the worker fails or the server falls silent, and when it is over."""
    tell(run, JobHome.WORKER)
