"""How full the cluster is, when it will be full, and what would happen if: for staff.

The forecast lives in `outlook`, what-if questions in `scenario`, right-sizing in `sizing`; this module is where all are asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.context import Context
from app.services import outlook, room
from app.services.figures import Figure
from app.services.outlook import Outlook, forecast
from app.services.room import INVENTORY, SAMPLES, UNITS, Facts
from app.services.scenario import MovedPod, WhatIf, what_if
from app.services.sizing import RightSizing, Suggestion, rightsizing
from models.domain import capacity as rules
from models.domain import headroom as blocks
from models.domain import placement
from models.domain.access import Permission
from models.domain.capacity import Level
from models.domain.cluster import Resources
from models.domain.headroom import Block
from models.store import catalogue

__all__ = [
    "CapacityState",
    "DailySnapshot",
    "MovedPod",
    "NodeLoss",
    "Outlook",
    "PlanHeadroom",
    "ResourceState",
    "RightSizing",
    "Suggestion",
    "WhatIf",
    "forecast",
    "headroom",
    "rightsizing",
    "snapshot",
    "state",
    "what_if",
]


@dataclass(frozen=True, slots=True)
class ResourceState:
    """One resource over the schedulable nodes: `memory` (B), `cpu` (cores), `pods` (count)."""

    resource: str
    allocatable: Figure
    requested: Figure
    used: Figure
    sale_line: Figure
    """Sale limit x allocatable: what may be sold."""
    safe_line: Figure
    """Allocatable without the largest node: what survives its loss."""
    headroom_sale: Figure
    headroom_safe: Figure
    requested_share: float | None
    used_share: float | None
    safe_share: float | None


@dataclass(frozen=True, slots=True)
class NodeLoss:
    """What losing one node would do."""

    node: str
    moved: int
    no_room: int
    local_volume: int
    no_controller: int
    organizations_hurt: int


@dataclass(frozen=True, slots=True)
class PlanHeadroom:
    """How many more of a plan fit."""

    plan_id: str
    template: str
    template_name: str
    """As people know it: `WordPress`."""
    name: str
    request: Resources
    storage_bytes: int
    by_placement: int
    """Into the free blocks of the nodes as they are."""
    within_sale_limit: int
    """The same, and requests stay under the sale limit: what may be sold."""
    within_safe_line: int
    """The same, and the loss of the largest node can still be absorbed by amount."""
    binding: str
    """cpu, memory, pods or nodes: what runs out first."""


@dataclass(frozen=True, slots=True)
class CapacityState:
    resources: tuple[ResourceState, ...]
    binding: str
    """The resource that runs out first by requests against its sale line."""
    order: tuple[str, ...]
    """Resources in the order in which they run out."""
    losses: tuple[NodeLoss, ...]
    survives_any_loss: bool
    headroom: tuple[PlanHeadroom, ...]
    largest_block: Block | None
    stranded: Mapping[str, Resources]
    unrequested: int
    """Pods that ask for nothing and so are invisible in requests."""
    waiting: int
    """Pods that have no node."""
    nodes_apart: int
    """Nodes that a taint of their owner keeps for special pods: in `resources` with neither their room nor their pods."""
    as_of: datetime
    stale_since: datetime | None
    source: str


@dataclass(frozen=True, slots=True)
class DailySnapshot:
    """What the daily job keeps: plain numbers by name, for its occurrence and the log."""

    at: datetime
    numbers: Mapping[str, float | int | str | None]


def state(ctx: Context) -> CapacityState:
    """Requests, use and headroom now, by placement."""
    ctx.require(Permission.SEE_CLUSTER)
    return ctx.keep("capacity.state", lambda: of(ctx, room.load(ctx)), of=("store", "cluster"))


def headroom(ctx: Context) -> tuple[PlanHeadroom, ...]:
    """How many more of each plan on sale fit, smallest plan first."""
    ctx.require(Permission.SEE_CLUSTER)
    return _headroom(ctx, room.load(ctx))


def snapshot(ctx: Context) -> DailySnapshot:
    """The figures of the day in one flat row."""
    ctx.require(Permission.SEE_CLUSTER)
    facts = room.load(ctx)
    now = of(ctx, facts)
    numbers: dict[str, float | int | str | None] = {
        "cluster": facts.snapshot.cluster,
        "nodes": len(facts.space.nodes),
        "nodes_schedulable": sum(node.schedulable for node in facts.space.nodes.values()),
        "pods_waiting": now.waiting,
        "pods_unrequested": now.unrequested,
        "binding": now.binding,
        "survives_any_loss": now.survives_any_loss,
        "sale_limit": facts.sale_limit,
    }
    for one in now.resources:
        unit = {"memory": "bytes", "cpu": "cores", "pods": "count"}[one.resource]
        for name in ("allocatable", "requested", "used"):
            numbers[f"{one.resource}_{name}_{unit}"] = getattr(one, name).value
        ahead = outlook.ahead(ctx, facts, resource=one.resource, line="full")
        numbers[f"{one.resource}_full_in_days"] = ahead.days if ahead.trusted else None
        numbers[f"{one.resource}_full_on"] = ahead.crossing.isoformat() if ahead.crossing and ahead.trusted else None
    numbers |= {f"headroom_{plan.template}_{plan.name}": plan.within_sale_limit for plan in now.headroom}
    return DailySnapshot(ctx.now, numbers)


def of(ctx: Context, facts: Facts) -> CapacityState:
    """The state from facts that were read already. For other services, which check rights."""
    space = facts.space
    order = [one.value for one in rules.order_of_exhaustion(facts.levels)]
    losses = tuple(_loss(facts, loss) for loss in placement.lose_each(space))
    plans = _headroom(ctx, facts)
    return CapacityState(
        resources=tuple(resource_state(facts, level) for level in facts.levels),
        binding=order[0] if order else "",
        order=tuple(order),
        losses=losses,
        survives_any_loss=all(not (loss.no_room or loss.local_volume or loss.no_controller) for loss in losses),
        headroom=plans,
        largest_block=blocks.largest_block(space.nodes, space.left),
        stranded=blocks.stranded(space.nodes, space.left, plans[0].request if plans else _smallest(facts)),
        unrequested=sum(not pod.request.cpu and not pod.request.memory for pod in facts.placed()),
        waiting=len(space.waiting),
        nodes_apart=sum(node.dedicated for node in space.nodes.values()),
        as_of=facts.snapshot.as_of,
        stale_since=facts.snapshot.stale_since,
        source=f"{INVENTORY} of {facts.snapshot.cluster}; use: {SAMPLES}",
    )


def resource_state(facts: Facts, level: Level) -> ResourceState:
    """One level with its figures."""
    name, at = level.resource.value, facts.snapshot.as_of

    def figure(value: float, formula: str) -> Figure:
        return Figure(value, UNITS[name], at, INVENTORY, formula)

    use = room.used(facts, name)
    whole = level.allocatable
    return ResourceState(
        resource=name,
        allocatable=figure(whole, "sum of allocatable over the ready, uncordoned nodes without hard taints"),
        requested=figure(
            level.requested,
            "sum of the effective requests of the pods that hold a place, but those on nodes that a taint of their owner keeps apart",
        ),
        used=use,
        sale_line=figure(level.sale_line, f"{level.sale_limit:g} (sale limit) x allocatable"),
        safe_line=figure(level.safe_line, "allocatable - allocatable of the largest node"),
        headroom_sale=figure(level.headroom_sale, "sale line - requested"),
        headroom_safe=figure(level.headroom_safe, "safe line - requested"),
        requested_share=level.share,
        used_share=use.value / whole if use.value is not None and whole > 0 else None,
        safe_share=level.safe,
    )


def _loss(facts: Facts, loss: placement.Loss) -> NodeLoss:
    pods = facts.snapshot.pods
    hurt = {facts.names.organization_id(pods[uid].namespace) for uid in (*loss.unplaced, *loss.down)}
    local = sum(why is placement.Down.LOCAL_VOLUME for why in loss.down.values())
    return NodeLoss(
        node=loss.node,
        moved=len(loss.moved),
        no_room=len(loss.unplaced),
        local_volume=local,
        no_controller=len(loss.down) - local,
        organizations_hurt=len(hurt - {None}),
    )


def _headroom(ctx: Context, facts: Facts) -> tuple[PlanHeadroom, ...]:
    found = []
    names = {one.id: one.name for one in catalogue.templates(ctx.session, retired=True)}
    for plan in room.plans(ctx):
        request = room.size(plan)
        fit = blocks.pods_fit(blocks.specimen(request, ctx.now), facts.space.nodes, facts.space.left)
        more = rules.more(request, fit, facts.levels)
        found.append(
            PlanHeadroom(
                plan_id=plan.id,
                template=plan.template,
                template_name=names.get(plan.template, plan.template),
                name=plan.name,
                request=request,
                storage_bytes=plan.storage_bytes,
                by_placement=more.by_placement,
                within_sale_limit=more.within_sale_limit,
                within_safe_line=more.within_safe_line,
                binding=more.binding,
            )
        )
    return tuple(found)


def _smallest(facts: Facts) -> Resources:
    """The smallest pod that there is, where no plan says what a small one would be."""
    asked = [pod.request for pod in facts.placed() if pod.request.cpu or pod.request.memory]
    return min(asked, key=lambda request: (request.memory, request.cpu), default=Resources())
