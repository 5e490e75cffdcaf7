"""Bank transfers: statements pay invoices once, by number or by what was reported; the rest is listed for staff."""

from __future__ import annotations

import pytest

from app.gateways.payments import DummyGateway
from app.services import invoices, settings, transfer_reports, transfers
from app.services.invoices import InvoiceView
from app.services.transfer_reports import LARGEST_PROOF, ReportView
from app.services.transfers import Imported
from models.domain.errors import Conflict, Invalid, NotFound, NotPermitted
from models.store import transfers as rows
from models.store.invoices import InvoiceState
from models.store.transfers import ReportState
from tests.orders.conftest import Shop
from tests.orders.test_renewals import MONTH, balance, issued, paid, run
from tests.stories import a_stranger

PNG = b"\x89PNG\r\n\x1a\n" + b"picture" * 20


@pytest.fixture
def open_(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> InvoiceView:
    """The second month of a customer who pays by transfer."""
    monkeypatch.setattr("app.gateways.payments.of", lambda _: DummyGateway())
    paid(shop)
    run(shop)
    shop.clock.advance(MONTH)
    run(shop)
    return issued(shop)[1]


def take(shop: Shop, *lines: str) -> Imported:
    text = "date,description,amount\n" + "".join(f"2026-12-24,{line}\n" for line in lines)
    with shop.acting(shop.staff) as ctx:
        return transfers.take(ctx, text=text, source="bca.csv")


def report(shop: Shop, invoice: InvoiceView, amount: int, proof: bytes = b"") -> ReportView:
    with shop.acting() as ctx:
        return transfer_reports.report(
            ctx, shop.container.seal, invoice_id=invoice.id, amount=amount, words="from Budi", proof=proof
        )


def test_an_invoice_says_how_it_is_transferred_and_a_statement_pays_it_once(shop: Shop, open_: InvoiceView) -> None:
    with shop.acting() as ctx:
        assert transfers.details(ctx, invoice_id=open_.id) is None
    with shop.acting(shop.staff) as ctx:
        settings.put(ctx, key="bank_account", value="BCA 123, PT Moorage")
    with shop.acting() as ctx:
        found = transfers.details(ctx, invoice_id=open_.id)
    assert found is not None
    assert (found.account, found.amount_minor, found.reference) == ("BCA 123, PT Moorage", open_.total_minor, open_.number)
    line = f"TRSF {open_.number.replace('-', ' ')},{open_.total_minor}"
    assert take(shop, line, "rent,-5000") == Imported(1, 0, 1, 0, 1)
    books = balance(shop)
    assert issued(shop)[1].state is InvoiceState.PAID
    assert "1100" not in books
    assert take(shop, line, "rent,-5000") == Imported(0, 1, 0, 0, 1)
    assert balance(shop) == books
    with shop.acting(shop.staff) as ctx:
        assert invoices.to_ask(ctx, at=ctx.now + MONTH) == (), "the transfer is not waited for any more"
    with shop.acting() as ctx:
        assert transfers.details(ctx, invoice_id=open_.id) is None


def test_parts_add_up_and_too_much_is_credit(shop: Shop, open_: InvoiceView) -> None:
    take(shop, f"{open_.number},{open_.total_minor - 1000}")
    assert issued(shop)[1].open_minor == 1000
    take(shop, f"{open_.number} rest,1500")
    assert issued(shop)[1].state is InvoiceState.PAID
    assert balance(shop)["2300"] == -500


def test_what_nobody_can_tell_is_listed_and_assigned_once_by_hand(shop: Shop, open_: InvoiceView) -> None:
    assert take(shop, f"thanks,{open_.total_minor}", "INV-2026-999999,7", "a refund,8").unmatched == 3
    books = balance(shop)
    with shop.acting(shop.staff) as ctx:
        found = {one.words: one for one in transfers.unmatched(ctx)}
        assert found["thanks"].likely == (open_.number,)
        assert found["INV-2026-999999"].likely == ()
        transfers.ignore(ctx, line_id=found["a refund"].id)
        with pytest.raises(NotFound, match="no invoice"):
            transfers.assign(ctx, line_id=found["thanks"].id, invoice="INV-1")
    assert balance(shop) == books
    with shop.acting(shop.staff) as ctx:
        assert transfers.assign(ctx, line_id=found["thanks"].id, invoice=open_.number).state is InvoiceState.PAID
        for gone in ("thanks", "a refund"):
            with pytest.raises(Conflict, match="before you"):
                transfers.assign(ctx, line_id=found[gone].id, invoice=open_.number)
        transfers.assign(ctx, line_id=found["INV-2026-999999"].id, invoice=open_.id)
        assert transfers.unmatched(ctx) == ()
    assert balance(shop)["2300"] == -7, "money for a paid invoice is the customer's"
    assert take(shop, f"again {open_.number},5").unmatched == 1, "of a paid invoice staff decide"


def test_another_currency_is_never_taken_for_an_invoice(shop: Shop, open_: InvoiceView) -> None:
    with shop.acting(shop.staff) as ctx:
        text = f"date,description,amount,currency\n2026-12-24,{open_.number},10.50,USD\n"
        assert transfers.take(ctx, text=text, source="usd.csv").unmatched == 1
        (line,) = transfers.unmatched(ctx)
        with pytest.raises(Invalid, match="Exchange it first"):
            transfers.assign(ctx, line_id=line.id, invoice=open_.number)


def test_a_reported_transfer_is_found_by_its_amount(shop: Shop, open_: InvoiceView) -> None:
    made = report(shop, open_, open_.total_minor, PNG)
    assert (made.proof_type, made.state) == ("image/png", ReportState.WAITING)
    assert issued(shop)[1].state is InvoiceState.OPEN, "a report is no money"
    with shop.acting(shop.staff) as ctx:
        assert transfer_reports.proof(ctx, shop.container.seal, report_id=made.id).content == PNG
    with shop.store.reading() as session:
        kept = rows.report(session, made.id)
        assert kept is not None
        assert "picture" not in kept.proof
    assert take(shop, f"Budi,{open_.total_minor}").matched == 1
    assert issued(shop)[1].state is InvoiceState.PAID
    with shop.acting() as ctx:
        assert [one.state for one in transfer_reports.list_(ctx, invoice_id=open_.id)] == [ReportState.FOUND]
        with pytest.raises(Conflict, match="does not wait"):
            transfer_reports.report(ctx, shop.container.seal, invoice_id=open_.id, amount=5)


def test_a_report_has_limits(shop: Shop, open_: InvoiceView) -> None:
    for proof, words in ((b"GIF89a", "neither PDF"), (b"%PDF-" + b"x" * LARGEST_PROOF, "smaller picture")):
        with pytest.raises(Invalid, match=words):
            report(shop, open_, 5, proof)
    for amount in (0, -5, 1 << 62):
        with pytest.raises(Invalid, match="more than zero"):
            report(shop, open_, amount)
    made = [report(shop, open_, 5) for _ in range(transfer_reports.MOST_WAITING)]
    with pytest.raises(Conflict, match="noted already"):
        report(shop, open_, 5)
    with shop.acting(shop.staff) as ctx:
        assert len(transfer_reports.list_(ctx)) == len(made)
        assert transfer_reports.refuse(ctx, report_id=made[0].id).state is ReportState.REFUSED
        with pytest.raises(Conflict):
            transfer_reports.refuse(ctx, report_id=made[0].id)
        with pytest.raises(NotFound, match="Nothing was uploaded"):
            transfer_reports.proof(ctx, shop.container.seal, report_id=made[0].id)


def test_who_may_do_what(shop: Shop, open_: InvoiceView) -> None:
    made = report(shop, open_, 5, PNG)
    with shop.store.transaction() as session:
        stranger = a_stranger(session)
    with shop.acting() as ctx:
        for refused in (
            lambda: transfers.take(ctx, text="", source=""),
            lambda: transfers.unmatched(ctx),
            lambda: transfers.assign(ctx, line_id="x", invoice="y"),
            lambda: transfers.ignore(ctx, line_id="x"),
            lambda: transfer_reports.list_(ctx),
            lambda: transfer_reports.refuse(ctx, report_id=made.id),
        ):
            with pytest.raises(NotPermitted):
                refused()
    with shop.acting(stranger) as ctx:
        for hidden in (
            lambda: transfers.details(ctx, invoice_id=open_.id),
            lambda: transfer_reports.list_(ctx, invoice_id=open_.id),
            lambda: transfer_reports.proof(ctx, shop.container.seal, report_id=made.id),
            lambda: transfer_reports.report(ctx, shop.container.seal, invoice_id=open_.id, amount=5),
        ):
            with pytest.raises(NotFound):
                hidden()
