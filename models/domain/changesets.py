"""Change sets: what is to be done in the cluster for one instance, from the wish to its end."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from models.domain.errors import IllegalTransition
from models.domain.instances import State


class Purpose(StrEnum):
    """Why the cluster is to be changed."""

    CREATE = "create"
    CHANGE = "change"
    STOP = "stop"
    START = "start"
    SUSPEND = "suspend"
    REPAIR = "repair"
    UPGRADE = "upgrade"
    REMOVE = "remove"


class ChangeState(StrEnum):
    HELD = "held"
    """Waits for its order."""
    WAITING = "waiting"
    """To be worked on from `again_at` on."""
    BLOCKED = "blocked"
    """Stopped until a person decides."""
    DONE = "done"
    CANCELLED = "cancelled"


C = ChangeState
MOVES: Mapping[ChangeState, frozenset[ChangeState]] = {
    C.HELD: frozenset({C.WAITING, C.CANCELLED}),
    C.WAITING: frozenset({C.WAITING, C.BLOCKED, C.DONE, C.CANCELLED}),
    C.BLOCKED: frozenset({C.WAITING, C.CANCELLED}),
    C.DONE: frozenset(),
    C.CANCELLED: frozenset(),
}
OPEN = frozenset({C.HELD, C.WAITING, C.BLOCKED})
"""An instance has at most one change set in these states."""


def move(current: ChangeState, target: ChangeState) -> ChangeState:
    """`target`, when the table has that move."""
    if target not in MOVES[current]:
        raise IllegalTransition("change set", current, target)
    return target


DONE_AS: Mapping[Purpose, State] = {
    Purpose.CREATE: State.READY,
    Purpose.CHANGE: State.READY,
    Purpose.START: State.READY,
    Purpose.REPAIR: State.READY,
    Purpose.UPGRADE: State.READY,
    Purpose.STOP: State.STOPPED,
    Purpose.SUSPEND: State.SUSPENDED,
    Purpose.REMOVE: State.GONE,
}
"""What the instance is when a change set of that purpose is done."""
