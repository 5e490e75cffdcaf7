"""The Ledger page: every report by itself, what a row leads to, and the months that staff close."""

from __future__ import annotations

from typing import Any

import pytest

from app.services import reports
from app.ui.report_panels import VIEWS
from models.domain.access import StaffRole
from tests.orders.conftest import Shop, postgres, shop, store
from tests.orders.test_reports import DECEMBER, books
from tests.pages.test_billing import nothing_answered_before
from tests.pages.test_provisioning import page, said

__all__ = ["books", "nothing_answered_before", "postgres", "shop", "store"]


def showing(shop: Shop, view: str, role: StaffRole = StaffRole.BILLING) -> Any:
    at = page(shop, "admin/ledger", role)
    at.button_group(key="view").set_value(view).run()
    assert not at.exception
    return at


@pytest.mark.parametrize("view", VIEWS)
def test_every_report_is_shown(books: Shop, view: str) -> None:
    text = said(showing(books, view, StaffRole.ANALYST))
    assert "debits equal credits" in text
    if view == "position":
        assert "Result so far" in text


def test_the_result_is_that_of_the_service_and_leads_to_its_entries(books: Shop) -> None:
    with books.acting(books.staff) as ctx:
        earned = reports.result(ctx, month=DECEMBER, currency="IDR").result_minor
    at = showing(books, "result")
    at.selectbox(key="month").set_value("2026-12").run()
    assert f"{earned:,}" in said(at).replace("\u00a0", " ")
    entries = page(books, "admin/ledger", StaffRole.BILLING, account="4000", currency="IDR", of="2026-12")
    assert "Entries of 4000 Subscriptions, 2026-12" in said(entries)


def test_a_month_is_closed_and_opened_again_with_a_reason(books: Shop) -> None:
    at = showing(books, "months")
    assert "No month was closed yet" in said(at)
    at.text_input(key="books_reason").set_value("All is in.").run()
    at.button(key="books_close").click().run()
    assert not at.exception
    assert "open from 1 Jan 2027" in said(at)
    at.text_input(key="books_reason").set_value("One was wrong.").run()
    at.button(key="books_reopen").click().run()
    assert "open from 1 Dec 2026" in said(at)
    seen = showing(books, "months", StaffRole.ANALYST)
    assert [one.key for one in seen.button if str(one.key).startswith("books_")] == []
