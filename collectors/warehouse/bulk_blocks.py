"""What one call of a bulk load brings of one entity: as a frame, or as blocks that are in order already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from collectors.entities import Entity
from collectors.warehouse.frames import Things, described
from collectors.warehouse.schema import DAY, id_column
from collectors.warehouse.times import EPOCH
from models.domain.errors import Invalid

Values = NDArray[Any]
ARROW: Mapping[str, pa.DataType] = {
    "TIMESTAMP": pa.timestamp("us"),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
}
_DAY = DAY * 1_000_000


@dataclass(frozen=True, slots=True)
class Blocks:
    """Rows thing by thing: `rows[i]` has the columns of those of row i of `things` (key and facts), ascending in time.

    Times are microseconds since 1970 as whole numbers, all else numbers; what is not finite is not known. Far cheaper than a frame, which
    repeats key and facts in every row and has to be sorted.
    """

    things: pl.DataFrame
    rows: Sequence[Mapping[str, Values]]


class Made(Protocol):
    """Samples or windows of one entity in the form of the tables."""

    @property
    def entity(self) -> Entity: ...

    @property
    def things(self) -> pl.DataFrame:
        """Key, facts and id, one row each."""

    @property
    def height(self) -> int: ...

    def edges(self, column: str) -> tuple[datetime, datetime] | None:
        """First and last of a column of times."""

    def times(self, column: str) -> pl.Series:
        """A column of times, in any order."""

    def by_day(self, time: str) -> pa.Table:
        """All rows, day by day of the column `time`, each in the order of a closed day: by id and time."""


@dataclass(frozen=True, slots=True)
class Framed:
    """Of a frame."""

    of: Things

    @property
    def entity(self) -> Entity:
        return self.of.entity

    @property
    def things(self) -> pl.DataFrame:
        return self.of.things

    @property
    def height(self) -> int:
        return self.of.rows.height

    def edges(self, column: str) -> tuple[datetime, datetime] | None:
        return edges(self.of.rows, column)

    def times(self, column: str) -> pl.Series:
        return self.of.rows[column]

    def by_day(self, time: str) -> pa.Table:
        return self.of.rows.sort(pl.col(time).dt.truncate("1d"), id_column(self.entity), time).to_arrow()


@dataclass(frozen=True, slots=True)
class Stacked:
    """Of blocks. `types` are the columns with their types in DuckDB; the times among them are known in every row."""

    entity: Entity
    things: pl.DataFrame
    rows: Sequence[Mapping[str, Values]]
    types: Mapping[str, str]

    @property
    def height(self) -> int:
        return sum(len(block[next(iter(self.types))]) for block in self.rows)

    def edges(self, column: str) -> tuple[datetime, datetime] | None:
        found = self._ends(column)
        return (EPOCH + timedelta(microseconds=found[0]), EPOCH + timedelta(microseconds=found[1])) if found else None

    def _ends(self, column: str) -> tuple[int, int] | None:
        full = [block[column] for block in self.rows if len(block[column])]
        return (min(int(t[0]) for t in full), max(int(t[-1]) for t in full)) if full else None

    def times(self, column: str) -> pl.Series:
        whole = np.concatenate([block[column] for block in self.rows]) if self.rows else np.empty(0, np.int64)
        return pl.Series(column, whole.astype(np.int64, copy=False)).cast(pl.Datetime("us"))

    def by_day(self, time: str) -> pa.Table:
        key = id_column(self.entity)
        ids = self.things[key].to_numpy()
        order = [int(i) for i in np.argsort(ids, kind="stable")]
        cuts = self._cuts(time)
        pieces = [(i, cuts[i][d], cuts[i][d + 1]) for d in range(len(cuts[0]) - 1) for i in order if cuts[i][d] < cuts[i][d + 1]]
        lengths = [b - a for _, a, b in pieces]
        columns = {key: pa.array(np.repeat(ids[[i for i, _, _ in pieces]], lengths))}
        for name, kind in self.types.items():
            columns[name] = _arrow(np.concatenate([self.rows[i][name][a:b] for i, a, b in pieces]), kind)
        return pa.table(columns)

    def _cuts(self, time: str) -> list[list[int]]:
        """Of each block where its days begin, and its length."""
        first, last = self._ends(time) or (0, 0)
        days = np.arange(first // _DAY, last // _DAY + 2, dtype=np.int64) * _DAY
        return [np.searchsorted(block[time], days, "left").tolist() for block in self.rows]


def stacked(entity: Entity, blocks: Blocks, cluster: str, extra: Mapping[str, str], metrics: Iterable[str]) -> Stacked:
    """`blocks` checked: as many blocks as things, each thing once, the columns `extra` and any of `metrics` in every block."""
    if len(blocks.rows) != blocks.things.height:
        raise Invalid(f"The blocks of {entity.name} are {len(blocks.rows)} for {blocks.things.height} things.", field=entity.name)
    things = described(entity, blocks.things, cluster)
    if things.height != blocks.things.height:
        raise Invalid(f"The blocks of {entity.name} have a thing more than once.", field=entity.name)
    allowed = {**extra, **dict.fromkeys(metrics, "DOUBLE")}
    names = set().union(*(block.keys() for block in blocks.rows)) if blocks.rows else set(extra)
    strange = sorted(names - set(allowed))
    if strange:
        raise Invalid(f"The blocks of {entity.name} have unknown columns: {', '.join(strange)}.", field=entity.name)
    types = {name: kind for name, kind in allowed.items() if name in names}
    moments = [name for name, kind in types.items() if kind == "TIMESTAMP"]
    for block in blocks.rows:
        sizes = {len(values) for values in block.values()}
        if block.keys() != names or not set(extra) <= names or len(sizes) > 1:
            raise Invalid(
                f"The blocks of {entity.name} do not all have the same columns, of the same length each.", field=entity.name
            )
        for name in moments:
            at = block[name]
            if at.dtype != np.int64 or (at[1:] < at[:-1]).any():
                raise Invalid(f"The column {name} of {entity.name} is not whole microseconds that ascend.", field=name)
        for name in extra:
            if not np.isfinite(block[name]).all():
                raise Invalid(f"The blocks of {entity.name} have rows without {name}.", field=name)
    return Stacked(entity, things, blocks.rows, types)


def edges(frame: pl.DataFrame, column: str) -> tuple[datetime, datetime] | None:
    first, last = frame[column].min(), frame[column].max()
    return (first, last) if isinstance(first, datetime) and isinstance(last, datetime) else None


def _arrow(values: Values, kind: str) -> pa.Array:
    if kind != "DOUBLE":
        return pa.array(values.astype(np.int64 if kind != "INTEGER" else np.int32, copy=False)).cast(ARROW[kind])
    known = np.isfinite(values)
    return pa.array(values) if known.all() else pa.array(values, mask=~known)
