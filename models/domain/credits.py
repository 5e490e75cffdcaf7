"""Credits: how much of a charged line is given back, what that does to the books, and what a customer has to their credit.

Sources: Kill Bill's cap (never more than was charged and not yet credited of that line); Stripe's deferral of credits (what was not paid
is owed less, it is never given out): a credit lowers what is open of its invoice first, and only what is left of it is the customer's.
Net and tax of all credits of a line are computed from their sum, so that many small ones end where one large one does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from models.domain.errors import Conflict, Invalid
from models.domain.ledger import BAD_DEBT, CASH, CREDIT, DEFERRED, GIVEN_BACK, RECEIVABLES, TAX_OUT, Posting, balanced
from models.domain.money import Money, rounded
from models.domain.recognition import Deferred, deferred


@dataclass(frozen=True, slots=True)
class Line:
    """One charged line, earned over [first, after), and what was credited of it before. Minor units.

    `credited_deferred` is the part of `credited_net` that was taken from what was still to be rendered.
    """

    number: int
    what: str
    currency: str
    first: date
    after: date
    net: int
    tax: int
    credited_net: int = 0
    credited_tax: int = 0
    credited_deferred: int = 0

    @property
    def charged(self) -> int:
        return self.net + self.tax

    @property
    def left(self) -> int:
        """The most that can still be given back, with its tax."""
        return self.charged - self.credited_net - self.credited_tax


@dataclass(frozen=True, slots=True)
class Part:
    """What is given back of one line. `deferred` of `net` was still to be rendered, the rest is revenue that is taken back."""

    number: int
    net: int
    tax: int
    deferred: int

    @property
    def total(self) -> int:
        return self.net + self.tax


def part(line: Line, amount: int, on: date) -> Part:
    """`amount`, with its tax, of the line, given back on that day. Invalid for nothing, Conflict for more than is left."""
    if amount <= 0:
        raise Invalid("A credit is more than zero.", field="amount")
    if amount > line.left:
        raise Conflict(
            f"Of “{line.what}” {line.left} {line.currency} in minor units can still be given back, not {amount}. Give back less."
        )
    in_all = line.credited_net + line.credited_tax + amount
    net = rounded(Fraction(line.net * in_all, line.charged)) - line.credited_net
    undelivered = line.net
    if line.after > line.first:
        undelivered = deferred(Deferred(Money(line.net, line.currency), line.first, line.after), on).minor
    return Part(line.number, net, amount - net, min(net, max(0, undelivered - line.credited_deferred)))


def noted(parts: Sequence[Part], open_: int, currency: str) -> tuple[Posting, ...]:
    """A credit note's entry: what is open of the invoice is lowered, and what is more becomes the customer's credit."""
    net, tax = sum(one.net for one in parts), sum(one.tax for one in parts)
    still = sum(one.deferred for one in parts)
    lowered = min(net + tax, max(open_, 0))
    return balanced(
        [
            Posting(DEFERRED, still, currency),
            Posting(GIVEN_BACK, net - still, currency),
            Posting(TAX_OUT, tax, currency),
            Posting(RECEIVABLES, -lowered, currency),
            Posting(CREDIT, lowered - net - tax, currency),
        ]
    )


def used(open_: int, credit: int) -> int:
    """So much of a customer's credit pays for what is open of an invoice."""
    return max(0, min(open_, credit))


def applied(amount: int, currency: str) -> tuple[Posting, ...]:
    """Credit that pays for an invoice."""
    return balanced([Posting(CREDIT, amount, currency), Posting(RECEIVABLES, -amount, currency)])


def refunded(amount: int, credit: int, currency: str) -> tuple[Posting, ...]:
    """Credit that is paid out. Conflict for more than there is."""
    if amount <= 0:
        raise Invalid("What is paid out is more than zero.", field="amount")
    if amount > credit:
        raise Conflict(f"The customer has {credit} {currency} in minor units to their credit, not {amount}. Pay out less.")
    return balanced([Posting(CREDIT, amount, currency), Posting(CASH, -amount, currency)])


def written_off(open_: int, net: int, tax: int, currency: str, *, tax_back: bool) -> tuple[Posting, ...]:
    """What is open of an invoice is given up as a loss; with `tax_back` the tax in it is not owed to the state any more."""
    if open_ <= 0:
        raise Conflict("Nothing of this invoice is open.")
    share = rounded(Fraction(open_ * tax, net + tax)) if tax_back and net + tax else 0
    return balanced(
        [Posting(BAD_DEBT, open_ - share, currency), Posting(TAX_OUT, share, currency), Posting(RECEIVABLES, -open_, currency)]
    )
