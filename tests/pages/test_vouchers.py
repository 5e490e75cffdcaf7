"""Staff make a voucher on its page, and a customer redeems it on Billing."""

from __future__ import annotations

import pytest

from app.services import vouchers
from app.ui import queries
from models.domain.access import MemberRole, StaffRole
from tests.orders.conftest import Shop, postgres, shop, store
from tests.orders.test_renewals import MONTH, issued, paid, run
from tests.pages.test_provisioning import page, said

__all__ = ["postgres", "shop", "store"]


@pytest.fixture(autouse=True)
def nothing_answered_before() -> None:
    """Answers are kept by the container's place in memory, which the next test's may take."""
    queries.forget()


def test_a_code_is_made_redeemed_and_taken_off(shop: Shop) -> None:
    paid(shop)
    run(shop)
    at = page(shop, "admin/vouchers", StaffRole.BILLING)
    at.text_input(key="new_code").set_value("KOPI-10")
    next(one for one in at.button if one.label == "Make it").click().run()
    assert not at.exception
    with shop.acting(shop.staff) as ctx:
        assert [one.percent_hundredths for one in vouchers.list_(ctx)] == [1000]
    at = page(shop, "customer/billing", MemberRole.OWNER)
    at.text_input(key="voucher_code").set_value("kopi-10")
    next(one for one in at.button if one.label == "Redeem").click().run()
    assert not at.exception
    text = said(page(shop, "customer/billing", MemberRole.OWNER))
    assert "Voucher KOPI-10: 10" in text, [one for one in text.split("\n") if "KOPI" in one]
    shop.clock.advance(MONTH)
    run(shop)
    text = said(page(shop, "customer/billing", MemberRole.OWNER, invoice=issued(shop)[1].id))
    assert "Voucher KOPI-10: Rp" in text.replace("\u00a0", " ")
    viewer = page(shop, "admin/vouchers", StaffRole.ANALYST)
    assert [one for one in viewer.button if one.label == "Make it"] == []
