"""Laws of monthly recurring revenue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain.errors import Invalid
from models.domain.mrr import Bridge, Interval, Level, MovementKind, Recurring, bridge, monthly, movement, movements, yearly

quick = settings(deadline=None, max_examples=60)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
K = MovementKind
times = st.integers(0, 400 * 24 * 4).map(lambda quarter: NOW + timedelta(minutes=15 * quarter))
levels = st.lists(
    st.builds(Level, st.sampled_from("abc"), times, st.sampled_from([0, 0, 100, 149, 200])),
    max_size=25,
    unique_by=lambda one: (one.customer, one.at),
)


def latest(levels_, before: datetime) -> dict[str, int]:
    return {one.customer: one.mrr for one in sorted(levels_, key=lambda one: one.at) if one.at < before}


@quick
@given(levels, times, st.integers(0, 90))
def test_movements_lead_from_one_state_to_the_other(changes, start, days):
    """Every change by itself, so that states are those of the moment."""
    end = start + timedelta(days=days)
    told = bridge(movements(changes, merged=timedelta(0)), start, end)
    assert told.closing == told.opening + told.new + told.reactivation + told.expansion - told.contraction - told.churn
    before, after = latest(changes, start), latest(changes, end)
    assert (told.opening, told.closing) == (sum(before.values()), sum(after.values()))
    there = [customer for customer, mrr in before.items() if mrr]
    assert (told.customers_before, told.customers_lost) == (len(there), sum(1 for one in there if not after[one]))


@quick
@given(levels)
def test_movements_sum_to_what_there_is_also_when_changes_within_an_hour_are_one(changes):
    moves = movements(changes)
    assert sum(one.change for one in moves) == sum(latest(changes, NOW + timedelta(days=999)).values())
    assert all(one.amount > 0 for one in moves)
    for customer in "abc":
        mine = [one for one in moves if one.customer == customer]
        assert all(b.at - a.at >= timedelta(hours=1) for a, b in pairwise(mine))
        assert [one.kind for one in mine].count(K.NEW) <= 1
        assert not mine or mine[0].kind is K.NEW


@quick
@given(levels, st.lists(times, min_size=2, max_size=5).map(sorted))
def test_bridges_of_months_join(changes, cuts):
    moves = movements(changes)
    told = [bridge(moves, a, b) for a, b in pairwise(cuts)]
    assert all(a.closing == b.opening for a, b in pairwise(told))
    assert sum(one.new for one in told) == bridge(moves, cuts[0], cuts[-1]).new


@pytest.mark.parametrize(
    ("before", "after", "paid", "kind", "amount"),
    [
        (0, 5, False, K.NEW, 5),
        (0, 5, True, K.REACTIVATION, 5),
        (5, 8, True, K.EXPANSION, 3),
        (8, 5, True, K.CONTRACTION, 3),
        (5, 0, True, K.CHURN, 5),
    ],
)
def test_kinds(before, after, paid, kind, amount):
    told = movement("a", NOW, before, after, paid_before=paid)
    assert (told.kind, told.amount, told.change) == (kind, amount, after - before)
    assert movement("a", NOW, before, before, paid_before=paid) is None
    with pytest.raises(Invalid):
        movement("a", NOW, -1, after, paid_before=paid)


def test_one_of_two_subscriptions_is_a_contraction_and_an_upgrade_in_two_steps_one_expansion():
    at = [NOW + timedelta(minutes=m) for m in (0, 600, 630, 1300)]
    told = movements([Level("a", at[0], 300), Level("a", at[1], 0), Level("a", at[2], 500), Level("a", at[3], 200)])
    assert [(one.at, one.kind, one.amount) for one in told] == [
        (at[0], K.NEW, 300),
        (at[1], K.EXPANSION, 200),
        (at[3], K.CONTRACTION, 300),
    ]


def test_intervals_in_a_month_are_summed_before_they_are_rounded():
    lines = [Recurring(120, Interval.YEAR), Recurring(12, Interval.WEEK), Recurring(12, Interval.DAY), Recurring(30, count=3)]
    assert monthly(lines) == 10 + 52 + 365 + 10
    assert monthly([Recurring(5, Interval.YEAR)] * 3) == 1
    assert monthly([]) == 0
    assert yearly(7) == 84
    with pytest.raises(Invalid):
        monthly([Recurring(1, count=0)])


def test_rates():
    told = Bridge(1000, 50, 30, 100, 40, 60, 1080, customers_before=20, customers_lost=1)
    assert (told.customer_churn, told.gross_churn, told.net_churn) == (Fraction(1, 20), Fraction(1, 10), Fraction(-3, 100))
    assert (told.gross_retention, told.net_retention, told.quick_ratio) == (Fraction(9, 10), 1, Fraction(18, 10))
    empty = Bridge(0, 0, 0, 0, 0, 0, 0, 0, 0)
    assert {
        empty.customer_churn,
        empty.gross_churn,
        empty.net_churn,
        empty.gross_retention,
        empty.net_retention,
        empty.quick_ratio,
    } == {None}
