"""What charts draw where, without a browser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import streamlit
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from app.services.figures import Line, Series
from app.ui import charts, numerals, scales
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
        fmt, a_series(0.2, 0.3), [charts.Curve("memory_request", "asked")], scales.PERCENT, thresholds=lines
    )
    drawn = option["series"][0]["markLine"]["data"]
    assert [one["yAxis"] for one in drawn] == [80, 70, round(loss * 100, 4)]
    assert drawn[2]["label"]["position"] == place


@pytest.mark.parametrize(
    ("names", "rows"), [(("In use", "Limit"), 1), (("Memory requested", "Memory in use", "CPU requested", "CPU in use"), 2)]
)
def test_names_of_curves_wrap_where_a_phone_has_no_room_and_the_chart_begins_below_them(names: tuple[str, ...], rows: int) -> None:
    option = charts.lines_option(
        formatter("en", "UTC"), a_series(0.2, 0.3), [charts.Curve("memory_request", name) for name in names], scales.PERCENT
    )
    assert option["legend"].get("type", "plain") == "plain", "nothing is behind an arrow"
    assert option["grid"]["top"] == 16 + 18 * rows


def test_an_indonesian_reader_sees_decimal_commas_on_axis_and_tooltip() -> None:
    option = charts.lines_option(
        formatter("id", "UTC"), a_series(0.2, 1234.5), [charts.Curve("memory_request", "diminta")], scales.CORES
    )
    value, said = option["yAxis"]
    assert (value["max"], value["interval"], value["axisLabel"]) == (1500.0, 500.0, {"show": False})
    assert said["data"] == ["0", "500", "1.000", "1.500"]
    (line,) = option["series"]
    assert [row[2] for row in line["data"]] == ["0,200", "1.234,500"]
    assert line["encode"] == {"x": 0, "y": 1, "tooltip": [2]}
    assert "valueFormatter" not in option["tooltip"]


@given(st.floats(1e-4, 1e7))
def test_words_stand_at_even_steps_from_zero_to_the_end_of_the_axis(top: float) -> None:
    value, said = numerals.axes("{value} GiB", Locale("id"), top)
    steps = value["max"] / value["interval"]
    assert steps == pytest.approx(len(said["data"]) - 1)
    assert len(said["data"]) <= 6
    assert value["max"] >= top * 0.999999
    read = [float(word.removesuffix(" GiB").replace(".", "").replace(",", ".")) for word in said["data"]]
    assert read == pytest.approx([n * value["interval"] for n in range(len(read))], abs=1e-8)


def test_english_charts_are_left_to_echarts() -> None:
    option = charts.lines_option(
        formatter("en", "UTC"), a_series(0.2, 0.3), [charts.Curve("memory_request", "asked")], scales.CORES
    )
    assert option["yAxis"]["type"] == "value"
    assert option["tooltip"]["valueFormatter"] == "%.3f"


def test_the_sign_of_a_dashed_line_is_dashed() -> None:
    curves = [
        charts.Curve("memory_request", "Requested", charts.CALM),
        charts.Curve("memory_request", "In use", charts.CALM, dashed=True),
    ]
    option = charts.lines_option(formatter("en", "UTC"), a_series(0.2, 0.3), curves, scales.CORES)
    solid, dashed = option["legend"]["data"]
    assert (solid, dashed["name"]) == ("Requested", "In use")
    assert dashed["icon"].startswith("path://")


@pytest.mark.parametrize(
    ("locale", "seconds", "thousandths"), [("en", "{value} s", "{value} ms"), ("id", "{value} dtk", "{value} mdtk")]
)
def test_an_axis_of_time_has_the_readers_words(locale: str, seconds: str, thousandths: str) -> None:
    say = formatter(locale, "UTC").say
    assert (scales.time_scale(say, 1.4).axis, scales.time_scale(say, 0.3).axis) == (seconds, thousandths)


@given(st.floats(1e-3, 1e7))
def test_an_axis_in_whole_steps_ends_little_above_what_it_shows(value: float) -> None:
    assert value * 0.999999 <= scales.whole_steps(value) <= value * 1.6


def test_an_axis_of_a_machine_of_8_gib_ends_at_8() -> None:
    assert scales.whole_steps(7.6 * 1.02) == 8


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_of_a_chart_are_darker_on_the_light_ground_only(monkeypatch: pytest.MonkeyPatch, theme: str) -> None:
    monkeypatch.setattr(streamlit, "context", SimpleNamespace(theme=SimpleNamespace(type=theme)))
    option = {"xAxis": {"type": "time"}, "yAxis": [{"axisLabel": {"show": False}}, {}], "legend": {"top": 0}, "series": []}
    made = charts.readable(option)
    colours = [made["xAxis"].get("axisLabel", {}).get("color"), *[one.get("axisLabel", {}).get("color") for one in made["yAxis"]]]
    assert set(colours) == ({charts.WORDS_ON_LIGHT} if theme == "light" else {None})
    assert ("textStyle" in made["legend"]) is (theme == "light")
    assert option["legend"] == {"top": 0}, "the option itself is left as it was"
