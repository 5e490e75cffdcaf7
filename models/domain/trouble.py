"""What hurts or soon will: one pure list from the snapshot, the newest measurements and what happened lately, worst first.

A finding says who is affected, since when, why in words, and what to do next. Codes are stable: pages translate them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from models.domain import health, mapping, placement
from models.domain.cluster import Node, Pod, Snapshot
from models.domain.health import Condition, State
from models.domain.placement import Refusal, Unplaced
from models.domain.trouble_machines import MachineUse, of_machines
from models.domain.trouble_neighbours import pointed
from models.domain.trouble_shapes import Kind, Severity, Trouble, percent

__all__ = [
    "Kind",
    "MemoryUse",
    "OomKill",
    "Owned",
    "Severity",
    "SourceAge",
    "Trouble",
    "VolumeUse",
    "amount",
    "by_thing",
    "find",
    "in_words",
]

OOM_LOOKBACK = timedelta(hours=24)
PENDING_AFTER = timedelta(minutes=1)
STALE_TICKS = 3
"""A source that missed so many ticks is stale."""
VOLUME_CRITICAL = 0.03
VOLUME_WARNING = 0.15
VOLUME_DAYS = 4.0
"""Shares of free space, and the time to full, as KubePersistentVolumeFillingUp of kubernetes-mixin has them."""
NEAR_LIMIT = 0.95
"""Share of the memory limit from which the kernel is about to kill."""


class Owned(Protocol):
    """Whose a namespace is. Both are None in the unowned bucket."""

    @property
    def organization_id(self) -> str | None: ...

    @property
    def instance_id(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class VolumeUse:
    """Newest measurement of one volume. `shared`: the statistics are those of the disk, not of the claim."""

    namespace: str
    claim: str
    used_bytes: float | None
    capacity_bytes: float | None
    days_left: float | None = None
    shared: bool = False


@dataclass(frozen=True, slots=True)
class SourceAge:
    """How old a source's newest tick is, and how often it ought to come."""

    source: str
    last_tick: datetime | None
    interval: timedelta


