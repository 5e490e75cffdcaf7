"""The unit of writing: everything that one source said at one tick, stored whole or not at all, replaced when it comes again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import duckdb
import polars as pl

from collectors.entities import ENTITIES, RECORDS, Entity
from collectors.warehouse import marks
from collectors.warehouse.connection import Connection
from collectors.warehouse.frames import Things, kind, of_entity, of_record
from collectors.warehouse.reach import BACK, LastSeen, Span, around, reopen
from collectors.warehouse.schema import id_column, plural, samples_table
from collectors.warehouse.things import Changed, KnownThings
from collectors.warehouse.times import floor, inside, outside
from models.domain.clock import Clock
from models.domain.errors import Invalid

Gap = tuple[datetime, datetime]
STATUSES = ("ok", "lost")


@dataclass(frozen=True, slots=True)
class Prepared:
    """Frames in the form of the tables."""

    things: tuple[Things, ...]
    records: tuple[tuple[str, pl.DataFrame], ...]

    @property
    def names(self) -> str:
        return ",".join([t.entity.name for t in self.things] + [name for name, _ in self.records])

    @property
    def rows(self) -> int:
        return sum(t.rows.height for t in self.things) + sum(frame.height for _, frame in self.records)


def prepared(frames: Mapping[str, pl.DataFrame], cluster: str) -> Prepared:
    """`frames` checked and in the form of the tables; Invalid names the frame and the column that is wrong."""
    things, records = [], []
    for name, frame in frames.items():
        found = kind(name)
        if isinstance(found, Entity):
            made = of_entity(found, _whole(found, frame), cluster, {"ts": "TIMESTAMP"}, [m.name for m in found.metrics])
            rows = made.rows.unique([id_column(found), "ts"], keep="last", maintain_order=True)
            things.append(Things(found, rows, made.things))
        else:
            if frame.height and "ts" not in frame.columns:
                raise Invalid(f"The frame {name} lacks ts.", field=name)
            records.append((name, of_record(found, frame, {})))
    return Prepared(tuple(things), tuple(records))


def _whole(entity: Entity, frame: pl.DataFrame) -> pl.DataFrame:
    """An empty frame may come without columns."""
    if frame.width or frame.height:
        return frame
    return pl.DataFrame(schema={"ts": pl.Datetime("us", "UTC"), **{c.name: pl.String() for c in entity.key}})


class Ticks:
    """Writes and lists ticks. Every public method may be called from any thread."""

    def __init__(self, link: Connection, clock: Clock) -> None:
        self._link, self._clock = link, clock
        self.things, self.seen = KnownThings(link), LastSeen(link)
        self._newest: dict[tuple[str, str], datetime] = {}
        self._rolled: dict[tuple[str, str], datetime] = {}
        self._raw_dropped: datetime | None = None
        self._unsure = False
        self.reload()

    def reload(self) -> None:
        """Read anew what is kept in memory."""
        with self._link.lock:
            cursor = self._link.cursor()
            rows = cursor.execute("SELECT cluster, source, max(tick) FROM wh.ticks GROUP BY ALL").fetchall()
            cursor.close()
            self._newest = {(c, s): t for c, s, t in rows if ":" not in s}
            self._rolled = {(c, s.split(":", 2)[2]): t for c, s, t in rows if s.startswith("roll:5m:")}
            self._raw_dropped = max((t for _, s, t in rows if s == marks.RAW_DROPPED), default=None)
            self.things.forget()
            self.seen.clear()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """With the write lock, knowing what is stored: after a write that failed it is read anew, because a catalogue that went away in a
        commit may have made it, and then the same tick again has to replace what it wrote."""
        with self._link.lock:
            if self._unsure:
                self.reload()
            self._unsure = True
            yield
            self._unsure = False

    def append(self, tick: datetime, source: str, frames: Mapping[str, pl.DataFrame], cluster: str, status: str) -> int:
        t, source, now = inside(tick), marks.checked(source), inside(self._clock.now())
        if status not in STATUSES:
            raise Invalid(f"A tick is {' or '.join(STATUSES)}, not {status!r}.", field="status")
        ready = prepared(frames, cluster)
        with self._alone():
            newest = self._newest.get((cluster, source))
            late = newest is not None and t <= newest
            changed = [self.things.changed(made, cluster, t, late=late) for made in ready.things]
            span = None if late else self._span(cluster, source, ready, newest)
            removed = self._link.write(lambda con: self._store(con, t, source, ready, cluster, status, now, changed, span, late))
            for change in changed:
                self.things.keep(change)
            if removed:
                self.seen.forget(cluster, source)
            else:
                for made in ready.things:
                    self.seen.keep(cluster, source, made, newest)
            self._newest[cluster, source] = t if newest is None else max(t, newest)
        return ready.rows

    def _span(self, cluster: str, source: str, ready: Prepared, newest: datetime | None) -> Span | None:
        found = None
        for made in ready.things:
            if made.entity.rolled and (span := self.seen.span(cluster, source, made, newest)):
                found = span.join(found)
        return found

    def _store(
        self,
        con: duckdb.DuckDBPyConnection,
        t: datetime,
        source: str,
        ready: Prepared,
        cluster: str,
        status: str,
        now: datetime,
        changed: list[Changed],
        span: Span | None,
        late: bool,
    ) -> bool:
        """The whole transaction; whether rows were taken away."""
        removed = []
        if late:
            removed = self._remove(con, t, source, cluster)
            times = [made.rows[c].min() for made in ready.things for c in ("ts",)] + [
                made.rows["ts"].max() for made in ready.things
            ]
            span = around(t, *removed, *(x for x in times if isinstance(x, datetime)))
        for change in changed:
            change.write(con)
            for start in change.restarted:
                span = Span(start, start + BACK).join(span)
        for made in ready.things:
            _insert(con, samples_table(made.entity), made.rows, t, source, cluster)
        for name, frame in ready.records:
            _insert(con, plural(name), frame, t, source, cluster)
        con.execute("INSERT INTO wh.ticks VALUES (?, ?, ?, ?, ?, ?, ?)", [cluster, t, source, status, ready.rows, ready.names, now])
        if span and self._final(cluster, source, span):
            reopen(con, cluster, source, self.computable(span))
        return bool(removed)

    def _final(self, cluster: str, source: str, span: Span) -> bool:
        """Whether a window in `span` may be final. With other processes writing, their marks are not known here."""
        rolled = self._rolled.get((cluster, source))
        return self._link.postgres or (rolled is not None and span.since < rolled)

    def computable(self, span: Span) -> Span:
        """`span` without windows whose samples were dropped."""
        if self._raw_dropped is None:
            return span
        first = self._raw_dropped + BACK
        return Span(max(span.since, first), max(span.until, first))

    def _remove(self, con: duckdb.DuckDBPyConnection, t: datetime, source: str, cluster: str) -> list[datetime]:
        """Take the tick away, when it is there; times of its first and last samples."""
        at = [cluster, t, source]
        where = "WHERE cluster = ? AND tick = ? AND source = ?"
        found = con.execute(f"SELECT frames FROM wh.ticks {where}", at).fetchall()
        names = {name for (row,) in found for name in (row or "").split(",") if name}
        if not found and self._raw_dropped is not None and t < self._raw_dropped:
            names = {*ENTITIES, *RECORDS}  # heartbeats of dropped days are gone, records of those days are not
        times: list[datetime] = []
        for name in names:
            table = samples_table(ENTITIES[name]) if name in ENTITIES else plural(name)
            if name in ENTITIES:
                row = con.execute(f"SELECT min(ts), max(ts) FROM wh.{table} {where}", at).fetchone()
                times += [x for x in row or () if x is not None]
            con.execute(f"DELETE FROM wh.{table} {where}", at)
        if found:
            con.execute(f"DELETE FROM wh.ticks {where}", at)
            times.append(t)
        return times

    def heartbeat(self, tick: datetime, source: str, status: str, cluster: str) -> None:
        """A tick without data; one that is stored as collected stays what it is."""
        t, source, now = inside(tick), marks.checked(source), inside(self._clock.now())
        if status not in STATUSES:
            raise Invalid(f"A tick is {' or '.join(STATUSES)}, not {status!r}.", field="status")

        def work(con: duckdb.DuckDBPyConnection) -> None:
            at = [cluster, t, source]
            if con.execute("SELECT 1 FROM wh.ticks WHERE cluster = ? AND tick = ? AND source = ? AND status = 'ok'", at).fetchone():
                return
            con.execute("DELETE FROM wh.ticks WHERE cluster = ? AND tick = ? AND source = ?", at)
            con.execute("INSERT INTO wh.ticks VALUES (?, ?, ?, ?, 0, NULL, ?)", [*at, status, now])

        with self._alone():
            self._link.write(work)
            self._newest[cluster, source] = max(t, self._newest.get((cluster, source), t))

    def gaps(self, since: datetime, until: datetime, interval: float, source: str, cluster: str) -> list[Gap]:
        return [(outside(a), outside(b)) for a, b in self.runs(inside(since), inside(until), interval, source, cluster)]

    def runs(self, since: datetime, until: datetime, interval: float, source: str, cluster: str) -> list[Gap]:
        """Runs of missing ticks as stored times."""
        cursor = self._link.cursor()
        try:
            return cursor.execute(
                """WITH have AS (SELECT DISTINCT tick FROM wh.ticks WHERE cluster = $c AND source = $s AND tick > $a AND tick <= $b),
                miss AS (SELECT t FROM range($a::TIMESTAMP + to_seconds($i), $b::TIMESTAMP + INTERVAL 1 MICROSECOND, to_seconds($i)) r(t)
                  ANTI JOIN have ON tick = t),
                runs AS (SELECT t, t - to_seconds($i * row_number() OVER (ORDER BY t)) AS run FROM miss)
                SELECT min(t) - to_seconds($i), max(t) FROM runs GROUP BY run ORDER BY 1""",
                {"c": cluster, "s": source, "a": floor(since, interval), "b": until, "i": interval},
            ).fetchall()
        except duckdb.Error as error:
            raise self._link.sentence(error) from error
        finally:
            cursor.close()

    def all_newest(self) -> list[datetime]:
        """The newest tick of every source."""
        return list(self._newest.values())

    def newest(self, cluster: str, source: str) -> datetime | None:
        return self._newest.get((cluster, source))

    def rolled_to(self, cluster: str, source: str, at: datetime) -> None:
        """Windows up to `at` are final now."""
        self._rolled[cluster, source] = max(at, self._rolled.get((cluster, source), at))

    def raw_dropped(self, cut: datetime | None = None) -> datetime | None:
        """The time before which samples were dropped; `cut` moves it."""
        if cut is not None:
            self._raw_dropped = cut if self._raw_dropped is None else max(cut, self._raw_dropped)
        return self._raw_dropped


def _insert(con: duckdb.DuckDBPyConnection, table: str, frame: pl.DataFrame, t: datetime, source: str, cluster: str) -> None:
    if frame.is_empty():
        return
    con.register("batch", frame.to_arrow())
    try:
        con.execute(
            f"INSERT INTO wh.{table} BY NAME SELECT ? AS cluster, ?::TIMESTAMP AS tick, ? AS source, * FROM batch",
            [cluster, t, source],
        )
    finally:
        con.unregister("batch")
