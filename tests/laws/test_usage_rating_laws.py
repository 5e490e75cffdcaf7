"""Laws of usage that is charged."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain.errors import Conflict, Invalid
from models.domain.periods import Anchor, period, period_at
from models.domain.usage_rating import (
    GIB,
    LATENESS,
    Held,
    Meter,
    Price,
    Reading,
    charged_in,
    closes,
    cost,
    held,
    projected,
    rated,
    so_far,
)

quick = settings(deadline=None, max_examples=60)
ANCHOR = Anchor(date(2026, 1, 31), "UTC")
START = datetime(2026, 1, 31, tzinfo=UTC)
FREE = Price(Fraction(0))


@st.composite
def readings(draw):
    hours = draw(st.lists(st.tuples(st.integers(0, 24 * 150), st.integers(0, 24 * 60)), max_size=20))
    return [
        Reading(f"r{n}", START + timedelta(hours=at), START + timedelta(hours=at + lag), draw(st.integers(0, 10**12)))
        for n, (at, lag) in enumerate(hours)
    ]


@quick
@given(readings())
def test_every_reading_is_charged_once_and_all_of_them_come_to_what_was_used(told):
    charges = [rated("itm", Meter.EGRESS, FREE, told, ANCHOR, index, START + timedelta(days=999)) for index in range(12)]
    assert sum(one.used for one in charges) == sum(one.amount for one in told)
    assert len({one.key for one in charges}) == 12
    for one in told:
        index = charged_in(ANCHOR, one)
        assert one.arrived < closes(period(ANCHOR, index))
        own = period_at(ANCHOR, one.at).index
        assert index >= own
        assert index == own or one.arrived >= closes(period(ANCHOR, index - 1))


@quick
@given(readings(), st.integers(0, 4))
def test_what_is_known_when_a_period_closes_is_all_of_its_charge(told, index):
    """A run that comes later, and knows more, charges the same; so does one that reads everything twice."""
    now = closes(period(ANCHOR, index))
    known = [one for one in told if one.arrived < now]
    charge = rated("itm", Meter.EGRESS, FREE, known, ANCHOR, index, now)
    assert charge == rated("itm", Meter.EGRESS, FREE, told + told, ANCHOR, index, now + timedelta(days=400))
    assert charge.late == sum(
        one.amount for one in known if charged_in(ANCHOR, one) == index and one.at < period(ANCHOR, index).start
    )
    with pytest.raises(Conflict, match="not complete yet"):
        rated("itm", Meter.EGRESS, FREE, told, ANCHOR, index, now - timedelta(seconds=1))


@quick
@given(readings(), st.integers(0, 200))
def test_a_reading_that_is_told_again_later_is_charged_as_it_came_first(told, days):
    again = [replace(one, arrived=one.arrived + timedelta(days=days)) for one in told]
    charges = [rated("itm", Meter.EGRESS, FREE, again + told, ANCHOR, index, START + timedelta(days=999)) for index in range(20)]
    assert charges == [rated("itm", Meter.EGRESS, FREE, told, ANCHOR, index, START + timedelta(days=999)) for index in range(20)]


@quick
@given(st.integers(0, 10**15), st.integers(0, 10**15), st.fractions(0, 1000, max_denominator=1000))
def test_what_is_included_costs_nothing_and_the_rest_is_rounded_once(used, included, per_unit):
    told = [Reading("a", START, START, used // 2), Reading("b", START, START, used - used // 2)]
    charge = rated("itm", Meter.EGRESS, Price(per_unit, included), told, ANCHOR, 0, START + timedelta(days=99))
    assert charge.billable == max(0, used - included)
    assert abs(charge.amount - Fraction(charge.billable, GIB) * per_unit) <= Fraction(1, 2)
    assert charge == so_far("itm", Meter.EGRESS, Price(per_unit, included), told, ANCHOR, 0)


@quick
@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**6), min_size=2, max_size=8).map(sorted), st.integers(-(10**5), 10**6))
def test_storage_is_size_times_time_in_whatever_pieces(size, cuts, from_):
    at = [START + timedelta(seconds=second) for second in cuts]
    start, end = START + timedelta(seconds=from_), START + timedelta(seconds=from_ + 40000)
    pieces = held([Held(size, a, b) for a, b in pairwise(at)], start, end)
    assert pieces == held([Held(size, at[0], at[-1])], start, end)
    middle = start + timedelta(seconds=12345)
    assert pieces == sum(held([Held(size, at[0], at[-1])], a, b) for a, b in ((start, middle), (middle, end)))
    assert held([Held(size, start)], start, end) == held([Held(size, start, end)], start, end) == size * 40000


def test_units_that_are_sold():
    hour = 3600
    assert cost(2000 * 10 * hour, Meter.CPU, Fraction(150)) == 3000  # two cores for ten hours
    assert cost(4 * GIB * 10 * hour, Meter.MEMORY, Fraction(25)) == 1000
    assert cost(5 * GIB * 720 * hour, Meter.STORAGE, Fraction(5, 2)) == 9000
    assert cost(3 * GIB // 2, Meter.EGRESS, Fraction(1)) == 2  # a half goes away from zero


def test_one_that_is_late_is_told_so_on_the_charge_it_comes_with():
    whole = period(ANCHOR, 0)
    at = whole.end - timedelta(hours=1)
    in_time, late = Reading("a", at, whole.end + LATENESS - timedelta(seconds=1), 7), Reading("b", at, whole.end + LATENESS, 5)
    charges = [rated("i", Meter.EGRESS, FREE, [in_time, late], ANCHOR, index, START + timedelta(days=99)) for index in (0, 1)]
    assert [(one.used, one.late, one.key) for one in charges] == [(7, 0, "i:egress:0"), (5, 5, "i:egress:1")]


def test_without_measurement_nothing_is_billable_and_it_is_said():
    charge = rated("i", Meter.EGRESS, Price(Fraction(9)), [], ANCHOR, 0, START + timedelta(days=99), measured=False)
    assert (charge.amount, charge.measured) == (0, False)


def test_what_a_period_comes_to():
    whole = period(ANCHOR, 0)
    halfway = whole.start + (whole.end - whole.start) / 2
    assert projected(10 * GIB, Meter.EGRESS, Price(Fraction(100), 5 * GIB), whole, halfway) == 1500
    assert projected(10 * GIB, Meter.EGRESS, Price(Fraction(100)), whole, whole.start) == 0
    assert projected(10 * GIB, Meter.EGRESS, Price(Fraction(100)), whole, whole.end + timedelta(days=9)) == 1000


def test_what_cannot_be():
    with pytest.raises(Invalid):
        Price(Fraction(-1))
    with pytest.raises(Invalid):
        Reading("a", START, START, -1)
