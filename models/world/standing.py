"""How far what was ordered has come at an instant, as its API tells it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from models.domain.cluster import Namespace, Pod, Quota, Workload
from models.world import view
from models.world.control import usage
from models.world.timeline import Binding, Home, Incarnation, Turn, Work

Ready = Callable[[Incarnation], bool]


@dataclass(frozen=True, slots=True)
class Standing:
    """A Deployment or Job. `generation` is the newest that its controller has seen, 0 before the first."""

    generation: int = 0
    desired: int = 0
    total: int = 0
    updated: int = 0
    ready: int = 0
    refusal: str = ""
    complete: bool = False
    late: bool = False
    outcome: str = ""
    """Of a Job: Complete or Failed."""
    why: str = ""


def standing(work: Work, x: float, ready: Ready) -> Standing:
    turns = [turn for turn in work.turns if turn.x <= x]
    if not turns:
        return Standing()
    turn = turns[-1]
    pods = [pod for slot in work.slots for pod in slot.pods if pod.exists(x) and not _ending(pod, x)]
    updated = [pod for pod in pods if pod.slot.version == turn.revision]
    outcome = next(((what, why) for at, what, why in reversed(work.outcomes) if at <= x), ("", ""))
    complete = turn.complete is not None and turn.complete <= x
    return Standing(
        generation=turn.generation,
        desired=turn.copies,
        total=len(pods),
        updated=len(updated),
        ready=sum(ready(pod) for pod in pods),
        refusal=next((why for at, why in reversed(work.refusals) if at <= x), ""),
        complete=complete,
        late=not complete and turn.copies > 0 and x - _progress(turns, updated, x) > turn.deadline,
        outcome=outcome[0],
        why=outcome[1],
    )


def _ending(pod: Incarnation, x: float) -> bool:
    return pod.deleted is not None and pod.deleted <= x


def _progress(turns: list[Turn], updated: Iterable[Incarnation], x: float) -> float:
    """When its controller last came nearer to the newest turn; that it wanted the same long before, and else between, does not count."""
    wanted = (turns[-1].revision, turns[-1].copies)
    began = [turn.x for turn in itertools.takewhile(lambda one: (one.revision, one.copies) == wanted, reversed(turns))][-1]
    first = [run.ready for pod in updated for run in pod.runs[:1] if run.ready <= min(x, math.inf if run.end is None else run.end)]
    return max([began, *first])


def workload(work: Work, found: Standing, epoch: datetime) -> Workload:
    return Workload(
        kind=work.kind,
        namespace=work.namespace,
        name=work.name,
        uid=work.uid,
        desired=found.desired,
        ready=found.ready,
        available=found.ready,
        generation=found.generation,
        observed_generation=found.generation,
        created_at=view.instant(work.created, epoch),
        labels=work.turns[0].wish.labels,
        reason="FailedCreate" if found.refusal else "ProgressDeadlineExceeded" if found.late else "",
    )


def namespace(home: Home, x: float, epoch: datetime) -> Namespace:
    phase = "Terminating" if home.deleted is not None and home.deleted <= x else "Active"
    return Namespace(home.name, home.uid, phase, view.instant(home.created, epoch), home.known("labels", x).get("", {}))


def quotas(home: Home, x: float, pods: Iterable[Pod], bindings: Iterable[Binding]) -> Iterator[Quota]:
    """With what is used of each of its amounts that the simulated cluster counts."""
    hard = home.known("quota", x)
    if not hard:
        return
    active = {pod.uid for pod in pods if pod.active}
    counted = [pod for work in home.works.values() for slot in work.slots for pod in slot.pods if pod.uid in active]
    used = {name: _written(name, amount) for name, amount in usage([pod.slot.component.wish for pod in counted]).items()}
    claims = list(bindings)
    used["requests.storage"] = _written("storage", float(sum(one.requested for one in claims)))
    used["persistentvolumeclaims"] = str(len(claims))
    for name, most in sorted(hard.items()):
        yield Quota(home.name, name, most, {what: used[what] for what in most if what in used})


def _written(name: str, amount: float) -> str:
    if name.endswith("cpu"):
        return f"{round(amount * 1000)}m"
    return f"{round(amount / 2**20)}Mi" if name.endswith(("memory", "storage")) else f"{round(amount)}"


def addresses(homes: Iterable[Home], x: float) -> Mapping[str, tuple[str, ...]]:
    """By namespace, what its Ingress objects name."""
    found = {}
    for home in homes:
        if home.exists(x):
            named = sorted({address for some in home.known("addresses", x).values() for address in some})
            if named:
                found[home.name] = tuple(named)
    return found
