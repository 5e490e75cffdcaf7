"""The demo's money is made by the services: whole, in order, balanced, and the same however often it is begun."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlmodel import select

from app import demo
from app.container import Container, world_file
from app.demo import money
from app.services import dunning, ledger, revenue
from collectors.sources.simulated import open_world
from models.domain.access import Actor, StaffRole, job_actor, staff_actor
from models.domain.clock import FrozenClock
from models.domain.mrr import MovementKind
from models.domain.subscriptions import SubscriptionState
from models.store import invoices
from models.store.invoices import Invoice, InvoiceState
from models.store.subscriptions import Subscription
from tests.demo.conftest import a_container
from tests.stories import NOW

STAFF: Actor = staff_actor("usr_staff", "Ada", StaffRole.OWNER)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """Killed in the middle of its money, and begun again."""
    container = a_container(tmp_path_factory.mktemp("money"), FrozenClock(NOW))
    whole, left = money._bill, iter(range(40))

    def bill(*given: object, **named: object) -> bool:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return whole(*given, **named)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(money, "_bill", bill)
        with pytest.raises(KeyboardInterrupt):
            demo.load(container, days=3, raw_days=0.1, money=True)
    demo.load(container, days=3, raw_days=0.1, money=True)
    yield container
    container.close()


def counts(container: Container) -> dict[str, int]:
    tables = ("invoice", "invoice_line", "payment", "ledger_entry", "ledger_posting", "document", "mail", "subscription_edge")
    with container.store.reading() as session:
        return {table: session.connection().execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for table in tables}


def test_every_month_of_a_year_is_there_once_and_in_order(made: Container) -> None:
    with made.store.reading() as session:
        rows = session.exec(select(Invoice).order_by(Invoice.year, Invoice.sequence)).all()
        by_subscription: dict[str, list[int]] = {}
        for row in rows:
            by_subscription.setdefault(row.subscription_id, []).append(row.period)
        gaps = [periods for periods in by_subscription.values() if periods != list(range(len(periods)))]
        assert len(gaps) == 1, "nobody but the one that left and came back skipped a month"
        assert gaps[0] == sorted(set(gaps[0]))
        for year in {row.year for row in rows}:
            assert [row.sequence for row in rows if row.year == year] == list(range(1, 1 + sum(row.year == year for row in rows)))
        assert [row.issued_on for row in rows] == sorted(row.issued_on for row in rows)
        assert rows[0].issued_on < (NOW - timedelta(days=390)).date()
        assert rows[-1].issued_on <= NOW.date()
        (open_,) = [row for row in rows if row.state is InvoiceState.OPEN]
        assert len(invoices.lines(session, [open_.id])[open_.id]) == 1
        states = {row.state for row in session.exec(select(Subscription)).all()}
    assert SubscriptionState.TRIAL in states
    assert SubscriptionState.EXPIRED not in states, "who left came back"


def test_it_is_begun_again_and_nothing_is_done_twice(made: Container) -> None:
    before = counts(made)
    assert before["invoice"] > 100
    demo.load(made, days=3, raw_days=0.1, money=True)
    world = open_world(world_file(made.settings), made.settings.demo_seed, made.clock).world
    money.write(made, world)
    assert counts(made) == before


def test_the_books_balance_and_revenue_moved(made: Container) -> None:
    with made.reading(STAFF, "page") as ctx:
        balances = ledger.trial_balance(ctx)
        assert sum(one.balance_minor for one in balances) == 0
        by_account = {one.account: one.balance_minor for one in balances}
        assert by_account["4000"] < 0, "months that ended were earned"
        assert by_account["1100"] > 0, "one invoice is open"
        told = revenue.revenue(ctx, currency="IDR")
    assert {one.kind for one in told.movements} == set(MovementKind)


def test_whoever_did_not_pay_is_in_dunning(made: Container) -> None:
    with made.reading(job_actor("test"), "job") as ctx:
        late = [known for known in dunning.concerned(ctx, ctx.now) if known.invoice is not None]
        assert [ctx.session.get_one(Invoice, one.invoice.id).state for one in late if one.invoice] == [InvoiceState.OPEN]
