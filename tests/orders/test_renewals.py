"""Renewals: every period once and in its order, with its lines, its entry and its payment; previews say what runs do."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlmodel import select

from app.gateways.payments import DummyGateway, Script, SimulatedGateway
from app.jobs import renewals as job
from app.jobs import runner
from app.services import decisions, invoices, ledger, operations, renewals
from app.services.orders import OrderView
from models.domain.access import MemberRole, job_actor
from models.domain.errors import Conflict, NotFound, NotPermitted
from models.domain.renewals import Charge, Decision, Park
from models.domain.tax import TaxCategory
from models.store import payments, subscriptions
from models.store import renewals as rows
from models.store.invoices import Invoice, InvoiceState
from models.store.payments import PaymentState
from models.store.renewals import Renewal
from tests.orders.conftest import Shop
from tests.stories import a_member, a_stranger

MONTH = timedelta(days=31)


def paid(shop: Shop, template: str = "container", plan: str = "starter") -> OrderView:
    placed = shop.order(template, plan)
    with shop.acting(shop.staff) as ctx:
        return decisions.received(ctx, order_id=placed.id)


def run(shop: Shop, *, error: str = "") -> dict[str, int]:
    outcome = runner.run_once(shop.container, "renewals")
    assert outcome is not None
    assert error in outcome.error
    assert bool(error) == bool(outcome.error)
    shop.clock.advance(timedelta(minutes=10))
    return outcome.counts


def issued(shop: Shop) -> list[invoices.InvoiceView]:
    with shop.acting(shop.staff) as ctx:
        return sorted(invoices.list_(ctx).items, key=lambda one: one.number)


def balance(shop: Shop) -> dict[str, int]:
    with shop.acting(shop.staff) as ctx:
        found = ledger.trial_balance(ctx)
    assert sum(one.balance_minor for one in found) == 0
    return {one.account: one.balance_minor for one in found if one.balance_minor}


def gateway(shop: Shop, *script: Script) -> SimulatedGateway:
    return SimulatedGateway(shop.container.settings.data / "world-payments.sqlite", script)


def test_the_money_of_an_order_pays_its_first_invoice_and_the_next_month_is_asked_for(shop: Shop) -> None:
    placed = paid(shop)
    price = placed.price_minor
    run(shop)
    (first,) = issued(shop)
    tax = price - round(price * 100 / 111)
    assert (first.number, first.total_minor, first.tax_minor, first.state) == ("INV-2026-000001", price, tax, InvoiceState.PAID)
    assert (first.first, first.after) == (date(2026, 11, 22), date(2026, 12, 22))
    assert [(one.what, one.net_minor + one.tax_minor) for one in first.lines] == [("container, starter", price)]
    assert first.tax_category is TaxCategory.STANDARD
    assert balance(shop) == {"1020": price, "2400": tax - price, "2200": -tax}
    for _ in range(2):
        run(shop)
    assert len(issued(shop)) == 1
    shop.clock.advance(MONTH)
    run(shop)
    _, second = issued(shop)
    assert (second.number, second.first, second.after) == ("INV-2026-000002", date(2026, 12, 22), date(2027, 1, 22))
    assert second.due_on == date(2026, 12, 30)
    assert second.state is InvoiceState.PAID
    assert gateway(shop).charges() == {f"invoice:{second.id}:1": (price, "IDR", Script.OK)}
    assert balance(shop) == {"1020": 2 * price, "2400": 2 * (tax - price), "2200": -2 * tax}


def test_a_trial_gets_an_invoice_of_nothing_by_the_same_path_and_no_entry(shop: Shop) -> None:
    shop.order("wordpress", "trial")
    shop.work(passes=1)
    run(shop)
    (one,) = issued(shop)
    assert (one.total_minor, one.state, one.number) == (0, InvoiceState.PAID, "INV-2026-000001")
    with shop.store.reading() as session:
        kept = [(row.amount_minor, row.gateway, row.state) for row in session.exec(select(payments.Payment)).all()]
    assert kept == [(0, "dummy", PaymentState.PAID)]
    assert balance(shop) == {}
    assert gateway(shop).charges() == {}
    shop.clock.advance(3 * MONTH)
    run(shop)
    assert len(issued(shop)) == 1, "a trial ends by itself, and nothing is charged after it"


def test_months_late_each_period_is_emitted_in_its_order(shop: Shop) -> None:
    placed = paid(shop)
    shop.clock.advance(timedelta(days=70))
    assert run(shop)["invoices"] == 3
    found = issued(shop)
    assert [one.first for one in found] == [date(2026, 11, 22), date(2026, 12, 22), date(2027, 1, 22)]
    assert [one.number for one in found] == ["INV-2027-000001", "INV-2027-000002", "INV-2027-000003"]
    assert {one.due_on for one in found} == {date(2027, 2, 7)}
    assert balance(shop)["1020"] == 3 * placed.price_minor


@pytest.mark.parametrize(("charge", "count"), [(True, 6), (False, 2)])
def test_too_many_at_once_wait_for_a_person(shop: Shop, charge: bool, count: int) -> None:
    placed = paid(shop)
    shop.clock.advance(timedelta(days=160))
    assert run(shop)["parked"] == 1
    assert issued(shop) == []
    assert run(shop) == {}
    with shop.acting(shop.staff) as ctx:
        (one,) = renewals.parked(ctx)
        assert (one.subscription_id, one.missed, one.organization) == (placed.subscription_id, 6, "Kopi Kita")
    with shop.acting() as ctx, pytest.raises(NotPermitted):
        renewals.release(ctx, subscription_id=placed.subscription_id, charge=charge)
    with shop.acting(shop.staff) as ctx:
        renewals.release(ctx, subscription_id=placed.subscription_id, charge=charge)
        with pytest.raises(Conflict, match="does not wait"):
            renewals.release(ctx, subscription_id=placed.subscription_id, charge=charge)
    if not charge:
        shop.clock.advance(MONTH)
    run(shop)
    assert len(issued(shop)) == count


def test_the_preview_is_what_the_run_does(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    paid(shop)
    shop.order("wordpress", "trial")
    shop.work(passes=1)
    other = paid(shop, "n8n")
    shop.work(passes=12)
    run(shop)
    with shop.acting() as ctx:
        operations.remove(ctx, instance_id=other.instance_id, typed_name="n8n")
    paid(shop, "ghost")
    shop.clock.advance(timedelta(days=65))
    with shop.acting(job_actor("test")) as ctx:
        foreseen = renewals.planned(ctx, ctx.now)
        told = job.preview(ctx, ctx.now)
        sentences = [job.sentence(ctx, one) for one in foreseen]
    assert [one.action for one in told.planned][: len(sentences)] == sentences
    known = set(gateway(shop).charges())
    assert any("charge Kopi Kita" in one and "container, starter" in one for one in sentences)
    done: list[Decision] = []
    real = renewals.carry_out

    def noted(*args: object, **kwargs: object) -> Decision | None:
        made = real(*args, **kwargs)
        done.extend([made] if made is not None else [])
        return made

    monkeypatch.setattr(renewals, "carry_out", noted)
    before = len(issued(shop))
    run(shop)
    by_subscription = sorted(done, key=lambda one: [row.subscription_id for row in foreseen].index(one.subscription_id))
    assert by_subscription == list(foreseen)
    asked = set(gateway(shop).charges()) - known
    assert len(asked) == len(told.planned) - len(sentences) > 0
    assert f"{len(asked)} payments would be asked for" in told.summary
    charges = [one for one in foreseen if isinstance(one, Charge)]
    assert len(charges) >= 5
    written = issued(shop)[before:]
    assert sorted((one.subscription_id, one.first, one.total_minor, one.due_on) for one in written) == sorted(
        (one.subscription_id, one.period.first, one.total, one.due_on) for one in charges
    )


def test_a_gateway_that_is_silent_declines_or_knows_the_key_charges_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    paid(shop)
    run(shop)
    scripted = gateway(shop, Script.TIMEOUT)
    monkeypatch.setattr("app.gateways.payments.of", lambda _: scripted)
    shop.clock.advance(MONTH)
    run(shop, error="did not answer in time")
    assert issued(shop)[1].state is InvoiceState.OPEN
    assert balance(shop)["1100"] == issued(shop)[1].total_minor
    run(shop)
    assert issued(shop)[1].state is InvoiceState.PAID
    assert len(scripted.charges()) == 1
    assert "1100" not in balance(shop)


@pytest.mark.parametrize("script", [Script.SOFT, Script.HARD])
def test_a_declined_charge_leaves_the_invoice_open_and_says_why(
    shop: Shop, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid(shop)
    run(shop)
    scripted = gateway(shop, script)
    monkeypatch.setattr("app.gateways.payments.of", lambda _: scripted)
    shop.clock.advance(MONTH)
    run(shop)
    run(shop)
    assert issued(shop)[1].state is InvoiceState.OPEN
    with shop.store.reading() as session:
        (row,) = payments.of_invoice(session, issued(shop)[1].id)
    assert (row.state, row.decline) == (PaymentState.FAILED, script.value)
    with shop.acting(shop.staff) as ctx:
        assert invoices.received(ctx, invoice_id=row.invoice_id).state is InvoiceState.PAID
    assert "1100" not in balance(shop)
    assert "2300" not in balance(shop)


def test_staff_say_that_money_came_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    paid(shop)
    run(shop)
    scripted = gateway(shop, Script.PENDING)
    monkeypatch.setattr("app.gateways.payments.of", lambda _: scripted)
    shop.clock.advance(MONTH)
    run(shop)
    open_ = issued(shop)[1]
    assert open_.open_minor == open_.total_minor
    with shop.acting() as ctx, pytest.raises(NotPermitted):
        invoices.received(ctx, invoice_id=open_.id)
    with shop.acting(shop.staff) as ctx:
        assert invoices.received(ctx, invoice_id=open_.id).open_minor == 0
        with pytest.raises(Conflict, match="does not wait for money"):
            invoices.received(ctx, invoice_id=open_.id)
    assert "1100" not in balance(shop)


def test_what_the_gateway_took_beside_money_by_hand_is_the_customers_credit(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    paid(shop)
    run(shop)
    scripted = gateway(shop, Script.TIMEOUT)
    monkeypatch.setattr("app.gateways.payments.of", lambda _: scripted)
    shop.clock.advance(MONTH)
    run(shop, error="did not answer in time")
    open_ = issued(shop)[1]
    with shop.acting(shop.staff) as ctx:
        invoices.received(ctx, invoice_id=open_.id)
    run(shop)
    with shop.store.reading() as session:
        found = {row.key: (row.gateway, row.state) for row in payments.of_invoice(session, open_.id)}
    assert found == {
        f"invoice:{open_.id}:1": ("simulated", PaymentState.PAID),
        f"invoice:{open_.id}:hand": ("manual", PaymentState.PAID),
    }
    assert balance(shop)["2300"] == -open_.total_minor
    assert "1100" not in balance(shop)
    assert scripted.charges()[f"invoice:{open_.id}:1"][0] == open_.total_minor


def test_what_waits_for_a_transfer_is_not_asked_for_after_it_came(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    paid(shop)
    run(shop)
    monkeypatch.setattr("app.gateways.payments.of", lambda _: DummyGateway())
    shop.clock.advance(MONTH)
    run(shop)
    open_ = issued(shop)[1]
    with shop.acting(shop.staff) as ctx:
        invoices.received(ctx, invoice_id=open_.id)
        assert invoices.to_ask(ctx, at=ctx.now + MONTH, limit=9) == ()


def test_money_that_came_in_part_leaves_the_rest_open(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    placed = paid(shop)
    monkeypatch.setattr("app.gateways.payments.of", lambda _: gateway(shop, Script.PENDING))
    with shop.store.transaction() as session:
        (row,) = payments.unassigned(session, placed.subscription_id)
        row.amount_minor -= 1000
        session.add(row)
    run(shop)
    (one,) = issued(shop)
    assert (one.state, one.open_minor) == (InvoiceState.OPEN, 1000)
    with shop.acting(shop.staff) as ctx:
        assert invoices.received(ctx, invoice_id=one.id).open_minor == 0
    assert balance(shop)["1020"] == placed.price_minor


def test_an_app_that_is_deleted_is_charged_no_further(shop: Shop) -> None:
    placed = paid(shop)
    shop.work()
    run(shop)
    with shop.acting() as ctx:
        operations.remove(ctx, instance_id=placed.instance_id, typed_name="container")
    shop.clock.advance(3 * MONTH)
    run(shop)
    assert len(issued(shop)) == 1
    with shop.store.reading() as session:
        row = rows.by_subscription(session, placed.subscription_id)
        assert row is not None
        assert row.next_at is None


def test_a_deletion_that_the_late_job_did_not_see_is_charged_until_it_happened(shop: Shop) -> None:
    placed = paid(shop)
    shop.work()
    shop.clock.advance(timedelta(days=40))
    with shop.acting() as ctx:
        operations.remove(ctx, instance_id=placed.instance_id, typed_name="container")
    shop.clock.advance(3 * MONTH)
    run(shop)
    assert [one.first for one in issued(shop)] == [date(2026, 11, 22), date(2026, 12, 22)]


def test_strangers_and_members_without_the_right_see_nothing(shop: Shop) -> None:
    paid(shop)
    run(shop)
    (one,) = issued(shop)
    with shop.store.transaction() as session:
        stranger = a_stranger(session)
        developer = a_member(session, shop.customer, MemberRole.DEVELOPER)
    with shop.acting(developer) as ctx:
        assert invoices.list_(ctx).items == ()
        with pytest.raises(NotPermitted):
            invoices.get(ctx, invoice_id=one.id)
    with shop.acting(stranger) as ctx:
        assert invoices.list_(ctx).items == ()
        for call in (
            lambda: invoices.get(ctx, invoice_id=one.id),
            lambda: invoices.list_(ctx, organization_id=one.organization_id),
            lambda: renewals.coming(ctx, organization_id=one.organization_id),
        ):
            with pytest.raises(NotFound):
                call()
        for refused in (lambda: ledger.entries(ctx), lambda: ledger.trial_balance(ctx), lambda: renewals.parked(ctx)):
            with pytest.raises(NotPermitted):
                refused()
    with shop.acting() as ctx:
        assert invoices.list_(ctx).items == (one,)
        (coming,) = renewals.coming(ctx, organization_id=one.organization_id)
        assert (coming.first, coming.total_minor) == (one.after, one.total_minor)


def test_another_process_at_the_same_period_writes_nothing(shop: Shop) -> None:
    placed = paid(shop)
    with shop.acting(job_actor("test")) as ctx:
        renewals.begin(ctx, limit=10)
    with shop.acting(job_actor("test")) as ctx:
        assert not rows.add(ctx.session, Renewal(subscription_id=placed.subscription_id, anchor=date(2026, 11, 22), zone="UTC"))
        row = rows.by_subscription(ctx.session, placed.subscription_id)
        assert row is not None
        known = renewals.facts(ctx, row)
        assert rows.advance(ctx.session, placed.subscription_id, 0, next_at=ctx.now)
        assert not rows.advance(ctx.session, placed.subscription_id, 0, next_at=ctx.now)
        assert known.next_index == 0
        assert not isinstance(known, Park)
        assert subscriptions.by_id(ctx.session, placed.subscription_id) is not None
        assert ctx.session.exec(select(Invoice)).all() == []
