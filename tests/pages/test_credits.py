"""Staff give back and pay out; customers read what they have to their credit and what it paid."""

from __future__ import annotations

import pytest

from app.services import credits, usage
from app.ui import queries
from models.domain.access import MemberRole, StaffRole
from models.domain.errors import Unavailable
from tests.orders.conftest import Shop, postgres, shop, store
from tests.orders.test_renewals import MONTH, issued, paid, run
from tests.pages.test_provisioning import page, said

__all__ = ["postgres", "shop", "store"]


@pytest.fixture(autouse=True)
def nothing_answered_before() -> None:
    """Answers are kept by the container's place in memory, which the next test's may take."""
    queries.forget()


def _away(*_: object, **__: object) -> None:
    raise Unavailable("There is no warehouse here.")


def test_what_staff_give_back_is_to_the_customers_credit_and_pays(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "organization", _away)
    paid(shop)
    run(shop)
    (row,) = issued(shop)
    at = page(shop, "admin/invoices", StaffRole.BILLING, invoice=row.id)
    at.number_input(key="give_1").set_value(30_000)
    at.text_input(key="credit_note_reason").set_value("Slow for a day")
    next(one for one in at.button if one.label == "Issue the credit note").click().run()
    assert not at.exception
    assert "Credit notes" in said(at)
    assert "30,000" in said(page(shop, "customer/billing", MemberRole.OWNER))
    at = page(shop, "admin/organization", StaffRole.BILLING, id=row.organization_id)
    at.number_input(key="refund_amount_IDR").set_value(10_000)
    at.text_input(key="refund_reason_IDR").set_value("Bank transfer")
    next(one for one in at.button if one.label == "It went back").click().run()
    assert not at.exception
    with shop.acting() as ctx:
        assert [one.credit_minor for one in credits.of_organization(ctx, organization_id=row.organization_id)] == [20_000]
    shop.clock.advance(MONTH)
    run(shop)
    text = said(page(shop, "customer/billing", MemberRole.OWNER, invoice=issued(shop)[1].id))
    assert "Paid from credit" in text
    support = page(shop, "admin/invoices", StaffRole.SUPPORT, invoice=row.id)
    assert [one for one in support.button if one.label == "Issue the credit note"] == []
