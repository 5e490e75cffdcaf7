"""From an order to a running app, through every rank."""

from __future__ import annotations

import json

import pytest

from app.services import changesets, decisions, instances, orders, readiness
from models.domain.changesets import ChangeState, Purpose
from models.domain.errors import Conflict, NotFound, NotPermitted
from models.domain.instances import State
from models.domain.orders import OrderState
from models.domain.subscriptions import SubscriptionState
from models.store import mail, reservations, specifications, subscriptions
from provisioner import reconcile
from provisioner.labels import INSTANCE
from tests.orders.conftest import Shop


@pytest.mark.parametrize("template", ["container", "ghost", "n8n", "wordpress"])
def test_a_trial_runs_a_minute_after_it_was_ordered(shop: Shop, template: str) -> None:
    placed = shop.order(template)
    assert placed.state is OrderState.PAYMENT
    assert placed.address == f"https://kopi-kita.{template}.apps.example"
    shop.work()
    with shop.acting() as ctx:
        order = orders.get(ctx, order_id=placed.id)
        app = instances.get(ctx, instance_id=placed.instance_id)
        (work,) = changesets.list_(ctx, instance_id=placed.instance_id)
        steps = changesets.steps(ctx, change_set_id=work.id)
        money = subscriptions.by_id(ctx.session, placed.subscription_id)
        kept = specifications.credentials(ctx.session, placed.instance_id)
        assert reservations.of_instance(ctx.session, placed.instance_id) is None
        letters = [row for row in mail.of_organization(ctx.session, placed.organization_id) if row.kind == "app_ready"]
    assert order.state is OrderState.ACCEPTED
    assert app.state is State.READY
    assert money is not None
    assert money.state is SubscriptionState.TRIAL
    assert (work.state, work.purpose, work.phase) == (ChangeState.DONE, Purpose.CREATE, "done")
    assert [step.name for step in steps if step.verb == "phase"][-2:] == ["entrance", "address"]
    assert len({(step.verb, step.kind, step.name) for step in steps}) == len(steps)
    assert len(letters) == 1
    namespace = shop.cluster.read("Namespace", None, app.namespace)
    assert namespace is not None
    assert namespace["metadata"]["labels"][INSTANCE] == placed.instance_id
    secret = shop.cluster.read("Secret", app.namespace, "secrets")
    if kept is not None:
        assert secret is not None
        sealed = json.loads(shop.container.seal.unseal(kept.sealed, f"credentials:{placed.instance_id}"))
        assert sealed.keys() == reconcile.opened(secret).keys()
        assert sealed == reconcile.opened(secret)


def test_an_order_that_costs_waits_for_its_money_and_then_runs(shop: Shop) -> None:
    placed = shop.order("wordpress", "starter")
    shop.work(passes=3)
    with shop.acting(shop.staff) as ctx:
        assert orders.get(ctx, order_id=placed.id).state is OrderState.PAYMENT
        assert reservations.of_instance(ctx.session, placed.instance_id) is not None
        decisions.received(ctx, order_id=placed.id)
    with shop.acting(shop.staff) as ctx, pytest.raises(Conflict):
        decisions.received(ctx, order_id=placed.id)
    shop.work()
    with shop.acting() as ctx:
        assert instances.get(ctx, instance_id=placed.instance_id).state is State.READY
        money = subscriptions.by_id(ctx.session, placed.subscription_id)
        assert money is not None
        assert money.state is SubscriptionState.ACTIVE


def test_ready_is_only_who_answers(shop: Shop) -> None:
    placed = shop.order()
    shop.prober.down[placed.address] = ("down", "404, the ingress leads nowhere")
    shop.work()
    with shop.acting() as ctx:
        assert instances.get(ctx, instance_id=placed.instance_id).state is State.PROVISIONING
        (work,) = changesets.list_(ctx, instance_id=placed.instance_id)
    assert (work.phase, work.state) == ("address", ChangeState.WAITING)
    assert "404" in work.reason
    shop.prober.down.clear()
    shop.work(passes=3)
    with shop.acting() as ctx:
        assert instances.get(ctx, instance_id=placed.instance_id).state is State.READY


def test_the_time_to_ready_is_told_by_plan_and_step(shop: Shop) -> None:
    """Its steps add up to the whole; the median of one app is that app's own time; customers do not see it."""
    shop.order("wordpress")
    shop.work()
    with shop.acting(shop.staff) as ctx:
        (found,) = readiness.of_template(ctx, template="wordpress")
        assert readiness.of_template(ctx, template="ghost") == ()
        with pytest.raises(NotFound):
            readiness.of_template(ctx, template="nothing")
    assert (found.plan, found.made, found.stopped) == ("trial", 1, 0)
    assert found.median is not None
    assert found.median > 0
    assert [*found.steps][:1] + [*found.steps][-1:] == ["walls", "address"]
    assert sum(found.steps.values()) == pytest.approx(found.median)
    with shop.acting() as ctx, pytest.raises(NotPermitted):
        readiness.of_template(ctx, template="wordpress")