@dataclass(frozen=True, slots=True)
class OomKill:
    """A container that was killed for memory. `at` is the end of that run; `times` how often within the look-back."""

    namespace: str
    pod: str
    uid: str
    container: str
    at: datetime
    times: int = 1


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Newest working set of a container against its limit."""

    uid: str
    container: str
    used_bytes: float
    limit_bytes: float


_SEVERITIES, _KINDS = tuple(Severity), tuple(Kind)


def find(
    snapshot: Snapshot,
    now: datetime,
    *,
    owners: Mapping[str, Owned],
    ooms: Sequence[OomKill] = (),
    memory: Sequence[MemoryUse] = (),
    volumes: Sequence[VolumeUse] = (),
    machines: Sequence[MachineUse] = (),
    sources: Sequence[SourceAge] = (),
    began: Mapping[str, datetime] | None = None,
    more: Iterable[Trouble] = (),
) -> tuple[Trouble, ...]:
    """Everything that is wrong at `now`, worst first. `owners` by namespace; `began` by subject, where records know it better;
    `more` are rows of other rules (`traffic.py`, `trouble_ingress.py`).

    While the cluster is silent its pods and nodes are not judged: one row says so instead of hundreds.
    """
    found: list[Trouble] = []
    if snapshot.stale_since is not None:
        found.append(_silent(snapshot, snapshot.stale_since))
    else:
        found += _nodes(snapshot)
        found += _pods(snapshot, now, ooms)
        found += _near_limit(snapshot, memory)
        found += _unowned(snapshot, owners)
    found += _volumes(volumes)
    found += of_machines(machines)
    found += _stale(sources, now)
    found += more
    if snapshot.stale_since is None:
        found = pointed(found, snapshot)
    known = began or {}
    owned = [_with_owner(_since(one, known), owners) for one in found]
    return tuple(sorted(owned, key=lambda t: (_SEVERITIES.index(t.severity), _KINDS.index(t.kind), t.since or now, t.subject)))


def by_thing(found: Iterable[Trouble]) -> tuple[tuple[Trouble, ...], ...]:
    """What was found, with everything about one app (or one node, one source) together: in the order of the worst of each.

    An app that crashes also fails to answer: that is one thing to look at, with two reasons.
    """
    things: dict[str, list[Trouble]] = {}
    for one in found:
        things.setdefault(one.instance_id or one.subject, []).append(one)
    return tuple(tuple(those) for those in things.values())


def _since(trouble: Trouble, began: Mapping[str, datetime]) -> Trouble:
    return replace(trouble, since=began[trouble.subject]) if trouble.subject in began else trouble


def _with_owner(trouble: Trouble, owners: Mapping[str, Owned]) -> Trouble:
    owner = owners.get(trouble.namespace)
    if owner is None:
        return trouble
    return replace(trouble, organization_id=owner.organization_id, instance_id=owner.instance_id)


def _silent(snapshot: Snapshot, since: datetime) -> Trouble:
    return Trouble(
        Kind.CLUSTER_SILENT,
        Severity.CRITICAL,
        f"cluster:{snapshot.cluster}",
        snapshot.cluster,
        since,
        snapshot.trouble or "The Kubernetes API does not answer.",
        "Look at the control plane; what is shown is the last that was known.",
    )


def _nodes(snapshot: Snapshot) -> Iterable[Trouble]:
    on: Counter[str] = Counter(pod.node for pod in snapshot.pods.values() if pod.active and pod.node is not None)
    for node in snapshot.nodes.values():
        subject = f"node:{node.name}"
        if node.ready is not True:
            said = "does not answer" if node.ready is None else f"is not ready ({node.reason or 'no reason given'})"
            yield Trouble(
                Kind.NODE_DOWN,
                Severity.CRITICAL,
                subject,
                node.name,
                node.ready_since,
                f"The node {said}; {on[node.name]} pods are on it.",
                "Look at the machine; on Capacity see which pods can move.",
                count=on[node.name],
            )
        elif node.pressures:
            yield _pressure(node, subject)
        if node.unschedulable:
            yield Trouble(
                Kind.NODE_CORDONED,
                Severity.INFO,
                subject,
                node.name,
                None,
                "The node is cordoned: it takes no new pods.",
                "Uncordon it when the maintenance is over.",
            )


def _pressure(node: Node, subject: str) -> Trouble:
    words = {"MemoryPressure": "memory", "DiskPressure": "disk", "PIDPressure": "process"}
    named = " and ".join(words.get(one, one) for one in sorted(node.pressures))
    return Trouble(
        Kind.NODE_PRESSURE,
        Severity.WARNING,
        subject,
        node.name,
        None,
        f"The node is under {named} pressure: the kubelet may evict pods.",
        "See its largest pods and move or limit one.",
    )


def _pods(snapshot: Snapshot, now: datetime, ooms: Sequence[OomKill]) -> Iterable[Trouble]:
    left = placement.free(snapshot.nodes, snapshot.pods.values())
    killed = {(one.uid, one.container): one for one in ooms if now - one.at <= OOM_LOOKBACK}
    for pod in snapshot.pods.values():
        node = snapshot.nodes.get(pod.node) if pod.node is not None else None
        condition = health.of_pod(pod, now, node_ready=None if node is None else node.ready)
        named = _of_condition(pod, condition, snapshot, left, now)
        if named is not None:
            yield named
        if condition.state is not State.CRASHING and pod.active:
            yield from _out_of_memory(pod, killed, now)


def _out_of_memory(pod: Pod, killed: Mapping[tuple[str, str], OomKill], now: datetime) -> Iterable[Trouble]:
    for container in pod.containers:
        record = killed.get((pod.uid, container.name))
        at, times = (record.at, record.times) if record is not None else (None, 0)
        end = container.last_finished_at
        if record is None and container.last_reason == "OOMKilled" and end is not None and now - end <= OOM_LOOKBACK:
            at, times = end, 1
        if at is None:
            continue
        limit = f" (limit {amount(container.limit.memory)})" if container.limit.memory else ""
        yield _pod_trouble(
            Kind.OUT_OF_MEMORY,
            Severity.WARNING,
            pod,
            at,
            f"{container.name} was killed for memory {_times(times)} within a day{limit}.",
            "Raise its memory limit, or look for a leak in its curve.",
            times,
        )


def _of_condition(pod: Pod, condition: Condition, snapshot: Snapshot, left: placement.Free, now: datetime) -> Trouble | None:
    match condition.state:
        case State.CRASHING:
            why = "out of memory" if condition.reason == "OOMKilled" else f"ended with {condition.reason}"
            step = "Raise its memory limit." if condition.reason == "OOMKilled" else "Read the log of its previous run."
            reason = f"Crashing, {_counted(pod.restarts, 'restart')}: {why}."
            return _pod_trouble(Kind.CRASH_LOOP, Severity.CRITICAL, pod, condition.since, reason, step, pod.restarts)
        case State.FAILED:
            return _failed(pod, condition)
        case State.PENDING if now - pod.created_at >= PENDING_AFTER:
            answer = placement.place(pod, snapshot.nodes, left, snapshot.claims)
            reason = in_words(pod, answer) if isinstance(answer, Unplaced) else "waiting for the scheduler."
            step = "Add a node or make room: Capacity says what fits." if isinstance(answer, Unplaced) else "See its events."
            return _pod_trouble(Kind.PENDING, Severity.CRITICAL, pod, pod.created_at, f"Pending: {reason}", step)
        case State.NOT_READY:
            return _pod_trouble(
                Kind.NOT_READY,
                Severity.CRITICAL,
                pod,
                condition.since,
                "Runs, but is not ready.",
                "Look at its readiness probe and its log.",
            )
        case _:
            return None


def _failed(pod: Pod, condition: Condition) -> Trouble:
    severity = Severity.WARNING if pod.owner_kind == "Job" or condition.reason == "Evicted" else Severity.CRITICAL
    if condition.reason == "image":
        reason, step = "Its image cannot be loaded.", "Check the image's name and the registry's access."
    elif condition.reason == "configuration":
        reason, step = "Its container cannot be made: a secret or a setting is missing.", "See its events for the missing name."
    else:
        reason, step = f"Failed: {condition.reason}.", "Read its log; delete the pod when it is no longer needed."
    return _pod_trouble(Kind.POD_FAILED, severity, pod, condition.since, reason, step)


def _pod_trouble(
    kind: Kind, severity: Severity, pod: Pod, since: datetime | None, reason: str, next_step: str, count: int = 1
) -> Trouble:
    return Trouble(kind, severity, f"pod:{pod.uid}", pod.name, since, reason, next_step, namespace=pod.namespace, count=count)


def in_words(pod: Pod, answer: Unplaced) -> str:
    """Why no node takes the pod, for a person: `no node has 512 MiB left`."""
    reasons = {reason for refused in answer.refused.values() for reason in refused}
    if not answer.refused:
        return "there are no nodes."
    phrases = {
        Refusal.CPU: f"has {pod.request.cpu:g} CPU left",
        Refusal.MEMORY: f"has {amount(pod.request.memory)} left",
        Refusal.PODS: "has a free pod slot",
    }
    if reasons <= set(phrases):
        return "no node " + " and ".join(text for reason, text in phrases.items() if reason in reasons) + "."
    if Refusal.VOLUME in reasons and any(r == (Refusal.VOLUME,) for r in answer.refused.values()):
        return f"its volume lives on a node that does not take it. {answer.sentence}"
    return answer.sentence


def _near_limit(snapshot: Snapshot, memory: Sequence[MemoryUse]) -> Iterable[Trouble]:
    for one in memory:
        pod = snapshot.pods.get(one.uid)
        if pod is None or one.limit_bytes <= 0 or one.used_bytes < NEAR_LIMIT * one.limit_bytes:
            continue
        reason = f"{one.container} uses {amount(one.used_bytes)} of its limit of {amount(one.limit_bytes)}."
        yield _pod_trouble(Kind.MEMORY_NEAR_LIMIT, Severity.INFO, pod, None, reason, "Raise its limit before the kernel kills it.")


def _volumes(volumes: Sequence[VolumeUse]) -> Iterable[Trouble]:
    for one in volumes:
        if one.used_bytes is None or not one.capacity_bytes:
            continue
        left = 1 - one.used_bytes / one.capacity_bytes
        soon = one.days_left is not None and one.days_left <= VOLUME_DAYS
        if left >= VOLUME_WARNING or not (left < VOLUME_CRITICAL or soon):
            continue
        what = "The disk that it shares" if one.shared else "The volume"
        until = f", full in {one.days_left:.1f} days at this pace" if one.days_left is not None else ""
        yield Trouble(
            Kind.VOLUME_FILLING,
            Severity.CRITICAL if left < VOLUME_CRITICAL else Severity.WARNING,
            f"volume:{one.namespace}/{one.claim}",
            one.claim,
            None,
            f"{what} has {percent(left)} left{until}.",
            "Enlarge it or delete what is not needed.",
            namespace=one.namespace,
        )


def _stale(sources: Sequence[SourceAge], now: datetime) -> Iterable[Trouble]:
    for one in sources:
        if one.last_tick is None:
            reason = f"{one.source} has never delivered."
        elif now - one.last_tick > STALE_TICKS * one.interval:
            reason = f"{one.source} is late by {int((now - one.last_tick) / one.interval)} ticks."
        else:
            continue
        step = "See Collection health: what is shown as current is old."
        yield Trouble(Kind.STALE_COLLECTION, Severity.WARNING, f"source:{one.source}", one.source, one.last_tick, reason, step)


def _unowned(snapshot: Snapshot, owners: Mapping[str, Owned]) -> Iterable[Trouble]:
    mine = {name for name, owner in owners.items() if owner.organization_id is not None}
    pods = mapping.unclaimed(snapshot, mine)
    if pods:
        what = "namespace belongs" if len(pods) == 1 else "namespaces belong"
        named = ", ".join(name for name, _ in pods.most_common(3))
        yield Trouble(
            Kind.UNOWNED,
            Severity.INFO,
            "mapping",
            "Unowned",
            None,
            f"{len(pods)} {what} to nobody ({named}{', …' if len(pods) > 3 else ''}): {_counted(pods.total(), 'pod')}.",
            "Say on the mapping page whose they are.",
            count=pods.total(),
        )


def amount(size: float) -> str:
    """Bytes in words: `512 MiB`, `1.5 GiB`."""
    number, unit = (size / 1024**3, "GiB") if size >= 1024**3 else (size / 1024**2, "MiB")
    return f"{number:.0f} {unit}" if number >= 100 else f"{number:.3g} {unit}"


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"


def _counted(n: int, noun: str) -> str:
    return f"1 {noun}" if n == 1 else f"{n} {noun}s"
