"""Backups of apps: the life of one backup and of one restore, how often they are tried, how long they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from models.domain.errors import IllegalTransition

MOST_ATTEMPTS = 3
"""So often something is tried that fails by itself; what only has to be waited for does not count."""
PATIENCE = timedelta(hours=2)
"""After this long a backup or restore that still waits for the cluster has failed."""
_PAUSE = timedelta(seconds=30)


class BackupState(StrEnum):
    WANTED = "wanted"
    RUNNING = "running"
    """Begun; whoever holds its lease works on it."""
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"
    """Its content was deleted; what it was stays written down."""


class BackupReason(StrEnum):
    """Why a backup was made."""

    ASKED = "asked"
    SCHEDULE = "schedule"
    DELETION = "deletion"
    UPGRADE = "upgrade"
    EXPIRY = "expiry"
    """Its subscription ended."""


class RestoreState(StrEnum):
    WANTED = "wanted"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class RestoreKind(StrEnum):
    """Where a backup is brought back: into its own app, into a new one, or into a scratch namespace to see that it works."""

    PLACE = "place"
    COPY = "copy"
    DRILL = "drill"


B, R = BackupState, RestoreState
BACKUP_MOVES: Mapping[BackupState, frozenset[BackupState]] = {
    B.WANTED: frozenset({B.RUNNING, B.FAILED}),
    B.RUNNING: frozenset({B.RUNNING, B.DONE, B.FAILED}),
    B.DONE: frozenset({B.EXPIRED}),
    B.FAILED: frozenset(),
    B.EXPIRED: frozenset(),
}
RESTORE_MOVES: Mapping[RestoreState, frozenset[RestoreState]] = {
    R.WANTED: frozenset({R.RUNNING, R.FAILED}),
    R.RUNNING: frozenset({R.RUNNING, R.DONE, R.FAILED}),
    R.DONE: frozenset(),
    R.FAILED: frozenset(),
}


def move_backup(current: BackupState, target: BackupState) -> BackupState:
    """`target`, when the table has that move."""
    if target not in BACKUP_MOVES[current]:
        raise IllegalTransition("backup", current, target)
    return target


def move_restore(current: RestoreState, target: RestoreState) -> RestoreState:
    """`target`, when the table has that move."""
    if target not in RESTORE_MOVES[current]:
        raise IllegalTransition("restore", current, target)
    return target


def pause(attempts: int) -> timedelta:
    """How long is waited after so many failed attempts: 30, 60, 120 … seconds."""
    doubled: int = 2 ** max(0, min(attempts, 10) - 1)
    return _PAUSE * doubled


LAST = frozenset({BackupReason.DELETION, BackupReason.EXPIRY})


def kept_until(reason: BackupReason, at: datetime, *, days: int, deleted_days: int) -> datetime:
    """When a backup made at `at` expires; the last one of an app that is over has a time of its own."""
    return at + timedelta(days=deleted_days if reason in LAST else days)


def is_due(newest: datetime | None, now: datetime, *, every: timedelta) -> bool:
    """Whether an app whose newest backup began at `newest` is to be saved again; a `every` of nothing means never."""
    return bool(every) and (newest is None or now - newest >= every)
