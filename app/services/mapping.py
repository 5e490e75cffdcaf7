"""Whose each namespace of the watched cluster is: rules made here win over its labels; the rest stands under "unowned"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from app.context import Context
from app.services import audit
from models.domain import mapping as domain
from models.domain.access import Permission
from models.domain.cluster import Snapshot
from models.domain.errors import Conflict, Invalid, NotFound
from models.domain.instances import LIVING, check_address
from models.domain.mapping import LabelNames, Labels, Owner, Via
from models.domain.organizations import ENDED
from models.store import instances as instance_store
from models.store import mapping as store
from models.store import organizations as organization_store
from models.store.instances import Instance
from models.store.organizations import Organization

MADE_BY_PEOPLE = frozenset({Via.PAGE, Via.CSV})


@dataclass(frozen=True, slots=True)
class NamespaceRow:
    """One namespace and its owner. `exists` is False for a rule about a namespace that the cluster does not have (any more)."""

    namespace: str
    via: Via
    organization_id: str | None
    organization: str
    """Empty: nobody's."""
    instance_id: str | None
    instance: str
    label: str
    """What its own organization label says; empty when it has none."""
    pods: int
    cpu_request: float
    memory_request: int
    exists: bool
    by: str
    """Who made the rule; empty when there is none."""
    since: datetime | None
    address: str
    """Where what runs there answers, as the rule says; empty when it says nothing."""
    addresses: tuple[str, ...]
    """Those that its Ingress objects name."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """`rows` are those asked for; the counts are over all namespaces. The sums of requests over all rows are the cluster's."""

    cluster: str
    rows: tuple[NamespaceRow, ...]
    namespaces: int
    unowned: int
    disputed: int
    unowned_pods: int
    """Of these three: what has to be claimed by `models.domain.mapping.unclaimed`, the same that the Overview counts."""
    unowned_memory_share: float | None
    """Of all memory requests, the share of those pods; None when nothing asks for memory."""
    organization_label: str
    instance_label: str
    as_of: datetime
    stale_since: datetime | None


def owners(ctx: Context) -> Mapping[str, Owner]:
    """The owner of every namespace of the watched cluster. For other services, which check rights."""
    return owners_in(ctx.session, ctx.cluster.snapshot(), ctx.labels)


def owners_in(session: Session, snapshot: Snapshot, names: LabelNames) -> Mapping[str, Owner]:
    """The same outside of a use case."""
    rules = {row.namespace: Owner(row.organization_id, row.instance_id, row.via) for row in store.rules(session, snapshot.cluster)}
    return domain.resolve(snapshot, rules, _labels(session, snapshot.cluster, names))


def list_(ctx: Context, *, search: str = "", via: Via | None = None, organization_id: str | None = None) -> Mapped:
    """Namespaces by name, nobody's first. `search` looks into namespace and owner's name."""
    ctx.require(Permission.MAP_NAMESPACES)
    snapshot = ctx.cluster.snapshot()
    found = owners(ctx)
    rules = {row.namespace: row for row in store.rules(ctx.session, snapshot.cluster)}
    names = {row.id: row.name for row in organization_store.everything(ctx.session)}
    instances = {row.id: row.name for row in instance_store.everything(ctx.session)}
    asked: dict[str, list[float]] = {}
    for pod in snapshot.pods.values():
        if pod.active:
            sums = asked.setdefault(pod.namespace, [0, 0.0, 0])
            sums[0] += 1
            sums[1] += pod.request.cpu
            sums[2] += pod.request.memory
    rows = []
    for name, owner in found.items():
        pods, cpu, memory = asked.get(name, (0, 0.0, 0))
        rule, namespace = rules.get(name), snapshot.namespaces.get(name)
        rows.append(
            NamespaceRow(
                namespace=name,
                via=owner.via,
                organization_id=owner.organization_id,
                organization=names.get(owner.organization_id or "", ""),
                instance_id=owner.instance_id,
                instance=instances.get(owner.instance_id or "", ""),
                label=namespace.labels.get(ctx.labels.organization, "") if namespace else "",
                pods=int(pods),
                cpu_request=cpu,
                memory_request=int(memory),
                exists=namespace is not None,
                by=rule.by if rule else "",
                since=rule.created_at if rule else None,
                address=rule.address if rule else "",
                addresses=snapshot.addresses.get(name, ()),
            )
        )
    rows.sort(key=lambda row: (row.organization_id is not None, row.namespace.startswith(domain.CLUSTERS_OWN), row.namespace))
    unclaimed = domain.unclaimed(snapshot, {row.namespace for row in rows if row.organization_id is not None})
    nobodys = [row for row in rows if row.namespace in unclaimed]
    whole = sum(row.memory_request for row in rows)
    words = search.casefold().strip()
    return Mapped(
        cluster=snapshot.cluster,
        rows=tuple(
            row
            for row in rows
            if (via is None or row.via is via)
            and (organization_id is None or row.organization_id == organization_id)
            and (not words or words in row.namespace or words in row.organization.casefold())
        ),
        namespaces=len(rows),
        unowned=sum(row.via is Via.UNOWNED for row in nobodys),
        disputed=sum(row.via is Via.DISPUTED for row in nobodys),
        unowned_pods=unclaimed.total(),
        unowned_memory_share=sum(row.memory_request for row in nobodys) / whole if whole else None,
        organization_label=ctx.labels.organization,
        instance_label=ctx.labels.instance,
        as_of=snapshot.as_of,
        stale_since=snapshot.stale_since,
    )


