"""What an instance takes from the nodes: the pods that its objects lead to, as the scheduler will count them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from models.domain.cluster import Resources
from provisioner.catalogue.quantities import bytes_of, cores_of
from provisioner.desired import Step
from provisioner.labels import Object


def pods(steps: Iterable[Step]) -> tuple[Resources, ...]:
    """The request of each pod that runs once everything stands; setup steps run beside them for a moment and are not counted."""
    return tuple(size for step in steps for one in step.objects if one["kind"] == "Deployment" for size in _of(one))


def storage(steps: Iterable[Step]) -> int:
    """Bytes of all volumes together."""
    claims = (one for step in steps for one in step.objects if one["kind"] == "PersistentVolumeClaim")
    return sum(bytes_of(one["spec"]["resources"]["requests"]["storage"]) for one in claims)


def _of(workload: Object) -> Iterator[Resources]:
    asked = [container["resources"]["requests"] for container in workload["spec"]["template"]["spec"]["containers"]]
    cores = float(sum(cores_of(one["cpu"]) for one in asked))
    memory = sum(bytes_of(one["memory"]) for one in asked)
    for _ in range(workload["spec"]["replicas"]):
        yield Resources(cores, memory, 1)
