"""Answers of Prometheus as flat tables: labels, the window that owns the sample, its own time, its value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from collectors.frames import TIME
from collectors.sources.port import Window
from collectors.sources.prometheus_connection import Series

METRIC = "__name__"
"""Label that says which metric a series is, where a question asks for several."""
LABEL_VALUE = "label_value"
"""Column of the label that is called `value` itself."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Adjoining windows of one length."""

    start: datetime
    step: timedelta
    count: int

    @classmethod
    def of(cls, windows: Sequence[Window]) -> Grid:
        return cls(windows[0].start, windows[0].end - windows[0].start, len(windows))

    @property
    def end(self) -> datetime:
        return self.start + self.step * self.count

    @property
    def seconds(self) -> int:
        """Its length, rounded up: the range of a selector; what is too old is left out by its time."""
        return -((self.start - self.end) // timedelta(seconds=1))


def samples(found: Sequence[Series], labels: Sequence[str], grid: Grid) -> pl.DataFrame:
    """One row per series and window: its newest sample there, as `labels`, `tick`, `ts`, `value`.

    A label that a series lacks is empty. A value that is no number (NaN, infinite) is not known: NULL.
    """
    values = [s["values"][-1:] for s in found] if grid.count == 1 else [s["values"] for s in found]
    flat = [v for of_one in values for v in of_one]
    start, step = round(grid.start.timestamp() * 1000), round(grid.step.total_seconds() * 1000)
    frame = pl.DataFrame(
        {
            "series": pl.Series([i for i, of_one in enumerate(values) for _ in of_one], dtype=pl.UInt32),
            "ms": pl.Series([round(v[0] * 1000) for v in flat], dtype=pl.Int64),
            "value": _numbers(v[1] for v in flat),
        }
    ).with_columns(((pl.col("ms") - start - 1) // step).alias("window"))
    frame = frame.filter(pl.col("window").is_between(0, grid.count - 1))
    if grid.count > 1:
        frame = frame.sort("ms").unique(["series", "window"], keep="last", maintain_order=True)
    return frame.select(
        *(_label(found, name).gather(frame["series"]) for name in labels),
        _time(start + (pl.col("window") + 1) * step).alias("tick"),
        _time(pl.col("ms")).alias("ts"),
        "value",
    )


def added(found: Sequence[Series], labels: Sequence[str], grid: Grid) -> pl.DataFrame:
    """One row per series and window of an answer that has one value at each window's end: `labels`, `tick`, `value`."""
    values = [[s["value"]] if grid.count == 1 else s["values"] for s in found]
    flat = [v for of_one in values for v in of_one]
    start, step = grid.start.timestamp(), grid.step.total_seconds()
    frame = pl.DataFrame(
        {
            "series": pl.Series([i for i, of_one in enumerate(values) for _ in of_one], dtype=pl.UInt32),
            "window": pl.Series([round((v[0] - start) / step) for v in flat], dtype=pl.Int64),
            "value": _numbers(v[1] for v in flat),
        }
    ).filter(pl.col("window").is_between(1, grid.count))
    tick = _time(round(start * 1000) + pl.col("window") * round(step * 1000)).alias("tick")
    return frame.select(*(_label(found, name).gather(frame["series"]) for name in labels), tick, "value")


def facts(found: Sequence[Series], labels: Sequence[str]) -> pl.DataFrame:
    """One row per series of an instant question: `labels` and `value`."""
    return pl.DataFrame([*(_label(found, name) for name in labels), _numbers(s["value"][1] for s in found)])


def newest(table: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """One row per `keys` and window: of several series (scraped twice, restarted exporter) the newest sample, then the largest."""
    return table.sort("ts", "value").unique([*keys, "tick"], keep="last", maintain_order=True)


def total(table: pl.DataFrame, keys: Sequence[str], parts: Sequence[str]) -> pl.DataFrame:
    """The sum over `parts` (devices, cores) per `keys` and window, each part counted once; not known when one part is not."""
    whole = pl.when(pl.col("value").null_count() == 0).then(pl.col("value").sum())
    return newest(table, [*keys, *parts]).group_by(*keys, "tick").agg(pl.col("ts").max(), whole.alias("value"))


def column(table: pl.DataFrame, name: str, keys: Sequence[str]) -> pl.DataFrame:
    """`keys`, `tick` and the value under its own name."""
    return table.select(*keys, "tick", pl.col("value").alias(name))


def wide(table: pl.DataFrame, keys: Sequence[str], label: str, columns: Mapping[str, str]) -> pl.DataFrame:
    """One row per `keys` and window, with its newest time; in each of `columns` the value of the series whose `label` it names."""
    each = (pl.col("value").filter(pl.col(label) == value).first().alias(name) for name, value in columns.items())
    return table.group_by(*keys, "tick").agg(pl.col("ts").max(), *each)


def moments(table: pl.DataFrame, name: str) -> pl.DataFrame:
    """`value`, seconds since 1970, as a time under another name."""
    return table.with_columns(_time((pl.col("value") * 1000).round().cast(pl.Int64)).alias(name)).drop("value")


def _label(found: Sequence[Series], name: str) -> pl.Series:
    return pl.Series(LABEL_VALUE if name == "value" else name, [s["metric"].get(name, "") for s in found], dtype=pl.String)


def _numbers(texts: Iterable[str]) -> pl.Series:
    values = pl.Series("value", [float(text) for text in texts], dtype=pl.Float64)
    return values.to_frame().select(pl.when(pl.col("value").is_finite()).then("value")).to_series()


def _time(ms: pl.Expr) -> pl.Expr:
    return (ms * 1000).cast(pl.Datetime("us")).dt.replace_time_zone("UTC").cast(TIME)
