"""Documents: what was issued is set as PDF and put on its shelf."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.context import Context
from app.documents.shelf import Shelf
from app.jobs.registry import job
from app.jobs.run import Run
from app.services import documents
from app.services.jobs import Planned, Preview

NAME = "documents"
BATCH = 100


def preview(ctx: Context, due_at: datetime) -> Preview:
    """How many documents wait."""
    number = documents.waiting(ctx)
    planned = (Planned("documents", f"set {number} as PDF"),) if number else ()
    return Preview(NAME, due_at, f"{number} documents would be set as PDF." if number else "No document waits.", planned)


@job(NAME, every=timedelta(minutes=1), home="worker", preview=preview)
def make(run: Run) -> None:
    """Set every issued document as PDF, once and for good; the file comes before the word that it is there."""
    shelf, failed = Shelf.of(run.container.settings), set[str]()
    while True:
        with run.reading() as ctx:
            found = documents.unmade(ctx, limit=BATCH, without=failed)
        for document_id in found:
            run.check()
            failed.add(document_id)
            with run.telling(document_id):
                _make(run, shelf, document_id)
                failed.discard(document_id)
        if len(found) < BATCH:
            return


def _make(run: Run, shelf: Shelf, document_id: str) -> None:
    with run.reading() as ctx:
        content = documents.drawn(ctx, document_id=document_id)
    digest = shelf.put(content)
    with run.transaction() as ctx:
        new = documents.made(ctx, document_id=document_id, sha256=digest, size=len(content))
    run.count("made" if new else "were made")
