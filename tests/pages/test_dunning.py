"""The board of dunning, holds and timelines for staff; cancelling and taking it back for customers."""

from __future__ import annotations

import pytest

from app.services import cancellations, invoices
from app.ui import queries
from models.domain.access import MemberRole, StaffRole
from models.domain.subscriptions import SubscriptionState
from models.store import dunning as rows
from tests.orders.conftest import Shop, postgres, shop, store
from tests.orders.test_dunning import dun, unpaid, until
from tests.orders.test_renewals import paid
from tests.pages.test_provisioning import page, said

__all__ = ["postgres", "shop", "store", "unpaid"]


@pytest.fixture(autouse=True)
def nothing_answered_before() -> None:
    queries.forget()


def test_staff_see_who_is_in_which_step_and_what_comes_next(shop: Shop, unpaid: object) -> None:
    until(shop, 0)
    dun(shop)
    at = page(shop, "admin/dunning", StaffRole.BILLING)
    text = said(at)
    assert "1 subscription needs care." in text
    at.text_input(key="hold_reason").set_value("Promised to pay")
    next(one for one in at.button if one.label == "Hold").click().run()
    assert not at.exception
    with shop.store.reading() as session:
        assert len(rows.holds(session, [shop.customer.organization.id], shop.clock.now())) == 1
    with shop.acting() as ctx:
        (row,) = cancellations.list_(ctx)
    one = said(page(shop, "admin/dunning", StaffRole.ANALYST, subscription=row.id))
    assert "Timeline of container" in one


def test_a_customer_cancels_at_the_end_and_takes_it_back(shop: Shop) -> None:
    placed = paid(shop)
    at = page(shop, "customer/billing", MemberRole.OWNER)
    assert "Cancel container" in said(at) or at.button(key=f"cancel_at_period_end_{placed.subscription_id}")
    at.button(key=f"cancel_at_period_end_{placed.subscription_id}").click().run()
    assert not at.exception
    with shop.acting() as ctx:
        found = cancellations.get(ctx, subscription_id=placed.subscription_id)
        assert (found.cancel_at, found.state) == (found.period_end, SubscriptionState.ACTIVE)
    at = page(shop, "customer/billing", MemberRole.OWNER)
    at.button(key=f"keep_{placed.subscription_id}").click().run()
    with shop.acting() as ctx:
        assert cancellations.get(ctx, subscription_id=placed.subscription_id).cancel_at is None


def test_a_customer_buys_what_is_tried(shop: Shop) -> None:
    placed = shop.order("container")
    shop.work()
    at = page(shop, "customer/billing", MemberRole.OWNER)
    assert "Keep container after the trial" in said(at)
    at.button(key=f"buy_{placed.subscription_id}").click().run()
    assert not at.exception
    with shop.acting() as ctx:
        assert [one.total_minor for one in invoices.unpaid(ctx)] == [79_000]
    assert "Keep container after the trial" not in said(page(shop, "customer/billing", MemberRole.OWNER))
