"""Apps that somebody changed in the cluster: put back, or told where that is set or where data would be hidden."""

from __future__ import annotations

import copy
from datetime import timedelta

import pytest
from sqlmodel import select

from app.services import changesets, drift, instances, operations, settings
from app.services.orders import OrderView
from models.domain.changesets import ChangeState, Purpose
from models.domain.errors import NotPermitted
from models.domain.instances import State
from models.store import audit, mail
from provisioner.changes import Change, Verb
from provisioner.drift import managers
from tests.orders.conftest import Shop


@pytest.fixture
def app(shop: Shop) -> OrderView:
    placed = shop.order("wordpress")
    shop.work()
    return placed


def _namespace(shop: Shop, app: OrderView) -> str:
    with shop.acting() as ctx:
        return instances.get(ctx, instance_id=app.instance_id).namespace


def _somebody_scales(shop: Shop, app: OrderView, copies: int = 0) -> None:
    found = shop.cluster.read("Deployment", _namespace(shop, app), "web")
    assert found is not None
    changed = copy.deepcopy(found)
    changed["spec"]["replicas"] = copies
    changed.pop("status")
    shop.cluster.apply(changed)


def _works(shop: Shop, app: OrderView) -> list[tuple[Purpose, ChangeState]]:
    with shop.acting() as ctx:
        return [(one.purpose, one.state) for one in changesets.list_(ctx, instance_id=app.instance_id)]


def _alerts(shop: Shop) -> list[str]:
    with shop.store.reading() as session:
        return [row.text for row in session.exec(select(mail.Mail)).all() if row.kind == "staff_alert"]


def test_an_app_that_is_as_wanted_is_compared_and_left_alone(shop: Shop, app: OrderView) -> None:
    driver = shop.driver
    assert driver.look_after() == app.instance_id
    assert driver.look_after() is None, "not again before ten minutes"
    shop.clock.advance(timedelta(minutes=10))
    assert driver.look_after() == app.instance_id
    assert _works(shop, app) == [(Purpose.CREATE, ChangeState.DONE)]


def test_what_somebody_changed_is_put_back_and_written_down(shop: Shop, app: OrderView) -> None:
    _somebody_scales(shop, app)
    driver = shop.driver
    assert driver.look_after() == app.instance_id
    assert _works(shop, app)[0] == (Purpose.REPAIR, ChangeState.WAITING)
    assert driver.look_after() is None, "what is being worked on is not compared"
    shop.work()
    assert _works(shop, app)[0] == (Purpose.REPAIR, ChangeState.DONE)
    found = shop.cluster.read("Deployment", _namespace(shop, app), "web")
    assert found is not None
    assert found["spec"]["replicas"] == 1
    with shop.acting() as ctx:
        rows = audit.search(ctx.session, organization_id=app.organization_id, limit=None)
        (row,) = [one for one in rows if one.action == "instances.drift"]
        assert instances.get(ctx, instance_id=app.instance_id).state is State.READY
    assert "replicas from 0 to 1" in (row.after or "")


def test_where_it_is_set_it_is_only_told_and_once(shop: Shop, app: OrderView) -> None:
    with shop.acting(shop.staff) as ctx:
        settings.put(ctx, key="drift", value="report")
    _somebody_scales(shop, app)
    for _ in range(3):
        assert shop.driver.look_after() == app.instance_id
    assert _works(shop, app) == [(Purpose.CREATE, ChangeState.DONE)]
    told = [text for text in _alerts(shop) if "replicas from 0 to 1" in text]
    assert len(told) == 1
    assert "Nothing was put back" in told[0]


def test_a_lost_volume_is_never_made_anew_in_silence(shop: Shop, app: OrderView) -> None:
    namespace = _namespace(shop, app)
    claims = shop.cluster.find("PersistentVolumeClaim", namespace, {})
    shop.cluster.delete("PersistentVolumeClaim", namespace, claims[0]["metadata"]["name"])
    assert shop.driver.look_after() == app.instance_id
    assert _works(shop, app) == [(Purpose.CREATE, ChangeState.DONE)]
    assert any("and with it the data of the app" in text for text in _alerts(shop))
    with shop.acting() as ctx:
        operations.restart(ctx, instance_id=app.instance_id)
    shop.work(passes=4)
    assert _works(shop, app)[0] == (Purpose.CHANGE, ChangeState.BLOCKED)
    with shop.acting(shop.staff) as ctx:
        blocked = changesets.list_(ctx, instance_id=app.instance_id)[0]
        assert blocked.needs_agreement
        changesets.agree(ctx, change_set_id=blocked.id)
    shop.work()
    assert _works(shop, app)[0] == (Purpose.CHANGE, ChangeState.DONE)


def test_who_changed_it_is_whoever_the_api_remembers() -> None:
    fields = [
        {"manager": "moorage-provisioner", "time": "2026-11-29T08:00:00Z"},
        {"manager": "kubectl-edit", "time": "2026-11-29T08:05:00Z"},
        {"manager": "helm", "time": "2026-11-29T08:01:00Z"},
        {"manager": "kube-controller-manager", "time": "2026-11-29T08:06:00Z", "subresource": "status"},
    ]
    change = Change(Verb.UPDATE, "Deployment", "web", found={"metadata": {"managedFields": fields}})
    assert managers([change, Change(Verb.CREATE, "Service", "web")]) == ("kubectl-edit", "helm")


def test_what_was_found_is_listed_for_staff_alone_with_who_did_it(shop: Shop, app: OrderView) -> None:
    with shop.acting(shop.staff) as ctx:
        assert drift.recent(ctx).items == ()
    _somebody_scales(shop, app)
    shop.driver.look_after()
    shop.work()
    with shop.acting(shop.staff) as ctx:
        settings.put(ctx, key="drift", value="report")
    shop.clock.advance(timedelta(minutes=10))
    _somebody_scales(shop, app, copies=2)
    assert shop.driver.look_after() == app.instance_id
    with shop.acting(shop.staff) as ctx:
        newest, first = drift.recent(ctx).items
        one = drift.recent(ctx, limit=1)
        assert drift.recent(ctx, limit=1, after=one.after).items == (first,)
    assert (first.put_back, newest.put_back, one.items) == (True, False, (newest,))
    assert (first.app, first.namespace, first.organization_id) == ("wordpress", _namespace(shop, app), app.organization_id)
    assert any("web" in sentence for sentence in newest.what)
    with shop.acting() as ctx, pytest.raises(NotPermitted):
        drift.recent(ctx)
