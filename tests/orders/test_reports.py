"""Reports of the ledger: each of them is a sum of the same entries, and says so."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from sqlmodel import select

from app.gateways.payments import Script
from app.jobs import runner
from app.services import ledger, reports
from models.domain.access import job_actor
from models.domain.errors import NotPermitted
from models.domain.ledger import earned
from models.store.ledger import LedgerEntry, LedgerPosting
from models.store.ledger_sums import LedgerMonth
from tests.orders.conftest import Shop
from tests.orders.test_recognition import at, run
from tests.orders.test_renewals import balance, gateway, issued, paid
from tests.orders.test_renewals import run as renew

NOVEMBER, DECEMBER, JANUARY = date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)


@pytest.fixture
def books(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Two apps over three months; the last invoices are open."""
    paid(shop)
    paid(shop, "n8n")
    renew(shop)
    at(shop, datetime(2026, 12, 24, tzinfo=UTC))
    renew(shop)
    run(shop)
    scripted = gateway(shop, Script.PENDING, Script.PENDING)
    monkeypatch.setattr("app.gateways.payments.of", lambda _: scripted)
    at(shop, datetime(2027, 1, 25, tzinfo=UTC))
    renew(shop)
    run(shop)
    return shop


def test_result_and_position_are_sums_of_the_entries(books: Shop) -> None:
    every = _entries(books)
    with books.acting(books.staff) as ctx:
        december = reports.result(ctx, month=DECEMBER, currency="IDR")
        january = reports.result(ctx, month=JANUARY, currency="IDR")
        position = reports.position(ctx, month=DECEMBER, currency="IDR")
        now = reports.position(ctx, month=JANUARY, currency="IDR")
    earned = -sum(amount for day, account, amount, _ in every if account == "4000" and day.month == 12)
    assert december.result_minor == earned > 0
    assert [(row.account, row.amount_minor, row.year_minor) for row in december.rows] == [
        ("4000", earned, earned + december.before_minor)
    ]
    assert january.year_minor == 0, "nothing of January is earned before it has ended"
    assert position.difference_minor == now.difference_minor == 0
    assert position.result_minor == december.year_minor
    held = Counter[str]()
    for day, account, amount, _ in every:
        held[account] += amount if day < JANUARY else 0
    assert {row.account: row.amount_minor for row in position.rows} == {
        account: amount if account < "2000" else -amount for account, amount in held.items() if account < "4000" and amount
    }
    assert {row.account: abs(row.amount_minor) for row in now.rows} == {
        account: abs(amount) for account, amount in balance(books).items() if account < "4000"
    }


def test_deferred_revenue_rolls_forward(books: Shop) -> None:
    with books.acting(books.staff) as ctx:
        rows = reports.deferred(ctx, currency="IDR")
    assert [row.month for row in rows] == [JANUARY, DECEMBER, NOVEMBER]
    for newer, older in pairwise(rows):
        assert newer.opening_minor == older.closing_minor
    for row in rows:
        assert row.opening_minor + row.billed_minor - row.recognised_minor - row.other_minor == row.closing_minor
    assert rows[-1].opening_minor == 0
    assert rows[0].closing_minor == -balance(books)["2400"]
    assert sum(row.billed_minor for row in rows) == sum(one.net_minor for one in issued(books))


def test_what_is_owed_is_the_account_by_age(books: Shop) -> None:
    open_ = {one.id: one.open_minor for one in issued(books) if one.open_minor}
    with books.acting(books.staff) as ctx:
        fresh = reports.ageing(ctx, currency="IDR")
    assert {row.invoice_id: row.open_minor for row in fresh.rows} == open_
    assert fresh.ages_minor == (sum(open_.values()), 0, 0, 0, 0)
    assert fresh.difference_minor == 0
    assert fresh.total_minor == balance(books)["1100"] > 0
    for days, age in ((1, 1), (30, 1), (31, 2), (60, 2), (61, 3), (91, 4)):
        due = fresh.rows[0].due_on
        at(books, datetime(due.year, due.month, due.day, 1, tzinfo=UTC) + timedelta(days=days))
        with books.acting(books.staff) as ctx:
            late = reports.ageing(ctx, currency="IDR")
        assert late.ages_minor[age] == fresh.total_minor, days


