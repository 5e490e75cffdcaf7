"""Passes of the provisioner over change sets: taken by one process at a time, and what came of each written down once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.context import Context
from app.services import audit, changesets, outbox, settings, specifications, stillness
from models.domain.access import Permission
from models.domain.changesets import DONE_AS, ChangeState, Purpose
from models.domain.instances import MOVES, State, move
from models.store import catalogue, instances, members, organizations, reservations, upgrades
from models.store import changesets as store
from models.store import specifications as specification_rows
from models.store.instances import Instance
from provisioner import desired, explain
from provisioner.changes import Change
from provisioner.desired import Phase
from provisioner.reconcile import Agreed, Blocked, Done, Outcome, Waiting
from provisioner.wanted import Wanted

LEASE = timedelta(seconds=60)
ADDRESS = "address"
"""The phase in which everything stands and the address has to answer."""
ADDRESS_POLL = timedelta(seconds=2)
SIGN_IN_POLL = timedelta(seconds=30)
"""Apps count wrong sign-ins and lock the door after some."""


@dataclass(frozen=True, slots=True)
class Work:
    """One pass that a process has taken. `address` is where the app has to answer before it is ready; empty: nobody asks."""

    change_set_id: str
    holder: str
    purpose: Purpose
    wanted: Wanted
    attempts: int
    agreed: frozenset[Agreed]
    address: str
    proves: bool = False
    """Whether the credentials that were drawn have to sign in there."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Everything that has to answer: the address with each path that leads to a component of its own."""
        routes = self.wanted.routes if self.address else ()
        return tuple(self.address.rstrip("/") + route if route != "/" else self.address for route in routes)


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether the address answered, and took the credentials where that is tried. `final`: there is no use in asking again (nobody can
    reach it from here). `refused`: it answers, but not to the credentials."""

    answered: bool
    reason: str = ""
    final: bool = False
    refused: bool = False


def due(ctx: Context, *, limit: int) -> tuple[str, ...]:
    """Ids of change sets that wait for a pass now."""
    ctx.require(Permission.RUN_JOBS)
    return tuple(store.due(ctx.session, ctx.now, limit=limit))


def take(ctx: Context, *, change_set_id: str, holder: str, lease: timedelta = LEASE) -> Work | None:
    """Take one for a pass; None when somebody was faster, or there is nothing left to do."""
    ctx.require(Permission.RUN_JOBS)
    row = store.claim(ctx.session, change_set_id, holder=holder, now=ctx.now, until=ctx.now + lease)
    if row is None:
        return None
    instance = instances.by_id(ctx.session, row.instance_id)
    specification = specification_rows.newest(ctx.session, row.instance_id)
    if instance is None or specification is None or instance.state is State.GONE:
        _close(ctx, row, ChangeState.CANCELLED, "The app is gone.")
        return None
    row.generation, row.started_at = specification.generation, row.started_at or ctx.now
    ctx.session.add(row)
    ctx.session.flush()
    waited = stillness.waits(ctx, instance, removes=row.purpose is Purpose.REMOVE)
    if row.purpose is Purpose.REMOVE:
        _goto(ctx, instance, State.DELETING)
        if not waited:
            saved, waited = stillness.saved_before(ctx, row, instance)
            if not saved and not waited:
                _stop(ctx, row, instance, "The last backup before the deletion could not be made, so nothing was deleted.")
                return None
    if waited:
        _wait(ctx, row, row.phase, waited, ctx.now + stillness.LOOK)
        return None
    if row.purpose in (Purpose.CREATE, Purpose.START):
        _goto(ctx, instance, State.PROVISIONING)
    wanted = specifications.wanted(ctx.session, instance, specification, ctx.ground)
    asks = wanted.running and row.purpose is not Purpose.REMOVE
    # later its password is the customer's, who may have changed it: an upgrade asks for it when it was right before
    proves = row.purpose is Purpose.CREATE or upgrades.has_to_prove(ctx.session, row.id, row.generation)
    return Work(row.id, holder, row.purpose, wanted, row.attempts, changesets.agreed(row), instance.address if asks else "", proves)


def record(ctx: Context, work: Work, outcome: Outcome, proof: Proof | None = None) -> ChangeState | None:
    """Write down how a pass ended; None when the change set is not this process's any more, and nothing is written.

    `proof` belongs to Done, where the address was asked: it decides whether the app is ready.
    """
    ctx.require(Permission.RUN_JOBS)
    row = store.held_by(ctx.session, work.change_set_id, work.holder)
    if row is None:
        return None
    instance = instances.by_id(ctx.session, row.instance_id)
    if instance is None:
        return None
    if isinstance(outcome, (Done, Waiting)):
        _note(ctx, row, outcome.applied)
    row.digest = desired.digest(desired.desired(work.wanted)) if work.purpose is not Purpose.REMOVE else row.digest
    newest = specification_rows.newest(ctx.session, row.instance_id)
    if newest is not None and newest.generation != work.wanted.generation:
        return _wait(ctx, row, row.phase, "Something else is wanted meanwhile.", ctx.now)
    match outcome:
        case Waiting():
            _reach(ctx, row, outcome.phase.value if outcome.phase else row.phase)
            if row.purpose is Purpose.UPGRADE and row.deadline is not None and ctx.now >= row.deadline:
                return _stop(ctx, row, instance, f"It was not ready in time: {outcome.reason}")
            quiet = not outcome.applied and outcome.phase is None
            row.attempts = row.attempts + 1 if quiet else 0
            return _wait(ctx, row, row.phase, outcome.reason, outcome.again_at)
        case Blocked():
            _reach(ctx, row, outcome.phase.value if outcome.phase else row.phase)
            known = {(one.danger.value, one.kind, one.name) for one in outcome.objections} - work.agreed
            row.agreed = changesets.objected(known) if known else row.agreed
            return _stop(ctx, row, instance, outcome.reason)
        case Done():
            return _stands(ctx, row, instance, work, proof)


def _stands(ctx: Context, row: store.ChangeSet, instance: Instance, work: Work, proof: Proof | None) -> ChangeState:
    """Everything is in the cluster; ready is who answers."""
    reservations.end(ctx.session, instance.id, ctx.now)
    if proof is not None and not proof.answered and not proof.final:
        _reach(ctx, row, ADDRESS)
        if row.deadline is None:
            row.deadline = ctx.now + timedelta(seconds=work.wanted.template.ready_within_seconds)
        if ctx.now >= row.deadline:
            said = "answers, but nobody can sign in" if proof.refused else "does not answer"
            return _stop(ctx, row, instance, f"Everything runs, but {instance.address} {said}: {proof.reason}")
        said = "The address answers, but nobody can sign in yet" if proof.refused else "The address does not answer yet"
        return _wait(ctx, row, ADDRESS, f"{said}: {proof.reason}", ctx.now + (SIGN_IN_POLL if proof.refused else ADDRESS_POLL))
    _reach(ctx, row, "done")
    told = proof.reason if proof is not None and not proof.answered else ""
    _close(ctx, row, ChangeState.DONE, f"Only the rollout was seen: {told}" if told else "")
    if work.wanted.notice and work.purpose is not Purpose.REMOVE:
        target = State.SUSPENDED
    else:
        target = DONE_AS[work.purpose] if work.wanted.running or work.purpose is Purpose.REMOVE else State.STOPPED
    _goto(ctx, instance, target)
    audit.record(
        ctx,
        action="changesets.done",
        subject=row.id,
        organization=instance.organization_id,
        after={"purpose": work.purpose, "app": instance.name},
    )
    if work.purpose is Purpose.CREATE:
        _tell_ready(ctx, instance, work)
    return ChangeState.DONE


def _tell_ready(ctx: Context, instance: Instance, work: Work) -> None:
    """One mail to whoever signs in there first; it names no secret."""
    user = members.user_by_email(ctx.session, work.wanted.email)
    organization = organizations.by_id(ctx.session, instance.organization_id)
    outbox.enqueue(
        ctx,
        key=f"ready:{instance.id}",
        kind="app_ready",
        to=work.wanted.email,
        locale=user.locale if user else organization.locale if organization else "en",
        link=f"{ctx.address}/app?id={instance.id}",
        organization=instance.organization_id,
        name=user.name if user else "",
        app=instance.name,
        template=work.wanted.template.name,
        url=instance.address,
    )


def _stop(ctx: Context, row: store.ChangeSet, instance: Instance, reason: str) -> ChangeState:
    _close(ctx, row, ChangeState.BLOCKED, reason)
    if row.purpose is not Purpose.REMOVE:
        _goto(ctx, instance, State.DEGRADED)
    audit.record(
        ctx,
        action="changesets.stop",
        subject=row.id,
        organization=instance.organization_id,
        after={"purpose": row.purpose, "app": instance.name, "reason": reason},
    )
    if row.purpose is Purpose.UPGRADE:
        return ChangeState.BLOCKED  # its old version comes back by itself, and what came of that is told then
    outbox.alert_staff(
        ctx,
        key=f"stopped:{row.id}:{row.generation}:{row.phase}",
        title=f"{instance.name} in {instance.namespace} stopped while it was changed",
        body=f"{reason} Nothing more is done about it until somebody looks.",
        link=f"{ctx.address}/provisioning?change={row.id}",
    )
    if row.purpose is Purpose.CREATE:
        _off_sale(ctx, instance.template)
    return ChangeState.BLOCKED


def _off_sale(ctx: Context, template: str) -> None:
    """A template whose newest apps all failed is not sold any more until somebody has looked."""
    most = int(settings.get(ctx, "failures_off_sale"))
    row = catalogue.template_by_id(ctx.session, template)
    if row is None or row.withdrawn_at is not None or store.failures_in_a_row(ctx.session, template, limit=most) < most:
        return
    row.withdrawn_at, row.withdrawn_reason = ctx.now, f"The newest {most} apps of it could not be made."
    ctx.session.add(row)
    audit.record(ctx, action="catalogue.withdraw", subject=row.id, after={"reason": row.withdrawn_reason})
    outbox.alert_staff(
        ctx,
        key=f"off-sale:{template}:{ctx.now.isoformat()}",
        title=f"{row.name} is off sale",
        body=f"{row.withdrawn_reason} Put it back when the reason is mended.",
        link=f"{ctx.address}/catalogue_admin",
    )


def _note(ctx: Context, row: store.ChangeSet, applied: Iterable[Change]) -> None:
    number = len(store.steps(ctx.session, row.id))
    done = list(applied)
    for change, sentence in zip(done, explain.sentences(done), strict=True):
        number += 1
        _step(ctx, row, number, change.verb.value, change.kind, change.name, sentence)
    ctx.session.flush()


def _reach(ctx: Context, row: store.ChangeSet, phase: str) -> None:
    """Note each phase that stands now: all before the one that is waited for."""
    order = [one.value for one in Phase] + [ADDRESS, "done"]
    before = order.index(row.phase) if row.phase in order else 0
    number = len(store.steps(ctx.session, row.id))
    for reached in order[before : order.index(phase)] if phase in order else ():
        number += 1
        _step(ctx, row, number, "phase", "Phase", reached, "")
    row.phase = phase
    ctx.session.flush()


def _step(ctx: Context, row: store.ChangeSet, number: int, verb: str, kind: str, name: str, sentence: str) -> None:
    ctx.session.add(
        store.ChangeStep(change_set_id=row.id, number=number, at=ctx.now, verb=verb, kind=kind, name=name, sentence=sentence)
    )


def _wait(ctx: Context, row: store.ChangeSet, phase: str, reason: str, again_at: datetime) -> ChangeState:
    row.phase, row.reason, row.again_at, row.holder, row.lease_until = phase, reason, again_at, "", None
    ctx.session.add(row)
    ctx.session.flush()
    return ChangeState.WAITING


def _close(ctx: Context, row: store.ChangeSet, state: ChangeState, reason: str) -> None:
    row.state, row.reason, row.holder, row.lease_until = state, reason, "", None
    row.finished_at = ctx.now
    ctx.session.add(row)
    ctx.session.flush()


def _goto(ctx: Context, instance: Instance, target: State) -> None:
    """Where the work has brought the app; what the table does not allow from here is somebody else's business."""
    if instance.state is target or target not in MOVES[instance.state]:
        return
    if instances.move(ctx.session, instance.id, instance.state, move(instance.state, target)):
        ctx.session.refresh(instance)
