"""Whose namespace is it: rules made by people win, then the cluster's labels, then what Moorage itself has on record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from models.domain.cluster import Snapshot


class Via(StrEnum):
    """How an owner was found, strongest first."""

    PAGE = "page"
    CSV = "csv"
    LABEL = "label"
    """The namespace's own label."""
    POD_LABEL = "pod-label"
    """The label of its pods, where the namespace has none."""
    INSTANCE = "instance"
    """An instance on record in that namespace, where nothing is labelled."""
    DISPUTED = "disputed"
    """Its pods name different organizations: nobody's until a person decides."""
    UNOWNED = "unowned"


@dataclass(frozen=True, slots=True)
class LabelNames:
    """Which labels of namespaces and pods carry what."""

    organization: str = "moorage.dev/organization"
    instance: str = "moorage.dev/instance"
    template: str = "moorage.dev/template"
    plan: str = "moorage.dev/plan"


DEFAULT_LABELS = LabelNames()
CLUSTERS_OWN = "kube-"
"""Namespaces that begin so belong to Kubernetes itself."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a namespace is; both None when it is nobody's."""

    organization_id: str | None
    instance_id: str | None
    via: Via


@dataclass(frozen=True, slots=True)
class Labels:
    """The names of the labels, and which id each value stands for."""

    names: LabelNames = DEFAULT_LABELS
    organizations: Mapping[str, str] = field(default_factory=dict)
    """Label value to organization id."""
    instances: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(Organization id, label value) to instance id."""
    placed: Mapping[str, Owner] = field(default_factory=dict)
    """Namespace to the owner of the instance that is on record there."""


def resolve(snapshot: Snapshot, rules: Mapping[str, Owner], labels: Labels) -> Mapping[str, Owner]:
    """The owner of every namespace that the cluster or a rule names; `rules` are those of this cluster, by namespace.

    A label whose value stands for no organization says nothing. Whoever owns a namespace by its label and has an instance on record
    in it owns that instance too, when no label names one.
    """
    names = labels.names
    found = dict(rules)
    open_: set[str] = set()
    for name, namespace in snapshot.namespaces.items():
        if name in found:
            continue
        owner = _labelled(namespace.labels, labels)
        if owner is None:
            open_.add(name)
        else:
            found[name] = _with_placed(Owner(*owner, Via.LABEL), labels.placed.get(name))
    said: dict[str, set[tuple[str, str | None]]] = {}
    if open_:
        for pod in snapshot.pods.values():
            if pod.namespace in open_ and names.organization in pod.labels and (owner := _labelled(pod.labels, labels)):
                said.setdefault(pod.namespace, set()).add(owner)
    for name in open_:
        found[name] = _by_pods(said.get(name, set()), labels.placed.get(name))
    return found


def unclaimed(snapshot: Snapshot, owned: Container[str]) -> Counter[str]:
    """Active pods by namespace, of those that are in nobody's hands; `owned` are those that have an owner.

    The one definition of what has to be claimed: an empty namespace has not, and neither has one of the cluster's own.
    """
    return Counter(
        pod.namespace
        for pod in snapshot.pods.values()
        if pod.active and pod.namespace not in owned and not pod.namespace.startswith(CLUSTERS_OWN)
    )


def _labelled(carried: Mapping[str, str], labels: Labels) -> tuple[str, str | None] | None:
    """(organization id, instance id) that these labels name; None when they name no known organization."""
    organization = labels.organizations.get(carried.get(labels.names.organization, ""))
    if organization is None:
        return None
    return organization, labels.instances.get((organization, carried.get(labels.names.instance, "")))


def _by_pods(said: set[tuple[str, str | None]], placed: Owner | None) -> Owner:
    organizations = {organization for organization, _ in said}
    if len(organizations) > 1:
        return Owner(None, None, Via.DISPUTED)
    if organizations:
        instances = {instance for _, instance in said if instance is not None}
        return _with_placed(Owner(organizations.pop(), instances.pop() if len(instances) == 1 else None, Via.POD_LABEL), placed)
    return placed or Owner(None, None, Via.UNOWNED)


def _with_placed(owner: Owner, placed: Owner | None) -> Owner:
    if owner.instance_id is None and placed is not None and placed.organization_id == owner.organization_id:
        return Owner(owner.organization_id, placed.instance_id, owner.via)
    return owner
