"""Curves of an app over its pods, with the ends of its containers as marks. For other services, which check rights."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from app.context import Context
from app.services import app_events, steps, tenure
from app.services.figures import Gap, Line, Mark, Series
from app.services.history import slot

UNITS = {
    "cpu_use": "cores",
    "cpu_limit": "cores",
    "memory_use": "B",
    "memory_limit": "B",
    "network_transmit": "B/s",
    "restarts": "1",
}

WINDOWS = f"""
WITH whole AS (
  SELECT t, max(n) AS n, max(covered_ms) / 1000 AS seconds
  FROM node_{{level}} WHERE cluster = $cluster AND t > $since AND t <= $until GROUP BY t),
pods AS (
  SELECT t, sum(cpu_usage_seconds_total_inc) AS cpu, sum(network_transmit_bytes_total_inc) AS sent,
    sum(restarts_total_inc) AS restarts, sum(memory_working_set_bytes_avg * n) AS memory,
    max(n) AS n, max(covered_ms) / 1000 AS seconds,
    CASE WHEN count(memory_limit_bytes_avg) = count(*) AND min(memory_limit_bytes_avg) > 0 THEN sum(memory_limit_bytes_avg * n) END
      AS memory_limit,
    CASE WHEN count(cpu_limit_cores_avg) = count(*) AND min(cpu_limit_cores_avg) > 0 THEN sum(cpu_limit_cores_avg * n) END
      AS cpu_limit
  FROM pod_{{level}} p WHERE cluster = $cluster AND t > $since AND t <= $until AND list_contains($namespaces, namespace)
    AND {tenure.NOT_OTHERS.format(row="p", at="t")} GROUP BY t),
windows AS (
  SELECT t, cpu, sent, restarts, memory, memory_limit, cpu_limit, greatest(pods.n, whole.n) AS n,
    greatest(pods.seconds, whole.seconds) AS seconds
  FROM pods LEFT JOIN whole USING (t))
SELECT {steps.BUCKET.format(at="t")} AS step_end,
  avg(cpu / nullif(seconds, 0)) AS cpu_use, avg(cpu_limit / nullif(n, 0)) AS cpu_limit, avg(memory / nullif(n, 0)) AS memory_use,
  avg(memory_limit / nullif(n, 0)) AS memory_limit, avg(sent / nullif(seconds, 0)) AS network_transmit,
  sum(restarts) AS restarts, max(t) AS newest
FROM windows GROUP BY step_end ORDER BY step_end"""
"""A pod that was there for a part of a window counts for that part: the nodes say how long the window was collected."""
ENDS = f"""
SELECT min(ended) AS ended, reason, container, count(*) AS times FROM (
  SELECT last_finished_at AS ended, any_value(last_reason) AS reason, container FROM pod_state p
  WHERE cluster = $cluster AND ts > $since AND list_contains($namespaces, namespace)
    AND last_finished_at > $since AND last_finished_at <= $until AND {app_events.BEGUN_ANEW}
    AND {tenure.NOT_OTHERS.format(row="p", at="last_finished_at")}
  GROUP BY uid, container, last_finished_at)
GROUP BY container, reason, floor(epoch(ended) / $slot) ORDER BY ended"""
GAPS = """
SELECT since, until, source FROM gap WHERE cluster = $cluster AND until > $since AND since < $until ORDER BY since"""


def over(ctx: Context, *, cluster: str, namespaces: Sequence[str], owner: str, since: datetime, until: datetime) -> Series:
    """Sums over the pods of the namespaces at every step of [since, until); a step without data is None.

    `owner` is the organization that the namespaces belong to now; what they did for another one is left out.
    """
    axis = steps.windows(since, until)
    step, level, times = axis.step, axis.level, axis.times
    bound = {"cluster": cluster, "since": since, "until": until, **tenure.bound(namespaces, [owner] * len(namespaces))}
    rows = ctx.warehouse.query(WINDOWS.format(level=level), {**bound, "step": step.total_seconds()})
    known = {row["step_end"]: row for row in rows.iter_rows(named=True)}
    ends = ctx.warehouse.query(ENDS, {**bound, "slot": slot(since, until)})
    gaps = ctx.warehouse.query(GAPS, {"cluster": cluster, "since": since, "until": until})
    return Series(
        since=since,
        until=until,
        step=step,
        times=times,
        lines=tuple(Line(n, unit, tuple(known[t][n] if t in known else None for t in times)) for n, unit in UNITS.items()),
        as_of=max((row["newest"] for row in known.values()), default=None),
        source=f"{level} (warehouse view pod_{level})",
        formula="sums over its pods of averages in the window; rates are increase / time that was collected; restarts are counted",
        marks=tuple(
            _mark(at, reason, container, times)
            for at, reason, container, times in ends.select("ended", "reason", "container", "times").iter_rows()
        ),
        gaps=tuple(Gap(*row) for row in gaps.select("since", "until", "source").iter_rows()),
    )


def _mark(at: datetime, reason: str, container: str, times: int) -> Mark:
    return Mark(at, "oom" if reason == "OOMKilled" else "restart", f"{container}: {reason}", times)
