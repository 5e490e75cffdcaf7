"""Questions behind the curves of pods, nodes and the cluster: per thing and step first, then summed over the things.

Rates are increase / time for which the increase is known. From samples the increase between two of them is booked on the step of
the later one; silence of more than ten minutes is not bridged there, so a gap stays a gap. Windows are split by time already.
"""

from __future__ import annotations

from app.services.steps import BUCKET
from collectors.entities import POD

SILENCE = 600

POD_SAMPLES = f"""
WITH s AS (
  SELECT uid, container, ts, epoch(ts) - epoch(lag(ts) OVER w) AS dt, {{increases}},
    memory_working_set_bytes AS memory, cpu_request_cores, cpu_limit_cores, memory_request_bytes, memory_limit_bytes
  FROM pod_sample WHERE cluster = $cluster AND ts > $since::TIMESTAMP - to_seconds({SILENCE}) AND ts <= $until {{where}}
  WINDOW w AS (PARTITION BY source, uid, container ORDER BY ts)),
each AS (
  SELECT {BUCKET.format(at="ts")} AS step_end, uid, container,
    sum(cpu) FILTER (dt <= {SILENCE}) AS cpu, sum(dt) FILTER (dt <= {SILENCE} AND cpu IS NOT NULL) AS cpu_seconds,
    sum(periods) FILTER (dt <= {SILENCE}) AS periods, sum(throttled) FILTER (dt <= {SILENCE}) AS throttled,
    sum(received) FILTER (dt <= {SILENCE}) AS received, sum(sent) FILTER (dt <= {SILENCE}) AS sent,
    sum(dt) FILTER (dt <= {SILENCE} AND sent IS NOT NULL) AS net_seconds, sum(restarts) AS restarts,
    avg(memory) AS memory, max(memory) AS memory_max, avg(cpu_request_cores) AS cpu_request, avg(cpu_limit_cores) AS cpu_limit,
    avg(memory_request_bytes) AS memory_request, avg(memory_limit_bytes) AS memory_limit, max(ts) AS newest
  FROM s WHERE ts > $since GROUP BY ALL)"""
POD_WINDOWS = f"""
WITH each AS (
  SELECT {BUCKET.format(at="t")} AS step_end, uid, container,
    sum(cpu_usage_seconds_total_inc) AS cpu, sum(covered_ms) FILTER (cpu_usage_seconds_total_inc IS NOT NULL) / 1000 AS cpu_seconds,
    sum(cpu_cfs_periods_total_inc) AS periods, sum(cpu_cfs_throttled_periods_total_inc) AS throttled,
    sum(network_receive_bytes_total_inc) AS received, sum(network_transmit_bytes_total_inc) AS sent,
    sum(covered_ms) FILTER (network_transmit_bytes_total_inc IS NOT NULL) / 1000 AS net_seconds,
    sum(restarts_total_inc) AS restarts,
    sum(memory_working_set_bytes_avg * n) / nullif(sum(n) FILTER (memory_working_set_bytes_avg IS NOT NULL), 0) AS memory,
    max(memory_working_set_bytes_max) AS memory_max, avg(cpu_request_cores_avg) AS cpu_request,
    avg(cpu_limit_cores_avg) AS cpu_limit, avg(memory_request_bytes_avg) AS memory_request,
    avg(memory_limit_bytes_avg) AS memory_limit, max(t) AS newest
  FROM pod_{{level}} WHERE cluster = $cluster AND t > $since AND t <= $until {{where}} GROUP BY ALL)"""
POD_LINES = """
SELECT step_end, sum(cpu / nullif(cpu_seconds, 0)) AS cpu_use, sum(cpu_request) AS cpu_request,
  CASE WHEN count(cpu_limit) = count(*) AND min(cpu_limit) > 0 THEN sum(cpu_limit) END AS cpu_limit,
  sum(memory) AS memory_use, sum(memory_max) AS memory_max, sum(memory_request) AS memory_request,
  CASE WHEN count(memory_limit) = count(*) AND min(memory_limit) > 0 THEN sum(memory_limit) END AS memory_limit,
  sum(throttled) / nullif(sum(periods), 0) AS throttled, sum(received / nullif(net_seconds, 0)) AS network_receive,
  sum(sent / nullif(net_seconds, 0)) AS network_transmit, sum(restarts) AS restarts, max(newest) AS newest
FROM each GROUP BY step_end ORDER BY step_end"""

