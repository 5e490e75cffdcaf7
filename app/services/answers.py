"""What apps answered through the ingress: requests, errors of the server, and how long it took. For other services, which check rights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.context import Context
from app.services import steps, tenure
from app.services.figures import Line, Series
from models.domain import latency, traffic
from models.domain.latency import Quantile
from models.domain.trouble import Trouble

UNITS = {"requests": "1/s", "error_share": "share", "p50": "s", "p95": "s"}
LOOKBACK = timedelta(hours=24)
"""How far back the beginning of bad answers is looked for."""
RECENT = timedelta(hours=1)
KEPT = timedelta(minutes=1)
_NAMES = tuple(latency.within(bound) for bound in latency.BOUNDS)


def timed(suffix: str = "_inc", kept: str = "") -> str:
    """SQL of sums by which quantiles can be computed: all requests with a time, their seconds, and those within each bound.

    A bound that was not counted for in a part of what is summed is not known in the sum: too small a count would make it look slow.
    """
    total = f"timed_requests_total{suffix}"
    columns = [f"sum({total}) AS timed_requests_total{kept}"]
    columns.append(f"sum(request_seconds_total{suffix}) FILTER ({total} IS NOT NULL) AS request_seconds_total{kept}")
    for name in _NAMES:
        whole = f"count(*) FILTER ({total} IS NOT NULL AND {name}{suffix} IS NULL) = 0"
        columns.append(f"CASE WHEN {whole} THEN sum({name}{suffix}) FILTER ({total} IS NOT NULL) END AS {name}{kept}")
    return ", ".join(columns)


WINDOWS = f"""
SELECT {steps.BUCKET.format(at="t")} AS step_end, sum(requests_total_inc) AS requests, sum(requests_5xx_total_inc) AS errors,
  max(t) AS newest, count(DISTINCT t) AS windows, {timed()}
FROM ingress_{{level}} i WHERE cluster = $cluster AND t > $since AND t <= $until AND list_contains($namespaces, namespace)
  AND {tenure.NOT_OTHERS.format(row="i", at="t")}
GROUP BY step_end ORDER BY step_end"""
LATELY = f"""
SELECT namespace, t, sum(requests_total_inc) AS requests, coalesce(sum(requests_5xx_total_inc), 0) AS errors, {timed()}
FROM ingress_5m WHERE cluster = $cluster AND t > $since AND namespace IS NOT NULL AND namespace <> ''
  AND ($namespaces::VARCHAR[] IS NULL OR list_contains($namespaces::VARCHAR[], namespace))
GROUP BY namespace, t HAVING sum(requests_total_inc) >= {traffic.ENOUGH} ORDER BY t"""


@dataclass(frozen=True, slots=True)
class Answered:
    """Over a time. None for what the ingress did not tell; errors are answers with a status from 500."""

    requests: float | None
    errors: float | None
    error_share: float | None
    mean_seconds: float | None
    p50: Quantile | None
    p95: Quantile | None
    p99: Quantile | None
    series: Series
    """Lines requests (a second), error_share, p50, p95 (seconds)."""


def quantile(share: float, row: Mapping[str, Any]) -> Quantile | None:
    """Of a row with the columns that `timed` names."""
    total = row["timed_requests_total"]
    counts = {b: row[name] for b, name in zip(latency.BOUNDS, _NAMES, strict=True) if row[name] is not None}
    return latency.quantile(share, counts, total) if total is not None else None


def over(ctx: Context, *, cluster: str, namespaces: Sequence[str], owner: str, since: datetime, until: datetime) -> Answered:
    """Of the namespaces in [since, until). What they answered while they belonged to somebody else than `owner` is left out."""
    axis = steps.windows(since, until)
    bound = {"cluster": cluster, "since": since, "until": until, **tenure.bound(namespaces, [owner] * len(namespaces))}
    found = ctx.warehouse.query(WINDOWS.format(level=axis.level), {**bound, "step": axis.step.total_seconds()})
    rows = {row["step_end"]: row for row in found.iter_rows(named=True)}
    lines: dict[str, list[float | None]] = {name: [] for name in UNITS}
    for at in axis.times:
        row = rows.get(at)
        counted = row["requests"] if row is not None else None
        window = 3600 if axis.level == "1h" else 300
        lines["requests"].append(counted / (row["windows"] * window) if row is not None and counted is not None else None)
        failed = row["errors"] if row is not None else None
        lines["error_share"].append(failed / counted if failed is not None and counted else None)
        for name, share in (("p50", 0.5), ("p95", 0.95)):
            one = quantile(share, row) if row is not None else None
            lines[name].append(None if one is None else one.seconds)
    whole = _sum(rows.values())
    requests, errors = whole.get("requests"), whole.get("errors")
    return Answered(
        requests=requests,
        errors=errors,
        error_share=errors / requests if requests and errors is not None else None,
        mean_seconds=latency.mean(whole.get("request_seconds_total") or 0.0, whole.get("timed_requests_total") or 0.0),
        p50=quantile(0.5, whole) if whole else None,
        p95=quantile(0.95, whole) if whole else None,
        p99=quantile(0.99, whole) if whole else None,
        series=Series(
            since=since,
            until=until,
            step=axis.step,
            times=axis.times,
            lines=tuple(Line(name, unit, tuple(lines[name])) for name, unit in UNITS.items()),
            as_of=max((row["newest"] for row in rows.values()), default=None),
            source=f"{axis.level} (warehouse view ingress_{axis.level})",
            formula="sums of increases; quantiles from the sums of requests answered within each bound, evenly spread inside a bucket",
        ),
    )


def _sum(rows: Any) -> dict[str, Any]:
    """The whole of steps: a bound that is not known in a step with times is not known in the whole."""
    these = list(rows)
    if not these:
        return {}
    whole: dict[str, Any] = {}
    for name in ("requests", "errors", "timed_requests_total", "request_seconds_total"):
        known = [row[name] for row in these if row[name] is not None]
        whole[name] = sum(known) if known else None
    with_times = [row for row in these if row["timed_requests_total"] is not None]
    for name in _NAMES:
        values = [row[name] for row in with_times]
        whole[name] = None if not values or None in values else sum(values)
    return whole


def trouble(ctx: Context, cluster: str) -> tuple[Trouble, ...]:
    """Whose answers fail or are slow now. The past is read of those alone: of everybody's it would cost the Overview a quarter second."""

    def judged() -> tuple[Trouble, ...]:
        found = tuple(traffic.trouble(_windows(ctx, cluster, ctx.now - RECENT, None), ctx.now))
        if not found:
            return ()
        since = ctx.now - LOOKBACK
        whole = _windows(ctx, cluster, since, sorted({one.namespace for one in found}))
        return tuple(traffic.trouble(whole, ctx.now, known_from=since))

    return ctx.keep("answers.trouble", judged, cluster, of=("windows",), most=KEPT)


def _windows(ctx: Context, cluster: str, since: datetime, namespaces: list[str] | None) -> list[traffic.Answers]:
    """Windows with enough requests to say something; of all namespaces when none is named."""
    found = ctx.warehouse.query(LATELY, {"cluster": cluster, "since": since, "namespaces": namespaces})
    return [
        traffic.Answers(
            row["namespace"], row["t"] - steps.FINEST_WINDOW, row["t"], row["requests"], row["errors"], quantile(0.95, row)
        )
        for row in found.iter_rows(named=True)
    ]
