"""Credit notes: what is given back of an invoice, issued with its entry in one transaction, once a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from app.context import Context
from app.services import audit, credits, ledger
from app.services import documents as papers
from app.services.organizations import NOTHING_HERE
from app.services.paging import Page, limited, moment, paged
from models.domain import credits as rules
from models.domain.access import Permission
from models.domain.documents import PaperLine
from models.domain.errors import Conflict, Invalid, NotFound
from models.store import credit_notes as store
from models.store import invoices as documents
from models.store.credit_notes import CreditNote, CreditNoteLine
from models.store.invoices import Invoice

LONGEST = 300


@dataclass(frozen=True, slots=True)
class NotedLine:
    """What is given back of one line of the invoice, by the line's number there; minor units."""

    line: int
    what: str
    net_minor: int
    tax_minor: int
    deferred_minor: int
    """The part of the net that was not rendered yet on the day of the note."""


@dataclass(frozen=True, slots=True)
class CreditNoteView:
    """One issued credit note, in minor units. `lowered_minor` is owed no more; the rest of the total is the customer's credit."""

    id: str
    number: str
    organization_id: str
    subscription_id: str
    invoice_id: str
    invoice_number: str
    currency: str
    net_minor: int
    tax_minor: int
    total_minor: int
    lowered_minor: int
    reason: str
    issued_at: datetime
    issued_on: date
    lines: tuple[NotedLine, ...]


@dataclass(frozen=True, slots=True)
class LeftView:
    """One line of an invoice, and the most that can still be given back of it, with its tax; minor units."""

    line: int
    what: str
    charged_minor: int
    left_minor: int


def list_(
    ctx: Context,
    *,
    organization_id: str | None = None,
    invoice_id: str | None = None,
    limit: int = 100,
    after: str | None = None,
) -> Page[CreditNoteView]:
    """Those that the actor may see, the newest first."""
    within: list[str] | None = [organization_id] if organization_id is not None else None
    if organization_id is not None:
        ctx.require(Permission.SEE_OWN_BILLING, organization_id)
    elif not ctx.actor.may(Permission.SEE_OWN_BILLING):
        within = [org for org, held in ctx.actor.within.items() if Permission.SEE_OWN_BILLING in held]
    rows = store.search(ctx.session, within=within, invoice_id=invoice_id, after=moment(after), limit=limited(limit) + 1)
    lines = store.lines(ctx.session, [row.id for row in rows])
    return paged(rows, limit, lambda row: _view(ctx, row, lines[row.id]), lambda row: (row.issued_at.isoformat(), row.id))


def get(ctx: Context, *, credit_note_id: str) -> CreditNoteView:
    """One of them; NotFound when it does not exist or is somebody else's."""
    row = store.by_id(ctx.session, credit_note_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_BILLING, row.organization_id)
    return _view(ctx, row, store.lines(ctx.session, [row.id])[row.id])


def left(ctx: Context, *, invoice_id: str) -> tuple[LeftView, ...]:
    """What can still be given back of an invoice, line by line."""
    row = documents.by_id(ctx.session, invoice_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_BILLING, row.organization_id)
    return tuple(LeftView(one.number, one.what, one.charged, one.left) for one in lines_of(ctx, row))


def issue(ctx: Context, *, invoice_id: str, reason: str, key: str, amounts: Mapping[int, int] | None = None) -> CreditNoteView:
    """Give back, as staff, `amounts` with their tax by line of the invoice, or everything that is left. The same key again: the same note.

    What is open of the invoice is lowered, and it is paid when nothing is left; what is more becomes the customer's credit. What a
    gateway was asked for before and then takes too much becomes credit as well. Conflict for more than was charged and not yet credited.
    """
    ctx.require(Permission.MANAGE_OWN_BILLING)
    if documents.by_id(ctx.session, invoice_id) is None:
        raise NotFound(NOTHING_HERE)
    why = " ".join(reason.split())
    if not 3 <= len(why) <= LONGEST:
        raise Invalid(f"Say why in 3 to {LONGEST} characters: it stands on the credit note.", field="reason")
    if not 1 <= len(key) <= 200:
        raise Invalid("A credit note is issued under a key of 1 to 200 characters.", field="key")
    row = documents.locked(ctx.session, invoice_id)
    event = f"{row.id}:{key}"
    known = store.by_key(ctx.session, event)
    if known is not None:
        return get(ctx, credit_note_id=known.id)
    wanted = amounts if amounts is not None else {one.number: one.left for one in lines_of(ctx, row) if one.left}
    if not wanted:
        raise Conflict(f"Everything of {row.number} was given back already.")
    return get(ctx, credit_note_id=give(ctx, row, wanted, reason=why, key=event))


