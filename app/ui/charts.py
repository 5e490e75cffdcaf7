"""The one module that makes charts. Live panels are ECharts options; a time without data stays a hole and is named.

Times are drawn in the reader's zone: each instant is moved by its offset and the axis is told that it is UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, cast

import streamlit as st

from app.services.figures import Gap, Mark, Series
from app.ui import numerals
from app.ui.format import Formatter
from app.ui.messages import Say
from app.ui.scales import Scale, rounded_up, scale_for

GOOD, WARN, BAD, UNKNOWN, CALM, MUTED, VIOLET = "#17966a", "#dd8b1c", "#d6455d", "#8b98a6", "#2f86d1", "#7f8d9b", "#8861d0"
STATE_COLOURS: Mapping[str, str] = {
    "healthy": GOOD,
    "starting": CALM,
    "crashing": BAD,
    "failed": BAD,
    "pending": WARN,
    "not_ready": WARN,
    "degraded": WARN,
    "stopping": MUTED,
    "stopped": MUTED,
    "finished": MUTED,
    "suspended": VIOLET,
    "unknown": UNKNOWN,
}
"""Middle tones that hold their contrast on the light and on the dark background."""
EDGE = 0.1
"""This part of an axis at each end is too near for words that stand in the middle of their place."""
SLOTS = 96
"""So many marks of a kind fit beside each other on a phone without lying upon each other."""
HATCH = "rgba(127,141,155,0.20)"
Option = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Curve:
    """How one line of a series looks. `divide` turns the stored unit into the one on the axis."""

    line: str
    label: str
    colour: str | None = None
    area: bool = False
    dashed: bool = False
    width: float = 2.0
    step: bool = False


@dataclass(frozen=True, slots=True)
class Threshold:
    """A horizontal line with its words. Dashed; a band up to `until` when that is given."""

    value: float
    label: str
    colour: str = MUTED
    until: float | None = None


def instant(at: datetime, fmt: Formatter) -> int:
    """Milliseconds that read as the reader's wall clock on an axis of UTC."""
    return int(fmt.local(at).replace(tzinfo=UTC).timestamp() * 1000)


def lines_option(
    fmt: Formatter,
    series: Series,
    curves: Sequence[Curve],
    scale: Scale,
    *,
    thresholds: Sequence[Threshold] = (),
    marks: Sequence[Mark] = (),
    legend: bool = True,
) -> Option:
    """Lines over one time axis, with the holes shaded, dashed thresholds and marks of what happened."""
    times = [instant(t, fmt) for t in series.times]
    drawn: list[Option] = [
        _curve(series, curve, times, scale) for curve in curves if any(ln.name == curve.line for ln in series.lines)
    ]
    if drawn:
        drawn[0]["markArea"] = _holes(series, fmt)
        drawn[0]["markLine"] = _lines(thresholds, scale, drawn)
    value_axis: Any = _value_axis(scale, thresholds, drawn)
    tooltip: Option = {"trigger": "axis", "valueFormatter": scale.pattern, "confine": True}
    if numerals.foreign(fmt.locale):
        values = [row[1] for one in drawn for row in one["data"] if row[1] is not None]
        top = value_axis.get("max") or max(values, default=1.0) or 1.0
        value_axis = numerals.axes(scale.axis, fmt.locale, top)
        del tooltip["valueFormatter"]
        for one in drawn:
            one["data"] = numerals.told(one["data"], scale.pattern, fmt.locale)
            one["encode"] = {"x": 0, "y": 1, "tooltip": [2]}
    option: Option = {
        "useUTC": True,
        "animation": False,
        "grid": {
            "top": 16 + 18 * _legend_rows(drawn, marks) if legend else 12,
            "left": 4,
            "right": 14,
            "bottom": 4 if not marks else 8,
            "containLabel": True,
        },
        "tooltip": tooltip,
        "xAxis": {
            "type": "time",
            "min": instant(series.since, fmt),
            "max": instant(series.until, fmt),
            "axisLine": {"show": False},
            "axisTick": {"show": False},
            "splitLine": {"show": False},
            "axisLabel": {"hideOverlap": True},
        },
        "yAxis": value_axis,
        "series": drawn,
    }
    if legend:
        option["legend"] = {"top": 0, "left": 0, "icon": "roundRect", "itemHeight": 8, "itemWidth": 14}
        if any(one["lineStyle"]["type"] == "dashed" for one in drawn):
            option["legend"]["data"] = [*map(_entry, drawn), *([fmt.say.text("chart.happened")] if marks else [])]
    if marks:
        option["series"].append(_marks(marks, series, fmt))
    return option


_DASH = "path://M0 0h6v3h-6z M9 0h6v3h-6z"


