"""What the credentials may do, asked of the API itself, and what time it thinks it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import urllib3

from collectors.sources.kubernetes import KINDS
from collectors.sources.kubernetes_connection import Connection, Gone, Refused
from models.domain.errors import Misconfigured

VERBS = ("list", "watch")
_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, slots=True)
class Right:
    """Whether `verb` on `resource` is allowed; `essential`: nothing works without it."""

    resource: str
    group: str
    verb: str
    allowed: bool
    essential: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """The API server: its version, and its own time (to a second) when it says it."""

    version: str
    at: datetime | None


def server(connection: Connection) -> Server:
    """Raises Unavailable or Misconfigured, with a sentence."""
    try:
        response = connection.get("/version", ())
        stamp = response.headers.get("Date")
        told = connection.parsed(response.data)
    except (Refused, Gone) as error:
        raise Misconfigured(
            f"The Kubernetes API does not tell its version ({error}); check the server's address and the account in "
            f"{connection.source}."
        ) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise connection.lost(error) from error
    if "gitVersion" not in told:
        raise Misconfigured(f"What answers is no Kubernetes API; check the server's address in {connection.source}.")
    try:
        at = parsedate_to_datetime(stamp) if stamp else None
        at = at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
    except (ValueError, TypeError):
        at = None
    return Server(str(told["gitVersion"]), at)


def rights(connection: Connection) -> Iterator[Right]:
    """Every verb on every kind that collection needs, by SelfSubjectAccessReview. Raises Misconfigured where it is not answered."""
    for kind in KINDS:
        group = kind.path.split("/")[2] if kind.path.startswith("/apis/") else ""
        for verb in VERBS:
            asked = {"verb": verb, "resource": kind.name, "group": group}
            body = {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": asked},
            }
            try:
                status = connection.post(_REVIEW, body).get("status")
            except Refused as error:
                status = {"allowed": False, "reason": str(error)}
            if not isinstance(status, dict) or not isinstance(status.get("allowed"), bool):
                raise Misconfigured(
                    f"The Kubernetes API does not say whether the account of {connection.source} may {verb} {kind.name}: its answer "
                    "to a SelfSubjectAccessReview has no status. Ask it with: kubectl auth can-i --list; see what stands before it."
                )
            yield Right(kind.name, group, verb, status["allowed"], kind.essential, str(status.get("reason") or ""))
