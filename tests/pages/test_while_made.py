"""While an app is being made: what is wrong with it stands on its order's page; and what has no room is marked before it is chosen."""

from __future__ import annotations

from typing import Any

import pytest

from app.services import storefront
from models.domain.access import MemberRole
from tests.orders.conftest import Shop, postgres, shop, store
from tests.orders.test_diagnosis import befall, crashing
from tests.orders.test_logs import Written
from tests.orders.test_orders import fill
from tests.pages.test_provisioning import nothing_answered_before, page, said

__all__ = ["nothing_answered_before", "postgres", "shop", "store"]


def test_an_app_that_crashes_while_it_is_made_says_why_beside_its_steps(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.container.__dict__["logs"] = Written(["listening", "panic: no database"])
    order = shop.order("container")
    shop.prober.down[order.address] = ("down", "connection refused")
    shop.work(passes=12)
    quiet = page(shop, "customer/order", MemberRole.OWNER, order=order.id)
    assert "What is wrong" not in said(quiet)
    befall(shop, monkeypatch, crashing(shop, "Error", 3))
    at = page(shop, "customer/order", MemberRole.OWNER, order=order.id)
    assert "What is wrong" in said(at)
    assert "4 restarts since" in said(at)
    app = page(shop, "customer/app", MemberRole.OWNER, id=order.instance_id)
    assert "What is wrong" in said(app)


def test_plans_without_room_are_marked_before_one_is_chosen(shop: Shop) -> None:
    here = shop.customer.organization.id
    with shop.acting() as ctx:
        assert storefront.full(ctx, organization_id=here, template="wordpress") == frozenset()
    for node in (1, 2, 3):
        fill(shop, 5.9, node=node)
    with shop.acting() as ctx:
        found = storefront.full(ctx, organization_id=here, template="wordpress")
        assert (
            storefront.full(ctx, organization_id=here, template="container") == frozenset()
        )  # not weighed before its image is known
    assert "pro" in found
    assert "trial" not in found
    at: Any = page(shop, "customer/order", MemberRole.OWNER, template="wordpress")
    marked = [one.value for one in at.markdown if "no room now" in one.value]
    assert len(marked) == len(found)
