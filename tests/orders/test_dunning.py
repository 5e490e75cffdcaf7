"""Dunning: reminders once, charges again, one step a run however late, and the way back at any point; the preview is what the run does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from app.gateways.payments import Script
from app.jobs import dunning as job
from app.jobs import runner
from app.services import changesets, dunning, dunning_steps, invoices, suspension
from app.services.orders import OrderView
from models.domain.access import job_actor
from models.domain.app_backups import BackupReason, BackupState
from models.domain.dunning import Action, Decision
from models.domain.instances import State
from models.domain.subscriptions import SubscriptionState
from models.store import app_backups, instances, lifecycle, mail, payments, specifications, subscriptions
from models.store import dunning as rows
from models.store.invoices import InvoiceState
from models.store.payments import PaymentState
from tests.orders.conftest import Shop
from tests.orders.test_renewals import MONTH, balance, gateway, issued, paid, run

S = SubscriptionState
DAY = timedelta(days=1)
JOB = job_actor("dunning")


def dun(shop: Shop, *, error: str = "") -> dict[str, int]:
    outcome = runner.run_once(shop.container, "dunning")
    assert outcome is not None
    assert error in outcome.error
    assert bool(error) == bool(outcome.error)
    shop.clock.advance(timedelta(minutes=30))
    return outcome.counts


def state(shop: Shop, placed: OrderView) -> tuple[SubscriptionState, State]:
    with shop.store.reading() as session:
        money, app = subscriptions.by_id(session, placed.subscription_id), instances.by_id(session, placed.instance_id)
        assert money is not None
        assert app is not None
        return money.state, app.state


def edges(shop: Shop, placed: OrderView) -> list[str]:
    with shop.store.reading() as session:
        return [f"{one.after.value}: {one.reason}" for one in lifecycle.edges(session, placed.subscription_id)][1:]


def letters(shop: Shop, *kinds: str) -> list[str]:
    with shop.store.reading() as session:
        return sorted(row.kind for row in session.exec(select(mail.Mail)).all() if row.kind in kinds)


def attempts(shop: Shop, invoice_id: str) -> list[tuple[str, PaymentState]]:
    with shop.store.reading() as session:
        return [(row.key.rpartition(":")[2], row.state) for row in payments.of_invoice(session, invoice_id)]


def declined(shop: Shop, monkeypatch: pytest.MonkeyPatch, template: str) -> OrderView:
    """An app that runs, whose second month was declined: due until the end of 30 December in Jakarta."""
    placed = paid(shop, template)
    shop.work()
    run(shop)
    scripted = gateway(shop, *[Script.SOFT] * 9)
    monkeypatch.setattr("app.gateways.payments.of", lambda _: scripted)
    shop.clock.advance(MONTH)
    run(shop)
    run(shop)
    assert issued(shop)[1].state is InvoiceState.OPEN
    return placed


@pytest.fixture
def unpaid(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> OrderView:
    return declined(shop, monkeypatch, "container")


@pytest.fixture
def blog(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> OrderView:
    """One that keeps something that is saved."""
    return declined(shop, monkeypatch, "wordpress")


def until(shop: Shop, day: int) -> None:
    """To `day` days after the due moment, and an hour."""
    with shop.acting(JOB) as ctx:
        (known,) = [one for one in dunning.concerned(ctx, ctx.now) if one.invoice is not None]
        assert known.facts.due is not None
        shop.clock.advance(known.facts.due + day * DAY + timedelta(hours=1) - shop.clock.now())


def pay(shop: Shop) -> None:
    open_ = [one for one in issued(shop) if one.state is InvoiceState.OPEN]
    for one in open_:
        with shop.acting(shop.staff) as ctx:
            invoices.received(ctx, invoice_id=one.id)


def test_what_is_not_paid_goes_down_step_by_step_and_is_deleted_only_after_a_backup(shop: Shop, blog: OrderView) -> None:
    bill = issued(shop)[1]
    until(shop, -3)
    assert dun(shop) == {"reminded": 1}
    assert dun(shop) == {}
    assert letters(shop, "invoice_due") == ["invoice_due"]
    until(shop, 0)
    assert dun(shop) == {"reminded": 1, "moved": 1}
    assert state(shop, blog) == (S.PAST_DUE, State.READY)
    until(shop, 2)
    assert dun(shop) == {"reminded": 1, "charges": 1}
    run(shop)
    assert attempts(shop, bill.id) == [("1", PaymentState.FAILED), ("2", PaymentState.FAILED)]
    until(shop, 5)
    assert dun(shop) == {"reminded": 1, "charges": 1}
    run(shop)
    until(shop, 7)
    assert dun(shop) == {"moved": 1}
    shop.work(passes=25)
    assert state(shop, blog) == (S.SUSPENDED, State.SUSPENDED)
    until(shop, 14)
    assert dun(shop) == {"charges": 1}
    run(shop)
    assert attempts(shop, bill.id) == [(str(n), PaymentState.FAILED) for n in (1, 2, 3, 4)]
    until(shop, 21)
    assert dun(shop) == {"moved": 1}
    assert letters(shop, "subscription_ended") == ["subscription_ended"]
    shop.work(passes=40)
    assert state(shop, blog) == (S.EXPIRED, State.STOPPED)
    with shop.store.reading() as session:
        kept = app_backups.newest(session, blog.instance_id, BackupReason.EXPIRY)
        assert kept is not None
        assert kept.state is BackupState.DONE, kept.why
    until(shop, 40)
    assert dun(shop) == {}
    until(shop, 51)
    with shop.store.transaction() as session:
        lost = app_backups.newest(session, blog.instance_id, BackupReason.EXPIRY)
        assert lost is not None
        was, lost.state = lost.state, BackupState.FAILED
        session.add(lost)
    assert dun(shop) == {"left to a person": 1}
    with shop.store.transaction() as session:
        for one in app_backups.of_instance(session, blog.instance_id):
            one.state = was if one.id == lost.id else BackupState.FAILED
            session.add(one)
    assert dun(shop) == {"removed": 1}
    assert dun(shop) == {}
    shop.work(passes=60)
    assert state(shop, blog) == (S.EXPIRED, State.GONE)
    assert dun(shop) == {"moved": 1}
    assert state(shop, blog) == (S.CLEANED, State.GONE)
    assert dun(shop) == {}
    assert edges(shop, blog) == [
        "past_due: unpaid",
        "suspended: unpaid",
        "expired: unpaid",
        "cleaned: seen_gone",
    ]


@pytest.mark.parametrize("day", [0, 7, 21, 50])
def test_a_late_payment_at_any_point_brings_it_back_as_it_was(shop: Shop, unpaid: OrderView, day: int) -> None:
    with shop.store.reading() as session:
        before = specifications.newest(session, unpaid.instance_id)
        assert before is not None
    for one in (0, 7, 21, 50):
        if one <= day:
            until(shop, one)
            dun(shop)
            shop.work(passes=40)
    pay(shop)
    assert dun(shop) == {"moved": 1}
    shop.work(passes=100)
    assert state(shop, unpaid) == (S.ACTIVE, State.READY)
    assert edges(shop, unpaid)[-1] == "active: paid"
    with shop.store.reading() as session:
        now = specifications.newest(session, unpaid.instance_id)
        assert now is not None
        assert (now.running, now.plan_id, now.parameters) == (True, before.plan_id, before.parameters)
        items = subscriptions.items(session, unpaid.subscription_id)
        assert [one.price_minor for one in items if one.until is None] == [unpaid.price_minor]
    assert dun(shop) == {}
    shop.clock.advance(MONTH)
    run(shop)
    assert issued(shop)[-1].total_minor == unpaid.price_minor
    assert sum(balance(shop).values()) == 0


def test_months_late_it_goes_one_step_a_run_and_stays_its_time_in_each(shop: Shop, unpaid: OrderView) -> None:
    until(shop, 200)
    seen = []
    for _ in range(16):
        assert dun(shop).get("moved", 0) <= 1
        assert dun(shop).get("moved", 0) == 0, "a second run at once does nothing more"
        seen.append(state(shop, unpaid)[0])
        run(shop)
        shop.clock.advance(DAY)
    ways = [(one, seen.count(one)) for one in dict.fromkeys(seen)]
    assert ways == [(S.ACTIVE, 3), (S.PAST_DUE, 3), (S.SUSPENDED, 7), (S.EXPIRED, 3)], "the charges first, then its time in each"


def test_what_people_suspended_is_never_lifted(shop: Shop, unpaid: OrderView) -> None:
    until(shop, 0)
    dun(shop)
    with shop.acting(shop.staff) as ctx:
        suspension.suspend(ctx, instance_id=unpaid.instance_id, reason="Abuse is looked into.")
    shop.work(passes=25)
    for day in (7, 8, 9):
        until(shop, day)
        dun(shop)
        run(shop)
    assert state(shop, unpaid)[0] is S.SUSPENDED
    pay(shop)
    assert dun(shop) == {}
    shop.work(passes=25)
    assert state(shop, unpaid) == (S.SUSPENDED, State.SUSPENDED)
    with shop.acting(shop.staff) as ctx:
        suspension.resume(ctx, instance_id=unpaid.instance_id)
    assert dun(shop) == {"moved": 1}
    shop.work(passes=100)
    assert state(shop, unpaid) == (S.ACTIVE, State.READY)


def test_a_hard_decline_is_not_charged_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    paid(shop)
    run(shop)
    scripted = gateway(shop, Script.HARD)
    monkeypatch.setattr("app.gateways.payments.of", lambda _: scripted)
    shop.clock.advance(MONTH)
    run(shop)
    until(shop, 2)
    assert dun(shop) == {"reminded": 1, "moved": 1}
    assert len(attempts(shop, issued(shop)[1].id)) == 1


def test_the_preview_is_what_the_run_does(shop: Shop, unpaid: OrderView, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Decision] = []
    real = dunning_steps.carry_out

    def noted(*args: object, **kwargs: object) -> Decision | None:
        made = real(*args, **kwargs)
        done.extend([made] if made is not None else [])
        return made

    monkeypatch.setattr(dunning_steps, "carry_out", noted)
    for day in (-3, 0, 2, 5, 7, 21, 51):
        until(shop, day)
        with shop.acting(JOB) as ctx:
            foreseen = dunning.planned(ctx, ctx.now)
            told = job.preview(ctx, ctx.now)
        assert foreseen
        assert [one.action for one in told.planned] == [job.sentence(one) for one in foreseen]
        assert all("Kopi Kita" in one.action for one in told.planned)
        done.clear()
        dun(shop)
        assert done == [one.decision for one in foreseen]
        run(shop)
        shop.work(passes=40)
    bill = issued(shop)[1]
    assert any(f"{bill.total_minor} IDR of {bill.number}" in one.action for one in told.planned) or told.planned


def test_twice_at_once_each_decision_is_done_once(shop: Shop, unpaid: OrderView) -> None:
    until(shop, 2)
    with shop.acting(JOB) as ctx:
        found = dunning.planned(ctx, ctx.now)
        assert {one.decision.action for one in found} == {Action.REMIND, Action.CHARGE}
    for one in (*found, *found):
        with shop.acting(JOB) as ctx:
            dunning_steps.carry_out(ctx, subscription_id=one.subscription_id, key=one.decision.key)
    bill = issued(shop)[1]
    assert [number for number, _ in attempts(shop, bill.id)] == ["1", "2"]
    with shop.store.reading() as session:
        assert [one.day for one in rows.reminders(session, [bill.id])] == [1]
    with shop.acting(JOB) as ctx:
        assert not rows.remind(ctx.session, rows.DunningReminder(invoice_id=bill.id, day=1, at=ctx.now, told=0))
        assert changesets.list_(ctx, instance_id=unpaid.instance_id)
