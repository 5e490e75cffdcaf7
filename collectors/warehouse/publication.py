"""Business facts with the time for which they held: a change closes the row that holds and begins another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import polars as pl

from collectors.warehouse.connection import Connection
from collectors.warehouse.dimensions import DIMENSIONS, VALIDITY, Dimension
from collectors.warehouse.frames import TYPES, typed
from collectors.warehouse.schema import plural
from collectors.warehouse.times import inside
from models.domain.errors import Invalid

Row = tuple[Any, ...]
CREATED = "created_at"
EARLIEST = (
    "SELECT least((SELECT min(tick) FROM wh.ticks WHERE NOT starts_with(source, 'sort:')), (SELECT min(t) FROM wh.pod_roll1h))"
)


@dataclass(frozen=True, slots=True)
class History:
    """What a dimension says already: open rows (facts, valid_from) by key, and when closed keys ended."""

    open: Mapping[Row, tuple[Row, datetime]]
    ended: Mapping[Row, datetime]


def publish(link: Connection, name: str, frame: pl.DataFrame, at: datetime) -> int:
    """Rows that were begun or closed."""
    dimension = DIMENSIONS.get(name)
    if dimension is None:
        raise Invalid(f"There is no dimension called {name!r}; there are {', '.join(DIMENSIONS)}.", field="name")
    facts, since = _told(dimension, frame)
    now = inside(at)

    def work(con: duckdb.DuckDBPyConnection) -> int:
        history = _history(con, dimension)
        earliest = None
        if not history.open and not history.ended:
            found = con.execute(EARLIEST).fetchone()
            earliest = found[0] if found else None
        closed: list[Row] = []
        begun: list[Row] = []
        gone: list[Row] = []
        for key, row in facts.items():
            held = history.open.get(key)
            if held is None:
                begun.append((*row, since.get(key) or _first(dimension, row, history.ended.get(key), earliest, now), None))
            elif held[0] != row:
                gone.append(key)
                if held[1] < now:
                    closed.append((*held[0], held[1], now))
                begun.append((*row, max(held[1], now), None))
        for key, held in history.open.items():
            if key not in facts:
                gone.append(key)
                if held[1] < now:
                    closed.append((*held[0], held[1], now))
        _write(con, dimension, gone, closed + begun)
        return len(gone) + len(begun) - sum(1 for key in gone if key in facts)

    with link.lock:
        return link.write(work)


def _first(dimension: Dimension, row: Row, ended: datetime | None, earliest: datetime | None, now: datetime) -> datetime:
    """From when the first row of a key holds. What is there when a dimension is published for the first time is taken to have held all
    along, since nobody can say otherwise and the measurements are older; what comes later holds since it was made, or since it was seen."""
    if ended is not None:
        return max(ended, now)
    names = [c[0] for c in dimension.columns]
    created: datetime | None = row[names.index(CREATED)] if CREATED in names else None
    if created is not None:
        return min(created, now)
    return min(earliest, now) if earliest is not None else now


def _told(dimension: Dimension, frame: pl.DataFrame) -> tuple[dict[Row, Row], dict[Row, datetime]]:
    """Rows by key, and `valid_from` where the frame has it."""
    columns = {name: kind for name, kind, *_ in dimension.columns}
    rows = typed(frame, {**columns, "valid_from": "TIMESTAMP"}, dimension.name)
    lacking = [k for k in dimension.key if k not in rows.columns]
    if lacking:
        raise Invalid(f"The frame {dimension.name} lacks {', '.join(lacking)}.", field=dimension.name)
    whole = rows.select((pl.col(c) if c in rows.columns else pl.lit(None, TYPES[kind])).alias(c) for c, kind in columns.items())
    if whole.select(pl.any_horizontal(pl.col(k).is_null() for k in dimension.key).any()).item():
        raise Invalid(f"The frame {dimension.name} has rows without {' or '.join(dimension.key)}.", field=dimension.name)
    keys = list(whole.select(dimension.key).iter_rows())
    facts = dict(zip(keys, whole.iter_rows(), strict=True))
    if len(facts) != len(keys):
        raise Invalid(f"The frame {dimension.name} has two rows with the same {' and '.join(dimension.key)}.", field=dimension.name)
    since = dict(zip(keys, rows["valid_from"].to_list(), strict=True)) if "valid_from" in rows.columns else {}
    return facts, {key: at for key, at in since.items() if at is not None}


def _history(con: duckdb.DuckDBPyConnection, dimension: Dimension) -> History:
    names = [c[0] for c in dimension.columns]
    table, at = f"wh.{plural(dimension.name)}", [names.index(k) for k in dimension.key]
    rows = con.execute(f"SELECT {', '.join(names)}, valid_from FROM {table} WHERE valid_to IS NULL").fetchall()
    held = {tuple(row[i] for i in at): (tuple(row[:-1]), row[-1]) for row in rows}
    keys = ", ".join(dimension.key)
    ended = con.execute(f"SELECT {keys}, max(valid_to) FROM {table} WHERE valid_to IS NOT NULL GROUP BY {keys}").fetchall()
    return History(held, {tuple(row[:-1]): row[-1] for row in ended})


def _write(con: duckdb.DuckDBPyConnection, dimension: Dimension, gone: list[Row], rows: list[Row]) -> None:
    table = f"wh.{plural(dimension.name)}"
    kinds = {name: TYPES[kind] for name, kind, *_ in (*dimension.columns, *VALIDITY)}
    if gone:
        con.register("gone", pl.DataFrame(gone, schema={k: kinds[k] for k in dimension.key}, orient="row").to_arrow())
        same = " AND ".join(f"d.{k} = g.{k}" for k in dimension.key)
        con.execute(f"DELETE FROM {table} d WHERE d.valid_to IS NULL AND EXISTS (SELECT 1 FROM gone g WHERE {same})")
        con.unregister("gone")
    if rows:
        con.register("begun", pl.DataFrame(rows, schema=kinds, orient="row").to_arrow())
        con.execute(f"INSERT INTO {table} BY NAME SELECT * FROM begun")
        con.unregister("begun")
