"""Runs of renewals in which something is in the way: a failing subscription, a failing gateway, a person who decides late."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import select

from app.gateways.payments import Charge, DummyGateway, Receipt
from app.jobs import renewals as job
from app.services import organizations, renewals, settings, suspension
from app.services.renewals import carry_out
from models.domain import renewals as rules
from models.domain.access import job_actor
from models.domain.organizations import Standing
from models.domain.subscriptions import SubscriptionState
from models.store import payments, subscriptions
from models.store import renewals as rows
from models.store.invoices import Invoice, InvoiceState
from models.store.renewals import Renewal
from tests.orders.conftest import Shop
from tests.orders.test_renewals import MONTH, balance, issued, paid, run

DAY = timedelta(days=1)


def subscribed(shop: Shop, number: int) -> list[str]:
    """Ids of subscriptions that began to cost just now."""
    found = []
    with shop.acting(job_actor("test")) as ctx:
        for _ in range(number):
            row = subscriptions.Subscription(
                organization_id=shop.customer.organization.id, state=SubscriptionState.ACTIVE, currency="IDR", created_at=ctx.now
            )
            ctx.session.add(row)
            ctx.session.flush()
            ctx.session.add(subscriptions.SubscriptionItem(subscription_id=row.id, price_minor=5000, since=ctx.now))
            found.append(row.id)
    return sorted(found)


def test_one_that_fails_stands_in_nobodys_way(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = subscribed(shop, 4)
    shop.clock.advance(2 * MONTH)

    def failing(*args: object, subscription_id: str, gateway: str) -> rules.Decision | None:
        if subscription_id == first:
            raise ValueError("this one is broken")
        return carry_out(*args, subscription_id=subscription_id, gateway=gateway)

    monkeypatch.setattr(renewals, "carry_out", failing)
    monkeypatch.setattr(job, "BATCH", 1)
    assert run(shop, error="broken")["failed"] == 1
    assert sorted(one.subscription_id for one in issued(shop)) == sorted(others * 3)


class Broken(DummyGateway):
    """Fails in a way that it does not know of, whenever it is asked for the invoice of one."""

    def __init__(self, of: str) -> None:
        self.of = of
        self.asked: list[str] = []

    def ask(self, charge: Charge) -> Receipt:
        self.asked.append(charge.key)
        if self.of in charge.key:
            raise ValueError("no number")
        return super().ask(charge)


def test_a_payment_that_fails_stands_in_nobodys_way(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    subscribed(shop, 3)
    monkeypatch.setattr("app.jobs.renewals._ask", lambda *_: None)
    run(shop)
    monkeypatch.undo()
    broken = Broken(issued(shop)[0].id)
    monkeypatch.setattr("app.gateways.payments.of", lambda _: broken)
    monkeypatch.setattr(job, "DummyGateway", lambda: broken)
    monkeypatch.setattr(job, "BATCH", 1)
    with shop.store.transaction() as session:
        for one in payments.to_ask(session, shop.clock.now()):
            one.gateway = "dummy"
            session.add(one)
    run(shop, error="no number")
    assert len(broken.asked) == 3


def test_who_forgives_is_charged_nothing_also_when_more_are_allowed_meanwhile(shop: Shop) -> None:
    (one,) = subscribed(shop, 1)
    shop.clock.advance(160 * DAY)
    assert run(shop)["parked"] == 1
    with shop.acting(shop.staff) as ctx:
        settings.put(ctx, key="catch_up_periods", value=12)
        assert [row.missed for row in renewals.parked(ctx)] == [6]
        renewals.release(ctx, subscription_id=one, charge=False)
    run(shop)
    assert issued(shop) == []


def test_what_a_person_allowed_once_is_not_allowed_for_good(shop: Shop) -> None:
    (one,) = subscribed(shop, 1)
    shop.clock.advance(160 * DAY)
    run(shop)
    with shop.acting(shop.staff) as ctx:
        renewals.release(ctx, subscription_id=one, charge=True)
    assert run(shop)["invoices"] == 6
    shop.clock.advance(160 * DAY)
    assert run(shop)["parked"] == 1


def test_money_of_an_order_gets_its_invoice_also_when_months_are_forgiven(shop: Shop) -> None:
    placed = paid(shop)
    shop.clock.advance(160 * DAY)
    run(shop)
    with shop.acting(shop.staff) as ctx:
        renewals.release(ctx, subscription_id=placed.subscription_id, charge=False)
    (one,) = issued(shop)
    assert (one.first, one.total_minor, one.state) == (date(2026, 11, 22), placed.price_minor, InvoiceState.PAID)
    assert balance(shop)["1020"] == placed.price_minor
    run(shop)
    assert len(issued(shop)) == 1


def test_who_comes_back_is_foreseen_from_the_day_of_the_return_on(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "BATCH", 1)
    back, *_ = subscribed(shop, 3)
    with shop.acting(job_actor("test")) as ctx:
        ctx.session.add(Renewal(subscription_id=back, anchor=date(2026, 8, 3), zone="Asia/Jakarta", next_index=0, next_at=None))
    with shop.acting(job_actor("test")) as ctx:
        told = job.preview(ctx, ctx.now)
    assert "3 invoices would be issued over 15000 IDR; 3 payments would be asked for" in told.summary
    assert len(told.planned) == 6
    assert run(shop)["invoices"] == 3
    assert {one.first for one in issued(shop)} == {date(2026, 11, 22)}
    with shop.store.reading() as session:
        row = rows.by_subscription(session, back)
        assert row is not None
        assert (row.anchor, row.next_index) == (date(2026, 11, 22), 1)


def test_days_of_issue_never_go_backwards_when_the_sellers_zone_changes(shop: Shop) -> None:
    subscribed(shop, 1)
    shop.clock.advance(timedelta(hours=8))  # the next day in Jakarta
    run(shop)
    with shop.acting(shop.staff) as ctx:
        settings.put(ctx, key="billing_zone", value="UTC")
    subscribed(shop, 1)
    run(shop)
    with shop.store.reading() as session:
        found = [(one.number, one.issued_on) for one in session.exec(select(Invoice).order_by(Invoice.number)).all()]
    assert found == [("INV-2026-000001", date(2026, 11, 23)), ("INV-2026-000002", date(2026, 11, 23))]


def test_an_old_subscription_is_issued_in_the_sellers_year(shop: Shop) -> None:
    shop.clock.advance(timedelta(days=8, hours=6))
    subscribed(shop, 1)  # on 1 December in Jakarta
    run(shop)
    with shop.acting(shop.staff) as ctx:
        settings.put(ctx, key="billing_zone", value="UTC")
    shop.clock.advance(datetime(2026, 12, 31, 20, tzinfo=UTC) - shop.clock.now())
    run(shop)
    assert [(one.number, one.first) for one in issued(shop)] == [
        ("INV-2026-000001", date(2026, 12, 1)),
        ("INV-2026-000002", date(2027, 1, 1)),
    ]


def test_a_suspended_app_is_charged_nothing_until_it_is_resumed(shop: Shop) -> None:
    placed = paid(shop)
    shop.work()
    run(shop)
    with shop.acting(shop.staff) as ctx:
        suspension.suspend(ctx, instance_id=placed.instance_id, reason="Unpaid")
    shop.work()
    shop.clock.advance(MONTH)
    assert run(shop)["skipped"] == 1
    with shop.acting(shop.staff) as ctx:
        suspension.resume(ctx, instance_id=placed.instance_id)
    shop.work()
    shop.clock.advance(MONTH)
    run(shop)
    assert [one.first for one in issued(shop)] == [date(2026, 11, 22), date(2027, 1, 22)]


def test_a_closed_organization_is_charged_nothing(shop: Shop) -> None:
    subscribed(shop, 1)
    with shop.acting(shop.staff) as ctx:
        organizations.set_standing(ctx, organization_id=shop.customer.organization.id, standing=Standing.CLOSED)
    assert run(shop)["skipped"] == 1
    assert issued(shop) == []
