"""Suspended by staff an app ends, keeps everything and says why; resumed it is exactly what it was."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.services import operations, suspension
from app.services.orders import OrderView
from models.domain.access import Actor, ActorKind, Permission
from models.domain.errors import Conflict, Invalid, NotFound, NotPermitted
from models.domain.instances import State
from models.domain.subscriptions import SubscriptionState
from models.store import instances, reservations, specifications, subscriptions
from tests.orders.conftest import Shop
from tests.orders.test_operations import app, deployment, state
from tests.stories import a_stranger

__all__ = ["app"]
WHY = "Unpaid since 3 November."


def suspend(shop: Shop, app: OrderView, reason: str = WHY) -> None:
    with shop.acting(shop.staff) as ctx:
        suspension.suspend(ctx, instance_id=app.instance_id, reason=reason)
    shop.work(passes=25)


def resume(shop: Shop, app: OrderView) -> None:
    with shop.acting(shop.staff) as ctx:
        suspension.resume(ctx, instance_id=app.instance_id)
    shop.work(passes=25)


def namespace(shop: Shop, app: OrderView) -> str:
    name: str = deployment(shop, app)["metadata"]["namespace"]
    return name


def backend(shop: Shop, app: OrderView) -> str:
    found = shop.cluster.read("Ingress", namespace(shop, app), "app")
    assert found is not None
    name: str = found["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"]
    return name


def test_it_ends_and_comes_back_exactly(shop: Shop, app: OrderView) -> None:
    with shop.acting() as ctx:
        operations.change_settings(ctx, instance_id=app.instance_id, parameters={"copies": 2})
    shop.work(passes=25)
    before = deployment(shop, app)["spec"]
    suspend(shop, app)
    assert state(shop, app) is State.SUSPENDED
    assert deployment(shop, app)["spec"]["replicas"] == 0
    assert deployment(shop, app, "notice")["spec"]["replicas"] == 1
    assert backend(shop, app) == "notice"
    with shop.acting() as ctx:
        seen = suspension.of_app(ctx, instance_id=app.instance_id)
        assert seen is not None
        assert (seen.reason, seen.may) == (WHY, False)
        with pytest.raises(Conflict, match="suspended"):
            operations.start(ctx, instance_id=app.instance_id)
    resume(shop, app)
    assert state(shop, app) is State.READY
    assert deployment(shop, app)["spec"] == before
    assert backend(shop, app) == "web"
    assert shop.cluster.read("Deployment", namespace(shop, app), "notice") is None
    assert shop.cluster.read("Service", namespace(shop, app), "notice") is None


def test_what_was_stopped_is_stopped_afterwards(shop: Shop, app: OrderView) -> None:
    with shop.acting() as ctx:
        operations.stop(ctx, instance_id=app.instance_id)
    shop.work(passes=25)
    suspend(shop, app)
    assert state(shop, app) is State.SUSPENDED
    resume(shop, app)
    assert state(shop, app) is State.STOPPED
    with shop.acting() as ctx:
        operations.start(ctx, instance_id=app.instance_id)


def test_its_people_cannot_start_it_while_it_is_on_its_way(shop: Shop, app: OrderView) -> None:
    with shop.acting(shop.staff) as ctx:
        suspension.suspend(ctx, instance_id=app.instance_id, reason=WHY)
    for act in (operations.restart, operations.start, operations.stop):
        with shop.acting() as ctx, pytest.raises(Conflict, match="suspended"):
            act(ctx, instance_id=app.instance_id)
    shop.work(passes=25)
    shop.clock.advance(timedelta(hours=1))
    assert shop.driver.look_after() is None, "nobody mends a suspended app"


def test_who_may_and_what_has_to_be_said(shop: Shop, app: OrderView) -> None:
    with shop.store.transaction() as session:
        stranger = a_stranger(session)
    scopes = shop.staff.everywhere - {Permission.MANAGE_ORGANIZATIONS}
    token = Actor(shop.staff.id, ActorKind.TOKEN, "ci", scopes)
    for actor, refused in ((shop.customer.actor, NotPermitted), (stranger, NotFound), (token, NotPermitted)):
        with shop.acting(actor) as ctx, pytest.raises(refused):
            suspension.suspend(ctx, instance_id=app.instance_id, reason=WHY)
        with shop.acting(actor) as ctx, pytest.raises(refused):
            suspension.resume(ctx, instance_id=app.instance_id)
    for reason in ("", " ", "x" * 301):
        with shop.acting(shop.staff) as ctx, pytest.raises(Invalid, match="Say why"):
            suspension.suspend(ctx, instance_id=app.instance_id, reason=reason)
    with shop.acting(shop.staff) as ctx, pytest.raises(Conflict, match="is not suspended"):
        suspension.resume(ctx, instance_id=app.instance_id)
    with shop.acting() as ctx:
        assert specifications.newest(ctx.session, app.instance_id) is not None


def test_what_is_gone_or_not_paid_for_any_more_does_not_come_back(shop: Shop, app: OrderView) -> None:
    suspend(shop, app)
    shop.work()
    with shop.acting() as ctx:
        money = subscriptions.of_instance(ctx.session, app.instance_id)
        assert money is not None
        was = money.state
        money.state = SubscriptionState.EXPIRED
        ctx.session.add(money)
    with pytest.raises(Conflict, match="has ended"):
        resume(shop, app)
    with shop.acting(shop.staff) as ctx:
        row, money = instances.by_id(ctx.session, app.instance_id), subscriptions.of_instance(ctx.session, app.instance_id)
        assert row is not None
        assert money is not None
        row.state, money.state = State.GONE, was
        ctx.session.add_all([row, money])
    with pytest.raises(Conflict, match="not suspended"):
        resume(shop, app)
    with shop.acting() as ctx:
        assert reservations.open_(ctx.session, row.cluster) == [], "no room is held for it"


def test_an_app_with_setup_steps_comes_back_beside_its_notice(shop: Shop) -> None:
    placed = shop.order("wordpress", "trial")
    shop.work(passes=40)
    assert state(shop, placed) is State.READY
    suspend(shop, placed)
    assert state(shop, placed) is State.SUSPENDED
    shop.clock.advance(timedelta(days=9))
    resume(shop, placed)
    assert state(shop, placed) is State.READY
    assert backend(shop, placed) == "web"
