"""The ledger's sums by month, kept for reports."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.context import Context
from app.jobs.registry import job
from app.jobs.run import Run
from app.services import reports
from app.services.jobs import Preview


def preview(ctx: Context, due_at: datetime) -> Preview:
    """Nothing that anybody sees changes."""
    del ctx
    return Preview("ledger", due_at, "What was posted since the last run would be added to the sums of its months.")


@job("ledger", every=timedelta(hours=1), offset=timedelta(minutes=20), home="worker", preview=preview)
def sum_up(run: Run) -> None:
    """Sum what was posted by account and month, so that reports over years are quick."""
    with run.transaction() as ctx:
        run.count("entries", reports.keep(ctx))
