"""Suspension and repairs from outside: by API with keys and scopes, and by command."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app import container as composition
from app.api.edge import Caller, caller
from app.api.main import api
from models.domain.access import Actor, ActorKind, Permission
from tests.orders.conftest import Shop
from tests.orders.test_orphans import LATER, app, listed, namespaces, stray, vanish

__all__ = ["app", "namespaces"]


@pytest.fixture
def calls(shop: Shop) -> Iterator[Any]:
    """Sends a request as somebody."""
    shop.container.__dict__["hands"] = shop.cluster
    composition.install(shop.container)
    client = TestClient(api)

    def send(path: str, actor: Actor, key: str, **body: Any) -> Any:
        api.dependency_overrides[caller] = lambda: Caller(shop.container, actor, f"{path} {sorted(body.items())}")
        return client.post(f"/v1{path}", json=body, headers={"Idempotency-Key": key})

    yield send
    api.dependency_overrides.pop(caller)
    composition.install(None)


def token(actor: Actor, *scopes: Permission) -> Actor:
    return replace(actor, kind=ActorKind.TOKEN).limited_to(scopes)


def test_an_app_is_suspended_once_for_a_key_and_comes_back(shop: Shop, app: Any, calls: Any) -> None:
    path = f"/instances/{app.instance_id}/suspension"
    robot = token(shop.staff, Permission.SEE_OWN_INSTANCES, Permission.OPERATE_OWN_INSTANCES, Permission.MANAGE_ORGANIZATIONS)
    first = calls(path, robot, "suspend-1", do="suspend", reason="The invoice of October is open.")
    assert first.status_code == 200, first.text
    assert calls(path, robot, "suspend-1", do="suspend", reason="The invoice of October is open.").json() == first.json()
    assert calls(path, robot, "suspend-2", do="suspend", reason="Again.").status_code == 409
    shop.work()
    back = calls(path, robot, "resume-1", do="resume")
    assert back.status_code == 200, back.text
    assert calls(path, robot, "resume-2", do="resume").status_code == 409


def test_who_may_not_suspend(shop: Shop, app: Any, calls: Any) -> None:
    path = f"/instances/{app.instance_id}/suspension"
    weak = token(shop.staff, Permission.SEE_OWN_INSTANCES, Permission.OPERATE_OWN_INSTANCES)
    for actor in (weak, shop.customer.actor):
        assert calls(path, actor, "no-right-1", do="suspend", reason="No.").status_code == 403
    stranger = Actor("usr_x", ActorKind.MEMBER, "X", within={"org_other": frozenset(Permission)})
    assert calls(path, stranger, "no-right-1", do="suspend", reason="No.").status_code == 404
    assert calls(path, shop.staff, "empty-reason", do="suspend").status_code == 400


@pytest.mark.usefixtures("app")
def test_a_stray_namespace_is_deleted_by_a_person_who_typed_its_name(shop: Shop, calls: Any) -> None:
    stray(shop)
    shop.clock.advance(LATER)
    body = {"repair": "delete_namespace", "id": "c-stray"}
    assert calls("/orphans/repairs", token(shop.staff, *Permission), "delete-ns-1", **body, typed_name="c-stray").status_code == 403
    assert calls("/orphans/repairs", shop.staff, "delete-ns-2", **body).status_code == 400
    made = calls("/orphans/repairs", shop.staff, "delete-ns-3", **body, typed_name="c-stray")
    assert made.status_code == 200, made.text
    assert calls("/orphans/repairs", shop.staff, "delete-ns-3", **body, typed_name="c-stray").json() == made.json()
    shop.clock.advance(timedelta(minutes=2))
    assert shop.cluster.read("Namespace", None, "c-stray") is None


def test_a_lost_app_is_made_again_or_given_up(shop: Shop, app: Any, calls: Any) -> None:
    vanish(shop, app)
    shop.clock.advance(LATER)
    ((_, id, _),) = listed(shop)
    again = calls("/orphans/repairs", shop.staff, "make-again-1", repair="make_again", id=id, typed_name="container")
    assert again.status_code == 200, again.text
    assert again.json()["change_set"]["purpose"] == "repair"
    assert calls("/orphans/repairs", shop.staff, "give-up-1", repair="give_up", id=id, typed_name="container").status_code == 409
    assert calls("/orphans/repairs", shop.staff, "end-subs-1", repair="end_subscription", id="sub_none").status_code == 409
