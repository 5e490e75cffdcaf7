"""Tables of the warehouse, made from the entities, records and dimensions; `python -m collectors.warehouse.schema` prints the DDL.

The printed DDL is what all migrations make together, but for the order of columns. A released migration is never edited: a new metric
becomes `ADD COLUMN` in a new file, and a test compares the migrated tables with this module.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from collectors.entities import ENTITIES, RECORDS, Entity
from collectors.warehouse.dimensions import DIMENSIONS, VALIDITY

LEVELS: Mapping[str, int] = {"5m": 300, "1h": 3600}
"""Windows that are kept, by name: their seconds."""
LOOKBACK = 3600
"""Seconds of silence across which an increase is still booked."""
DAY = 86400


@dataclass(frozen=True, slots=True)
class Table:
    """`day` is the time column by which days are rewritten and dropped (None: never); `order` the sort of a closed day."""

    name: str
    columns: tuple[tuple[str, str], ...]
    day: str | None = None
    order: tuple[str, ...] = ()
    partitioned: bool = False


def plural(name: str) -> str:
    return name + ("es" if name.endswith("s") else "s")


def id_column(entity: Entity) -> str:
    return f"{entity.name}_id"


def samples_table(entity: Entity) -> str:
    return f"{entity.name}_samples"


def roll_table(entity: Entity, level: str) -> str:
    return f"{entity.name}_roll{level}"


def fact_type(unit: str) -> str:
    return "TIMESTAMP" if unit == "time" else "VARCHAR"


def rolled_metrics(entity: Entity) -> tuple[str, ...]:
    """Metric columns of a window."""
    increases = tuple(f"{c.name}_inc" for c in entity.counters)
    return increases + tuple(f"{g.name}_{kind}" for g in entity.gauges for kind in ("avg", "max"))


def rolled() -> tuple[Entity, ...]:
    return tuple(e for e in ENTITIES.values() if e.rolled)


def _entity_tables(entity: Entity) -> list[Table]:
    key = (id_column(entity), "BIGINT")
    dimension = (("cluster", "VARCHAR"), key, *((c.name, fact_type(c.unit)) for c in entity.key + entity.facts))
    sample = (("cluster", "VARCHAR"), ("tick", "TIMESTAMP"), ("source", "VARCHAR"), ("ts", "TIMESTAMP"), key)
    window = (("cluster", "VARCHAR"), ("t", "TIMESTAMP"), ("source", "VARCHAR"), key, ("n", "INTEGER"), ("covered_ms", "BIGINT"))
    tables = [
        Table(plural(entity.name), (*dimension, ("first_seen", "TIMESTAMP")), "first_seen", (key[0],)),
        Table(samples_table(entity), (*sample, *((m.name, "DOUBLE") for m in entity.metrics)), "ts", (key[0], "ts"), True),
    ]
    if entity.rolled:
        metrics = tuple((m, "DOUBLE") for m in rolled_metrics(entity))
        tables += [Table(roll_table(entity, level), (*window, *metrics), "t", (key[0], "t"), True) for level in LEVELS]
    return tables


def tables() -> Mapping[str, Table]:
    """Every table by name, in the order of creation."""
    found = [
        Table(
            "ticks",
            (
                ("cluster", "VARCHAR"),
                ("tick", "TIMESTAMP"),
                ("source", "VARCHAR"),
                ("status", "VARCHAR"),
                ("n_rows", "INTEGER"),
                ("frames", "VARCHAR"),
                ("written_at", "TIMESTAMP"),
            ),
            "tick",
            ("cluster", "source", "tick"),
        )
    ]
    for entity in ENTITIES.values():
        found += _entity_tables(entity)
    for record in RECORDS.values():
        head = (("cluster", "VARCHAR"), ("tick", "TIMESTAMP"), ("source", "VARCHAR"))
        columns = (*head, *((name, kind) for name, kind, _, _ in record.columns))
        found.append(Table(plural(record.name), columns, "tick", ("tick",)))
    for dimension in DIMENSIONS.values():
        columns = tuple((name, kind) for name, kind, _, _ in (*dimension.columns, *VALIDITY))
        found.append(Table(plural(dimension.name), columns))
    return {t.name: t for t in found}


def ddl() -> str:
    """CREATE TABLE statements for everything. DuckLake knows no constraints, indexes or sequences, so there are none."""
    lines = ["-- Tables of the warehouse; printed by `python -m collectors.warehouse.schema`, never edited after a release."]
    for table in tables().values():
        columns = ",\n  ".join(f"{name} {kind}" for name, kind in table.columns)
        lines.append(f"CREATE TABLE wh.{table.name} (\n  {columns}\n);")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(ddl())
