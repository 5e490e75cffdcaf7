"""The things that were ever measured, with their facts: which of an incoming frame are new or have changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import polars as pl

from collectors.entities import ENTITIES, Entity
from collectors.warehouse.connection import Connection
from collectors.warehouse.frames import TYPES, Things
from collectors.warehouse.rollup_sql import STARTED
from collectors.warehouse.schema import fact_type, id_column, plural

Facts = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """Rows to write of one entity. `restarted` are starts of known things that were told anew: their first windows change."""

    entity: Entity
    facts: Mapping[int, Facts]
    known: tuple[int, ...]
    rows: pl.DataFrame
    restarted: tuple[datetime, ...]

    def write(self, con: duckdb.DuckDBPyConnection) -> None:
        if not self.facts:
            return
        table, key = f"wh.{plural(self.entity.name)}", id_column(self.entity)
        con.register("fresh_things", self.rows.to_arrow())
        try:
            first_seen = "first_seen"
            if self.known:
                con.execute(
                    f"CREATE OR REPLACE TEMP TABLE seen_things AS SELECT {key}, min(first_seen) AS first_seen FROM {table} "
                    f"WHERE {key} IN (SELECT {key} FROM fresh_things) GROUP BY {key}"
                )
                con.execute(f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM fresh_things)")
                first_seen = (
                    f"coalesce((SELECT s.first_seen FROM seen_things s WHERE s.{key} = f.{key}), f.first_seen) AS first_seen"
                )
            columns = ", ".join(f"f.{c}" for c in self.rows.columns if c != "first_seen")
            con.execute(f"INSERT INTO {table} BY NAME SELECT {columns}, {first_seen} FROM fresh_things f")
            if self.known:
                con.execute("DROP TABLE seen_things")
        finally:
            con.unregister("fresh_things")


class KnownThings:
    """Facts by id, read once from the tables and kept in step with every commit."""

    def __init__(self, link: Connection) -> None:
        self._link = link
        self._facts: dict[str, dict[int, Facts]] = {}

    def of(self, entity: Entity) -> dict[int, Facts]:
        if entity.name not in self._facts:
            columns = ", ".join([id_column(entity), *(c.name for c in entity.facts)])
            cursor = self._link.cursor()
            try:
                rows = cursor.execute(f"SELECT {columns} FROM wh.{plural(entity.name)}").fetchall()
            finally:
                cursor.close()
            self._facts[entity.name] = {row[0]: tuple(row[1:]) for row in rows}
        return self._facts[entity.name]

    def changed(self, things: Things, cluster: str, seen: datetime, *, late: bool) -> Changed:
        """What of `things` must be written. The newest told value of a fact holds; a late tick only fills what was not known."""
        entity, frame = things.entity, things.things
        key, names = id_column(entity), [c.name for c in entity.facts]
        known = self.of(entity)
        have = [frame[c].to_list() if c in frame.columns else [None] * frame.height for c in names]
        facts: dict[int, Facts] = {}
        old, restarted = [], []
        for at, told in zip(frame[key].to_list(), zip(*have, strict=True) if names else [()] * frame.height, strict=True):
            before = known.get(at)
            if before is None:
                facts[at] = told
                continue
            if told == before:
                continue
            merged = tuple(b if n is None or (late and b is not None) else n for b, n in zip(before, told, strict=True))
            if merged != before:
                facts[at] = merged
                old.append(at)
                if STARTED in names and merged[names.index(STARTED)] != before[names.index(STARTED)]:
                    restarted += [s for s in (merged[names.index(STARTED)], before[names.index(STARTED)]) if s is not None]
        rows = frame.filter(pl.col(key).is_in(list(facts))).select(key, *(c.name for c in entity.key))
        told_rows = [facts[at] for at in rows[key].to_list()]
        columns = [pl.Series(c.name, [f[i] for f in told_rows], dtype=TYPES[fact_type(c.unit)]) for i, c in enumerate(entity.facts)]
        rows = rows.with_columns(*columns, pl.lit(cluster).alias("cluster"), pl.lit(seen, pl.Datetime("us")).alias("first_seen"))
        return Changed(entity, facts, tuple(old), rows, tuple(restarted))

    def keep(self, changed: Changed) -> None:
        """The change is committed."""
        self.of(changed.entity).update(changed.facts)

    def forget(self) -> None:
        self._facts.clear()


def sampled(names: str | None) -> list[Entity]:
    """Entities in the `frames` column of a tick."""
    return [ENTITIES[name] for name in (names or "").split(",") if name in ENTITIES]
