"""Nodes of a real cluster: a patch of one field, and the eviction API."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from models.domain.draining import Budget, Guest, budget
from models.domain.errors import Misconfigured
from provisioner.cluster.live import PAGE, Transport, understood
from provisioner.cluster.nodes import RIGHTS, Evicted
from provisioner.cluster.port import Rejected, Rejection
from provisioner.labels import MANAGER, Object

_ASKED: Mapping[str, Mapping[str, str]] = {
    "patch nodes": {"verb": "patch", "resource": "nodes"},
    "create pods/eviction": {"verb": "create", "resource": "pods", "subresource": "eviction"},
    "list poddisruptionbudgets": {"verb": "list", "group": "policy", "resource": "poddisruptionbudgets"},
}
_MIRROR = "kubernetes.io/config.mirror"


class LiveNodes:
    """`provisioner.cluster.nodes.Nodes` over a transport. Safe to share between threads when the transport is."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def lacking(self) -> Sequence[str]:
        return [right for right in RIGHTS if not self._may(_ASKED[right])]

    def _may(self, attributes: Mapping[str, str]) -> bool:
        kind = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
        wanted = {**kind, "spec": {"resourceAttributes": dict(attributes)}}
        answer = self._ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", [], wanted)
        return bool((answer.get("status") or {}).get("allowed"))

    def cordon(self, node: str, on: bool) -> None:
        body = {"spec": {"unschedulable": on or None}}
        self._ask("PATCH", f"/api/v1/nodes/{node}", [("fieldManager", MANAGER)], body, "application/merge-patch+json")

    def guests(self, node: str) -> Sequence[Guest]:
        return [_guest(one) for one in self._list("/api/v1/pods", ("fieldSelector", f"spec.nodeName={node}"))]

    def budgets(self) -> Sequence[Budget]:
        return [budget(one) for one in self._list("/apis/policy/v1/poddisruptionbudgets")]

    def evict(self, guest: Guest) -> Evicted:
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"namespace": guest.namespace, "name": guest.name},
            "deleteOptions": {"preconditions": {"uid": guest.uid}},
        }
        path = f"/api/v1/namespaces/{guest.namespace}/pods/{guest.name}/eviction"
        status, answer = self._send("POST", path, [], body, "application/json")
        # a conflict is the precondition: another pod of that name stands there, so this one has gone
        if status in (404, 409) or status < 300:
            return Evicted()
        message = _told(answer, status)
        if status == 429 or status >= 500:
            seconds = (answer.get("details") or {}).get("retryAfterSeconds")
            return Evicted(True, message, float(seconds) if isinstance(seconds, int | float) else None)
        raise Rejected(understood(status, message), message)

    def _list(self, path: str, *given: tuple[str, str]) -> list[Object]:
        found: list[Object] = []
        token = ""
        while True:
            page = self._ask("GET", path, [*given, ("limit", str(PAGE))] + ([("continue", token)] if token else []))
            found += page.get("items") or ()
            token = (page.get("metadata") or {}).get("continue") or ""
            if not token:
                return found

    def _ask(
        self,
        method: str,
        path: str,
        query: list[tuple[str, str]],
        body: Object | None = None,
        content_type: str = "application/json",
    ) -> Object:
        status, answer = self._send(method, path, query, body, content_type)
        if status == 401:
            raise Misconfigured("The Kubernetes API refuses the provisioner's credentials (401). Renew its token or certificate.")
        if status >= 300:
            message = _told(answer, status)
            raise Rejected(Rejection.ABSENT if status == 404 else understood(status, message), message)
        return answer

    def _send(
        self, method: str, path: str, query: list[tuple[str, str]], body: Object | None, content_type: str
    ) -> tuple[int, Object]:
        status, content = self._transport.exchange(method, path, query, body, content_type)
        try:
            answer: Any = json.loads(content)
        except ValueError:
            answer = {"message": content[:200].decode(errors="replace")}
        return status, answer if isinstance(answer, dict) else {}


def _told(answer: Object, status: int) -> str:
    """With the budget's own sentence, which says more than that of the API."""
    causes = (answer.get("details") or {}).get("causes") or ()
    said = [one["message"] for one in causes if one.get("message")]
    return " ".join([str(answer.get("message") or f"the API answered {status}"), *said])


def _guest(one: Object) -> Guest:
    metadata = one["metadata"]
    owner: Object = next((ref for ref in metadata.get("ownerReferences") or () if ref.get("controller")), {})
    return Guest(
        metadata["namespace"],
        metadata["name"],
        metadata["uid"],
        owner.get("kind", ""),
        mirror=_MIRROR in (metadata.get("annotations") or {}),
        finished=(one.get("status") or {}).get("phase") in ("Succeeded", "Failed"),
        leaving="deletionTimestamp" in metadata,
    )
