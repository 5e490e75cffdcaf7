"""What happened to an app, in a customer's words beside the cluster's own. For other services, which check rights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.context import Context
from app.services import tenure
from models.domain.health import Condition, State

WORDS: Mapping[str, str] = {
    "out_of_memory": "It ran out of memory and was restarted.",
    "restarted": "It ended and was restarted.",
    "crashing": "It keeps ending; the next start waits a little longer.",
    "image": "Its program could not be loaded.",
    "no_room": "It waits for a free place.",
    "no_answer": "It did not answer a check.",
    "disk": "Its disk could not be attached.",
    "configuration": "A secret or a setting is missing.",
    "moved": "It was moved to make room.",
    "started": "It was started.",
    "stopped": "It was stopped.",
    "resized": "The number of copies was changed.",
}
"""By code; pages translate the code."""

REASONS: Mapping[str, str] = {
    "BackOff": "crashing",
    "CrashLoopBackOff": "crashing",
    "OOMKilling": "out_of_memory",
    "Failed": "image",
    "ErrImagePull": "image",
    "ImagePullBackOff": "image",
    "InspectFailed": "image",
    "FailedScheduling": "no_room",
    "Unhealthy": "no_answer",
    "FailedMount": "disk",
    "FailedAttachVolume": "disk",
    "FailedBinding": "disk",
    "ProvisioningFailed": "disk",
    "CreateContainerConfigError": "configuration",
    "Evicted": "moved",
    "Preempted": "moved",
    "TaintManagerEviction": "moved",
    "Started": "started",
    "Killing": "stopped",
    "ScalingReplicaSet": "resized",
}
"""Reasons of the cluster that mean something to a customer; the others are noise to them."""

BEGUN_ANEW = "last_reason <> '' AND NOT (last_reason = 'Completed' AND coalesce(restarts, 0) = 0)"
"""SQL over `pod_state`: an end that matters. A step that did its work and is not begun again is none."""
EVENTS = f"""
SELECT max(ts) AS newest, reason, message FROM event e
WHERE cluster = $cluster AND ts > $since AND list_contains($namespaces, namespace) AND list_contains($reasons, reason)
  AND {tenure.NOT_OTHERS.format(row="e", at="ts")}
GROUP BY uid, reason, message ORDER BY newest DESC LIMIT $most"""
ENDS = f"""
SELECT last_finished_at, any_value(last_reason) AS reason, any_value(last_exit_code) AS code, container FROM pod_state p
WHERE cluster = $cluster AND ts > $since AND list_contains($namespaces, namespace) AND last_finished_at > $since
  AND {BEGUN_ANEW} AND {tenure.NOT_OTHERS.format(row="p", at="last_finished_at")}
GROUP BY uid, container, last_finished_at ORDER BY last_finished_at DESC LIMIT $most"""


@dataclass(frozen=True, slots=True)
class AppEvent:
    """Something that happened, in a customer's words; `exact` is what the cluster said."""

    at: datetime
    code: str
    words: str
    exact: str


def happened(
    ctx: Context, *, cluster: str, namespaces: Sequence[str], owner: str, since: datetime, most: int = 50
) -> tuple[AppEvent, ...]:
    """Newest first: events that mean something to a customer, and every end of a container that was begun anew or failed.

    `owner` is the organization that the namespaces belong to now; what happened under another one is left out.
    """
    if not namespaces:
        return ()
    bound = {"cluster": cluster, "since": since, "most": most, **tenure.bound(namespaces, [owner] * len(namespaces))}
    events = [
        AppEvent(row["newest"], code := REASONS[row["reason"]], WORDS[code], f"{row['reason']}: {row['message']}")
        for row in ctx.warehouse.query(EVENTS, {**bound, "reasons": list(REASONS)}).iter_rows(named=True)
    ]
    for row in ctx.warehouse.query(ENDS, bound).iter_rows(named=True):
        code = "out_of_memory" if row["reason"] == "OOMKilled" else "restarted"
        said = f" with exit code {row['code']}" if row["code"] is not None else ""
        events.append(AppEvent(row["last_finished_at"], code, WORDS[code], f"{row['container']}: {row['reason']}{said}"))
    return tuple(sorted(events, key=lambda event: (event.at, event.code), reverse=True)[:most])


def in_words(condition: Condition) -> str:
    """The state of an app for its owner."""
    match condition.state, condition.reason:
        case State.CRASHING, "OOMKilled":
            return "Needs attention: it runs out of memory"
        case State.CRASHING, _:
            return "Needs attention: it keeps restarting"
        case State.FAILED, "image":
            return "Needs attention: its program cannot be loaded"
        case State.FAILED, "configuration":
            return "Needs attention: a secret or a setting is missing"
        case State.UNKNOWN, "no_data":
            return "Unknown: the cluster cannot be seen now"
        case State.UNKNOWN, "node_silent":
            return "Unknown: its machine does not answer"
        case state, _:
            return STATES[state]


STATES: Mapping[State, str] = {
    State.HEALTHY: "Running",
    State.STARTING: "Starting",
    State.CRASHING: "Needs attention: it keeps restarting",
    State.PENDING: "Waiting for a free place",
    State.NOT_READY: "Needs attention: it runs and does not answer",
    State.STOPPING: "Stopping",
    State.FINISHED: "Finished",
    State.FAILED: "Needs attention: it failed",
    State.STOPPED: "Stopped",
    State.UNKNOWN: "Unknown",
}