def _entry(drawn: Option) -> Any:
    """Of the legend: a dashed line has a dashed sign, for two of one colour are told apart by nothing else."""
    return {"name": drawn["name"], "icon": _DASH} if drawn["lineStyle"]["type"] == "dashed" else drawn["name"]


PHONE = 290
"""Pixels that a legend has on a phone."""


def _legend_rows(drawn: Sequence[Option], marks: Sequence[Mark]) -> int:
    """Rows that the legend needs on a phone: it wraps there, for what is behind an arrow is not seen."""
    widths = [34 + 6 * len(str(line["name"])) for line in drawn] + ([80] if marks else [])
    rows, left = 1, PHONE
    for width in widths:
        if width > left:
            rows, left = rows + 1, PHONE
        left -= width
    return rows


def _curve(series: Series, curve: Curve, times: Sequence[int], scale: Scale) -> Option:
    values = series.line(curve.line).values
    found: Option = {
        "type": "line",
        "name": curve.label,
        "data": [[t, None if v is None else round(v / scale.divide, 5)] for t, v in zip(times, values, strict=True)],
        "showSymbol": _lonely(values),
        "symbolSize": 3,
        "connectNulls": False,
        "lineStyle": {"width": curve.width, "type": "dashed" if curve.dashed else "solid"},
        "emphasis": {"disabled": True},
    }
    if curve.step:
        found["step"] = "end"
    if curve.colour:
        found["itemStyle"] = {"color": curve.colour}
        found["lineStyle"]["color"] = curve.colour
    if curve.area:
        found["areaStyle"] = {"opacity": 0.12}
    return found


def _lonely(values: Sequence[float | None]) -> bool:
    """Whether points stand alone between holes: a line of one point is invisible without its symbol."""
    known = [v is not None for v in values]
    pairs = any(a and b for a, b in pairwise(known))
    return any(known) and not pairs


def _holes(series: Series, fmt: Formatter) -> Option:
    label = fmt.say.text("chart.not_collected")
    widest = max(series.gaps, key=lambda g: g.end - g.start, default=None)
    return {
        "silent": True,
        "itemStyle": {"color": HATCH, "borderColor": MUTED, "borderType": "dashed", "borderWidth": 0.6},
        "label": {"color": MUTED, "fontSize": 10, "position": "insideBottom"},
        "data": [
            [
                {
                    "xAxis": instant(g.start, fmt),
                    "name": label if g is widest else "",
                    "label": {"position": _inward(g, series)},
                },
                {"xAxis": instant(g.end, fmt)},
            ]
            for g in series.gaps
        ],
    }


def _inward(gap: Gap, series: Series) -> str:
    """Where the words of a hole stand, so that the edge of the chart does not cut them."""
    middle = (gap.start + (gap.end - gap.start) / 2 - series.since) / (series.until - series.since)
    return "insideBottomLeft" if middle < EDGE else "insideBottomRight" if middle > 1 - EDGE else "insideBottom"


def _lines(thresholds: Sequence[Threshold], scale: Scale, drawn: Sequence[Option]) -> Option:
    low = EDGE * float(_value_axis(scale, thresholds, drawn).get("max", 0.0))
    return {
        "silent": True,
        "symbol": "none",
        "label": {"position": "insideEndTop", "fontSize": 10, "color": "inherit"},
        "data": [
            {
                "yAxis": round(t.value / scale.divide, 4),
                "name": t.label,
                "label": {"formatter": "{b}", "position": _place(i, t.value / scale.divide < low)},
                "lineStyle": {"type": "dashed", "color": t.colour, "width": 1.4},
            }
            for i, t in enumerate(thresholds)
        ],
    }


_PLACES = ("insideEndTop", "insideStartTop", "insideEndBottom")
"""Labels of lines that lie close to each other stand apart."""


def _place(number: int, on_the_axis: bool) -> str:
    """Of the words of a line; below one that lies on the axis there is no room for them."""
    place = _PLACES[number % len(_PLACES)]
    return place.replace("Bottom", "Top") if on_the_axis else place


def _value_axis(scale: Scale, thresholds: Sequence[Threshold], drawn: Sequence[Option]) -> Option:
    axis: Option = {"type": "value", "min": 0, "splitNumber": 4, "axisLabel": {"formatter": scale.axis}}
    if scale.top is not None:
        return {**axis, "max": scale.top}
    if thresholds:  # a line above all data would otherwise be cut away
        data = [v for line in drawn for _, v in line["data"] if v is not None]
        axis["max"] = rounded_up(max([t.value / scale.divide for t in thresholds] + data) * 1.04)
    return axis


