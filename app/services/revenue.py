"""Recurring revenue: MRR by customer from items and states of subscriptions, its movements by month, cohorts and splits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from app.context import Context
from app.services import renewals, settings
from models.domain import recurring as rules
from models.domain.access import Permission
from models.domain.money import Money
from models.domain.mrr import Bridge, Movement, MovementKind, bridge, movements, yearly
from models.domain.periods import begins, local_day
from models.domain.recognition import next_month
from models.domain.recurring import Cohort, Move, Span
from models.domain.subscriptions import SubscriptionState
from models.domain.tax import TaxLine, TaxRule, taxed
from models.store import revenue as store
from models.store import subscriptions
from models.store.organizations import Organization
from models.store.revenue import Line
from models.store.subscriptions import Subscription

MONTHS = 14
"""So many months the page shows."""
BY = ("plan", "template", "country")


@dataclass(frozen=True, slots=True)
class MonthView:
    """A month's bridge from the MRR before to the MRR after, in minor units, and what follows from it; this month until now."""

    month: date
    start: datetime
    bridge: Bridge
    customers: int
    """Who pay at its end."""

    @property
    def arr(self) -> int:
        return yearly(self.bridge.closing)

    @property
    def arpa(self) -> Fraction | None:
        """MRR of an average customer."""
        return Fraction(self.bridge.closing, self.customers) if self.customers else None


@dataclass(frozen=True, slots=True)
class MovementView:
    """One customer's movement."""

    organization_id: str
    organization: str
    at: datetime
    kind: MovementKind
    change_minor: int


@dataclass(frozen=True, slots=True)
class LineView:
    """One recurring line that counts now."""

    organization_id: str
    organization: str
    country: str
    app: str
    template: str
    plan: str
    instance_id: str | None
    net_minor: int
    since: datetime


@dataclass(frozen=True, slots=True)
class PartView:
    """The MRR of one plan, template or country."""

    name: str
    mrr_minor: int
    customers: int
    lines: int


@dataclass(frozen=True, slots=True)
class TrialsView:
    """Trials that began in a month, and what became of them. `share` is of those that are decided."""

    month: date
    begun: int
    converted: int
    ended: int
    open: int

    @property
    def share(self) -> Fraction | None:
        decided = self.converted + self.ended
        return Fraction(self.converted, decided) if decided else None


@dataclass(frozen=True, slots=True)
class RevenueView:
    """Everything about recurring revenue in one currency as it is now."""

    currency: str
    as_of: datetime
    mrr_minor: int
    months: tuple[MonthView, ...]
    """The newest first."""
    cohorts: tuple[Cohort, ...]
    trials: tuple[TrialsView, ...]
    lines: tuple[LineView, ...]
    movements: tuple[MovementView, ...]
    """Of the months shown, the newest first."""

    def by(self, what: str) -> tuple[PartView, ...]:
        """The MRR by `plan`, `template` or `country`, the largest first; it sums to the whole."""
        parts: dict[str, list[LineView]] = defaultdict(list)
        for one in self.lines:
            parts[_group(one, what)].append(one)
        made = [
            PartView(name, sum(one.net_minor for one in mine), len({one.organization_id for one in mine}), len(mine))
            for name, mine in parts.items()
        ]
        return tuple(sorted(made, key=lambda part: (-part.mrr_minor, part.name)))


@dataclass(frozen=True, slots=True)
class _Known:
    """Facts of all subscriptions in a currency."""

    subscriptions: Sequence[tuple[Subscription, Organization]]
    spans: Sequence[Span]
    lines: dict[str, Line]
    trials: Sequence[tuple[datetime, str]]
    """When each trial began, and what became of it."""


def revenue(ctx: Context, *, currency: str) -> RevenueView:
    """MRR and everything that is told of it; for staff who see everybody's billing."""
    known = _known(ctx, currency)
    zone = str(settings.get(ctx, "billing_zone"))
    moves = movements(one for one in rules.levels(known.spans) if one.at <= ctx.now)
    months = _months(ctx, zone)
    shown = []
    for month, start, end in months:
        found = bridge([one for one in moves if one.at < end], start, end)
        customers = len(_held(moves, end))
        shown.append(MonthView(month, start, found, customers))
    names = {organization.id: organization for _, organization in known.subscriptions}
    begun = months[-1][1]
    told = tuple(
        MovementView(one.customer, names[one.customer].name, one.at, one.kind, one.change)
        for one in reversed(moves)
        if one.at >= begun
    )
    ended = [(month, end) for month, _, end in _months(ctx, zone, moves[0].at if moves else None)][::-1]
    lines = tuple(_line(one, known.lines[one.item], names[one.customer]) for one in known.spans if ctx.now in one)
    return RevenueView(
        currency,
        ctx.now,
        sum(rules.level(known.spans, ctx.now).values()),
        tuple(shown),
        tuple(rules.cohorts(moves, ended)),
        tuple(_trials(known.trials, [(month, start, end) for month, start, end in months])),
        tuple(sorted(lines, key=lambda one: (-one.net_minor, one.organization))),
        told,
    )


