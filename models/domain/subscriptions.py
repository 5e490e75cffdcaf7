"""Subscriptions: the money side of what an organization has, as one table and one function that moves.

Source: the life cycle of hosting subscriptions with a trial, dunning and a grace period for data; `pending` comes before it, while a
paid order waits for its money.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from models.domain.errors import IllegalTransition


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
