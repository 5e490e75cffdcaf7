"""Recognition: months that ended become revenue, a line of an invoice after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from app.context import Context
from app.jobs.registry import job
from app.jobs.run import Run
from app.services import recognition
from app.services.jobs import Planned, Preview
from models.store.recognition import Key

NAME = "recognition"
FOUND = 500
BATCH = 20
"""So many lines a transaction, lest it hold the writing lock for long."""


def preview(ctx: Context, due_at: datetime) -> Preview:
    """Each portion that the run posts, and their sum."""
    found = recognition.planned(ctx, due_at)
    sums: Counter[str] = Counter()
    for one in found:
        sums[one.currency] += one.amount_minor
    told = ", ".join(f"{amount} {currency}" for currency, amount in sorted(sums.items()))
    summary = f"{len(found)} portions would become revenue{f', {told}' if told else ''}."
    planned = tuple(
        Planned(one.key, f"{one.number}, {one.what}: {one.amount_minor} {one.currency} for {one.first} to {one.after}, on {one.on}")
        for one in found
    )
    return Preview(NAME, due_at, summary, planned)


@job(NAME, every=timedelta(hours=1), offset=timedelta(minutes=7), home="worker", preview=preview)
def recognise(run: Run) -> None:
    """Move what was earned in months that ended from deferred revenue to revenue, each line and month once."""
    left: set[Key] = set()
    while True:
        with run.reading() as ctx:
            found = recognition.due(ctx, limit=FOUND, without=left)
        if not found:
            return
        for at in range(0, len(found), BATCH):
            run.check()
            batch = found[at : at + BATCH]
            try:
                _post(run, batch, left)
            except Exception:  # one of them cannot be posted: the others are, each by itself
                for key in batch:
                    with run.telling(f"{key[0]} line {key[1]}"):
                        left.add(key)
                        _post(run, [key], left)


def _post(run: Run, keys: Sequence[Key], left: set[Key]) -> None:
    with run.transaction() as ctx:
        posted = {key: recognition.carry_out(ctx, key=key) for key in keys}
    for key, count in posted.items():
        if count is None:
            left.add(key)
        else:
            run.count("lines")
            run.count("portions", count)
