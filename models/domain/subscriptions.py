"""Subscriptions: the money side of what an organization has, as one table and one function that moves.

Source: the life cycle of hosting subscriptions with a trial, dunning and a grace period for data; `pending` comes before it, while a
paid order waits for its money.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from models.domain.clock import aware
from models.domain.errors import Conflict, IllegalTransition, Invalid


class SubscriptionState(StrEnum):
    PENDING = "pending"
    TRIAL = "trial"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    PAUSED = "paused"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    CLEANED = "cleaned"
    LAPSED = "lapsed"
    """Never paid: the order's place was given back."""


S = SubscriptionState
MOVES: Mapping[SubscriptionState, frozenset[SubscriptionState]] = {
    S.PENDING: frozenset({S.TRIAL, S.ACTIVE, S.LAPSED}),
    S.TRIAL: frozenset({S.ACTIVE, S.EXPIRED}),
    S.ACTIVE: frozenset({S.PAST_DUE, S.PAUSED, S.EXPIRED}),
    S.PAST_DUE: frozenset({S.ACTIVE, S.SUSPENDED, S.EXPIRED}),
    S.PAUSED: frozenset({S.ACTIVE, S.EXPIRED}),
    S.SUSPENDED: frozenset({S.ACTIVE, S.EXPIRED}),
    S.EXPIRED: frozenset({S.ACTIVE, S.CLEANED}),
    S.CLEANED: frozenset(),
    S.LAPSED: frozenset(),
}
ENDED = frozenset({S.EXPIRED, S.CLEANED, S.LAPSED})


def move(current: SubscriptionState, target: SubscriptionState) -> SubscriptionState:
    """`target`, when the table has that move."""
    if target not in MOVES[current]:
        raise IllegalTransition("subscription", current, target)
    return target


class CancelWhen(StrEnum):
    """NOW ends at once and the unused rest is credited; AT_PERIOD_END lets what was paid run out."""

    NOW = "now"
    AT_PERIOD_END = "at_period_end"


@dataclass(frozen=True, slots=True)
class Edge:
    """One move as it is kept: `key` makes it happen once, `actor` is a person, a token or a job."""

    before: SubscriptionState
    after: SubscriptionState
    at: datetime
    reason: str
    actor: str
    key: str


def edge(
    before: SubscriptionState,
    after: SubscriptionState,
    *,
    at: datetime,
    reason: str,
    actor: str,
    key: str,
    backup: bool = False,
    evidence: bool = False,
) -> Edge:
    """The move with everything that its row needs: the one setter asks here. IllegalTransition when the table lacks it.

    From expired a subscription comes back only while its last `backup` exists, and is cleaned only with a backup and the `evidence` that
    its data is gone (billing reference 1.9). Conflict otherwise.
    """
    if not reason.strip() or not actor.strip() or not key.strip():
        raise Invalid("A subscription moves for a reason, by somebody, under a key.", field="reason")
    move(before, after)
    if before is S.EXPIRED and not backup:
        raise Conflict(
            "This subscription has no backup any more, so it can neither come back nor be cleaned up. Look at it by hand."
        )
    if after is S.CLEANED and not evidence:
        raise Conflict("A subscription is cleaned up only once its data was seen to be gone.")
    return Edge(before, after, aware(at), reason, actor, key)


def ends_at(when: CancelWhen, state: SubscriptionState, *, now: datetime, period_end: datetime | None) -> datetime:
    """When a cancelled subscription ends. One without a paid period under way, such as a paused one, ends now. Conflict when it is over."""
    if state in ENDED:
        raise Conflict("This subscription is over already.")
    now = aware(now)
    if when is CancelWhen.NOW or period_end is None or period_end <= now:
        return now
    return aware(period_end)
