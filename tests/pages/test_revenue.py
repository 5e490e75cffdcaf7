"""The Revenue page and the money on the overview say what the services say."""

from __future__ import annotations

from datetime import timedelta

from app.services import takings
from models.domain.access import StaffRole
from tests.orders.conftest import Shop, postgres, shop, store
from tests.orders.test_revenue import grown, shown
from tests.pages.test_billing import nothing_answered_before
from tests.pages.test_provisioning import page, said

__all__ = ["grown", "nothing_answered_before", "postgres", "shop", "store"]


def test_the_page_says_what_recurs_and_what_moved_it(grown: Shop) -> None:
    view = shown(grown)
    at = page(grown, "admin/revenue", StaffRole.ANALYST)
    text = said(at).replace("\u00a0", " ")
    assert f"{view.mrr_minor:,} recur each month, from 1 customer" in text
    assert "What moved MRR in 2027-01" in text
    at.selectbox(key="month").set_value("2026-12").run()
    assert not at.exception
    assert "What moved MRR in 2026-12" in said(at)
    at.button_group(key="by").set_value("country").run()
    assert not at.exception


def test_the_page_of_an_empty_shop_says_so(shop: Shop) -> None:
    assert "from 0 customers" in said(page(shop, "admin/revenue", StaffRole.BILLING))


def test_the_overview_has_the_money(grown: Shop) -> None:
    grown.clock.advance(timedelta(minutes=1))
    with grown.acting(grown.staff) as ctx:
        (now,) = takings.now(ctx)
    text = said(page(grown, "admin/overview", StaffRole.OPERATOR)).replace("\u00a0", " ")
    assert "Collected this month" in text
    assert f"{now.mrr_minor:,}" in text
