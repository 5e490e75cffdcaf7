"""Own domains on an app's page: the records that are needed, a look into the simulated DNS, and taking one away."""

from __future__ import annotations

from typing import Any

from app.services.orders import OrderView
from models.domain.access import MemberRole
from models.store import domains
from tests.orders.conftest import Shop, postgres, shop, store
from tests.pages.test_provisioning import nothing_answered_before, said
from tests.pages.test_upkeep import app, keys, look

__all__ = ["app", "nothing_answered_before", "postgres", "shop", "store"]


def ask_for(at: Any, name: str) -> None:
    at.text_input(key="domain_name").input(name)
    next(one for one in at.button if one.label == "Use this domain").click().run()


def test_a_domain_is_asked_for_proven_and_removed(shop: Shop, app: OrderView) -> None:
    at = look(shop, app)
    ask_for(at, "https://shop")
    assert "looks like shop.example.com" in at.error[0].value.replace("\\", "")
    ask_for(at, "shop.example.com")
    assert not at.exception
    at = look(shop, app)
    assert any(one.value.startswith("_moorage.shop.example.com  TXT  moorage=") for one in at.code)
    at.button(key="check_shop.example.com").click().run()
    assert not at.exception
    with shop.container.reading(shop.staff, "page") as ctx:
        (row,) = domains.of_instance(ctx.session, app.instance_id)
        assert row.proven_at is not None
    shop.work(passes=15)
    at = look(shop, app)
    assert "Own domain shop.example.com" in said(at)
    at.button(key="remove_shop.example.com").click().run()
    assert not at.exception
    with shop.container.reading(shop.staff, "page") as ctx:
        assert not domains.of_instance(ctx.session, app.instance_id)


def test_what_is_missing_is_said(shop: Shop, app: OrderView) -> None:
    at = look(shop, app)
    ask_for(at, "wrong.example.com")
    at = look(shop, app)
    at.button(key="check_wrong.example.com").click().run()
    assert "the TXT record is not there" in said(look(shop, app))


def test_who_may_only_look_sees_nothing_of_it(shop: Shop, app: OrderView) -> None:
    assert "domain_name" not in {str(one.key) for one in look(shop, app, MemberRole.VIEWER).text_input}
    assert "restart_app" in keys(look(shop, app))
