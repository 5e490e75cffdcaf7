"""The ledger as a file of beancount, so that another accountant's program can say whether it adds up."""

from __future__ import annotations

from collections.abc import Iterator

from app.context import Context
from models.domain.access import Permission
from models.domain.ledger import AccountKind
from models.domain.money import currency
from models.store import ledger as store
from models.store import ledger_sums

BRANCH = {
    AccountKind.ASSET: "Assets",
    AccountKind.LIABILITY: "Liabilities",
    AccountKind.EQUITY: "Equity",
    AccountKind.REVENUE: "Income",
    AccountKind.EXPENSE: "Expenses",
}
_AT_ONCE = 1000


def beancount(ctx: Context) -> Iterator[str]:
    """Lines of the file: accounts, every entry in the order of days, and the sums that the reports tell, which the program checks.

    For staff who see everybody's billing.
    """
    ctx.require(Permission.SEE_OWN_BILLING)
    sums: dict[tuple[str, str], int] = {}
    first = ""
    for one in ledger_sums.monthly(ctx.session):
        sums[one.account, one.currency] = sums.get((one.account, one.currency), 0) + one.balance
        first = min(first or one.month.isoformat(), one.month.isoformat())
    yield 'option "title" "Moorage"'
    for name in sorted({code for _, code in sums}):
        yield f'option "inferred_tolerance_default" "{name}:0"'
    names = {row.code: f"{BRANCH[row.kind]}:{_word(row.name)}-{row.code}" for row in store.accounts(ctx.session)}
    for code, name in sorted(names.items()):
        yield f"{first or '1970-01-01'} open {name}"
        del code
    last = ""
    for entry, lines in store.chronological(ctx.session, at_once=_AT_ONCE):
        last = entry.day.isoformat()
        yield ""
        yield f'{last} * "{_text(entry.kind)}" "{_text(entry.memo)}"'
        yield f'  key: "{_text(entry.key)}"'
        for line in lines:
            yield f"  {names[line.account]}  {_amount(line.amount_minor, line.currency)} {line.currency}"
    if last:
        yield ""
        for (account, code), balance in sorted(sums.items()):
            yield f"9999-12-31 balance {names[account]}  {_amount(balance, code)} {code}"


def _amount(minor: int, code: str) -> str:
    digits = currency(code).digits
    if not digits:
        return str(minor)
    sign, whole = ("-" if minor < 0 else ""), abs(minor)
    return f"{sign}{whole // 10**digits}.{whole % 10**digits:0{digits}d}"


def _word(name: str) -> str:
    """A part of an account's name as beancount takes it: letters and digits of ASCII and hyphens, a capital first."""
    kept = "".join(one if one.isascii() and one.isalnum() else "-" for one in name.title()).strip("-")
    return kept if kept[:1].isalnum() else "X"


def _text(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
