"""Loading a long past at once, with the same rows as if each tick had been appended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb
import polars as pl

from collectors.entities import Entity
from collectors.warehouse import marks
from collectors.warehouse.bulk_blocks import Blocks, Framed, Made, edges, stacked
from collectors.warehouse.bulk_rows import Joined
from collectors.warehouse.connection import Connection
from collectors.warehouse.frames import Things, kind, of_entity, of_record
from collectors.warehouse.rollup import FINEST
from collectors.warehouse.schema import DAY, LEVELS, plural, roll_table, rolled_metrics, samples_table
from collectors.warehouse.things import Changed
from collectors.warehouse.ticks import Ticks
from collectors.warehouse.times import ceil, floor, inside
from models.domain.clock import Clock
from models.domain.errors import Invalid

HOUR = LEVELS["1h"]
FIVE = LEVELS[FINEST]


@dataclass(frozen=True, slots=True)
class Load:
    """Everything of one call in the form of the tables."""

    samples: tuple[Made, ...]
    records: tuple[tuple[str, pl.DataFrame], ...]
    windows: tuple[Made, ...]
    ticks: pl.DataFrame

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """First and last tick."""
        return edges(self.ticks, "tick")

    @property
    def hours(self) -> tuple[datetime, datetime] | None:
        """The whole hours (a, e] of the windows."""
        found = [span for made in self.windows if (span := made.edges("t"))]
        if not found:
            return None
        first, last = min(a for a, _ in found), max(e for _, e in found)
        return floor(first - timedelta(microseconds=1), HOUR), ceil(last, HOUR)


class BulkLoad:
    def __init__(self, link: Connection, ticks: Ticks, clock: Clock) -> None:
        self._link, self._ticks, self._clock = link, ticks, clock
        self._joined: Joined | None = None

    def together(self, loads: Callable[[], None]) -> None:
        """As `Warehouse.bulk_loads` promises."""

        def work(con: duckdb.DuckDBPyConnection) -> None:
            self._joined = Joined(con)
            try:
                loads()
                self._joined.finish()
            finally:
                self._joined = None

        with self._link.lock:
            try:
                self._link.write(work, tries=1)  # what generates the rows may not be able to do it again
            finally:
                self._ticks.reload()

    def load(
        self,
        source: str,
        frames: Mapping[str, pl.DataFrame | Blocks],
        ticks: Sequence[datetime] | None,
        windows: Mapping[str, pl.DataFrame | Blocks],
        cluster: str,
    ) -> int:
        source, now = marks.checked(source), inside(self._clock.now())
        ready = _prepared(frames, ticks, windows, cluster)
        with self._link.lock:
            changed = self._changed(ready, cluster)
            if self._joined is not None:
                self._store(self._joined.con, self._joined, source, ready, changed, cluster, now)
                for change in changed:
                    self._ticks.things.keep(change)
            else:
                self._link.write(lambda con: self._alone(con, source, ready, changed, cluster, now))
                self._ticks.reload()
        return sum(made.height for made in ready.samples + ready.windows) + sum(f.height for _, f in ready.records)

    def _changed(self, ready: Load, cluster: str) -> list[Changed]:
        """Things to write, one entry per entity: those of windows and samples together, the samples' facts last."""
        found = []
        all_made = [(made, "t") for made in ready.windows] + [(made, "tick") for made in ready.samples]
        for name in {made.entity.name: None for made, _ in all_made}:
            parts = [(made, time) for made, time in all_made if made.entity.name == name]
            entity = parts[0][0].entity
            key = [c.name for c in entity.key]
            things = pl.concat([made.things for made, _ in parts], how="diagonal")
            rest = [c for c in things.columns if c not in key]
            things = things.group_by(key, maintain_order=True).agg(pl.col(c).drop_nulls().last() for c in rest)
            seen = [span[0] for made, time in parts if (span := made.edges(time))]
            if seen:
                found.append(self._ticks.things.changed(Things(entity, things, things), cluster, min(seen), late=False))
        return found

    def _alone(
        self, con: duckdb.DuckDBPyConnection, source: str, ready: Load, changed: list[Changed], cluster: str, now: datetime
    ) -> None:
        rows = Joined(con)
        self._store(con, rows, source, ready, changed, cluster, now)
        rows.finish()

    def _store(
        self,
        con: duckdb.DuckDBPyConnection,
        into: Joined,
        source: str,
        ready: Load,
        changed: list[Changed],
        cluster: str,
        now: datetime,
    ) -> None:
        self._refuse_full(con, source, ready, cluster)
        for change in changed:
            change.write(con)
        for made in ready.samples:
            self._insert_days(con, into, samples_table(made.entity), made, "ts", source, cluster, now)
        for name, frame in ready.records:
            into.add(plural(name), frame.to_arrow(), source, cluster)
        con.register("loaded_ticks", ready.ticks.to_arrow())
        con.execute("INSERT INTO wh.ticks SELECT ?, tick, ?, 'ok', n_rows, frames, ? FROM loaded_ticks", [cluster, source, now])
        con.unregister("loaded_ticks")
        if ready.hours is None:
            return
        a, e = ready.hours
        for made in ready.windows:
            self._insert_days(con, into, roll_table(made.entity, FINEST), made, "t", source, cluster, now)
            into.hours(made.entity, source, cluster, a, e)
        for level, step in LEVELS.items():
            marks.put_run(con, cluster, marks.rolled(level, source), a, e, step, now)

    def _insert_days(
        self,
        con: duckdb.DuckDBPyConnection,
        into: Joined,
        table: str,
        made: Made,
        time: str,
        source: str,
        cluster: str,
        now: datetime,
    ) -> None:
        """Every day in the order of `compact`; a day that the load reaches the end of is not sorted again."""
        span = made.edges("tick" if time == "ts" else time)
        if span is None:
            return
        into.add(table, made.by_day(time), source, cluster)
        mark, day = marks.is_sorted(table, DAY), floor(span[0] - timedelta(microseconds=1), DAY)
        con.execute("DELETE FROM wh.ticks WHERE source = ? AND tick >= ? AND tick < ?", [mark, day, floor(span[1], DAY)])
        while day + timedelta(seconds=DAY) <= span[1]:
            marks.put(con, marks.ANY, mark, day, now)
            day += timedelta(seconds=DAY)

    def _refuse_full(self, con: duckdb.DuckDBPyConnection, source: str, ready: Load, cluster: str) -> None:
        """Invalid when there is something of this source in the time of the load."""
        count = "SELECT count(*) FROM wh.ticks WHERE cluster = ? AND source = ? AND tick >= ? AND tick <= ?"
        checks = []
        if ready.span:
            checks.append((source, *ready.span))
            checks += [(marks.rolled(level, source), ready.span[0], ceil(ready.span[1], step)) for level, step in LEVELS.items()]
        if ready.hours:
            a, e = ready.hours[0] + timedelta(microseconds=1), ready.hours[1]
            checks += [(source, a, e)] + [(marks.rolled(level, source), a, e) for level in LEVELS]
        for name, a, e in checks:
            found = con.execute(count, [cluster, name, a, e]).fetchone()
            if found and found[0]:
                raise Invalid(
                    f"There is data of {source} between {a} and {e} already; a bulk load needs an empty time.", field="frames"
                )


