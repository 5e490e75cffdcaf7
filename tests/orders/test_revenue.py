"""Recurring revenue: from items and states to movements that sum, and a panel that says what is at risk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest

from app.gateways.payments import Script
from app.services import instances, operations, reports, revenue, takings
from models.domain.errors import NotPermitted
from models.domain.mrr import MovementKind
from tests.orders.conftest import Shop
from tests.orders.test_recognition import at
from tests.orders.test_renewals import balance, gateway, issued, paid
from tests.orders.test_renewals import run as renew
from tests.stories import a_customer


def shown(shop: Shop) -> revenue.RevenueView:
    with shop.acting(shop.staff) as ctx:
        return revenue.revenue(ctx, currency="IDR")


def net(price: int) -> int:
    return round(Fraction(price * 100, 111))


@pytest.fixture
def grown(shop: Shop) -> Shop:
    """One customer with two apps of whom one goes, another one with a trial."""
    paid(shop)
    shop.work()
    renew(shop)
    at(shop, datetime(2026, 12, 5, tzinfo=UTC))
    other = paid(shop, "n8n")
    shop.work(passes=60)
    renew(shop)
    at(shop, datetime(2026, 12, 10, tzinfo=UTC))
    with shop.store.transaction() as session:
        second = a_customer(session, "Toko Ayu")
    shop.order("wordpress", "trial", actor=second.actor, organization_id=second.organization.id)
    at(shop, datetime(2027, 1, 3, tzinfo=UTC))
    with shop.acting() as ctx:
        name = instances.get(ctx, instance_id=other.instance_id).name
        operations.remove(ctx, instance_id=other.instance_id, typed_name=name)
    shop.work()
    at(shop, datetime(2027, 1, 9, tzinfo=UTC))
    return shop


def test_movements_sum_to_the_revenue_that_recurs(grown: Shop) -> None:
    view = shown(grown)
    january, december, november = view.months[:3]
    first, second = (net(one.total_minor) for one in issued(grown)[:2])
    assert view.mrr_minor == first == sum(one.net_minor for one in view.lines)
    assert (november.bridge.new, november.bridge.closing) == (first, first)
    assert (december.bridge.opening, december.bridge.expansion, december.bridge.closing) == (first, second, first + second)
    assert (january.bridge.contraction, january.bridge.closing, january.customers) == (second, first, 1)
    assert sum(one.change_minor for one in view.movements) == view.mrr_minor
    assert [one.kind for one in view.movements] == [MovementKind.CONTRACTION, MovementKind.EXPANSION, MovementKind.NEW]
    for newer, older in pairwise(view.months):
        bridge = newer.bridge
        moved = bridge.new + bridge.expansion + bridge.reactivation - bridge.contraction - bridge.churn
        assert bridge.opening == older.bridge.closing
        assert bridge.opening + moved == bridge.closing
    assert december.bridge.net_retention == Fraction(first + second, first)
    assert january.bridge.gross_retention == Fraction(first, first + second)
    assert (december.arr, december.arpa) == (12 * (first + second), first + second)
    (cohort,) = view.cohorts
    assert (cohort.customers, cohort.mrr) == (1, (first, first + second, first))


def test_every_split_sums_to_the_whole(grown: Shop) -> None:
    view = shown(grown)
    for what in revenue.BY:
        assert sum(part.mrr_minor for part in view.by(what)) == view.mrr_minor
    assert [part.name for part in view.by("plan")] == ["container, starter"]


def test_trials_count_by_the_month_in_which_they_began(grown: Shop) -> None:
    (december,) = shown(grown).trials
    assert (december.begun, december.converted) == (1, 0)
    assert december.ended + december.open == 1


def test_the_panel_says_what_came_what_is_late_and_what_is_at_risk(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    placed = paid(shop)
    renew(shop)
    scripted = gateway(shop, Script.PENDING)
    monkeypatch.setattr("app.gateways.payments.of", lambda _: scripted)
    price = issued(shop)[0].total_minor
    with shop.acting(shop.staff) as ctx:
        (first,) = takings.now(ctx)
    assert (first.mrr_minor, first.collected_minor, first.overdue_minor, first.at_risk_minor) == (net(price), price, 0, 0)
    shop.clock.advance(timedelta(days=44))
    renew(shop)
    shop.clock.advance(timedelta(days=10))
    with shop.acting(shop.staff) as ctx:
        (late,) = takings.now(ctx, sick=[placed.instance_id])
        owed = reports.ageing(ctx, currency="IDR")
    assert (late.collected_minor, late.overdue_minor, late.overdue) == (0, owed.total_minor, 1)
    assert late.overdue_minor == balance(shop)["1100"]
    assert (late.at_risk_minor, late.at_risk) == (net(price), 1)


def test_revenue_is_for_staff(shop: Shop) -> None:
    for report in (revenue.currencies, takings.now):
        with shop.acting() as ctx, pytest.raises(NotPermitted):
            report(ctx)
