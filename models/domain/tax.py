"""Tax: once for each category and rate of a document, from exact fractions, rounded once, and told line by line.

Sources: EN 16931 BR-CO-17 (the tax of a category is its base times its rate, on the document); Indonesian PPN since 2025 (PMK 131/2024):
12 % of 11/12 of the price of a service, so 11 %, computed as one fraction because rounding the 11/12 first is off by one unit for 2.7 % of
all prices; tax-inclusive prices give net = round(gross / (1 + effective rate)) and tax = gross - net. What an invoice says about its tax is
copied into it and never looked up later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from models.domain.errors import Invalid
from models.domain.money import Money, apportioned, rounded, total


class TaxCategory(StrEnum):
    """Why a line is taxed as it is; each one stands on the document, a missing tax does not."""

    STANDARD = "standard"
    ZERO_RATED = "zero_rated"
    """Taxed with zero: exports."""
    EXEMPT = "exempt"
    REVERSE_CHARGE = "reverse_charge"
    """The customer owes it, in another country."""
    NOT_REGISTERED = "not_registered"
    """The seller charges none."""


class TaxRounding(StrEnum):
    """EXACT: from the price in one step. VIA_ROUNDED_BASE: the reduced base (DPP nilai lain) in whole units first, as a portal may do."""

    EXACT = "exact"
    VIA_ROUNDED_BASE = "via_rounded_base"


@dataclass(frozen=True, slots=True)
class TaxRule:
    """Rate and the fraction of the price that it is taken of. Only STANDARD has a rate; the others but ZERO_RATED need a reason."""

    category: TaxCategory
    name: str = ""
    rate: Fraction = Fraction(0)
    base: Fraction = Fraction(1)
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.category is TaxCategory.STANDARD) != (self.rate > 0) or not 0 <= self.rate < 1:
            raise Invalid("A standard tax has a rate above 0 and below 100 %, every other category has none.", field="rate")
        if not 0 < self.base <= 1:
            raise Invalid("A tax is taken of a part of the price that is above 0 and up to the whole.", field="base")
        if self.category in NEED_A_REASON and not self.reason.strip():
            raise Invalid("Say why no tax is charged; the invoice has to print it.", field="reason")

    @property
    def effective(self) -> Fraction:
        return self.rate * self.base


NEED_A_REASON = frozenset({TaxCategory.EXEMPT, TaxCategory.REVERSE_CHARGE, TaxCategory.NOT_REGISTERED})
PPN = TaxRule(TaxCategory.STANDARD, "PPN", Fraction(12, 100), Fraction(11, 12))


@dataclass(frozen=True, slots=True)
class TaxLine:
    """A line's amount after discounts, with tax in it or without as the document says. Credits are negative."""

    amount: Money
    rule: TaxRule


@dataclass(frozen=True, slots=True)
class TaxedLine:
    """`tax` is the line's share of its group's, so that lines sum to the document; less than one unit from its exact part."""

    net: Money
    tax: Money
    rule: TaxRule

    @property
    def gross(self) -> Money:
        return self.net + self.tax


@dataclass(frozen=True, slots=True)
class TaxGroup:
    """One category and rate of the document.

    `reduced_base` is what the rate is taken of (DPP), exact in minor units. `formula` reads the same in every language.
    """

    rule: TaxRule
    net: Money
    reduced_base: Fraction
    tax: Money
    formula: str


@dataclass(frozen=True, slots=True)
class TaxedDocument:
    """`net + tax = total`; lines in the order given, groups in the order in which their first lines come."""

    lines: Sequence[TaxedLine]
    groups: Sequence[TaxGroup]
    net: Money
    tax: Money
    total: Money


def taxed(
    lines: Sequence[TaxLine], currency: str, *, inclusive: bool = False, rounding: TaxRounding = TaxRounding.EXACT
) -> TaxedDocument:
    """The document's tax. `inclusive`: the amounts have their tax in them, and their sum stays what the customer pays;
    `rounding` then has nothing to say.
    """
    done: dict[int, TaxedLine] = {}
    groups: list[TaxGroup] = []
    for rule in dict.fromkeys(line.rule for line in lines):
        at = [i for i, line in enumerate(lines) if line.rule == rule]
        amounts = [lines[i].amount for i in at]
        told, group = _inclusive(rule, amounts, currency) if inclusive else _exclusive(rule, amounts, currency, rounding)
        done.update(zip(at, told, strict=True))
        groups.append(group)
    net, tax = total((one.net for one in groups), currency), total((one.tax for one in groups), currency)
    return TaxedDocument([done[i] for i in range(len(lines))], groups, net, tax, net + tax)


def _exclusive(rule: TaxRule, amounts: Sequence[Money], code: str, rounding: TaxRounding) -> tuple[list[TaxedLine], TaxGroup]:
    net = total(amounts, code)
    reduced = net.minor * rule.base
    if rounding is TaxRounding.VIA_ROUNDED_BASE:
        reduced = Fraction(rounded(reduced))
    exact = reduced * rule.rate
    tax = Money(rounded(exact), code)
    shares = apportioned(tax.minor, [one.minor * rule.effective for one in amounts])
    lines = [TaxedLine(one, Money(share, code), rule) for one, share in zip(amounts, shares, strict=True)]
    return lines, TaxGroup(rule, net, reduced, tax, _formula(rule, net.minor, reduced, exact, tax.minor, rounding))


def _inclusive(rule: TaxRule, amounts: Sequence[Money], code: str) -> tuple[list[TaxedLine], TaxGroup]:
    gross = total(amounts, code)
    exact = gross.minor / (1 + rule.effective)
    net = Money(rounded(exact), code)
    nets = apportioned(net.minor, [one.minor / (1 + rule.effective) for one in amounts])
    lines = [TaxedLine(Money(part, code), one - Money(part, code), rule) for one, part in zip(amounts, nets, strict=True)]
    tax = gross - net
    percent = _number(100 * (1 + rule.effective))
    formula = f"{gross.minor} × 100/{percent} = {_number(exact)} → {net.minor}; {gross.minor} - {net.minor} = {tax.minor}"
    return lines, TaxGroup(rule, net, net.minor * rule.base, tax, formula)


def _formula(rule: TaxRule, net: int, reduced: Fraction, exact: Fraction, tax: int, rounding: TaxRounding) -> str:
    percent = f"{_number(rule.rate * 100)} %"
    if rule.base == 1:
        return f"{net} × {percent} = {_number(exact)} → {tax}"
    if rounding is TaxRounding.VIA_ROUNDED_BASE:
        return f"{net} × {rule.base} → {reduced}; {reduced} × {percent} = {_number(exact)} → {tax}"
    return f"{net} × {rule.base} × {percent} = {_number(exact)} → {tax}"


def _number(value: Fraction) -> str:
    """At most two decimals, none that say nothing."""
    hundredths = rounded(value * 100)
    sign, whole, rest = "-" if hundredths < 0 else "", abs(hundredths) // 100, abs(hundredths) % 100
    return f"{sign}{whole}" + (f".{rest:02d}".rstrip("0") if rest else "")
