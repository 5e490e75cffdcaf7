"""Views for people: samples, windows, facts and states with names instead of numbers, and what each column means.

They live in the connection, not in the file, so they always fit the program that reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from collectors.entities import ENTITIES, RECORDS, Column, Entity
from collectors.warehouse.dimensions import DIMENSIONS, VALIDITY
from collectors.warehouse.schema import LEVELS, fact_type, id_column, plural, roll_table, samples_table

Doc = tuple[str, str, str, str]
"""Column, DuckDB type, unit, meaning."""

CLUSTER: Doc = ("cluster", "VARCHAR", "", "name of the cluster")
TICK: Doc = ("tick", "TIMESTAMP", "time", "end of the collection interval (start, tick] that owns the row")
SOURCE: Doc = ("source", "VARCHAR", "", "collector that said it")
PERIODS = {"5m": "5 minutes", "1h": "an hour"}

GAP = """
WITH told AS (SELECT cluster, source, tick, status, lag(tick) OVER w AS before, lag(status) OVER w AS before_status
  FROM wh.ticks WHERE NOT contains(source, ':') WINDOW w AS (PARTITION BY cluster, source ORDER BY tick)),
paced AS (SELECT *, epoch(tick) - epoch(before) AS step,
  median(epoch(tick) - epoch(before)) OVER (PARTITION BY cluster, source, date_trunc('day', tick)) AS usual FROM told),
lost AS (SELECT *, sum(CASE WHEN before_status = 'lost' AND step <= 1.5 * usual THEN 0 ELSE 1 END)
  OVER (PARTITION BY cluster, source ORDER BY tick) AS run FROM paced WHERE status = 'lost')
SELECT cluster, source, before AS since, tick - to_microseconds((usual * 1e6)::BIGINT) AS until,
  (round(step / usual) - 1)::INTEGER AS ticks, 'missing' AS status FROM paced WHERE step > 1.5 * usual
