"""Trials that end: people are told before, and at the end the app is stopped."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.context import Context
from app.jobs.registry import job
from app.jobs.run import Run
from app.services import trials
from app.services.jobs import Planned, Preview
from models.store import subscriptions

NAME = "trials"
BATCH = 200


def preview(ctx: Context, due_at: datetime) -> Preview:
    soon = subscriptions.trials_ending(ctx.session, due_at + trials.TOLD_BEFORE, limit=BATCH)
    over = [row for row in soon if row.trial_until is not None and row.trial_until <= due_at]
    planned = tuple(Planned(row.id, "stop" if row in over else "tell") for row in soon)
    summary = f"{len(over)} trials would end and {len(soon) - len(over)} end soon." if soon else "No trial ends soon."
    return Preview(NAME, due_at, summary, planned)


@job(NAME, every=timedelta(minutes=15), offset=timedelta(minutes=3), home="worker", preview=preview)
def end(run: Run) -> None:
    """Tell owners three days before a trial ends, and stop its app when it is over; its data stays."""

    def told(ctx: Context, subscription_id: str) -> None:
        trials.tell(ctx, subscription_id=subscription_id)

    def ended(ctx: Context, subscription_id: str) -> None:
        trials.end(ctx, subscription_id=subscription_id)

    with run.reading() as ctx:
        over = trials.over(ctx, limit=BATCH)
    run.each(over, ended, word="ended")
    with run.reading() as ctx:
        soon = trials.ending(ctx, limit=BATCH)
    run.each(soon, told, word="looked at")
