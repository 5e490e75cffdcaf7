"""What is called live on a page."""

from datetime import timedelta

from app.news import fresh_for


def test_late_is_what_is_older_than_three_ticks_but_never_less_than_ninety_seconds():
    assert fresh_for(timedelta(seconds=10)) == timedelta(seconds=90)
    assert fresh_for(timedelta(minutes=10)) == timedelta(minutes=30)
