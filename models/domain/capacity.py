"""How full a cluster is and which resource runs out first. CPU in cores, memory in bytes, shares of allocatable.

Headroom is target x allocatable - requests; the safe share is 1 - largest node / all nodes, which for N equal nodes is (N-1)/N
(kubernetes-mixin's overcommit line). Only nodes that take pods count as allocatable. What is asked for on cordoned nodes and on those
that are away counts as asked, because it has to move; dedicated nodes count with neither their room nor their pods.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from models.domain import placement
from models.domain.cluster import Node, Pod, Resources
from models.domain.placement import Room


class Resource(StrEnum):
    MEMORY = "memory"
    CPU = "cpu"
    PODS = "pods"


def part(amount: Resources, resource: Resource) -> float:
    """One resource of an amount."""
    match resource:
        case Resource.CPU:
            return amount.cpu
        case Resource.MEMORY:
            return amount.memory
        case Resource.PODS:
            return amount.pods


def allocatable(nodes: Iterable[Node]) -> Resources:
    """What pods may ask for in all, over the nodes that take pods."""
    return sum((node.allocatable for node in nodes if node.schedulable), Resources())


def requested(room: Room) -> Resources:
    """What the pods that hold a place on nodes for everybody ask for, with their number."""
    return sum((placement.demand(pod) for pod in shared(room)), Resources())


def shared(room: Room) -> Iterator[Pod]:
    """The pods that hold a place where any pod may: not on dedicated nodes."""
    for name, pods in room.on.items():
        if name not in room.nodes or not room.nodes[name].dedicated:
            yield from pods


def safe_share(nodes: Iterable[Node], resource: Resource) -> float | None:
    """Requests above this share of allocatable do not survive the loss of the largest node: 1 - max / sum. None without room."""
    sizes = [part(node.allocatable, resource) for node in nodes if node.schedulable]
    whole = sum(sizes)
    return 1 - max(sizes) / whole if whole > 0 else None


@dataclass(frozen=True, slots=True)
class Level:
    """One resource: what there is, what is asked for, and the two lines. Headroom is negative beyond its line."""

    resource: Resource
    allocatable: float
    requested: float
    sale_limit: float
    """Share of allocatable that may be sold."""
    safe: float | None
    """Share that survives the loss of the largest node."""

    @property
    def share(self) -> float | None:
        return self.requested / self.allocatable if self.allocatable > 0 else None

    @property
    def sale_line(self) -> float:
        return self.sale_limit * self.allocatable

    @property
    def safe_line(self) -> float:
        return (self.safe or 0.0) * self.allocatable

    @property
    def headroom_sale(self) -> float:
        return self.sale_line - self.requested

    @property
    def headroom_safe(self) -> float:
        return self.safe_line - self.requested


def levels(room: Room, sale_limit: float) -> tuple[Level, ...]:
    """The level of every resource; memory first, because it is what kills."""
    whole, asked = allocatable(room.nodes.values()), requested(room)
    return tuple(
        Level(one, part(whole, one), part(asked, one), sale_limit, safe_share(room.nodes.values(), one)) for one in Resource
    )


def order_of_exhaustion(levels: Iterable[Level]) -> tuple[Resource, ...]:
    """The resources in the order in which they run out if everything grows in today's proportion: the largest share first."""
    known = [level for level in levels if level.share is not None]
    return tuple(level.resource for level in sorted(known, key=lambda level: -(level.share or 0.0)))


@dataclass(frozen=True, slots=True)
class More:
    """How many more equal pods: into the blocks that are free, and staying under each line as well."""

    by_placement: int
    within_sale_limit: int
    within_safe_line: int
    binding: str
    """What stops the next sale: cpu, memory or pods (the amount meets the sale line), or nodes (no free block is large enough)."""


def more(request: Resources, fit: Mapping[str, int], levels: Iterable[Level]) -> More:
    """Headroom for pods of size `request`; `fit` is `headroom.pods_fit` of one of them."""
    placeable = sum(fit.values())
    one = Resources(request.cpu, request.memory, 1)
    sale: dict[str, int] = {}
    safe: list[int] = []
    for level in levels:
        wanted = part(one, level.resource)
        if wanted > 0:
            sale[level.resource.value] = _whole(level.headroom_sale, wanted)
            safe.append(_whole(level.headroom_safe, wanted))
    tightest = min(sale, key=lambda name: sale[name])
    sold = min(placeable, sale[tightest])
    return More(placeable, sold, min([placeable, *safe]), tightest if sale[tightest] <= placeable else "nodes")


def _whole(headroom: float, wanted: float) -> int:
    return max(0, int((headroom + 1e-9) / wanted))