MARKS: Mapping[str, tuple[str, str]] = {
    "restart": ("triangle", WARN),
    "oom": ("diamond", BAD),
    "event": ("circle", CALM),
    "state": ("rect", MUTED),
}


def gathered(marks: Sequence[Mark], since: datetime, until: datetime) -> list[tuple[Mark, int]]:
    """Marks of one kind that would lie upon each other as one, with how many times it happened; oldest first."""
    width = (until - since) / SLOTS
    found: dict[tuple[str, int], tuple[Mark, int]] = {}
    for mark in sorted(marks, key=lambda m: m.at):
        place = (mark.kind, int((mark.at - since) / width))
        first, count = found.get(place, (mark, 0))
        found[place] = (first, count + mark.count)
    return sorted(found.values(), key=lambda one: one[0].at)


def _marks(marks: Sequence[Mark], series: Series, fmt: Formatter) -> Option:
    """What happened, on the line of zero; the tooltip of each says it in words."""
    return {
        "type": "scatter",
        "name": fmt.say.text("chart.happened"),
        "symbolSize": 11,
        "itemStyle": {"color": WARN},
        "z": 5,
        "data": [
            {
                "value": [instant(m.at, fmt), 0],
                "name": m.text if count == 1 else f"{count} × {m.text}",
                "symbol": MARKS.get(m.kind, MARKS["event"])[0],
                "itemStyle": {"color": MARKS.get(m.kind, MARKS["event"])[1]},
            }
            for m, count in gathered(marks, series.since, series.until)
        ],
        "tooltip": {"trigger": "item", "formatter": "{b}"},
    }


def lines(
    fmt: Formatter, series: Series, curves: Sequence[Curve], *, key: str, alt: str, unit: str, height: int = 260, **look: Any
) -> None:
    """Draw `curves` of `series` in the place that `key` keeps over reruns."""
    scale = look.pop("scale", None) or scale_for(fmt.say, series, [c.line for c in curves], unit)
    draw(lines_option(fmt, series, curves, scale, **look), key=key, alt=alt, height=height)


def utilization_curves(say: Say) -> tuple[Curve, ...]:
    """Requests and use of memory and CPU, as shares; the thin line stays visible on the thick one where both are the same."""
    return (
        Curve("memory_request", say.text("curve.memory_request"), CALM, area=True, width=3.5),
        Curve("memory_use", say.text("curve.memory_use"), CALM, dashed=True, width=1.5),
        Curve("cpu_request", say.text("curve.cpu_request"), GOOD, area=True, width=1.5),
        Curve("cpu_use", say.text("curve.cpu_use"), GOOD, dashed=True, width=1.5),
    )


def sale_lines(fmt: Formatter, low: float, high: float, loss: float | None) -> tuple[Threshold, ...]:
    """The band of the business and the line that the loss of a node draws, as shares."""
    say = fmt.say
    lines = [
        Threshold(high, say.text("line.high", share=fmt.percent(high)), BAD),
        Threshold(low, say.text("line.low", share=fmt.percent(low)), MUTED),
    ]
    if loss is not None:
        lines.append(Threshold(loss, say.text("line.loss", share=fmt.percent(loss, 1)), WARN))
    return tuple(lines)


WORDS_ON_LIGHT = "#4f5b68"
"""The theme's own grey for the words of a chart has a contrast of 3 on white; on the dark ground its words are nearly white."""


def readable(option: Mapping[str, Any]) -> Option:
    """The option with words that can be read on the reader's ground."""
    if st.context.theme.type != "light":
        return dict(option)

    def told(axis: Option) -> Option:
        return {**axis, "axisLabel": {"color": WORDS_ON_LIGHT, **axis.get("axisLabel", {})}}

    made = {**option}
    for name in ("xAxis", "yAxis"):
        if name in made:
            made[name] = [told(one) for one in made[name]] if isinstance(made[name], list) else told(made[name])
    if "legend" in made:
        made["legend"] = {**made["legend"], "textStyle": {"color": WORDS_ON_LIGHT}}
    return made


def draw(option: Mapping[str, Any], *, key: str, alt: str, height: int = 260) -> None:
    """An option that does not answer clicks."""
    st.echarts_chart(readable(option), key=key, height=height, alt=alt)


def choose(option: Mapping[str, Any], *, key: str, alt: str, height: int) -> tuple[int, int] | None:
    """An option that does: number of the series and of the datum in it that was chosen."""
    event = cast(Any, st.echarts_chart(readable(option), key=key, height=height, alt=alt, on_select="rerun"))
    for group in event.selection.selected:
        if group["data_indices"]:
            return int(group["series_index"]), int(group["data_indices"][0])
    return None
