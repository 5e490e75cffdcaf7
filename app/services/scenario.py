"""What would happen if: a node is lost, nodes are added, more apps are sold. Asked through `capacity`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from app.context import Context
from app.services import outlook, room
from app.services.room import Facts
from models.domain import capacity as rules
from models.domain import headroom, placement
from models.domain.access import Permission
from models.domain.cluster import Node, Pod, Resources
from models.domain.errors import Invalid, NotFound
from models.domain.instances import LIVING
from models.store import catalogue, instances

MOST_NODES = 100
MOST_COPIES = 1000
OUTCOMES = ("no_room", "local_volume", "no_controller", "moved", "placed", "ended")
"""Worst first."""


@dataclass(frozen=True, slots=True)
class MovedPod:
    """A pod that a loss or an addition concerns, with names for its ids."""

    uid: str
    namespace: str
    name: str
    organization_id: str | None
    organization: str
    instance_id: str | None
    instance: str
    request: Resources
    outcome: str
    """moved, no_room, local_volume, no_controller, ended, placed"""
    to: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Answer to a question: who would not run, and what the shares would be."""

    question: str
    pods: tuple[MovedPod, ...]
    """Worst first; those that stay where they are are left out."""
    moved: int
    no_room: int
    down: int
    placed: int
    organizations_hurt: tuple[str, ...]
    before: Mapping[str, float | None]
    after: Mapping[str, float | None]
    """Requests as a share of allocatable by resource."""
    sentence: str
    as_of: datetime


@dataclass(slots=True)
class _Stage:
    """The cluster while the question's steps happen to it, and what each step did to whom."""

    facts: Facts
    nodes: dict[str, Node]
    left: dict[str, Resources]
    held: dict[str, Resources]
    """What pods ask for on each node."""
    moved: list[MovedPod]
    homeless: list[Pod]
    """Pods that lost their place and may still get another one."""

    def told(self, pod: Pod, outcome: str, to: str | None = None, reason: str = "", name: str = "") -> None:
        names = self.facts.names
        organization, instance = names.organization_id(pod.namespace), names.instance_id(pod.namespace)
        self.moved.append(
            MovedPod(
                uid=pod.uid,
                namespace=pod.namespace,
                name=name or pod.name,
                organization_id=organization,
                organization=names.organization(organization),
                instance_id=instance,
                instance=names.instance(instance),
                request=placement.demand(pod),
                outcome=outcome,
                to=to,
                reason=reason,
            )
        )

    def place(self, pods: Iterable[Pod], outcome: str) -> list[tuple[Pod, str]]:
        """Give each pod a place where there is one; those that get none, with the scheduler's sentence."""
        pods = list(pods)
        result = placement.place_many(pods, self.nodes, self.left, self.facts.space.claims)
        self.left = dict(result.left)
        refused: list[tuple[Pod, str]] = []
        for pod in pods:
            to = result.placed.get(pod.uid)
            if to is None:
                refused.append((pod, placement.explain(result.unplaced[pod.uid])))
            else:
                self.held[to] += placement.demand(pod)
                self.told(pod, outcome, to)
        return refused


def what_if(
    ctx: Context, *, lose: str | None = None, add: int = 0, plan_id: str | None = None, copies: int = 0, trials: bool = False
) -> WhatIf:
    """Lose a node, add `add` nodes like the largest one, run `copies` more of a plan: any of them together, in that order.

    Pods that a loss leaves without a place, and those that wait today, get the room of added nodes. `trials`: every open trial
    stays, and as many new ones begin in their place.
    """
    ctx.require(Permission.SEE_CLUSTER)
    _check(add, copies, plan_id)
    facts = room.load(ctx)
    space = facts.space
    stage = _Stage(facts, dict(space.nodes), dict(space.left), {name: _sum(pods) for name, pods in space.on.items()}, [], [])
    before = _shares(stage)
    asked: list[str] = []
    if lose is not None:
        asked.append(f"lose {lose}")
        _lose(stage, lose)
    if add:
        asked.append(f"add {add} node" + ("s" if add > 1 else ""))
        _add(stage, add)
        stage.place(space.waiting, "placed")
    for pod, reason in stage.place(stage.homeless, "moved"):
        stage.told(pod, "no_room", reason=reason)
    wanted: list[Pod] = []
    if copies and plan_id is not None:
        words, pods = _copies(ctx, plan_id, copies)
        asked.append(words)
        wanted += pods
    if trials:
        pods = _trials(ctx, facts)
        asked.append(f"{len(pods)} open trials stay and as many begin")
        wanted += pods
    for pod, reason in stage.place(wanted, "placed"):
        stage.told(pod, "no_room", reason=reason)
    return _answer(", then ".join(asked), stage, before, ctx.now)


def _check(add: int, copies: int, plan_id: str | None) -> None:
    if not 0 <= add <= MOST_NODES:
        raise Invalid(f"0 to {MOST_NODES} nodes can be added; {add} were asked for.", field="add")
    if not 0 <= copies <= MOST_COPIES:
        raise Invalid(f"0 to {MOST_COPIES} copies can be tried; {copies} were asked for.", field="copies")
    if copies and plan_id is None:
        raise Invalid("Say of which plan the copies are.", field="plan_id")


