"""What has no other side is listed both ways, never goes by itself, and is repaired by staff who typed its name."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.services import changesets, instances, operations, orphans
from app.services.orders import OrderView
from models.domain.access import Actor, ActorKind, MemberRole
from models.domain.changesets import ChangeState
from models.domain.cluster import Namespace
from models.domain.errors import Conflict, Invalid, NotPermitted
from models.domain.instances import State
from models.domain.orphans import YOUNG, Kind
from models.domain.subscriptions import SubscriptionState
from models.store import audit, subscriptions
from provisioner.changes import MANAGED_BY
from provisioner.labels import INSTANCE, MANAGER
from tests.orders.conftest import Shop
from tests.stories import a_member

LATER = YOUNG + timedelta(minutes=1)


@pytest.fixture(autouse=True)
def namespaces(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snapshot also has the namespaces of the simulated cluster, with their labels."""
    see_namespaces(shop, monkeypatch)


def see_namespaces(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = type(shop.seen).snapshot

    def seen() -> Any:
        found = {}
        for one in shop.cluster.find("Namespace", None, {}):
            meta = one["metadata"]
            made = datetime.fromisoformat(meta["creationTimestamp"])
            found[meta["name"]] = Namespace(meta["name"], meta["uid"], one["status"]["phase"], made, meta.get("labels") or {})
        return replace(whole(shop.seen), namespaces=found)

    monkeypatch.setattr(shop.seen, "snapshot", seen)


@pytest.fixture
def app(shop: Shop) -> OrderView:
    placed = shop.order("container")
    shop.work(passes=25)
    shop.clock.advance(LATER)
    return placed


def space(shop: Shop, app: OrderView) -> str:
    with shop.acting() as ctx:
        return instances.get(ctx, instance_id=app.instance_id).namespace


def listed(shop: Shop) -> list[tuple[Kind, str, str]]:
    with shop.acting(shop.staff) as ctx:
        return [(one.orphan.kind, one.orphan.id, one.orphan.why) for one in orphans.list_(ctx)]


def stray(shop: Shop, name: str = "c-stray", instance: str = "ins_nobody") -> None:
    shop.cluster.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {MANAGED_BY: MANAGER, INSTANCE: instance}}}
    )


def vanish(shop: Shop, app: OrderView) -> str:
    """Its namespace is deleted by somebody."""
    name = space(shop, app)
    shop.cluster.delete("Namespace", None, name)
    shop.clock.advance(timedelta(minutes=2))
    assert shop.cluster.read("Namespace", None, name) is None
    return name


def test_what_has_both_sides_is_no_orphan(shop: Shop, app: OrderView) -> None:
    assert listed(shop) == []
    shop.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "monitoring"}})
    shop.clock.advance(LATER)
    assert listed(shop) == []


def test_a_namespace_of_ours_without_an_app_is_listed_when_it_is_not_young(shop: Shop, app: OrderView) -> None:
    stray(shop)
    assert listed(shop) == []
    shop.clock.advance(LATER)
    assert listed(shop) == [(Kind.NAMESPACE, "c-stray", "unknown")]
    shop.work(passes=10)
    assert shop.cluster.read("Namespace", None, "c-stray") is not None, "nothing goes by itself"


def test_it_is_deleted_by_its_typed_name_and_nothing_else_is(shop: Shop, app: OrderView) -> None:
    stray(shop)
    shop.clock.advance(LATER)
    theirs = space(shop, app)
    with shop.acting(shop.staff) as ctx, pytest.raises(Invalid, match="Type the name"):
        orphans.delete_namespace(ctx, namespace="c-stray", typed_name="stray", cluster=shop.cluster)
    with shop.acting(shop.staff) as ctx, pytest.raises(Conflict, match="no orphan"):
        orphans.delete_namespace(ctx, namespace=theirs, typed_name=theirs, cluster=shop.cluster)
    with shop.acting(shop.staff) as ctx:
        orphans.delete_namespace(ctx, namespace="c-stray", typed_name="c-stray", cluster=shop.cluster)
    shop.clock.advance(timedelta(minutes=2))
    assert shop.cluster.read("Namespace", None, "c-stray") is None
    assert shop.cluster.read("Namespace", None, theirs) is not None
    with shop.acting(shop.staff) as ctx:
        assert "orphans.delete" in {row.action for row in audit.search(ctx.session, limit=None)}


