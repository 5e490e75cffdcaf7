"""How many more pods go into what is free, and what of it is of no use. CPU in cores, memory in bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from models.domain.cluster import Node, Phase, Pod, Resources, Toleration
from models.domain.placement import Claims, Free, barred, demand


def copies(wanted: Resources, left: Resources) -> int:
    """How many equal pods that each want `wanted` (and one slot) go into `left`; exact."""
    limits = [left.pods]
    if wanted.cpu > 0:
        limits.append(math.floor((left.cpu + 1e-9) / wanted.cpu))
    if wanted.memory > 0:
        limits.append(left.memory // wanted.memory)
    return max(0, min(limits))


def pods_fit(pod: Pod, nodes: Mapping[str, Node], left: Free, claims: Claims | None = None) -> dict[str, int]:
    """How many more pods like `pod` each node takes; the sum is exact for identical pods (a node's answer touches no other)."""
    known = claims or {}
    return {name: 0 if barred(pod, node, known) else copies(demand(pod), left[name]) for name, node in nodes.items()}


@dataclass(frozen=True, slots=True)
class Block:
    """The most that one node still has: a single pod can be no larger."""

    node: str
    free: Resources


def largest_block(nodes: Mapping[str, Node], left: Free) -> Block | None:
    """The schedulable node with a free slot and the most free memory; None when there is none. Summed free room is not one room."""
    open_ = [name for name, node in nodes.items() if node.schedulable and left[name].pods > 0]
    if not open_:
        return None
    name = max(sorted(open_), key=lambda n: (left[n].memory, left[n].cpu))
    return Block(name, left[name])


def stranded(nodes: Mapping[str, Node], left: Free, smallest: Resources) -> dict[str, Resources]:
    """Free amounts that nobody can use because the same node lacks something else for a pod of size `smallest`.

    On nodes that take no pods at all everything free is stranded. Nodes with nothing stranded are left out.
    """
    found: dict[str, Resources] = {}
    wanted = Resources(smallest.cpu, smallest.memory, 1)
    for name, node in nodes.items():
        spare = Resources(max(0.0, left[name].cpu), max(0, left[name].memory), max(0, left[name].pods))
        if node.schedulable and wanted.fits(left[name]):
            continue
        if spare != Resources():
            found[name] = spare
    return found


def specimen(
    request: Resources,
    at: datetime,
    *,
    uid: str = "specimen",
    node_selector: Mapping[str, str] | None = None,
    tolerations: tuple[Toleration, ...] = (),
) -> Pod:
    """An imagined pod of that size, to ask "how many more" and "what if" with; a controller would restart it, it has no volumes."""
    return Pod(
        namespace="",
        name=uid,
        uid=uid,
        phase=Phase.PENDING,
        node=None,
        created_at=at,
        containers=(),
        request=request,
        limit=Resources(),
        owner_kind="ReplicaSet",
        node_selector=node_selector or {},
        tolerations=tolerations,
    )
