"""The cluster with everything that questions of capacity are answered from, read once. For other services, which check rights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.context import Context
from app.services import directory, present, settings
from app.services.directory import Directory
from app.services.figures import Figure
from app.services.present import PodUse
from models.domain import capacity as rules
from models.domain import placement
from models.domain.capacity import Level, Resource
from models.domain.cluster import Pod, Resources, Snapshot
from models.domain.placement import Room
from models.store import catalogue
from models.store.catalogue import Plan

UNITS: Mapping[str, str] = {"memory": "B", "cpu": "cores", "pods": "1"}
INVENTORY = "Kubernetes inventory"
SAMPLES = "newest samples"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is where, whose it is, and what it uses, all of one moment."""

    snapshot: Snapshot
    space: Room
    names: Directory
    use: Mapping[str, PodUse]
    """By uid of the pod."""
    sale_limit: float
    levels: tuple[Level, ...]

    def level(self, resource: str) -> Level:
        return next(level for level in self.levels if level.resource.value == resource)

    def placed(self) -> Iterable[Pod]:
        """Every pod that holds a place."""
        return (pod for pods in self.space.on.values() for pod in pods)

    def active(self) -> Iterable[Pod]:
        """Every pod that holds a place or waits for one."""
        return (pod for pod in self.snapshot.pods.values() if pod.active)


def load(ctx: Context) -> Facts:
    """One reading of cluster, directory, newest samples and settings, kept while none of them changes."""
    return ctx.keep("room", lambda: _read(ctx), of=("store", "cluster"))


def _read(ctx: Context) -> Facts:
    snapshot = ctx.cluster.snapshot()
    space = placement.room(snapshot)
    limit = float(settings.get(ctx, "sale_limit"))
    return Facts(snapshot, space, directory.load(ctx), present.pods(ctx), limit, rules.levels(space, limit))


def used(facts: Facts, resource: str) -> Figure:
    """What the pods on nodes for everybody use: measured for memory and CPU, counted for pods. None when nothing is measured."""
    pods = list(rules.shared(facts.space))
    if resource == Resource.PODS.value:
        running = sum(pod.ready for pod in pods)
        return Figure(float(running), UNITS[resource], facts.snapshot.as_of, INVENTORY, "pods that are ready")
    measured = [
        (value, one.at) for pod in pods if (one := facts.use.get(pod.uid)) and (value := getattr(one, resource)) is not None
    ]
    what = "working sets" if resource == Resource.MEMORY.value else "CPU rates between the last two samples"
    return Figure(
        sum(value for value, _ in measured) if measured else None,
        UNITS[resource],
        max((at for _, at in measured), default=None),
        SAMPLES,
        f"sum of the newest {what} of the containers of {len(measured)} of {len(pods)} pods on nodes",
    )


def plans(ctx: Context) -> list[Plan]:
    """Plans on sale that cost something, the smallest first."""
    paid = (plan for plan in catalogue.plans(ctx.session) if plan.trial_days is None)
    return sorted(paid, key=lambda plan: (plan.memory_bytes, plan.cpu_cores, plan.template, plan.name))


def size(plan: Plan) -> Resources:
    """What one more app of the plan asks for, as one pod."""
    return Resources(plan.cpu_cores if plan.cpu_request is None else plan.cpu_request, plan.memory_bytes, 1)
