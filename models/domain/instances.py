"""Instances: the life of one running copy of an app, as one table and one function that moves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from models.domain.errors import IllegalTransition, Invalid
from models.domain.ids import is_label

LONGEST_ADDRESS = 300
FARTHEST = timedelta(days=3660)
"""How far from now the end of a trial may lie."""
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", re.IGNORECASE)


class State(StrEnum):
    """Where an instance is in its life. That nobody knows is an observation, not a state."""

    ORDERED = "ordered"
    PROVISIONING = "provisioning"
    READY = "ready"
    DEGRADED = "degraded"
    STOPPED = "stopped"
    SUSPENDED = "suspended"
    DELETING = "deleting"
    GONE = "gone"


S = State
MOVES: Mapping[State, frozenset[State]] = {
    S.ORDERED: frozenset({S.PROVISIONING, S.GONE}),  # gone at once: the order lapsed before anything was made
    S.PROVISIONING: frozenset({S.READY, S.DEGRADED, S.STOPPED, S.SUSPENDED, S.DELETING}),
    S.READY: frozenset({S.PROVISIONING, S.DEGRADED, S.STOPPED, S.SUSPENDED, S.DELETING}),
    S.DEGRADED: frozenset({S.PROVISIONING, S.READY, S.STOPPED, S.SUSPENDED, S.DELETING}),
    S.STOPPED: frozenset({S.PROVISIONING, S.SUSPENDED, S.DELETING}),
    S.SUSPENDED: frozenset({S.PROVISIONING, S.STOPPED, S.DELETING}),
    S.DELETING: frozenset({S.GONE}),
    S.GONE: frozenset(),
}

HOLDS_RESOURCES = frozenset({S.PROVISIONING, S.READY, S.DEGRADED, S.DELETING})
"""States in which pods of the instance count against the cluster's capacity."""
ANSWERS = frozenset({S.READY, S.DEGRADED})
"""States in which its address should answer, so that the prober asks it."""
LIVING = frozenset(State) - {S.GONE}


def move(current: State, target: State) -> State:
    """`target`, when the table has that move."""
    if target not in MOVES[current]:
        raise IllegalTransition("instance", current, target)
    return target


def way_to_gone(current: State) -> tuple[State, ...]:
    """The moves from `current` to gone, the last of them `GONE`; none when it is gone already."""
    ways: list[tuple[State, ...]] = [()]
    for way in ways:
        at = way[-1] if way else current
        if at is State.GONE:
            return way
        ways += [(*way, following) for following in sorted(MOVES[at]) if following not in way]
    raise IllegalTransition("instance", current, State.GONE)


def check_name(text: str) -> str:
    """The name of an instance: a label, since it stands in the cluster's labels too."""
    name = text.strip()
    if not is_label(name):
        raise Invalid(
            "The name of an app is written in at most 63 lower-case letters, digits and inner hyphens, such as “n8n”.", field="name"
        )
    return name


def check_template(text: str) -> str:
    """The short name of the kind of app; empty when nobody says."""
    template = text.strip()
    if template and not is_label(template):
        raise Invalid(
            "A template's short name is written in at most 63 lower-case letters, digits and inner hyphens, such as “n8n”. "
            "Leave it empty when none fits.",
            field="template",
        )
    return template


def check_address(text: str) -> str:
    """Where an instance answers: empty, or an http or https URL without a user name in it."""
    address = text.strip()
    if not address:
        return ""
    wrong = Invalid("An address looks like https://acme.n8n.example.com. Leave it empty when there is none.", field="address")
    if len(address) > LONGEST_ADDRESS or not address.isprintable() or " " in address:
        raise wrong
    try:
        parts = urlsplit(address)
        _ = parts.port  # only reading it tells whether it is a port
    except ValueError:
        raise wrong from None
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host) or ".." in host or "@" in parts.netloc:
        raise wrong
    return address


def check_trial(until: datetime | None, now: datetime) -> datetime | None:
    """The end of a trial: with a time zone, and within ten years of now."""
    if until is None:
        return None
    if until.tzinfo is None:
        raise Invalid("The end of the trial has no time zone. Write it as 2026-12-01T00:00:00Z.", field="trial_until")
    if abs(until - now) > FARTHEST:
        raise Invalid("The end of the trial is more than ten years away. Check the year.", field="trial_until")
    return until


def trial_is_unused(
    *, trial_until: datetime | None, last_used_at: datetime | None, created_at: datetime, now: datetime, idle: timedelta
) -> bool:
    """Whether a running trial was not used for `idle`, counted from its creation while it was never used."""
    return trial_until is not None and now < trial_until and now - (last_used_at or created_at) >= idle
