"""In what state a pod is, judged from what the cluster says about it: one table of words for staff and customers alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from models.domain.cluster import Container, Phase, Pod

STARTING_LIMIT = timedelta(minutes=15)
"""Longer than this it does not start any more, it is not ready (KubePodNotReady of kubernetes-mixin)."""
SETTLED = timedelta(minutes=10)
"""A container that has run so long since its last restart has stopped crashing (the kubelet forgets its back-off then)."""


class State(StrEnum):
    """Codes that pages translate. `UNKNOWN` is an observation: nobody can say, which is never healthy."""

    HEALTHY = "healthy"
    STARTING = "starting"
    CRASHING = "crashing"
    PENDING = "pending"
    NOT_READY = "not_ready"
    STOPPING = "stopping"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


BADNESS = {
    State.CRASHING: 0,
    State.FAILED: 1,
    State.PENDING: 2,
    State.NOT_READY: 3,
    State.UNKNOWN: 4,
    State.STARTING: 5,
    State.STOPPING: 6,
    State.STOPPED: 7,
    State.HEALTHY: 8,
    State.FINISHED: 9,
}
"""The order in which tables show them: worst first."""

IMAGE_REASONS = frozenset({"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"})
CONFIG_REASONS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


@dataclass(frozen=True, slots=True)
class Condition:
    """A state, since when, and why. `reason` is a code of this module or a word of the cluster, or empty."""

    state: State
    since: datetime | None
    reason: str = ""
    restarts: int = 0
    detail: str = ""
    """The cluster's own sentence."""


def crash(container: Container, now: datetime) -> str | None:
    """Why a container counts as crashing: its last reason; None when it does not."""
    if container.reason == "CrashLoopBackOff":
        return container.last_reason or "Error"
    if container.restarts and container.state == "terminated" and container.reason != "Completed":
        return container.reason or "Error"
    recent = container.last_finished_at is not None and now - container.last_finished_at < SETTLED
    if container.restarts and recent and not container.ready and container.last_reason != "Completed":
        return container.last_reason or "Error"
    return None


def of_pod(pod: Pod, now: datetime, *, stale_since: datetime | None = None, node_ready: bool | None = True) -> Condition:
    """The state of one pod at `now`. `stale_since`: the cluster is out of reach since then, so nothing is known.

    `node_ready`: what its node is; a pod on a node that does not answer is unknown, whatever its last word was.
    """
    if stale_since is not None:
        return Condition(State.UNKNOWN, stale_since, "no_data", pod.restarts)
    if pod.deleted_at is not None:
        return Condition(State.STOPPING, pod.deleted_at, "", pod.restarts)
    if pod.phase is Phase.SUCCEEDED:
        return Condition(State.FINISHED, pod.ready_since, "", pod.restarts)
    if pod.phase is Phase.FAILED:
        return Condition(State.FAILED, pod.ready_since, pod.reason or "Error", pod.restarts, pod.message)
    if pod.phase is Phase.UNKNOWN or (pod.node is not None and node_ready is not True):
        return Condition(State.UNKNOWN, pod.ready_since, "node_silent", pod.restarts)
    for container in pod.containers:
        why = crash(container, now)
        if why is not None:
            return Condition(State.CRASHING, crashing_since(pod.containers, pod.created_at), why, pod.restarts)
    if pod.phase is Phase.PENDING and pod.node is None:
        return Condition(State.PENDING, pod.created_at, pod.reason or "Unschedulable", pod.restarts, pod.message)
    for container in pod.containers:
        if container.reason in IMAGE_REASONS:
            return Condition(State.FAILED, pod.created_at, "image", pod.restarts, container.reason)
        if container.reason in CONFIG_REASONS:
            return Condition(State.FAILED, pod.created_at, "configuration", pod.restarts, container.reason)
    if pod.ready:
        return Condition(State.HEALTHY, pod.ready_since, "", pod.restarts)
    since = pod.ready_since or pod.started_at or pod.created_at
    state = State.STARTING if now - since < STARTING_LIMIT else State.NOT_READY
    return Condition(state, since, "", pod.restarts)


def crashing_since(containers: Iterable[Container], created_at: datetime) -> datetime:
    """Earliest that the snapshot alone can say: the end of the last run that failed."""
    ends = [c.last_finished_at for c in containers if c.last_finished_at is not None]
    return min(ends, default=created_at)


def worst(conditions: Iterable[Condition]) -> Condition | None:
    """The one that a summary of several pods shows; None of nothing."""
    return min(conditions, key=lambda c: BADNESS[c.state], default=None)
