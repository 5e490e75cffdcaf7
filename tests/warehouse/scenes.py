"""Frames and warehouses for the tests of the warehouse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import polars as pl

from collectors.entities import POD

T0 = datetime(2026, 11, 18, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
CPU = "cpu_usage_seconds_total"
TIME = pl.Datetime("us", "UTC")


def at(k: float) -> datetime:
    """The tick of minute `k`."""
    return T0 + MINUTE * k


def pods(
    k: float,
    *,
    things: Sequence[int] = range(5),
    value: float | None = None,
    offset: float = 30.0,
    started: datetime | None = None,
    **columns: Sequence[float | None],
) -> pl.DataFrame:
    """One sample of each pod, `offset` seconds before the tick; every metric is the seconds since T0, or `value`."""
    n = len(things)
    told = float(k * 60) if value is None else value
    frame: dict[str, object] = {
        "ts": [at(k) - timedelta(seconds=offset)] * n,
        "namespace": [f"ns{i % 3}" for i in things],
        "uid": [f"uid-{i}" for i in things],
        "container": ["main"] * n,
        "pod": [f"pod-{i}" for i in things],
        "node": ["n1"] * n,
    }
    if started:
        frame["started_at"] = [started] * n
    frame |= {c.name: [told] * n for c in POD.metrics}
    frame |= dict(columns.items())
    kinds: Mapping[str, pl.DataType] = {"ts": TIME, "started_at": TIME, **{c.name: pl.Float64() for c in POD.metrics}}
    return pl.DataFrame(frame, schema_overrides={name: kind for name, kind in kinds.items() if name in frame})
