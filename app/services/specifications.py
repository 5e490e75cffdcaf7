"""Specifications as the provisioner wants them: an instance with its newest wish becomes one value. For other services."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sqlmodel import Session

from app.context import Context
from app.services import editions
from models.domain import components as components_rules
from models.domain.components import Added, Keeping
from models.domain.errors import NotFound
from models.store import catalogue, domains, organizations, pins
from models.store import components as component_rows
from models.store import specifications as store
from models.store.catalogue import Plan
from models.store.instances import Instance
from models.store.specifications import Specification
from provisioner import pinning
from provisioner.catalogue import Plan as WrittenPlan
from provisioner.catalogue import Template
from provisioner.catalogue.addons import joined
from provisioner.catalogue.listed import composed
from provisioner.catalogue.quantities import cpu, size
from provisioner.wanted import Addition, Ground, Wanted

LEAST_STORAGE = 1 << 30


def wanted(session: Session, instance: Instance, specification: Specification, ground: Ground) -> Wanted:
    """What `specification` asks for. `running` is as it says."""
    organization = organizations.by_id(session, instance.organization_id)
    plan = catalogue.plan_by_id(session, specification.plan_id)
    if organization is None or plan is None:
        raise NotFound("The app's organization or plan is not there any more.")
    beside = additions(session, instance.id, specification.added)
    if specification.suspended:
        ground = replace(ground, notice_image=pinning.named(ground.notice_image, pins.everything(session)))
    whole, parameters = composed(editions.read(session, specification.edition), _parameters(specification.given))
    return Wanted(
        instance_id=instance.id,
        organization_id=instance.organization_id,
        organization=organization.name,
        email=specification.email,
        namespace=instance.namespace,
        host=instance.host,
        template=joined(whole, [one.addon for one in beside if one.keeping is Keeping.RUNS]),
        plan=written(plan),
        parameters=parameters,
        ground=ground,
        running=specification.running,
        generation=specification.generation,
        restarts=specification.restarts,
        additions=beside,
        domains=tuple(one.name for one in domains.of_instance(session, instance.id) if one.proven_at is not None),
        upgrades=specification.upgrades,
        notice=specification.suspended,
    )


def template(session: Session, specification: Specification) -> Template:
    """The template with the components that the customer listed; without those that were added beside them."""
    return composed(editions.read(session, specification.edition), specification.given)[0]


def additions(session: Session, instance_id: str, added: Sequence[Added]) -> tuple[Addition, ...]:
    """Added components with their documents, and whether what they hold stood in the cluster once."""
    noted = component_rows.claims(session, instance_id) if added else frozenset()
    found: list[Addition] = []
    for one in added:
        addon = editions.component(session, one.edition)
        made = not noted.isdisjoint(addon.claims) or component_rows.stood(session, instance_id, one.since)
        found.append(Addition(addon, one.keeping, made))
    return tuple(found)


def written(plan: Plan) -> WrittenPlan:
    """A plan of the store as templates know it; what it costs is nobody's business there."""
    price = {"IDR": plan.price_minor, "USD": plan.price_minor, "EUR": plan.price_minor}
    return WrittenPlan(
        name=plan.name,
        cpu=cpu(Decimal(str(plan.cpu_cores))),
        memory=size(plan.memory_bytes),
        storage=size(plan.storage_bytes or LEAST_STORAGE),
        price=price,
        people=plan.people or 1,
        trial_days=None if plan.price_minor else plan.trial_days or 1,
    )


def add(
    ctx: Context,
    instance: Instance,
    *,
    edition: str,
    plan_id: str,
    parameters: Mapping[str, Any],
    email: str,
    running: bool = True,
    restarts: int = 0,
    added: Sequence[Added] | None = None,
    reason: str,
) -> Specification:
    """The next generation of what is wanted; flushed. Without `added` the components that were added stay as they are."""
    newest = store.newest(ctx.session, instance.id)
    row = Specification(
        instance_id=instance.id,
        generation=newest.generation + 1 if newest else 1,
        edition=edition,
        plan_id=plan_id,
        parameters=json.dumps(parameters, ensure_ascii=False, sort_keys=True),
        email=email,
        running=running,
        restarts=restarts,
        components=components_rules.write(added) if added is not None else newest.components if newest else "[]",
        reason=reason,
        by_name=ctx.actor.name,
        created_at=ctx.now,
    )
    ctx.session.add(row)
    ctx.session.flush()
    return row


def _parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """JSON knows no tuples, and a command is one."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
