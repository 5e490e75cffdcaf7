"""The Margin page: without a price it says what to do, and its rows are proven."""

from __future__ import annotations

import polars as pl
import pytest

from models.domain.access import StaffRole
from tests.orders.conftest import Shop, postgres, shop, store
from tests.orders.test_renewals import paid
from tests.orders.test_renewals import run as renew
from tests.pages.test_billing import nothing_answered_before
from tests.pages.test_provisioning import page, said

__all__ = ["nothing_answered_before", "postgres", "shop", "store"]


def test_the_page_says_what_is_missing_and_proves_its_sums(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    paid(shop)
    renew(shop)
    monkeypatch.setattr(type(shop.container.warehouse), "query", lambda *_, **__: pl.DataFrame())
    at = page(shop, "admin/margin", StaffRole.ANALYST)
    text = said(at)
    assert "No node has a price yet" in text
    assert "are the bill" in text
    for by in ("plan", "app"):
        at.button_group(key="by").set_value(by).run()
        assert not at.exception
