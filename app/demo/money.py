"""The money of the demo: its organizations are charged, pay, decline and come back, by the same services and jobs at a clock that is moved.

The clock goes from one instant at which something is due to the next; nothing is written but by what writes it every day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from app.absence import Absence
from app.container import Container
from app.context import Context
from app.demo.people import TURNED
from app.gateways.payments import Script, SimulatedGateway
from app.jobs import dunning, recognition, renewals
from app.jobs.run import Run
from app.keep import Keep
from app.services import audit, charges, invoices
from models.domain.access import job_actor
from models.domain.clock import FrozenClock
from models.domain.errors import Conflict
from models.store import audit as audit_rows
from models.store import catalogue, instances, organizations
from models.store import invoices as documents
from models.store import renewals as rows
from models.world.world import World

LATE = (timedelta(days=8), timedelta(days=11), timedelta(days=15))
"""So long after an invoice that was declined somebody looks at it again."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What an app's owner did on a day of the world: took this plan, or (None) left for a while."""

    namespace: str
    day: float
    plan: str | None


BEGAN: Mapping[str, str] = {
    "kopi-senja-n8n": "Starter",
    "toko-ayu-wordpress": "Site",
    "klinik-sehat-sentosa-n8n": "Scale",
    "nusantara-travel-n8n": "Team",
}
"""The first plan of apps that have another one today."""
TURNS = (
    Turn("kopi-senja-n8n", -151, "Team"),
    Turn("toko-ayu-wordpress", -222, "Business"),
    Turn("klinik-sehat-sentosa-n8n", -97, "Team"),
    Turn("nusantara-travel-n8n", -58, "Scale"),
    Turn("studio-foto-lensa-ghost", -38, None),
    Turn("studio-foto-lensa-ghost", 22, "Blog"),
)
"""In the end every app has the plan that its row says."""
DECLINES: Mapping[tuple[str, int], Script] = {
    ("bali-surf-school", 3): Script.SOFT,
    ("warung-bu-tini", 4): Script.SOFT,
    ("apotek-melati", 1): Script.SOFT,
    ("percetakan-harapan", 1): Script.HARD,
}
"""Answers of the gateway that were no money, by organization and number of the period; the next attempt is paid."""


@dataclass(frozen=True, slots=True)
class Step:
    """One turn in time, noted in the audit with what it did, so that it is done once. `plan`: the id of a plan, or None."""

    at: datetime
    instance_id: str
    plan: str | None

    @property
    def mark(self) -> str:
        return f"{self.instance_id}:{self.at.isoformat()}"


class Walk(Run):
    """A job's hands outside of the table of occurrences: nobody else is there yet who could take it over."""

    @contextmanager
    def transaction(self) -> Iterator[Context]:
        with self.container.transaction(self.actor, "job") as ctx:
            yield ctx


def write(container: Container, world: World) -> None:
    """Everything up to now. Killed anywhere it is continued by the next call, since each of its steps happens once."""
    now = container.clock.now()
    clock = FrozenClock(world.epoch - timedelta(days=400))
    past = replace(container, clock=clock, keep=Keep(), absence=Absence())
    book = container.settings.data / "world-payments.sqlite"
    with past.reading(job_actor("demo"), "job") as ctx:
        done = {row.subject for row in audit_rows.search(ctx.session, action=TURNED, limit=None)}
        steps = [step for step in _steps(ctx, world) if step.mark not in done]
        slugs = {row.id: row.slug for row in organizations.everything(ctx.session)}
    later: set[datetime] = set()
    while True:
        with past.reading(job_actor("demo"), "job") as ctx:
            due = rows.next_due(ctx.session)
        at = min([*(step.at for step in steps[:1]), *later, *([due] if due else [])], default=now)
        if at >= now:
            break
        clock.advance(max(at - clock.now(), timedelta(0)))
        while steps and steps[0].at <= at:
            with past.transaction(job_actor("demo"), "job") as ctx:
                _turn(ctx, steps.pop(0))
        again = at in later
        later = {one for one in later if one > at}
        if again:
            _done(Walk(past, dunning.NAME, at, "", "demo", 1), dunning.dun)
        if _bill(past, book, slugs, due_before=due):
            later |= {at + wait for wait in LATE}
    clock.advance(now - clock.now())
    for name, body in ((recognition.NAME, recognition.recognise), (dunning.NAME, dunning.dun)):
        _done(Walk(past, name, now, "", "demo", 1), body)
    with container.transaction(job_actor("demo"), "cli") as ctx:
        audit.record(ctx, action="demo.money", subject="demo", after={"upto": now})


def _steps(ctx: Context, world: World) -> list[Step]:
    """Beginnings and turns of every app that is paid, in their order."""
    apps = {row.namespace: row for row in instances.search(ctx.session) if row.plan_id is not None}
    plans = {(row.template, row.name): row.id for row in catalogue.plans(ctx.session)}
    found = [
        Step(app.created_at, app.id, plans[app.template, BEGAN[name]] if name in BEGAN else app.plan_id)
        for name, app in apps.items()
    ]
    for turn in TURNS:
        app = apps[turn.namespace]
        plan = plans[app.template, turn.plan] if turn.plan else None
        found.append(Step(world.epoch + timedelta(days=turn.day), app.id, plan))
    return sorted(found, key=lambda step: (step.at, step.instance_id))


def _turn(ctx: Context, step: Step) -> None:
    app = instances.by_id(ctx.session, step.instance_id)
    if app is None:
        return
    audit.record(ctx, action="demo.turn", subject=step.mark, organization=app.organization_id, after={"plan_id": step.plan})
    if step.plan is None:
        charges.end(ctx, app)
        return
    app.plan_id = step.plan
    ctx.session.add(app)
    ctx.session.flush()
    charges.follow(ctx, app)


def _bill(past: Container, book: Path, slugs: Mapping[str, str], *, due_before: datetime | None) -> bool:
    """Invoices of what is due and the gateway's answers; whether it declined one."""
    run, gateway = Walk(past, renewals.NAME, past.clock.now(), "", "demo", 1), SimulatedGateway(book)
    renewals.begin(run)
    renewals.issue(run, gateway)
    with past.reading(run.actor, "job") as ctx:
        if due_before is not None and due_before <= ctx.now and rows.next_due(ctx.session) == due_before:
            why = "; ".join(run.problems) or "nothing was done"
            raise Conflict(f"The demo's money stands still at {due_before:%Y-%m-%d %H:%M} UTC: {why}.")
        asked = [(one, documents.by_id(ctx.session, one.invoice_id)) for one in invoices.to_ask(ctx, at=ctx.now)]
        scripts = [DECLINES.get((slugs[row.organization_id], row.period)) if row is not None else None for _, row in asked]
    declined = False
    for (one, _), script in zip(asked, scripts, strict=True):
        first = script if one.key.endswith(":1") else None
        declined |= first is not None
        renewals.ask_one(run, one, SimulatedGateway(book, (first,)) if first else gateway)
    return declined


def _done(run: Walk, body: Callable[[Run], None]) -> None:
    body(run)
    if run.problems:
        raise Conflict(f"The demo's money could not be made: {'; '.join(run.problems)}")
