"""What can be done about a finding: the operation that a button carries out, and what it costs. For the diagnosis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from app.context import Context
from app.services import specifications, upkeep
from app.services.upkeep import Choice, Upkeep
from models.domain import diagnosis_words as words
from models.domain.changesets import ChangeState
from models.domain.diagnosis import Cause, Finding, Remedy, Value, shown
from models.store import catalogue, instances
from models.store import changesets as works
from models.store import specifications as wishes
from provisioner.catalogue.quantities import bytes_of
from provisioner.desired import desired


@dataclass(frozen=True, slots=True)
class Fix:
    """One operation. `refused` says why the actor cannot have it: trial, pay, rights; empty when a button may do it."""

    remedy: Remedy
    code: str
    """Of the sentence that says what it does."""
    advice: str
    values: Mapping[str, Value]
    refused: str = ""
    plan: str = ""
    difference_minor: int = 0
    """A month more than now, in minor units of `currency`."""
    currency: str = ""
    generation: int = 0
    change_set_id: str = ""


@dataclass(frozen=True, slots=True)
class Means:
    """What there is to choose from. `good`: the newest earlier generation that came to stand with other settings than now."""

    seen: Upkeep | None
    good: tuple[int, datetime] | None
    changed_at: datetime | None
    """When the present settings were wanted."""
    stands: bool
    """Whether the present settings came to stand."""


def means(ctx: Context, *, instance_id: str) -> Means:
    """Of an app that the actor may see."""
    seen = upkeep.of_app(ctx, instance_id=instance_id)
    history = wishes.history(ctx.session, instance_id)
    if seen is None or not history:
        return Means(seen, None, None, stands=False)
    now = history[0]
    stood = {row.generation for row in works.of_instance(ctx.session, instance_id) if row.state is ChangeState.DONE}

    def same(one: wishes.Specification) -> bool:
        return (one.edition, one.given) == (now.edition, now.given)

    since = min(one.created_at for one in history if same(one))
    good = next(((one.generation, one.created_at) for one in history if not same(one) and one.generation in stood), None)
    return Means(seen, good, since, any(same(one) and one.generation in stood for one in history))


_SIZES: Mapping[Cause, str] = {
    Cause.OUT_OF_MEMORY: "memory",
    Cause.MEMORY_NEAR: "memory",
    Cause.VOLUME_FULL: "storage",
    Cause.SLOW: "cpu",
}
_BY_SETTINGS = frozenset({Cause.IMAGE, Cause.COMMAND, Cause.CRASHING, Cause.PROBE, Cause.SECURITY, Cause.DEADLINE, Cause.ADDRESS})
"""Causes for which wrong settings may be to blame."""
_ASKED = {Cause.IMAGE: "image", Cause.COMMAND: "command"}
"""What of the settings it is, where that is known."""


def of(ctx: Context, finding: Finding, means: Means | None) -> Fix:
    """The one that mends it most surely, of those that this app has."""
    seen = means.seen if means is not None else None
    if finding.cause is Cause.NODE_DOWN:
        return _plain(Remedy.WAIT)
    if seen is None or means is None:
        return _plain(Remedy.STAFF)
    if not seen.may_operate:
        return _refused(_best(ctx, finding, means, seen), "rights")
    return _best(ctx, finding, means, seen)


def _best(ctx: Context, finding: Finding, means: Means, seen: Upkeep) -> Fix:
    cause = finding.cause
    kind = finding.code.removeprefix("quota_") if cause is Cause.QUOTA else _SIZES.get(cause, "")
    if kind:
        larger = _larger(ctx, finding, seen, kind)
        if larger is not None:
            return larger
    if cause in _BY_SETTINGS and means.good is not None and _since_the_change(finding, means):
        generation, at = means.good
        return _fix(Remedy.ROLL_BACK, "roll_back", {"settings_at": at}, generation=generation)
    asked = _ASKED.get(cause)
    if {asked, "components"} & seen.parameters.keys() if asked else cause in _BY_SETTINGS and _ours(seen):
        return _fix(Remedy.SETTINGS, f"settings_{asked}" if asked else "settings", {})
    if cause is Cause.STOPPED:
        return _plain(Remedy.START)
    stopped = seen.work is not None and seen.work.state is ChangeState.BLOCKED
    if stopped and seen.work is not None and not seen.work.needs_agreement and cause is not Cause.DATA_LOST:
        return _fix(Remedy.RETRY, "retry", {}, change_set_id=seen.work.id)
    if cause in (Cause.CRASHING, Cause.PROBE, Cause.OUT_OF_MEMORY, Cause.MEMORY_NEAR, Cause.SLOW, Cause.FAILING, Cause.ADDRESS):
        return _plain(Remedy.RESTART)
    return _plain(Remedy.STAFF)


def _ours(seen: Upkeep) -> bool:
    """Whether its people brought the program themselves, so that its settings are theirs to correct."""
    return bool({"image", "components"} & seen.parameters.keys())


def _since_the_change(finding: Finding, means: Means) -> bool:
    """The present settings never stood, or what is wrong began after they were wanted."""
    if not means.stands:
        return True
    return finding.since is not None and means.changed_at is not None and finding.since >= means.changed_at


def _larger(ctx: Context, finding: Finding, seen: Upkeep, kind: str) -> Fix | None:
    """The cheapest plan that has more of what is short; None when there is none."""
    size: Callable[[Choice], float] = {
        "memory": lambda one: float(one.plan.memory_bytes),
        "cpu": lambda one: one.plan.cpu_cores,
        "storage": lambda one: float(one.plan.storage_bytes),
    }.get(kind, lambda _: 0.0)
    now = next((one for one in seen.choices if one.refused == "current"), None)
    if now is None:
        return None
    more = [one for one in seen.choices if size(one) > size(now) and one.refused in ("", "pay", "trial") and one.plan.price_minor]
    best = min(more, key=lambda one: (one.refused == "trial", one.plan.price_minor), default=None)
    if best is None:
        return None
    gives: dict[str, Value] = {"plan": best.plan.name}
    match kind:
        case "memory":
            gives["memory_bytes"] = _given(ctx, seen.instance_id, finding.part, best) or best.plan.memory_bytes
        case "cpu":
            gives["cpu_cores"] = best.plan.cpu_cores
        case _:
            gives["storage_bytes"] = best.plan.storage_bytes
    advice = words.ADVICE[f"plan_{kind}"].format(**shown(gives))
    return Fix(Remedy.PLAN, f"plan_{kind}", advice, gives, best.refused, best.plan.name, best.difference_minor, seen.currency)


def _given(ctx: Context, instance_id: str, part: str, choice: Choice) -> int | None:
    """What the plan gives to the component alone, as it would be rendered."""
    row, wish = instances.by_id(ctx.session, instance_id), wishes.newest(ctx.session, instance_id)
    plan = catalogue.plan_by_id(ctx.session, choice.plan.id)
    if row is None or wish is None or plan is None:
        return None
    other = wishes.Specification(**(wish.model_dump() | {"plan_id": plan.id}))
    for step in desired(specifications.wanted(ctx.session, row, other, ctx.ground)):
        for one in step.objects:
            if one["kind"] == "Deployment" and one["metadata"]["name"] == part:
                limits = one["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
                return bytes_of(limits["memory"])
    return None


def _plain(remedy: Remedy) -> Fix:
    return _fix(remedy, remedy.value, {})


def _fix(remedy: Remedy, code: str, values: Mapping[str, Value], *, generation: int = 0, change_set_id: str = "") -> Fix:
    advice = words.ADVICE[code].format(**shown(values))
    return Fix(remedy, code, advice, values, generation=generation, change_set_id=change_set_id)


def _refused(fix: Fix, why: str) -> Fix:
    return replace(fix, refused=fix.refused or why)
