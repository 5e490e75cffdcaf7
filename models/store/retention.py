"""What the store forgets, and when: one rule a table, counted by previews and applied by the clean-up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, SQLModel, col, select

from models.domain.jobs import KEPT, OccurrenceState
from models.store.audit import Audit
from models.store.idempotency import IdempotentAnswer
from models.store.jobs import JobOccurrence
from models.store.limits import RateWindow
from models.store.links import OneTimeLink
from models.store.notices import StaffNotice
from models.store.sessions import Challenge, WebSession

SESSIONS_KEPT = timedelta(days=30)
"""Ended sessions are shown to their owner for so long."""
LINKS_KEPT = timedelta(days=30)
ANSWERS_KEPT = timedelta(days=1)
"""So long a repeated request hears the first one's answer."""
LIMITS_KEPT = timedelta(days=2)
"""Longer than the longest window that is counted."""
IDLE_KEPT = timedelta(days=1)
"""Runs that had nothing to do are forgotten after a day: frequent jobs would bury the rest."""
BATCH = 500
"""Rows of one transaction: the write lock of SQLite is held for milliseconds."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows of `table` for which `over(now)` holds may go. `key` is a column by which they are taken in batches."""

    noun: str
    table: type[SQLModel]
    key: Any
    over: Callable[[datetime], ColumnElement[bool]]


def _sessions(now: datetime) -> ColumnElement[bool]:
    before = now - SESSIONS_KEPT
    return or_(col(WebSession.expires_at) < before, col(WebSession.revoked_at) < before)


def _occurrences(now: datetime) -> ColumnElement[bool]:
    ended = col(JobOccurrence.state).in_([OccurrenceState.DONE, OccurrenceState.FAILED, OccurrenceState.SUPERSEDED])
    idle = and_(
        col(JobOccurrence.state) == OccurrenceState.DONE,
        col(JobOccurrence.counts) == "{}",
        col(JobOccurrence.requested_by) == "",
        col(JobOccurrence.due_at) < now - IDLE_KEPT,
    )
    later = aliased(JobOccurrence)
    # the newest due time of a job says what it has missed since: a daily job without a row would never catch up
    newer = exists().where(col(later.name) == col(JobOccurrence.name), col(later.due_at) > col(JobOccurrence.due_at))
    return and_(ended, newer, or_(col(JobOccurrence.due_at) < now - KEPT, idle))


SIGN_IN: tuple[Rule, ...] = (
    Rule("sessions", WebSession, WebSession.id, _sessions),
    Rule("challenges", Challenge, Challenge.token_hash, lambda now: col(Challenge.expires_at) < now),
    Rule("links", OneTimeLink, OneTimeLink.id, lambda now: col(OneTimeLink.expires_at) < now - LINKS_KEPT),
    Rule("limits", RateWindow, RateWindow.key, lambda now: col(RateWindow.began_at) < now - LIMITS_KEPT),
    Rule("answers", IdempotentAnswer, IdempotentAnswer.id, lambda now: col(IdempotentAnswer.created_at) < now - ANSWERS_KEPT),
)
"""What signing in and calling the API leave behind."""

WORK: tuple[Rule, ...] = (
    Rule("occurrences", JobOccurrence, JobOccurrence.id, _occurrences),
    Rule("notices", StaffNotice, StaffNotice.id, lambda now: col(StaffNotice.ended_at) < now - KEPT),
)
"""What background work leaves behind."""


def audit(years: int) -> Rule:
    """Audit rows that are older than the law asks for; a year counts 366 days, so that none goes early."""
    return Rule("audit rows", Audit, Audit.id, lambda now: col(Audit.at) < now - timedelta(days=366 * years))


def count(session: Session, rule: Rule, now: datetime) -> int:
    """How many rows the rule would take now."""
    return session.exec(select(func.count()).select_from(rule.table).where(rule.over(now))).one()


def forget(session: Session, rule: Rule, now: datetime) -> int:
    """Take a batch of them, oldest key first; how many went. Call it until it answers 0."""
    batch = select(rule.key).where(rule.over(now)).order_by(rule.key).limit(BATCH)
    gone = session.connection().execute(delete(rule.table).where(rule.key.in_(batch), rule.over(now)))
    return int(gone.rowcount)
