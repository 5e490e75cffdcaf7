"""INTERVAL answers as durations: polars knows no months, and panics over a column that could hold some."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa

from collectors.warehouse.errors import BadQuestion

DAY = 86_400_000_000
MONTH = 30 * DAY
"""Microseconds; DuckDB too counts a month as 30 days where it compares intervals."""


def among(cursor: duckdb.DuckDBPyConnection) -> bool:
    """Whether a column of the answer is an INTERVAL; BadQuestion when one lies inside a list or a struct."""
    kinds = [str(column[1]) for column in cursor.description or ()]
    if any("INTERVAL" in kind and kind != "INTERVAL" for kind in kinds):
        raise BadQuestion(
            "An interval inside a list or a struct cannot be answered. Cast it to VARCHAR, or give it a column.", field="sql"
        )
    return "INTERVAL" in kinds


def schema(given: pa.Schema) -> pa.Schema:
    """`given` with a duration of microseconds for each interval."""
    fields = [field.with_type(pa.duration("us")) if _interval(field.type) else field for field in given]
    return pa.schema(fields, metadata=given.metadata)


def batch(given: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows with durations."""
    columns = [_durations(column) if _interval(column.type) else column for column in given.columns]
    return pa.RecordBatch.from_arrays(columns, schema=schema(given.schema))


def _interval(kind: pa.DataType) -> bool:
    return bool(kind == pa.month_day_nano_interval())


def _durations(column: pa.Array) -> pa.Array:
    def micros(value: Any) -> int | None:
        return None if value is None else value.months * MONTH + value.days * DAY + value.nanoseconds // 1000

    return pa.array([micros(value) for value in column.to_pylist()], pa.int64()).cast(pa.duration("us"))
