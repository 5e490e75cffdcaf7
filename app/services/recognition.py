"""Recognition: what was billed in advance becomes revenue by local days, once per line and month, in the first month that is open."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from app.context import Context
from app.services import ledger, settings
from models.domain import ledger as chart
from models.domain import recognition as rules
from models.domain.access import Permission
from models.domain.errors import NotFound
from models.domain.money import Money
from models.domain.periods import local_day
from models.store import books, credit_notes
from models.store import recognition as store
from models.store.recognition import Key, Standing


@dataclass(frozen=True, slots=True)
class EarnedView:
    """What a run posts of one line: the portion of a month, and the day for which it is posted; minor units."""

    invoice_id: str
    line: int
    number: str
    organization_id: str
    what: str
    first: date
    after: date
    on: date
    amount_minor: int
    currency: str

    @property
    def key(self) -> str:
        """Of its entry in the ledger."""
        return f"rec:{self.invoice_id}:{self.line}:{self.first:%Y-%m}"


def due(ctx: Context, *, limit: int, without: Collection[Key] = ()) -> tuple[Key, ...]:
    """Lines of which a month that ended was not posted yet; `without` are others."""
    ctx.require(Permission.RUN_JOBS)
    return tuple((one.invoice_id, one.line) for one in waiting(ctx, ctx.now, limit=limit, without=without))


def planned(ctx: Context, at: datetime) -> tuple[EarnedView, ...]:
    """What a run at that time posts, by the facts as they are now. Writes nothing."""
    ctx.require(Permission.SEE_JOBS)
    return tuple(one for row in waiting(ctx, at) for one in _portions(ctx, row, at))


def carry_out(ctx: Context, *, key: Key) -> int | None:
    """Post every month of a line that ended; how many, None when another process did. By the platform's own job.

    The line is claimed by a conditional update, so that each month is posted once; claim and entries are written together or not at all.
    """
    ctx.require(Permission.RUN_JOBS)
    standing = store.of_line(ctx.session, key)
    if standing is None:
        raise NotFound(f"There is no line {key[1]} of the invoice {key[0]}.")
    month = _month(ctx, ctx.now)
    rest = month if month < standing.after else None
    if (standing.begun and standing.next_month in (None, rest)) or books.open_from(ctx.session) >= month:
        return None
    found = _portions(ctx, standing, ctx.now)
    earned = standing.earned_minor + sum(one.amount_minor for one in found)
    if not store.advance(ctx.session, standing, next_month=rest, earned_minor=earned):
        return None
    for one in found:
        ledger.post(
            ctx,
            key=one.key,
            kind="recognition",
            day=one.on,
            memo=one.number,
            postings=chart.earned(one.amount_minor, one.currency),
            organization_id=one.organization_id,
            invoice_id=one.invoice_id,
        )
    return len(found)


def waiting(ctx: Context, at: datetime, *, limit: int | None = None, without: Collection[Key] = ()) -> Sequence[Standing]:
    """Lines with something to post at that time. For other services, which check rights.

    When the month before is closed already, what is late waits until the first open month has ended.
    """
    if books.open_from(ctx.session) >= _month(ctx, at):
        return ()
    return store.due(ctx.session, _month(ctx, at), limit=limit, without=without)


def _month(ctx: Context, at: datetime) -> date:
    """The first day of the month in which that time lies, in the billing zone; the months before it have ended."""
    return local_day(at, str(settings.get(ctx, "billing_zone"))).replace(day=1)


def _portions(ctx: Context, row: Standing, at: datetime) -> tuple[EarnedView, ...]:
    line = rules.Deferred(Money(row.net_minor, row.currency), row.first, row.after)
    since = row.next_month or date.min
    given_back = credit_notes.unearned(ctx.session, row.invoice_id, row.line)
    credits = [(day, Money(minor, row.currency)) for day, minor in given_back]
    posted = rules.postings(line, open_from=books.open_from(ctx.session), until=_month(ctx, at), credits=credits)
    return tuple(
        EarnedView(
            row.invoice_id,
            row.line,
            row.number,
            row.organization_id,
            row.what,
            one.portion.first,
            one.portion.after,
            one.on,
            one.portion.amount.minor,
            row.currency,
        )
        for one in posted
        if one.portion.first >= since
    )
