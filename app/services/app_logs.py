"""Logs of an app's containers, for whoever operates it; secrets that the platform knows are blacked out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.auth.seal import Seal
from app.context import Context
from app.services.credentials import PURPOSE
from app.services.organizations import NOTHING_HERE
from collectors.sources.port import LogLine, LogSource
from models.domain.access import Permission
from models.domain.errors import Invalid, NotFound
from models.store import instances
from models.store import specifications as wishes
from models.store.instances import Instance

MOST_LINES = 2000
MASK = "••••••"
SHORTEST = 6
"""What is shorter is too likely a word of the log itself."""
_SECRET = re.compile(r"pass|secret|token|key|credential|dsn|database_url", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Source:
    """One container that writes. `part`: the component that people know; `before`: whether an earlier run of it ended."""

    pod: str
    container: str
    part: str
    started_at: datetime | None
    restarts: int
    before: bool

    @property
    def id(self) -> str:
        return f"{self.pod}/{self.container}"


@dataclass(frozen=True, slots=True)
class Log:
    """What one container wrote, the oldest line first."""

    source: Source
    previous: bool
    lines: tuple[LogLine, ...]


def sources(ctx: Context, *, instance_id: str) -> tuple[Source, ...]:
    """The containers of an app that run or ran, by pod and name."""
    return _sources(ctx, _seen(ctx, instance_id))


def read(
    ctx: Context,
    *,
    instance_id: str,
    logs: LogSource,
    seal: Seal,
    source: str = "",
    previous: bool = False,
    lines: int = 500,
    search: str = "",
    since: datetime | None = None,
) -> Log:
    """The newest lines of one container (`pod/container`; the first when none is named), or of its run before.

    Only what contains `search`, in any case. NotFound when there is no such container or run.
    """
    row = _seen(ctx, instance_id)
    if not 1 <= lines <= MOST_LINES:
        raise Invalid(f"A log comes with 1 to {MOST_LINES} lines; {lines} were asked for.", field="lines")
    found = _sources(ctx, row)
    chosen = next((one for one in found if one.id == source), None) if source else next(iter(found), None)
    if chosen is None:
        raise NotFound("That container is not there any more. Choose another one." if source else "Nothing of this app runs now.")
    written = logs.read(row.namespace, chosen.pod, chosen.container, lines=lines, previous=previous, since=since)
    hidden = tuple(_hidden(ctx, row, seal))
    wanted = search.strip().lower()
    masked = [LogLine(one.at, mask(one.text, hidden)) for one in written]
    return Log(chosen, previous, tuple(one for one in masked if wanted in one.text.lower()))


def mask(text: str, secrets: Sequence[str]) -> str:
    """`text` without the secrets, the longest first, so that no rest of one is left."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _seen(ctx: Context, instance_id: str) -> Instance:
    row = instances.by_id(ctx.session, instance_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_INSTANCES, row.organization_id)
    ctx.require(Permission.OPERATE_OWN_INSTANCES, row.organization_id)
    return row


def _sources(ctx: Context, row: Instance) -> tuple[Source, ...]:
    snapshot = ctx.cluster.snapshot()
    if not row.namespace or row.cluster != snapshot.cluster:
        return ()
    return tuple(
        Source(
            pod.name,
            container.name,
            pod.labels.get("app.kubernetes.io/component") or pod.labels.get("moorage.dev/step") or container.name,
            container.started_at,
            container.restarts,
            container.last_finished_at is not None,
        )
        for pod in sorted(snapshot.pods.values(), key=lambda one: one.name)
        if pod.namespace == row.namespace
        for container in sorted(pod.containers, key=lambda one: one.name)
    )


def _hidden(ctx: Context, row: Instance, seal: Seal) -> Iterator[str]:
    """Values that the platform drew for the app, and those of variables whose names say that they are secret."""
    kept = wishes.credentials(ctx.session, row.id)
    if kept is not None:
        yield from (
            value for value in json.loads(seal.unseal(kept.sealed, f"{PURPOSE}:{row.id}")).values() if len(value) >= SHORTEST
        )
    for wish in wishes.history(ctx.session, row.id):
        listed = [one for said in wish.given.values() if isinstance(said, list) for one in said if isinstance(one, dict)]
        for said in (wish.given, *listed):
            variables = said.get("environment") or {}
            yield from (value for name, value in variables.items() if _SECRET.search(name) and len(value) >= SHORTEST)
