"""Orphans: what stands in the cluster for no app, and what is on record and stands nowhere. Pure; nothing is ever deleted by it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from models.domain.cluster import Namespace, Snapshot
from models.domain.instances import State

YOUNG = timedelta(minutes=5)
"""What was made so lately may still be on its way into the record, or into the cluster."""


class Kind(StrEnum):
    """Which side is missing."""

    NAMESPACE = "namespace"
    """A namespace that the provisioner made, without a living app."""
    INSTANCE = "instance"
    """An app that Moorage made, without its namespace."""
    SUBSCRIPTION = "subscription"
    """A subscription that goes on, without a living app."""


@dataclass(frozen=True, slots=True)
class App:
    """An app on record. `made`: by Moorage; `busy`: something is being done with it, so it may be on its way."""

    id: str
    name: str
    organization_id: str
    namespace: str
    state: State
    made: bool
    busy: bool


@dataclass(frozen=True, slots=True)
class Charge:
    """A subscription that goes on, and the apps that its open items point to."""

    id: str
    organization_id: str
    since: datetime
    instance_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Orphan:
    """`id` is the namespace's name, or the id of instance or subscription; `why` a code that pages translate."""

    kind: Kind
    id: str
    name: str
    organization_id: str | None
    since: datetime | None
    why: str
    pods: int = 0


STANDS = frozenset({State.READY, State.DEGRADED, State.STOPPED, State.SUSPENDED})
"""States in which an app that Moorage made has its namespace."""


def find(
    snapshot: Snapshot,
    apps: Iterable[App],
    charges: Iterable[Charge],
    now: datetime,
    *,
    labels: Mapping[str, str],
    instance_label: str,
) -> tuple[Orphan, ...]:
    """All of both ways, by kind and name; `labels` mark the namespaces that the provisioner made. Nothing of a cluster that is silent."""
    if snapshot.stale_since is not None:
        return ()
    known = {one.id: one for one in apps}
    living = {one.namespace for one in known.values() if one.state is not State.GONE}
    ours = [one for one in snapshot.namespaces.values() if all(one.labels.get(key) == value for key, value in labels.items())]
    return (
        *sorted(_namespaces(snapshot, ours, known, living, now, instance_label), key=lambda one: one.name),
        *sorted(_apps(snapshot, known.values()), key=lambda one: (one.name, one.id)),
        *sorted(_charges(known, charges, now), key=lambda one: one.id),
    )


def _namespaces(
    snapshot: Snapshot, ours: Iterable[Namespace], known: Mapping[str, App], living: set[str], now: datetime, label: str
) -> Iterator[Orphan]:
    for one in ours:
        if one.name in living or one.phase == "Terminating" or now - one.created_at < YOUNG:
            continue
        app = known.get(one.labels.get(label, ""))
        why = "unknown" if app is None else "gone" if app.state is State.GONE else "elsewhere"
        pods = sum(pod.namespace == one.name for pod in snapshot.pods.values())
        yield Orphan(Kind.NAMESPACE, one.name, one.name, app.organization_id if app else None, one.created_at, why, pods)


def _apps(snapshot: Snapshot, apps: Iterable[App]) -> Iterator[Orphan]:
    for one in apps:
        if one.made and not one.busy and one.state in STANDS and one.namespace not in snapshot.namespaces:
            yield Orphan(Kind.INSTANCE, one.id, one.name, one.organization_id, None, "lost")


def _charges(known: Mapping[str, App], charges: Iterable[Charge], now: datetime) -> Iterator[Orphan]:
    for one in charges:
        theirs = [app for id in one.instance_ids if (app := known.get(id)) is not None]
        if now - one.since >= YOUNG and not any(app.state is not State.GONE for app in theirs):
            name = theirs[0].name if theirs else ""
            yield Orphan(Kind.SUBSCRIPTION, one.id, name, one.organization_id, one.since, "without_app")
