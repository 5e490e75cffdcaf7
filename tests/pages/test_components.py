"""Add-ons on an app's page: what they cost and which variables they set, adding, removing, deleting what is left; who may not."""

from __future__ import annotations

import json

import pytest

from app.services import components
from app.services.orders import OrderView
from models.domain.access import MemberRole
from models.domain.components import Keeping
from models.store import specifications
from tests.orders.conftest import Shop, postgres, shop, store
from tests.pages.test_provisioning import nothing_answered_before, said
from tests.pages.test_upkeep import app, keys, look, running, wish

__all__ = ["app", "nothing_answered_before", "postgres", "shop", "store"]


def keeping(shop: Shop, order: OrderView, name: str) -> Keeping | None:
    return next((one.keeping for one in wish(shop, order).added if one.component == name), None)


def test_a_database_is_added_removed_and_its_data_deleted(shop: Shop, app: OrderView) -> None:
    at = look(shop, app)
    assert "Will be set for your app: DATABASE_URL" in said(at)
    assert "59,000 a month" in said(at)
    at.button(key="add_postgresql").click().run()
    assert not at.exception
    assert keeping(shop, app, "postgresql") is Keeping.RUNS
    shop.work(passes=20)
    at = look(shop, app)
    assert "Set for your app: DATABASE_URL" in said(at)
    assert "Added postgresql" in said(at)
    at.button(key="remove_postgresql").click().run()
    assert not at.exception
    shop.work(passes=20)
    at = look(shop, app)
    assert "data kept" in said(at)
    assert "again_postgresql" in keys(at)
    delete = next(one for one in at.button if one.label == "Delete the data")
    delete.click().run()
    assert "Type the component" in at.error[0].value
    at.text_input(key="discard_name_postgresql").input("postgresql")
    next(one for one in at.button if one.label == "Delete the data").click().run()
    assert not at.exception
    assert keeping(shop, app, "postgresql") is Keeping.DISCARDED


@pytest.mark.usefixtures("app")
def test_what_somebody_set_is_said_to_stay(shop: Shop) -> None:
    asked = {"image": "ghcr.io/kopi/shop:1.4", "environment": {"DATABASE_URL": "mine://"}}
    order = running(shop, shop.order("container", "starter", parameters=asked))
    at = look(shop, order)
    assert "You set DATABASE_URL yourself, so yours stays." in said(at)


def test_who_may_not_pay_is_told_so_and_who_may_only_look_sees_nothing(shop: Shop, app: OrderView) -> None:
    at = look(shop, app, MemberRole.DEVELOPER)
    assert "Somebody who manages billing can add it." in said(at)
    assert not {key for key in keys(at) if key.startswith("add_")}
    assert "Add-ons" not in said(look(shop, app, MemberRole.VIEWER))


def test_it_is_part_of_the_export(shop: Shop, app: OrderView) -> None:
    with shop.acting() as ctx:
        components.add(ctx, instance_id=app.instance_id, component="valkey")
        rows = [one.model_dump() for one in specifications.history(ctx.session, app.instance_id)]
    assert [one["component"] for one in json.loads(rows[0]["components"])] == ["valkey"]
