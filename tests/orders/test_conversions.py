"""From trial to paid: invoiced at once, paid it goes on with its plan, unpaid it rests as without a choice; late money brings it back."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from app.gateways.payments import Script
from app.services import conversions
from app.services.orders import OrderView
from models.domain.errors import Conflict, Invalid
from models.domain.instances import State
from models.domain.subscriptions import SubscriptionState
from models.store import instances, specifications
from models.store.invoices import InvoiceState
from tests.orders.conftest import Shop
from tests.orders.test_dunning import dun, edges, pay, state
from tests.orders.test_renewals import MONTH, balance, gateway, issued, run
from tests.orders.test_trials import _run

S = SubscriptionState
DAY = timedelta(days=1)


@pytest.fixture
def tried(shop: Shop) -> OrderView:
    placed = shop.order("container")
    shop.work()
    run(shop)
    shop.clock.advance(10 * DAY)
    return placed


def choose(shop: Shop, placed: OrderView, plan: str = "standard") -> None:
    with shop.acting() as ctx:
        conversions.convert(ctx, subscription_id=placed.subscription_id, plan=plan)


def plan_of(shop: Shop, placed: OrderView) -> tuple[str | None, str]:
    with shop.store.reading() as session:
        app, wish = instances.by_id(session, placed.instance_id), specifications.newest(session, placed.instance_id)
        assert app is not None
        assert wish is not None
        return app.plan_id, wish.plan_id


def test_paid_it_goes_on_after_the_trial_with_its_plan(shop: Shop, tried: OrderView) -> None:
    before = plan_of(shop, tried)
    choose(shop, tried)
    with pytest.raises(Conflict, match="chosen for this trial already"):
        choose(shop, tried)
    run(shop)
    bill = issued(shop)[-1]
    assert (bill.total_minor, bill.state, bill.first, bill.after) == (
        149_000,
        InvoiceState.PAID,
        date(2026, 12, 6),
        date(2027, 1, 6),
    )
    assert bill.due_on == date(2026, 12, 6)
    assert state(shop, tried) == (S.TRIAL, State.READY)
    _run(shop)
    assert plan_of(shop, tried) == before
    shop.clock.advance(4 * DAY)
    _run(shop)
    assert state(shop, tried) == (S.TRIAL, State.READY), "what was bought is not stopped"
    assert dun(shop) == {"moved": 1}
    shop.work(passes=40)
    assert state(shop, tried) == (S.ACTIVE, State.READY)
    assert plan_of(shop, tried) != before
    assert len(set(plan_of(shop, tried))) == 1
    assert edges(shop, tried) == ["active: trial_paid"]
    shop.clock.advance(MONTH)
    run(shop)
    assert [(one.first, one.total_minor) for one in issued(shop)][-1] == (date(2027, 1, 6), 149_000)
    assert len(issued(shop)) == 3
    assert sum(balance(shop).values()) == 0


def test_unpaid_it_rests_and_late_money_brings_it_back(shop: Shop, tried: OrderView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.gateways.payments.of", lambda _: gateway(shop, Script.SOFT))
    choose(shop, tried)
    run(shop)
    assert issued(shop)[-1].state is InvoiceState.OPEN
    shop.clock.advance(5 * DAY)
    _run(shop)
    assert state(shop, tried)[0] is S.TRIAL
    counts = dun(shop)
    assert counts["moved"] == 1
    shop.work(passes=25)
    assert state(shop, tried) == (S.EXPIRED, State.STOPPED)
    assert dun(shop) == {}, "no debt, so nobody is reminded"
    pay(shop)
    assert dun(shop) == {"moved": 1}
    shop.work(passes=60)
    assert state(shop, tried) == (S.ACTIVE, State.READY)
    assert edges(shop, tried) == ["expired: trial_unpaid", "active: trial_paid"]


def test_what_cannot_be_chosen(shop: Shop, tried: OrderView) -> None:
    for plan in ("trial", "gold"):
        with pytest.raises(Invalid, match="no paid plan"):
            choose(shop, tried, plan)
    shop.clock.advance(5 * DAY)
    with pytest.raises(Conflict, match="not being tried"):
        choose(shop, tried)
