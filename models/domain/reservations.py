"""Reservations: room that is sold and not yet taken by pods, and whether one more order fits beside it.

The rule of sale: every pod of the order finds a node after all pods that are reserved already, and requests stay under the sale limit's
share of allocatable. The line of one node's loss warns and does not refuse.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from models.domain.capacity import Level, Resource, part
from models.domain.cluster import Pod, Resources
from models.domain.headroom import specimen
from models.domain.placement import Free, Room, place_many


@dataclass(frozen=True, slots=True)
class Admission:
    """The answer to “does it fit?”. `binding`: memory, cpu or pods when the sale limit stops it, nodes when no node takes a pod of it.

    `lacking`: how much of that is missing (cores, bytes, pods). `beyond_safe`: afterwards the loss of a node would hurt somebody.
    """

    fits: bool
    binding: str = ""
    lacking: float = 0.0
    beyond_safe: bool = False


def admit(
    space: Room, held: Iterable[Sequence[Resources]], wanted: Sequence[Resources], levels: Sequence[Level], at: datetime
) -> Admission:
    """Whether pods of the sizes `wanted` can be sold at `at`, `held` being the pods of each reservation that has no pods yet.

    Pods that wait for a node already stand in front: what they ask for is taken before anything is sold.
    """
    before = [one for pods in held for one in pods]
    taken = sum((pod.request for pod in space.waiting), Resources())
    asked = sum(map(_whole, wanted), Resources())
    sold = sum(map(_whole, before), asked)
    for level in levels:
        more = part(sold, level.resource) + part(Resources(taken.cpu, taken.memory, len(space.waiting)), level.resource)
        over = level.requested + more - level.sale_line
        if over > _slack(level.resource):
            return Admission(False, level.resource.value, min(over, part(asked, level.resource)))
    left = _after(space, [*space.waiting, *_pods(before, at, "held")], space.left)
    result = place_many(_pods(wanted, at, "wanted"), space.nodes, left, space.claims)
    if result.unplaced:
        largest = max((wanted[int(uid.rpartition("-")[2])] for uid in result.unplaced), key=lambda one: (one.memory, one.cpu))
        return Admission(False, "nodes", float(largest.memory))
    beyond = any(
        level.safe is not None and level.requested + part(sold, level.resource) > level.safe_line + _slack(level.resource)
        for level in levels
    )
    return Admission(True, beyond_safe=beyond)


def _whole(one: Resources) -> Resources:
    return Resources(one.cpu, one.memory, 1)


def _slack(resource: Resource) -> float:
    return 1e-6 if resource is Resource.CPU else 0.0


def _pods(sizes: Iterable[Resources], at: datetime, what: str) -> list[Pod]:
    return [specimen(size, at, uid=f"{what}-{number}") for number, size in enumerate(sizes)]


def _after(space: Room, pods: Iterable[Pod], left: Free) -> Mapping[str, Resources]:
    return place_many(pods, space.nodes, left, space.claims).left
