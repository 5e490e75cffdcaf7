"""Nodes of the simulated cluster: a cordon and an eviction are orders to its world, and budgets are counted as their controller does."""

from __future__ import annotations

from collections.abc import Sequence

from models.domain.clock import Clock
from models.domain.cluster import Phase, Pod
from models.domain.draining import Budget, Guest, budget
from models.domain.errors import Unavailable
from models.world.faults import Kind as Fault
from models.world.file import WorldFile
from models.world.orders import cordoned, forgotten
from provisioner.cluster.nodes import Evicted
from provisioner.cluster.port import Rejected, Rejection
from provisioner.cluster.simulated import SimulatedCluster


class SimulatedNodes:
    """`provisioner.cluster.nodes.Nodes` beside a simulated cluster."""

    def __init__(self, clock: Clock, world: WorldFile, cluster: SimulatedCluster, lacking: Sequence[str] = ()) -> None:
        self._clock, self._world, self._cluster, self._lacking = clock, world, cluster, tuple(lacking)

    def lacking(self) -> Sequence[str]:
        return self._lacking

    def cordon(self, node: str, on: bool) -> None:
        self._allowed("patch nodes")
        there = self._world.snapshot().nodes.get(node)
        if there is None:
            raise Rejected(Rejection.ABSENT, f'nodes "{node}" not found')
        with self._world.objects.changing() as held:
            said = [body["value"] for _, _, body in held.noted(0) if (body["kind"], body["name"]) == ("Node", node)]
            if (said[-1]["unschedulable"] if said else there.unschedulable) is on:
                return  # its controllers may not have acted on it yet
            held.note(max(self._clock.now(), held.last() or self._clock.now()), cordoned(node, on))

    def guests(self, node: str) -> Sequence[Guest]:
        return [_guest(one) for one in self._pods() if one.node == node]

    def budgets(self) -> Sequence[Budget]:
        self._allowed("list poddisruptionbudgets")
        return [budget(one) for one in self._cluster.find("PodDisruptionBudget", None, {})]

    def evict(self, guest: Guest) -> Evicted:
        self._allowed("create pods/eviction")
        pod = next((one for one in self._pods() if one.uid == guest.uid), None)
        if pod is None or pod.deleted_at is not None:
            return Evicted()
        found = self._cluster.find("PodDisruptionBudget", guest.namespace, {})
        about = [one for one in map(budget, found) if one.covers(pod.namespace, pod.labels)]
        if len(about) > 1:
            return Evicted(True, "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.")
        for one in about:
            if pod.phase is Phase.RUNNING and not one.lets(ready=pod.ready):
                said = f"The disruption budget {one.name} needs {one.desired} healthy pods and has {one.healthy} currently"
                return Evicted(True, f"Cannot evict pod as it would violate the pod's disruption budget. {said}")
        metadata = {"namespace": pod.namespace, "name": pod.name, "uid": pod.uid}
        with self._world.objects.changing() as held:
            at = max(self._clock.now(), held.last() or self._clock.now())
            if (order := forgotten({"kind": "Pod", "metadata": metadata})) is not None:
                held.note(at, order)
        return Evicted()

    def _pods(self) -> Sequence[Pod]:
        world, now = self._world.world, self._clock.now()
        if (down := world.active(Fault.API_DOWN, now)) is not None:
            raise Unavailable(f"The simulated Kubernetes API has not answered since {down.start:%Y-%m-%d %H:%M:%S} UTC.")
        return list(world.snapshot(now).pods.values())

    def _allowed(self, right: str) -> None:
        if right in self._lacking:
            raise Rejected(Rejection.FORBIDDEN, f'User "moorage-provisioner" cannot {right} at the cluster scope')


def _guest(pod: Pod) -> Guest:
    finished = pod.phase in (Phase.SUCCEEDED, Phase.FAILED)
    return Guest(pod.namespace, pod.name, pod.uid, pod.owner_kind, finished=finished, leaving=pod.deleted_at is not None)
