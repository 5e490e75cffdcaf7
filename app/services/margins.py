"""Margin: what each app, plan and organization brought in a month, and what of the cluster's price it bears, to the last unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

from app.context import Context
from app.services import mapping, settings
from models.domain import margin as rules
from models.domain.access import Permission
from models.domain.errors import Invalid
from models.domain.margin import NodeCost, Row, Use
from models.domain.money import rounded
from models.domain.periods import begins, local_day
from models.domain.recognition import next_month
from models.store import earnings, organizations
from models.store import revenue as store

HOUR = timedelta(hours=1)
SHARED = "shared"
BY = ("organization", "plan", "app")
USED = """
SELECT namespace, node,
  sum(greatest(coalesce(cpu_usage_seconds_total_inc / 3600, 0), coalesce(cpu_request_cores_avg * covered_ms / 3600000, 0))) AS cpu,
  sum(greatest(coalesce(memory_working_set_bytes_avg, 0), coalesce(memory_request_bytes_avg, 0)) * covered_ms / 3600000) AS memory
FROM pod_1h WHERE cluster = $cluster AND t > $since AND t <= $until AND node IS NOT NULL AND node <> '' GROUP BY ALL"""
NODES = """
SELECT node, count(DISTINCT t) AS hours, max(coalesce(cpu_capacity_cores_avg, cpu_allocatable_cores_avg)) AS cores,
  max(coalesce(memory_total_bytes_avg, memory_allocatable_bytes_avg)) AS memory
FROM node_1h WHERE cluster = $cluster AND t > $since AND t <= $until GROUP BY ALL"""


@dataclass(frozen=True, slots=True)
class MarginRow:
    """One app, plan or organization; minor units. direct + shared + reserve + idle is its cost."""

    key: str
    name: str
    revenue_minor: int
    direct_minor: int
    shared_minor: int
    idle_minor: int
    before_idle_minor: int
    after_idle_minor: int


@dataclass(frozen=True, slots=True)
class MarginView:
    """A month. The rows' costs and `rest_minor` (what nobody could be asked for) sum to `bill_minor`, their revenue to `revenue_minor`."""

    month: date
    currency: str
    since: datetime
    until: datetime
    ended: bool
    """Whether the revenue is what the ledger has; of a month under way it is what days have earned so far."""
    priced: bool
    """Whether a node has a price."""
    bill_minor: int
    rest_minor: int
    revenue_minor: int
    idle_share: float | None
    rows: tuple[MarginRow, ...]


def months(ctx: Context) -> tuple[date, ...]:
    """This month and the twelve before it, the newest first."""
    ctx.require(Permission.SEE_OWN_BILLING)
    found = [_today(ctx).replace(day=1)]
    while len(found) <= 12:
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return tuple(found)


def margin(ctx: Context, *, month: date, by: str = "organization") -> MarginView:
    """The month by `organization`, `plan` or `app`; for staff who see everybody's billing. The least margin first."""
    ctx.require(Permission.SEE_OWN_BILLING)
    if by not in BY:
        raise Invalid(f"Choose one of {', '.join(BY)}.", field="by")
    month, currency = month.replace(day=1), str(settings.get(ctx, "node_price_currency"))
    zone = str(settings.get(ctx, "billing_zone"))
    since, end = begins(month, zone), begins(next_month(month), zone)
    until = min(end, ctx.now.replace(minute=0, second=0, microsecond=0))
    today, ended = _today(ctx), end <= ctx.now
    earned = earnings.posted(ctx.session, month, currency) if ended else earnings.so_far(ctx.session, month, today, currency)
    nodes, uses = _cluster(ctx, since, until, end) if until > since else ([], [])
    told = rules.margin(nodes, uses, revenue=earned, shared=frozenset({SHARED}))
    names = _names(ctx)
    labels = {row.key: names[by].get(row.key, row.key) for row in told.rows}
    idle = sum(row.idle for row in told.rows) + told.rest
    rows = [_row(row, labels) for row in (rules.grouped(told.rows, labels) if by != "app" else told.rows)]
    return MarginView(
        month,
        currency,
        since,
        until,
        ended,
        bool(settings.get(ctx, "node_price_month")),
        told.bill,
        told.rest,
        sum(earned.values()),
        idle / told.bill if told.bill else None,
        tuple(sorted(rows, key=lambda row: (row.after_idle_minor, row.name))),
    )


def proven(view: MarginView) -> bool:
    """Whether the rows and what nobody was asked for are the bill, to the unit."""
    costs = sum(row.revenue_minor - row.after_idle_minor for row in view.rows)
    return costs + view.rest_minor == view.bill_minor and sum(row.revenue_minor for row in view.rows) == view.revenue_minor


def _cluster(ctx: Context, since: datetime, until: datetime, end: datetime) -> tuple[list[NodeCost], list[Use]]:
    """Nodes with their part of the month's price, and who used how much of them."""
    bound = {"cluster": ctx.cluster.snapshot().cluster, "since": since.astimezone(UTC), "until": until.astimezone(UTC)}
    price, whole = int(settings.get(ctx, "node_price_month")), Fraction(int((end - since) / HOUR))
    nodes = []
    for node, hours, cores, memory in ctx.warehouse.query(NODES, bound).rows():
        if cores and memory:
            part = rounded(price * Fraction(hours) / whole)
            nodes.append(NodeCost(node, part, _exact(cores) * hours, _gib(memory) * hours))
    known = {node.name for node in nodes}
    owners = mapping.owners(ctx)
    uses = []
    for namespace, node, cpu, memory in ctx.warehouse.query(USED, bound).rows():
        owner = owners.get(namespace)
        key = SHARED if owner is None or owner.organization_id is None else owner.instance_id or f"org:{owner.organization_id}"
        if node in known:
            uses.append(Use(key, node, _exact(cpu or 0), _gib(memory or 0)))
    return nodes, uses


def _names(ctx: Context) -> dict[str, dict[str, str]]:
    """By what rows are grouped: names for keys, which are ids of apps or `org:` and the id of an organization."""
    orgs = {row.id: row.name for row in organizations.everything(ctx.session)}
    found: dict[str, dict[str, str]] = {one: {f"org:{id}": name for id, name in orgs.items()} for one in BY}
    owners = {row.id: organization.name for row, organization in store.subscriptions(ctx.session)}
    for lines in store.lines(ctx.session).values():
        for line in lines:
            if line.instance_id is not None:
                found["organization"][line.instance_id] = owners.get(line.subscription_id, "")
                found["plan"][line.instance_id] = f"{line.template}, {line.plan}"
                found["app"][line.instance_id] = f"{owners.get(line.subscription_id, '')}: {line.app}"
    for owner in mapping.owners(ctx).values():
        if owner.instance_id is not None and owner.organization_id is not None:
            found["organization"].setdefault(owner.instance_id, orgs.get(owner.organization_id, owner.organization_id))
    return found


def _row(row: Row, labels: Mapping[str, str]) -> MarginRow:
    return MarginRow(
        row.key, labels.get(row.key, row.key), row.revenue, row.direct, row.shared, row.idle, row.before_idle, row.after_idle
    )


def _today(ctx: Context) -> date:
    return local_day(ctx.now, str(settings.get(ctx, "billing_zone")))


def _exact(value: float) -> Fraction:
    """A measurement as a fraction: thousandths of a second count, what is below is the noise of its float."""
    return Fraction(round(value * 3_600_000), 3_600_000)


def _gib(value: float) -> Fraction:
    return Fraction(round(value), 1 << 30)
