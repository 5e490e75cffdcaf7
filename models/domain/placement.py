"""Where a pod may run: the rules of the Kubernetes scheduler that Moorage honours, as pure functions over plain values.

Honoured: effective requests against allocatable, pod slots, taints and tolerations (also those that readiness, a cordon and
pressure imply), node selector, volumes that live on one node. Not honoured: affinity and anti-affinity between pods, topology
spread, pre-emption by priority, host ports, quotas, extended resources. An answer "fits" is therefore an upper bound for pods
that use those. CPU in cores, memory in bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from models.domain.cluster import Claim, Node, Pod, Resources, Snapshot, Taint, Toleration

Free = Mapping[str, Resources]
"""What is left on each node, by its name; negative where a node is overcommitted."""
Claims = Mapping[tuple[str, str], Claim]
"""By (namespace, name)."""


class Refusal(StrEnum):
    """Why a node does not take a pod; the words are the scheduler's own, so that they can be searched for."""

    NOT_READY = "node(s) were not ready"
    CORDONED = "node(s) were unschedulable"
    TAINTED = "node(s) had untolerated taint(s)"
    PRESSURE = "node(s) were under pressure"
    SELECTOR = "node(s) didn't match Pod's node affinity/selector"
    VOLUME = "node(s) had volume node affinity conflict"
    CPU = "Insufficient cpu"
    MEMORY = "Insufficient memory"
    PODS = "Too many pods"


Refusals = Mapping[str, tuple[Refusal, ...]]
"""Why each node refused, by its name."""


@dataclass(frozen=True, slots=True)
class InitContainer:
    """A container that runs before the others; a `sidecar` (restart policy Always) goes on running beside them."""

    request: Resources
    sidecar: bool = False


def effective_request(
    containers: Iterable[Resources], init: Iterable[InitContainer] = (), overhead: Resources | None = None
) -> Resources:
    """What the scheduler counts for a pod: the larger of its running and its starting phase, plus overhead, in one pod slot."""
    beside = Resources()
    cpu, memory = 0.0, 0
    for one in init:
        if one.sidecar:
            beside += one.request
            step = beside
        else:
            step = beside + one.request
        cpu, memory = max(cpu, step.cpu), max(memory, step.memory)
    running = sum(containers, beside)
    extra = overhead or Resources()
    return Resources(max(cpu, running.cpu) + extra.cpu, max(memory, running.memory) + extra.memory, 1)


def demand(pod: Pod) -> Resources:
    """What `pod` takes from a node: its effective request and one slot."""
    return Resources(pod.request.cpu, pod.request.memory, 1)


def free(nodes: Mapping[str, Node], pods: Iterable[Pod]) -> dict[str, Resources]:
    """Allocatable minus the demands of the pods that hold a place there. Finished pods hold none."""
    left = {name: node.allocatable for name, node in nodes.items()}
    for pod in pods:
        if pod.active and pod.node in left:
            left[pod.node] -= demand(pod)
    return left


def tolerates(tolerations: Iterable[Toleration], taint: Taint) -> bool:
    """Whether any of the tolerations covers the taint: no key with Exists covers all, no effect covers every effect."""
    for one in tolerations:
        if one.effect not in (None, "", taint.effect):
            continue
        if one.operator == "Exists":
            if one.key in (None, "", taint.key):
                return True
        elif one.key == taint.key and one.value == taint.value:
            return True
    return False


def _conditions(node: Node) -> Iterable[tuple[Refusal, Taint]]:
    """Taints that the control plane derives from a node's state, also where the snapshot does not list them."""
    if node.ready is None:
        yield Refusal.NOT_READY, Taint("node.kubernetes.io/unreachable", "NoSchedule")
    elif not node.ready:
        yield Refusal.NOT_READY, Taint("node.kubernetes.io/not-ready", "NoSchedule")
    if node.unschedulable:
        yield Refusal.CORDONED, Taint("node.kubernetes.io/unschedulable", "NoSchedule")
    for pressure, key in (
        ("MemoryPressure", "memory-pressure"),
        ("DiskPressure", "disk-pressure"),
        ("PIDPressure", "pid-pressure"),
    ):
        if pressure in node.pressures:
            yield Refusal.PRESSURE, Taint(f"node.kubernetes.io/{key}", "NoSchedule")


