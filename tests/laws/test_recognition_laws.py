"""Laws of revenue over time."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain.errors import Invalid
from models.domain.money import Money
from models.domain.recognition import Deferred, changed, deferred, next_month, portions, postings, recognised

quick = settings(deadline=None, max_examples=60)
lines = st.builds(
    lambda minor, first, days: Deferred(Money(minor, "IDR"), first, first + timedelta(days=days)),
    st.integers(-(10**9), 10**9),
    st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    st.integers(1, 800),
)


@quick
@given(lines, st.integers(-10, 900))
def test_what_is_earned_and_what_is_not_are_the_whole_and_never_drift(line, day):
    at = line.first + timedelta(days=day)
    earned = recognised(line, at)
    assert earned + deferred(line, at) == line.amount
    exact = Fraction(line.amount.minor * min(line.days, max(0, day)), line.days)
    assert abs(earned.minor - exact) <= Fraction(1, 2)
    assert abs(recognised(line, at + timedelta(days=1)).minor) >= abs(earned.minor)


@quick
@given(lines)
def test_months_follow_each_other_and_sum_to_the_line(line):
    parts = portions(line)
    assert sum(one.amount.minor for one in parts) == line.amount.minor
    assert (parts[0].first, parts[-1].after) == (line.first, line.after)
    assert all(a.after == b.first and b.first.day == 1 for a, b in pairwise(parts))
    assert all(one.after <= next_month(one.first) for one in parts)


@quick
@given(lines, st.dates(date(2019, 1, 1), date(2034, 1, 1)).map(lambda day: day.replace(day=1)), st.integers(0, 900))
def test_nothing_is_posted_into_a_closed_month_and_all_is_posted_in_the_end(line, open_from, days):
    until = line.first + timedelta(days=days)
    now = postings(line, open_from=open_from, until=until)
    assert all(open_from <= one.on < until and one.portion.amount for one in now)
    assert all(one.on >= one.portion.after - timedelta(days=1) for one in now)
    assert sum(one.portion.amount.minor for one in postings(line, open_from=open_from, until=date(2040, 1, 1))) == line.amount.minor


@quick
@given(lines, st.integers(0, 700), st.integers(-(10**9), 10**9), st.integers(1, 900))
def test_a_change_leaves_what_was_earned_and_loses_nothing(line, day, extra, longer):
    at = line.first + timedelta(days=day)
    before, rest = changed(line, at, Money(extra, "IDR"), at + timedelta(days=longer))
    done = before.amount if before is not None else Money(0, "IDR")
    assert done == recognised(line, at)
    assert done + rest.amount == line.amount + Money(extra, "IDR")
    assert (before is None) == (day == 0)
    assert rest.first == at


def test_days_of_a_year():
    """Case 12 (Odoo, by days): 1200 over 2023 are 101.92 in January and 92.05 in February."""
    parts = portions(Deferred(Money(120000, "USD"), date(2023, 1, 1), date(2024, 1, 1)))
    assert [one.amount.minor for one in parts[:2]] == [10192, 9205]
    assert len(parts) == 12


def test_a_change_is_prospective():
    """Case 13 (ASC 606 Example 7): after two of three years at 100000, 80000 for the third and 200000 for three more are 70000 each."""
    years = [date(2021 + n, 1, 1) for n in range(7)]
    line = Deferred(Money(300000, "USD"), years[0], years[0] + timedelta(days=3 * 365))
    at = years[0] + timedelta(days=2 * 365)
    before, rest = changed(line, at, Money(80000 - 100000 + 200000, "USD"), at + timedelta(days=4 * 365))
    assert [recognised(before, years[0] + timedelta(days=365 * n)).minor for n in (1, 2)] == [100000, 200000]
    assert [recognised(rest, at + timedelta(days=365 * n)).minor for n in range(1, 5)] == [70000, 140000, 210000, 280000]


def test_a_closed_month_is_made_up_for_by_itself_in_the_first_open_one():
    line = Deferred(Money(3100, "IDR"), date(2026, 1, 15), date(2026, 2, 15))
    told = postings(line, open_from=date(2026, 2, 1), until=date(2026, 3, 1))
    assert [(one.portion.first, one.on, one.portion.amount.minor) for one in told] == [
        (date(2026, 1, 15), date(2026, 2, 28), 1700),
        (date(2026, 2, 1), date(2026, 2, 28), 1400),
    ]
    assert postings(line, open_from=date(2026, 1, 1), until=date(2026, 2, 1))[0].on == date(2026, 1, 31)
    assert postings(line, open_from=date(2026, 1, 1), until=date(2026, 1, 31)) == []


def test_what_cannot_be():
    with pytest.raises(Invalid):
        Deferred(Money(1, "IDR"), date(2026, 1, 1), date(2026, 1, 1))
    with pytest.raises(Invalid):
        postings(Deferred(Money(1, "IDR"), date(2026, 1, 1), date(2026, 1, 2)), open_from=date(2026, 1, 2), until=date(2026, 3, 1))
