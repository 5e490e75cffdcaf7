"""Nightly care: closed days rewritten in order, old days dropped. Readers keep reading; a killed run begins again where it was."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

import duckdb

from collectors.entities import ENTITIES
from collectors.warehouse import marks
from collectors.warehouse.connection import Connection
from collectors.warehouse.schema import DAY, LEVELS, Table, plural, roll_table, samples_table, tables
from collectors.warehouse.ticks import Ticks
from collectors.warehouse.times import floor, inside
from models.domain.clock import Clock
from models.domain.errors import Invalid

HOUR = 3600
GRACE = "1 hour"
"""How long files of a lake outlive their rewriting: longer than the longest question and the longest copy for a backup."""
PASSING = ("event", "probe")
"""Records that are dropped with the 5-minute windows. States stay: a row holds until the next one."""


class Maintenance:
    def __init__(self, link: Connection, ticks: Ticks, clock: Clock) -> None:
        self._link, self._ticks, self._clock = link, ticks, clock

    def compact(self, now: datetime, grace: str = GRACE) -> int:
        """Spans that were rewritten."""
        at, done = inside(now), 0
        for span, table, waiting in self.waiting(at):
            filled = self._filled(table, span, waiting)
            for since in filled:
                self._link.write(partial(self._rewrite, table, span, since))
            rest = [since for since in waiting if since not in filled]
            if rest:
                self._link.write(partial(self._mark, table, span, rest))
            done += len(filled)
        self._tidy(done, grace)
        return done

    def unsorted(self) -> int:
        """Closed days with a table that waits for its rewriting, as of the newest tick."""
        newest = max(self._ticks.all_newest(), default=None)
        if newest is None:
            return 0
        waiting = " UNION ".join(
            f"(SELECT since FROM told WHERE {_fed_by(table.name)} "
            f"EXCEPT SELECT tick FROM done WHERE source = '{marks.is_sorted(table.name, DAY)}')"
            for table in self._sortable()
        )
        cursor = self._link.cursor()
        try:
            row = cursor.execute(
                "WITH told AS MATERIALIZED (SELECT DISTINCT time_bucket(to_seconds($day), tick - INTERVAL 1 MICROSECOND) AS since, "
                "source, frames FROM wh.ticks WHERE tick <= $e), "
                "done AS MATERIALIZED (SELECT source, tick FROM wh.ticks WHERE starts_with(source, 'sort:')) "
                f"SELECT count(*) FROM ({waiting})",
                {"day": DAY, "e": floor(newest, DAY)},
            ).fetchone()
        except duckdb.Error as error:
            raise self._link.sentence(error) from error
        finally:
            cursor.close()
        return int(row[0]) if row else 0

    def _sortable(self) -> list[Table]:
        return [table for table in tables().values() if table.day and (table.partitioned or self._link.lake)]

    def waiting(self, at: datetime) -> Iterator[tuple[int, Table, list[datetime]]]:
        """Closed spans that may not be in order: seconds, table, begins. A lake has a file per tick, so its hours are rewritten too."""
        for span in (HOUR, DAY) if self._link.lake else (DAY,):
            for table in self._sortable():
                found = self._closed(table, span, floor(at, span))
                if found:
                    yield span, table, found

    def _filled(self, table: Table, span: int, waiting: list[datetime]) -> list[datetime]:
        """Those of `waiting` in which the table has rows."""
        cursor = self._link.cursor()
        try:
            rows = cursor.execute(
                f"SELECT DISTINCT time_bucket(to_seconds({span}), {table.day}) AS since FROM wh.{table.name} "
                f"WHERE {table.day} >= ? AND {table.day} < ? ORDER BY since",
                [waiting[0], waiting[-1] + timedelta(seconds=span)],
            ).fetchall()
        except duckdb.Error as error:
            raise self._link.sentence(error) from error
        finally:
            cursor.close()
        wanted = set(waiting)
        return [since for (since,) in rows if since in wanted]

    def _closed(self, table: Table, span: int, edge: datetime) -> list[datetime]:
        cursor = self._link.cursor()
        try:
            rows = cursor.execute(
                f"SELECT DISTINCT time_bucket(to_seconds({span}), tick - INTERVAL 1 MICROSECOND) AS since FROM wh.ticks "
                f"WHERE tick <= $e AND {_fed_by(table.name)} EXCEPT SELECT tick FROM wh.ticks WHERE source IN ($s, $d) ORDER BY since",
                {"e": edge, "s": marks.is_sorted(table.name, span), "d": marks.is_sorted(table.name, DAY)},
            ).fetchall()
            if span == HOUR:  # an hour of a day that is in order needs no rewriting
                days = {
                    row[0]
                    for row in cursor.execute(
                        "SELECT tick FROM wh.ticks WHERE source = ?", [marks.is_sorted(table.name, DAY)]
                    ).fetchall()
                }
                return [since for (since,) in rows if floor(since, DAY) not in days]
            return [since for (since,) in rows]
        except duckdb.Error as error:
            raise self._link.sentence(error) from error
        finally:
            cursor.close()

    def _rewrite(self, table: Table, span: int, since: datetime, con: duckdb.DuckDBPyConnection) -> None:
        where = f"WHERE {table.day} >= TIMESTAMP '{since}' AND {table.day} < TIMESTAMP '{since + timedelta(seconds=span)}'"
        con.execute(f"CREATE OR REPLACE TEMP TABLE in_order AS FROM wh.{table.name} {where} ORDER BY {', '.join(table.order)}")
        con.execute(f"DELETE FROM wh.{table.name} {where}")
        con.execute(f"INSERT INTO wh.{table.name} FROM in_order")
        con.execute("DROP TABLE in_order")
        self._mark(table, span, [since], con)

    def _mark(self, table: Table, span: int, spans: list[datetime], con: duckdb.DuckDBPyConnection) -> None:
        now, mark = inside(self._clock.now()), marks.is_sorted(table.name, span)
        con.execute(
            "INSERT INTO wh.ticks SELECT $c, unnest($spans::TIMESTAMP[]), $s, 'ok', NULL, NULL, $n::TIMESTAMP",
            {"c": marks.ANY, "s": mark, "n": now, "spans": spans},
        )

    def _tidy(self, done: int, grace: str) -> None:
        """Give free space back. What cannot be done beside running questions is done the next time."""
        with self._link.lock, contextlib.suppress(duckdb.TransactionException):
            cursor = self._link.cursor()
            try:
                if not self._link.lake:
                    cursor.execute("CHECKPOINT wh")
                elif done:
                    cursor.execute(f"CALL ducklake_expire_snapshots('wh', older_than => now() - INTERVAL '{grace}')")
                    cursor.execute(f"CALL ducklake_cleanup_old_files('wh', older_than => now() - INTERVAL '{grace}')")
                    cursor.execute("CALL ducklake_delete_orphaned_files('wh', older_than => now() - INTERVAL '1 day')")
            except duckdb.TransactionException:
                raise
            except duckdb.Error as error:
                raise self._link.sentence(error) from error
            finally:
                cursor.close()

    def expire(self, now: datetime, raw_days: int, five_minute_days: int) -> None:
        """Whole UTC days go; samples only when their windows are final."""
        if raw_days < 1 or five_minute_days < raw_days:
            raise Invalid(
                "Samples are kept for at least a day, and 5-minute windows at least as long as samples.", field="raw_days"
            )
        today = floor(inside(now), DAY)
        raw, fine = today - timedelta(days=raw_days), today - timedelta(days=five_minute_days)

        def work(con: duckdb.DuckDBPyConnection) -> None:
            for entity in ENTITIES.values():
                con.execute(f"DELETE FROM wh.{samples_table(entity)} WHERE ts < ?", [raw])
                _forget(con, f"starts_with(source, 'sort:{samples_table(entity)}:')", raw)
                if entity.rolled:
                    con.execute(f"DELETE FROM wh.{roll_table(entity, '5m')} WHERE t <= ?", [fine])
                    _forget(con, f"starts_with(source, 'sort:{roll_table(entity, '5m')}:')", fine)
            for name in PASSING:
                con.execute(f"DELETE FROM wh.{plural(name)} WHERE ts < ?", [fine])
            _forget(con, "NOT contains(source, ':')", raw)
            _forget(con, "starts_with(source, 'roll:5m:')", fine)
            con.execute("DELETE FROM wh.ticks WHERE source = ?", [marks.RAW_DROPPED])
            marks.put(con, marks.ANY, marks.RAW_DROPPED, max(raw, self._ticks.raw_dropped() or raw), inside(self._clock.now()))

        with self._link.lock:
            self._link.write(work)
            self._ticks.raw_dropped(raw)


def _forget(con: duckdb.DuckDBPyConnection, which: str, cut: datetime) -> None:
    con.execute(f"DELETE FROM wh.ticks WHERE tick < ? AND {which}", [cut])


def _fed_by(table: str) -> str:
    """Which rows of `ticks` say that the table has rows of their time."""
    for entity in ENTITIES.values():
        if table == samples_table(entity):
            return f"NOT contains(source, ':') AND list_contains(string_split(frames, ','), '{entity.name}')"
        for level in LEVELS:
            if entity.rolled and table == roll_table(entity, level):
                return f"starts_with(source, 'roll:{level}:')"
    return "NOT contains(source, ':')"
