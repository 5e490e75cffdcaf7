"""Key figures of the business: each with its definition, its target, its trend by month and the rows behind it.

What nobody measured is None and told so, never a number that was made up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from app.context import Context
from app.services import capacity, revenue, settings
from models.domain.access import Permission
from models.domain.changesets import ChangeState, Purpose
from models.domain.errors import PlatformError
from models.domain.periods import local_day
from models.store import changesets, instances, orders

MONTHS = 12
DAYS = timedelta(days=90)
PROBED = """
SELECT date_trunc('month', minute) AS month, count(*) FILTER (up AND NOT down) AS up, count(*) FILTER (down) AS down FROM (
  SELECT date_trunc('minute', ts) AS minute, namespace, address, bool_or(outcome = 'up') AS up, bool_or(outcome = 'down') AS down
  FROM probe WHERE cluster = $cluster AND ts >= $since AND ts < $until GROUP BY ALL)
GROUP BY 1 ORDER BY 1"""


@dataclass(frozen=True, slots=True)
class RowView:
    """One thing that counted: what, when, and what it gave."""

    name: str
    at: datetime
    value: float
    change_set_id: str = ""


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """`unit` is `seconds` or `share`. `low` and `high` are the ends of the target that it has."""

    code: str
    unit: str
    value: float | None
    low: float | None
    high: float | None
    trend: tuple[tuple[str, float], ...]
    """By month as 2026-11, the oldest first."""
    rows: tuple[RowView, ...]

    @property
    def met(self) -> bool | None:
        """None: not measured."""
        if self.value is None:
            return None
        return (self.low is None or self.value >= self.low) and (self.high is None or self.value <= self.high)


def all_(ctx: Context) -> tuple[KeyFigure, ...]:
    """The seven of them; for staff who see everybody's billing."""
    ctx.require(Permission.SEE_OWN_BILLING)
    ctx.require(Permission.SEE_CLUSTER)
    made, hand = _orders(ctx)
    return (
        _timed("time_to_access", made, high=300.0),
        _availability(ctx),
        _retention(ctx),
        _shares("needed_a_hand", hand, high=0.05),
        KeyFigure("api_answer", "seconds", None, None, 0.2, (), ()),
        KeyFigure("node_recovery", "seconds", None, None, 240.0, (), ()),
        _utilization(ctx),
    )


def _orders(ctx: Context) -> tuple[list[RowView], list[RowView]]:
    """Of apps that were made in the last months: seconds from the accepted order to access, and whether somebody had to help."""
    since = ctx.now - DAYS * 4
    names = {row.id: row.name for row in instances.everything(ctx.session)}
    decided = {row.instance_id: row.decided_at for row in orders.search(ctx.session) if row.decided_at is not None}
    made, hand = [], []
    for instance_id, accepted in decided.items():
        sets = [row for row in reversed(changesets.of_instance(ctx.session, instance_id)) if row.purpose is Purpose.CREATE]
        if not sets or accepted < since:
            continue
        done = next((row.finished_at for row in sets if row.state is ChangeState.DONE and row.finished_at is not None), None)
        failed = any(row.state in (ChangeState.BLOCKED, ChangeState.CANCELLED) or row.agreed for row in sets)
        name = names.get(instance_id, instance_id)
        if done is not None:
            made.append(RowView(name, done, max(0.0, (done - accepted).total_seconds()), sets[-1].id))
        if done is not None or failed:
            hand.append(RowView(name, accepted, float(failed), sets[-1].id))
    return made, hand


def _timed(code: str, rows: Sequence[RowView], *, high: float) -> KeyFigure:
    """The median; the slowest first."""
    trend = tuple((month, float(median(values))) for month, values in sorted(_by_month(rows).items()))
    value = float(median(row.value for row in rows)) if rows else None
    return KeyFigure(code, "seconds", value, None, high, trend, tuple(sorted(rows, key=lambda row: -row.value))[:100])


def _shares(code: str, rows: Sequence[RowView], *, high: float) -> KeyFigure:
    """The mean of ones and zeros; the ones first."""
    trend = tuple((month, sum(values) / len(values)) for month, values in sorted(_by_month(rows).items()))
    value = sum(row.value for row in rows) / len(rows) if rows else None
    return KeyFigure(code, "share", value, None, high, trend, tuple(sorted(rows, key=lambda row: (-row.value, row.name)))[:100])


def _availability(ctx: Context) -> KeyFigure:
    """Of all probed addresses together in the last 90 days; None while the warehouse is away."""
    bound = {"cluster": ctx.cluster.snapshot().cluster, "since": ctx.now - DAYS, "until": ctx.now}
    try:
        found = ctx.warehouse.query(PROBED, bound).rows()
    except PlatformError:
        found = []
    months = [(f"{month:%Y-%m}", up, down) for month, up, down in found if up + down]
    up, down = sum(one[1] for one in months), sum(one[2] for one in months)
    trend = tuple((month, good / (good + bad)) for month, good, bad in months)
    return KeyFigure("availability", "share", up / (up + down) if up + down else None, 0.995, None, trend, ())


def _retention(ctx: Context) -> KeyFigure:
    """Customers of the start of the last full month who still paid at its end, over all currencies."""
    before: dict[str, int] = defaultdict(int)
    lost: dict[str, int] = defaultdict(int)
    for currency in revenue.currencies(ctx):
        for one in revenue.revenue(ctx, currency=currency).months[1:]:
            before[f"{one.month:%Y-%m}"] += one.bridge.customers_before
            lost[f"{one.month:%Y-%m}"] += one.bridge.customers_lost
    trend = tuple((month, 1 - lost[month] / count) for month, count in sorted(before.items()) if count)
    last = max(before, default="")
    return KeyFigure("retention", "share", dict(trend).get(last), 0.8, None, trend, ())


def _utilization(ctx: Context) -> KeyFigure:
    """Memory that is asked for, of what nodes can give, now."""
    low, high = float(settings.get(ctx, "target_low")), float(settings.get(ctx, "target_high"))
    memory = next(one for one in capacity.state(ctx).resources if one.resource == "memory")
    share = memory.requested_share
    return KeyFigure("utilization", "share", share, low, high, (), ())


def _by_month(rows: Sequence[RowView]) -> Mapping[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        found[f"{local_day(row.at, 'UTC'):%Y-%m}"].append(row.value)
    return found
