"""Versions on an app's page and for staff: the newer one with what it means, asked for by a click, and how it went."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from app.services import upgrades
from app.services.orders import OrderView
from collectors.latest import Latest
from models.domain.access import MemberRole
from models.domain.errors import Unavailable
from models.domain.upgrades import UpgradeState
from tests.orders.conftest import Shop, postgres, shop, store
from tests.orders.test_upgrades import newer, publish
from tests.pages.test_provisioning import nothing_answered_before, page, said
from tests.stories import NoWarehouse

__all__ = ["nothing_answered_before", "postgres", "shop", "store"]


@pytest.fixture
def app(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> OrderView:
    def away(*_: Any, **__: Any) -> pl.DataFrame:
        raise Unavailable("The warehouse is away.")

    monkeypatch.setattr(NoWarehouse, "query", away)
    monkeypatch.setattr(type(shop.seen), "current", lambda _, entity: Latest().current(entity))
    made = shop.order("container", name="blog")
    shop.work(passes=20)
    publish(shop, newer("container", "2", "${parameter.image}"))
    return made


def test_the_newer_version_is_asked_for_and_told_of(shop: Shop, app: OrderView) -> None:
    at = page(shop, "customer/app", role=MemberRole.OWNER, id=app.instance_id)
    assert "There is a newer version: **2**." in said(at)
    assert "It keeps no data that would have to be saved." in said(at)
    at.button(key="upgrade_app").click().run()
    assert not at.exception
    assert "The upgrade to 2 begins soon." in said(page(shop, "customer/app", role=MemberRole.OWNER, id=app.instance_id))
    shop.work(passes=10)
    with shop.acting() as ctx:
        (one,) = upgrades.list_(ctx, instance_id=app.instance_id).items
    assert one.state is UpgradeState.DONE
    assert "Upgraded from 1 to 2" in said(page(shop, "customer/app", role=MemberRole.OWNER, id=app.instance_id))


def test_who_may_only_look_sees_it_without_a_button(shop: Shop, app: OrderView) -> None:
    at = page(shop, "customer/app", role=MemberRole.VIEWER, id=app.instance_id)
    assert "There is a newer version" in said(at)
    assert "upgrade_app" not in {one.key for one in at.button}


def test_staff_see_who_is_behind(shop: Shop, app: OrderView) -> None:
    assert "Apps that do not have the newest version of their kind" in said(page(shop, "admin/provisioning"))
