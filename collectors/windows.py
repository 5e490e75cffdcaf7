"""Which tick is due, which are missing: pure functions over a fixed grid.

The grid is counted from 1970 in steps of the interval, so every process and every restart sees the same ticks. A tick `t` owns the
samples in (t - interval, t]. Nothing here reads a clock, so a stepped clock can only move `now`: ticks that already exist are not
due again, ticks that were jumped over are gaps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from collectors.sources.port import Window

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Span = tuple[datetime, datetime]
"""A run of ticks as (after, upto], both on the grid: what `Warehouse.gaps` returns."""


def floor(at: datetime, interval: timedelta) -> datetime:
    """The newest grid point that is not after `at`."""
    return at - (at - EPOCH) % interval


def window(tick: datetime, interval: timedelta) -> Window:
    """The window that a tick on the grid owns."""
    return Window(tick - interval, tick)


def newest_closed(now: datetime, interval: timedelta, lateness: timedelta) -> Window:
    """The newest window whose samples have had `lateness` to arrive."""
    return window(floor(now - lateness, interval), interval)


def next_due(now: datetime, interval: timedelta, lateness: timedelta) -> datetime:
    """When the window after the newest closed one can be read."""
    return floor(now - lateness, interval) + interval + lateness


def ticks(span: Span, interval: timedelta) -> Iterator[datetime]:
    """Every tick of a span, oldest first; an edge off the grid is moved inwards."""
    at = floor(span[0], interval) + interval
    while at <= span[1]:
        yield at
        at += interval


def pending(watermark: datetime, now: datetime, interval: timedelta, lateness: timedelta) -> list[Window]:
    """Closed windows after the watermark, oldest first; none when the clock was set back."""
    upto = newest_closed(now, interval, lateness).end
    return [window(tick, interval) for tick in ticks((watermark, upto), interval)]


@dataclass(frozen=True, slots=True)
class Backfill:
    """What to do about gaps: `lost` can never be filled, `chunks` are runs of adjoining windows to read, newest first."""

    lost: tuple[Span, ...]
    chunks: tuple[tuple[Window, ...], ...]


def plan(gaps: Sequence[Span], oldest: datetime | None, interval: timedelta, longest: int) -> Backfill:
    """Split gaps at the time from which the source still has samples, then into chunks of at most `longest` windows.

    A window that begins before `oldest` is lost, because half of its samples are. Newest first: recent history is looked at
    most, and what is oldest is nearest to being forgotten only once, while each outage makes new gaps at the near end.
    """
    lost: list[Span] = []
    chunks: list[tuple[Window, ...]] = []
    for since, until in gaps:
        edge = since if oldest is None else min(until, max(since, _ceiling(oldest, interval)))
        if since < edge:
            lost.append((since, edge))
        run = [window(tick, interval) for tick in ticks((edge, until), interval)]
        chunks.extend(tuple(run[at : at + longest]) for at in range(0, len(run), longest))
    return Backfill(tuple(lost), tuple(sorted(chunks, key=lambda chunk: chunk[0].end, reverse=True)))


def _ceiling(at: datetime, interval: timedelta) -> datetime:
    below = floor(at, interval)
    return below if below == at else below + interval
