"""Documents: fixed with their invoice, set once to bytes that stay, mailed and handed out to those who may see the billing."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta

import polars as pl
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from app.documents import pdf as setting
from app.documents.shelf import Shelf
from app.jobs import runner
from app.services import billing_profiles, book_files, credit_notes, documents, invoices, ledger, settings, statements
from app.services.book_files import FileForm
from models.domain.access import MemberRole
from models.domain.documents import DocumentKind
from models.domain.errors import Invalid, NotFound, NotPermitted, Unavailable
from models.store.documents import Document
from models.store.mail import Mail
from tests.orders.conftest import Shop, postgres, shop, store
from tests.orders.test_renewals import MONTH, gateway, issued, paid, run
from tests.stories import a_member, a_stranger

__all__ = ["postgres", "shop", "store"]
PROFILE = {
    "name": "PT Kopi Senja",
    "address": "Jl. Braga 5\n\n  Bandung ",
    "tax_number": "01.2",
    "email": "books@kopi.example",
    "language": "de",
}


def shelf(shop: Shop) -> Shelf:
    return Shelf.of(shop.container.settings)


def made(shop: Shop) -> dict[str, int]:
    outcome = runner.run_once(shop.container, "documents")
    assert outcome is not None
    assert not outcome.error
    shop.clock.advance(timedelta(minutes=1))
    return outcome.counts


def kept(shop: Shop) -> list[Document]:
    with shop.acting(shop.staff) as ctx:
        rows = ctx.session.exec(select(Document).order_by(Document.number)).all()
        ctx.session.expunge_all()
    return list(rows)


def test_an_invoice_and_its_receipt_are_set_once_and_stay_byte_for_byte(shop: Shop) -> None:
    with shop.acting(shop.staff) as ctx:
        settings.put(ctx, key="seller_name", value="PT Dermaga")
    with shop.acting() as ctx:
        billing_profiles.put(ctx, organization_id=shop.customer.organization.id, **PROFILE)
    paid(shop)
    run(shop)
    (invoice,) = issued(shop)
    first, receipt = kept(shop)
    assert (first.kind, first.number, first.made_at) == (DocumentKind.INVOICE, invoice.number, None)
    assert (receipt.kind, receipt.number) == (DocumentKind.RECEIPT, f"{invoice.number}-R1")
    with shop.acting() as ctx:
        early = documents.content(ctx, document_id=first.id, shelf=shelf(shop))
    assert made(shop) == {"made": 2}
    assert made(shop) == {}
    with shop.acting() as ctx:
        late = documents.content(ctx, document_id=first.id, shelf=shelf(shop))
        seen = documents.of_invoice(ctx, invoice_id=invoice.id)
        # what is said later changes nothing that was issued
        billing_profiles.put(ctx, organization_id=shop.customer.organization.id, **{**PROFILE, "name": "Another"})
    assert early == late
    assert late.name == f"{invoice.number}.pdf"
    assert late.content.startswith(b"%PDF")
    assert [one.size for one in seen] == [len(late.content), seen[1].size]
    assert '"PT Kopi Senja"' in first.facts
    assert '"PT Dermaga"' in first.facts
    assert '"de"' in first.facts
    assert "Bandung" in first.facts


def test_a_file_that_is_lost_comes_back_and_another_one_is_not_passed_off(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    paid(shop)
    run(shop)
    made(shop)
    (row, _) = kept(shop)
    (file,) = (shop.container.settings.data / "documents").rglob(f"{row.sha256}.pdf")
    before = file.read_bytes()
    file.write_bytes(b"%PDF something else")
    with shop.acting() as ctx:
        assert documents.content(ctx, document_id=row.id, shelf=shelf(shop)).content == before
    assert file.read_bytes() == before
    file.unlink()
    monkeypatch.setattr(documents, "pdf", lambda _: b"%PDF of another version")
    with pytest.raises(Unavailable, match="moorage restore"), shop.acting() as ctx:
        documents.content(ctx, document_id=row.id, shelf=shelf(shop))


def test_what_stands_on_a_document_is_never_changed(shop: Shop) -> None:
    paid(shop)
    run(shop)
    for attack in ("UPDATE document SET facts = '{}'", "DELETE FROM document", "UPDATE document SET number = 'X'"):
        with pytest.raises(IntegrityError), shop.container.store.transaction() as session:
            session.connection().execute(text(attack))
    assert made(shop) == {"made": 2}


def test_others_see_no_document(shop: Shop) -> None:
    paid(shop)
    run(shop)
    row = kept(shop)[0]
    with shop.container.store.transaction() as session:
        stranger = a_stranger(session)
        developer = a_member(session, shop.customer, MemberRole.DEVELOPER)
    for actor in (stranger, developer):
        with pytest.raises((NotFound, NotPermitted)), shop.acting(actor) as ctx:
            documents.content(ctx, document_id=row.id, shelf=shelf(shop))
        with pytest.raises((NotFound, NotPermitted)), shop.acting(actor) as ctx:
            billing_profiles.put(ctx, organization_id=shop.customer.organization.id, name="x")
        with pytest.raises((NotFound, NotPermitted)), shop.acting(actor) as ctx:
            book_files.postings(ctx, form=FileForm.CSV)
    with pytest.raises((NotFound, NotPermitted)), shop.acting() as ctx:
        book_files.postings(ctx, form=FileForm.CSV)


def test_owners_and_the_billing_address_hear_of_what_is_open_and_of_what_came(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.gateways.payments import Script

    with shop.acting() as ctx:
        billing_profiles.put(ctx, organization_id=shop.customer.organization.id, **PROFILE)
    paid(shop)
    scripted = gateway(shop, Script.PENDING)
    monkeypatch.setattr("app.gateways.payments.of", lambda _: scripted)
    run(shop)
    shop.clock.advance(MONTH)
    run(shop)
    _, second = issued(shop)
    with shop.acting(shop.staff) as ctx:
        told = [
            (row.to, row.kind, row.subject)
            for row in ctx.session.exec(select(Mail).order_by(Mail.created_at, Mail.to)).all()
            if row.kind in ("invoice_issued", "payment_received")
        ]
    assert {to for to, kind, _ in told if kind == "payment_received"} == {"books@kopi.example", shop.customer.owner.email}
    open_ = [subject for to, kind, subject in told if kind == "invoice_issued" and to == shop.customer.owner.email]
    assert len(open_) == 1, "one that was paid before is not asked for"
    assert second.number in open_[0]


def test_a_statement_ends_with_what_the_ledger_says(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    paid(shop)
    run(shop)
    told: list[object] = []
    monkeypatch.setattr(statements, "pdf", lambda paper: told.append(paper) or setting.pdf(paper))
    organization = shop.customer.organization.id
    with shop.acting() as ctx:
        november = statements.statement(
            ctx, organization_id=organization, first=date(2026, 11, 1), before=date(2026, 12, 1), currency="IDR"
        )
        december = statements.statement(
            ctx, organization_id=organization, first=date(2026, 12, 1), before=date(2027, 1, 1), currency="IDR"
        )
        assert november.content.startswith(b"%PDF")
        assert december.name.endswith("2026-12-01-2026-12-31.pdf")
    (invoice,) = issued(shop)
    paper, after = told
    assert [line.net for line in paper.lines] == [0, invoice.total_minor, -invoice.total_minor]
    with shop.acting(shop.staff) as ctx:
        owed = sum(one.balance_minor for one in ledger.trial_balance(ctx) if one.account in ("1100", "2300"))
    assert paper.total == owed == after.lines[0].net
    with pytest.raises(Invalid, match="first day"), shop.acting() as ctx:
        statements.statement(ctx, organization_id=organization, first=date(2026, 12, 1), before=date(2026, 12, 1), currency="IDR")
    with pytest.raises(NotFound, match="USD"), shop.acting() as ctx:
        statements.statement(ctx, organization_id=organization, first=date(2026, 11, 1), before=date(2026, 12, 1), currency="USD")


def test_files_hold_every_line_and_their_sums_are_those_of_the_ledger(shop: Shop) -> None:
    paid(shop)
    run(shop)
    shop.clock.advance(MONTH)
    run(shop)
    with shop.acting(shop.staff) as ctx:
        lines = book_files.invoice_lines(ctx, form=FileForm.CSV)
        late = book_files.invoice_lines(ctx, form=FileForm.CSV, first=date(2026, 12, 1))
        posted = book_files.postings(ctx, form=FileForm.PARQUET)
        balances = {one.account: one.balance_minor for one in ledger.trial_balance(ctx)}
        total = sum(one.total_minor for one in invoices.list_(ctx).items)
    rows = list(csv.DictReader(io.StringIO(lines.content.decode())))
    assert sum(int(row["net_minor"]) + int(row["tax_minor"]) for row in rows) == total
    assert len(list(csv.DictReader(io.StringIO(late.content.decode())))) == 1
    frame = pl.read_parquet(io.BytesIO(posted.content))
    assert dict(frame.group_by("account").agg(pl.col("amount_minor").sum()).iter_rows()) == balances
    with shop.acting() as ctx:
        own = book_files.invoice_lines(ctx, form=FileForm.CSV, organization_id=shop.customer.organization.id)
    assert own.content == lines.content
    with pytest.raises(Invalid), shop.acting(shop.staff) as ctx:
        book_files.postings(ctx, form=FileForm.CSV, first=date(2026, 12, 1), before=date(2026, 12, 1))


def test_a_credit_note_is_a_document_of_its_invoice(shop: Shop) -> None:
    paid(shop)
    run(shop)
    (invoice,) = issued(shop)
    with shop.acting(shop.staff) as ctx:
        note = credit_notes.issue(ctx, invoice_id=invoice.id, reason="Slow for a day", key="ticket-1", amounts={1: 1000})
    assert made(shop) == {"made": 3}
    with shop.acting() as ctx:
        rows = documents.of_invoice(ctx, invoice_id=invoice.id)
        (row,) = [one for one in rows if one.kind is DocumentKind.CREDIT_NOTE]
        file = documents.content(ctx, document_id=row.id, shelf=shelf(shop))
    assert (row.number, file.name) == (note.number, f"{note.number}.pdf")
    assert "Slow for a day" in kept(shop)[0].facts
