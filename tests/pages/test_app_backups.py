"""Backups on an app's page: saved, listed with size and age, brought back with the name typed; who may only look sees none."""

from __future__ import annotations

import re
from typing import Any

import polars as pl
import pytest

from app.services import app_backups, operations, orders
from app.services.orders import OrderView
from collectors.latest import Latest
from models.domain.access import MemberRole
from models.domain.app_backups import RestoreKind, RestoreState
from models.domain.errors import Unavailable
from tests.orders.conftest import Shop, postgres, shop, store
from tests.pages.test_provisioning import nothing_answered_before, page, said
from tests.stories import NoWarehouse

__all__ = ["nothing_answered_before", "postgres", "shop", "store"]


@pytest.fixture
def app(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> OrderView:
    def away(*_: Any, **__: Any) -> pl.DataFrame:
        raise Unavailable("The warehouse is away.")

    monkeypatch.setattr(NoWarehouse, "query", away)
    monkeypatch.setattr(type(shop.seen), "current", lambda _, entity: Latest().current(entity))
    made = shop.order("wordpress", name="blog")
    shop.work(passes=30)
    return made


def look(shop: Shop, app: OrderView, role: MemberRole = MemberRole.OWNER) -> Any:
    return page(shop, "customer/app", role=role, id=app.instance_id)


def test_it_is_saved_listed_and_brought_back(shop: Shop, app: OrderView) -> None:
    at = look(shop, app)
    assert "Nothing is saved yet." in said(at)
    at.button(key="backup_now").click().run()
    assert not at.exception
    assert "begins soon" in said(look(shop, app))
    shop.work(passes=5)
    at = look(shop, app)
    assert re.search(r"asked for · \S+ \w*B · kept until", said(at)), said(at)
    back = "Overwrite and bring back"
    next(one for one in at.button if one.label == back).click().run()
    assert "Type the app" in at.error[0].value
    next(one for one in at.text_input if one.label == "Type blog to confirm").input("blog")
    next(one for one in at.button if one.label == back).click().run()
    assert not at.exception
    assert "A backup is being brought back." in said(look(shop, app))
    shop.work(passes=20)
    with shop.acting() as ctx:
        (done,) = app_backups.of_app(ctx, instance_id=app.instance_id).restores
    assert done.state is RestoreState.DONE


def test_who_may_only_look_sees_no_backups(shop: Shop, app: OrderView) -> None:
    at = look(shop, app, MemberRole.VIEWER)
    assert "backup_now" not in {one.key for one in at.button}
    assert "Backups" not in said(at)


def test_a_deleted_app_is_ordered_again_from_the_home_page(shop: Shop, app: OrderView) -> None:
    with shop.acting() as ctx:
        operations.remove(ctx, instance_id=app.instance_id, typed_name=app.name)
    shop.work(passes=30)
    at = page(shop, "customer/home", role=MemberRole.OWNER)
    assert "Deleted apps" in said(at)
    next(one for one in at.text_input if one.label == "Name of the new app").input("blog-again")
    next(one for one in at.button if one.label == "Order it").click().run()
    assert not at.exception
    with shop.acting() as ctx:
        made = next(one for one in orders.list_(ctx, organization_id=app.organization_id).items if one.name == "blog-again")
        (waits,) = app_backups.of_app(ctx, instance_id=made.instance_id).restores
    assert (made.plan, waits.kind) == ("starter", RestoreKind.COPY)
    assert "Deleted apps" not in said(page(shop, "customer/home", role=MemberRole.VIEWER))
