"""Reports of the ledger: result, position, deferred revenue, receivables and tax, by month and currency, from the same sums."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from app.context import Context
from app.services import settings
from models.domain.access import Permission
from models.domain.errors import Invalid
from models.domain.ledger import DEFERRED, RECEIVABLES, TAX_OUT, AccountKind
from models.domain.periods import local_day
from models.domain.tax import TaxCategory
from models.store import ledger, ledger_sums, organizations, receivables
from models.store.ledger_sums import Sum

SETTLED = timedelta(hours=1)
"""So long after it was written nobody writes an entry of an earlier time any more."""
AGES = (0, 30, 60, 90)
"""Days after the due day at which an age begins: not due, 1-30, 31-60, 61-90, older."""


@dataclass(frozen=True, slots=True)
class AmountView:
    """One account in a report, in minor units: revenue, liabilities and equity above zero where credits are more."""

    account: str
    name: str
    kind: AccountKind
    amount_minor: int
    before_minor: int
    year_minor: int


@dataclass(frozen=True, slots=True)
class ResultView:
    """Profit and loss of a month, the month before, and the calendar year up to it."""

    currency: str
    month: date
    rows: tuple[AmountView, ...]
    result_minor: int
    before_minor: int
    year_minor: int


@dataclass(frozen=True, slots=True)
class PositionView:
    """Balance sheet at the end of a month. Assets = liabilities + equity + the result of all months so far."""

    currency: str
    month: date
    rows: tuple[AmountView, ...]
    assets_minor: int
    liabilities_minor: int
    equity_minor: int
    result_minor: int

    @property
    def difference_minor(self) -> int:
        """Zero, or the ledger is damaged."""
        return self.assets_minor - self.liabilities_minor - self.equity_minor - self.result_minor


@dataclass(frozen=True, slots=True)
class DeferredView:
    """opening + billed - recognised - other (credited) = closing, of one month."""

    currency: str
    month: date
    opening_minor: int
    billed_minor: int
    recognised_minor: int
    other_minor: int
    closing_minor: int


@dataclass(frozen=True, slots=True)
class OwedView:
    """An invoice that is not paid, as the ledger has it, and so many days after its due day."""

    invoice_id: str
    number: str
    organization_id: str
    organization: str
    currency: str
    due_on: date
    days: int
    age: int
    """Position in the ages, zero being not due."""
    open_minor: int


@dataclass(frozen=True, slots=True)
class AgeingView:
    """All that is owed in a currency: by age, and whether it is the balance of the account."""

    currency: str
    ages_minor: tuple[int, ...]
    total_minor: int
    account_minor: int
    rows: tuple[OwedView, ...]

    @property
    def difference_minor(self) -> int:
        return self.account_minor - self.total_minor


@dataclass(frozen=True, slots=True)
class TaxView:
    """Tax on sales of a month: what invoices of a category charged, and on how much."""

    currency: str
    month: date
    category: TaxCategory
    name: str
    invoices: int
    net_minor: int
    tax_minor: int


@dataclass(frozen=True, slots=True)
class TaxMonthView:
    """The same month in the ledger: from invoices, from everything else (credit notes), and what is to be paid to the tax office."""

    currency: str
    month: date
    invoiced_minor: int
    other_minor: int

    @property
    def due_minor(self) -> int:
        return self.invoiced_minor + self.other_minor


def keep(ctx: Context) -> int:
    """Sum what nobody adds to any more; how many entries were new. By the platform's own job."""
    ctx.require(Permission.RUN_JOBS)
    return ledger_sums.keep(ctx.session, ctx.now - SETTLED)


def currencies(ctx: Context) -> tuple[str, ...]:
    """Those in which anything was posted."""
    return tuple(sorted({one.currency for one in _sums(ctx)}))


def months(ctx: Context) -> tuple[date, ...]:
    """From the first in which anything was posted to this one, the newest first."""
    this = local_day(ctx.now, str(settings.get(ctx, "billing_zone"))).replace(day=1)
    found = [this]
    first = min((one.month for one in _sums(ctx)), default=this)
    while found[-1] > first:
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return tuple(found)


def result(ctx: Context, *, month: date, currency: str) -> ResultView:
    """Profit and loss: revenue less expenses."""
    month = _first(month)
    before = (month - timedelta(days=1)).replace(day=1)
    sums = [one for one in _sums(ctx) if one.currency == currency]
    kinds = _kinds(ctx, (AccountKind.REVENUE, AccountKind.EXPENSE))
    now = _by_account(one for one in sums if one.month == month)
    last = _by_account(one for one in sums if one.month == before)
    year = _by_account(one for one in sums if month.replace(month=1) <= one.month <= month)
    rows = []
    for code, (name, kind) in kinds.items():
        if year.get(code) or last.get(code):
            rows.append(AmountView(code, name, kind, *(_natural(kind, part.get(code, 0)) for part in (now, last, year))))
    totals = [-sum(part.get(code, 0) for code in kinds) for part in (now, last, year)]
    return ResultView(currency, month, tuple(rows), totals[0], totals[1], totals[2])


