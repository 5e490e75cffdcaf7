"""What organizations and instances used over a time, from the roll-ups that add up exactly."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from app.context import Context
from app.services import answers, directory, mapping
from app.services import usage_sql as sql
from app.services.organizations import NOTHING_HERE, existing
from models.domain.access import Permission
from models.domain.errors import Invalid, NotFound
from models.store import instances as instance_store

WINDOW = timedelta(minutes=5)
HOUR = timedelta(hours=1)
LONGEST = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Usage:
    """Amounts over [since, until). Core-hours and byte-hours; network in bytes; None for what was never measured."""

    organization_id: str | None
    organization: str
    instance_id: str | None
    instance: str
    cpu_core_hours: float | None
    cpu_requested_core_hours: float | None
    memory_byte_hours: float | None
    memory_requested_byte_hours: float | None
    memory_peak_bytes: float | None
    """Largest sum of the windows' maxima."""
    network_received_bytes: float | None
    network_sent_bytes: float | None
    egress_bytes: float | None
    """Bytes of answers through the ingress; None without an ingress' statistics."""
    restarts: int | None
    requests: float | None
    errors: float | None
    """Answers with a status from 500."""
    answer_seconds_p95: float | None
    """The time within which 19 of 20 requests were answered; the largest bound that the ingress counts for when it lies beyond."""


@dataclass(frozen=True, slots=True)
class UsageReport:
    rows: tuple[Usage, ...]
    since: datetime
    until: datetime
    covered: float
    """Share of the time that was collected."""
    as_of: datetime | None
    source: str
    formula: str


def organizations(ctx: Context, *, since: datetime, until: datetime) -> UsageReport:
    """One row an organization and one for the unowned bucket, largest memory first, unknown last; for staff."""
    ctx.require(Permission.SEE_ORGANIZATIONS)
    return _report(ctx, since, until, by="organization_id")


def organization(ctx: Context, *, organization_id: str, since: datetime, until: datetime) -> UsageReport:
    """One row an instance of the organization; its members may ask too."""
    ctx.require(Permission.SEE_OWN_INSTANCES, organization_id)
    existing(ctx, organization_id)
    return _report(ctx, since, until, by="instance_id", organization_id=organization_id)


def instance(ctx: Context, *, instance_id: str, since: datetime, until: datetime) -> UsageReport:
    """One row; NotFound for an instance of somebody else."""
    row = instance_store.by_id(ctx.session, instance_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_INSTANCES, row.organization_id)
    return _report(ctx, since, until, by="instance_id", organization_id=row.organization_id, instance_id=instance_id)


def _report(
    ctx: Context,
    since: datetime,
    until: datetime,
    *,
    by: str,
    organization_id: str | None = None,
    instance_id: str | None = None,
) -> UsageReport:
    since, until = _floor(since, WINDOW), _floor(until, WINDOW)
    if not since < until:
        raise Invalid("Use is known by windows of 5 minutes: the end must lie at least one after the beginning.", field="until")
    if until - since > LONGEST:
        raise Invalid(f"At most {LONGEST.days} days are added up at once. Choose a shorter time.", field="since")
    cluster = ctx.cluster.snapshot().cluster
    # whole hours are read from hourly windows, what is left before and behind them from those of 5 minutes: they add up exactly
    first, last = min(until, _ceil(since, HOUR)), max(min(until, _ceil(since, HOUR)), _floor(until, HOUR))
    now = mapping.owners(ctx)
    bound: dict[str, Any] = {
        "cluster": cluster,
        "since": since,
        "first": first,
        "last": last,
        "until": until,
        "namespaces": list(now),
        "organizations": [owner.organization_id for owner in now.values()],
        "instances": [owner.instance_id for owner in now.values()],
    }
    where, named = "", dict(bound)
    if organization_id is not None:
        where, named = "WHERE organization_id = $organization_id", named | {"organization_id": organization_id}
    if instance_id is not None:
        where, named = where + " AND instance_id = $instance_id", named | {"instance_id": instance_id}
    pods = ctx.warehouse.query(sql.pods(by, where), named)
    traffic = {row[by]: row for row in ctx.warehouse.query(sql.ingress(by, where), named).iter_rows(named=True)}
    whole = ctx.warehouse.query(sql.COVERED, {name: bound[name] for name in ("cluster", "since", "first", "last", "until")}).rows()
    covered_ms, newest = whole[0]
    names = directory.load(ctx)
    instances = {row.id: row for row in instance_store.everything(ctx.session)}
    rows = []
    for row in pods.iter_rows(named=True):
        owner = row["organization_id"] if by == "organization_id" else organization_id
        one = row["instance_id"] if by == "instance_id" else None
        through = traffic.get(row[by])
        p95 = answers.quantile(0.95, through) if through else None
        rows.append(
            Usage(
                organization_id=owner,
                organization=names.organization(owner),
                instance_id=one,
                instance=instances[one].name if one in instances else "",
                cpu_core_hours=None if row["cpu"] is None else row["cpu"] / 3600,
                cpu_requested_core_hours=row["cpu_requested"],
                memory_byte_hours=row["memory"],
                memory_requested_byte_hours=row["memory_requested"],
                memory_peak_bytes=row["peak"],
                network_received_bytes=row["received"],
                network_sent_bytes=row["sent"],
                egress_bytes=through["egress"] if through else None,
                restarts=None if row["restarts"] is None else round(row["restarts"]),
                requests=through["requests"] if through else None,
                errors=through["errors"] if through else None,
                answer_seconds_p95=p95.seconds if p95 else None,
            )
        )
    return UsageReport(
        rows=tuple(sorted(rows, key=lambda row: (row.memory_byte_hours is None, -(row.memory_byte_hours or 0)))),
        since=since,
        until=until,
        covered=min(1.0, (covered_ms or 0) / 1000 / (until - since).total_seconds()),
        as_of=newest,
        source="windows of 1h and 5m (warehouse views pod_1h, pod_5m, ingress_1h, ingress_5m), owners of that time (ownership)",
        formula="increases of counters; levels x time for which they are known; nothing is filled in for what was not collected",
    )


def _floor(at: datetime, step: timedelta) -> datetime:
    origin = datetime(2000, 1, 1, tzinfo=UTC)
    return origin + (at - origin) // step * step


def _ceil(at: datetime, step: timedelta) -> datetime:
    down = _floor(at, step)
    return down if down == at else down + step
