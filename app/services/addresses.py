"""Addresses of namespaces that belong to an organization without being an app of it: which there are, and whether they answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import Session

from app.context import Context
from app.services import availability, mapping
from app.services.availability import Availability
from app.services.organizations import existing
from models.domain.access import Permission
from models.domain.cluster import Snapshot
from models.domain.instances import LIVING
from models.domain.mapping import LabelNames
from models.store import instances
from models.store import mapping as store

SPAN = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Address:
    """Where something of an organization answers."""

    namespace: str
    address: str
    organization_id: str
    by_rule: bool
    """Whether people said so; otherwise an Ingress of the namespace does."""


@dataclass(frozen=True, slots=True)
class Answering:
    """An address and how often it answered while the namespace was its owner's, at most the last 30 days."""

    namespace: str
    address: str
    by_rule: bool
    availability: Availability


def known(session: Session, snapshot: Snapshot, names: LabelNames) -> tuple[Address, ...]:
    """All of the watched cluster, by namespace. A rule's address replaces what the namespace's Ingress objects name.

    A namespace of an app has none here: the app's own record says where it answers, and whether it should.
    """
    said = {row.namespace: row.address for row in store.rules(session, snapshot.cluster) if row.address}
    if not said and not snapshot.addresses:
        return ()
    of_apps = {row.namespace for row in instances.search(session, states=LIVING) if row.cluster == snapshot.cluster}
    found = []
    for namespace, owner in sorted(mapping.owners_in(session, snapshot, names).items()):
        if owner.organization_id is None or owner.instance_id is not None or namespace in of_apps:
            continue
        if namespace in said:
            found.append(Address(namespace, said[namespace], owner.organization_id, by_rule=True))
        else:
            named = snapshot.addresses.get(namespace, ())
            found += [Address(namespace, one, owner.organization_id, by_rule=False) for one in named]
    return tuple(found)


def of_organization(ctx: Context, *, organization_id: str) -> tuple[Answering, ...]:
    """Those of one organization, by namespace; for its members and for staff."""
    ctx.require(Permission.SEE_OWN_INSTANCES, organization_id)
    existing(ctx, organization_id)
    snapshot = ctx.cluster.snapshot()
    every = ctx.keep("addresses", lambda: known(ctx.session, snapshot, ctx.labels), of=("store", "cluster"))
    mine = [one for one in every if one.organization_id == organization_id]
    if not mine:
        return ()
    seen = availability.of_addresses(
        ctx,
        cluster=snapshot.cluster,
        owner=organization_id,
        addresses=[(one.namespace, one.address) for one in mine],
        since=ctx.now - SPAN,
        until=ctx.now,
    )
    return tuple(Answering(one.namespace, one.address, one.by_rule, seen[one.namespace, one.address]) for one in mine)
