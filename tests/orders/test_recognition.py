"""Recognition: days become revenue, each line and month once, however late; a closed month takes nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from app.jobs import recognition as job
from app.jobs import runner
from app.services import books, ledger, recognition
from models.domain.access import Actor, job_actor
from models.domain.errors import Conflict, Invalid, NotPermitted
from models.domain.ledger import DEFERRED, earned
from models.store.invoices import InvoiceLine
from models.store.ledger import LedgerEntry, LedgerPosting, write
from tests.orders.conftest import Shop
from tests.orders.test_renewals import MONTH, balance, issued, paid
from tests.orders.test_renewals import run as renew

JOB = job_actor("recognition")


def at(shop: Shop, moment: datetime) -> None:
    shop.clock.advance(moment - shop.clock.now())


def run(shop: Shop) -> dict[str, int]:
    outcome = runner.run_once(shop.container, "recognition")
    assert outcome is not None
    assert not outcome.error
    shop.clock.advance(timedelta(minutes=61))
    return outcome.counts


def recognised(shop: Shop) -> dict[str, tuple[date, int]]:
    """By key of the entry: its day and what went to revenue."""
    query = (
        select(LedgerEntry, LedgerPosting).join(LedgerPosting).where(LedgerEntry.kind == "recognition")  # type: ignore[arg-type]
    )
    with shop.store.reading() as session:
        rows = session.exec(query.where(LedgerPosting.account == "4000")).all()
        return {entry.key: (entry.day, -posting.amount_minor) for entry, posting in rows}


def close(shop: Shop, month: date, actor: Actor | None = None) -> books.BooksView:
    with shop.acting(actor or shop.staff) as ctx:
        return books.close(ctx, month=month, reason="Everything is in.")


def test_a_month_that_ended_becomes_revenue_by_days(shop: Shop) -> None:
    paid(shop)
    renew(shop)
    assert run(shop) == {}, "November has not ended"
    at(shop, datetime(2026, 12, 1, 9, 0, tzinfo=UTC))
    (first,) = issued(shop)
    assert run(shop) == {"lines": 1, "portions": 1}
    net = first.net_minor
    november = (net * 9 * 2 + 30) // (30 * 2)
    assert recognised(shop) == {f"rec:{first.id}:1:2026-11": (date(2026, 11, 30), november)}
    assert balance(shop)["4000"] == -november
    assert run(shop) == {}
    shop.clock.advance(MONTH)
    renew(shop)
    run(shop)
    assert [amount for on, amount in recognised(shop).values() if on < date(2026, 12, 30)] == [november]
    done = {key: amount for key, (_, amount) in recognised(shop).items() if first.id in key}
    assert sum(done.values()) == net
    second = issued(shop)[1]
    assert f"rec:{second.id}:1:2026-12" in recognised(shop)
    assert balance(shop)["4000"] + balance(shop)["2400"] == -(net + second.net_minor)


@pytest.mark.parametrize("late", [(40, 75, 100), (100,), (40, 41, 42, 43, 100)])
def test_however_late_and_often_it_runs_the_books_say_the_same(shop: Shop, late: tuple[int, ...]) -> None:
    paid(shop)
    renew(shop)
    for before, days in pairwise((0, *late)):
        shop.clock.advance(timedelta(days=days - before))
        renew(shop)
        run(shop)
    (first, *_) = issued(shop)
    mine = {key[-7:]: told for key, told in recognised(shop).items() if first.id in key}
    assert {month: on for month, (on, _) in mine.items()} == {"2026-11": date(2026, 11, 30), "2026-12": date(2026, 12, 31)}
    assert sum(amount for _, amount in mine.values()) == first.net_minor
    assert mine["2026-11"][1] == (first.net_minor * 9 * 2 + 30) // 60


def test_the_preview_is_what_the_run_posts(shop: Shop) -> None:
    paid(shop)
    shop.clock.advance(timedelta(days=70))
    renew(shop)
    with shop.acting(shop.staff) as ctx:
        foreseen = recognition.planned(ctx, ctx.now)
        told = job.preview(ctx, ctx.now)
    assert len(told.planned) == len(foreseen) == 3
    assert f"{sum(one.amount_minor for one in foreseen)} IDR" in told.summary
    run(shop)
    assert {one.key: (one.on, one.amount_minor) for one in foreseen} == recognised(shop)


def test_two_that_see_the_same_line_post_it_once(shop: Shop) -> None:
    paid(shop)
    shop.clock.advance(MONTH)
    renew(shop)
    with shop.acting(JOB) as ctx:
        (key, *_) = recognition.due(ctx, limit=1)
        assert recognition.carry_out(ctx, key=key) == 1
    with shop.acting(JOB) as ctx:
        assert recognition.carry_out(ctx, key=key) is None
    assert len(recognised(shop)) == 1


def test_an_invoice_of_nothing_is_never_looked_at(shop: Shop) -> None:
    shop.order("wordpress", "trial")
    shop.work(passes=1)
    renew(shop)
    shop.clock.advance(MONTH)
    assert run(shop) == {}
    with shop.store.reading() as session:
        assert [row.net_minor for row in session.exec(select(InvoiceLine)).all()] == [0]


def test_what_is_late_for_a_closed_month_goes_to_the_first_open_one(shop: Shop) -> None:
    paid(shop)
    at(shop, datetime(2026, 12, 5, tzinfo=UTC))
    shown = close(shop, date(2026, 11, 1))
    assert shown.open_from == date(2026, 12, 1)
    assert shown.closable is None
    renew(shop)
    assert run(shop) == {}, "the first open month has not ended"
    at(shop, datetime(2027, 1, 2, tzinfo=UTC))
    renew(shop)
    run(shop)
    (first, second) = issued(shop)
    days = {key: on for key, (on, _) in recognised(shop).items()}
    assert days == {
        f"rec:{first.id}:1:2026-11": date(2026, 12, 31),
        f"rec:{first.id}:1:2026-12": date(2026, 12, 31),
        f"rec:{second.id}:1:2026-12": date(2026, 12, 31),
    }


def test_a_month_is_closed_with_a_reason_when_all_of_it_is_in(shop: Shop) -> None:
    paid(shop)
    renew(shop)
    with pytest.raises(Invalid, match="2026-11 has not ended"):
        close(shop, date(2026, 11, 1))
    at(shop, datetime(2026, 12, 2, tzinfo=UTC))
    with pytest.raises(Conflict, match="1 lines of invoices wait to be recognised"):
        close(shop, date(2026, 11, 1))
    run(shop)
    with shop.acting(shop.staff) as ctx, pytest.raises(Invalid, match="Say why"):
        books.close(ctx, month=date(2026, 11, 1), reason=" ")
    with pytest.raises(NotPermitted):
        close(shop, date(2026, 11, 1), shop.customer.actor)
    close(shop, date(2026, 11, 1))
    with pytest.raises(Conflict, match="2026-11 is closed already"):
        close(shop, date(2026, 11, 1))
    with shop.acting(shop.staff) as ctx:
        with pytest.raises(Conflict, match="2026-12 is open already"):
            books.reopen(ctx, month=date(2026, 12, 1), reason="An invoice is wrong.")
        shown = books.reopen(ctx, month=date(2026, 10, 1), reason="An invoice is wrong.")
    assert shown.open_from == date(2026, 10, 1)
    assert [(one.closed, one.reason) for one in shown.moves] == [(False, "An invoice is wrong."), (True, "Everything is in.")]


def test_nothing_is_posted_into_a_closed_month_by_anybody(shop: Shop) -> None:
    paid(shop)
    renew(shop)
    at(shop, datetime(2026, 12, 2, tzinfo=UTC))
    run(shop)
    close(shop, date(2026, 11, 1))
    with shop.acting(JOB) as ctx:
        ledger.post(
            ctx, key="late", kind="test", day=date(2026, 11, 3), memo="", postings=earned(5, "IDR"),
            organization_id=shop.customer.organization.id,
        )  # fmt: skip
    with shop.store.reading() as session:
        assert session.exec(select(LedgerEntry.day).where(LedgerEntry.key == "late")).one() == date(2026, 12, 1)
    line = {"account": DEFERRED.code, "currency": "IDR", "organization_id": shop.customer.organization.id}
    lines = [LedgerPosting(entry_id="x", line=number, amount_minor=amount, **line) for number, amount in enumerate((5, -5))]
    entry = LedgerEntry(id="x", key="x", kind="x", day=date(2026, 11, 30), at=shop.clock.now(), memo="")
    with pytest.raises(IntegrityError, match="takes nothing for a month that is closed"), shop.store.transaction() as session:
        write(session, entry, lines)
