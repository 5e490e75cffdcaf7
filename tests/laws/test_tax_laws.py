"""Laws of tax on a document."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain.errors import Invalid
from models.domain.money import Money, rounded
from models.domain.tax import NEED_A_REASON, PPN, TaxCategory, TaxLine, TaxRounding, TaxRule, taxed

quick = settings(deadline=None, max_examples=60)
GERMAN = TaxRule(TaxCategory.STANDARD, "USt", Fraction(19, 100))
EXPORT = TaxRule(TaxCategory.ZERO_RATED)
ABROAD = TaxRule(TaxCategory.REVERSE_CHARGE, reason="Art. 196 VAT directive")
rules = st.sampled_from([PPN, GERMAN, EXPORT, ABROAD])
lines = st.lists(st.builds(TaxLine, st.builds(Money, st.integers(-(10**9), 10**9), st.just("IDR")), rules), max_size=8)


def percent(number: int) -> TaxRule:
    return TaxRule(TaxCategory.STANDARD, f"{number} %", Fraction(number, 100)) if number else EXPORT


@quick
@given(lines, st.booleans(), st.sampled_from(TaxRounding))
def test_lines_groups_and_document_say_the_same(given_, inclusive, rounding):
    result = taxed(given_, "IDR", inclusive=inclusive, rounding=rounding)
    assert result.net + result.tax == result.total
    assert sum(one.net.minor for one in result.lines) == sum(one.net.minor for one in result.groups) == result.net.minor
    assert sum(one.tax.minor for one in result.lines) == sum(one.tax.minor for one in result.groups) == result.tax.minor
    assert [one.rule for one in result.lines] == [one.rule for one in given_]
    kept = [one.gross if inclusive else one.net for one in result.lines]
    assert kept == [one.amount for one in given_]


@quick
@given(lines)
def test_each_group_is_rounded_once_and_no_line_is_a_unit_off(given_):
    result = taxed(given_, "IDR")
    for group in result.groups:
        assert group.tax.minor == rounded(group.net.minor * group.rule.effective)
        assert group.formula.endswith(f"→ {group.tax.minor}")
    for line in result.lines:
        assert abs(line.tax.minor - line.net.minor * line.rule.effective) < 1


@quick
@given(lines, st.booleans())
def test_a_document_the_other_way_round_is_its_opposite(given_, inclusive):
    """A credit note of a whole invoice takes back what the invoice took."""
    there = taxed(given_, "IDR", inclusive=inclusive)
    back = taxed([TaxLine(-one.amount, one.rule) for one in given_], "IDR", inclusive=inclusive)
    assert (back.net, back.tax, back.total) == (-there.net, -there.tax, -there.total)


@quick
@given(st.integers(0, 10**12))
def test_an_inclusive_price_is_within_a_unit_of_the_exclusive_one(price):
    net = taxed([TaxLine(Money(price, "IDR"), PPN)], "IDR").total
    assert taxed([TaxLine(net, PPN)], "IDR", inclusive=True).net.minor == price


@quick
@given(st.integers(1, 200_000))
def test_ppn_is_eleven_percent_of_the_price(price):
    assert taxed([TaxLine(Money(price, "IDR"), PPN)], "IDR").tax.minor == (price * 11 + 50) // 100


def test_the_reduced_base_rounded_first_is_another_tax():
    """The reference's example: 149 023 gives 16 393, or 16 392 by way of the rounded base."""
    one = [TaxLine(Money(149023, "IDR"), PPN)]
    exact, portal = taxed(one, "IDR"), taxed(one, "IDR", rounding=TaxRounding.VIA_ROUNDED_BASE)
    assert (exact.tax.minor, portal.tax.minor) == (16393, 16392)
    assert exact.groups[0].formula == "149023 × 11/12 × 12 % = 16392.53 → 16393"
    assert portal.groups[0].formula == "149023 × 11/12 → 136604; 136604 × 12 % = 16392.48 → 16392"
    assert exact.groups[0].reduced_base == Fraction(149023 * 11, 12)
    differing = sum(
        rounded(Fraction(rounded(Fraction(p * 11, 12)) * 12, 100)) != rounded(Fraction(p * 11, 100)) for p in range(1, 20001)
    )
    assert 0.026 < differing / 20000 < 0.028


def test_tax_inclusive():
    result = taxed([TaxLine(Money(165390, "IDR"), PPN)], "IDR", inclusive=True)
    assert (result.net.minor, result.tax.minor) == (149000, 16390)
    assert result.groups[0].formula == "165390 × 100/111 = 149000 → 149000; 165390 - 149000 = 16390"


def test_three_lines_are_taxed_together():
    """EN 16931: three times 33.335 at 19 % are 19.00 on the document; here in tenths of a cent, since lines are whole units."""
    result = taxed([TaxLine(Money(33335, "IDR"), GERMAN)] * 3, "IDR")
    assert result.tax.minor == rounded(Fraction(100005 * 19, 100)) == 19001
    assert sorted(one.tax.minor for one in result.lines) == [6333, 6334, 6334]


def test_coupon_case():
    """Case 10 of the reference (Lago): 1000 off 10000/5000/3000/2000, then 10, 0, 20 and 20 %."""
    fees, off = (10000, 5000, 3000, 2000), Money(1000, "USD").split([10000, 5000, 3000, 2000])
    assert [one.minor for one in off] == [500, 250, 150, 100]
    due = [TaxLine(Money(fee, "USD") - less, percent(rate)) for fee, less, rate in zip(fees, off, (10, 0, 20, 20), strict=True)]
    result = taxed(due, "USD")
    assert [one.tax.minor for one in result.lines] == [950, 0, 570, 380]
    assert [group.tax.minor for group in result.groups] == [950, 0, 950]


@pytest.mark.parametrize("category", sorted(NEED_A_REASON))
def test_no_tax_needs_a_reason(category):
    with pytest.raises(Invalid, match="why no tax"):
        TaxRule(category)
    assert taxed([TaxLine(Money(100, "EUR"), TaxRule(category, reason="Art. 44"))], "EUR").tax.minor == 0


@pytest.mark.parametrize(
    ("category", "rate", "base"),
    [
        (TaxCategory.STANDARD, Fraction(0), Fraction(1)),
        (TaxCategory.STANDARD, Fraction(1), Fraction(1)),
        (TaxCategory.ZERO_RATED, Fraction(1, 10), Fraction(1)),
        (TaxCategory.STANDARD, Fraction(1, 10), Fraction(0)),
        (TaxCategory.STANDARD, Fraction(1, 10), Fraction(13, 12)),
    ],
)
def test_rates_that_cannot_be(category, rate, base):
    with pytest.raises(Invalid):
        TaxRule(category, "x", rate, base)


def test_an_empty_document_and_a_foreign_line():
    assert taxed([], "IDR").total == Money(0, "IDR")
    with pytest.raises(Invalid, match="do not go together"):
        taxed([TaxLine(Money(1, "USD"), PPN)], "IDR")
