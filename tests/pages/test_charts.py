"""What charts draw where, without a browser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.services.figures import Line, Series
from app.ui import charts
from app.ui.format import formatter

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def a_series(*values: float) -> Series:
    step = timedelta(minutes=5)
    times = tuple(NOW + step * n for n in range(len(values)))
    return Series(NOW, times[-1], step, times, (Line("memory_request", "share", values),), NOW, "", "")


@pytest.mark.parametrize(("loss", "place"), [(0.0, "insideEndTop"), (0.02, "insideEndTop"), (0.667, "insideEndBottom")])
def test_words_of_a_line_on_the_axis_stand_above_it(loss: float, place: str) -> None:
    fmt = formatter("en", "UTC")
    lines = charts.sale_lines(fmt, 0.7, 0.8, loss)
    option = charts.lines_option(
        fmt, a_series(0.2, 0.3), [charts.Curve("memory_request", "asked")], charts.PERCENT, thresholds=lines
    )
    drawn = option["series"][0]["markLine"]["data"]
    assert [one["yAxis"] for one in drawn] == [80, 70, round(loss * 100, 4)]
    assert drawn[2]["label"]["position"] == place


@pytest.mark.parametrize(
    ("names", "rows"), [(("In use", "Limit"), 1), (("Memory asked for", "Memory in use", "CPU asked for", "CPU in use"), 2)]
)
def test_names_of_curves_wrap_where_a_phone_has_no_room_and_the_chart_begins_below_them(names: tuple[str, ...], rows: int) -> None:
    option = charts.lines_option(
        formatter("en", "UTC"), a_series(0.2, 0.3), [charts.Curve("memory_request", name) for name in names], charts.PERCENT
    )
    assert option["legend"].get("type", "plain") == "plain", "nothing is behind an arrow"
    assert option["grid"]["top"] == 16 + 18 * rows