def give(ctx: Context, row: Invoice, amounts: Mapping[int, int], *, reason: str, key: str) -> str:
    """Write the credit note of an invoice that the caller has locked, under a key that it has claimed. For other services. Its id."""
    lines = {one.number: one for one in lines_of(ctx, row)}
    if unknown := set(amounts) - set(lines):
        raise Invalid(f"{row.number} has no line {min(unknown)}. Its lines are 1 to {len(lines)}.", field="amounts")
    today = credits.today(ctx)
    day = max(today, store.last_day(ctx.session) or today)
    parts = [rules.part(lines[number], amount, today) for number, amount in sorted(amounts.items())]
    open_ = credits.open_of(ctx, row.id)
    net, tax = sum(one.net for one in parts), sum(one.tax for one in parts)
    note = CreditNote(
        key=key,
        number="",
        year=day.year,
        sequence=0,
        organization_id=row.organization_id,
        subscription_id=row.subscription_id,
        invoice_id=row.id,
        currency=row.currency,
        net_minor=net,
        tax_minor=tax,
        total_minor=net + tax,
        lowered_minor=min(net + tax, open_),
        reason=reason,
        issued_at=ctx.now,
        issued_on=day,
    )
    written = [
        CreditNoteLine(
            credit_note_id=note.id, invoice_id=row.id, invoice_line=one.number, net_minor=one.net, tax_minor=one.tax,
            deferred_minor=one.deferred,
        )
        for one in parts
    ]  # fmt: skip
    store.write(ctx.session, note, written)
    named = [PaperLine(lines[one.number].what, one.net, one.tax) for one in parts]
    papers.issue_credit_note(ctx, ctx.session.get_one(CreditNote, note.id), row, named)
    ledger.post(
        ctx,
        key=f"cn:{note.id}:issue",
        kind=credits.NOTED,
        day=day,
        memo=note.number,
        postings=rules.noted(parts, open_, row.currency),
        organization_id=row.organization_id,
        invoice_id=row.id,
    )
    if note.total_minor >= open_:
        documents.settle(ctx.session, row.id, at=ctx.now)
    audit.record(
        ctx,
        action="credit_notes.issue",
        subject=note.id,
        organization=row.organization_id,
        after={
            "number": note.number,
            "invoice": row.number,
            "total_minor": note.total_minor,
            "currency": note.currency,
            "reason": reason,
        },
    )
    return note.id


def lines_of(ctx: Context, row: Invoice) -> list[rules.Line]:
    """The lines of an invoice with what was given back of them; sure while it is locked. For other services, which check rights."""
    credited = store.credited(ctx.session, row.id)
    return [
        rules.Line(
            one.line,
            one.what,
            row.currency,
            one.first,
            one.after,
            one.net_minor,
            one.tax_minor,
            *credited.get(one.line, (0, 0, 0)),
        )
        for one in documents.lines(ctx.session, [row.id])[row.id]
    ]


def _view(ctx: Context, row: CreditNote, lines: Sequence[CreditNoteLine]) -> CreditNoteView:
    of = documents.by_id(ctx.session, row.invoice_id)
    charged = {one.line: one.what for one in documents.lines(ctx.session, [row.invoice_id])[row.invoice_id]}
    return CreditNoteView(
        id=row.id,
        number=row.number,
        organization_id=row.organization_id,
        subscription_id=row.subscription_id,
        invoice_id=row.invoice_id,
        invoice_number=of.number if of is not None else "",
        currency=row.currency,
        net_minor=row.net_minor,
        tax_minor=row.tax_minor,
        total_minor=row.total_minor,
        lowered_minor=row.lowered_minor,
        reason=row.reason,
        issued_at=row.issued_at,
        issued_on=row.issued_on,
        lines=tuple(
            NotedLine(one.invoice_line, charged[one.invoice_line], one.net_minor, one.tax_minor, one.deferred_minor)
            for one in lines
        ),
    )
