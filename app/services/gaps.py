"""Times without data: runs of missing ticks, and the silence of a source from its newest tick up to now.

For other services, which check rights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.absence import Parts, Strict
from app.context import Context
from app.services.figures import Gap
from models.domain.trouble import STALE_TICKS

DAY = timedelta(days=1)
FORGET = timedelta(days=30)
"""A source that said nothing for so long is not expected any more."""
PACES_KEPT = timedelta(seconds=30)
LEAST_LATE = timedelta(seconds=30)
"""Below this no source is late, however short its interval is: answers take their time."""
PACE = """
WITH ever AS (
  SELECT source, max(tick) AS newest, max(tick) FILTER (status <> 'lost') AS heard,
    (arg_max(n_rows, tick) FILTER (status <> 'lost'))::INTEGER AS n_rows,
    (count(*) FILTER (status <> 'lost' AND tick > $day))::INTEGER AS ticks
  FROM tick WHERE cluster = $cluster AND tick > $forget AND tick <= $now GROUP BY source),
recent AS (
  SELECT k.source, epoch(k.tick) - epoch(lag(k.tick) OVER (PARTITION BY k.source ORDER BY k.tick)) AS step
  FROM tick k JOIN ever e ON e.source = k.source AND k.tick > e.newest - INTERVAL 1 DAY
  WHERE k.cluster = $cluster AND k.tick > $forget AND k.tick <= $now)
SELECT e.*, s.step FROM ever e LEFT JOIN (SELECT source, median(step) AS step FROM recent GROUP BY source) s USING (source)"""
RUNS = """
WITH edge AS (
  SELECT source, max(tick) FILTER (tick < date_trunc('day', $since::TIMESTAMP)) AS a, min(tick) FILTER (tick >= $until) AS e
  FROM tick WHERE cluster = $cluster GROUP BY source),
near AS (
  SELECT k.source, k.tick, k.status, date_trunc('day', k.tick) AS day FROM tick k JOIN edge d ON d.source = k.source
  WHERE k.cluster = $cluster AND k.tick >= coalesce(d.a, '-infinity')
    AND k.tick < coalesce(date_trunc('day', d.e) + INTERVAL 1 DAY, 'infinity')),
told AS (
  SELECT *, lag(tick) OVER w AS before, lag(status) OVER w AS before_status, epoch(tick) - epoch(lag(tick) OVER w) AS step
  FROM near WINDOW w AS (PARTITION BY source ORDER BY tick)),
paced AS (
  SELECT t.*, u.usual FROM told t
  JOIN (SELECT source, day, median(step) AS usual FROM told GROUP BY source, day) u USING (source, day)),
lost AS (
  SELECT *, sum(CASE WHEN before_status = 'lost' AND step <= 1.5 * usual THEN 0 ELSE 1 END)
    OVER (PARTITION BY source ORDER BY tick) AS run FROM paced WHERE status = 'lost')
SELECT source, before, tick - to_microseconds((usual * 1e6)::BIGINT), (round(step / usual) - 1)::INTEGER, false
FROM paced WHERE step > 1.5 * usual
UNION ALL
SELECT source, min(tick) - to_microseconds((coalesce(max(usual), 0) * 1e6)::BIGINT), max(tick), count(*)::INTEGER, true
FROM lost GROUP BY source, run"""
"""What the view `gap` says, from the days around the range only: the view itself looks through all ticks that there are."""


@dataclass(frozen=True, slots=True)
class Pace:
    """One source that is expected to deliver. `interval`: None when nobody says so and one tick alone is known."""

    source: str
    newest: datetime | None
    """Newest tick, also one that was given up."""
    heard: datetime | None
    """Newest tick that was stored."""
    interval: timedelta | None
    rows: int
    """Of the newest tick that was stored."""
    ticks: int
    """Stored in the last 24 hours."""

    def silent(self, now: datetime) -> bool:
        """Whether more than three ticks in a row are due."""
        return self.newest is not None and self.interval is not None and late(self.newest, self.interval, now)


@dataclass(frozen=True, slots=True)
class Run:
    """A gap and how many ticks are missing in it. `lost`: given up, they will never come."""

    gap: Gap
    ticks: int
    lost: bool


def late(newest: datetime, interval: timedelta, now: datetime) -> bool:
    return now - newest > max(STALE_TICKS * interval, LEAST_LATE)


def paces(ctx: Context, parts: Parts | None = None) -> Mapping[str, Pace]:
    """Every source that is expected, by name: those of the running collector; where none says so, those of the last thirty days. With
    `parts`, what the collector itself knows while the warehouse is away."""
    told = {one.source: one for one in ctx.cluster.sources()}
    cluster = ctx.cluster.snapshot().cluster

    def stored() -> Mapping[str, Mapping[str, Any]]:
        return ctx.keep("gaps.paces", lambda: _stored(ctx, cluster), cluster, of=("warehouse",), most=PACES_KEPT)

    rows = (parts or Strict()).ask(stored) or {}
    found = {}
    for name in sorted(told or rows):
        row, said = rows.get(name), told.get(name)
        step = said.interval if said else timedelta(seconds=row["step"]) if row and row["step"] else None
        newest, heard = (row["newest"], row["heard"]) if row else (None, None)
        spoken = said.last_tick if said else None
        counts = (row["n_rows"] or 0, row["ticks"]) if row else (0, 0)
        found[name] = Pace(name, _later(newest, spoken), _later(heard, spoken), step, *counts)
    return found


def _stored(ctx: Context, cluster: str) -> Mapping[str, Mapping[str, Any]]:
    """What the ticks of the last thirty days say, by source."""
    bound = {"cluster": cluster, "now": ctx.now, "day": ctx.now - DAY, "forget": ctx.now - FORGET}
    return {row["source"]: row for row in ctx.warehouse.query(PACE, bound).iter_rows(named=True)}


def runs(
    ctx: Context, since: datetime, until: datetime, expected: Mapping[str, Pace], parts: Parts | None = None
) -> tuple[Run, ...]:
    """The parts of all gaps that lie in [since, until), oldest first; a source of `expected` that is silent has one up to now. With
    `parts`, these alone while the warehouse is away."""
    bound = {"cluster": ctx.cluster.snapshot().cluster, "since": since, "until": until}

    def stored() -> list[tuple[Any, ...]]:
        return ctx.warehouse.query(RUNS, bound).rows()

    rows = (parts or Strict()).ask(stored) or []
    for pace in expected.values():
        if pace.newest is not None and pace.interval is not None and pace.silent(ctx.now):
            rows.append((pace.source, pace.newest, ctx.now, (ctx.now - pace.newest) // pace.interval, False))
    found = [
        Run(Gap(max(a, since), min(e, until), source), _inside(a, e, ticks, since, until), lost)
        for source, a, e, ticks, lost in rows
        if a < until and e > since
    ]
    return tuple(sorted(found, key=lambda run: (run.gap.start, run.gap.source)))


def between(ctx: Context, since: datetime, until: datetime) -> tuple[Gap, ...]:
    """`runs` of every source that is expected."""
    return tuple(run.gap for run in runs(ctx, since, until, paces(ctx)))


def _inside(a: datetime, e: datetime, ticks: int, since: datetime, until: datetime) -> int:
    """Of `ticks` ticks that lie evenly in (a, e], how many lie in (since, until]."""
    step = (e - a) / ticks if ticks else e - a
    if not step:
        return ticks
    before, after = max(since - a, timedelta()) // step, max(e - until, timedelta()) / step
    return max(0, ticks - before - math.ceil(after))


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at is not None), default=None)
