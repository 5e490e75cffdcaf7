"""From an order to a running app, as its customer follows it: seven steps, how far they are, how long it took and usually takes."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from app.context import Context
from app.services import changesets, editions, orders
from app.services.changesets import ChangeSetView, StepView
from app.services.offers import MEASURED
from app.services.orders import OrderView
from models.domain.access import Permission
from models.domain.changesets import ChangeState, Purpose
from models.domain.components import Keeping
from models.domain.instances import State
from models.domain.orders import OPEN, OrderState
from models.store import catalogue, instances
from models.store import changesets as store
from models.store import orders as order_rows
from models.store import specifications as wishes
from provisioner.catalogue import Template

Stand = Literal["done", "now", "stopped", "ahead"]
PHASES: Mapping[str, str] = {
    "": "disk",
    "walls": "disk",
    "storage": "disk",
    "inside": "database",
    "app": "start",
    "setup": "setup",
    "entrance": "address",
    "address": "address",
}
"""Phase of the work -> the step that a customer reads."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One step. `took`: how long it lasted, when it is over and was timed."""

    name: str
    stand: Stand
    took: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an order is. `code`: confirmation, approval, payment, working, stopped, ready, refused or lapsed."""

    order: OrderView
    template: str
    """As people call it."""
    code: str
    marks: tuple[Mark, ...]
    elapsed: timedelta | None
    """Since the work began, until its end or now."""
    usual: timedelta | None
    """How long the newest apps of the kind took."""
    exact: str
    """Why it stopped or ended, as the platform or the cluster said it."""
    may_confirm: bool
    may_cancel: bool

    @property
    def over(self) -> bool:
        return self.code in ("ready", "refused", "lapsed")

    @property
    def stage(self) -> str:
        """The step that goes on, or at which it stopped; empty when all are over."""
        return next((mark.name for mark in self.marks if mark.stand in ("now", "stopped")), "")


def of_order(ctx: Context, *, order_id: str) -> Progress:
    """That of one order; NotFound when it does not exist or is somebody else's."""
    return _progress(ctx, orders.get(ctx, order_id=order_id))


def of_app(ctx: Context, *, instance_id: str) -> Progress | None:
    """That of the app's order while the app is not made yet; None afterwards, and for an app that was not ordered."""
    instance = instances.by_id(ctx.session, instance_id)
    row = order_rows.of_instance(ctx.session, instance_id)
    if instance is None or row is None or not ctx.actor.may(Permission.SEE_OWN_INSTANCES, row.organization_id):
        return None  # who may not see the app hears that from the app's own question
    if instance.state not in (State.ORDERED, State.PROVISIONING, State.DEGRADED, State.GONE):
        return None
    found = _progress(ctx, orders.view(ctx, row))
    return found if found.code not in ("ready",) else None


def open_(ctx: Context, *, organization_id: str) -> tuple[Progress, ...]:
    """Those of an organization's orders that are not over, the newest first."""
    ctx.require(Permission.SEE_OWN_INSTANCES, organization_id)
    found = []
    for row in order_rows.search(ctx.session, within=[organization_id], states=[*OPEN, OrderState.ACCEPTED]):
        instance = instances.by_id(ctx.session, row.instance_id)
        if instance is not None and instance.state in (State.ORDERED, State.PROVISIONING, State.DEGRADED):
            one = _progress(ctx, orders.view(ctx, row))
            if not one.over:
                found.append(one)
    return tuple(found)


def _progress(ctx: Context, order: OrderView) -> Progress:
    template = catalogue.template_by_id(ctx.session, order.template)
    written = editions.read(ctx.session, template.edition) if template and template.edition else None
    made = [one for one in changesets.list_(ctx, instance_id=order.instance_id) if one.purpose is Purpose.CREATE]
    change = made[-1] if made else None
    steps = changesets.steps(ctx, change_set_id=change.id) if change else ()
    code = _code(order, change)
    took = store.durations(ctx.session, order.template, limit=MEASURED)
    began = change.started_at if change else None
    ended = change.finished_at if change and change.state is not ChangeState.WAITING else None
    mine = ctx.actor.may(Permission.OPERATE_OWN_INSTANCES, order.organization_id)
    return Progress(
        order=order,
        template=template.name if template else order.template,
        code=code,
        marks=marks(code, change.phase if change else "", _taken(began, steps), _stages(written, _beside(ctx, order))),
        elapsed=(ended or ctx.now) - began if began else None,
        usual=timedelta(seconds=statistics.median(took)) if took else None,
        exact=change.reason if change and code == "stopped" else order.reason,
        may_confirm=code == "confirmation" and ctx.actor.may(Permission.MANAGE_OWN_BILLING, order.organization_id),
        may_cancel=order.state in OPEN and mine,
    )


def _code(order: OrderView, change: ChangeSetView | None) -> str:
    if order.state is not OrderState.ACCEPTED:
        return order.state.value
    if change is None or change.state is ChangeState.DONE:
        return "ready"
    return {ChangeState.BLOCKED: "stopped", ChangeState.CANCELLED: "lapsed"}.get(change.state, "working")


def _beside(ctx: Context, order: OrderView) -> bool:
    """Whether components of the catalogue were ordered with it."""
    wish = wishes.newest(ctx.session, order.instance_id)
    return wish is not None and any(one.keeping is Keeping.RUNS for one in wish.added)


def _stages(template: Template | None, beside: bool) -> tuple[str, ...]:
    """Steps that a template has: one without a disk waits for none. `beside`: others start before it."""
    parts = template.components if template else ()
    here = {
        "disk": beside or any(one.volumes for one in parts),
        "database": beside or len(parts) > 1,
        "start": True,
        "setup": bool(template and template.setup),
        "address": True,
    }
    return ("room", "payment", *(name for name, there in here.items() if there))


def marks(code: str, phase: str, taken: Mapping[str, timedelta], stages: Sequence[str]) -> tuple[Mark, ...]:
    """The steps with how they stand. Nothing is marked as done that is not: an order that ended shows only what it reached."""
    names = list(stages)
    if code == "ready":
        at = len(names)
    elif code in ("working", "stopped"):
        wanted = PHASES.get(phase, "address")
        at = names.index(wanted) if wanted in names else names.index("start")
    else:
        at = names.index("payment")
    here: Stand = "stopped" if code in ("stopped", "refused", "lapsed") else "now"
    return tuple(
        Mark(name, "done" if place < at else here if place == at else "ahead", taken.get(name) if place < at else None)
        for place, name in enumerate(names)
    )


def _taken(began: datetime | None, steps: Sequence[StepView]) -> Mapping[str, timedelta]:
    """How long each step took: phases are noted when they are reached, one after the other."""
    found: dict[str, timedelta] = {}
    last = began
    for step in steps:
        if step.verb == "phase" and last is not None and step.name in PHASES:
            name = PHASES[step.name]
            found[name] = found.get(name, timedelta()) + (step.at - last)
            last = step.at
    return found
