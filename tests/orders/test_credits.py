"""What is given back: credit notes, what customers have to their credit and how it pays, on both databases and by two at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.gateways.payments import Script
from app.jobs import renewals as job
from app.services import credit_notes, credits, invoices, settings
from app.services.credit_notes import CreditNoteView
from models.domain.access import job_actor
from models.domain.errors import Conflict, Invalid, NotFound, NotPermitted, PlatformError
from models.store.invoices import InvoiceState
from tests.orders.conftest import Shop
from tests.orders.test_renewals import MONTH, balance, gateway, issued, paid, run
from tests.stories import a_stranger

WHY = "Slow for a day"


def give(shop: Shop, number: int = 0, amounts: dict[int, int] | None = None, *, key: str = "k") -> CreditNoteView:
    row = issued(shop)[number]
    with shop.acting(shop.staff) as ctx:
        return credit_notes.issue(ctx, invoice_id=row.id, reason=WHY, key=key, amounts=amounts)


def credit(shop: Shop) -> int:
    with shop.acting() as ctx:
        return sum(one.credit_minor for one in credits.of_organization(ctx, organization_id=shop.customer.organization.id))


@pytest.fixture
def billed(shop: Shop) -> Shop:
    """A customer with one paid month."""
    paid(shop)
    run(shop)
    return shop


@pytest.fixture
def owing(billed: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """And with the next one open."""
    scripted = gateway(billed, Script.PENDING)
    monkeypatch.setattr("app.gateways.payments.of", lambda _: scripted)
    billed.clock.advance(MONTH)
    run(billed)
    return billed


def test_what_was_paid_becomes_credit_and_pays_for_the_next_invoice_before_a_gateway_is_asked(billed: Shop) -> None:
    (first,) = issued(billed)
    made = give(billed, amounts={1: 30_000})
    assert (made.number, made.total_minor, made.lowered_minor) == ("CN-2026-000001", 30_000, 0)
    assert made.lines[0].deferred_minor == made.net_minor, "it is the first day, so nothing was rendered yet"
    assert credit(billed) == 30_000
    assert balance(billed)["2300"] == -30_000
    billed.clock.advance(MONTH)
    with billed.acting(job_actor("test")) as ctx:
        told = job.preview(ctx, ctx.now)
    assert "Credit would pay for 1 of them" in told.summary
    rest = first.total_minor - 30_000
    assert [one.action for one in told.planned][1:] == [
        "take 30000 IDR of the invoice from 2026-12-22 on from the customer's credit",
        f"ask the gateway for {rest} IDR of the invoice from 2026-12-22 on",
    ]
    run(billed)
    second = issued(billed)[1]
    assert (second.state, second.credit_used_minor, second.open_minor) == (InvoiceState.PAID, 30_000, 0)
    assert [amount for amount, *_ in gateway(billed).charges().values()] == [rest]
    assert credit(billed) == 0
    assert "1100" not in balance(billed)


def test_credit_that_is_enough_leaves_nothing_to_ask_for(billed: Shop) -> None:
    give(billed)
    assert credit(billed) == issued(billed)[0].total_minor
    assert set(balance(billed)) == {"1020", "2300"}, "everything is given back, with its tax"
    billed.clock.advance(MONTH)
    run(billed)
    second = issued(billed)[1]
    assert (second.state, second.credit_used_minor) == (InvoiceState.PAID, second.total_minor)
    assert gateway(billed).charges() == {}
    assert credit(billed) == 0


def test_an_open_invoice_is_lowered_and_paid_when_nothing_is_left(owing: Shop) -> None:
    open_ = issued(owing)[1]
    made = give(owing, 1, {1: 1000})
    assert (made.lowered_minor, credit(owing)) == (1000, 0), "no credit is granted for what was not paid"
    left = issued(owing)[1]
    assert (left.state, left.open_minor, left.credited_minor) == (InvoiceState.OPEN, open_.total_minor - 1000, 1000)
    give(owing, 1, key="rest")
    done = issued(owing)[1]
    assert (done.state, done.open_minor) == (InvoiceState.PAID, 0)
    assert "1100" not in balance(owing)
    assert credit(owing) == 0


def test_of_an_invoice_that_is_lowered_only_the_rest_is_received(owing: Shop) -> None:
    open_ = issued(owing)[1]
    give(owing, 1, {1: 1000})
    before = balance(owing)["1020"]
    with owing.acting(owing.staff) as ctx:
        assert invoices.received(ctx, invoice_id=open_.id).state is InvoiceState.PAID
    assert balance(owing)["1020"] == before + open_.total_minor - 1000
    assert credit(owing) == 0


def test_never_more_than_was_charged_and_the_same_key_once(billed: Shop) -> None:
    total = issued(billed)[0].total_minor
    with pytest.raises(Conflict, match="can still be given back"):
        give(billed, amounts={1: total + 1})
    first = give(billed, amounts={1: total - 10})
    assert give(billed, amounts={1: total - 10}) == first
    with pytest.raises(Conflict, match="can still be given back"):
        give(billed, amounts={1: 11}, key="more")
    assert give(billed, key="rest").total_minor == 10
    with pytest.raises(Conflict, match="was given back already"):
        give(billed, key="again")
    assert credit(billed) == total
    for wrong in ({1: 0}, {2: 5}):
        with pytest.raises(Invalid):
            give(billed, amounts=wrong, key="wrong")


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE credit_note SET reason = 'x'",
        "DELETE FROM credit_note",
        "UPDATE credit_note_line SET net_minor = 1",
        "DELETE FROM credit_note_line",
        "INSERT INTO credit_note_line SELECT credit_note_id, 2, invoice_id, 1, 0, 0 FROM credit_note_line",
    ],
)
def test_what_was_issued_stays(billed: Shop, attack: str) -> None:
    made = give(billed, amounts={1: 30_000})
    with pytest.raises(IntegrityError), billed.store.transaction() as session:
        session.connection().execute(text(attack))
    with billed.acting(billed.staff) as ctx:
        assert credit_notes.get(ctx, credit_note_id=made.id) == made


def test_the_database_itself_refuses_more_than_was_charged(billed: Shop) -> None:
    total = issued(billed)[0].net_minor
    give(billed, amounts={1: 30_000})
    more = (
        f"INSERT INTO credit_note_line SELECT 'cn_2', invoice_line, invoice_id, {total}, 0, 0 FROM credit_note_line",
        "INSERT INTO credit_note SELECT 'cn_2', 'k2', 'CN-2', series, year, 2, organization_id, subscription_id, invoice_id, "
        f"currency, {total}, 0, {total}, 0, reason, issued_at, issued_on FROM credit_note",
    )

    def attack() -> None:
        with billed.store.transaction() as session:
            for statement in more:
                session.connection().execute(text(statement))

    with pytest.raises(IntegrityError, match="does not add up"):
        attack()


def at_once(shop: Shop, calls: list) -> list[object]:
    """What two callers at the same time got, or why not."""
    gate = Barrier(len(calls))

    def one(call) -> object:
        gate.wait()
        try:
            with shop.acting(shop.staff) as ctx:
                return call(ctx)
        except PlatformError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


def test_two_at_once_give_back_no_more_than_there_is(billed: Shop) -> None:
    (row,) = issued(billed)
    calls = [
        lambda ctx, key=key: credit_notes.issue(ctx, invoice_id=row.id, reason=WHY, key=key, amounts={1: row.total_minor - 5})
        for key in ("a", "b")
    ]
    found = at_once(billed, calls)
    assert sorted(type(one).__name__ for one in found) == ["Conflict", "CreditNoteView"]
    assert credit(billed) == row.total_minor - 5
    same = [lambda ctx: credit_notes.issue(ctx, invoice_id=row.id, reason=WHY, key="same", amounts={1: 2})] * 2
    one, other = at_once(billed, same)
    assert one == other
    assert credit(billed) == row.total_minor - 3


def test_two_at_once_pay_out_no_more_than_there_is(billed: Shop) -> None:
    give(billed, amounts={1: 30_000})
    organization = billed.customer.organization.id
    calls = [
        lambda ctx, key=key: credits.refund(
            ctx, organization_id=organization, currency="IDR", amount_minor=20_000, reason="By bank", key=key
        )
        for key in ("a", "b")
    ]
    found = at_once(billed, calls)
    assert sorted(type(one).__name__ for one in found) == ["Conflict", "CreditView"]
    assert (credit(billed), balance(billed)["2300"]) == (10_000, -10_000)
    with billed.acting(billed.staff) as ctx:
        for _ in range(2):
            left = credits.refund(
                ctx, organization_id=organization, currency="IDR", amount_minor=4000, reason="By bank", key="once"
            )
            assert left.credit_minor == 6000


def test_staff_who_bill_give_back_and_nobody_else_does(billed: Shop) -> None:
    (row,) = issued(billed)
    made = give(billed, amounts={1: 30_000})
    with billed.store.transaction() as session:
        stranger = a_stranger(session)
    with billed.acting() as ctx:
        assert credit_notes.get(ctx, credit_note_id=made.id) == made
        assert credit_notes.list_(ctx).items == (made,)
        for refused in (
            lambda: credit_notes.issue(ctx, invoice_id=row.id, reason=WHY, key="mine"),
            lambda: credits.refund(
                ctx, organization_id=row.organization_id, currency="IDR", amount_minor=1, reason=WHY, key="mine"
            ),
        ):
            with pytest.raises(NotPermitted):
                refused()
    with billed.acting(stranger) as ctx:
        assert credit_notes.list_(ctx).items == ()
        for hidden in (
            lambda: credit_notes.get(ctx, credit_note_id=made.id),
            lambda: credit_notes.left(ctx, invoice_id=row.id),
            lambda: credits.of_organization(ctx, organization_id=row.organization_id),
        ):
            with pytest.raises(NotFound):
                hidden()


@pytest.mark.parametrize("tax_back", [True, False])
def test_what_is_given_up_is_a_loss_once_and_asked_for_no_more(owing: Shop, tax_back: bool) -> None:
    row = issued(owing)[1]
    give(owing, 1, {1: 1000})
    with owing.acting(owing.staff) as ctx:
        settings.put(ctx, key="write_off_tax", value=tax_back)
    taxes = -balance(owing)["2200"]
    found = at_once(owing, [lambda ctx: credits.write_off(ctx, invoice_id=row.id, reason="They are gone")] * 2)
    assert sorted(type(one).__name__ for one in found) == ["Conflict", "NoneType"]
    lost = issued(owing)[1]
    assert (lost.state, lost.open_minor) == (InvoiceState.WRITTEN_OFF, 0)
    assert (lost.written_off_minor, lost.credited_minor) == (row.total_minor - 1000, 1000)
    books = balance(owing)
    assert "1100" not in books
    assert books["6200"] == row.total_minor - 1000 - (taxes + books["2200"])
    assert (taxes + books["2200"] > 0) is tax_back
    with owing.acting(owing.staff) as ctx:
        assert invoices.to_ask(ctx, at=ctx.now + MONTH) == ()
        with pytest.raises(Conflict):
            invoices.received(ctx, invoice_id=row.id)
    with owing.acting() as ctx, pytest.raises(NotPermitted):
        credits.write_off(ctx, invoice_id=row.id, reason="They are gone")
