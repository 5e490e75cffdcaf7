"""Whether a template can be sold: it is rendered with every plan, and a cluster says of each object whether it would take it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from provisioner.catalogue import Plan, Template
from provisioner.catalogue.listed import composed
from provisioner.changes import MANAGED_BY
from provisioner.cluster.port import Cluster, Rejected, Rejection
from provisioner.desired import desired
from provisioner.labels import MANAGER, Object
from provisioner.wanted import Ground, Wanted, check_parameters

EXAMPLES = {
    "image": "registry.example/check:1",
    "components": [
        {"name": "web", "image": "registry.example/check:1", "path": "/", "health": "/"},
        {"name": "api", "image": "registry.example/check:1", "path": "/api", "copies": 2},
        {"name": "worker", "image": "registry.example/check:1", "size": "medium"},
    ],
}
"""Values for parameters that have no default."""
MOMENTS = 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found about one plan of a template. `refused`: (object, reason) of what the cluster would not take."""

    template: str
    plan: str
    objects: int
    refused: tuple[tuple[str, str], ...]


def example(template: Template, plan: Plan, namespace: str, ground: Ground) -> Wanted:
    """An order as anybody could make it."""
    given = {name: EXAMPLES[name] for name, one in template.parameters.items() if one.required and one.default is None}
    whole, parameters = composed(template, check_parameters(template, given))
    return Wanted(
        instance_id=namespace,
        organization_id="check",
        organization="Check",
        email="check@example.com",
        namespace=namespace,
        host=f"check.{template.id}.{ground.apps_domain}",
        template=whole,
        plan=plan,
        parameters=parameters,
        ground=ground,
    )


def check(
    template: Template, *, ground: Ground, cluster: Cluster | None, namespace: str, pause: Callable[[], None]
) -> Iterator[Verdict]:
    """A verdict for each plan. With a cluster the namespace is made for it, for `clear` to delete; all else is a dry run.

    `pause` waits a moment: rights in a new namespace are not known everywhere at once. Raises Rejected when not even the namespace may
    be made, Unavailable when nobody answers.
    """
    for plan in template.plans:
        wanted = example(template, plan, namespace, ground)
        objects = [one for step in desired(wanted) for one in step.objects]
        refused: list[tuple[str, str]] = []
        if cluster is not None:
            for one in objects[:2]:  # the namespace, and the provisioner's rights in it
                cluster.apply(one)
            _settle(cluster, objects[2], pause)
            for one in objects[2:]:
                try:
                    cluster.apply(one, dry_run=True)
                except Rejected as error:
                    refused.append((f"{one['kind']} {one['metadata']['name']}", str(error)))
        yield Verdict(template.id, plan.name, len(objects), tuple(refused))


def _settle(cluster: Cluster, one: Object, pause: Callable[[], None]) -> None:
    for _ in range(MOMENTS):
        try:
            cluster.apply(one, dry_run=True)
        except Rejected as error:
            if error.rejection is not Rejection.FORBIDDEN:
                return
            pause()
        else:
            return


def clear(cluster: Cluster, namespace: str) -> None:
    """Take the check's own namespace away again, and no other."""
    found = cluster.read("Namespace", None, namespace)
    if found is not None and (found["metadata"].get("labels") or {}).get(MANAGED_BY) == MANAGER:
        cluster.delete("Namespace", None, namespace)
