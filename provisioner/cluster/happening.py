"""What comes about in the simulated world, written as the Kubernetes API writes it."""

from __future__ import annotations

import copy
from datetime import datetime

from models.domain.cluster import Container, Event, Pod
from provisioner.labels import Object


def pod(one: Pod, owner: Object | None) -> Object:
    """`owner`: the Deployment or Job that it belongs to, for the rest of its spec; None when that was deleted."""
    spec = copy.deepcopy(owner["spec"]["template"]["spec"]) if owner is not None else {"containers": []}
    if one.node:
        spec["nodeName"] = one.node
    metadata: Object = {
        "name": one.name,
        "namespace": one.namespace,
        "uid": one.uid,
        "labels": dict(one.labels),
        "creationTimestamp": _stamp(one.created_at),
    }
    if one.deleted_at is not None:
        metadata["deletionTimestamp"] = _stamp(one.deleted_at)
    placed = condition("PodScheduled", one.node is not None, one.reason, one.message)
    status: Object = {
        "phase": one.phase.value,
        "conditions": [placed, condition("Ready", one.ready, "" if one.ready else "ContainersNotReady")],
    }
    if one.node:
        status["containerStatuses"] = [_container(part) for part in one.containers]
    if one.started_at is not None:
        status["startTime"] = _stamp(one.started_at)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}


def event(one: Event) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{one.name}.{one.uid[:13]}", "namespace": one.namespace, "uid": one.uid},
        "involvedObject": {"kind": one.kind, "namespace": one.namespace, "name": one.name, "uid": one.object_uid},
        "type": one.type,
        "reason": one.reason,
        "message": one.message,
        "count": one.count,
        "firstTimestamp": _stamp(one.first_at),
        "lastTimestamp": _stamp(one.last_at),
        "source": {"component": one.component},
    }


def condition(type_: str, holds: bool, reason: str = "", message: str = "") -> Object:
    return {"type": type_, "status": "True" if holds else "False", "reason": reason, "message": message}


def _container(one: Container) -> Object:
    state: Object = {}
    if one.state == "running":
        state = {"running": {} if one.started_at is None else {"startedAt": _stamp(one.started_at)}}
    elif one.state:
        state = {one.state: {"reason": one.reason}}
    found: Object = {"name": one.name, "image": one.image, "ready": one.ready, "restartCount": one.restarts, "state": state}
    if one.last_exit_code is not None:
        last: Object = {"exitCode": one.last_exit_code, "reason": one.last_reason}
        if one.last_finished_at is not None:
            last["finishedAt"] = _stamp(one.last_finished_at)
        found["lastState"] = {"terminated": last}
    return found


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
