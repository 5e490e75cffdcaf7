"""The ledger: entries that balance, once per event, and what they sum to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.exc import IntegrityError

from app.context import Context
from app.services.paging import Page, limited, moment, paged
from models.domain.access import Permission
from models.domain.errors import Conflict
from models.domain.ledger import CHART, AccountKind, Posting, balanced
from models.domain.recognition import next_month
from models.store import books, ledger_sums
from models.store import ledger as store
from models.store.ledger import LedgerAccount, LedgerEntry, LedgerPosting


@dataclass(frozen=True, slots=True)
class PostingView:
    """One line of an entry: minor units, debit or credit, the other is zero."""

    account: str
    name: str
    currency: str
    debit_minor: int
    credit_minor: int
    organization_id: str
    invoice_id: str | None


@dataclass(frozen=True, slots=True)
class EntryView:
    """One event as the ledger has it; its debits equal its credits in every currency."""

    id: str
    key: str
    kind: str
    day: date
    at: datetime
    memo: str
    postings: tuple[PostingView, ...]


@dataclass(frozen=True, slots=True)
class BalanceView:
    """What was posted to one account in one currency, in minor units. `balance_minor` is debit minus credit."""

    account: str
    name: str
    kind: AccountKind
    currency: str
    debit_minor: int
    credit_minor: int
    balance_minor: int


def entries(
    ctx: Context,
    *,
    invoice_id: str | None = None,
    account: str | None = None,
    currency: str | None = None,
    kind: str | None = None,
    month: date | None = None,
    limit: int = 100,
    after: str | None = None,
) -> Page[EntryView]:
    """The journal, the newest first, or what of it made one figure of a report; for staff who see everybody's billing."""
    ctx.require(Permission.SEE_OWN_BILLING)
    first = month.replace(day=1) if month is not None else None
    wanted = store.Wanted(invoice_id, account, currency, kind, first, next_month(first) if first is not None else None)
    rows = store.search(ctx.session, wanted, after=moment(after), limit=limited(limit) + 1)
    lines = store.postings(ctx.session, [row.id for row in rows])
    return paged(rows, limit, lambda row: _view(row, lines[row.id]), lambda row: (row.at.isoformat(), row.id))


def trial_balance(ctx: Context, *, month: date | None = None) -> tuple[BalanceView, ...]:
    """Every account that was posted to, by currency, at the end of a month or as it is now.

    Debits and credits of a currency are equal, for every entry balances.
    """
    ctx.require(Permission.SEE_OWN_BILLING)
    names = {row.code: row for row in store.accounts(ctx.session)}
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for one in ledger_sums.monthly(ctx.session):
        if month is None or one.month <= month:
            debit, credit = sums.get((one.account, one.currency), (0, 0))
            sums[one.account, one.currency] = debit + one.debit, credit + one.credit
    return tuple(
        BalanceView(code, names[code].name, names[code].kind, currency, debit, credit, debit - credit)
        for (code, currency), (debit, credit) in sorted(sums.items())
    )


def post(
    ctx: Context,
    *,
    key: str,
    kind: str,
    day: date,
    memo: str,
    postings: Sequence[Posting],
    organization_id: str,
    invoice_id: str | None = None,
) -> str | None:
    """Write the entry of the event `key` in the caller's transaction; for other services. Its id, or None when all amounts are zero.

    What falls into a closed month is written down on the first day that is open.
    Conflict when the event was posted before: whoever posts holds a claim on the event, so that would be a second claim.
    """
    kept = balanced(postings)
    if not kept:
        return None
    if store.by_key(ctx.session, key) is not None:
        raise Conflict(f"{key} was posted already.")
    for account in {posting.account.code for posting in kept}:
        _open(ctx, account)
    entry = LedgerEntry(key=key, kind=kind, day=max(day, books.open_from(ctx.session, posting=True)), at=ctx.now, memo=memo)
    lines = [
        LedgerPosting(
            entry_id=entry.id, line=number, account=one.account.code, currency=one.currency, amount_minor=one.amount,
            organization_id=organization_id, invoice_id=invoice_id,
        )
        for number, one in enumerate(kept, 1)
    ]  # fmt: skip
    ledger_sums.heed(ctx.session, ctx.now)
    store.write(ctx.session, entry, lines)
    return entry.id


def _open(ctx: Context, code: str) -> None:
    """The account's row, made when the first posting needs it."""
    if ctx.session.get(LedgerAccount, code) is not None:
        return
    account = CHART[code]
    try:
        with ctx.session.begin_nested():
            ctx.session.add(LedgerAccount(code=code, name=account.name, kind=account.kind))
    except IntegrityError:
        pass  # somebody else posted to it first just now


def _view(row: LedgerEntry, lines: Sequence[LedgerPosting]) -> EntryView:
    return EntryView(
        row.id,
        row.key,
        row.kind,
        row.day,
        row.at,
        row.memo,
        tuple(
            PostingView(
                one.account,
                CHART[one.account].name if one.account in CHART else one.account,
                one.currency,
                max(one.amount_minor, 0),
                max(-one.amount_minor, 0),
                one.organization_id,
                one.invoice_id,
            )
            for one in lines
        ),
    )
