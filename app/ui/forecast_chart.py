"""The chart of Capacity: what was asked for each day, where it goes, and the lines that it meets."""

from __future__ import annotations

from datetime import UTC, date, datetime

from app.services.capacity import Outlook, ResourceState
from app.ui import charts, scales
from app.ui.gate import Viewer


def scale(outlook: Outlook) -> scales.Scale:
    if outlook.unit == "B":
        return scales.memory_scale(outlook.line)
    return scales.CORES if outlook.unit == "cores" else scales.Scale(1, "{value}", "%.0f")


def option(viewer: Viewer, outlook: Outlook, resource: ResourceState) -> charts.Option:
    """History as a line, the forecast dashed inside its band, thresholds dashed across."""
    say, unit = viewer.say, scale(outlook)
    points, *others = (
        [
            [charts.instant(t, viewer.format), None if v is None else round(v / unit.divide, 4)]
            for t, v in zip(outlook.history.times, line.values, strict=True)
        ]
        for line in outlook.history.lines
    )
    days = [_noon(day) for day in outlook.forecast_dates]
    low = [round(max(0.0, v) / unit.divide, 4) for v in outlook.low]
    high = [round(max(0.0, v) / unit.divide, 4) for v in outlook.high]
    ahead = [round(v / unit.divide, 4) for v in outlook.forecast]
    band = {"type": "line", "stack": "band", "showSymbol": False, "lineStyle": {"opacity": 0}, "silent": True}
    thresholds = [
        (resource.allocatable.value, say.text("line.allocatable"), charts.BAD),
        (resource.sale_line.value, say.text("line.sale"), charts.MUTED),
        (resource.safe_line.value, say.text("line.safe"), charts.WARN),
    ]
    tallest = max([v or 0 for v, _, _ in thresholds] + [p[1] * unit.divide for p in points if p[1] is not None])
    return {
        "useUTC": True,
        "animation": False,
        "grid": {"top": 46, "left": 4, "right": 14, "bottom": 4, "containLabel": True},
        "legend": {
            "top": 0, "left": 0, "icon": "roundRect", "itemHeight": 8, "itemWidth": 14,
            "data": [
                say.text("curve.asked"), *[say.text("curve.used") for _ in others], say.text("curve.forecast"), say.text("curve.band"),
            ],
        },
        "tooltip": {"trigger": "axis", "valueFormatter": unit.pattern, "confine": True},
        "xAxis": {"type": "time", "splitLine": {"show": False}, "axisLabel": {"hideOverlap": True}},
        "yAxis": {
            "type": "value", "min": 0, "max": scales.rounded_up(tallest / unit.divide * 1.1), "splitNumber": 4,
            "axisLabel": {"formatter": unit.axis},
        },
        "series": [
            {
                "type": "line", "name": say.text("curve.asked"), "data": points, "showSymbol": False, "connectNulls": False,
                "itemStyle": {"color": charts.CALM}, "lineStyle": {"width": 2, "color": charts.CALM}, "areaStyle": {"opacity": 0.1},
                "markLine": {
                    "silent": True, "symbol": "none",
                    "data": [
                        {
                            "yAxis": round(v / unit.divide, 4), "name": label,
                            "label": {"formatter": "{b}", "position": "insideStartTop", "fontSize": 10, "color": colour},
                            "lineStyle": {"type": "dashed", "color": colour, "width": 1.4},
                        }
                        for v, label, colour in thresholds if v is not None
                    ],
                },
            },
            *(
                {
                    "type": "line", "name": say.text("curve.used"), "data": used, "showSymbol": False, "connectNulls": False,
                    "itemStyle": {"color": charts.GOOD}, "lineStyle": {"width": 1.5, "color": charts.GOOD},
                }
                for used in others
            ),
            {
                "type": "line", "name": say.text("curve.forecast"), "showSymbol": False,
                "data": [list(p) for p in zip(days, ahead, strict=True)],
                "itemStyle": {"color": charts.VIOLET}, "lineStyle": {"type": "dashed", "width": 2, "color": charts.VIOLET},
            },
            {**band, "data": [list(p) for p in zip(days, low, strict=True)], "tooltip": {"show": False}},
            {
                **band, "name": say.text("curve.band"),
                "data": [[d, round(h - lo, 4)] for d, h, lo in zip(days, high, low, strict=True)],
                "itemStyle": {"color": charts.VIOLET}, "areaStyle": {"color": charts.VIOLET, "opacity": 0.16},
                "tooltip": {"show": False},
            },
        ],
    }  # fmt: skip


def _noon(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp() * 1000)


def show(viewer: Viewer, outlook: Outlook, resource: ResourceState) -> None:
    charts.draw(option(viewer, outlook, resource), key="forecast", alt=viewer.say.text("forecast.alt"), height=320)
