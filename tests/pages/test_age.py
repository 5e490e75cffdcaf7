"""What is called live on a page, and how times of answers read."""

from datetime import UTC, datetime, timedelta

import pytest

from app.news import fresh_for
from app.ui.format import formatter


def test_late_is_what_is_older_than_three_ticks_but_never_less_than_ninety_seconds():
    assert fresh_for(timedelta(seconds=10)) == timedelta(seconds=90)
    assert fresh_for(timedelta(minutes=10)) == timedelta(minutes=30)


@pytest.mark.parametrize(
    ("zone", "name"),
    [("Asia/Jakarta", "WIB"), ("Europe/Berlin", "CET"), ("America/Sao_Paulo", "UTC−3"), ("Asia/Kathmandu", "UTC+5:45")],
)
def test_a_clock_says_of_which_zone_it_is(zone: str, name: str):
    assert formatter("en", zone).zone_name(datetime(2026, 11, 29, tzinfo=UTC)) == name


def test_times_of_answers_keep_the_decimals_that_matter():
    english, indonesian = formatter("en", "UTC"), formatter("id", "Asia/Jakarta")
    shown = [english.latency(seconds) for seconds in (None, 0.312, 1.06, 9.5, 12.4)]
    assert shown == [english.duration(None), "312 ms", "1.06 s", "9.5 s", "12 s"]
    assert indonesian.latency(1.06).startswith("1,06")
