"""The ledger's chart and what one entry must be: at least two postings that sum to zero in every currency.

Source: double entry with signed amounts (debit above zero, credit below), as TigerBeetle and Formance keep it; the chart follows a small
hosting business: what is paid in advance is owed as service until it was rendered (deferred revenue), tax is never revenue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from models.domain.errors import Invalid


class AccountKind(StrEnum):
    ASSET = "asset"
    LIABILITY = "liability"
    EQUITY = "equity"
    REVENUE = "revenue"
    EXPENSE = "expense"


@dataclass(frozen=True, slots=True)
class Account:
    """One line of the chart."""

    code: str
    name: str
    kind: AccountKind


CASH = Account("1020", "Gateway clearing", AccountKind.ASSET)
RECEIVABLES = Account("1100", "Receivables", AccountKind.ASSET)
TAX_OUT = Account("2200", "Tax on sales", AccountKind.LIABILITY)
CREDIT = Account("2300", "Credit of customers", AccountKind.LIABILITY)
DEFERRED = Account("2400", "Deferred revenue", AccountKind.LIABILITY)
REVENUE = Account("4000", "Subscriptions", AccountKind.REVENUE)
GIVEN_BACK = Account("4900", "Credits and refunds", AccountKind.REVENUE)
BAD_DEBT = Account("6200", "Bad debt", AccountKind.EXPENSE)
CHART: Mapping[str, Account] = {
    one.code: one for one in (CASH, RECEIVABLES, TAX_OUT, CREDIT, DEFERRED, REVENUE, GIVEN_BACK, BAD_DEBT)
}


@dataclass(frozen=True, slots=True)
class Posting:
    """One line: minor units, debit above zero, credit below."""

    account: Account
    amount: int
    currency: str


def balanced(postings: Sequence[Posting]) -> tuple[Posting, ...]:
    """The postings without those of zero, when they make an entry; nothing when all are zero. Raises Invalid when they do not balance."""
    kept = tuple(one for one in postings if one.amount)
    sums: Counter[str] = Counter()
    for one in kept:
        sums[one.currency] += one.amount
    wrong = [f"{amount} {currency}" for currency, amount in sums.items() if amount]
    if wrong:
        raise Invalid(f"An entry has to balance; this one is off by {', '.join(wrong)}.")
    return kept


def issued(net: int, tax: int, currency: str) -> tuple[Posting, ...]:
    """An invoice for a service that is still to be rendered: owed by the customer, owed to them as service, and the tax."""
    return balanced(
        [Posting(RECEIVABLES, net + tax, currency), Posting(DEFERRED, -net, currency), Posting(TAX_OUT, -tax, currency)]
    )


def received(amount: int, open_: int, currency: str) -> tuple[Posting, ...]:
    """Money for an invoice of which `open_` was not paid yet; what is too much becomes the customer's credit."""
    applied = min(amount, max(open_, 0))
    return balanced(
        [Posting(CASH, amount, currency), Posting(RECEIVABLES, -applied, currency), Posting(CREDIT, applied - amount, currency)]
    )


def earned(amount: int, currency: str) -> tuple[Posting, ...]:
    """A service that was paid for, or billed, in advance was rendered; below zero when one was billed as a reduction."""
    return balanced([Posting(DEFERRED, amount, currency), Posting(REVENUE, -amount, currency)])


def returned(amount: int, credit: int, currency: str, *, forced: bool) -> tuple[Posting, ...]:
    """Money that a gateway gave back, or was `forced` to: out of its account, and of the customer's credit as far as there is any.

    What is more was not theirs to have back: revenue given back, or a loss when a bank took it. Credit never goes below zero.
    """
    theirs = min(amount, max(credit, 0))
    rest = BAD_DEBT if forced else GIVEN_BACK
    return balanced([Posting(CREDIT, theirs, currency), Posting(rest, amount - theirs, currency), Posting(CASH, -amount, currency)])
