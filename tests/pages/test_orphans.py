"""Staff see what has no other side on Provisioning, and repair it there after its name was typed."""

from __future__ import annotations

from typing import Any

import pytest

from models.domain.access import StaffRole
from tests.orders.conftest import Shop, postgres, shop, store
from tests.orders.test_orphans import LATER, app, listed, namespaces, stray
from tests.pages.test_provisioning import nothing_answered_before, page, said

__all__ = ["app", "namespaces", "nothing_answered_before", "postgres", "shop", "store"]


def test_nothing_is_said_while_everything_has_both_sides(shop: Shop) -> None:
    assert "no other side" not in said(page(shop))


@pytest.mark.usefixtures("app")
def test_a_stray_namespace_is_deleted_by_its_typed_name(shop: Shop) -> None:
    shop.container.__dict__["hands"] = shop.cluster
    stray(shop)
    shop.clock.advance(LATER)
    at = page(shop, role=StaffRole.SUPPORT)
    assert "c-stray" in said(at)
    assert not _forms(at)
    at = page(shop)
    assert "1 thing has no other side" in said(at)
    _forms(at)[0].click().run()
    assert "Type the name" in at.error[0].value
    next(one for one in at.text_input if "to confirm" in one.label).input("c-stray")
    _forms(at)[0].click().run()
    assert not at.exception
    shop.clock.advance(LATER)
    assert listed(shop) == []


def _forms(at: Any) -> list[Any]:
    return [one for one in at.button if one.label == "Delete the namespace"]
