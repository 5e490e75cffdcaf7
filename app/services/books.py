"""The books: staff close months and open them again, each time with a reason; nothing is posted into a closed one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.context import Context
from app.services import audit, recognition, settings
from models.domain.access import Permission
from models.domain.errors import Conflict, Invalid
from models.domain.periods import local_day
from models.domain.recognition import next_month
from models.store import books as store


@dataclass(frozen=True, slots=True)
class MoveView:
    """One closing or reopening: the first open day before (None: never closed) and after, by whom and why."""

    at: datetime
    actor_name: str
    before: date | None
    after: date
    reason: str

    @property
    def closed(self) -> bool:
        return self.before is None or self.after > self.before


@dataclass(frozen=True, slots=True)
class BooksView:
    """From when on the books are open (None: always), the next month that may be closed, and what stands in its way."""

    open_from: date | None
    closable: date | None
    unrecognised: int
    moves: tuple[MoveView, ...]


def get(ctx: Context) -> BooksView:
    """How the books stand; for staff who see everybody's billing."""
    ctx.require(Permission.SEE_OWN_BILLING)
    since = store.open_from(ctx.session)
    this = _this_month(ctx)
    last = (this - timedelta(days=1)).replace(day=1)
    moves = tuple(
        MoveView(row.at, row.actor_name, row.before, row.after, row.reason) for row in store.moves(ctx.session, limit=100)
    )
    return BooksView(
        None if since == store.ALWAYS else since,
        last if last >= since else None,
        len(recognition.waiting(ctx, ctx.now)),
        moves,
    )


def close(ctx: Context, *, month: date, reason: str) -> BooksView:
    """Close a month that ended, and all before it. By staff who may bill.

    Conflict when it is closed already, or when revenue of it was not recognised yet.
    """
    ctx.require(Permission.MANAGE_OWN_BILLING)
    why, after = _reason(reason), next_month(month)
    since = store.held(ctx.session)
    if after > _this_month(ctx):
        raise Invalid(f"{month:%Y-%m} has not ended. Close it when the next month has begun.", field="month")
    if after <= since:
        raise Conflict(f"{month:%Y-%m} is closed already.")
    waits = len(recognition.waiting(ctx, ctx.now))
    if waits:
        raise Conflict(f"{waits} lines of invoices wait to be recognised. Let the job “recognition” run, then close the month.")
    return _move(ctx, since, after, why, "books.close")


def reopen(ctx: Context, *, month: date, reason: str) -> BooksView:
    """Open a closed month again, and all after it. By staff who may bill; Conflict when it is open."""
    ctx.require(Permission.MANAGE_OWN_BILLING)
    why, first = _reason(reason), month.replace(day=1)
    since = store.held(ctx.session)
    if first >= since:
        raise Conflict(f"{month:%Y-%m} is open already.")
    return _move(ctx, since, first, why, "books.reopen")


def _move(ctx: Context, since: date, day: date, reason: str, action: str) -> BooksView:
    store.move(ctx.session, day, at=ctx.now, actor_name=ctx.actor.name, reason=reason)
    before = None if since == store.ALWAYS else since.isoformat()
    audit.record(
        ctx, action=action, subject="books", before={"open_from": before}, after={"open_from": day.isoformat(), "reason": reason}
    )
    return get(ctx)


def _this_month(ctx: Context) -> date:
    return local_day(ctx.now, str(settings.get(ctx, "billing_zone"))).replace(day=1)


def _reason(reason: str) -> str:
    kept = " ".join(reason.split())
    if not 3 <= len(kept) <= 500:
        raise Invalid("Say why, in 3 to 500 letters.", field="reason")
    return kept