def position(ctx: Context, *, month: date, currency: str) -> PositionView:
    """The balance sheet at the end of a month."""
    month = _first(month)
    sums = [one for one in _sums(ctx) if one.currency == currency and one.month <= month]
    now, before = _by_account(sums), _by_account(one for one in sums if one.month < month)
    kinds = _kinds(ctx, tuple(AccountKind))
    rows, totals = [], dict.fromkeys(AccountKind, 0)
    for code, (name, kind) in kinds.items():
        amount = _natural(kind, now.get(code, 0))
        totals[kind] += amount
        if kind in (AccountKind.ASSET, AccountKind.LIABILITY, AccountKind.EQUITY) and (amount or before.get(code)):
            rows.append(AmountView(code, name, kind, amount, _natural(kind, before.get(code, 0)), amount))
    return PositionView(
        currency,
        month,
        tuple(rows),
        totals[AccountKind.ASSET],
        totals[AccountKind.LIABILITY],
        totals[AccountKind.EQUITY],
        totals[AccountKind.REVENUE] - totals[AccountKind.EXPENSE],
    )


def deferred(ctx: Context, *, currency: str) -> tuple[DeferredView, ...]:
    """The roll-forward of deferred revenue, the newest month first."""
    sums = [one for one in _sums(ctx) if one.currency == currency and one.account == DEFERRED.code]
    found, opening = [], 0
    for month in reversed(months(ctx)):
        parts: dict[str, int] = defaultdict(int)
        for one in sums:
            if one.month == month:
                parts[one.kind if one.kind in ("invoice", "recognition") else "other"] -= one.balance
        closing = opening + sum(parts.values())
        found.append(DeferredView(currency, month, opening, parts["invoice"], -parts["recognition"], -parts["other"], closing))
        opening = closing
    return tuple(reversed(found))


def ageing(ctx: Context, *, currency: str) -> AgeingView:
    """What is owed now, by days after the due day, the oldest first; its sum is the balance of the account."""
    today = local_day(ctx.now, str(settings.get(ctx, "billing_zone")))
    account = _by_account(one for one in _sums(ctx) if one.currency == currency).get(RECEIVABLES.code, 0)
    owed = receivables.open_(ctx.session, currency)
    names = {id: organizations.by_id(ctx.session, id) for id in {row.organization_id for row, _ in owed}}
    rows = []
    for row, amount in owed:
        days = max(0, (today - row.due_on).days)
        age = sum(days > one for one in AGES)
        who = names[row.organization_id]
        name = who.name if who is not None else row.organization_id
        rows.append(OwedView(row.id, row.number, row.organization_id, name, currency, row.due_on, days, age, amount))
    ages = tuple(sum(row.open_minor for row in rows if row.age == age) for age in range(len(AGES) + 1))
    return AgeingView(currency, ages, sum(ages), account, tuple(sorted(rows, key=lambda row: (row.due_on, row.number))))


def tax(ctx: Context, *, currency: str) -> tuple[TaxView, ...]:
    """What invoices charged by month of issue, category and name of the tax, the newest first."""
    _sums(ctx)
    return tuple(
        TaxView(currency, one.month, one.category, one.name, one.invoices, one.net_minor, one.tax_minor)
        for one in receivables.taxed(ctx.session, currency)
    )


def tax_months(ctx: Context, *, currency: str) -> tuple[TaxMonthView, ...]:
    """The account of the tax by month, the newest first."""
    parts: dict[date, list[int]] = defaultdict(lambda: [0, 0])
    for one in _sums(ctx):
        if one.account == TAX_OUT.code and one.currency == currency:
            parts[one.month][one.kind != "invoice"] -= one.balance
    return tuple(TaxMonthView(currency, month, *both) for month, both in sorted(parts.items(), reverse=True))


def _sums(ctx: Context) -> Sequence[Sum]:
    ctx.require(Permission.SEE_OWN_BILLING)
    return ledger_sums.monthly(ctx.session)


def _kinds(ctx: Context, wanted: Sequence[AccountKind]) -> dict[str, tuple[str, AccountKind]]:
    return {row.code: (row.name, row.kind) for row in ledger.accounts(ctx.session) if row.kind in wanted}


def _by_account(sums: Iterable[Sum]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for one in sums:
        found[one.account] += one.balance
    return dict(found)


def _natural(kind: AccountKind, balance: int) -> int:
    return balance if kind in (AccountKind.ASSET, AccountKind.EXPENSE) else -balance


def _first(month: date) -> date:
    if month.year < 2000:
        raise Invalid("Choose a month from 2000 on.", field="month")
    return month.replace(day=1)
