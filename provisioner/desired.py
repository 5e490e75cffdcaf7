"""What must exist in the cluster for an instance: pure, from one value to the objects, in the order in which they are applied."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from provisioner import notice
from provisioner.catalogue.listed import Listed
from provisioner.catalogue.schema import Setup
from provisioner.isolation import disruption, walls
from provisioner.labels import Object
from provisioner.stillness import keepers
from provisioner.wanted import Wanted, check_namespace
from provisioner.workloads import claims, deployment, ingress, job, own_ingresses, service


class Phase(StrEnum):
    """Groups of objects; one is applied when all before it stand."""

    WALLS = "walls"
    STORAGE = "storage"
    INSIDE = "inside"
    """Components that nobody reaches from outside."""
    APP = "app"
    SETUP = "setup"
    ENTRANCE = "entrance"


@dataclass(frozen=True, slots=True)
class Step:
    """Objects of one phase."""

    phase: Phase
    objects: tuple[Object, ...]


def desired(wanted: Wanted) -> tuple[Step, ...]:
    """The steps to the whole. Values of secrets are in none of them; they are drawn once and named only.

    Raises Invalid when the namespace is none of ours.
    """
    check_namespace(wanted.namespace)
    template = wanted.template
    # components that a customer listed may need each other to start, so they come together
    outer = [one for one in template.components if one.name == template.exposes or isinstance(one, Listed)]
    inner = [one for one in template.components if one not in outer]

    def workloads(components: Iterable[object]) -> tuple[Object, ...]:
        return tuple(
            made
            for component in template.components
            if component in components
            for made in (service(wanted, component), deployment(wanted, component), disruption(wanted, component.name))
        )

    steps = (
        Step(Phase.WALLS, tuple(walls(wanted))),
        Step(Phase.STORAGE, tuple(claims(wanted))),
        Step(Phase.INSIDE, workloads(inner)),
        Step(Phase.APP, workloads(outer)),
        Step(
            Phase.SETUP,
            tuple(keepers(wanted))
            if wanted.still
            else (*(job(wanted, step) for step in template.setup), *_upgrade(wanted))
            if wanted.running
            else (),
        ),
        Step(Phase.SETUP, notice.objects(wanted)),
        Step(Phase.ENTRANCE, (ingress(wanted), *own_ingresses(wanted))),
    )
    return tuple(step for step in steps if step.objects)


def _upgrade(wanted: Wanted) -> tuple[Object, ...]:
    """For code that lies on the volume: the step that brings it to the version, with the image that sets the app up."""
    template = wanted.template
    if not wanted.upgrades or not template.upgrade.command:
        return ()
    image = next((step.image for step in template.setup if step.of == template.exposes), None)
    step = Setup(name="upgrade", of=template.exposes, image=image, command=template.upgrade.command, seconds=900)
    return (job(wanted, step),)


def digest(steps: Iterable[Step]) -> str:
    """SHA-256 of everything that is wanted; what an approval binds."""
    whole = [[step.phase, step.objects] for step in steps]
    return hashlib.sha256(json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
