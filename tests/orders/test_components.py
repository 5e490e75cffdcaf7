"""A component is added to a running app: in cluster, money and the app's variables; taken away and brought back with its data."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from app.services import changesets, components, decisions, operations
from app.services.orders import OrderView
from app.services.selling import NoRoom
from models.domain.access import Actor, ActorKind, MemberRole
from models.domain.changesets import ChangeState
from models.domain.components import Keeping
from models.domain.errors import Conflict, Invalid, NotFound, NotPermitted
from models.domain.instances import State
from models.store import audit, reservations, specifications, subscriptions
from provisioner.cluster.port import Rejected
from provisioner.labels import Object
from provisioner.secrets import opened
from tests.orders.conftest import CONTAINER, Shop
from tests.orders.test_operations import deployment, state
from tests.orders.test_orders import fill
from tests.stories import a_member, a_stranger


@pytest.fixture
def app(shop: Shop) -> OrderView:
    placed = shop.order("container", "starter")
    with shop.acting(shop.staff) as ctx:
        decisions.received(ctx, order_id=placed.id)
    shop.work(passes=25)
    return placed


def add(shop: Shop, app: OrderView, component: str = "postgresql", actor: Actor | None = None) -> None:
    with shop.acting(actor) as ctx:
        components.add(ctx, instance_id=app.instance_id, component=component)
    shop.work(passes=25)


def variables(shop: Shop, app: OrderView) -> dict[str, str]:
    (container,) = deployment(shop, app)["spec"]["template"]["spec"]["containers"]
    return {one["name"]: one.get("value", "secret") for one in container["env"]}


def there(shop: Shop, app: OrderView, kind: str, name: str) -> Object | None:
    return shop.cluster.read(kind, deployment(shop, app)["metadata"]["namespace"], name)


def items(shop: Shop, app: OrderView) -> list[tuple[str, int, bool]]:
    with shop.acting() as ctx:
        found = subscriptions.items(ctx.session, app.subscription_id)
    return [(one.component, one.price_minor, one.until is None) for one in found]


def settled(shop: Shop, app: OrderView) -> ChangeState:
    with shop.acting() as ctx:
        return changesets.list_(ctx, instance_id=app.instance_id, limit=1)[0].state


def test_added_it_runs_is_found_and_costs_its_price_from_now_on(shop: Shop, app: OrderView) -> None:
    with shop.acting() as ctx:
        components.add(ctx, instance_id=app.instance_id, component="postgresql")
        held = reservations.of_instance(ctx.session, app.instance_id)
    assert held is not None
    assert len(held.pods) == 2
    shop.work(passes=25)
    assert (state(shop, app), settled(shop, app)) == (State.READY, ChangeState.DONE)
    assert deployment(shop, app, "postgresql")["spec"]["replicas"] == 1
    assert variables(shop, app)["PGHOST"] == "postgresql"
    assert items(shop, app) == [("", 79_000, True), ("postgresql", 59_000, True)]
    secret = there(shop, app, "Secret", "secrets-postgresql")
    assert secret is not None
    with shop.acting() as ctx:
        row = specifications.credentials(ctx.session, app.instance_id)
        assert row is not None
        kept = json.loads(shop.container.seal.unseal(row.sealed, f"credentials:{app.instance_id}"))
        assert reservations.of_instance(ctx.session, app.instance_id) is None
        did = {one.action for one in audit.search(ctx.session, organization_id=app.organization_id, limit=None)}
    assert opened(secret) == {"postgresql-password": kept["postgresql-password"]}
    assert "components.add" in did
    with shop.acting() as ctx, pytest.raises(Conflict, match="already"):
        components.add(ctx, instance_id=app.instance_id, component="postgresql")


def test_secrets_drawn_before_stay(shop: Shop) -> None:
    placed = shop.order("wordpress")
    shop.work(passes=25)
    with shop.acting() as ctx:
        row = specifications.credentials(ctx.session, placed.instance_id)
        assert row is not None
        before = json.loads(shop.container.seal.unseal(row.sealed, f"credentials:{placed.instance_id}"))
    add(shop, placed, "valkey")
    with shop.acting() as ctx:
        row = specifications.credentials(ctx.session, placed.instance_id)
        assert row is not None
        after = json.loads(shop.container.seal.unseal(row.sealed, f"credentials:{placed.instance_id}"))
    assert settled(shop, placed) is ChangeState.DONE
    assert after.keys() - before.keys() == {"valkey-password"}
    assert {name: after[name] for name in before} == before
    assert items(shop, placed)[-1] == ("valkey", 0, True), "while it is tried it costs nothing"


def test_who_may_add_what_costs(shop: Shop, app: OrderView) -> None:
    with shop.store.transaction() as session:
        developer = a_member(session, shop.customer, MemberRole.DEVELOPER)
        stranger = a_stranger(session)
    token = replace(shop.customer.actor, kind=ActorKind.TOKEN)
    for actor, refused in ((developer, NotPermitted), (token, NotPermitted), (stranger, NotFound)):
        with shop.acting(actor) as ctx, pytest.raises(refused):
            components.add(ctx, instance_id=app.instance_id, component="valkey")
    with shop.acting(developer) as ctx:
        shown = {one.id: one.refused for one in components.list_(ctx, instance_id=app.instance_id)}
    assert set(shown.values()) == {"pay"}
    with shop.acting() as ctx, pytest.raises(NotFound, match="There are mariadb, mysql, postgresql, valkey"):
        components.add(ctx, instance_id=app.instance_id, component="oracle")
    assert len(items(shop, app)) == 1


def test_without_room_nothing_is_sold(shop: Shop, app: OrderView) -> None:
    for node in (1, 2, 3):
        fill(shop, 6.3, node=node)
    with shop.acting() as ctx, pytest.raises(NoRoom, match="cannot be changed now"):
        components.add(ctx, instance_id=app.instance_id, component="mysql")
    assert len(items(shop, app)) == 1
    with shop.acting() as ctx:
        assert len(specifications.history(ctx.session, app.instance_id)) == 1


def test_on_a_live_cluster_it_is_added_only_by_digest(shop: Shop, app: OrderView) -> None:
    with shop.acting() as ctx:
        live = replace(ctx, ground=replace(ctx.ground, tags_suffice=False))
        with pytest.raises(Conflict, match="nobody has resolved"):
            components.add(live, instance_id=app.instance_id, component="valkey")
        assert {one.refused for one in components.list_(live, instance_id=app.instance_id)} == {"unresolved"}


def test_what_the_customer_said_is_kept_and_told(shop: Shop, app: OrderView) -> None:
    with shop.acting() as ctx:
        operations.change_settings(ctx, instance_id=app.instance_id, parameters={"environment": {"DATABASE_URL": "mine://"}})
    add(shop, app)
    assert variables(shop, app)["DATABASE_URL"] == "mine://"
    with shop.acting() as ctx:
        (shown,) = [one for one in components.list_(ctx, instance_id=app.instance_id) if one.keeping is Keeping.RUNS]
    told = {one.name: (one.value, one.secret, one.taken_by) for one in shown.variables}
    assert told["DATABASE_URL"] == ("", True, "customer")
    assert told["PGHOST"] == ("postgresql", False, "")


def test_taken_away_it_keeps_its_data_and_goes_on_with_it(shop: Shop, app: OrderView) -> None:
    add(shop, app)
    claim, secret = (
        there(shop, app, *one) for one in (("PersistentVolumeClaim", "postgresql-data"), ("Secret", "secrets-postgresql"))
    )
    assert claim is not None
    with shop.acting() as ctx:
        components.remove(ctx, instance_id=app.instance_id, component="postgresql")
    shop.work(passes=25)
    assert (state(shop, app), settled(shop, app)) == (State.READY, ChangeState.DONE)
    assert there(shop, app, "Deployment", "postgresql") is None
    assert there(shop, app, "Service", "postgresql") is None
    assert there(shop, app, "PersistentVolumeClaim", "postgresql-data") is not None
    assert "PGHOST" not in variables(shop, app)
    assert items(shop, app)[1] == ("postgresql", 59_000, False)
    add(shop, app)
    after = there(shop, app, "PersistentVolumeClaim", "postgresql-data")
    assert after is not None
    assert after["metadata"]["uid"] == claim["metadata"]["uid"]
    assert there(shop, app, "Secret", "secrets-postgresql") == secret
    assert items(shop, app)[2] == ("postgresql", 59_000, True)


def test_its_data_goes_only_by_its_typed_name(shop: Shop, app: OrderView) -> None:
    add(shop, app)
    with shop.acting() as ctx, pytest.raises(Conflict, match="still runs"):
        components.discard(ctx, instance_id=app.instance_id, component="postgresql", typed_name="postgresql")
    with shop.acting() as ctx:
        components.remove(ctx, instance_id=app.instance_id, component="postgresql")
    shop.work(passes=25)
    with shop.acting() as ctx, pytest.raises(Invalid, match="cannot be brought back"):
        components.discard(ctx, instance_id=app.instance_id, component="postgresql", typed_name="yes")
    with shop.store.transaction() as session:
        developer = a_member(session, shop.customer, MemberRole.DEVELOPER)
    for actor in (developer, replace(shop.customer.actor, kind=ActorKind.TOKEN)):
        with shop.acting(actor) as ctx, pytest.raises(NotPermitted):
            components.discard(ctx, instance_id=app.instance_id, component="postgresql", typed_name="postgresql")
    with shop.acting() as ctx:
        components.discard(ctx, instance_id=app.instance_id, component="postgresql", typed_name="postgresql")
        with pytest.raises(Conflict, match="still being deleted"):
            components.add(ctx, instance_id=app.instance_id, component="postgresql")
    shop.work(passes=25)
    assert settled(shop, app) is ChangeState.DONE
    assert there(shop, app, "PersistentVolumeClaim", "postgresql-data") is None
    with shop.acting() as ctx, pytest.raises(NotFound):
        components.discard(ctx, instance_id=app.instance_id, component="postgresql", typed_name="postgresql")
    add(shop, app)
    assert settled(shop, app) is ChangeState.DONE
    assert there(shop, app, "PersistentVolumeClaim", "postgresql-data") is not None


def test_a_volume_that_was_lost_is_not_made_anew_in_silence(shop: Shop, app: OrderView) -> None:
    add(shop, app)
    namespace = deployment(shop, app)["metadata"]["namespace"]
    shop.cluster.delete("PersistentVolumeClaim", namespace, "postgresql-data")
    with shop.acting() as ctx:
        operations.restart(ctx, instance_id=app.instance_id)
    shop.work(passes=10)
    assert settled(shop, app) is ChangeState.BLOCKED
    assert there(shop, app, "PersistentVolumeClaim", "postgresql-data") is None


def test_everything_else_leaves_it_alone(shop: Shop, app: OrderView) -> None:
    add(shop, app, "valkey")
    with shop.acting() as ctx:
        operations.change_settings(ctx, instance_id=app.instance_id, parameters={"environment": {"COLOUR": "blue"}})
    shop.work(passes=25)
    with shop.acting() as ctx:
        operations.roll_back(ctx, instance_id=app.instance_id, generation=1)
    shop.work(passes=25)
    assert variables(shop, app)["REDIS_HOST"] == "valkey"
    assert "COLOUR" not in variables(shop, app)
    with shop.acting() as ctx:
        operations.change_plan(ctx, instance_id=app.instance_id, plan="standard")
    shop.work(passes=25)
    assert items(shop, app) == [("", 79_000, False), ("valkey", 29_000, True), ("", 149_000, True)]
    with shop.acting() as ctx:
        operations.stop(ctx, instance_id=app.instance_id)
    shop.work(passes=25)
    assert deployment(shop, app, "valkey")["spec"]["replicas"] == 0
    with shop.acting() as ctx:
        operations.start(ctx, instance_id=app.instance_id)
    shop.work(passes=25)
    assert deployment(shop, app, "valkey")["spec"]["replicas"] == 1
    assert shop.driver.look_after() == app.instance_id
    assert settled(shop, app) is ChangeState.DONE, "nothing of it is taken for drift"
    with shop.acting() as ctx:
        operations.remove(ctx, instance_id=app.instance_id, typed_name=app.name)
    assert not any(charged for _, _, charged in items(shop, app))


def test_a_refusal_by_the_cluster_is_no_loss(shop: Shop, app: OrderView, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass that was cut off goes on with the same password."""
    apply = shop.cluster.apply

    def refuses(wanted: Object, *, dry_run: bool = False) -> Object:
        if wanted["metadata"]["name"] == "postgresql" and wanted["kind"] == "Deployment":
            from provisioner.cluster.port import Rejection

            raise Rejected(Rejection.BUSY, "later")
        return apply(wanted, dry_run=dry_run)

    monkeypatch.setattr(shop.cluster, "apply", refuses)
    add(shop, app)
    first = there(shop, app, "Secret", "secrets-postgresql")
    assert first is not None
    monkeypatch.undo()
    shop.work(passes=40)
    shop.work(passes=10)
    assert there(shop, app, "Secret", "secrets-postgresql") == first
    assert "image" in CONTAINER
