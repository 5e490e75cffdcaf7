"""When a process of the ingress works by an old configuration, or by none.

No Traefik counts reloads that fail: version 2 had a counter that never moved, version 3 has none. What can be seen is the outcome: a
process that has taken no configuration at all, and one that did not take what its neighbours took.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from models.domain.trouble_shapes import Kind, Severity, Trouble

SETTLED = timedelta(minutes=2)
"""A process takes its first configuration within seconds of its start, and a change reaches all of them within seconds too."""


@dataclass(frozen=True, slots=True)
class IngressUse:
    """One process at `at`. `told`: it counts reloads. `services`: names that it has counted requests for."""

    instance: str
    at: datetime
    told: bool
    taken_at: datetime | None
    """When it last took a configuration; None: never, or not known."""
    started_at: datetime | None
    services: frozenset[str] = frozenset()


def of_ingress(processes: Sequence[IngressUse]) -> Iterator[Trouble]:
    """A row for each process without a configuration, and for each that did not take what another one took."""
    for one in sorted(processes, key=lambda p: p.instance):
        if one.taken_at is None:
            if one.told and one.started_at is not None and one.at - one.started_at >= SETTLED:
                yield _unconfigured(one, one.started_at)
            continue
        ahead = [taken for other in processes if (taken := _ahead(one, one.taken_at, other)) is not None]
        if ahead:
            yield _behind(one, one.taken_at, min(ahead))


def _ahead(one: IngressUse, mine: datetime, other: IngressUse) -> datetime | None:
    """When `other` took a configuration that `one` should have taken too; None when it did not.

    What a process takes at its start says nothing about the others, and processes that serve nothing together may be of two classes.
    """
    taken, began = other.taken_at, other.started_at
    if taken is None or began is None or not one.services & other.services:
        return None
    late = taken - mine > SETTLED and one.at - taken > SETTLED
    return taken if late and taken - began > SETTLED else None


def _unconfigured(one: IngressUse, since: datetime) -> Trouble:
    return Trouble(
        Kind.INGRESS_UNCONFIGURED,
        Severity.CRITICAL,
        f"ingress:{one.instance}",
        one.instance,
        since,
        "This process of the ingress has taken no configuration: what it is asked for is not found.",
        "Read its log: it may lack the right to list Ingress objects and services, or not reach the Kubernetes API.",
    )


def _behind(one: IngressUse, mine: datetime, since: datetime) -> Trouble:
    return Trouble(
        Kind.INGRESS_BEHIND,
        Severity.WARNING,
        f"ingress:{one.instance}",
        one.instance,
        since,
        f"This process of the ingress works by its configuration of {mine:%H:%M:%S} UTC; another one has taken a newer one.",
        "Read its log for what it refuses, or whether it reaches the Kubernetes API; restart it if it hangs.",
    )