def _prepared(
    frames: Mapping[str, pl.DataFrame | Blocks],
    ticks: Sequence[datetime] | None,
    windows: Mapping[str, pl.DataFrame | Blocks],
    cluster: str,
) -> Load:
    samples: list[Made] = []
    records, loaded = [], []
    for name, frame in frames.items():
        found = kind(name)
        if isinstance(found, Entity):
            samples.append(_made(found, frame, cluster, {"tick": "TIMESTAMP", "ts": "TIMESTAMP"}, [m.name for m in found.metrics]))
        elif isinstance(frame, Blocks):
            raise Invalid(f"{name} is a record; records are loaded as frames.", field="frames")
        else:
            records.append((name, of_record(found, frame, {"tick": "TIMESTAMP"})))
    for name, frame in windows.items():
        found = kind(name)
        if not isinstance(found, Entity) or not found.rolled:
            raise Invalid(f"{name} has no windows.", field="windows")
        loaded.append(_windows(found, frame, cluster))
    counts = [made.times("tick").to_frame().group_by("tick").len() for made in samples]
    counts += [f.group_by("tick").len() for _, f in records if f.height]
    names = ",".join(frames)
    told = pl.concat([pl.DataFrame(schema={"tick": pl.Datetime("us"), "len": pl.UInt32}), *counts])
    if ticks is not None:
        given = pl.DataFrame({"tick": [inside(t) for t in ticks]}, schema={"tick": pl.Datetime("us")}).unique()
        if told.join(given, on="tick", how="anti").height:
            raise Invalid("The frames have ticks that are not in `ticks`.", field="ticks")
        told = pl.concat([told, given.with_columns(pl.lit(0, pl.UInt32).alias("len"))])
    own = told.group_by("tick").agg(pl.col("len").sum().cast(pl.Int32).alias("n_rows")).sort("tick")
    return Load(tuple(samples), tuple(records), tuple(loaded), own.with_columns(pl.lit(names).alias("frames")))


def _made(entity: Entity, frame: pl.DataFrame | Blocks, cluster: str, extra: Mapping[str, str], metrics: Sequence[str]) -> Made:
    if isinstance(frame, Blocks):
        return stacked(entity, frame, cluster, extra, metrics)
    return Framed(of_entity(entity, frame, cluster, extra, metrics))


def _windows(entity: Entity, frame: pl.DataFrame | Blocks, cluster: str) -> Made:
    made = _made(entity, frame, cluster, {"t": "TIMESTAMP", "n": "INTEGER", "covered_ms": "BIGINT"}, rolled_metrics(entity))
    ends = made.times("t")
    off = ends.filter(ends.dt.epoch("us") % (FIVE * 1_000_000) != 0)
    if len(off):
        raise Invalid(f"The windows of {entity.name} do not end on whole five minutes, such as {off[0]}.", field="t")
    return made
