"""Handing over the mails of the outbox."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.context import Context
from app.jobs.registry import job
from app.jobs.run import Run
from app.services import outbox
from app.services.jobs import Planned, Preview
from models.store import mail as rows

NAME = "mail"
BATCH = 50


def preview(ctx: Context, due_at: datetime) -> Preview:
    """The mails that wait, without their words."""
    found = [row for id in rows.due(ctx.session, due_at, limit=500) if (row := ctx.session.get(rows.Mail, id)) is not None]
    planned = tuple(Planned(row.to, f"hand over “{row.kind}”") for row in found)
    return Preview(NAME, due_at, f"{len(planned)} mails would be handed over." if planned else "No mail waits.", planned)


@job(NAME, every=timedelta(seconds=15), home="worker", preview=preview, at_start=True)
def deliver(run: Run) -> None:
    """Hand the mails that wait to the mail server; without one they are kept for reading."""
    hand_over(run)


def hand_over(run: Run) -> None:
    """Everything that waits now, in batches; two processes may do it at once, since each mail is claimed."""
    container = run.container
    while True:
        run.check()
        done = outbox.deliver_due(
            container.store, container.mail, container.clock, sender=container.settings.mail_from, limit=BATCH
        )
        for word, number in (("sent", done.sent), ("kept", done.kept), ("postponed", done.postponed), ("given up", done.failed)):
            if number:
                run.count(word, number)
        if done.sent + done.kept + done.postponed + done.failed < BATCH:
            return