UNION ALL
SELECT cluster, source, min(tick) - to_microseconds((coalesce(max(usual), 0) * 1e6)::BIGINT), max(tick), count(*)::INTEGER, 'lost'
FROM lost GROUP BY cluster, source, run"""


@dataclass(frozen=True, slots=True)
class View:
    name: str
    about: str
    sql: str
    columns: tuple[Doc, ...]


def _doc(column: Column) -> Doc:
    return (column.name, fact_type(column.unit), column.unit, column.about)


def _metric(column: Column, suffix: str = "", about: str = "") -> Doc:
    return (column.name + suffix, "DOUBLE", column.unit, about or column.about)


def _names(entity: Entity) -> tuple[Doc, ...]:
    return (
        *(_doc(c) for c in entity.key + entity.facts),
        (id_column(entity), "BIGINT", "", f"stable number of the {entity.name}, the same in every view"),
    )


def _things(entity: Entity, lake: bool) -> str:
    """The table of things; several writers of a lake may each have written one, of which the newest counts."""
    table = f"wh.{plural(entity.name)}"
    if not lake:
        return table
    return f"(FROM {table} QUALIFY row_number() OVER (PARTITION BY {id_column(entity)} ORDER BY first_seen DESC) = 1)"


def _of_entity(entity: Entity, shared: bool) -> list[View]:
    key, things = id_column(entity), _things(entity, shared)
    names = _names(entity)
    facts = ", ".join(f"d.{name}" for name, *_ in names)
    first = ("first_seen", "TIMESTAMP", "time", "tick at which it was first seen")
    listed = ", ".join(name for name, *_ in (CLUSTER, *names, first))
    views = [
        View(
            entity.name,
            f"Everything of its kind that was ever seen. {entity.about}",
            f"SELECT {listed} FROM {things} d",
            (CLUSTER, *names, first),
        )
    ]
    ts = ("ts", "TIMESTAMP", "time", "time of the sample itself")
    metrics = tuple(_metric(c, about=c.about + "; counter, grows until it is reset") for c in entity.counters)
    metrics += tuple(_metric(c) for c in entity.gauges)
    columns = (CLUSTER, TICK, SOURCE, ts, *names, *metrics)
    body = ", ".join(f"s.{name}" for name, *_ in metrics)
    readings = (CLUSTER, TICK, SOURCE, ts, names[-1], *metrics)
    views.append(
        View(
            f"{entity.name}_reading",
            f"The raw samples of {entity.name}_sample by number, without names: answers about one {entity.name} come soonest from here.",
            f"SELECT {', '.join(name for name, *_ in readings)} FROM wh.{samples_table(entity)}",
            readings,
        )
    )
    views.append(
        View(
            f"{entity.name}_sample",
            f"Raw samples. {entity.about}",
            f"SELECT s.cluster, s.tick, s.source, s.ts, {facts}, {body} FROM wh.{samples_table(entity)} s JOIN {things} d USING ({key})",
            columns,
        )
    )
    for level in LEVELS if entity.rolled else ():
        views.append(_window(entity, level, names, facts, things))
    return views


def _window(entity: Entity, level: str, names: tuple[Doc, ...], facts: str, things: str) -> View:
    t = ("t", "TIMESTAMP", "time", f"end of the window (t - {PERIODS[level]}, t]")
    counts = (
        ("n", "INTEGER", "1", "samples in the window"),
        ("covered_ms", "BIGINT", "ms", "time inside the window for which the increase is known"),
    )
    increases = tuple(_metric(c, "_inc", f"{c.about}, in the window; resets are corrected") for c in entity.counters)
    levels = tuple(
        _metric(g, f"_{kind}", f"{g.about}: {word} of the samples")
        for g in entity.gauges
        for kind, word in (("avg", "average"), ("max", "largest"))
    )
    body = ", ".join(f"w.{name}" for name, *_ in (*counts, *increases, *levels))
    key = id_column(entity)
    return View(
        f"{entity.name}_{level}",
        f"Windows of {PERIODS[level]}. {entity.about}",
        f"SELECT w.cluster, w.t, w.source, {facts}, {body} FROM wh.{roll_table(entity, level)} w JOIN {things} d USING ({key})",
        (CLUSTER, t, SOURCE, *names, *counts, *increases, *levels),
    )


def views(*, shared: bool = False) -> Mapping[str, View]:
    """Every view by name. `shared`: several processes may write."""
    found: list[View] = []
    for entity in ENTITIES.values():
        found += _of_entity(entity, shared)
    for record in RECORDS.values():
        columns = (CLUSTER, TICK, SOURCE, *record.columns)
        listed = ", ".join(name for name, *_ in columns)
        found.append(View(record.name, record.about, f"SELECT {listed} FROM wh.{plural(record.name)}", columns))
    found += [
        View(
            "tick",
            "One row per collection that was stored or given up. A collection that failed has none: it is a gap.",
            "SELECT cluster, tick, source, status, n_rows, frames, written_at FROM wh.ticks WHERE NOT contains(source, ':')",
            (
                CLUSTER,
                TICK,
                SOURCE,
                ("status", "VARCHAR", "", "ok: collected, also when nothing was found; lost: can never be collected"),
                ("n_rows", "INTEGER", "1", "rows that it brought"),
                ("frames", "VARCHAR", "", "what it looked for, comma separated"),
                ("written_at", "TIMESTAMP", "time", "when it was stored"),
            ),
        ),
        View(
            "gap",
            "Runs of ticks between the first and the newest that are missing or lost, by the usual step of the day.",
            GAP,
            (
                CLUSTER,
                SOURCE,
                ("since", "TIMESTAMP", "time", "last tick before the run"),
                ("until", "TIMESTAMP", "time", "last tick of the run"),
                ("ticks", "INTEGER", "1", "ticks in the run"),
                ("status", "VARCHAR", "", "missing: may still be filled; lost: never"),
            ),
        ),
    ]
    for dimension in DIMENSIONS.values():
        columns = (*dimension.columns, *VALIDITY)
        listed = ", ".join(name for name, *_ in columns)
        found.append(View(dimension.name, dimension.about, f"SELECT {listed} FROM wh.{plural(dimension.name)}", columns))
    return {v.name: v for v in found}


def create(con: duckdb.DuckDBPyConnection, *, shared: bool) -> None:
    """Make the views in the connection; every cursor of it sees them."""
    for view in views(shared=shared).values():
        con.execute(f"CREATE OR REPLACE VIEW memory.main.{view.name} AS {view.sql}")
