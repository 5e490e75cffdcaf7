"""Questions behind the reports of use: windows per namespace, given to whoever owned the namespace then, added up by owner."""

from __future__ import annotations

from app.services import answers

OWNED = """
now_owned AS (
  SELECT unnest($namespaces::VARCHAR[]) AS namespace, unnest($organizations::VARCHAR[]) AS organization_id,
    unnest($instances::VARCHAR[]) AS instance_id),
owned AS (
  SELECT u.*, CASE WHEN w.namespace IS NULL THEN n.organization_id ELSE w.organization_id END AS organization_id,
    CASE WHEN w.namespace IS NULL THEN n.instance_id ELSE w.instance_id END AS instance_id
  FROM used u
  LEFT JOIN ownership w ON w.cluster = $cluster AND w.namespace = u.namespace AND u.t > w.valid_from
    AND (w.valid_to IS NULL OR u.t <= w.valid_to)
  LEFT JOIN now_owned n ON n.namespace = u.namespace)"""
"""Owners as they were published, of a window those at its end; for a time before the first publication, as they are now."""

POD_SUMS = """
  SELECT t, namespace, sum(cpu_usage_seconds_total_inc) AS cpu, sum(cpu_request_cores_avg * covered_ms / 3600000) AS cpu_requested,
    sum(memory_working_set_bytes_avg * covered_ms / 3600000) AS memory,
    sum(memory_request_bytes_avg * covered_ms / 3600000) AS memory_requested, sum(memory_working_set_bytes_max) AS peak,
    sum(network_receive_bytes_total_inc) AS received, sum(network_transmit_bytes_total_inc) AS sent,
    sum(restarts_total_inc) AS restarts
  FROM pod_{level} WHERE cluster = $cluster AND {span} GROUP BY t, namespace"""
INGRESS_SUMS = f"""
  SELECT t, coalesce(namespace, '') AS namespace, sum(sent_bytes_total_inc) AS egress, sum(requests_total_inc) AS requests,
    sum(requests_5xx_total_inc) AS errors, {answers.timed()}
  FROM ingress_{{level}} WHERE cluster = $cluster AND {{span}} GROUP BY ALL"""
HOURS = "t > $first AND t <= $last"
EDGES = "((t > $since AND t <= $first) OR (t > $last AND t <= $until))"
COVERED = f"""
SELECT sum(ms)::DOUBLE, max(t) FROM (
  SELECT t, max(covered_ms) AS ms FROM node_1h WHERE cluster = $cluster AND {HOURS} GROUP BY t
  UNION ALL SELECT t, max(covered_ms) FROM node_5m WHERE cluster = $cluster AND {EDGES} GROUP BY t)"""


def _used(sums: str) -> str:
    hours, edges = sums.format(level="1h", span=HOURS), sums.format(level="5m", span=EDGES)
    return f"WITH used AS ({hours} UNION ALL {edges}),{OWNED}"


def pods(by: str, where: str) -> str:
    """Sums of containers by owner (`organization_id` or `instance_id`); `where` names owners."""
    return f"""{_used(POD_SUMS)},
windows AS (
  SELECT t, {by}, sum(cpu) AS cpu, sum(cpu_requested) AS cpu_requested, sum(memory) AS memory, sum(peak) AS peak,
    sum(memory_requested) AS memory_requested, sum(received) AS received, sum(sent) AS sent, sum(restarts) AS restarts
  FROM owned {where} GROUP BY t, {by})
SELECT {by}, sum(cpu) AS cpu, sum(cpu_requested) AS cpu_requested, sum(memory) AS memory, max(peak) AS peak,
  sum(memory_requested) AS memory_requested, sum(received) AS received, sum(sent) AS sent, sum(restarts) AS restarts
FROM windows GROUP BY {by}"""


def ingress(by: str, where: str) -> str:
    """Sums of what went through the ingress, by owner."""
    return f"""{_used(INGRESS_SUMS)}
SELECT {by}, sum(egress) AS egress, sum(requests) AS requests, sum(errors) AS errors, {answers.timed("")}
FROM owned {where} GROUP BY {by}"""
