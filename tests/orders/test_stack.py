"""A stack is ordered and lived with: several workloads and what they use, in one order, one address, one room, one history."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest

from app.services import app_backups, app_copies, app_logs, changesets, components, decisions, instances, offers, operations, orders
from app.services.orders import OrderView
from app.services.selling import NoRoom
from models.domain.app_backups import BackupState
from models.domain.changesets import ChangeState
from models.domain.errors import Conflict, Invalid
from models.domain.instances import State
from models.store import reservations, subscriptions
from provisioner.labels import Object
from tests.orders.conftest import Shop
from tests.orders.test_logs import Written
from tests.orders.test_operations import state
from tests.orders.test_orders import fill
from tests.provisioner.orders import SHOWN, TEMPLATES
from tests.provisioner.test_stack import REACT, SERVICES

SHOP = {"components": REACT}
PAUSE = timedelta(minutes=1)


@pytest.fixture
def stacks(shop: Shop) -> Shop:
    """A shop that sells stacks, too."""
    with shop.acting(shop.staff) as ctx:
        offers.publish(ctx, templates=[*SHOWN, TEMPLATES["stack"]])
    return shop


@pytest.fixture
def app(stacks: Shop) -> OrderView:
    placed = stacks.order("stack", parameters=SHOP)
    stacks.work(passes=30)
    assert state(stacks, placed) is State.READY
    return placed


def deployments(shop: Shop, app: OrderView) -> dict[str, Object]:
    with shop.acting() as ctx:
        namespace = instances.get(ctx, instance_id=app.instance_id).namespace
    return {one["metadata"]["name"]: one for one in shop.cluster.find("Deployment", namespace, {})}


def variables(one: Object) -> dict[str, str]:
    (container,) = one["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry.get("value", "secret") for entry in container["env"]}


def set_(shop: Shop, app: OrderView, listed: list[Any]) -> None:
    with shop.acting() as ctx:
        operations.change_settings(ctx, instance_id=app.instance_id, parameters={"components": listed})
    shop.work(passes=30)


def works(shop: Shop, app: OrderView) -> ChangeState:
    with shop.acting() as ctx:
        return changesets.list_(ctx, instance_id=app.instance_id, limit=1)[0].state


def test_the_room_of_all_pods_is_held_with_the_order(stacks: Shop) -> None:
    placed = stacks.order("stack", "standard", parameters={"components": SERVICES})
    with stacks.acting() as ctx:
        held = reservations.of_instance(ctx.session, placed.instance_id)
        items = subscriptions.items(ctx.session, placed.subscription_id)
    assert held is not None
    assert len(held.pods) == len(SERVICES) + 2
    prices = {one.component: one.price_minor for one in items}
    assert prices == {"": 279_000, "postgresql": 59_000, "valkey": prices["valkey"]}
    assert placed.price_minor == sum(prices.values()), "what is paid is all of it"
    with stacks.acting(stacks.staff) as ctx:
        decisions.received(ctx, order_id=placed.id)
    stacks.work(passes=30)
    assert state(stacks, placed) is State.READY
    assert set(deployments(stacks, placed)) == {*(one["name"] for one in SERVICES), "postgresql", "valkey"}
    with stacks.acting() as ctx:
        assert reservations.of_instance(ctx.session, placed.instance_id) is None


def test_without_room_for_one_of_them_nothing_is_ordered(stacks: Shop) -> None:
    for node in (1, 2, 3):
        fill(stacks, 6.0, node=node)
    with pytest.raises(NoRoom):
        stacks.order("stack", "pro", parameters={"components": SERVICES})
    with stacks.acting() as ctx:
        assert not orders.list_(ctx, organization_id=stacks.customer.organization.id).items


def test_the_quote_names_what_is_ordered_beside_it(stacks: Shop) -> None:
    with stacks.acting() as ctx:
        found = orders.quote(
            ctx, organization_id=stacks.customer.organization.id, template="stack", plan="starter", parameters=SHOP
        )
        tried = orders.quote(ctx, organization_id=stacks.customer.organization.id, template="stack", plan="trial", parameters=SHOP)
    assert (found.beside, found.price_minor) == ((("PostgreSQL", 59_000),), 208_000)
    assert (tried.beside, tried.price_minor) == ((("PostgreSQL", 0),), 0)


def test_ready_is_when_every_path_answers(stacks: Shop) -> None:
    placed = stacks.order("stack", parameters=SHOP)
    stacks.prober.down[f"{placed.address}/api"] = ("down", "502 Bad Gateway")
    stacks.work(passes=30)
    assert state(stacks, placed) is State.PROVISIONING
    with stacks.acting() as ctx:
        (work,) = changesets.list_(ctx, instance_id=placed.instance_id)
    assert work.reason == "The address does not answer yet: /api gives 502 Bad Gateway"
    assert {placed.address, f"{placed.address}/api"} <= set(stacks.prober.asked)
    stacks.prober.down.clear()
    stacks.work(passes=5)
    assert state(stacks, placed) is State.READY


def test_stopped_and_started_every_copy_is_back(shop: Shop, app: OrderView) -> None:
    before = {name: one["spec"] for name, one in deployments(shop, app).items()}
    assert {name: one["replicas"] for name, one in before.items()} == {"web": 1, "api": 2, "postgresql": 1}
    with shop.acting() as ctx:
        operations.stop(ctx, instance_id=app.instance_id)
    shop.work(passes=30)
    assert {one["spec"]["replicas"] for one in deployments(shop, app).values()} == {0}
    with shop.acting() as ctx:
        operations.start(ctx, instance_id=app.instance_id)
        held = reservations.of_instance(ctx.session, app.instance_id)
    assert held is not None
    assert len(held.pods) == 4
    shop.work(passes=30)
    assert {name: one["spec"] for name, one in deployments(shop, app).items()} == before


def test_settings_change_and_roll_back_bring_components_and_take_them_away(shop: Shop, app: OrderView) -> None:
    before = {name: one["spec"] for name, one in deployments(shop, app).items()}
    worker = {"name": "worker", "image": "ghcr.io/kopi/worker:1", "uses": ["postgresql"]}
    set_(shop, app, [REACT[0], {**REACT[1], "name": "backend", "copies": 1}, worker])
    assert (state(shop, app), works(shop, app)) == (State.READY, ChangeState.DONE)
    after = deployments(shop, app)
    assert set(after) == {"web", "backend", "worker", "postgresql"}
    assert variables(after["worker"])["PGHOST"] == "postgresql"
    with shop.acting() as ctx:
        operations.roll_back(ctx, instance_id=app.instance_id, generation=1)
    shop.work(passes=30)
    assert {name: one["spec"] for name, one in deployments(shop, app).items()} == before


def test_what_is_not_there_cannot_be_used_and_too_little_is_said_before(shop: Shop, app: OrderView) -> None:
    with pytest.raises(Conflict, match=r"has no valkey yet\. Add valkey to the app first"):
        set_(shop, app, [{**REACT[0], "uses": ["valkey"]}])
    with pytest.raises(Invalid, match="leaves 34 MiB for the smallest"):
        set_(shop, app, [{**REACT[0], "copies": 10}, {**REACT[1], "size": "large", "copies": 3}])
    with shop.acting() as ctx:
        components.add(ctx, instance_id=app.instance_id, component="valkey")
    shop.work(passes=30)
    set_(shop, app, [REACT[0], {**REACT[1], "uses": ["postgresql", "valkey"]}])
    found = {name: variables(one) for name, one in deployments(shop, app).items()}
    assert {"REDIS_URL", "PGHOST"} <= found["api"].keys()
    assert not {"REDIS_URL", "PGHOST"} & found["web"].keys()


def test_what_somebody_changed_by_hand_is_put_back(shop: Shop, app: OrderView) -> None:
    found = copy.deepcopy(deployments(shop, app)["api"])
    found["spec"]["replicas"] = 0
    found.pop("status")
    shop.cluster.apply(found)
    driver = shop.driver
    for _ in range(30):
        driver.look_after()
        driver.once()
        shop.clock.advance(PAUSE)
    assert deployments(shop, app)["api"]["spec"]["replicas"] == 2


def test_logs_tell_the_component_and_hide_what_is_secret_in_any(shop: Shop, app: OrderView) -> None:
    set_(shop, app, [REACT[0], {**REACT[1], "environment": {"API_TOKEN": "hush-hush-hush"}}])
    with shop.acting() as ctx:
        sources = app_logs.sources(ctx, instance_id=app.instance_id)
        log = app_logs.read(
            ctx, instance_id=app.instance_id, logs=Written(["the token is hush-hush-hush"]), seal=shop.container.seal
        )
    assert {one.part for one in sources} == {"web", "api", "postgresql"}
    assert "hush" not in log.lines[0].text


def test_its_database_is_saved_and_begins_a_copy(shop: Shop, app: OrderView) -> None:
    with shop.acting() as ctx:
        app_backups.ask(ctx, instance_id=app.instance_id)
    shop.work(passes=30)
    with shop.acting() as ctx:
        (saved,) = app_backups.of_app(ctx, instance_id=app.instance_id).backups
        assert saved.state is BackupState.DONE
        assert {(one.of, one.what) for one in saved.parts} == {("postgresql", "dump")}
        made = app_copies.copy(ctx, backup_id=saved.id, seal=shop.container.seal, plan="starter", name="again")
    with shop.acting(shop.staff) as ctx:
        decisions.received(ctx, order_id=made.id)
    shop.work(passes=60)
    assert state(shop, made) is State.READY
    assert set(deployments(shop, made)) == {"web", "api", "postgresql"}


def test_deleted_nothing_of_it_is_left(shop: Shop, app: OrderView) -> None:
    with shop.acting() as ctx:
        operations.remove(ctx, instance_id=app.instance_id, typed_name=app.name)
    shop.work(passes=60)
    assert state(shop, app) is State.GONE
    assert not deployments(shop, app)
