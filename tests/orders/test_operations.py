"""What is done with an app every day: stopped, started, restarted, made larger, set otherwise, deleted; and who sees its credentials."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.services import changesets, credentials, instances, operations
from app.services.orders import OrderView
from app.services.selling import NoRoom
from models.domain.access import Actor, ActorKind, MemberRole
from models.domain.changesets import ChangeState, Purpose
from models.domain.errors import Conflict, Invalid, NotFound, NotPermitted
from models.domain.instances import State
from models.domain.subscriptions import SubscriptionState
from models.store import audit, reservations, specifications, subscriptions
from provisioner.labels import RESTARTS, Object
from tests.orders.conftest import Shop
from tests.orders.test_orders import fill
from tests.stories import a_member, a_stranger, an_instance


@pytest.fixture
def app(shop: Shop) -> OrderView:
    placed = shop.order("container")
    shop.work(passes=25)
    return placed


def deployment(shop: Shop, app: OrderView, name: str = "web") -> Object:
    with shop.acting() as ctx:
        namespace = instances.get(ctx, instance_id=app.instance_id).namespace
    found = shop.cluster.read("Deployment", namespace, name)
    assert found is not None
    return found


def state(shop: Shop, app: OrderView) -> State:
    with shop.acting() as ctx:
        return instances.get(ctx, instance_id=app.instance_id).state


def test_stopped_and_started_it_is_what_it_was(shop: Shop, app: OrderView) -> None:
    before = deployment(shop, app)["spec"]
    with shop.acting() as ctx:
        assert operations.stop(ctx, instance_id=app.instance_id).purpose is Purpose.STOP
    shop.work(passes=25)
    assert state(shop, app) is State.STOPPED
    assert deployment(shop, app)["spec"]["replicas"] == 0
    with shop.acting() as ctx, pytest.raises(Conflict, match="stopped already"):
        operations.stop(ctx, instance_id=app.instance_id)
    with shop.acting() as ctx:
        operations.start(ctx, instance_id=app.instance_id)
        assert reservations.of_instance(ctx.session, app.instance_id) is not None
    shop.work(passes=25)
    assert state(shop, app) is State.READY
    assert deployment(shop, app)["spec"] == before
    with shop.acting() as ctx:
        assert reservations.of_instance(ctx.session, app.instance_id) is None


def test_the_place_of_a_stopped_app_can_be_taken(shop: Shop, app: OrderView) -> None:
    with shop.acting() as ctx:
        operations.stop(ctx, instance_id=app.instance_id)
    shop.work(passes=25)
    for node in (1, 2, 3):
        fill(shop, 6.4, node=node)
    with shop.acting() as ctx, pytest.raises(NoRoom, match="cannot be started now"):
        operations.start(ctx, instance_id=app.instance_id)
    assert state(shop, app) is State.STOPPED


def test_a_restart_makes_other_pods_and_nothing_else(shop: Shop, app: OrderView) -> None:
    before = deployment(shop, app)
    with shop.acting() as ctx:
        operations.restart(ctx, instance_id=app.instance_id)
    shop.work(passes=25)
    after = deployment(shop, app)
    assert after["spec"]["template"]["metadata"]["annotations"] == {RESTARTS: "1"}
    assert after["spec"]["template"]["spec"] == before["spec"]["template"]["spec"]
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
    assert state(shop, app) is State.READY


def test_other_settings_are_kept_in_generations_and_rolled_back(shop: Shop, app: OrderView) -> None:
    with shop.acting() as ctx:
        operations.change_settings(ctx, instance_id=app.instance_id, parameters={"environment": {"COLOUR": "blue"}, "copies": 2})
    shop.work(passes=25)
    assert deployment(shop, app)["spec"]["replicas"] == 2
    with shop.acting() as ctx, pytest.raises(Invalid):
        operations.change_settings(ctx, instance_id=app.instance_id, parameters={"copies": 99})
    with shop.acting() as ctx:
        operations.roll_back(ctx, instance_id=app.instance_id, generation=1)
        history = specifications.history(ctx.session, app.instance_id)
    assert [one.generation for one in history] == [3, 2, 1]
    assert history[0].given == history[2].given
    shop.work(passes=25)
    assert deployment(shop, app)["spec"]["replicas"] == 1
    with shop.acting() as ctx, pytest.raises(NotFound):
        operations.roll_back(ctx, instance_id=app.instance_id, generation=9)


def test_a_larger_plan_costs_its_price_from_now_on(shop: Shop) -> None:
    from app.services import decisions

    placed = shop.order("container", "starter")
    with shop.acting(shop.staff) as ctx:
        decisions.received(ctx, order_id=placed.id)
    shop.work(passes=25)
    with shop.store.transaction() as session:
        developer = a_member(session, shop.customer, MemberRole.DEVELOPER)
    with shop.acting(developer) as ctx, pytest.raises(NotPermitted):
        operations.change_plan(ctx, instance_id=placed.instance_id, plan="pro")
    with shop.acting() as ctx, pytest.raises(Conflict, match="never becomes a trial"):
        operations.change_plan(ctx, instance_id=placed.instance_id, plan="trial")
    with shop.acting() as ctx:
        operations.change_plan(ctx, instance_id=placed.instance_id, plan="standard")
    shop.work(passes=25)
    with shop.acting() as ctx:
        items = subscriptions.items(ctx.session, placed.subscription_id)
        assert reservations.of_instance(ctx.session, placed.instance_id) is None
    assert [(one.price_minor, one.until is None) for one in items] == [(79_000, False), (149_000, True)]
    assert items[0].until == items[1].since
    limits = deployment(shop, placed)["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert limits["memory"] == "1Gi"


def test_deleting_takes_the_typed_name_and_leaves_the_cluster_clean(shop: Shop, app: OrderView) -> None:
    namespace = deployment(shop, app)["metadata"]["namespace"]
    with shop.acting() as ctx, pytest.raises(Invalid, match="Type the app's name"):
        operations.remove(ctx, instance_id=app.instance_id, typed_name="other")
    with shop.acting() as ctx:
        operations.remove(ctx, instance_id=app.instance_id, typed_name=app.name)
    with shop.acting() as ctx, pytest.raises(Conflict):
        operations.start(ctx, instance_id=app.instance_id)
    shop.work(passes=25)
    assert state(shop, app) is State.GONE
    assert shop.cluster.read("Namespace", None, namespace) is None
    with shop.acting() as ctx:
        money = subscriptions.by_id(ctx.session, app.subscription_id)
        (newest, *_) = changesets.list_(ctx, instance_id=app.instance_id)
        history = audit.search(ctx.session, organization_id=app.organization_id, limit=None)
    assert money is not None
    assert money.state is SubscriptionState.EXPIRED
    assert (newest.purpose, newest.state) == (Purpose.REMOVE, ChangeState.DONE)
    assert {"instances.remove", "changesets.done"} <= {row.action for row in history}


def test_who_may_operate(shop: Shop, app: OrderView) -> None:
    with shop.store.transaction() as session:
        viewer = a_member(session, shop.customer, MemberRole.VIEWER)
        stranger = a_stranger(session)
        foreign = an_instance(session, shop.customer, "adopted", namespace="theirs")
    for act in (operations.stop, operations.start, operations.restart):
        with shop.acting(viewer) as ctx, pytest.raises(NotPermitted):
            act(ctx, instance_id=app.instance_id)
        with shop.acting(stranger) as ctx, pytest.raises(NotFound):
            act(ctx, instance_id=app.instance_id)
        with shop.acting() as ctx, pytest.raises(Conflict, match="without Moorage's doing"):
            act(ctx, instance_id=foreign.id)
    token = Actor(shop.customer.owner.id, ActorKind.TOKEN, "ci", frozenset(), shop.customer.actor.within)
    with shop.acting(token) as ctx, pytest.raises(NotPermitted, match="token cannot delete"):
        operations.remove(ctx, instance_id=app.instance_id, typed_name=app.name)


def test_credentials_are_shown_to_owners_who_proved_who_they_are_and_every_look_is_kept(shop: Shop) -> None:
    placed = shop.order("n8n")
    with shop.acting() as ctx, pytest.raises(Conflict, match="no credentials yet"):
        credentials.reveal(ctx, instance_id=placed.instance_id, seal=shop.container.seal, recent=True)
    shop.work(passes=25)
    with shop.store.transaction() as session:
        developer = a_member(session, shop.customer, MemberRole.DEVELOPER)
        stranger = a_stranger(session)
    token = replace(shop.customer.actor, kind=ActorKind.TOKEN)
    for actor, recent, refused in (
        (developer, True, NotPermitted),
        (stranger, True, NotFound),
        (shop.staff, True, NotPermitted),
        (token, True, NotPermitted),
        (shop.customer.actor, False, NotPermitted),
    ):
        with shop.acting(actor) as ctx, pytest.raises(refused):
            credentials.reveal(ctx, instance_id=placed.instance_id, seal=shop.container.seal, recent=recent)
    with shop.acting() as ctx:
        assert credentials.available(ctx, instance_id=placed.instance_id)
        shown = credentials.reveal(ctx, instance_id=placed.instance_id, seal=shop.container.seal, recent=True)
        looks = list(audit.search(ctx.session, organization_id=placed.organization_id, limit=None))
    assert shown[0].value == shop.customer.owner.email
    assert len(shown[1].value) == 20
    assert shown[1].secret
    (look,) = [row for row in looks if row.action == "instances.reveal"]
    assert shown[1].value not in f"{look.before}{look.after}"
