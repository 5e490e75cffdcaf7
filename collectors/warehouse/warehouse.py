"""The warehouse as its owner uses it: what may be called, and what each call promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import polars as pl

from collectors.warehouse import views
from collectors.warehouse.announcement import Announcement
from collectors.warehouse.bulk import BulkLoad
from collectors.warehouse.bulk_blocks import Blocks
from collectors.warehouse.connection import Connection
from collectors.warehouse.dictionary import ColumnDoc, describe
from collectors.warehouse.export import export
from collectors.warehouse.health import WarehouseHealth, WarehouseSizes, measure, weigh
from collectors.warehouse.maintenance import Maintenance
from collectors.warehouse.migrate import migrate
from collectors.warehouse.oblivion import forget
from collectors.warehouse.publication import publish
from collectors.warehouse.questions import Params, Questions, bound, decoded
from collectors.warehouse.refill import Refilled, refill
from collectors.warehouse.rollup import Rollup
from collectors.warehouse.ticks import Ticks
from models.domain.clock import Clock, SystemClock

__all__ = ["Params", "Warehouse"]

P = ParamSpec("P")
T = TypeVar("T")


def _told(method: Callable[Concatenate[Warehouse, P], T]) -> Callable[Concatenate[Warehouse, P], T]:
    """What DuckDB raises in `method` leaves it as a sentence."""

    @wraps(method)
    def sentences(self: Warehouse, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._link.told():
            return method(self, *args, **kwargs)

    return sentences


class Warehouse:
    """The owner of a warehouse: the only process that writes it (PostgreSQL: one of several). Any thread may call anything.

    All times are aware UTC. `tick` is the right edge of a collection interval: it owns the samples in (tick - interval, tick].
    Every write is whole or not at all, also when the process is killed, and may be repeated. A wrong argument raises Invalid; a full
    disk DiskFull and a catalogue that is away Unavailable, after which the same call may succeed later; a broken file Damaged.
    """

    def __init__(self, link: Connection, clock: Clock | None = None) -> None:
        self._link, self._clock = link, clock or SystemClock()
        try:
            self._start()
        except BaseException:
            link.close()
            raise

    def _start(self) -> None:
        link = self._link
        with link.told():
            link.check()
            migrate(link, self._clock.now())
            self._prepare()
            link.reopened = self._prepare
            self._ticks = Ticks(link, self._clock)
            self._rollup = Rollup(link, self._ticks, self._clock)
            self._maintenance = Maintenance(link, self._ticks, self._clock)
            self._announcement = Announcement(link)
            self._bulk = BulkLoad(link, self._ticks, self._clock)
            self._questions = Questions(link)
            self._windows = 0

    def _prepare(self) -> None:
        views.create(self._link.cursor(), shared=self._link.postgres)
        self._link.seal()

    @_told
    def append(
        self, tick: datetime, source: str, frames: Mapping[str, pl.DataFrame], *, cluster: str = "default", status: str = "ok"
    ) -> int:
        """Store what `source` said at `tick`, in place of what it said at that tick before; rows stored.

        `frames` are by entity or record of `collectors.entities`; an empty frame says that there was nothing. A collection that failed is
        not appended: it stays a gap. A late tick may come at any time, the windows that it changes are computed anew by the next roll-up.
        """
        return self._ticks.append(tick, source, frames, cluster, status)

    @_told
    def heartbeat(self, tick: datetime, source: str, status: str = "lost", *, cluster: str = "default") -> None:
        """Close a tick without data: `lost` can never be filled, so `gaps` stops naming it. A tick that is stored stays."""
        self._ticks.heartbeat(tick, source, status, cluster)

    @_told
    def gaps(
        self, since: datetime, until: datetime, interval_seconds: float, source: str, *, cluster: str = "default"
    ) -> list[tuple[datetime, datetime]]:
        """Runs of missing ticks of the grid in (since, until], each as (a, b], oldest first."""
        return self._ticks.gaps(since, until, interval_seconds, source, cluster)

    @_told
    def bulk_load(
        self,
        source: str,
        frames: Mapping[str, pl.DataFrame | Blocks],
        *,
        ticks: Sequence[datetime] | None = None,
        windows: Mapping[str, pl.DataFrame | Blocks] | None = None,
        cluster: str = "default",
    ) -> int:
        """Many ticks at once, into a time that is empty; may be called with a day at a time. Then `rollup(upto)` as always.

        Each of `frames` (entity or record) has a column `tick` beside the columns of `append`; `ticks` are all ticks of the period
        (default: those in the frames). `windows` are finished 5-minute windows per entity for a time before the raw rows: `t` (end of
        the window), key and facts, `n`, `covered_ms`, `<counter>_inc`, `<gauge>_avg` and `<gauge>_max`, whole hours only; the hourly
        ones are made from them. Much of it is given as `Blocks` instead of frames: no key in every row, no sorting.
        """
        try:
            return self._bulk.load(source, frames, ticks, windows or {}, cluster)
        finally:
            self._windows += 1

    @_told
    def bulk_loads(self, loads: Callable[[], None]) -> None:
        """Call `loads`; everything that it gives to `bulk_load` is stored in one transaction, or nothing when it raises. A long past is
        stored a fifth cheaper so. Other writes wait; questions, also those of `loads`, see none of it before it is over."""
        self._bulk.together(loads)

    @_told
    def rollup(self, upto: datetime) -> int:
        """Compute every window up to `upto` that is final and not yet computed; windows of 5 minutes and of an hour that were made.

        A window is final when its source has a later tick, or when it ended ten minutes before `upto`: pass the present.
        """
        with self._link.maintenance() as mine:
            made = self._rollup.run(upto) if mine else 0
        self._windows += bool(made)
        return made

    @_told
    def compact(self, now: datetime) -> int:
        """Rewrite every closed day (of a lake also every closed hour) in the order of things, once; spans rewritten."""
        with self._link.maintenance() as mine:
            return self._maintenance.compact(now) if mine else 0

    @_told
    def expire(self, now: datetime, *, raw_days: int = 15, five_minute_days: int = 395) -> None:
        """Drop whole UTC days of samples and of 5-minute windows that are older; hourly windows stay for ever. Windows are finished
        before their samples go. Then `compact`."""
        self.rollup(now)
        with self._link.maintenance() as mine:
            if mine:
                self._maintenance.expire(now, raw_days, five_minute_days)
                self._windows += 1
                self._maintenance.compact(now)

    @_told
    def export(self, folder: Path | str, day: datetime) -> list[Path]:
        """The UTC day of `day` as Parquet under `folder`, one file per table, each replaced as a whole; the files."""
        return export(self._link, Path(folder), day)

    @_told
    def refill(self, folder: Path | str) -> Refilled:
        """Put back what `export` wrote under `folder`. A day is replaced when the warehouse has fewer of its ticks, so the same again
        changes nothing. Invalid when a file is no export of this program; then nothing was written."""
        try:
            return refill(self._link, Path(folder))
        finally:
            self._ticks.reload()
            self._windows += 1

    @_told
    def query(self, sql: str, params: Params = None) -> pl.DataFrame:
        """One SELECT over the views that `describe` lists. Aware times go in, times come back as aware UTC. Raises BadQuestion."""
        return self._questions.query(sql, params)

    @_told
    def publish(self, name: str, frame: pl.DataFrame, at: datetime) -> int:
        """All rows of a dimension as they are at `at`; rows that were begun or closed. A row that is not in `frame` any more ends at `at`.

        A new row holds from `valid_from`, when the frame has that column; else from its `created_at`; else, in a dimension that was never
        published, from the beginning of what is stored; else from `at`. The same facts again change nothing.
        """
        return publish(self._link, name, frame, at)

    @_told
    def forget(self, name: str, keys: Sequence[str]) -> int:
        """Take the names out of a dimension's rows that are over; how many had any. `keys` are ids of anonymised things."""
        return forget(self._link, name, keys)

    @_told
    def health(self) -> WarehouseHealth:
        """Newest ticks, gaps, roll-up lag, sizes, and days that wait to be sorted."""
        return measure(self._link, self._maintenance.unsorted())

    @_told
    def sizes(self) -> WarehouseSizes:
        """The sizes that `health` says, much faster."""
        return weigh(self._link, self._maintenance.unsorted())

    def describe(self) -> list[ColumnDoc]:
        """Every column of every view with type, unit and meaning."""
        return describe()

    def stream(self, sql: str, params: Params = None, max_seconds: float = 60.0) -> Iterator[bytes]:
        """`query` as chunks of an Arrow stream with times as stored; the first comes when the question is known to be good."""
        return self._questions.stream(sql, bound(params), max_seconds)

    def answer(self, body: bytes, max_seconds: float = 60.0) -> Iterator[bytes]:
        """`stream` for the body that a reader in another process posted: what the server's loopback route calls."""
        sql, stored = decoded(body)
        return self._questions.stream(sql, stored, max_seconds)

    def announce(self, url: str) -> None:
        """Write `<file>.reader.json` (0600) with `url` (the full address of the loopback route) and a fresh token."""
        self._announcement.write(url)

    def check_token(self, header: str | None) -> bool:
        """Whether the Authorization header `Bearer <token>` carries the announced token."""
        return self._announcement.check(header)

    @property
    def version(self) -> int:
        """Another number after every commit; where other processes write too, of which nobody is told, one of each five seconds."""
        return self._moment(5) if self._link.postgres else self._link.version

    @property
    def windows_version(self) -> int:
        """The same of the windows of 5 minutes and of an hour, which change seldom; one of each minute where others write too."""
        return self._moment(60) if self._link.postgres else self._windows

    def _moment(self, seconds: int) -> int:
        return int(self._clock.now().timestamp() // seconds)

    def close(self) -> None:
        """Let go of the file; what is stored is complete."""
        self._announcement.withdraw()
        self._link.close()
