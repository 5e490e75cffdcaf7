"""Logs of containers, read from the API at the moment they are asked for; nothing of them is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from collectors.sources.port import LogLine
from models.domain.errors import Misconfigured, NotFound, Unavailable

MOST_BYTES = 2 << 20
"""So much of an answer is read; of longer ones the API leaves out the end."""
GONE = b"unable to retrieve container logs for "
"""How a kubelet says, with status 200, that a container's log was cleared away."""
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?(.*)", re.DOTALL)


class Transport(Protocol):
    """Carries a request to the API with the account's credentials."""

    def exchange(
        self, method: str, path: str, query: Sequence[tuple[str, str]], body: Mapping[str, Any] | None, content_type: str
    ) -> tuple[int, bytes]:
        """Status and body. Raises Unavailable when nobody answers."""


class KubernetesLogs:
    """Signs `LogSource`."""

    def __init__(self, connection: Transport) -> None:
        self._connection = connection

    def read(
        self, namespace: str, pod: str, container: str, *, lines: int, previous: bool = False, since: datetime | None = None
    ) -> Sequence[LogLine]:
        query = [
            ("container", container),
            ("tailLines", str(lines)),
            ("timestamps", "true"),
            ("limitBytes", str(MOST_BYTES)),
            *([("previous", "true")] if previous else []),
            *([("sinceTime", f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")] if since is not None else []),
        ]
        status, body = self._connection.exchange("GET", f"/api/v1/namespaces/{namespace}/pods/{pod}/log", query, None, "")
        if status != 200:
            raise _refusal(status, body, pod)
        if body.startswith(GONE):
            raise NotFound(f"There is no log of {pod} now: the node has thrown it away already.")
        found = [line for raw in body.split(b"\n") if (line := _line(raw)) is not None]
        # the API counts whole seconds
        return [line for line in found if since is None or line.at > since]


def _line(raw: bytes) -> LogLine | None:
    found = _STAMP.fullmatch(raw.rstrip(b"\r"))
    if found is None:
        return None  # the end of the answer, or a line that was cut where the answer ended
    day, fraction, zone, text = found.groups()
    micro = (fraction or b"").ljust(6, b"0")[:6].decode()
    at = datetime.fromisoformat(f"{day.decode()}.{micro}{zone.decode().replace('Z', '+00:00')}")
    return LogLine(at.astimezone(UTC), text.decode("utf-8", "replace"))


def _refusal(status: int, body: bytes, pod: str) -> Exception:
    try:
        said = str(json.loads(body).get("message", ""))
    except (ValueError, AttributeError):
        said = ""
    if status == 403:
        return Misconfigured("The platform may not read logs in this cluster: its account lacks the right “get pods/log”.")
    if status in (400, 404):
        # 400: the container is still being created, or there was no run before this one
        return NotFound(f"There is no log of {pod} now: {said or 'nothing was written yet'}.")
    return Unavailable(f"The log of {pod} could not be read: the API answered {status}.")
