"""Forgetting what nobody needs any more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from app.context import Context
from app.jobs.registry import job
from app.jobs.run import Run
from app.services import settings
from app.services.jobs import Planned, Preview
from models.domain.settings import AUDIT_YEARS
from models.store import retention
from models.store.retention import Rule

Rules = Callable[[Context], Sequence[Rule]]


def _sign_in(_ctx: Context) -> Sequence[Rule]:
    return retention.SIGN_IN


def _work(_ctx: Context) -> Sequence[Rule]:
    return retention.WORK


def _audit(ctx: Context) -> Sequence[Rule]:
    return (retention.audit(int(settings.get(ctx, AUDIT_YEARS.key))),)


def previewer(name: str, rules: Rules) -> Callable[[Context, datetime], Preview]:
    """How many rows each rule would take at the due time."""

    def preview(ctx: Context, due_at: datetime) -> Preview:
        counted = {rule.noun: retention.count(ctx.session, rule, due_at) for rule in rules(ctx)}
        planned = tuple(Planned(noun, f"forget {number}") for noun, number in counted.items() if number)
        summary = (
            "Would forget " + ", ".join(f"{n} {noun}" for noun, n in counted.items() if n) if planned else "Nothing to forget."
        )
        return Preview(name, due_at, summary + ("." if planned else ""), planned)

    return preview


def apply(run: Run, rules: Rules) -> None:
    """Take what is over at the due time, a batch a transaction."""
    with run.reading() as ctx:
        chosen = tuple(rules(ctx))
    for rule in chosen:
        gone = -1
        while gone:
            run.check()
            with run.transaction() as ctx:
                gone = retention.forget(ctx.session, rule, run.due_at)
            if gone:
                run.count(rule.noun, gone)


@job(
    "sign_in_cleanup",
    every=timedelta(hours=1),
    offset=timedelta(minutes=17),
    home="worker",
    preview=previewer("sign_in_cleanup", _sign_in),
)
def clean_sign_ins(run: Run) -> None:
    """Forget sessions, one-time links, rate limits and repeated answers that are over."""
    apply(run, _sign_in)


@job(
    "history_cleanup",
    every=timedelta(hours=6),
    offset=timedelta(minutes=23),
    home="worker",
    preview=previewer("history_cleanup", _work),
)
def clean_history(run: Run) -> None:
    """Forget runs of jobs after 90 days, those that had nothing to do after one, and old notices."""
    apply(run, _work)


@job("audit_expiry", every=timedelta(days=1), offset=timedelta(hours=2), home="worker", preview=previewer("audit_expiry", _audit))
def expire_audit(run: Run) -> None:
    """Forget audit rows that are older than the setting audit_years keeps."""
    apply(run, _audit)
