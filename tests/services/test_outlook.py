"""What is said about the day on which a line is reached: as sure as the past allows."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

from app.services import outlook
from models.domain import forecast
from models.domain.forecast import Day, Forecast

START = date(2026, 8, 1)
MOST = 1000.0
NOISE = (0, 9, -7, 4, -9, 6, -3, 8, -5, 2, -8)


def found(values: list[float]) -> Forecast:
    made = forecast.crossing([Day(START + timedelta(days=n), value) for n, value in enumerate(values)], MOST)
    assert isinstance(made, Forecast)
    assert made.back_test.trusted
    return made


def sentence(made: Forecast) -> str:
    return outlook._sentence(made, "memory", "full", MOST, 0, None)


def test_growth_that_speeds_up_may_come_earlier_but_nothing_says_later() -> None:
    made = found([100 + 0.05 * n * n for n in range(80)])
    assert made.earliest is not None
    assert made.crossing is not None
    assert made.earliest < made.crossing == made.latest
    assert sentence(made).endswith(f"on {_said(made.crossing)}, perhaps as early as {_said(made.earliest)}.")


def test_where_the_lower_edge_never_reaches_the_line_the_end_stays_open() -> None:
    made = found([600 + 1.2 * n + 5 * NOISE[n % len(NOISE)] for n in range(80)])
    assert made.crossing is not None
    assert made.latest is None
    assert sentence(made).endswith(f"on {_said(made.crossing)} ({_said(made.earliest)} or later).")


def test_errors_to_both_sides_give_a_span() -> None:
    made = found([100 + 8 * n + NOISE[n % len(NOISE)] for n in range(80)])
    assert made.earliest is not None
    assert made.crossing is not None
    assert made.latest is not None
    assert made.earliest < made.crossing < made.latest
    assert re.search(r"\(\d+ \w+ 20\d\d - \d+ \w+ 20\d\d\)\.$", sentence(made))


def test_a_straight_line_needs_no_span() -> None:
    made = found([100.0 + 8 * n for n in range(80)])
    assert sentence(made) == f"At this pace memory is full on {_said(made.crossing)}."


def test_the_forecast_begins_where_the_series_is_also_after_a_jump() -> None:
    made = found([100.0 + 2 * n + (150 if n >= 70 else 0) for n in range(80)])
    assert made.points[0].value == pytest.approx(made.last.value + 2)


def _said(day: date | None) -> str:
    assert day is not None
    return f"{day.day} {day:%B %Y}"
