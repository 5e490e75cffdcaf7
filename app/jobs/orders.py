"""Orders whose time is over."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.context import Context
from app.jobs.registry import job
from app.jobs.run import Run
from app.services import decisions
from app.services.jobs import Planned, Preview
from models.store import orders

NAME = "orders_lapse"
BATCH = 200


def preview(ctx: Context, due_at: datetime) -> Preview:
    found = orders.overdue(ctx.session, due_at, limit=BATCH)
    summary = f"{len(found)} orders would lapse and give their room back." if found else "No order is overdue."
    return Preview(NAME, due_at, summary, tuple(Planned(row.id, f"{row.template}, {row.state.value}") for row in found))


@job(NAME, every=timedelta(minutes=5), offset=timedelta(seconds=50), home="worker", preview=preview)
def lapse(run: Run) -> None:
    """Give back the room of orders that were not paid, approved or confirmed in time."""

    def one(ctx: Context, order_id: str) -> None:
        decisions.lapse(ctx, order_id=order_id)

    while True:
        with run.reading() as ctx:
            found = [row.id for row in orders.overdue(ctx.session, ctx.now, limit=BATCH)]
        failed = run.counts["failed"]
        run.each(found, one, word="lapsed")
        if len(found) < BATCH or run.counts["failed"] > failed:
            return
