"""How a customer pays an invoice now, and the page on which staff see all payments and what waits for them."""

from __future__ import annotations

import pytest

from app.gateways.payments import Answer, DummyGateway, Receipt
from app.services import gateway_events, settings, transfer_reports, transfers
from app.services.invoices import InvoiceView
from models.domain.access import MemberRole, StaffRole, job_actor
from models.store import payments
from models.store.invoices import InvoiceState
from tests.orders.conftest import Shop, postgres, shop, store
from tests.orders.test_renewals import MONTH, issued, paid, run
from tests.orders.test_transfers import PNG, open_, report, take
from tests.pages.test_billing import nothing_answered_before
from tests.pages.test_provisioning import page, said

__all__ = ["nothing_answered_before", "open_", "postgres", "shop", "store"]


class Linked(DummyGateway):
    """Gives every way to pay that a gateway can give."""

    def ask(self, charge: object) -> Receipt:
        return Receipt(Answer.PENDING, "ref", "https://pay.example/1", bank="bca", account="988000123", qr="00020101")


def test_a_customer_sees_every_way_to_pay_and_reports_a_transfer(shop: Shop, open_: InvoiceView) -> None:
    assert "The way to pay is prepared" in said(page(shop, "customer/billing", MemberRole.OWNER, invoice=open_.id))
    with shop.acting(shop.staff) as ctx:
        settings.put(ctx, key="bank_account", value="BCA 123, PT Moorage")
    at = page(shop, "customer/billing", MemberRole.OWNER, invoice=open_.id)
    text = said(at)
    assert "BCA 123" in text
    assert open_.number in text
    at.text_input(key="report_amount").set_value("1.000")
    at.button(key=next(one.key for one in at.button if str(one.key).startswith("FormSubmitter:report_"))).click().run()
    assert not at.exception
    with shop.acting() as ctx:
        assert [one.amount_minor for one in transfer_reports.list_(ctx, invoice_id=open_.id)] == [1000]
    assert "You reported Rp" in said(page(shop, "customer/billing", MemberRole.OWNER, invoice=open_.id))


def test_a_customer_sees_what_the_gateway_gave(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.gateways.payments.of", lambda _: Linked())
    monkeypatch.setattr("app.jobs.renewals.DummyGateway", Linked)
    paid(shop)
    run(shop)
    shop.clock.advance(MONTH)
    run(shop)
    second = issued(shop)[1]
    with shop.store.reading() as session:
        assert [one.link for one in payments.of_invoice(session, second.id)] == ["https://pay.example/1"]
    at = page(shop, "customer/billing", MemberRole.BILLING, invoice=second.id)
    assert "Virtual account at BCA: 988000123" in said(at)
    assert [one.url for one in at.get("link_button")] == ["https://pay.example/1"]


def test_staff_see_what_waits_and_decide_it(shop: Shop, open_: InvoiceView) -> None:
    assert "All money that came is somebody" in said(page(shop, "admin/payments", StaffRole.BILLING))
    take(shop, f"thanks,{open_.total_minor}")
    report(shop, open_, 5, PNG)
    with shop.acting(job_actor("webhooks")) as ctx:
        gateway_events.forged(ctx, gateway="stripe", body=b"x", why="wrong")
    with shop.acting(shop.staff) as ctx:
        (line,) = transfers.unmatched(ctx)
        (told,) = gateway_events.list_(ctx, trouble=True).items
        (made,) = transfer_reports.list_(ctx)
    at = page(shop, "admin/payments", StaffRole.BILLING)
    text = said(at)
    assert "3 things about money wait" in text
    assert "wrong signature" in text
    at.button(key=f"proof_{made.id}").click().run()
    assert not at.exception
    for key in (f"seen_{told.id}", f"refuse_{made.id}", f"assign_{line.id}"):
        at = page(shop, "admin/payments", StaffRole.BILLING)
        at.button(key=key).click().run()
        assert not at.exception
    assert "All money that came is somebody" in said(page(shop, "admin/payments", StaffRole.BILLING))
    assert issued(shop)[1].state is InvoiceState.PAID


def test_who_may_not_decide_sees_no_buttons(shop: Shop, open_: InvoiceView) -> None:
    take(shop, "thanks,5")
    at = page(shop, "admin/payments", StaffRole.ANALYST)
    assert "1 thing about money waits" in said(at)
    assert [one.key for one in at.button if str(one.key).startswith(("assign_", "ignore_"))] == []
