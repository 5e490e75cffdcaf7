"""Questions in SQL to the warehouse, from outside: bounded in time and rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, cast

import pyarrow as pa

from app.context import Context
from collectors.warehouse.confinement import confined
from collectors.warehouse.questions import checked
from models.domain.access import Permission
from models.domain.errors import Invalid

MOST_ROWS = 10_000
LONGEST_SECONDS = 30.0
LONGEST_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows of an answer. `cut`: there are more rows than were asked for."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    cut: bool
    as_of: datetime


def ask(ctx: Context, *, sql: str, limit: int = 1000) -> Answer:
    """At most `limit` rows of one SELECT over the views of `moorage warehouse describe`; what takes too long is stopped."""
    ctx.require(Permission.QUERY_WAREHOUSE)
    if not 1 <= limit <= MOST_ROWS:
        raise Invalid(f"An answer has 1 to {MOST_ROWS} rows; {limit} were asked for.", field="limit")
    if len(sql) > LONGEST_TEXT:
        raise Invalid(f"A question has at most {LONGEST_TEXT} characters.", field="sql")
    checked(sql)
    confined(sql)
    table = _run(ctx, f"SELECT * FROM (\n{sql.strip().rstrip(';')}\n) LIMIT {limit + 1}")
    shown = table.slice(0, limit)
    columns = [[_plain(value) for value in column.to_pylist()] for column in shown.columns]
    return Answer(
        columns=tuple(table.column_names),
        types=tuple(str(kind) for kind in table.schema.types),
        rows=tuple(zip(*columns, strict=True)),
        cut=table.num_rows > limit,
        as_of=ctx.now,
    )


def _run(ctx: Context, sql: str) -> pa.Table:
    """With a limit of time where this process owns the warehouse; a reader has one of its own.

    Arrow all the way: polars breaks down on intervals.
    """
    stream = getattr(ctx.warehouse, "stream", None)
    if stream is None:
        return ctx.warehouse.query(sql).to_arrow()
    chunks = cast("Callable[..., Iterator[bytes]]", stream)(sql, None, LONGEST_SECONDS)
    return pa.ipc.open_stream(b"".join(chunks)).read_all()


def _plain(value: Any) -> Any:
    """A value that JSON has: what has no such form becomes text, what is not a number becomes null."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return float(value)
        case datetime():
            return (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).isoformat()  # stored times are UTC
        case date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case bytes():
            return value.hex()
        case Mapping():
            return {str(name): _plain(inner) for name, inner in value.items()}
        case pa.MonthDayNano(months=0, days=days, nanoseconds=nanoseconds):
            return days * 86400 + nanoseconds / 1e9
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case _:
            return str(value)
