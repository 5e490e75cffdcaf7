"""The money panel: what recurs, what came this month, what is overdue, what is at risk, which trials end."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.context import Context
from app.services import reports, revenue, settings
from models.domain.access import Permission
from models.domain.ledger import CASH
from models.domain.periods import local_day
from models.store import ledger_sums, subscriptions

SOON = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class TakingsView:
    """One currency, minor units. `at_risk` is the MRR of apps that do not work now, of so many customers."""

    currency: str
    as_of: datetime
    mrr_minor: int
    before_minor: int
    """A month ago."""
    customers: int
    collected_minor: int
    overdue_minor: int
    overdue: int
    at_risk_minor: int
    at_risk: int
    trials_ending: int


def now(ctx: Context, *, sick: Collection[str] = ()) -> tuple[TakingsView, ...]:
    """For each currency, the one with the most MRR first; `sick` are ids of apps that do not work, as the trouble list has them."""
    ctx.require(Permission.SEE_OWN_BILLING)
    month = local_day(ctx.now, str(settings.get(ctx, "billing_zone"))).replace(day=1)
    ending = subscriptions.trials_ending(ctx.session, ctx.now + SOON, limit=1000)
    posted = [one for one in ledger_sums.monthly(ctx.session) if one.account == CASH.code and one.month == month]
    found = []
    for currency in sorted({*reports.currencies(ctx), *subscriptions.currencies(ctx.session)}):
        view = revenue.revenue(ctx, currency=currency)
        owed = reports.ageing(ctx, currency=currency)
        late = [row for row in owed.rows if row.age]
        hurt = [one for one in view.lines if one.instance_id in sick]
        found.append(
            TakingsView(
                currency,
                ctx.now,
                view.mrr_minor,
                view.months[0].bridge.opening,
                view.months[0].customers,
                sum(one.balance for one in posted if one.currency == currency),
                sum(row.open_minor for row in late),
                len(late),
                sum(one.net_minor for one in hurt),
                len({one.organization_id for one in hurt}),
                sum(row.currency == currency for row in ending),
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.mrr_minor, one.currency)))
