"""The Kubernetes API as a source of what exists: one list and watch per kind, shared by every reader."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from collectors.sources import kubernetes_objects as objects
from collectors.sources.kubernetes_changes import ChangeLog
from collectors.sources.kubernetes_connection import Connection
from collectors.sources.kubernetes_ingress import by_namespace, ingress
from collectors.sources.kubernetes_objects import Backend
from collectors.sources.kubernetes_watch import Kind, State, Watcher
from collectors.sources.port import Changes, Finding, Severity
from models.domain import clock as clocks
from models.domain.clock import Clock
from models.domain.cluster import Claim, Event, Node, Snapshot
from models.domain.errors import Misconfigured, PlatformError, Unavailable

KINDS = (
    # short watches: a node's own objects change seldom, so only their end tells that the connection is dead
    Kind("nodes", "/api/v1/nodes", objects.node, essential=True, seconds=(15, 20)),
    Kind("pods", "/api/v1/pods", objects.pod, essential=True),
    Kind("namespaces", "/api/v1/namespaces", objects.namespace),
    Kind("deployments", "/apis/apps/v1/deployments", partial(objects.workload, "Deployment")),
    Kind("statefulsets", "/apis/apps/v1/statefulsets", partial(objects.workload, "StatefulSet")),
    Kind("persistentvolumeclaims", "/api/v1/persistentvolumeclaims", objects.claim),
    Kind("persistentvolumes", "/api/v1/persistentvolumes", objects.volume),
    Kind("resourcequotas", "/api/v1/resourcequotas", objects.quota),
    Kind("services", "/api/v1/services", objects.service),
    Kind("ingresses", "/apis/networking.k8s.io/v1/ingresses", ingress),
    Kind("events", "/api/v1/events", objects.event),
)
EVENTS_KEPT = timedelta(hours=1)
MOST_EVENTS = 10_000
STOP_SECONDS = 1.5


class KubernetesInventory:
    """Signs `InventorySource`. `kubeconfig` None or `in-cluster`: the pod's own service account.

    Starting never fails: what is wrong is what `snapshot` raises, a sentence, until it works.
    """

    name = "kubernetes"

    def __init__(
        self, kubeconfig: Path | None, *, clock: Clock, context: str = "", cluster: str = "default", kinds: Sequence[Kind] = KINDS
    ) -> None:
        self._clock = clock
        self._cluster = cluster
        self._connection = Connection(kubeconfig, context)
        self._kinds = kinds
        self._log = ChangeLog(clock)
        self._lock = threading.Lock()
        self._watchers: dict[str, Watcher] = {}
        self._built: tuple[tuple[int, ...], Snapshot] | None = None

    def start(self) -> None:
        """Follow every kind; a second start changes nothing."""
        with self._lock:
            if self._watchers:
                return
            self._watchers = {k.name: Watcher(k, self._connection, self._clock, self._changed, self._troubled) for k in self._kinds}
            for watcher in self._watchers.values():
                watcher.start()

    def stop(self) -> None:
        """End every watch within two seconds."""
        with self._lock:
            watchers, self._watchers = list(self._watchers.values()), {}
        for watcher in watchers:
            watcher.halt()
        until = clocks.stopwatch() + STOP_SECONDS
        for watcher in watchers:
            watcher.join(max(0.0, until - clocks.stopwatch()))
        self._connection.close()

    def wait(self, seconds: float) -> bool:
        """Whether every kind was read, or is known to be unreadable, within so many seconds."""
        until = clocks.stopwatch() + seconds
        pause = threading.Event()
        while clocks.stopwatch() < until:
            if self._watchers and all(w.state.synced or w.state.denied for w in self._watchers.values()):
                return True
            pause.wait(0.05)
        return False

    def snapshot(self) -> Snapshot:
        """The newest known state; after a lost connection the last one, with `stale_since` and the reason as `trouble`."""
        watchers = self._watchers
        if not watchers:
            raise Unavailable("The Kubernetes inventory has not been started.")
        essential = [w.state for w in watchers.values() if w.kind.essential]
        if not all(state.synced for state in essential):
            raise _not_yet(essential)
        failing = [state for state in essential if state.failing_since is not None]
        versions = tuple(w.version for w in watchers.values())
        built = self._built
        if built is None or built[0] != versions:
            built = (versions, self._build(watchers))
            self._built = built
        stale = min((s.failing_since for s in failing if s.failing_since), default=None)
        now = self._clock.now()
        return dataclasses.replace(
            built[1],
            as_of=stale or now,
            stale_since=stale,
            trouble=next((s.problem for s in failing), ""),
            events=self._events(now),
        )

    def version(self) -> Hashable:
        """Whether it is connected, and since when not."""
        states = [w.state for w in self._watchers.values()]
        return tuple((state.synced, state.failing_since, state.problem) for state in states)

    def changes(self, now: datetime) -> Changes:
        """Changes noticed since they were last acknowledged; repeated until then."""
        return self._log.take(now)

    def acknowledge(self, changes: Changes) -> None:
        self._log.acknowledge(changes)

    def resync(self) -> None:
        """Every kind is listed anew, in the background; the cache is served meanwhile."""
        for watcher in list(self._watchers.values()):
            watcher.restart()

    def findings(self) -> Sequence[Finding]:
        """Kinds that the account may not see, objects that could not be understood, changes that nobody took."""
        found = []
        failing: dict[str, list[str]] = {}
        if self._connection.unverified:
            message = (
                f"The certificate of the Kubernetes API is not checked, because {self._connection.source} says so; "
                "name its authority there."
            )
            found.append(Finding("unverified_tls", Severity.WARNING, message))
        for watcher in list(self._watchers.values()):
            kind, state = watcher.kind.name, watcher.state
            if state.denied:
                severity = Severity.ERROR if watcher.kind.essential else Severity.WARNING
                fix = "Apply deploy/collector-rbac.yaml and use its service account."
                found.append(Finding(f"denied_{kind}", severity, f"{state.problem}. {fix}"))
            elif state.problem:
                failing.setdefault(state.problem, []).append(kind)
            if state.skipped:
                message = f"{state.skipped} of the cluster's {kind} could not be understood and are left out."
                found.append(Finding(f"skipped_{kind}", Severity.WARNING, message))
        for problem, kinds in failing.items():
            found.append(Finding(f"failing_{kinds[0]}", Severity.WARNING, f"{problem} ({', '.join(kinds)})"))
        if self._log.dropped:
            message = f"{self._log.dropped} changes were dropped because nothing stored them; see why the warehouse takes nothing."
            found.append(Finding("changes_dropped", Severity.ERROR, message))
        return tuple(found)

    def backends(self) -> tuple[Sequence[Backend], Sequence[Backend]]:
        """(those that an Ingress names, all services): what an ingress may call by a name of its own making."""
        named = [backend for one in self._objects("ingresses") for backend in one.backends]
        return named, self._objects("services")

    def _objects(self, kind: str) -> list[Any]:
        watcher = self._watchers.get(kind)
        return watcher.objects() if watcher else []

    def _build(self, watchers: Mapping[str, Watcher]) -> Snapshot:
        nodes = {node.name: node for node in self._objects("nodes")}
        namespaces = {one.name: one for one in self._objects("namespaces")}
        return Snapshot(
            cluster=self._cluster,
            as_of=self._clock.now(),
            nodes=nodes,
            pods={pod.uid: pod for pod in self._objects("pods")},
            workloads=tuple(self._objects("deployments") + self._objects("statefulsets")),
            claims=_placed(self._objects("persistentvolumeclaims"), self._objects("persistentvolumes"), nodes.values()),
            namespaces=namespaces,
            quotas=tuple(self._objects("resourcequotas")),
            addresses=by_namespace(self._objects("ingresses")),
        )

    def _events(self, now: datetime) -> tuple[Event, ...]:
        recent = [event for event in self._objects("events") if event.last_at > now - EVENTS_KEPT]
        recent.sort(key=lambda event: event.last_at)
        return tuple(recent[-MOST_EVENTS:])

    def _changed(self, kind: Kind, uid: str, before: Any, now: Any) -> None:
        match kind.name:
            case "pods":
                self._log.pod(before, now)
            case "nodes":
                self._log.node(before, now)
            case "events":
                self._log.event(before, now)

    def _troubled(self, kind: Kind) -> None:
        """One stream broke: the others hang on the same server, so they are opened anew instead of staying silent for minutes."""
        for watcher in list(self._watchers.values()):
            if watcher.kind is not kind:
                watcher.reconnect()


def _not_yet(states: Iterable[State]) -> PlatformError:
    problems = [state for state in states if state.problem]
    if not problems:
        return Unavailable("The cluster is being read for the first time; this takes seconds.")
    worst = next((s for s in problems if s.denied or s.wrong), problems[0])
    if worst.denied:
        return Misconfigured(f"{worst.problem}. Apply deploy/collector-rbac.yaml and use its service account.")
    return Misconfigured(worst.problem) if worst.wrong else Unavailable(worst.problem)


def _placed(claims: Iterable[Claim], volumes: Iterable[objects.Volume], nodes: Iterable[Node]) -> dict[tuple[str, str], Claim]:
    """Claims by (namespace, name), with the node of those whose volume lives on one node only."""
    by_host = {}
    for node in nodes:
        by_host[node.name] = node.name
        by_host[node.labels.get("kubernetes.io/hostname", node.name)] = node.name
    homes = {v.name: by_host.get(next(iter(v.hosts))) for v in volumes if len(v.hosts) == 1}
    return {(c.namespace, c.name): dataclasses.replace(c, node=homes.get(c.volume)) for c in claims}