_IMPLIED_KEYS = frozenset(
    f"node.kubernetes.io/{key}"
    for key in ("unreachable", "not-ready", "unschedulable", "memory-pressure", "disk-pressure", "pid-pressure")
)


def homes(pod: Pod, claims: Claims) -> frozenset[str] | None:
    """Nodes to which its volumes bind the pod: None is everywhere, an empty set nowhere (two volumes on two nodes)."""
    bound = {
        claim.node for name in pod.claims if (claim := claims.get((pod.namespace, name))) is not None and claim.node is not None
    }
    if not bound:
        return None
    return frozenset(bound) if len(bound) == 1 else frozenset()


def barred(pod: Pod, node: Node, claims: Claims) -> tuple[Refusal, ...]:
    """Why the node would refuse the pod even when empty."""
    found: list[Refusal] = []
    for refusal, taint in _conditions(node):
        # admission gives every pod that asks for memory the toleration of memory pressure
        spared = taint.key.endswith("memory-pressure") and (pod.request.memory > 0 or pod.qos in ("Burstable", "Guaranteed"))
        if not spared and not tolerates(pod.tolerations, taint) and refusal not in found:
            found.append(refusal)
    for taint in node.taints:
        hard = taint.effect in ("NoSchedule", "NoExecute") and taint.key not in _IMPLIED_KEYS
        if hard and not tolerates(pod.tolerations, taint):
            found.append(Refusal.TAINTED)
            break
    if any(node.labels.get(key) != value for key, value in pod.node_selector.items()):
        found.append(Refusal.SELECTOR)
    bound = homes(pod, claims)
    if bound is not None and node.name not in bound:
        found.append(Refusal.VOLUME)
    return tuple(found)


def short(wanted: Resources, left: Resources) -> tuple[Refusal, ...]:
    """Which resources are not enough."""
    if wanted.fits(left):
        return ()
    lacking = (
        (Refusal.CPU, not Resources(cpu=wanted.cpu).fits(Resources(cpu=left.cpu))),
        (Refusal.MEMORY, wanted.memory > left.memory),
        (Refusal.PODS, wanted.pods > left.pods),
    )
    return tuple(refusal for refusal, lacks in lacking if lacks)


def refusals(pod: Pod, node: Node, left: Resources, claims: Claims) -> tuple[Refusal, ...]:
    """Why the node does not take the pod now; empty when it does."""
    return barred(pod, node, claims) or short(demand(pod), left)


def explain(refused: Refusals) -> str:
    """The scheduler's sentence: `0/3 nodes are available: 1 node(s) were not ready, 2 Insufficient memory.`"""
    counted = Counter(reason for reasons in refused.values() for reason in reasons)
    parts = ", ".join(f"{n} {reason.value}" for reason, n in sorted(counted.items(), key=lambda item: item[0].value))
    return f"0/{len(refused)} nodes are available: {parts}." if parts else "0/0 nodes are available: there are no nodes."


@dataclass(frozen=True, slots=True)
class Placed:
    """The pod got a place."""

    node: str


@dataclass(frozen=True, slots=True)
class Unplaced:
    """No node takes the pod; `refused` says why, node by node."""

    refused: Refusals

    @property
    def sentence(self) -> str:
        return explain(self.refused)


