"""Laws of billing periods."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain import periods
from models.domain.errors import Invalid
from models.domain.periods import Anchor, Cadence, aligned, anchored, begins, boundary, due, local_day, period, period_at, resumed

quick = settings(deadline=None, max_examples=60)
ZONES = [
    "Asia/Jakarta",
    "Asia/Jayapura",
    "Europe/Berlin",
    "America/New_York",
    "Pacific/Kiritimati",
    "Asia/Beirut",
    "America/Santiago",
    "UTC",
]
days = st.dates(date(2015, 1, 1), date(2035, 12, 31))
anchors = st.builds(Anchor, days, st.sampled_from(ZONES), st.sampled_from(Cadence))
moments = st.integers(0, 25 * 366 * 86400).map(lambda seconds: datetime(2015, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))


@quick
@given(anchors, st.integers(0, 40))
def test_periods_follow_without_gap_or_overlap_and_each_comes_from_the_anchor_alone(anchor, index):
    here, after = period(anchor, index), period(anchor, index + 1)
    assert here.start < here.end == after.start
    assert (here.after, here.index) == (after.first, index)
    months = (here.first.year - anchor.day.year) * 12 + here.first.month - anchor.day.month
    assert months == index * anchor.cadence.months
    assert here.first.day == min(anchor.day.day, calendar.monthrange(here.first.year, here.first.month)[1])


@quick
@given(anchors, st.integers(0, 40))
def test_a_boundary_is_the_first_instant_of_its_local_day(anchor, index):
    start = period(anchor, index).start
    assert local_day(start, anchor.zone) == boundary(anchor, index)
    assert local_day(start - timedelta(seconds=1), anchor.zone) == boundary(anchor, index) - timedelta(days=1)
    assert start.tzinfo is UTC


@quick
@given(anchors, moments)
def test_the_period_of_a_moment_holds_it_and_is_the_last_that_is_due(anchor, at):
    if at < begins(anchor.day, anchor.zone):
        assert due(anchor, 0, at) == []
        with pytest.raises(Invalid):
            period_at(anchor, at)
        return
    found = period_at(anchor, at)
    assert at in found
    missed = due(anchor, 0, at)
    assert [one.index for one in missed] == list(range(found.index + 1))
    assert missed[-1] == found
    assert all(a.end == b.start for a, b in pairwise(missed))
    assert due(anchor, found.index + 1, at) == []


@quick
@given(anchors, st.lists(st.integers(0, 200), min_size=1, max_size=6))
def test_many_short_runs_make_due_what_one_long_one_does(anchor, steps):
    now, index, seen = begins(anchor.day, anchor.zone), 0, []
    for step in steps:
        now += timedelta(days=step)
        emitted = due(anchor, index, now)
        seen += emitted
        index += len(emitted)
        assert due(anchor, index, now - timedelta(days=40)) == []
    assert seen == due(anchor, 0, now)


@quick
@given(anchors, st.integers(0, 12), st.integers(0, 400))
def test_nothing_is_due_from_the_end_on(anchor, index, later):
    end = period(anchor, index).start
    assert [one.index for one in due(anchor, 0, end + timedelta(days=later), until=end)] == list(range(index))


@pytest.mark.parametrize(
    ("anchor", "cadence", "expected"),
    [
        (date(2023, 1, 31), Cadence.MONTH, ["2023-01-31", "2023-02-28", "2023-03-31", "2023-04-30", "2023-05-31"]),
        (date(2024, 1, 31), Cadence.MONTH, ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31"]),
        (date(2024, 2, 29), Cadence.YEAR, ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]),
        (date(2024, 11, 30), Cadence.MONTH, ["2024-11-30", "2024-12-30", "2025-01-30", "2025-02-28", "2025-03-30"]),
    ],
)
def test_month_ends(anchor, cadence, expected):
    """Case 1 of the reference: Stripe's billing cycle."""
    assert [str(boundary(Anchor(anchor, cadence=cadence), k)) for k in range(5)] == expected


@pytest.mark.parametrize(
    ("first", "day", "expected"),
    [
        (date(2012, 2, 16), 30, date(2012, 2, 29)),
        (date(2012, 1, 31), 30, date(2012, 2, 29)),
        (date(2012, 2, 16), 14, date(2012, 3, 14)),
        (date(2012, 12, 16), 14, date(2013, 1, 14)),
        (date(2012, 2, 14), 14, date(2012, 2, 14)),
    ],
)
def test_first_cycle_dates(first, day, expected):
    """Case 2 of the reference: Kill Bill's TestInAdvanceBillingIntervalDetail."""
    assert aligned(first, day) == expected


def test_a_day_of_the_month_survives_a_first_period_in_february():
    anchor = Anchor(aligned(date(2012, 2, 16), 30), day_of_month=30)
    assert [str(boundary(anchor, k)) for k in range(3)] == ["2012-02-29", "2012-03-30", "2012-04-30"]
    with pytest.raises(Invalid):
        Anchor(date(2012, 2, 16), day_of_month=30)
    with pytest.raises(Invalid):
        aligned(date(2012, 2, 16), 32)


def test_a_sign_up_late_in_the_evening_in_utc_is_anchored_on_the_local_day():
    at = datetime(2026, 1, 31, 18, 30, tzinfo=UTC)
    assert anchored(at).day == date(2026, 2, 1)
    assert anchored(at, "UTC").day == date(2026, 1, 31)
    assert period(anchored(at), 0).start == datetime(2026, 1, 31, 17, tzinfo=UTC)


def test_a_period_with_a_change_of_the_clock_is_an_hour_shorter_or_longer():
    march = period(Anchor(date(2026, 3, 1), "Europe/Berlin"), 0)
    october = period(Anchor(date(2026, 10, 1), "Europe/Berlin"), 0)
    assert (march.days, march.seconds) == (31, 31 * 86400 - 3600)
    assert (october.days, october.seconds) == (31, 31 * 86400 + 3600)


def test_a_day_whose_midnight_is_skipped_begins_with_the_change():
    assert begins(date(2018, 11, 4), "America/Sao_Paulo") == datetime(2018, 11, 4, 3, tzinfo=UTC)
    assert local_day(begins(date(2018, 11, 4), "America/Sao_Paulo"), "America/Sao_Paulo") == date(2018, 11, 4)


def test_a_return_keeps_the_days_unless_a_whole_period_passed():
    anchor = Anchor(date(2026, 1, 31), "UTC")
    in_time, late = datetime(2026, 3, 30, 23, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC)
    assert resumed(anchor, 1, in_time) == (anchor, 1)
    assert resumed(anchor, 1, late) == (Anchor(date(2026, 3, 31), "UTC"), 0)


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../etc/passwd", "Asia"])
def test_what_is_no_zone_is_refused(zone):
    with pytest.raises(Invalid, match="no time zone"):
        Anchor(date(2026, 1, 1), zone)


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="no time zone"):
        due(Anchor(date(2026, 1, 1)), 0, datetime(2026, 2, 1))  # noqa: DTZ001
    assert periods.MOST_AT_ONCE == 3


def test_a_period_is_due_at_its_first_second_and_not_before():
    anchor = Anchor(date(2026, 1, 31), "UTC")
    assert [one.index for one in due(anchor, 1, datetime(2026, 2, 28, tzinfo=UTC))] == [1]
    assert due(anchor, 1, datetime(2026, 2, 27, 23, 59, 59, tzinfo=UTC)) == []
