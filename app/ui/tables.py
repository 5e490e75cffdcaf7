"""Tables: the columns that decide, sortable by value, opened by row, taken away as CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar, cast

import polars as pl
import streamlit as st

from app.ui import layout, navigation, state
from app.ui.format import NOTHING
from app.ui.gate import Viewer

Row = TypeVar("Row")
Kind = Literal[
    "text", "integer", "whole", "number", "mebibytes", "gibibytes", "cores", "share", "moment", "day", "state", "seconds", "flag"
]
MEBI, GIBI = 1024.0**2, 1024.0**3
_DIVIDE: Mapping[str, float] = {"mebibytes": MEBI, "gibibytes": GIBI, "share": 0.01}
_TYPES: Mapping[str, Any] = {
    "integer": pl.Int64,
    "whole": pl.Float64,
    "number": pl.Float64,
    "mebibytes": pl.Float64,
    "gibibytes": pl.Float64,
    "cores": pl.Float64,
    "share": pl.Float64,
    "seconds": pl.Float64,
    "moment": pl.Datetime("us", "UTC"),
    "day": pl.Datetime("us", "UTC"),
    "flag": pl.Boolean,
}
_WIDTHS: Mapping[str, int] = {"moment": 142, "day": 100, "share": 116}
"""Widths of kinds whose heading or first row says too little about the others."""
_CHIPS = {
    "green": ("healthy", "ready", "done", "active", "live", "up", "sent", "delivered", "on_sale"),
    "red": ("crashing", "failed", "not_ready_node", "failing", "down", "critical", "blocked"),
    "orange": ("pending", "held", "withheld", "not_ready", "late", "waiting", "warning", "on_hold", "cordoned", "degraded"),
    "blue": ("starting", "running", "provisioning", "queued", "working"),
    "violet": ("suspended",),
}


MOST_WHOLE = 15
"""So many rows are shown without scrolling inside the table."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, how a row gives its value (in base units), and how it is shown."""

    name: str
    label: str
    value: Callable[[Any], Any]
    kind: Kind = "text"
    width: int | None = None
    help: str | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """Where a row leads: a page of the registry with its parameters."""

    page: str
    parameters: Callable[[Any], Mapping[str, str]]


def show(
    viewer: Viewer,
    rows: Sequence[Row],
    columns: Sequence[Column],
    *,
    key: str,
    alt: str,
    opening: Opening | None = None,
    empty: str = "table.empty",
    height: int | None = None,
) -> None:
    """Draw the rows, or the next step when there are none. The CSV holds the same rows in base units, with times in UTC."""
    if not rows:
        layout.empty(viewer, empty)
        return
    frame = {c.name: pl.Series(c.name, [_shown(viewer, c, r) for r in rows], dtype=_dtype(c), strict=False) for c in columns}
    config: dict[str, Any] = {c.name: _config(viewer, c, rows) for c in columns}
    if opening is not None:
        frame = {"open": pl.Series("open", [":material/open_in_new:"] * len(rows)), **frame}
        config["open"] = st.column_config.ButtonColumn("", type="tertiary", width=44, pinned=True, key=f"{key}_open")
    st.dataframe(
        pl.DataFrame(frame),
        hide_index=True,
        column_config=config,
        key=key,
        height=height or ("content" if len(rows) <= MOST_WHOLE else 460),
        alt=alt,
        placeholder=NOTHING,
    )
    clicked = st.session_state.get(f"{key}_open") if opening is not None else None
    download(viewer, rows, columns, key=key)
    before = state.seen(key, rows)
    if opening is not None and clicked is not None and clicked["row"] < len(before):
        navigation.go(opening.page, **opening.parameters(before[clicked["row"]]))


def download(viewer: Viewer, rows: Sequence[Any], columns: Sequence[Column], *, key: str) -> None:
    """The rows as a CSV file, written when it is asked for."""
    st.download_button(
        viewer.say("table.csv", n=len(rows)),
        data=lambda: csv(rows, columns),
        file_name=f"{key}.csv",
        mime="text/csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        key=f"{key}_csv",
    )


def csv(rows: Sequence[Any], columns: Sequence[Column]) -> bytes:
    """UTF-8 with a heading; text that a spreadsheet would run as a formula is quoted with an apostrophe."""
    frame = pl.DataFrame({c.name: [_raw(c, r) for r in rows] for c in columns}, strict=False)
    return frame.write_csv().encode()


def _raw(column: Column, row: Any) -> Any:
    value = column.value(row)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        return "'" + value if value[:1] in ("=", "+", "-", "@", "\t", "\r") else str(value)
    return value


def _shown(viewer: Viewer, column: Column, row: Any) -> Any:
    value = column.value(row)
    if value is None:
        return None
    if column.kind in _DIVIDE:
        return float(value) / _DIVIDE[column.kind]
    if column.kind == "state":
        return [_word(viewer, str(value))]
    if column.kind == "text":
        return str(value)
    return value


def _word(viewer: Viewer, code: str) -> str:
    return viewer.say.text(f"state.{code}") if viewer.say.has(f"state.{code}") else code.replace("_", " ")


def _dtype(column: Column) -> Any:
    return pl.List(pl.String) if column.kind == "state" else _TYPES.get(column.kind, pl.String)


def _colour(code: str) -> str:
    return next((colour for colour, codes in _CHIPS.items() if code in codes), "gray")


def _config(viewer: Viewer, column: Column, rows: Sequence[Any]) -> Any:
    made = st.column_config
    shared: dict[str, Any] = {"width": column.width or _WIDTHS.get(column.kind), "help": column.help}
    say = viewer.say.text
    zone = viewer.format.zone.key
    match column.kind:
        case "state":
            codes = sorted({str(column.value(r)) for r in rows if column.value(r) is not None})
            return made.MultiselectColumn(
                column.label, options=[_word(viewer, c) for c in codes], color=cast(Any, [_colour(c) for c in codes]), **shared
            )
        case "share":
            return made.ProgressColumn(column.label, format="%.0f %%", min_value=0, max_value=100, **shared)
        case "moment":
            return made.DatetimeColumn(column.label, format=say("format.moment"), timezone=zone, **shared)
        case "day":
            return made.DatetimeColumn(column.label, format=say("format.day"), timezone=zone, **shared)
        case "mebibytes":
            return made.NumberColumn(column.label, format="%,.0f MiB", **shared)
        case "gibibytes":
            return made.NumberColumn(column.label, format="%,.2f GiB", **shared)
        case "cores":
            return made.NumberColumn(column.label, format=say("unit.cores", n=2, value="%.3f"), **shared)
        case "seconds":
            return made.NumberColumn(column.label, format="%,.1f s", **shared)
        case "integer":
            return made.NumberColumn(column.label, format="%,d", **shared)
        case "whole":
            return made.NumberColumn(column.label, format="%,.0f", **shared)
        case "number":
            return made.NumberColumn(column.label, format="%,.2f", **shared)
        case "flag":
            return made.CheckboxColumn(column.label, **shared)
        case _:
            return made.TextColumn(column.label, **shared)