def currencies(ctx: Context) -> tuple[str, ...]:
    """Those in which anything was ever ordered."""
    ctx.require(Permission.SEE_OWN_BILLING)
    return tuple(subscriptions.currencies(ctx.session))


def _known(ctx: Context, currency: str) -> _Known:
    ctx.require(Permission.SEE_OWN_BILLING)
    edges, items = store.moves(ctx.session), store.lines(ctx.session)
    inclusive = bool(settings.get(ctx, "prices_with_tax"))
    net = _net_of(inclusive, currency)
    rows = store.subscriptions(ctx.session, currency)
    spans: list[Span] = []
    trials: list[tuple[datetime, str]] = []
    taxes: dict[str, TaxRule] = {}
    for row, organization in rows:
        own = edges.get(row.id, ())
        moves = [Move(one.at, one.after) for one in own]
        begun = own[0].before if own else row.state
        if not own and row.state not in rules.COUNTS and row.ended_at is not None:
            # it ended before its moves were kept: it counted from its making, or from the end of its trial, until then
            begun, moves = SubscriptionState.ACTIVE, [Move(row.ended_at, row.state)]
        counted = rules.paying(row.created_at, begun, moves)
        if organization.id not in taxes:
            taxes[organization.id] = renewals.tax_rule(ctx, organization.id)
        for line in items.get(row.id, ()):
            amount = net(line.price_minor, taxes[organization.id])
            spans += rules.spans(organization.id, line.item_id, amount, (line.since, line.until), counted)
        tried = begun is SubscriptionState.TRIAL or any(one.after is SubscriptionState.TRIAL for one in moves)
        if tried or row.trial_until is not None:
            trials.append((row.created_at, _outcome(row, moves, ctx.now)))
    return _Known(rows, spans, {line.item_id: line for mine in items.values() for line in mine}, trials)


def _net_of(inclusive: bool, currency: str) -> Callable[[int, TaxRule], int]:
    """A price without its tax, each computed once."""
    kept: dict[tuple[int, TaxRule], int] = {}

    def net(price: int, rule: TaxRule) -> int:
        if (price, rule) not in kept:
            kept[price, rule] = taxed([TaxLine(Money(price, currency), rule)], currency, inclusive=inclusive).net.minor
        return kept[price, rule]

    return net


def _outcome(row: Subscription, moves: Sequence[Move], now: datetime) -> str:
    del now
    if any(one.after in rules.COUNTS for one in moves) or row.state in rules.COUNTS:
        return "converted"
    return "open" if row.state in (SubscriptionState.TRIAL, SubscriptionState.PENDING) else "ended"


def _months(ctx: Context, zone: str, since: datetime | None = None) -> Sequence[tuple[date, datetime, datetime]]:
    """First day, start and end of each month, the newest first: the last fourteen, or all since a moment."""
    first = local_day(ctx.now, zone).replace(day=1)
    last = local_day(since, zone).replace(day=1) if since is not None else None
    found: list[tuple[date, datetime, datetime]] = []
    while len(found) < MONTHS or (last is not None and first >= last):
        found.append((first, begins(first, zone), begins(next_month(first), zone)))
        first = date(first.year - (first.month == 1), (first.month - 2) % 12 + 1, 1)
    return found


def _held(moves: Sequence[Movement], end: datetime) -> set[str]:
    """Customers who pay at a moment."""
    held: dict[str, int] = defaultdict(int)
    for one in moves:
        if one.at < end:
            held[one.customer] += one.change
    return {customer for customer, mrr in held.items() if mrr}


def _trials(trials: Sequence[tuple[datetime, str]], months: Sequence[tuple[date, datetime, datetime]]) -> Sequence[TrialsView]:
    found = []
    for month, start, end in months:
        mine = [outcome for at, outcome in trials if start <= at < end]
        if mine:
            found.append(TrialsView(month, len(mine), mine.count("converted"), mine.count("ended"), mine.count("open")))
    return found


def _line(span: Span, line: Line, organization: Organization) -> LineView:
    return LineView(
        organization.id, organization.name, organization.country, line.app, line.template, line.plan, line.instance_id,
        span.net_minor, span.since,
    )  # fmt: skip


def _group(line: LineView, what: str) -> str:
    return {"plan": f"{line.template}, {line.plan}", "template": line.template, "country": line.country}[what]
