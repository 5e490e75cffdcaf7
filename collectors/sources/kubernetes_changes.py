"""What happened in a cluster, as rows: events, and changes of pods' and nodes' states, kept until they are acknowledged."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import islice

from collectors.entities import RECORDS
from collectors.frames import record_frame
from collectors.sources.port import Changes
from models.domain.clock import Clock
from models.domain.cluster import Container, Event, Node, Pod

LIMIT = 200_000
"""Rows kept while nobody acknowledges; beyond it the oldest are dropped."""

Row = Mapping[str, object]


class ChangeLog:
    """Rows in the order they were noticed. Thread safe; what was handed out is repeated until it is acknowledged."""

    def __init__(self, clock: Clock, limit: int = LIMIT) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._rows: deque[tuple[str, Row]] = deque()
        self._limit = limit
        self._first = 0
        self._handed: dict[datetime, int] = {}
        self.dropped = 0

    def pod(self, before: Pod | None, now: Pod | None) -> None:
        at = self._clock.now()
        self._add("pod_state", _pod_rows(before, now, at))

    def node(self, before: Node | None, now: Node | None) -> None:
        at = self._clock.now()
        then, new = (_node_row(before, at) if before else None), (_node_row(now, at) if now else None)
        if new is None and before is not None:
            new = {**_node_row(before, at), "ready": False, "phase": "Gone", "reason": "", "pressures": ""}
        if new is not None and new != then:
            self._add("node_state", [new])

    def event(self, before: Event | None, now: Event | None) -> None:
        if now is not None and (before is None or (now.count, now.last_at) != (before.count, before.last_at)):
            self._add("event", [_event_row(now)])

    def take(self, upto: datetime) -> Changes:
        """Everything noticed and not yet acknowledged."""
        with self._lock:
            rows = list(islice(self._rows, LIMIT))
            self._handed[upto] = self._first + len(rows)
        frames = {
            name: record_frame(RECORDS[name], [row for kind, row in rows if kind == name])
            for name in ("event", "pod_state", "node_state")
        }
        return Changes(frames, upto)

    def acknowledge(self, changes: Changes) -> None:
        """Forget what was handed out with `changes`; what came later stays."""
        with self._lock:
            end = self._handed.pop(changes.upto, self._first)
            while self._first < end and self._rows:
                self._rows.popleft()
                self._first += 1
            self._handed = {at: upto for at, upto in self._handed.items() if upto > end}

    def _add(self, kind: str, rows: Iterable[Row]) -> None:
        with self._lock:
            for row in rows:
                self._rows.append((kind, row))
                if len(self._rows) > self._limit:
                    self._rows.popleft()
                    self._first += 1
                    self.dropped += 1


def _pod_rows(before: Pod | None, now: Pod | None, at: datetime) -> list[Row]:
    then = _states(before) if before else {}
    if now is None:
        return [{**row, "ts": at, "phase": "Gone", "ready": False} for row in then.values()]
    current = _states(now)
    rows: list[Row] = [{**row, "ts": at} for name, row in current.items() if then.get(name) != row]
    # the pod's own row held while it had no container; close it
    rows += [{**then[name], "ts": at, "phase": now.phase.value, "state": "", "reason": ""} for name in then.keys() - current.keys()]
    return rows


def _states(pod: Pod) -> dict[str, Row]:
    """A row by container that has a state; the pod's own row, with an empty name, when none has."""
    alive = [c for c in pod.containers if c.state]
    if not alive:
        nothing = Container("", "", pod.request, pod.limit, state="waiting", reason=pod.reason)
        return {"": _container_row(pod, nothing)}
    return {c.name: _container_row(pod, c) for c in alive}


def _container_row(pod: Pod, one: Container) -> Row:
    return {
        "namespace": pod.namespace,
        "pod": pod.name,
        "uid": pod.uid,
        "container": one.name,
        "node": pod.node or "",
        "phase": pod.phase.value,
        "state": one.state,
        "reason": one.reason or pod.reason,
        "ready": one.ready,
        "restarts": one.restarts,
        "last_reason": one.last_reason,
        "last_exit_code": one.last_exit_code,
        "last_finished_at": one.last_finished_at,
        "started_at": one.started_at,
    }


def _node_row(node: Node, at: datetime) -> Row:
    return {
        "ts": at,
        "node": node.name,
        "ready": node.ready,
        "phase": {True: "Ready", False: "NotReady", None: "Unknown"}[node.ready],
        "reason": node.reason,
        "pressures": ",".join(sorted(node.pressures)),
        "unschedulable": node.unschedulable,
        "version": node.version,
        "cpu_allocatable_cores": node.allocatable.cpu,
        "memory_allocatable_bytes": float(node.allocatable.memory),
        "pods_allocatable": node.allocatable.pods,
    }


def _event_row(event: Event) -> Row:
    return {
        "ts": event.last_at,
        "uid": event.uid,
        "namespace": event.namespace,
        "kind": event.kind,
        "name": event.name,
        "object_uid": event.object_uid,
        "type": event.type,
        "reason": event.reason,
        "message": event.message,
        "count": event.count,
        "first_at": event.first_at,
        "component": event.component,
    }
