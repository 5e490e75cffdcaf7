"""What happens when a node is emptied for maintenance: each of its pods has one fate, by the scheduler's rules of `placement`
and by the disruption budgets as far as they are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from models.domain import placement
from models.domain.cluster import Node, Pod, Snapshot
from models.domain.draining import Budget
from models.domain.placement import Down, Refusals


class Fate(StrEnum):
    """What becomes of a pod; the worst first."""

    DOWN = "down"
    """Its volume lives on that node: it is down until the node takes it again."""
    ENDS = "ends"
    """Nothing would start it again, so it is left there and ends with the node."""
    WAITS = "waits"
    """No other node has room for it."""
    HELD = "held"
    """A disruption budget does not let it go as things are now."""
    RESTARTS = "restarts"
    """It begins anew on another node and does not answer for a moment."""
    GOES_ON = "goes_on"
    """Another copy of it answers meanwhile."""
    STAYS = "stays"
    """It belongs to the node itself."""


@dataclass(frozen=True, slots=True)
class Move:
    """One pod of the node. `target`: where it would go; `why`: the scheduler's sentence when nowhere."""

    pod: Pod
    fate: Fate
    target: str = ""
    why: str = ""


def preview(snapshot: Snapshot, node: str, budgets: Iterable[Budget] = ()) -> tuple[Move, ...]:
    """The fates of all pods that hold a place on the node, the worst first. The node itself takes nothing any more."""
    cordoned = dict(snapshot.nodes) | {node: replace(snapshot.nodes[node], unschedulable=True)}
    space = placement.room(replace(snapshot, nodes=cordoned))
    loss = placement.lose(space, node)
    here = [pod for pod in space.on[node] if pod.deleted_at is None]
    known = tuple(budgets)
    found = [_budgeted(_move(pod, loss, cordoned, snapshot.pods.values()), known) for pod in here]
    order = tuple(Fate)
    return tuple(sorted(found, key=lambda one: (order.index(one.fate), one.pod.namespace, one.pod.name)))


def _budgeted(one: Move, budgets: Iterable[Budget]) -> Move:
    if one.fate in (Fate.STAYS, Fate.ENDS):
        return one
    for budget in budgets:
        if budget.covers(one.pod.namespace, one.pod.labels) and not budget.lets(ready=one.pod.ready):
            why = f"The disruption budget {budget.name} needs {budget.desired} healthy pods and has {budget.healthy}."
            return replace(one, fate=Fate.HELD, target="", why=why)
    return one


def _move(pod: Pod, loss: placement.Loss, nodes: Mapping[str, Node], pods: Iterable[Pod]) -> Move:
    if pod.uid in loss.ended:
        return Move(pod, Fate.STAYS)
    down = loss.down.get(pod.uid)
    if down is not None:
        return Move(pod, Fate.DOWN if down is Down.LOCAL_VOLUME else Fate.ENDS, why=down.value)
    refused: Refusals | None = loss.unplaced.get(pod.uid)
    if refused is not None:
        return Move(pod, Fate.WAITS, why=placement.explain(refused))
    return Move(pod, Fate.GOES_ON if _has_another(pod, nodes, pods) else Fate.RESTARTS, loss.moved[pod.uid])


def _has_another(pod: Pod, nodes: Mapping[str, Node], pods: Iterable[Pod]) -> bool:
    """Whether a ready copy of the same workload runs on another node that answers."""

    def same(one: Pod) -> bool:
        return (one.namespace, one.owner_kind, one.owner_name) == (pod.namespace, pod.owner_kind, pod.owner_name)

    return any(
        same(one) and one.ready and one.deleted_at is None and one.node not in (None, pod.node) and _answers(nodes, one.node)
        for one in pods
    )


def _answers(nodes: Mapping[str, Node], name: str | None) -> bool:
    node = nodes.get(name or "")
    return node is not None and node.ready is True