NODE_SAMPLES = f"""
WITH s AS (
  SELECT node, ts, epoch(ts) - epoch(lag(ts) OVER w) AS dt, {{increases}}, memory_total_bytes, memory_available_bytes,
    filesystem_size_bytes, filesystem_available_bytes, load1, cpu_allocatable_cores, memory_allocatable_bytes
  FROM node_sample WHERE cluster = $cluster AND ts > $since::TIMESTAMP - to_seconds({SILENCE}) AND ts <= $until {{where}}
  WINDOW w AS (PARTITION BY source, node ORDER BY ts)),
each AS (
  SELECT {BUCKET.format(at="ts")} AS step_end, node,
    sum(busy) FILTER (dt <= {SILENCE}) / nullif(sum(dt) FILTER (dt <= {SILENCE} AND busy IS NOT NULL), 0) AS cpu_use,
    avg(cpu_allocatable_cores) AS cpu_allocatable, avg(memory_total_bytes - memory_available_bytes) AS memory_use,
    avg(memory_allocatable_bytes) AS memory_allocatable,
    avg(1 - filesystem_available_bytes / nullif(filesystem_size_bytes, 0)) AS disk_use, avg(load1) AS load1, max(ts) AS newest
  FROM s WHERE ts > $since GROUP BY ALL)"""
NODE_WINDOWS = f"""
WITH each AS (
  SELECT {BUCKET.format(at="t")} AS step_end, node,
    sum(cpu_seconds_total_inc - cpu_idle_seconds_total_inc - coalesce(cpu_steal_seconds_total_inc, 0)) * 1000
      / nullif(sum(covered_ms) FILTER (cpu_seconds_total_inc IS NOT NULL), 0) AS cpu_use,
    avg(cpu_allocatable_cores_avg) AS cpu_allocatable, avg(memory_total_bytes_avg - memory_available_bytes_avg) AS memory_use,
    avg(memory_allocatable_bytes_avg) AS memory_allocatable,
    avg(1 - filesystem_available_bytes_avg / nullif(filesystem_size_bytes_avg, 0)) AS disk_use,
    avg(load1_avg) AS load1, max(t) AS newest
  FROM node_{{level}} WHERE cluster = $cluster AND t > $since AND t <= $until {{where}} GROUP BY ALL)"""
NODE_LINES = """
SELECT step_end, sum(cpu_use) AS cpu_use, sum(cpu_allocatable) AS cpu_allocatable, sum(memory_use) AS memory_use,
  sum(memory_allocatable) AS memory_allocatable, max(disk_use) AS disk_use, sum(load1) AS load1, max(newest) AS newest
FROM each GROUP BY step_end ORDER BY step_end"""

