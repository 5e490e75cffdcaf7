"""The processes of the ingress: how many connections they hold, what they answer, by which configuration they work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from app.absence import Parts
from app.context import Context
from app.services import present
from models.domain.access import Permission
from models.domain.trouble_ingress import IngressUse

DAY = timedelta(hours=24)
SOURCE = "newest samples (Prometheus), reloads of 24 h from the warehouse view ingress_process_5m"
RELOADS = """
SELECT instance, sum(config_reloads_total_inc) AS reloads FROM ingress_process_5m
WHERE cluster = $cluster AND t > $since AND list_contains($instances, instance) GROUP BY instance"""


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One process. None for what it does not tell."""

    instance: str
    requests: float | None
    """Answered a second, between its last two samples."""
    error_share: float | None
    """Of these the part with a status from 500."""
    open_connections: float | None
    taken_at: datetime | None
    """When it last took a configuration."""
    reloads: float | None
    """In the last 24 hours; None also while the warehouse is away."""
    started_at: datetime | None
    measured_at: datetime


@dataclass(frozen=True, slots=True)
class Processes:
    """`away_since`: since when the warehouse does not answer, so that reloads are not known."""

    rows: tuple[ProcessRow, ...]
    away_since: datetime | None
    source: str = SOURCE


def processes(ctx: Context) -> Processes:
    """Every process that is measured now, by name; none where no ingress tells of itself."""
    ctx.require(Permission.SEE_CLUSTER)
    frame, answered = present.fresh(ctx, "ingress_process").sort("instance"), _answered(ctx)
    if frame.is_empty():
        return Processes((), None)
    parts = Parts()
    asked = {"cluster": ctx.cluster.snapshot().cluster, "since": ctx.now - DAY, "instances": frame["instance"].to_list()}
    counted = parts.ask(lambda: dict(ctx.warehouse.query(RELOADS, asked).iter_rows())) or {}
    rows = []
    for row in frame.iter_rows(named=True):
        requests, errors = answered.get(row["instance"], (None, None))
        rows.append(
            ProcessRow(
                instance=row["instance"],
                requests=requests,
                error_share=errors / requests if requests and errors is not None else None,
                open_connections=row["open_connections"],
                taken_at=_before(row["ts"], row["config_age_seconds"]),
                reloads=counted.get(row["instance"]),
                started_at=_before(row["ts"], row["uptime_seconds"]),
                measured_at=row["ts"],
            )
        )
    return Processes(tuple(rows), parts.since)


def use(ctx: Context) -> Sequence[IngressUse]:
    """The same as the rules of trouble want it. For other services, which check rights."""
    served = present.fresh(ctx, "ingress").group_by("instance").agg("service")
    services = {instance: frozenset(names) for instance, names in served.iter_rows()}
    return [
        IngressUse(
            instance=row["instance"],
            at=row["ts"],
            told=row["config_reloads_per_second"] is not None,
            taken_at=_before(row["ts"], row["config_age_seconds"]),
            started_at=_before(row["ts"], row["uptime_seconds"]),
            services=services.get(row["instance"], frozenset()),
        )
        for row in present.fresh(ctx, "ingress_process").iter_rows(named=True)
    ]


def _answered(ctx: Context) -> dict[str, tuple[float | None, float | None]]:
    """Requests and errors a second, by process."""
    each = [_known("requests_per_second"), _known("requests_5xx_per_second")]
    frame = present.fresh(ctx, "ingress").group_by("instance").agg(each)
    return {instance: (requests, errors) for instance, requests, errors in frame.iter_rows()}


def _known(name: str) -> pl.Expr:
    return pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name)


def _before(at: datetime, seconds: float | None) -> datetime | None:
    return None if seconds is None else at - timedelta(seconds=seconds)
