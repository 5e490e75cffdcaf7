"""Answering SELECTs: one statement, a cursor each, aware times in and out."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from collectors.warehouse import intervals
from collectors.warehouse.confinement import confined
from collectors.warehouse.connection import Connection
from collectors.warehouse.errors import BadQuestion, first_line, translate
from collectors.warehouse.times import inside
from models.domain.errors import Unavailable

Params = Sequence[Any] | Mapping[str, Any] | None
BATCH = 100_000
AT_ONCE = 2
"""Questions of other processes that are answered at the same time: they use this process's processor and memory."""


@lru_cache(maxsize=500)
def checked(sql: str) -> None:
    """BadQuestion unless `sql` is exactly one SELECT."""
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise BadQuestion(first_line(error), field="sql") from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise BadQuestion("The warehouse answers exactly one SELECT statement; it cannot be changed from here.", field="sql")


def bound(params: Params) -> Any:
    """Parameters as DuckDB takes them: aware times become stored times."""
    if params is None:
        return None
    if isinstance(params, Mapping):
        return {name: _bound(value) for name, value in params.items()}
    return [_bound(value) for value in params]


def _bound(value: Any) -> Any:
    if isinstance(value, datetime):
        return inside(value)
    return [_bound(v) for v in value] if isinstance(value, list | tuple) else value


def timed(table: pa.Table) -> pl.DataFrame:
    """An answer as a frame, its times aware UTC; of columns with one name the later ones get a number, as in `a`, `a_1`."""
    # in Arrow a zone is another name for the same numbers; in polars it would cost more than the whole of a small answer
    columns = [column.cast(_AWARE, safe=False) if pa.types.is_timestamp(column.type) else column for column in table.columns]
    frame = pl.from_arrow(pa.Table.from_arrays(columns, names=_once(table.column_names)))
    assert isinstance(frame, pl.DataFrame)  # noqa: S101  a table becomes a frame
    return frame


def _once(names: list[str]) -> list[str]:
    if len(set(names)) == len(names):
        return names
    found: list[str] = []
    for name in names:
        free = (name if n == 0 else f"{name}_{n}" for n in range(len(names) + 1))
        found.append(next(one for one in free if one not in found and (one == name or one not in names)))
    return found


_AWARE = pa.timestamp("us", "UTC")


def encoded(sql: str, params: Params) -> bytes:
    """A question as the body that `decoded` understands."""
    return json.dumps({"sql": sql, "params": _plain(params)}).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"$time": inside(value).isoformat()}
    if isinstance(value, date):
        return {"$date": value.isoformat()}
    if isinstance(value, Decimal):
        return {"$number": str(value)}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise BadQuestion(
        f"A parameter of type {type(value).__name__} cannot be sent; use text, numbers, times or lists.", field="params"
    )


def decoded(body: bytes) -> tuple[str, Any]:
    """SQL and stored-form parameters of a body that `encoded` made."""
    try:
        asked = json.loads(body)
        sql, params = asked["sql"], _typed(asked.get("params"))
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise BadQuestion('The body of a question must be {"sql": TEXT, "params": LIST OR OBJECT}.', field="sql") from error
    if not isinstance(sql, str) or not (params is None or isinstance(params, list | dict)):
        raise BadQuestion('The body of a question must be {"sql": TEXT, "params": LIST OR OBJECT}.', field="sql")
    return sql, params


def _typed(value: Any) -> Any:
    if isinstance(value, dict):
        if len(value) == 1:
            (name, text), *_ = value.items()
            if name == "$time":
                return datetime.fromisoformat(text)
            if name == "$date":
                return date.fromisoformat(text)
            if name == "$number":
                return Decimal(text)
        return {k: _typed(v) for k, v in value.items()}
    return [_typed(v) for v in value] if isinstance(value, list) else value


class Questions:
    """Answers from any thread, beside the writer."""

    def __init__(self, link: Connection) -> None:
        self._link = link
        self._slots = threading.BoundedSemaphore(AT_ONCE)

    def query(self, sql: str, params: Params = None) -> pl.DataFrame:
        checked(sql)
        with self._running(sql, bound(params)) as cursor:
            if not intervals.among(cursor):
                return timed(cursor.to_arrow_table())
            batches = cursor.to_arrow_reader(BATCH)
            table = pa.Table.from_batches(map(intervals.batch, batches), intervals.schema(batches.schema))
            return timed(table)

    @contextmanager
    def _running(self, sql: str, stored: Any, max_seconds: float | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor on which `sql` was begun; a wrong question raises BadQuestion, one that takes too long is interrupted."""
        cursor = self._link.cursor()
        timer = threading.Timer(max_seconds, cursor.interrupt) if max_seconds else None
        try:
            if timer:
                timer.daemon = True
                timer.start()
            cursor.execute(sql, stored)
            yield cursor
        except duckdb.InterruptException as error:
            raise BadQuestion(
                f"The question took longer than {max_seconds:g} s and was stopped. Ask for a shorter time, or use the Parquet export.",
                field="sql",
            ) from error
        except duckdb.Error as error:
            raise self._sentence(error) from error
        finally:
            if timer:
                timer.cancel()
            cursor.close()

    def _sentence(self, error: duckdb.Error) -> Exception:
        if isinstance(error, duckdb.OutOfMemoryException):
            return BadQuestion("The question needs more memory than the warehouse may use. Ask for a shorter time.", field="sql")
        if isinstance(error, duckdb.PermissionException):
            return BadQuestion(f"The warehouse reaches only its own tables: {first_line(error)}", field="sql")
        return translate(error, self._link.uri) or BadQuestion(first_line(error), field="sql")

    def stream(self, sql: str, stored: Any, max_seconds: float) -> Iterator[bytes]:
        """The answer as chunks of one Arrow stream; the first comes when the question is known to be good and asks views only."""
        checked(sql)
        confined(sql)
        if not self._slots.acquire(timeout=max_seconds):
            raise Unavailable("The warehouse is busy with other questions; ask again in a moment.")
        try:
            with self._running(sql, stored, max_seconds) as cursor:
                odd = intervals.among(cursor)
                batches = cursor.to_arrow_reader(BATCH)
                sink = io.BytesIO()
                writer = pa.ipc.new_stream(sink, intervals.schema(batches.schema) if odd else batches.schema)
                for batch in batches:
                    writer.write_batch(intervals.batch(batch) if odd else batch)
                    yield _taken(sink)
                writer.close()
                yield _taken(sink)
        finally:
            self._slots.release()


def _taken(sink: io.BytesIO) -> bytes:
    chunk = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return chunk
