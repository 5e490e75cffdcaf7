"""The end of a trial: told of once before, then the app stops and everything of it is kept."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from app.jobs import runner
from app.services import adoption, instances, operations
from app.services.orders import OrderView
from models.domain.errors import Conflict
from models.domain.instances import State
from models.domain.subscriptions import SubscriptionState
from models.store import mail, subscriptions
from tests.orders.conftest import Shop


def _letters(shop: Shop) -> list[str]:
    with shop.store.reading() as session:
        return sorted(row.kind for row in session.exec(select(mail.Mail)).all() if row.kind.startswith("trial"))


def _state(shop: Shop, app: OrderView) -> tuple[State, SubscriptionState]:
    with shop.acting() as ctx:
        money = subscriptions.by_id(ctx.session, app.subscription_id)
        assert money is not None
        return instances.get(ctx, instance_id=app.instance_id).state, money.state


def _run(shop: Shop) -> None:
    outcome = runner.run_once(shop.container, "trials")
    assert outcome is not None
    assert outcome.error == ""


def test_a_trial_is_told_of_once_and_stops_at_its_end(shop: Shop) -> None:
    app = shop.order("container")
    shop.work()
    shop.clock.advance(timedelta(days=10))
    _run(shop)
    assert _letters(shop) == []
    shop.clock.advance(timedelta(days=1, hours=1))
    for _ in range(2):
        _run(shop)
        shop.clock.advance(timedelta(minutes=15))
    assert _letters(shop) == ["trial_ending"]
    assert _state(shop, app) == (State.READY, SubscriptionState.TRIAL)
    shop.clock.advance(timedelta(days=3))
    for _ in range(2):
        _run(shop)
        shop.clock.advance(timedelta(minutes=15))
    shop.work(passes=6)
    assert _state(shop, app) == (State.STOPPED, SubscriptionState.EXPIRED)
    assert _letters(shop) == ["trial_ended", "trial_ending"]
    with shop.acting() as ctx:
        namespace = instances.get(ctx, instance_id=app.instance_id).namespace
    assert shop.cluster.read("Namespace", None, namespace) is not None
    with shop.acting() as ctx, pytest.raises(Conflict, match="is over"):
        operations.start(ctx, instance_id=app.instance_id)


def test_days_late_it_ends_all_the_same_and_what_is_paid_goes_on(shop: Shop) -> None:
    from app.services import decisions

    app, paid = shop.order("container"), shop.order("container", "starter")
    with shop.acting(shop.staff) as ctx:
        decisions.received(ctx, order_id=paid.id)
    shop.work()
    shop.clock.advance(timedelta(days=40))
    _run(shop)
    shop.work(passes=6)
    assert _state(shop, app) == (State.STOPPED, SubscriptionState.EXPIRED)
    assert _state(shop, paid) == (State.READY, SubscriptionState.ACTIVE)


def test_staff_give_a_trial_another_end_and_change_nothing_else_of_what_moorage_runs(shop: Shop) -> None:
    placed = shop.order("wordpress")
    shop.work()
    with shop.acting(shop.staff) as ctx:
        before = subscriptions.of_instance(ctx.session, placed.instance_id)
        assert before is not None
        assert before.trial_until is not None
        wanted = before.trial_until + timedelta(days=7)
        adoption.change(ctx, instance_id=placed.instance_id, trial_until=wanted)
        assert before.trial_until == wanted
        with pytest.raises(Conflict, match="Moorage runs “wordpress”"):
            adoption.change(ctx, instance_id=placed.instance_id, address="https://elsewhere.example")
    with shop.acting(shop.staff) as ctx, pytest.raises(Conflict, match="does not leave the record"):
        adoption.release(ctx, instance_id=placed.instance_id)
