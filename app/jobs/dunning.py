"""Dunning: reminders, charges that are tried again, and what becomes of subscriptions that are not paid or come to their end."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from app.context import Context
from app.jobs.registry import job
from app.jobs.run import Run
from app.services import dunning, dunning_steps
from app.services.dunning import Planned
from app.services.jobs import Planned as Line
from app.services.jobs import Preview
from models.domain.dunning import Action

NAME = "dunning"
WORDS = {
    Action.REMIND: "reminded",
    Action.CHARGE: "charges",
    Action.MOVE: "moved",
    Action.REMOVE: "removed",
    Action.PARK: "left to a person",
}


def preview(ctx: Context, due_at: datetime) -> Preview:
    """What the run decides, about whom and over how much."""
    found = dunning.planned(ctx, due_at)
    counts = Counter(one.decision.action for one in found)
    told = ", ".join(f"{counts[action]} {word}" for action, word in WORDS.items() if counts[action])
    return Preview(
        NAME,
        due_at,
        f"{told}." if told else "Nothing is to be done.",
        tuple(Line(one.subscription_id, sentence(one)) for one in found),
    )


def sentence(one: Planned) -> str:
    """One decision in words, with amounts in minor units."""
    apps = f" ({', '.join(one.apps)})" if one.apps else ""
    owed = f"{one.open_minor} {one.currency} of {one.invoice}"
    match one.decision.action:
        case Action.REMIND:
            return f"remind {one.organization} of {owed}, day {one.decision.day}"
        case Action.CHARGE:
            return f"charge {one.organization} {owed}, attempt {one.decision.number}; when it pays, the invoice is paid"
        case Action.MOVE:
            what = f", {owed}" if one.invoice else ""
            return f"move {one.organization}{apps} to {one.decision.target}: {one.decision.reason}{what}"
        case Action.REMOVE:
            return f"delete the data of {one.organization}{apps}: {one.decision.reason}"
        case Action.PARK:
            return f"leave {one.organization}{apps} to a person: {one.decision.reason}"


@job(NAME, every=timedelta(minutes=30), offset=timedelta(minutes=6), home="worker", preview=preview)
def dun(run: Run) -> None:
    """Remind of open invoices, charge them again, and move subscriptions at most one step, with everything that belongs to it."""
    with run.reading() as ctx:
        found = dunning.planned(ctx, ctx.now)
    for one in found:
        run.check()
        with run.telling(one.subscription_id):
            with run.transaction() as ctx:
                decided = dunning_steps.carry_out(ctx, subscription_id=one.subscription_id, key=one.decision.key)
            run.count(WORDS[one.decision.action] if decided is not None else "waits")
