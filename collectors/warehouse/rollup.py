"""Finishing windows: 5 minutes from samples, hours from 5 minutes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from collectors.entities import Entity
from collectors.warehouse import marks
from collectors.warehouse.connection import Connection
from collectors.warehouse.rollup_sql import filled, filling, from_samples, from_windows
from collectors.warehouse.schema import LEVELS, LOOKBACK, roll_table
from collectors.warehouse.things import sampled
from collectors.warehouse.ticks import Ticks
from collectors.warehouse.times import floor, inside
from models.domain.clock import Clock

FINEST = "5m"
SETTLED = timedelta(minutes=10)
"""After so long a window is final even when its source has said nothing since."""
ROWS = 1_500_000
"""Samples that one transaction reads at most, about."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """A source of a cluster that has samples: which, since when, until when, and how many each hour."""

    cluster: str
    source: str
    entities: tuple[Entity, ...]
    first: datetime
    newest: datetime
    hourly: float


class Rollup:
    def __init__(self, link: Connection, ticks: Ticks, clock: Clock) -> None:
        self._link, self._ticks, self._clock = link, ticks, clock

    def run(self, upto: datetime) -> int:
        end, done = inside(upto), 0
        for source in self._sources():
            settled = end - SETTLED
            # a window is final when a later tick has come: the increase up to its edge needs the sample behind it
            final = max(min(end, source.newest - timedelta(microseconds=1)), settled)
            for level, step in LEVELS.items():
                for a, e in self._missing(source, level, step, floor(final, step)):
                    done += self._finish(source, level, step, a, e)
        return done

    def _sources(self) -> list[Sampled]:
        cursor = self._link.cursor()
        try:
            rows = cursor.execute(
                "SELECT cluster, source, string_agg(DISTINCT frames, ','), min(tick), max(tick), sum(n_rows), count(*) FROM wh.ticks "
                "WHERE NOT contains(source, ':') GROUP BY cluster, source ORDER BY cluster, source"
            ).fetchall()
        except duckdb.Error as error:
            raise self._link.sentence(error) from error
        finally:
            cursor.close()
        found = []
        for cluster, source, frames, first, newest, n, _ in rows:
            entities = tuple({e.name: e for e in sampled(frames) if e.rolled}.values())
            hours = max((newest - first).total_seconds() / 3600, 1 / 12)
            if entities:
                found.append(Sampled(cluster, source, entities, first, newest, (n or 0) / hours))
        return found

    def _missing(self, of: Sampled, level: str, step: int, upto: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Spans of windows that are not final, oldest first, short enough for one transaction."""
        since = floor(of.first - timedelta(microseconds=1), step)
        dropped = self._ticks.raw_dropped()
        if dropped is not None:
            since = max(since, floor(dropped, step))
        longest = timedelta(days=15) if level != FINEST else self._longest(of.hourly)
        for a, b in self._ticks.runs(since, upto, step, marks.rolled(level, of.source), of.cluster):
            while a < b:
                e = min(b, a + longest)
                yield a, e
                a = e

    @staticmethod
    def _longest(hourly: float) -> timedelta:
        margin = 2 * LOOKBACK / 3600
        return timedelta(hours=min(48, max(1, int(ROWS / max(hourly, 1) - margin))))

    def _finish(self, of: Sampled, level: str, step: int, a: datetime, e: datetime) -> int:
        mark, now = marks.rolled(level, of.source), inside(self._clock.now())
        bounds = {"cluster": of.cluster, "source": of.source, "a": a, "e": e}

        def work(con: duckdb.DuckDBPyConnection) -> None:
            marks.remove_run(con, of.cluster, mark, a, e)
            for entity in of.entities:
                table = roll_table(entity, level)
                con.execute(f"DELETE FROM wh.{table} WHERE cluster = $cluster AND source = $source AND t > $a AND t <= $e", bounds)
                if level == FINEST:
                    reach = {**bounds, "back": LOOKBACK}
                    counts = con.execute(filling(entity), reach).fetchone()
                    if counts and counts[0]:
                        windows = from_samples(entity, step, filled(entity, counts))
                        con.execute(f"INSERT INTO wh.{table} BY NAME {windows}", reach)
                else:
                    con.execute(f"INSERT INTO wh.{table} BY NAME {from_windows(entity, FINEST, step)}", bounds)
            marks.put_run(con, of.cluster, mark, a, e, step, now)

        with self._link.lock:
            self._link.write(work)
            if level == FINEST:
                self._ticks.rolled_to(of.cluster, of.source, e)
        return int((e - a).total_seconds() // step)
