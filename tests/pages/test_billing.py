"""What customers read about their money, and what staff read and decide."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from app.gateways.payments import Script
from app.services import invoices, renewals
from app.services.invoices import InvoiceView
from app.services.paging import Page
from app.ui import queries
from models.domain.access import MemberRole, StaffRole
from models.store.invoices import InvoiceState
from tests.orders.conftest import Shop, postgres, shop, store
from tests.orders.test_renewals import MONTH, gateway, issued, paid, run
from tests.pages.test_provisioning import page, said

__all__ = ["postgres", "shop", "store"]


@pytest.fixture(autouse=True)
def nothing_answered_before() -> None:
    """Answers are kept by the container's place in memory, which the next test's may take."""
    queries.forget()


@pytest.fixture
def billed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop whose customer has a paid month, an open one, and a trial."""
    paid(shop)
    shop.order("wordpress", "trial")
    shop.work(passes=1)
    run(shop)
    scripted = gateway(shop, Script.PENDING)
    monkeypatch.setattr("app.gateways.payments.of", lambda _: scripted)
    shop.clock.advance(MONTH)
    run(shop)
    return shop


def test_a_customer_reads_what_is_open_what_comes_and_what_was(billed: Shop) -> None:
    text = said(page(billed, "customer/billing", MemberRole.OWNER))
    price = issued(billed)[0].total_minor
    shown = f"{price:,}"
    assert "1 invoice is open: Rp" in text
    assert shown in text.replace("\u00a0", " ")
    assert "container, starter" in text
    newest = issued(billed)[-1]
    one = said(page(billed, "customer/billing", MemberRole.BILLING, invoice=newest.id))
    assert newest.number in one
    assert "100/111" in one


def test_staff_note_money_that_came_and_see_the_books(billed: Shop) -> None:
    newest = issued(billed)[-1]
    assert "1 invoice is open" in said(page(billed, "admin/invoices", StaffRole.BILLING))
    at = page(billed, "admin/invoices", StaffRole.BILLING, invoice=newest.id)
    at.button(key=f"received_{newest.id}").click().run()
    assert not at.exception
    assert "No invoice is open" in said(page(billed, "admin/invoices", StaffRole.BILLING))
    support = page(billed, "admin/invoices", StaffRole.SUPPORT, invoice=newest.id)
    assert [one for one in support.button if one.key == f"received_{newest.id}"] == []
    books = said(page(billed, "admin/ledger", StaffRole.ANALYST))
    assert "debits equal credits" in books


@pytest.mark.parametrize("at", ["admin/invoices", "customer/billing"])
def test_what_is_open_is_shown_however_much_came_after_it(billed: Shop, at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with billed.acting(billed.staff) as ctx:
        newest = invoices.list_(ctx, states=(InvoiceState.PAID,), limit=1)
    monkeypatch.setattr(invoices, "list_", _newest_first_of(newest, invoices.list_))
    assert "1 invoice is open" in said(page(billed, at, StaffRole.BILLING if "admin" in at else MemberRole.OWNER))


def _newest_first_of(newest: Page[InvoiceView], real: Callable[..., Page[InvoiceView]]) -> Callable[..., Page[InvoiceView]]:
    """A list whose first part has paid ones alone, as when a hundred were paid since."""
    return lambda ctx, *, states=None, **asked: newest if states is None else real(ctx, states=states, **asked)


def test_staff_decide_about_missed_months(shop: Shop) -> None:
    placed = paid(shop)
    shop.clock.advance(timedelta(days=160))
    run(shop)
    at = page(shop, "admin/invoices", StaffRole.BILLING)
    assert "Kopi Kita: 6 months" in said(at)
    at.button(key=f"charge_{placed.subscription_id}").click().run()
    assert not at.exception
    with shop.acting(shop.staff) as ctx:
        assert renewals.parked(ctx) == ()
    run(shop)
    assert len(issued(shop)) == 6
