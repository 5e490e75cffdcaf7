"""Missing ticks of one source: which there are, and filling them without standing in the way of the live ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from collectors import windows
from collectors.sources.port import NOT_SAMPLED, ChunkedMetricsSource, MetricsSource, Reading, Window
from collectors.warehouse import Warehouse
from models.domain.errors import PlatformError

SETTLED = timedelta(minutes=5)
"""After so long no more samples are expected to arrive for a window."""
ROWS_AT_ONCE = 200_000
FEWEST, MOST = 10, 240
"""Windows that are read with one question: few of a large cluster, many of a small one."""
PATIENCE = 3
"""Chunks that may fail one after another before the rest is left for later."""


class GapFiller:
    """Fills the gaps of one metrics source. `halted` says that the process ends."""

    def __init__(
        self,
        source: MetricsSource,
        warehouse: Warehouse,
        *,
        cluster: str,
        interval: timedelta,
        lateness: Callable[[], timedelta],
        history: timedelta,
        halted: Callable[[], bool],
    ) -> None:
        self._source, self._warehouse, self._cluster = source, warehouse, cluster
        self._interval, self._lateness, self._history, self._halted = interval, lateness, history, halted

    def fill(self, now: datetime, rows_a_tick: int) -> str:
        """Read and store what is missing up to `now`, mark what can never be read; why something is left, or an empty string."""
        spans = missing(self._warehouse, self._source.name, self._cluster, self._interval, self._upto(now))
        before = self._before(now)
        if not spans and before is None:
            return ""
        try:
            oldest = self._source.oldest()
        except PlatformError as error:
            return str(error)
        if before is not None and oldest is not None:
            # nobody missed anything before the first tick, so what the source has forgotten of that time is no loss
            since = max(before[0], windows.floor(oldest, self._interval) + self._interval)
            spans = ([(since, before[1])] if since < before[1] else []) + spans
        longest = max(FEWEST, min(MOST, ROWS_AT_ONCE // max(1, rows_a_tick)))
        found = windows.plan(spans, oldest, self._interval, longest)
        problem = self._read(found.chunks, now)
        for tick in ticks(found.lost, self._interval):
            if self._halted():
                break
            self._warehouse.heartbeat(tick, self._source.name, cluster=self._cluster)
        return problem

    def _upto(self, now: datetime) -> datetime:
        return windows.newest_closed(now, self._interval, self._lateness()).end

    def _before(self, now: datetime) -> windows.Span | None:
        """The time before the first tick that is to be read too."""
        if not self._history:
            return None
        first = edges(self._warehouse, self._source.name, self._cluster)
        since = windows.floor(now - self._history, self._interval)
        return (since, first[0] - self._interval) if first and since < first[0] - self._interval else None

    def _read(self, chunks: Iterable[Sequence[Window]], now: datetime) -> str:
        problem, failures = "", 0
        for chunk in chunks:
            if self._halted():
                break
            try:
                for window, reading in self._readings(chunk):
                    if self._halted():
                        break
                    self._store(window, reading, now)
                failures = 0
            except PlatformError as error:
                problem, failures = str(error), failures + 1
                if failures == PATIENCE:
                    break
        return problem

    def _readings(self, chunk: Sequence[Window]) -> Iterator[tuple[Window, Reading]]:
        if isinstance(self._source, ChunkedMetricsSource):
            yield from self._source.read_many(chunk)
        else:
            for window in chunk:
                yield window, self._source.read(window)

    def _store(self, window: Window, reading: Reading, now: datetime) -> None:
        if all(finding.code != NOT_SAMPLED for finding in reading.findings):
            self._warehouse.append(window.end, self._source.name, reading.frames, cluster=self._cluster)
        elif window.end < now - SETTLED:
            self._warehouse.heartbeat(window.end, self._source.name, cluster=self._cluster)


def give_up(
    warehouse: Warehouse, source: str, cluster: str, interval: timedelta, upto: datetime, halted: Callable[[], bool]
) -> None:
    """Mark the missing ticks of a source that only knows the present: they can never be filled."""
    for tick in ticks(missing(warehouse, source, cluster, interval, upto), interval):
        if halted():
            return
        warehouse.heartbeat(tick, source, cluster=cluster)


def edges(warehouse: Warehouse, source: str, cluster: str) -> windows.Span | None:
    """First and newest tick that is stored."""
    found = warehouse.query("SELECT min(tick), max(tick) FROM tick WHERE cluster = ? AND source = ?", [cluster, source]).row(0)
    return (found[0], found[1]) if isinstance(found[0], datetime) and isinstance(found[1], datetime) else None


def missing(warehouse: Warehouse, source: str, cluster: str, interval: timedelta, upto: datetime) -> list[windows.Span]:
    """Runs of missing ticks between the first tick and `upto`, oldest first.

    Days in which ticks were collected at a longer interval are left out: their distance is no gap. Few ticks make no interval.
    """
    known = edges(warehouse, source, cluster)
    if known is None or known[0] >= upto:
        return []
    found = warehouse.gaps(known[0], upto, interval.total_seconds(), source, cluster=cluster)
    if not found:
        return []
    slow = warehouse.query(SLOW_DAYS, [cluster, source, known[0], interval.total_seconds() * 1.01])
    return _without(found, _joined(day for (day,) in slow.iter_rows()))


SLOW_DAYS = """
SELECT day FROM (
  SELECT date_trunc('day', tick) AS day, epoch(tick - lag(tick) OVER (PARTITION BY date_trunc('day', tick) ORDER BY tick)) AS step
  FROM tick WHERE cluster = ? AND source = ? AND tick >= ?) GROUP BY day HAVING min(step) > ? AND count(step) >= 10 ORDER BY day"""


def _joined(days: Iterable[datetime]) -> list[windows.Span]:
    """Days, oldest first, as spans of days that adjoin."""
    found: list[windows.Span] = []
    for day in days:
        after = day + timedelta(days=1)
        if found and found[-1][1] == day:
            found[-1] = (found[-1][0], after)
        else:
            found.append((day, after))
    return found


def _without(spans: Iterable[windows.Span], holes: Sequence[windows.Span]) -> list[windows.Span]:
    """What of `spans` lies in none of `holes`; both oldest first. One walk: there may be a span for each tick of months."""
    found, at = [], 0
    for since, until in spans:
        while at < len(holes) and holes[at][1] <= since:
            at += 1
        left, hole = since, at
        while hole < len(holes) and holes[hole][0] < until:
            if left < holes[hole][0]:
                found.append((left, holes[hole][0]))
            left = max(left, holes[hole][1])
            hole += 1
        if left < until:
            found.append((left, until))
    return found


def ticks(spans: Iterable[windows.Span], interval: timedelta) -> Iterator[datetime]:
    for span in spans:
        yield from windows.ticks(span, interval)
