"""Who uses most: one bar an organization, requests behind use."""

from __future__ import annotations

from collections.abc import Sequence

from app.services.overview import Consumer
from app.ui import charts, layout, navigation, state
from app.ui.gate import Viewer

GIBI = 1024.0**3


def option(viewer: Viewer, rows: Sequence[Consumer]) -> charts.Option:
    """Horizontal bars, largest on top; trouble colours the bar."""
    say = viewer.say
    names = [r.organization or say.text("word.unowned") for r in rows]
    asked = [{"value": round(r.memory_requested / GIBI, 3), "itemStyle": {"color": charts.HATCH}} for r in rows]
    used = [
        {
            "value": None if r.memory_used is None else round(r.memory_used / GIBI, 3),
            "itemStyle": {"color": charts.BAD if r.trouble else charts.UNKNOWN if r.organization_id is None else charts.CALM},
        }
        for r in rows
    ]
    bar = {"type": "bar", "barWidth": 11, "emphasis": {"disabled": True}, "selectedMode": "single"}
    return {
        "animation": False,
        "grid": {"top": 4, "left": 4, "right": 18, "bottom": 4, "containLabel": True},
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "shadow"}, "valueFormatter": "%.2f GiB", "confine": True},
        "xAxis": {"type": "value", "axisLabel": {"formatter": "{value} GiB"}, "splitNumber": 3},
        "yAxis": {
            "type": "category", "inverse": True, "data": names, "axisTick": {"show": False}, "axisLine": {"show": False},
            "axisLabel": {"width": 130, "overflow": "truncate"},
        },
        "series": [
            {**bar, "name": say.text("consumers.requested"), "data": asked},
            {**bar, "name": say.text("consumers.used"), "data": used, "barGap": "-100%"},
        ],
    }  # fmt: skip


def show(viewer: Viewer, rows: Sequence[Consumer]) -> None:
    """The bars; a click opens the organization."""
    if not rows:
        layout.empty(viewer, "consumers.empty")
        return
    chosen = charts.choose(
        option(viewer, rows), key="consumers_chart", alt=viewer.say.text("consumers.alt"), height=30 + 26 * len(rows)
    )
    before = state.seen("consumers_chart", rows)
    if chosen is None or chosen[1] >= len(before):
        return
    organization = before[chosen[1]].organization_id
    if organization is None:
        navigation.go("mapping")
    navigation.go("organization", id=organization)
