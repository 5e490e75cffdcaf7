"""Laws of money and of its splits."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.money import precision
from models.domain.errors import Invalid
from models.domain.money import CURRENCIES, LARGEST, Money, allocated, apportioned, rounded, total, zero

quick = settings(deadline=None, max_examples=60)
minors = st.integers(-(10**15), 10**15)
weights = st.lists(st.integers(0, 10**9), min_size=1, max_size=12).filter(any)


@quick
@given(minors, minors, minors)
def test_amounts_of_one_currency_add_like_numbers(a, b, c):
    x, y, z = (Money(one, "IDR") for one in (a, b, c))
    assert (x + y) + z == x + (y + z) == total([z, y, x], "IDR") == Money(a + b + c, "IDR")
    assert x - y == x + -y
    assert x + zero("IDR") == x
    assert (x < y, x <= y, x > y, x >= y, bool(x), abs(x).minor) == (a < b, a <= b, a > b, a >= b, a != 0, abs(a))


@pytest.mark.parametrize("verb", ["__add__", "__sub__", "__lt__", "__le__", "__gt__", "__ge__"])
def test_two_currencies_do_not_go_together(verb):
    with pytest.raises(Invalid, match="IDR and USD do not go together"):
        getattr(Money(1, "IDR"), verb)(Money(1, "USD"))
    with pytest.raises(Invalid, match="do not go together"):
        total([Money(1, "USD")], "IDR")


@pytest.mark.parametrize(("minor", "code"), [(1.0, "IDR"), (True, "IDR"), (LARGEST + 1, "IDR"), (1, "XXX"), (1, "idr")])
def test_what_is_no_amount_is_refused(minor, code):
    with pytest.raises(Invalid):
        Money(minor, code)
    with pytest.raises(Invalid, match="whole numbers and fractions"):
        Money(1, "IDR").times(0.5)


@quick
@given(st.fractions(-1000, 1000, max_denominator=1000))
def test_rounding_is_the_nearest_and_a_half_goes_away_from_zero(exact):
    whole = rounded(exact)
    assert abs(whole - exact) <= Fraction(1, 2)
    assert rounded(-exact) == -whole
    if abs(whole - exact) == Fraction(1, 2):
        assert abs(whole) > abs(exact)


@pytest.mark.parametrize(
    ("exact", "whole"), [(Fraction(5, 2), 3), (Fraction(-5, 2), -3), (Fraction(7, 2), 4), (Fraction(1, 2), 1), (3, 3)]
)
def test_halves(exact, whole):
    assert rounded(exact) == whole


@quick
@given(minors, weights)
def test_a_split_loses_nothing_and_no_share_is_a_unit_off(amount, by):
    parts = allocated(amount, by)
    assert sum(parts) == amount
    whole = sum(by)
    assert all(abs(part - Fraction(amount * weight, whole)) < 1 for part, weight in zip(parts, by, strict=True))
    assert all(part == 0 for part, weight in zip(parts, by, strict=True) if weight == 0)
    assert allocated(-amount, by) == [-part for part in parts]
    assert [one.minor for one in Money(amount, "USD").split(by)] == parts


@quick
@given(st.integers(0, 10**6), st.integers(1, 9))
def test_ties_go_to_the_first(amount, count):
    parts = allocated(amount, [1] * count)
    assert parts == sorted(parts, reverse=True)
    assert parts[0] - parts[-1] <= 1


@quick
@given(st.lists(st.fractions(-1000, 1000, max_denominator=97), max_size=9))
def test_exact_shares_become_whole_ones_that_sum_to_the_rounded_whole(exact):
    parts = apportioned(rounded(sum(exact, Fraction(0))), exact)
    assert sum(parts) == rounded(sum(exact, Fraction(0)))
    assert all(abs(part - one) < 1 for part, one in zip(parts, exact, strict=True))
    with pytest.raises(ValueError, match="do not sum"):
        apportioned(rounded(sum(exact, Fraction(0))) + 2, exact)


@pytest.mark.parametrize(
    ("amount", "by", "parts"),
    [
        (100, [50, 25, 75], [33, 17, 50]),  # IFRS 15 example 33
        (100000, [75000, 14000, 20000], [68807, 12844, 18349]),  # EY example 28.53
        (10, [1, 1, 1], [4, 3, 3]),
        (-10, [1, 1, 1], [-4, -3, -3]),
        (0, [0, 0], [0, 0]),
        (0, [], []),
    ],
)
def test_worked_splits(amount, by, parts):
    assert allocated(amount, by) == parts


@pytest.mark.parametrize("by", [[], [0, 0], [1, -1]])
def test_no_weight_takes_no_amount(by):
    with pytest.raises(Invalid):
        allocated(1, by)


def test_a_gateway_may_count_in_other_digits_and_nothing_is_lost():
    assert Money(149000, "IDR").in_digits(2) == 14900000
    assert Money(149000, "USD").in_digits(0) == 1490
    with pytest.raises(Invalid):
        Money(149001, "USD").in_digits(0)


def test_the_books_and_the_pages_count_a_currency_alike():
    assert {code: one.digits for code, one in CURRENCIES.items()} == {code: precision(code) for code in CURRENCIES}
