"""Empty and typed frames for entities and records, by the columns of `collectors.entities`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from collectors.entities import Entity, Record

TIME = pl.Datetime("us", "UTC")
"""Every time in a frame."""

_TYPES: Mapping[str, pl.DataType] = {
    "VARCHAR": pl.String(),
    "TIMESTAMP": TIME,
    "INTEGER": pl.Int32(),
    "DOUBLE": pl.Float64(),
    "BOOLEAN": pl.Boolean(),
}


def entity_schema(entity: Entity) -> dict[str, pl.DataType]:
    """`ts`, key, facts and metrics of an entity, in this order."""
    schema: dict[str, pl.DataType] = {"ts": TIME}
    schema |= {c.name: pl.String() for c in entity.key}
    schema |= {c.name: TIME if c.unit == "time" else pl.String() for c in entity.facts}
    return schema | {c.name: pl.Float64() for c in entity.metrics}


def record_schema(record: Record) -> dict[str, pl.DataType]:
    return {name: _TYPES[kind] for name, kind, _unit, _about in record.columns}


def entity_frame(entity: Entity, frame: pl.DataFrame | None = None) -> pl.DataFrame:
    """`frame` with every column of the entity in its type and place: what it lacks is unknown, what is foreign is dropped."""
    schema = entity_schema(entity)
    if frame is None:
        return pl.DataFrame(schema=schema)
    have = set(frame.columns)
    return frame.select((pl.col(name) if name in have else pl.lit(None)).cast(kind).alias(name) for name, kind in schema.items())


def record_frame(record: Record, rows: Iterable[Mapping[str, object]] = ()) -> pl.DataFrame:
    """Rows by column name as a typed frame; a missing name is unknown."""
    return pl.DataFrame(list(rows), schema=record_schema(record), orient="row")
