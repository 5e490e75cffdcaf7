"""How a node is drained: which pods are asked to leave, what a disruption budget says about it, and how far it has come."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=1)
LOST = timedelta(seconds=30)
"""After which a pod that accepted to leave and was not seen leaving is asked again."""


class DrainState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    """Nothing is left that could be moved; the node stays cordoned."""
    STOPPED = "stopped"
    """By a person; what had left stays away, the node stays cordoned."""
    FAILED = "failed"
    """It can never come to its end: a right is missing, or the node is gone."""


class Step(StrEnum):
    """How far one pod is; the ones that need somebody first."""

    HELD = "held"
    """A disruption budget does not let it go now; it is asked again."""
    UNOWNED = "unowned"
    """Nothing would start it again, so it is left where it is."""
    WAITING = "waiting"
    LEAVING = "leaving"
    GONE = "gone"
    STAYS = "stays"
    """It belongs to the node itself."""


@dataclass(frozen=True, slots=True)
class Guest:
    """A pod on the node. `mirror`: the node itself runs it from a file; `finished`: its containers have ended for good."""

    namespace: str
    name: str
    uid: str
    owner_kind: str = ""
    mirror: bool = False
    finished: bool = False
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class Budget:
    """A PodDisruptionBudget as its controller counted it. `allowed`: so many pods may be taken away now."""

    namespace: str
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    expressions: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    """Key, operator and values, as the API writes them."""
    allowed: int = 0
    healthy: int = 0
    desired: int = 0
    always_unhealthy: bool = False
    """A pod that is not ready may always go."""

    def covers(self, namespace: str, labels: Mapping[str, str]) -> bool:
        return (
            namespace == self.namespace
            and all(labels.get(key) == value for key, value in self.labels.items())
            and all(_holds(labels, *one) for one in self.expressions)
        )

    def lets(self, *, ready: bool) -> bool:
        """Whether a pod may go now, as the eviction API decides it."""
        if not ready and (self.always_unhealthy or (self.desired > 0 and self.healthy >= self.desired)):
            return True
        return self.allowed > 0


def _holds(labels: Mapping[str, str], key: str, operator: str, values: Sequence[str]) -> bool:
    match operator:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def budget(manifest: Mapping[str, Any]) -> Budget:
    """Of an object of the API."""
    metadata, spec, status = manifest["metadata"], manifest.get("spec") or {}, manifest.get("status") or {}
    selector = spec.get("selector") or {}
    return Budget(
        metadata["namespace"],
        metadata["name"],
        dict(selector.get("matchLabels") or {}),
        tuple((one["key"], one["operator"], tuple(one.get("values") or ())) for one in selector.get("matchExpressions") or ()),
        status.get("disruptionsAllowed", 0),
        status.get("currentHealthy", 0),
        status.get("desiredHealthy", 0),
        spec.get("unhealthyPodEvictionPolicy") == "AlwaysAllow",
    )


def counted(spec: Mapping[str, Any], *, expected: int, healthy: int) -> Mapping[str, int]:
    """The status that the disruption controller writes: a share is rounded up, as there."""
    if spec.get("maxUnavailable") is not None:
        desired = max(0, expected - _amount(spec["maxUnavailable"], expected))
    else:
        desired = _amount(spec.get("minAvailable", 1), expected)
    allowed = max(0, healthy - desired) if expected else 0
    return {"disruptionsAllowed": allowed, "currentHealthy": healthy, "desiredHealthy": desired, "expectedPods": expected}


def _amount(said: int | str, whole: int) -> int:
    return math.ceil(whole * int(said.rstrip("%")) / 100) if isinstance(said, str) else said


@dataclass(frozen=True, slots=True)
class Progress:
    """One pod of a drain. `again_at`: not asked before; `why`: what the cluster said last."""

    uid: str
    namespace: str
    name: str
    step: Step
    why: str = ""
    tries: int = 0
    again_at: datetime | None = None
    since: datetime | None = None


def seen(known: Iterable[Progress], guests: Iterable[Guest], now: datetime) -> tuple[Progress, ...]:
    """All pods of the drain after a look at the node: who has gone, who is new, and as what each counts."""
    before, there = {one.uid: one for one in known}, {one.uid: one for one in guests}
    found = [_seen(before.get(uid), guest, now) for uid, guest in there.items()]
    for uid, one in before.items():
        if uid not in there:
            gone = one.step is Step.GONE
            found.append(one if gone else replace(one, step=Step.GONE, why="", again_at=None, since=now))
    return tuple(sorted(found, key=lambda one: (one.namespace, one.name, one.uid)))


def _seen(before: Progress | None, guest: Guest, now: datetime) -> Progress:
    one = before or Progress(guest.uid, guest.namespace, guest.name, Step.WAITING, since=now)
    step = one.step
    if guest.mirror or guest.owner_kind in ("DaemonSet", "Node"):
        step = Step.STAYS
    elif not guest.owner_kind and not guest.finished:
        step = Step.UNOWNED
    elif guest.leaving:
        step = Step.LEAVING
    elif step is not Step.HELD and not (step is Step.LEAVING and one.since is not None and now - one.since < LOST):
        step = Step.WAITING
    return one if step is one.step else replace(one, step=step, why="", again_at=None, since=now)


def due(pods: Iterable[Progress], now: datetime) -> tuple[Progress, ...]:
    """Those that are to be asked to leave now."""
    asked = (Step.WAITING, Step.HELD)
    return tuple(one for one in pods if one.step in asked and (one.again_at is None or one.again_at <= now))


def left(one: Progress, now: datetime) -> Progress:
    """It accepted to leave."""
    return replace(one, step=Step.LEAVING, why="", again_at=None, since=now)


def held(one: Progress, why: str, now: datetime, *, wished: float | None = None) -> Progress:
    """It was refused for now: asked again after a pause that doubles, or after what the server wished for if that is longer."""
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(one.tries, 8))
    pause = max(pause, min(LONGEST_PAUSE, timedelta(seconds=wished or 0)))
    since = one.since if one.step is Step.HELD else now
    return replace(one, step=Step.HELD, why=why, tries=one.tries + 1, again_at=now + pause, since=since)


def over(pods: Iterable[Progress]) -> bool:
    """Whether nothing is left that could be moved."""
    return all(one.step in (Step.GONE, Step.STAYS, Step.UNOWNED) for one in pods)