def assign(
    ctx: Context,
    *,
    namespace: str,
    organization_id: str,
    instance_id: str | None = None,
    address: str | None = None,
    via: Via = Via.PAGE,
) -> NamespaceRow:
    """Give a namespace of the watched cluster to an organization, and perhaps to one of its instances; replaces an older rule.

    `address` is asked once a minute whether it answers, where no instance is named; None: it stays as it was, unless the namespace
    changes hands. Conflict when the organization is closed or anonymised.
    """
    give(ctx, namespace=namespace, organization_id=organization_id, instance_id=instance_id, address=address, via=via)
    return next(row for row in list_(ctx).rows if row.namespace == namespace)


def give(
    ctx: Context,
    *,
    namespace: str,
    organization_id: str,
    instance_id: str | None = None,
    address: str | None = None,
    via: Via = Via.PAGE,
) -> None:
    """`assign` without looking at the whole list afterwards: for many at once."""
    ctx.require(Permission.MAP_NAMESPACES)
    if via not in MADE_BY_PEOPLE:
        raise Invalid("A rule is made on the page or by a CSV file.", field="via")
    wanted = None if address is None else check_address(address)
    snapshot = ctx.cluster.snapshot()
    rule = store.rule(ctx.session, snapshot.cluster, namespace)
    if rule is None and namespace not in snapshot.namespaces:
        raise NotFound(f"The cluster has no namespace “{namespace}”. Check how it is written, or wait until it is there.")
    organization = organization_store.by_id(ctx.session, organization_id)
    if organization is None:
        raise NotFound("There is no such organization. Choose one of the list.")
    if organization.standing in ENDED:
        raise Conflict(f"{organization.name} is {organization.standing.value}, so it gets no namespace. Choose another one.")
    instance = _instance(ctx, organization, instance_id) if instance_id else None
    before = _facts(rule) if rule else None
    rule = rule or store.NamespaceMapping(
        cluster=snapshot.cluster, namespace=namespace, organization_id=organization.id, via=via, by="", created_at=ctx.now
    )
    if instance and wanted:
        raise Invalid(f"The app “{instance.name}” has an address of its own, on the page of {organization.name}.", field="address")
    if instance or (wanted is None and rule.organization_id != organization.id):
        wanted = ""  # the app says it itself, or it was the former owner's
    rule.organization_id, rule.instance_id = organization.id, instance.id if instance else None
    rule.address = rule.address if wanted is None else wanted
    rule.via, rule.by, rule.created_at = via, ctx.actor.name, ctx.now
    ctx.session.add(rule)
    ctx.session.flush()
    subject = f"{snapshot.cluster}/{namespace}"
    audit.record(
        ctx, action="mapping.assign", subject=subject, organization=organization.id, before=before or {}, after=_facts(rule)
    )


def clear(ctx: Context, *, namespace: str) -> None:
    """Take the rule about a namespace away: its labels count again."""
    ctx.require(Permission.MAP_NAMESPACES)
    cluster = ctx.cluster.snapshot().cluster
    rule = store.rule(ctx.session, cluster, namespace)
    if rule is None:
        raise NotFound(f"There is no rule about the namespace “{namespace}”, so there is nothing to take away.")
    audit.record(
        ctx,
        action="mapping.clear",
        subject=f"{cluster}/{namespace}",
        organization=rule.organization_id,
        before=_facts(rule),
        after={},
    )
    ctx.session.delete(rule)
    ctx.session.flush()


def _facts(rule: store.NamespaceMapping) -> dict[str, str | None]:
    facts = {"organization_id": rule.organization_id, "instance_id": rule.instance_id, "via": rule.via.value}
    return facts | ({"address": rule.address} if rule.address else {})


def _instance(ctx: Context, organization: Organization, word: str) -> Instance:
    """The organization's living instance of that id or name."""
    row = instance_store.by_id(ctx.session, word) or instance_store.living_by_name(ctx.session, organization.id, word)
    if row is None or row.organization_id != organization.id or row.state not in LIVING:
        raise NotFound(f"{organization.name} has no instance “{word}”. Leave it out, or name one of its own.")
    return row


def _labels(session: Session, cluster: str, names: LabelNames) -> Labels:
    """What label values stand for: ids, and the labels that staff gave. Not slugs, since whoever signs up chooses theirs."""
    organizations: dict[str, str] = {}
    rows = organization_store.everything(session)
    for attribute in ("label", "id"):
        organizations |= {word: row.id for row in rows if (word := getattr(row, attribute))}
    living = [row for row in instance_store.everything(session) if row.state in LIVING]
    instances = {(row.organization_id, row.name): row.id for row in living}
    instances |= {(row.organization_id, row.id): row.id for row in living}
    placed: dict[str, Owner] = {}
    for row in living:
        if row.cluster == cluster and row.namespace:
            shared = row.namespace in placed  # two instances in one namespace: no telling which pods are whose
            placed[row.namespace] = Owner(row.organization_id, None if shared else row.id, Via.INSTANCE)
    return Labels(names, organizations, instances, placed)
