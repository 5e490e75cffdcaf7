"""What the provisioner may ask of a cluster, and what a refusal means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from models.domain.errors import PlatformError
from provisioner.labels import Object


@dataclass(frozen=True, slots=True)
class Kind:
    """Where objects of a kind live in the API. `pruned`: may be deleted because nobody wants it any more."""

    name: str
    group: str
    plural: str
    namespaced: bool = True
    pruned: bool = True

    def path(self, namespace: str | None, name: str = "") -> str:
        inside = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{self.group}{inside}/{self.plural}" + (f"/{name}" if name else "")


KINDS = (
    Kind("Namespace", "/api/v1", "namespaces", namespaced=False, pruned=False),
    # made first and gone last, for it carries the right to do the rest
    Kind("RoleBinding", "/apis/rbac.authorization.k8s.io/v1", "rolebindings", pruned=False),
    Kind("ServiceAccount", "/api/v1", "serviceaccounts"),
    Kind("ResourceQuota", "/api/v1", "resourcequotas"),
    Kind("LimitRange", "/api/v1", "limitranges"),
    Kind("NetworkPolicy", "/apis/networking.k8s.io/v1", "networkpolicies"),
    # what holds data goes only when a person deletes the instance
    Kind("Secret", "/api/v1", "secrets", pruned=False),
    Kind("PersistentVolumeClaim", "/api/v1", "persistentvolumeclaims", pruned=False),
    Kind("Service", "/api/v1", "services"),
    Kind("Deployment", "/apis/apps/v1", "deployments"),
    Kind("PodDisruptionBudget", "/apis/policy/v1", "poddisruptionbudgets"),
    Kind("Job", "/apis/batch/v1", "jobs"),
    Kind("Ingress", "/apis/networking.k8s.io/v1", "ingresses"),
    Kind("Pod", "/api/v1", "pods", pruned=False),
    Kind("Event", "/api/v1", "events", pruned=False),
)
_BY_NAME = {kind.name: kind for kind in KINDS}


def kind_of(name: str) -> Kind:
    return _BY_NAME[name]


class Rejection(StrEnum):
    """Why the cluster does not take an object."""

    QUOTA = "quota"
    SECURITY = "security"
    LIMIT = "limit"
    FORBIDDEN = "forbidden"
    """The provisioner's account may not."""
    IMMUTABLE = "immutable"
    INVALID = "invalid"
    ADMISSION = "admission"
    """A policy of the cluster's owner says no."""
    ENDING = "ending"
    """Its namespace is being deleted."""
    ABSENT = "absent"
    """Its namespace does not exist."""
    BUSY = "busy"
    """The server asks to come later, or had an error of its own."""


class Rejected(PlatformError):
    """The cluster answered and said no. Only `BUSY`, `ENDING` and `ABSENT` may pass by themselves."""

    code = "rejected_by_cluster"

    def __init__(self, rejection: Rejection, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.rejection = rejection
        self.retry_after_seconds = retry_after_seconds
        self.retryable = rejection in (Rejection.BUSY, Rejection.ENDING, Rejection.ABSENT)


class Cluster(Protocol):
    """Every call may raise Unavailable (nobody answers), Misconfigured (credentials) or Rejected. Objects are plain data."""

    def apply(self, wanted: Object, *, dry_run: bool = False) -> Object:
        """Server-side apply with the provisioner's field manager, taking fields back from others; the object as it then is."""

    def create(self, wanted: Object) -> bool:
        """Make it unless it exists; whether it was made. An existing one is left as it is."""

    def read(self, kind: str, namespace: str | None, name: str) -> Object | None: ...

    def find(self, kind: str, namespace: str | None, labels: Mapping[str, str]) -> Sequence[Object]:
        """All of that kind with these labels, in that namespace or, with None, in all."""

    def delete(self, kind: str, namespace: str | None, name: str) -> bool:
        """Begin to delete it and what it owns; False when it is not there."""