def test_the_cluster_is_asked_again_before_a_namespace_is_deleted(
    shop: Shop, app: OrderView, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the collectors saw may be old: meanwhile it became an app's."""
    stray(shop)
    shop.clock.advance(LATER)
    seen = shop.seen.snapshot()
    monkeypatch.setattr(shop.seen, "snapshot", lambda: seen)
    shop.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "c-stray", "labels": {INSTANCE: "x"}}})
    with shop.acting(shop.staff) as ctx, pytest.raises(Conflict, match="no orphan"):
        orphans.delete_namespace(ctx, namespace="c-stray", typed_name="c-stray", cluster=shop.cluster)
    assert shop.cluster.read("Namespace", None, "c-stray") is not None


def test_an_app_whose_namespace_is_gone_is_made_again_empty(shop: Shop, app: OrderView) -> None:
    name = vanish(shop, app)
    assert listed(shop) == [(Kind.INSTANCE, app.instance_id, "lost")]
    with shop.acting(shop.staff) as ctx, pytest.raises(Invalid):
        orphans.make_again(ctx, instance_id=app.instance_id, typed_name="other")
    with shop.acting(shop.staff) as ctx:
        orphans.make_again(ctx, instance_id=app.instance_id, typed_name=app.name)
    assert listed(shop) == []
    shop.work(passes=30)
    assert shop.cluster.read("Deployment", name, "web") is not None
    with shop.acting() as ctx:
        (newest, *_) = changesets.list_(ctx, instance_id=app.instance_id)
        assert newest.state is ChangeState.DONE
        assert instances.get(ctx, instance_id=app.instance_id).state is State.READY


def test_an_app_with_a_volume_is_made_again_too_also_after_its_change_stopped(shop: Shop) -> None:
    site = shop.order("wordpress")
    shop.work(passes=30)
    vanish(shop, site)
    with shop.acting() as ctx:
        operations.restart(ctx, instance_id=site.instance_id)
    shop.work(passes=5)
    assert listed(shop) == [(Kind.INSTANCE, site.instance_id, "lost")], "it stopped before an empty one was made"
    with shop.acting(shop.staff) as ctx:
        orphans.make_again(ctx, instance_id=site.instance_id, typed_name=site.name)
    shop.work(passes=40)
    with shop.acting() as ctx:
        assert instances.get(ctx, instance_id=site.instance_id).state is State.READY


def test_an_app_is_given_up_with_what_is_charged_for_it(shop: Shop, app: OrderView) -> None:
    vanish(shop, app)
    with shop.acting(shop.staff) as ctx:
        orphans.give_up(ctx, instance_id=app.instance_id, typed_name=app.name)
    with shop.acting() as ctx:
        money = subscriptions.by_id(ctx.session, app.subscription_id)
        assert money is not None
        assert money.state is SubscriptionState.EXPIRED
        assert all(item.until is not None for item in subscriptions.items(ctx.session, money.id))
        assert instances.get(ctx, instance_id=app.instance_id).state is State.GONE
    assert listed(shop) == []


def test_a_subscription_without_an_app_is_ended(shop: Shop, app: OrderView) -> None:
    with shop.acting(shop.staff) as ctx:
        for state in (State.DELETING, State.GONE):
            instances.set_state(ctx, instance_id=app.instance_id, state=state)
    assert [one[0] for one in listed(shop)] == [Kind.NAMESPACE, Kind.SUBSCRIPTION]
    with shop.acting(shop.staff) as ctx:
        orphans.end_subscription(ctx, subscription_id=app.subscription_id)
    assert [one[0] for one in listed(shop)] == [Kind.NAMESPACE]
    with shop.acting(shop.staff) as ctx, pytest.raises(Conflict, match="no orphan"):
        orphans.end_subscription(ctx, subscription_id=app.subscription_id)


def test_who_may_see_and_repair(shop: Shop, app: OrderView) -> None:
    vanish(shop, app)
    token = Actor(shop.staff.id, ActorKind.TOKEN, "ci", shop.staff.everywhere)
    with shop.store.transaction() as session:
        member = a_member(session, shop.customer, MemberRole.OWNER)
    for actor in (member, token):
        with shop.acting(actor) as ctx, pytest.raises(NotPermitted):
            orphans.give_up(ctx, instance_id=app.instance_id, typed_name=app.name)
    with shop.acting(member) as ctx, pytest.raises(NotPermitted):
        orphans.list_(ctx)