def test_tax_by_month_is_that_of_the_invoices_and_of_the_account(books: Shop) -> None:
    with books.acting(books.staff) as ctx:
        charged = reports.tax(ctx, currency="IDR")
        posted = reports.tax_months(ctx, currency="IDR")
    assert [(row.month, row.invoiced_minor, row.other_minor) for row in posted] == [
        (row.month, row.tax_minor, 0) for row in charged
    ]
    assert sum(row.due_minor for row in posted) == -balance(books)["2200"]
    assert [row.invoices for row in charged] == [2, 2, 2]


def test_a_figure_leads_to_its_entries(books: Shop) -> None:
    with books.acting(books.staff) as ctx:
        total = reports.result(ctx, month=DECEMBER, currency="IDR").result_minor
        found = ledger.entries(ctx, account="4000", currency="IDR", month=DECEMBER).items
        one = ledger.entries(ctx, kind="recognition", month=NOVEMBER).items
    assert sum(line.credit_minor - line.debit_minor for row in found for line in row.postings if line.account == "4000") == total
    assert {row.day.month for row in one} == {11}
    assert {row.kind for row in one} == {"recognition"}


def test_kept_sums_change_no_report_and_are_dropped_when_they_are_wrong(books: Shop) -> None:
    with books.acting(books.staff) as ctx:
        before = ledger.trial_balance(ctx), reports.deferred(ctx, currency="IDR")
    for expected in (True, False):
        outcome = runner.run_once(books.container, "ledger")
        assert outcome is not None
        assert bool(outcome.counts.get("entries")) is expected, "only what is new is summed"
        books.clock.advance(timedelta(hours=2) if expected else timedelta(hours=1))
        with books.acting(books.staff) as ctx:
            assert (ledger.trial_balance(ctx), reports.deferred(ctx, currency="IDR")) == before
    paid(books)
    renew(books)
    fresh = balance(books)
    assert fresh["1020"] > before[0][0].balance_minor
    with books.store.transaction() as session:
        kept = session.exec(select(LedgerMonth)).first()
        assert kept is not None
        kept.debit_minor += 7
        session.add(kept)
    assert balance_of(books, kept.account) != fresh[kept.account], "the kept sums are used"
    with books.acting(job_actor("test")) as ctx:
        ledger.post(
            replace(ctx, now=ctx.now - timedelta(days=20)), key="old", kind="test", day=JANUARY, memo="", postings=earned(5, "IDR"),
            organization_id=books.customer.organization.id,
        )  # fmt: skip
    assert balance(books) == fresh | {"2400": fresh["2400"] + 5, "4000": fresh["4000"] - 5}
    runner.run_once(books.container, "ledger")
    assert balance(books) == fresh | {"2400": fresh["2400"] + 5, "4000": fresh["4000"] - 5}


def test_reports_are_for_staff(books: Shop) -> None:
    for report in (reports.currencies, reports.months):
        with books.acting() as ctx, pytest.raises(NotPermitted):
            report(ctx)


def balance_of(shop: Shop, account: str) -> int:
    with shop.acting(shop.staff) as ctx:
        return next(one.balance_minor for one in ledger.trial_balance(ctx) if one.account == account)


def _entries(shop: Shop) -> list[tuple[date, str, int, str]]:
    query = select(LedgerEntry, LedgerPosting).join(LedgerPosting)  # type: ignore[arg-type]
    with shop.store.reading() as session:
        return [(entry.day, line.account, line.amount_minor, entry.kind) for entry, line in session.exec(query).all()]