def place(pod: Pod, nodes: Mapping[str, Node], left: Free, claims: Claims) -> Placed | Unplaced:
    """The node that the scheduler would prefer: of those that take the pod, the one with the largest share left afterwards.

    That is the default scoring LeastAllocated (mean of CPU and memory); equal nodes are taken by name, so the answer is determined.
    """
    refused: dict[str, tuple[Refusal, ...]] = {}
    best: tuple[float, str] | None = None
    wanted = demand(pod)
    for name in sorted(nodes):
        reasons = refusals(pod, nodes[name], left[name], claims)
        if reasons:
            refused[name] = reasons
            continue
        after, whole = left[name] - wanted, nodes[name].allocatable
        score = after.cpu / whole.cpu if whole.cpu else 0.0
        score += after.memory / whole.memory if whole.memory else 0.0
        if best is None or score > best[0] + 1e-12:
            best = (score, name)
    return Placed(best[1]) if best else Unplaced(refused)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where many pods went, by uid, and what is left on each node afterwards."""

    placed: Mapping[str, str]
    unplaced: Mapping[str, Refusals]
    left: Free


def place_many(pods: Iterable[Pod], nodes: Mapping[str, Node], left: Free, claims: Claims) -> Placement:
    """First-fit-decreasing: important pods first, then the largest by dominant share; each on the first node by name that fits."""
    remaining = dict(left)
    whole = sum((node.allocatable for node in nodes.values()), Resources())
    order = sorted(nodes)
    placed: dict[str, str] = {}
    unplaced: dict[str, Refusals] = {}

    def size(pod: Pod) -> tuple[int, float, str]:
        share = max(pod.request.cpu / whole.cpu if whole.cpu else 0.0, pod.request.memory / whole.memory if whole.memory else 0.0)
        return -pod.priority, -share, pod.uid

    for pod in sorted(pods, key=size):
        refused: dict[str, tuple[Refusal, ...]] = {}
        for name in order:
            reasons = refusals(pod, nodes[name], remaining[name], claims)
            if not reasons:
                placed[pod.uid] = name
                remaining[name] -= demand(pod)
                break
            refused[name] = reasons
        else:
            unplaced[pod.uid] = refused
    return Placement(placed, unplaced, remaining)


class Down(StrEnum):
    """Why a pod cannot come back elsewhere although there may be room."""

    LOCAL_VOLUME = "its volume lives on that node"
    NO_CONTROLLER = "nothing would start it again"


@dataclass(frozen=True, slots=True)
class Loss:
    """What happens when `node` is lost. Each pod that held a place on it is in exactly one of the four mappings, by uid."""

    node: str
    moved: Mapping[str, str]
    """To which node."""
    unplaced: Mapping[str, Refusals]
    """No room or no permission elsewhere."""
    down: Mapping[str, Down]
    """Tied to the lost node."""
    ended: frozenset[str]
    """Pods of the node itself (DaemonSet, static): they end with it and are missed by nobody."""

    @property
    def survived(self) -> bool:
        return not self.unplaced and not self.down


@dataclass(frozen=True, slots=True)
class Room:
    """A cluster as the placing rules see it, prepared once for many questions."""

    nodes: Mapping[str, Node]
    left: Free
    claims: Claims
    on: Mapping[str, tuple[Pod, ...]]
    """Pods that hold a place, by node."""
    waiting: tuple[Pod, ...] = ()
    """Pods that have none yet."""


def room(snapshot: Snapshot) -> Room:
    """What the snapshot leaves for more pods."""
    on: dict[str, list[Pod]] = {name: [] for name in snapshot.nodes}
    waiting: list[Pod] = []
    for pod in snapshot.pods.values():
        if not pod.active:
            continue
        if pod.node in on:
            on[pod.node].append(pod)
        elif pod.node is None:
            waiting.append(pod)
    return Room(
        nodes=snapshot.nodes,
        left=free(snapshot.nodes, snapshot.pods.values()),
        claims=snapshot.claims,
        on={name: tuple(pods) for name, pods in on.items()},
        waiting=tuple(waiting),
    )


def lose(space: Room, node: str) -> Loss:
    """What happens to the pods of `node` when it is gone: first-fit-decreasing into the rest.

    A pod with a volume on that node is down whatever room there is elsewhere; so is one that no controller would start again.
    """
    movable: list[Pod] = []
    down: dict[str, Down] = {}
    ended: set[str] = set()
    for pod in space.on[node]:
        bound = homes(pod, space.claims)
        if pod.owner_kind in ("DaemonSet", "Node"):
            ended.add(pod.uid)
        elif bound is not None and bound <= {node}:
            down[pod.uid] = Down.LOCAL_VOLUME
        elif not pod.owner_kind:
            down[pod.uid] = Down.NO_CONTROLLER
        else:
            movable.append(pod)
    rest = {name: one for name, one in space.nodes.items() if name != node}
    result = place_many(movable, rest, {name: space.left[name] for name in rest}, space.claims)
    return Loss(node, result.placed, result.unplaced, down, frozenset(ended))


def lose_each(space: Room) -> tuple[Loss, ...]:
    """The N-1 test: every node lost by itself, in order of name."""
    return tuple(lose(space, name) for name in sorted(space.nodes))