def _lose(stage: _Stage, name: str) -> None:
    space = stage.facts.space
    if name not in space.nodes:
        raise NotFound(f"There is no node “{name}”. There are: {', '.join(sorted(space.nodes)) or 'none'}.")
    loss = placement.lose(space, name)
    for pod in space.on[name]:
        if pod.uid in loss.down:
            why = loss.down[pod.uid]
            stage.told(pod, "local_volume" if why is placement.Down.LOCAL_VOLUME else "no_controller", reason=why.value)
        elif pod.uid in loss.ended:
            stage.told(pod, "ended", reason="it belongs to the node")
        else:
            stage.homeless.append(pod)
    for known in (stage.nodes, stage.left, stage.held):
        del known[name]


def _add(stage: _Stage, count: int) -> None:
    """Nodes like the largest that takes pods, each with the pods that every node runs."""
    space = stage.facts.space
    usable = [node for node in space.nodes.values() if node.schedulable]
    if not usable:
        raise Invalid("No node takes pods now, so there is none that a new one could be like.", field="add")
    model = max(usable, key=lambda node: (node.allocatable.memory, node.allocatable.cpu, node.name))
    everywhere = [pod for pod in space.on[model.name] if pod.owner_kind == "DaemonSet"]
    for number in range(1, count + 1):
        name = f"new-{number}"
        while name in stage.nodes:
            name += "-x"
        labels = {**model.labels, "kubernetes.io/hostname": name}
        stage.nodes[name] = replace(model, name=name, uid=name, pressures=frozenset(), labels=labels)
        stage.held[name] = _sum(everywhere)
        stage.left[name] = model.allocatable - stage.held[name]


def _copies(ctx: Context, plan_id: str, count: int) -> tuple[str, list[Pod]]:
    plan = catalogue.plan_by_id(ctx.session, plan_id)
    if plan is None:
        raise NotFound("There is no such plan. The catalogue lists those on sale.")
    label = f"{plan.template} {plan.name}"
    pods = [replace(headroom.specimen(room.size(plan), ctx.now, uid=f"copy-{n}"), name=f"{label} {n}") for n in range(1, count + 1)]
    return f"{count} more of {label}", pods


def _trials(ctx: Context, facts: Facts) -> list[Pod]:
    sizes = {plan.id: room.size(plan) for plan in room.plans(ctx)}
    found = []
    for row in instances.everything(ctx.session):
        if row.state in LIVING and row.trial_until is not None and row.trial_until > ctx.now:
            size = outlook.trial_size(facts, row.id, sizes.get(row.plan_id or ""))
            pod = headroom.specimen(Resources(size.cpu, size.memory, 1), ctx.now, uid=f"trial-{row.id}")
            found.append(replace(pod, name=f"a new trial like {row.name}"))
    return found


def _sum(pods: Iterable[Pod]) -> Resources:
    return sum((placement.demand(pod) for pod in pods), Resources())


def _shares(stage: _Stage) -> Mapping[str, float | None]:
    whole = rules.allocatable(stage.nodes.values())
    asked = sum(stage.held.values(), Resources())
    return {
        one.value: rules.part(asked, one) / rules.part(whole, one) if rules.part(whole, one) > 0 else None for one in rules.Resource
    }


def _answer(question: str, stage: _Stage, before: Mapping[str, float | None], at: datetime) -> WhatIf:
    pods = sorted(stage.moved, key=lambda pod: (OUTCOMES.index(pod.outcome), pod.organization, pod.name, pod.uid))
    count = {outcome: sum(pod.outcome == outcome for pod in pods) for outcome in OUTCOMES}
    stuck = ("no_room", "local_volume", "no_controller")
    hurt = sorted({pod.organization for pod in pods if pod.outcome in stuck and pod.organization_id is not None})
    down = count["local_volume"] + count["no_controller"]
    return WhatIf(
        question=question,
        pods=tuple(pods),
        moved=count["moved"],
        no_room=count["no_room"],
        down=down,
        placed=count["placed"],
        organizations_hurt=tuple(hurt),
        before=before,
        after=_shares(stage),
        sentence=_sentence(question, count, len(hurt)),
        as_of=stage.facts.snapshot.as_of if stage.facts.snapshot.as_of <= at else at,
    )


def _sentence(question: str, count: Mapping[str, int], hurt: int) -> str:
    if not question:
        return "Nothing was changed: choose a node to lose, nodes to add or apps to run."
    bad = count["no_room"] + count["local_volume"] + count["no_controller"]
    if not bad:
        return f"Everything would run: {count['moved']} pods would move, {count['placed']} would be new or come from the queue."
    parts = [
        (count["no_room"], "would find no room"),
        (count["local_volume"], "would be down with the volume on that node"),
        (count["no_controller"], "would not be started again by anything"),
    ]
    said = ", ".join(f"{n} {words}" for n, words in parts if n)
    whom = f" {hurt} organization{'' if hurt == 1 else 's'} would be hurt." if hurt else ""
    return f"{bad} pod{'' if bad == 1 else 's'} would not run: {said}.{whom}"