ASKED_SAMPLES = f"""
SELECT step_end, sum(cpu) AS cpu_request, sum(memory) AS memory_request, count(DISTINCT uid) AS pods FROM (
  SELECT {BUCKET.format(at="ts")} AS step_end, uid, container, avg(cpu_request_cores) AS cpu, avg(memory_request_bytes) AS memory
  FROM pod_sample WHERE cluster = $cluster AND ts > $since AND ts <= $until {{where}} GROUP BY ALL)
GROUP BY step_end"""
ASKED_WINDOWS = f"""
SELECT {BUCKET.format(at="t")} AS step_end, avg(cpu) AS cpu_request, avg(memory) AS memory_request, avg(pods) AS pods FROM (
  SELECT t, sum(cpu_request_cores_avg) AS cpu, sum(memory_request_bytes_avg) AS memory, count(DISTINCT uid) AS pods
  FROM pod_{{level}} WHERE cluster = $cluster AND t > $since AND t <= $until {{where}} GROUP BY t)
GROUP BY step_end"""
WHOLE_SAMPLES = f"""
WITH s AS (
  SELECT uid, container, ts, epoch(ts) - epoch(lag(ts) OVER w) AS dt, {{increases}},
    memory_working_set_bytes AS memory, cpu_request_cores, memory_request_bytes
  FROM pod_sample WHERE cluster = $cluster AND ts > $since::TIMESTAMP - to_seconds({SILENCE}) AND ts <= $until
  WINDOW w AS (PARTITION BY source, uid, container ORDER BY ts)),
each AS (
  SELECT {BUCKET.format(at="ts")} AS step_end, uid, container, sum(cpu) FILTER (dt <= {SILENCE}) AS cpu,
    sum(dt) FILTER (dt <= {SILENCE} AND cpu IS NOT NULL) AS cpu_seconds, avg(memory) AS memory,
    avg(cpu_request_cores) AS cpu_request, avg(memory_request_bytes) AS memory_request, max(ts) AS newest
  FROM s WHERE ts > $since GROUP BY ALL)
SELECT step_end, sum(cpu / nullif(cpu_seconds, 0)) AS cpu_use, sum(memory) AS memory_use, sum(cpu_request) AS cpu_request,
  sum(memory_request) AS memory_request, count(DISTINCT uid) AS pods, max(newest) AS newest
FROM each GROUP BY step_end"""
WHOLE_WINDOWS = f"""
WITH offered AS (
  SELECT t, max(n) AS n, max(covered_ms) / 1000 AS seconds FROM node_{{level}}
  WHERE cluster = $cluster AND t > $since AND t <= $until GROUP BY t),
used AS (
  SELECT t, sum(cpu_usage_seconds_total_inc) AS cpu, sum(memory_working_set_bytes_avg * n) AS memory, max(n) AS n,
    max(covered_ms) / 1000 AS seconds, sum(cpu_request_cores_avg) AS cpu_request, sum(memory_request_bytes_avg) AS memory_request,
    count(DISTINCT uid) AS pods
  FROM pod_{{level}} WHERE cluster = $cluster AND t > $since AND t <= $until GROUP BY t)
SELECT {BUCKET.format(at="t")} AS step_end, avg(cpu / nullif(greatest(u.seconds, o.seconds), 0)) AS cpu_use,
  avg(memory / nullif(greatest(u.n, o.n), 0)) AS memory_use, avg(cpu_request) AS cpu_request,
  avg(memory_request) AS memory_request, avg(pods) AS pods, max(t) AS newest
FROM used u LEFT JOIN offered o USING (t) GROUP BY step_end"""
"""All pods together, each scanned once. One that was there for a part of a window counts for that part; the nodes say how long it
was collected."""

POD_COUNTERS = {
    "cpu": "cpu_usage_seconds_total",
    "periods": "cpu_cfs_periods_total",
    "throttled": "cpu_cfs_throttled_periods_total",
    "received": "network_receive_bytes_total",
    "sent": "network_transmit_bytes_total",
    "restarts": "restarts_total",
}
BUSY = "cpu_seconds_total - cpu_idle_seconds_total - coalesce(cpu_steal_seconds_total, 0)"


def increase(expression: str, name: str, *, summed: bool = False) -> str:
    """The increase since the sample before; a counter that fell began again at zero, of a sum over parts that fell nobody knows."""
    fallen = "NULL" if summed else expression
    return (
        f"CASE WHEN {expression} >= lag({expression}) OVER w THEN {expression} - lag({expression}) OVER w "
        f"WHEN lag({expression}) OVER w IS NOT NULL THEN {fallen} END AS {name}"
    )


def pod_lines(level: str, where: str) -> str:
    if level == "samples":
        increases = ", ".join(increase(column, name, summed=column in POD.summed) for name, column in POD_COUNTERS.items())
        return POD_SAMPLES.format(increases=increases, where=where) + POD_LINES
    return POD_WINDOWS.format(level=level, where=where) + POD_LINES


def node_lines(level: str, where: str) -> str:
    if level == "samples":
        return NODE_SAMPLES.format(increases=increase(f"({BUSY})", "busy", summed=True), where=where) + NODE_LINES
    return NODE_WINDOWS.format(level=level, where=where) + NODE_LINES


def asked(level: str, where: str) -> str:
    return (ASKED_SAMPLES if level == "samples" else ASKED_WINDOWS).format(level=level, where=where)


def whole(level: str) -> str:
    """Use and requests of all pods of the cluster."""
    if level == "samples":
        return WHOLE_SAMPLES.format(increases=increase(POD_COUNTERS["cpu"], "cpu"))
    return WHOLE_WINDOWS.format(level=level)
