"""A real cluster over its API: raw JSON, server-side apply, refusals understood."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from models.domain.errors import Misconfigured
from provisioner.cluster.port import Rejected, Rejection, kind_of
from provisioner.labels import MANAGER, Object

PAGE = 500
_SIGNS = (
    (Rejection.QUOTA, re.compile(r"exceeded quota")),
    (Rejection.SECURITY, re.compile(r"violates PodSecurity")),
    (Rejection.LIMIT, re.compile(r"(maximum|minimum) \S+ usage per|must specify (limits|requests)")),
    (Rejection.ENDING, re.compile(r"because it is being terminated|object is being deleted")),
    (Rejection.ADMISSION, re.compile(r"ValidatingAdmissionPolicy|admission webhook .* denied")),
)


class Transport(Protocol):
    """Carries a request to the API with the account's credentials."""

    def exchange(
        self, method: str, path: str, query: Sequence[tuple[str, str]], body: Mapping[str, Any] | None, content_type: str
    ) -> tuple[int, bytes]:
        """Status and body. Raises Unavailable when nobody answers."""


class LiveCluster:
    """`provisioner.cluster.Cluster` over a transport. Safe to share between threads when the transport is."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def apply(self, wanted: Object, *, dry_run: bool = False) -> Object:
        kind, metadata = kind_of(wanted["kind"]), wanted["metadata"]
        query = [("fieldManager", MANAGER), ("force", "true"), ("fieldValidation", "Strict")]
        if dry_run:
            query.append(("dryRun", "All"))
        path = kind.path(metadata.get("namespace"), metadata["name"])
        return self._ask("PATCH", path, query, wanted, "application/apply-patch+yaml")

    def create(self, wanted: Object) -> bool:
        kind, namespace = kind_of(wanted["kind"]), wanted["metadata"].get("namespace")
        query = [("fieldManager", MANAGER), ("fieldValidation", "Strict")]
        status, answer = self._send("POST", kind.path(namespace), query, wanted, "application/json")
        if status == 409 and answer.get("reason") == "AlreadyExists":
            return False
        self._raise(status, answer)
        return True

    def read(self, kind: str, namespace: str | None, name: str) -> Object | None:
        status, answer = self._send("GET", kind_of(kind).path(namespace, name), [], None, "")
        if status == 404:
            return None
        self._raise(status, answer)
        return answer

    def find(self, kind: str, namespace: str | None, labels: Mapping[str, str]) -> Sequence[Object]:
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        found: list[Object] = []
        token = ""
        while True:
            query = [("labelSelector", selector), ("limit", str(PAGE))] + ([("continue", token)] if token else [])
            page = self._ask("GET", kind_of(kind).path(namespace), query, None, "")
            # a list leaves out what all its items have in common
            found += [{"kind": kind, **item} for item in page.get("items") or ()]
            token = (page.get("metadata") or {}).get("continue") or ""
            if not token:
                return found

    def delete(self, kind: str, namespace: str | None, name: str) -> bool:
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        status, answer = self._send("DELETE", kind_of(kind).path(namespace, name), [], body, "application/json")
        if status == 404:
            return False
        self._raise(status, answer)
        return True

    def _ask(self, method: str, path: str, query: list[tuple[str, str]], body: Object | None, content_type: str) -> Object:
        status, answer = self._send(method, path, query, body, content_type)
        self._raise(status, answer)
        return answer

    def _send(
        self, method: str, path: str, query: list[tuple[str, str]], body: Object | None, content_type: str
    ) -> tuple[int, Object]:
        status, content = self._transport.exchange(method, path, query, body, content_type)
        try:
            answer: Any = json.loads(content)
        except ValueError:
            answer = {"message": content[:200].decode(errors="replace")}
        return status, answer if isinstance(answer, dict) else {"message": str(answer)[:200]}

    def _raise(self, status: int, answer: Object) -> None:
        if status < 300:
            return
        message = str(answer.get("message") or f"the API answered {status}")
        if status == 401:
            raise Misconfigured("The Kubernetes API refuses the provisioner's credentials (401). Renew its token or certificate.")
        raise Rejected(understood(status, message), message, retry_after_seconds=_retry_after(answer))


def understood(status: int, message: str) -> Rejection:
    """What an answer of the API means. A bad field in an apply is answered with 500, which is not the server's failure."""
    for rejection, sign in _SIGNS:
        if sign.search(message):
            return rejection
    if status == 500 and "failed to create typed patch object" in message:
        return Rejection.INVALID
    if status == 422:
        return Rejection.IMMUTABLE if "immutable" in message else Rejection.INVALID
    if status == 404:
        return Rejection.ABSENT
    if status == 403:
        return Rejection.FORBIDDEN
    if status in (409, 429) or status >= 500:
        return Rejection.BUSY
    return Rejection.INVALID


def _retry_after(answer: Object) -> float | None:
    seconds = (answer.get("details") or {}).get("retryAfterSeconds")
    return float(seconds) if isinstance(seconds, int | float) else None
