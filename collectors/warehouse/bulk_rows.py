"""The rows of a bulk load on their way into DuckDB."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pyarrow as pa

from collectors.entities import Entity
from collectors.warehouse.rollup_sql import from_windows
from collectors.warehouse.schema import LEVELS, roll_table

ROW_GROUP = 122_880
"""Rows that DuckDB packs together. Only whole ones leave the memory before the commit, and what is not whole is packed twice."""
FINEST = "5m"
COARSE = "1h"


class Feed:
    """What DuckDB reads under one name. A transaction keeps every object that was registered in it, so the rows are exchanged inside."""

    def __init__(self, rows: pa.Table) -> None:
        self.rows = rows

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.rows.__arrow_c_stream__(requested_schema)


class Joined:
    """Holds rows back until they fill row groups. `finish` stores the rest and makes the hours of the windows."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con
        self._rest: dict[tuple[str, str, str], pa.Table] = {}
        self._hours: dict[tuple[Entity, str, str], list[tuple[datetime, datetime]]] = {}
        self._feeds: list[tuple[Feed, str]] = []

    def add(self, table: str, rows: pa.Table, source: str, cluster: str) -> None:
        key = (table, source, cluster)
        held = self._rest.pop(key, None)
        if held is not None and held.schema != rows.schema:
            self._insert(held, *key)
            held = None
        head = rows.slice(0, 0)
        if held is not None:
            lacks = ROW_GROUP - held.num_rows
            head, rows = pa.concat_tables([held, rows.slice(0, lacks)]).combine_chunks(), rows.slice(lacks)
        if head.num_rows and head.num_rows < ROW_GROUP:
            self._rest[key] = head
            return
        whole = rows.num_rows // ROW_GROUP * ROW_GROUP
        self._insert(pa.concat_tables([head, rows.slice(0, whole)]), *key)
        if whole < rows.num_rows:
            self._rest[key] = rows.slice(whole).combine_chunks()  # a copy, which does not keep the rest alive

    def hours(self, entity: Entity, source: str, cluster: str, a: datetime, e: datetime) -> None:
        """The hours (a, e] are to be made from the windows that were added."""
        self._hours.setdefault((entity, source, cluster), []).append((a, e))

    def finish(self) -> None:
        for key, rows in self._rest.items():
            self._insert(rows, *key)
        self._rest.clear()
        for (entity, source, cluster), spans in self._hours.items():
            windows = from_windows(entity, FINEST, LEVELS[COARSE])
            for a, e in joined(spans):
                bounds = {"cluster": cluster, "source": source, "a": a, "e": e}
                self.con.execute(f"INSERT INTO wh.{roll_table(entity, COARSE)} BY NAME {windows}", bounds)
        self._hours.clear()
        for _, name in self._feeds:
            self.con.unregister(name)
        self._feeds.clear()

    def _insert(self, rows: pa.Table, table: str, source: str, cluster: str) -> None:
        if not rows.num_rows:
            return
        # in pieces of a row group, which both cores can pack at the same time
        whole = pa.Table.from_batches(rows.to_batches(max_chunksize=ROW_GROUP), rows.schema)
        feed, name = self._feed(whole)
        try:
            self.con.execute(f"INSERT INTO wh.{table} BY NAME SELECT ? AS cluster, ? AS source, * FROM {name}", [cluster, source])
        finally:
            feed.rows = rows.schema.empty_table()

    def _feed(self, rows: pa.Table) -> tuple[Feed, str]:
        """One that has these columns, with the rows in it."""
        for feed, name in self._feeds:
            if feed.rows.schema == rows.schema:
                feed.rows = rows
                return feed, name
        feed, name = Feed(rows), f"loaded_{len(self._feeds)}"
        self.con.register(name, feed)
        self._feeds.append((feed, name))
        return feed, name


def joined(spans: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Spans that follow each other as one."""
    found: list[tuple[datetime, datetime]] = []
    for a, e in sorted(spans):
        if found and found[-1][1] == a:
            found[-1] = (found[-1][0], e)
        else:
            found.append((a, e))
    return found
