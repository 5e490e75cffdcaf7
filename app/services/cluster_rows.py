"""Rows of nodes and pods from one reading of cluster, samples and directory. For other services, which check rights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.context import Context
from app.services import directory, present
from app.services.cluster_shapes import ContainerRow, NodeRow, PodRow
from app.services.directory import Directory
from app.services.present import ContainerUse, NodeUse, PodUse
from models.domain import health, placement
from models.domain.cluster import Node, Pod, Resources, Snapshot
from models.domain.health import Condition

ROLE = "node-role.kubernetes.io/"


@dataclass(frozen=True, slots=True)
class Sight:
    """The cluster as it is known at one moment."""

    ctx: Context
    snapshot: Snapshot
    names: Directory
    use: dict[str, PodUse]
    node_use: dict[str, NodeUse]

    @property
    def source(self) -> str:
        return f"Kubernetes inventory of {self.snapshot.cluster}; use: newest samples"

    def condition(self, pod: Pod) -> Condition:
        node = self.snapshot.nodes.get(pod.node or "")
        ready = True if pod.node is None else node.ready if node is not None else None
        return health.of_pod(pod, self.ctx.now, stale_since=self.snapshot.stale_since, node_ready=ready)

    def pod(self, pod: Pod) -> PodRow:
        use = self.use.get(pod.uid)
        owner = self.names.owners.get(pod.namespace)
        instance = self.names.instances.get(owner.instance_id or "") if owner else None
        cpu, memory = (use.cpu, use.memory) if use else (None, None)
        template = instance.template if instance else pod.labels.get(self.ctx.labels.template, "")
        return PodRow(
            uid=pod.uid,
            namespace=pod.namespace,
            name=pod.name,
            node=pod.node,
            phase=pod.phase.value,
            condition=self.condition(pod),
            organization_id=owner.organization_id if owner else None,
            organization=self.names.organization(owner.organization_id if owner else None),
            instance_id=owner.instance_id if owner else None,
            instance=instance.name if instance else "",
            template=template,
            owner=f"{pod.owner_kind}/{pod.owner_name}" if pod.owner_kind else "",
            ready=pod.ready,
            restarts=pod.restarts,
            created_at=pod.created_at,
            request=pod.request,
            limit=pod.limit,
            cpu_used=cpu,
            memory_used=memory,
            memory_share=_share(memory, pod.limit.memory or pod.request.memory),
            cpu_share=_share(cpu, pod.limit.cpu or pod.request.cpu),
            qos=pod.qos,
            measured_at=use.at if use else None,
        )

    def node(self, node: Node) -> NodeRow:
        use = self.node_use.get(node.name)
        held = [pod for pod in self.on(node.name) if pod.active]
        requests = sum((placement.demand(pod) for pod in held), Resources())
        return NodeRow(
            name=node.name,
            state=self._state(node),
            since=self.snapshot.stale_since or node.ready_since,
            reason=self.snapshot.trouble if self.snapshot.stale_since else node.reason,
            pressures=tuple(sorted(node.pressures)),
            cordoned=node.unschedulable,
            roles=tuple(sorted(label.removeprefix(ROLE) for label in node.labels if label.startswith(ROLE))),
            version=node.version,
            address=node.address,
            created_at=node.created_at,
            capacity=node.capacity,
            allocatable=node.allocatable,
            requests=requests,
            limits=sum((pod.limit for pod in held), Resources()),
            free=node.allocatable - requests,
            cpu_used=use.cpu if use else None,
            memory_used=use.memory if use else None,
            disk_used_share=use.disk_share if use else None,
            load1=use.load1 if use else None,
            measured_at=use.at if use else None,
        )

    def on(self, node: str) -> Iterable[Pod]:
        return (pod for pod in self.snapshot.pods.values() if pod.node == node)

    def _state(self, node: Node) -> str:
        if self.snapshot.stale_since is not None or node.ready is None:
            return "unknown"
        if not node.ready:
            return "not_ready"
        return "cordoned" if node.unschedulable else "ready"


def look(ctx: Context) -> Sight:
    """One reading of everything that the rows need."""
    return Sight(ctx, ctx.cluster.snapshot(), directory.load(ctx), dict(present.pods(ctx)), dict(present.nodes(ctx)))


def containers(pod: Pod, use: dict[str, ContainerUse]) -> tuple[ContainerRow, ...]:
    unmeasured = ContainerUse(None, None, None, pod.created_at)
    return tuple(
        ContainerRow(
            name=one.name,
            image=one.image,
            state=one.state,
            reason=one.reason,
            ready=one.ready,
            restarts=one.restarts,
            started_at=one.started_at,
            last_reason=one.last_reason,
            last_exit_code=one.last_exit_code,
            last_finished_at=one.last_finished_at,
            request=one.request,
            limit=one.limit,
            cpu_used=use.get(one.name, unmeasured).cpu,
            memory_used=use.get(one.name, unmeasured).memory,
            throttled_share=use.get(one.name, unmeasured).throttled_share,
        )
        for one in pod.containers
    )


def _share(used: float | None, of: float) -> float | None:
    return used / of if used is not None and of else None
