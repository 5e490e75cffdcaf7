"""Names for ids: whose each namespace is, and what organizations and instances are called. For other services, which check rights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.context import Context
from app.services import mapping
from models.domain.instances import LIVING, State
from models.domain.mapping import Owner
from models.store import instances as instance_store
from models.store import organizations as organization_store

UNOWNED = "unowned"
"""What a filter says for the bucket of namespaces that belong to nobody."""


@dataclass(frozen=True, slots=True)
class InstanceFacts:
    """What is on record about one living instance."""

    id: str
    organization_id: str
    name: str
    template: str
    plan_id: str | None
    cluster: str
    namespace: str
    address: str
    state: State
    trial_until: datetime | None


@dataclass(frozen=True, slots=True)
class Directory:
    """`owners` by namespace of the cluster that is watched; `organizations` and `instances` by id."""

    owners: Mapping[str, Owner]
    organizations: Mapping[str, str]
    instances: Mapping[str, InstanceFacts]

    def organization_id(self, namespace: str) -> str | None:
        owner = self.owners.get(namespace)
        return owner.organization_id if owner is not None else None

    def instance_id(self, namespace: str) -> str | None:
        owner = self.owners.get(namespace)
        return owner.instance_id if owner is not None else None

    def organization(self, organization_id: str | None) -> str:
        """Its name; empty for nobody."""
        return self.organizations.get(organization_id or "", "")

    def instance(self, instance_id: str | None) -> str:
        """Its name; empty for none."""
        found = self.instances.get(instance_id or "")
        return found.name if found is not None else ""

    def namespaces(self, organization_id: str) -> tuple[str, ...]:
        """All that belong to the organization, by name."""
        return tuple(sorted(name for name, owner in self.owners.items() if owner.organization_id == organization_id))

    def namespaces_of(self, instance_id: str) -> tuple[str, ...]:
        """All that hold the instance, by name."""
        return tuple(sorted(name for name, owner in self.owners.items() if owner.instance_id == instance_id))

    def own_namespaces(self, facts: InstanceFacts) -> tuple[str, ...]:
        """Namespaces that hold the instance and belong to its organization: a mapping that says otherwise shows nothing."""
        return tuple(name for name in self.namespaces_of(facts.id) if self.organization_id(name) == facts.organization_id)


def load(ctx: Context) -> Directory:
    """Everything at once: few questions to the store, whatever the number of pods. Kept while neither records nor cluster change."""
    return ctx.keep("directory", lambda: _read(ctx), of=("store", "cluster"))


def _read(ctx: Context) -> Directory:
    return Directory(
        owners=mapping.owners(ctx),
        organizations={row.id: row.name for row in organization_store.everything(ctx.session)},
        instances={
            row.id: InstanceFacts(
                id=row.id,
                organization_id=row.organization_id,
                name=row.name,
                template=row.template,
                plan_id=row.plan_id,
                cluster=row.cluster,
                namespace=row.namespace,
                address=row.address,
                state=row.state,
                trial_until=row.trial_until,
            )
            for row in instance_store.everything(ctx.session)
            if row.state in LIVING
        },
    )
