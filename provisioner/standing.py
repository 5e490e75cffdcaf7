"""Whether an object of the cluster does what it is there for: the rollout rules of kubectl, as pure functions.

Source: kubectl's `rollout status` (observed generation first, then the deadline, then counts); Job and claim conditions of the API.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from provisioner.labels import Object


@dataclass(frozen=True, slots=True)
class Stands:
    """It is as wanted."""


@dataclass(frozen=True, slots=True)
class Coming:
    """Not yet; `reason` says what is waited for."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It will not come by itself."""

    reason: str


Standing = Stands | Coming | Failed


def standing(found: Object | None) -> Standing:
    """Where the object is on its way; None is one that is not there."""
    if found is None:
        return Coming("not made yet")
    match found["kind"]:
        case "Deployment":
            return _deployment(found)
        case "Job":
            return _job(found)
        case "PersistentVolumeClaim" if found["metadata"].get("deletionTimestamp"):
            return Coming(f"{found['metadata']['name']}: the volume that was given up is still being deleted")
        case _:
            return Stands()


def _deployment(found: Object) -> Standing:
    name, status, spec = found["metadata"]["name"], found.get("status") or {}, found["spec"]
    if status.get("observedGeneration", 0) < found["metadata"].get("generation", 1):
        return Coming(f"{name}: the change was not noticed yet")
    conditions = _conditions(found)
    failure, progress = conditions.get("ReplicaFailure"), conditions.get("Progressing")
    late = progress is not None and progress.get("reason") == "ProgressDeadlineExceeded"
    if failure is not None and failure["status"] == "True":
        refused = f"{name}: {failure.get('message', 'no pod can be made')}"
        # a pod that still ends counts against the quota; its successor is made when it has gone
        return Coming(refused) if "exceeded quota" in refused and not late else Failed(refused)
    if late:
        return Failed(f"{name}: not ready within {spec.get('progressDeadlineSeconds', 600)} s")
    copies = spec.get("replicas", 1)
    updated, total, available = (status.get(key, 0) for key in ("updatedReplicas", "replicas", "availableReplicas"))
    if updated < copies:
        return Coming(f"{name}: {updated} of {copies} pods started")
    if total > updated:
        return Coming(f"{name}: {total - updated} old pods end")
    if available < updated:
        return Coming(f"{name}: {available} of {updated} pods answer")
    return Stands()


def _job(found: Object) -> Standing:
    name, conditions = found["metadata"]["name"], _conditions(found)
    if conditions.get("Complete", {}).get("status") == "True":
        return Stands()
    failed = conditions.get("Failed")
    if failed is not None and failed["status"] == "True":
        return Failed(f"{name}: {failed.get('message', 'failed')}")
    return Coming(f"{name}: running")


def _conditions(found: Object) -> dict[str, Any]:
    return {one["type"]: one for one in (found.get("status") or {}).get("conditions") or ()}
