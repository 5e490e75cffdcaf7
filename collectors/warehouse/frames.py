"""From a source's frames to rows of the tables: types checked, ids given, nothing that is not known made up."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from collectors.entities import ENTITIES, RECORDS, Entity, Record
from collectors.warehouse.schema import fact_type, id_column
from models.domain.errors import Invalid

TYPES: Mapping[str, pl.DataType] = {
    "TIMESTAMP": pl.Datetime("us"),
    "VARCHAR": pl.String(),
    "DOUBLE": pl.Float64(),
    "INTEGER": pl.Int32(),
    "BIGINT": pl.Int64(),
    "BOOLEAN": pl.Boolean(),
}


@dataclass(frozen=True, slots=True)
class Things:
    """Samples or windows of one entity: `rows` with the id, and `things` with key, facts and id, one row each."""

    entity: Entity
    rows: pl.DataFrame
    things: pl.DataFrame


def kind(name: str) -> Entity | Record:
    found = ENTITIES.get(name) or RECORDS.get(name)
    if found is None:
        raise Invalid(f"There is no measurement called {name!r}; there are {', '.join([*ENTITIES, *RECORDS])}.", field="frames")
    return found


def thing_id(cluster: str, key: Iterable[str]) -> int:
    """Stable number of a thing: 16 bits of its cluster and first key column, then 47 bits of the whole key.

    It needs no sequence, so it is the same in every process, retry and restored copy. The first key column (the namespace, where there is
    one) leads, so a tenant is one range of the sort order and questions about it skip the rest.
    """
    parts = tuple(key)
    return (_hash((cluster, parts[0])) & 0xFFFF) << 47 | _hash((cluster, *parts)) & ((1 << 47) - 1)


def _hash(parts: tuple[str, ...]) -> int:
    return int.from_bytes(hashlib.md5("\0".join(parts).encode(), usedforsecurity=False).digest()[:8], "big")


def typed(frame: pl.DataFrame, columns: Mapping[str, str], what: str) -> pl.DataFrame:
    """`frame` with exactly the columns it has of `columns`, as DuckDB stores them: times naive UTC, numbers that are not finite NULL."""
    strange = [c for c in frame.columns if c not in columns]
    if strange:
        raise Invalid(f"The frame {what} has unknown columns: {', '.join(strange)}.", field=what)
    casts = []
    for name in frame.columns:
        have, want = frame.schema[name], TYPES[columns[name]]
        column = pl.col(name)
        if columns[name] == "TIMESTAMP":
            if isinstance(have, pl.Datetime) and have.time_zone is None:
                raise Invalid(f"The times in {what}.{name} have no time zone; pass aware datetimes.", field=name)
            column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if isinstance(have, pl.Datetime) else column
        column = column.cast(want)
        if columns[name] == "DOUBLE":
            column = pl.when(column.is_finite()).then(column)
        casts.append(column.alias(name))
    try:
        return frame.select(casts)
    except (pl.exceptions.PolarsError, OverflowError) as error:
        raise Invalid(f"The frame {what} has values of a wrong type: {str(error).splitlines()[0]}", field=what) from error


def of_entity(entity: Entity, frame: pl.DataFrame, cluster: str, extra: Mapping[str, str], metrics: Iterable[str]) -> Things:
    """Rows and things of `frame`, whose columns are `extra` (all required), key (required), facts and `metrics`."""
    keys = [c.name for c in entity.key]
    facts = {c.name: fact_type(c.unit) for c in entity.facts}
    missing = [c for c in (*extra, *keys) if c not in frame.columns]
    if missing:
        raise Invalid(f"The frame {entity.name} lacks {', '.join(missing)}.", field=entity.name)
    columns = {**extra, **dict.fromkeys(keys, "VARCHAR"), **facts, **dict.fromkeys(metrics, "DOUBLE")}
    rows = typed(frame, columns, entity.name)
    if any(rows[c].null_count() for c in (*extra, *keys)):
        raise Invalid(f"The frame {entity.name} has rows without {' or '.join((*extra, *keys))}.", field=entity.name)
    have = [c for c in facts if c in rows.columns]
    things = _told(entity, rows, cluster, have)
    rows = rows.join(things.select(*keys, id_column(entity)), on=keys, how="left", maintain_order="left").drop(*keys, *have)
    return Things(entity, rows, things)


def described(entity: Entity, frame: pl.DataFrame, cluster: str) -> pl.DataFrame:
    """Things of `frame`, whose columns are key (required) and facts: one row each, with its id."""
    keys = [c.name for c in entity.key]
    if any(c not in frame.columns or frame[c].null_count() for c in keys):
        raise Invalid(f"The things of {entity.name} need {', '.join(keys)}.", field=entity.name)
    facts = {c.name: fact_type(c.unit) for c in entity.facts}
    rows = typed(frame, {**dict.fromkeys(keys, "VARCHAR"), **facts}, entity.name)
    return _told(entity, rows, cluster, [c for c in facts if c in rows.columns])


def _told(entity: Entity, rows: pl.DataFrame, cluster: str, facts: list[str]) -> pl.DataFrame:
    """Each thing with the newest known value of its facts, and its id."""
    keys = [c.name for c in entity.key]
    things = rows.group_by(keys, maintain_order=True).agg(pl.col(c).drop_nulls().last() for c in facts)
    ids = [thing_id(cluster, key) for key in things.select(keys).iter_rows()]
    return things.with_columns(pl.Series(id_column(entity), ids, pl.Int64))


def of_record(record: Record, frame: pl.DataFrame, extra: Mapping[str, str]) -> pl.DataFrame:
    """Rows of a record; columns that the frame does not have are not known."""
    return typed(frame, {**extra, **{name: kind for name, kind, _, _ in record.columns}}, record.name)
