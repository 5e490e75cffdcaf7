"""How far back a new sample reaches: which finished windows it changes.

An increase is spread over the time since the thing's last sample (for each counter: its last known value), so a sample after a silence
changes windows that are final already. A late or replaced tick changes everything within the look-back on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb
import polars as pl

from collectors.entities import ENTITIES, Entity
from collectors.warehouse import marks
from collectors.warehouse.connection import Connection
from collectors.warehouse.frames import Things
from collectors.warehouse.rollup_sql import STARTED
from collectors.warehouse.schema import LEVELS, LOOKBACK, id_column, samples_table
from collectors.warehouse.times import ceil, floor

BACK = timedelta(seconds=LOOKBACK)
TIME = pl.Datetime("us")
FAR = datetime(9999, 1, 1)  # noqa: DTZ001  a stored time after everything


@dataclass(frozen=True, slots=True)
class Span:
    """Stored times (since, until] whose windows a write changes."""

    since: datetime
    until: datetime

    def join(self, other: Span | None) -> Span:
        return self if other is None else Span(min(self.since, other.since), max(self.until, other.until))


def around(at: datetime, *times: datetime | None) -> Span:
    """What a late, replaced or deleted tick changes: the look-back on both sides of every sample that comes or goes."""
    known = [at, *(t for t in times if t is not None)]
    return Span(min(known) - BACK, max(known) + BACK)


def reopen(con: duckdb.DuckDBPyConnection, cluster: str, source: str, span: Span) -> None:
    """Take the marks from the windows in `span`: the next roll-up computes them anew."""
    for level, step in LEVELS.items():
        marks.remove_run(con, cluster, marks.rolled(level, source), floor(span.since, step), ceil(span.until, step))


class LastSeen:
    """Newest sample time per thing, and newest time with a known value per counter, for the length of the look-back."""

    def __init__(self, link: Connection) -> None:
        self._link = link
        self._frames: dict[tuple[str, str, str], pl.DataFrame] = {}

    def span(self, cluster: str, source: str, things: Things, newest: datetime | None) -> Span | None:
        """What an on-time frame changes; None: it has no rows. `newest` is the source's newest tick so far."""
        entity, rows = things.entity, things.rows
        if rows.is_empty():
            return None
        key = id_column(entity)
        seen = self._seen(cluster, source, entity, newest)
        have = [c.name for c in entity.counters if c.name in rows.columns]
        started = STARTED in things.things.columns
        joined = rows.select(key, "ts", *(pl.col(c).is_not_null() for c in have)).join(
            seen.rename({"ts": "l_row", **{c.name: f"l_{c.name}" for c in entity.counters}}), on=key, how="left"
        )
        if started:
            joined = joined.join(things.things.select(key, STARTED), on=key, how="left")
        born = _near(STARTED) if started else pl.lit(None, TIME)
        reach = [pl.when(pl.col("l_row").is_null()).then(born).otherwise(_near("l_row")).min().alias("row")]
        for c in have:
            last = pl.when(pl.col(f"l_{c}").is_null()).then(born).otherwise(_near(f"l_{c}"))
            reach.append(pl.when(pl.col(c)).then(last).min().alias(c))
        found = [t for t in joined.select(reach).row(0) if t is not None]
        first, last_ts = joined["ts"].min(), joined["ts"].max()
        assert isinstance(first, datetime)  # noqa: S101  the frame has rows and ts is never NULL
        assert isinstance(last_ts, datetime)  # noqa: S101
        return Span(min([first - timedelta(microseconds=1), *found]), last_ts)

    def keep(self, cluster: str, source: str, things: Things, newest: datetime | None) -> None:
        """The frame is committed; `newest` as before."""
        entity, rows = things.entity, things.rows
        if rows.is_empty():
            return
        key = id_column(entity)
        seen = self._seen(cluster, source, entity, newest)
        told = rows.select(
            key,
            "ts",
            *(
                (pl.when(pl.col(c.name).is_not_null()).then(pl.col("ts")) if c.name in rows.columns else pl.lit(None, TIME)).alias(
                    c.name
                )
                for c in entity.counters
            ),
        )
        merged = pl.concat([seen, told]).group_by(key).agg(pl.all().max())
        edge = merged["ts"].max()
        if isinstance(edge, datetime):
            merged = merged.filter(pl.col("ts") > edge - BACK)
        self._frames[cluster, source, entity.name] = merged

    def forget(self, cluster: str, source: str) -> None:
        for name in ENTITIES:
            self._frames.pop((cluster, source, name), None)

    def clear(self) -> None:
        """Forget everything, also of sources that are not stored any more."""
        self._frames.clear()

    def _seen(self, cluster: str, source: str, entity: Entity, newest: datetime | None) -> pl.DataFrame:
        at = (cluster, source, entity.name)
        if at not in self._frames:
            key, counters = id_column(entity), [c.name for c in entity.counters]
            columns = "".join(f", max(ts) FILTER ({c} IS NOT NULL) AS {c}" for c in counters)
            cursor = self._link.cursor()
            try:
                frame = cursor.execute(
                    f"SELECT {key}, max(ts) AS ts{columns} FROM wh.{samples_table(entity)} "
                    f"WHERE cluster = ? AND source = ? AND ts > ? GROUP BY {key}",
                    [cluster, source, newest - BACK if newest else FAR],
                ).pl()
            finally:
                cursor.close()
            self._frames[at] = frame.with_columns(pl.col("ts", *counters).cast(TIME))
        return self._frames[at]


def _near(column: str) -> pl.Expr:
    """The time in `column` when it lies before the sample and within the look-back."""
    then = pl.col(column)
    return pl.when((then < pl.col("ts")) & (pl.col("ts") - then <= BACK)).then(then)
