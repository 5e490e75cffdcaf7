"""What the warehouse notes about its own work, as rows of `ticks` whose source has a colon.

roll:5m:SOURCE, roll:1h:SOURCE    the window that ends at `tick` is final
sort:TABLE:SECONDS                the span that begins at `tick` was rewritten in the table's order
expire:raw                        samples before `tick` were dropped, windows that need them are never computed again
"""

from __future__ import annotations

from datetime import datetime

import duckdb

from models.domain.errors import Invalid

ANY = ""
"""Cluster of a mark that concerns all of them."""
RAW_DROPPED = "expire:raw"


def rolled(level: str, source: str) -> str:
    return f"roll:{level}:{source}"


def is_sorted(table: str, seconds: int) -> str:
    return f"sort:{table}:{seconds}"


def checked(source: str) -> str:
    """`source`, or Invalid: names with a colon are the warehouse's own."""
    if not source or ":" in source:
        raise Invalid(f"A source may not be called {source!r}: names are not empty and have no colon.", field="source")
    return source


def put(con: duckdb.DuckDBPyConnection, cluster: str, source: str, tick: datetime, now: datetime) -> None:
    con.execute("INSERT INTO wh.ticks VALUES (?, ?, ?, 'ok', NULL, NULL, ?)", [cluster, tick, source, now])


def put_run(
    con: duckdb.DuckDBPyConnection, cluster: str, source: str, a: datetime, e: datetime, seconds: int, now: datetime
) -> None:
    """One mark for each step in (a, e]."""
    con.execute(
        "INSERT INTO wh.ticks SELECT $c, t, $s, 'ok', NULL, NULL, $n::TIMESTAMP "
        "FROM range($a::TIMESTAMP + to_seconds($step), $e::TIMESTAMP + INTERVAL 1 MICROSECOND, to_seconds($step)) r(t)",
        {"c": cluster, "s": source, "n": now, "a": a, "e": e, "step": seconds},
    )


def remove_run(con: duckdb.DuckDBPyConnection, cluster: str, source: str, a: datetime, e: datetime) -> None:
    """Take away the marks in (a, e]."""
    con.execute("DELETE FROM wh.ticks WHERE cluster = ? AND source = ? AND tick > ? AND tick <= ?", [cluster, source, a, e])
