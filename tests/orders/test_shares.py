"""A journey within and over months: upgrade, downgrade, credit that pays, an addition, and cancelling; each to the unit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.jobs import renewals as job
from app.jobs import runner
from app.services import components, credit_notes, operations, settings, shares, suspension, upkeep
from app.services.orders import OrderView
from app.services.shares import ShareView
from models.domain.access import job_actor
from models.domain.errors import Conflict
from models.store import subscriptions
from models.store.invoices import InvoiceState
from tests.orders.conftest import Shop
from tests.orders.test_credits import at_once, credit, give
from tests.orders.test_renewals import balance, gateway, issued, paid, run

BEGAN = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)
"""Midnight in Jakarta of the day on which the shop's customers buy."""
ENDS = datetime(2026, 12, 21, 17, 0, tzinfo=UTC)


def left(amount: int, at: datetime) -> int:
    return round_half_up(amount * int((ENDS - at).total_seconds()), int((ENDS - BEGAN).total_seconds()))


def round_half_up(top: int, bottom: int) -> int:
    return (2 * top + bottom) // (2 * bottom)


@pytest.fixture
def app(shop: Shop) -> OrderView:
    placed = paid(shop)
    shop.work()
    run(shop)
    return placed


def shown(shop: Shop, app: OrderView, plan: str) -> ShareView:
    with shop.acting() as ctx:
        seen = upkeep.of_app(ctx, instance_id=app.instance_id)
    assert seen is not None
    share = next(one.share for one in seen.choices if one.plan.name == plan)
    assert share is not None
    return share


def change(shop: Shop, app: OrderView, plan: str, share: ShareView | None = None) -> None:
    with shop.acting() as ctx:
        operations.change_plan(ctx, instance_id=app.instance_id, plan=plan, shown=share)


def test_an_upgrade_costs_to_the_unit_what_was_shown(shop: Shop, app: OrderView) -> None:
    shop.clock.advance(timedelta(days=10))
    share = shown(shop, app, "standard")
    assert (share.credit_minor, share.debit_minor) == (left(79_000, share.at), left(149_000, share.at))
    shop.clock.advance(timedelta(minutes=12, milliseconds=300))
    change(shop, app, "standard", share)
    old, new = issued(shop)
    assert (new.total_minor, new.credit_used_minor, new.open_minor) == (share.debit_minor, share.credit_minor, share.net_minor)
    assert [(one.what, one.first.day) for one in new.lines] == [("container, standard", 2)]
    assert new.after == old.after
    run(shop)
    assert next(iter(gateway(shop).charges().values()))[0] == share.net_minor
    assert issued(shop)[1].state is InvoiceState.PAID
    assert credit(shop) == 0
    assert set(balance(shop)) == {"1020", "2200", "2400"}
    shop.clock.advance(timedelta(days=25))
    run(shop)
    third = issued(shop)[2]
    assert (third.first, third.total_minor) == (old.after, 149_000), "from then on each month is charged whole"


def test_what_was_shown_too_long_ago_or_otherwise_is_not_charged(shop: Shop, app: OrderView) -> None:
    shop.clock.advance(timedelta(days=10))
    share = shown(shop, app, "standard")
    wrong = ShareView(share.at, share.effective, share.currency, share.credit_minor + 1, share.debit_minor)
    with pytest.raises(Conflict, match="Look at it again"):
        change(shop, app, "standard", wrong)
    give(shop, amounts={1: 70_000})
    with pytest.raises(Conflict, match="Look at it again"):
        change(shop, app, "standard", share)
    fresh = shown(shop, app, "standard")
    assert fresh.credit_minor == 9_000, "no more than was charged and not yet given back"
    shop.clock.advance(timedelta(minutes=31))
    with pytest.raises(Conflict, match="Look at it again"):
        change(shop, app, "standard", fresh)
    assert len(issued(shop)) == 1


def test_a_downgrade_holds_from_the_next_period_on_or_gives_credit_that_pays(shop: Shop, app: OrderView) -> None:
    shop.clock.advance(timedelta(days=5))
    change(shop, app, "pro", shown(shop, app, "pro"))
    shop.work()
    run(shop)
    shop.clock.advance(timedelta(days=5))
    later = shown(shop, app, "standard")
    assert (later.credit_minor, later.debit_minor) == (0, 0)
    with shop.acting(shop.staff) as ctx:
        settings.put(ctx, key="downgrade_charge", value="invoice_now")
    share = shown(shop, app, "standard")
    assert share.net_minor < 0
    change(shop, app, "standard", share)
    assert issued(shop)[-1].state is InvoiceState.PAID, "what is given back of the dearer one pays for it"
    assert credit(shop) == -share.net_minor
    shop.clock.advance(timedelta(days=25))
    with shop.acting(job_actor("test")) as ctx:
        told = job.preview(ctx, ctx.now)
    used = min(-share.net_minor, 149_000)
    assert any(f"take {used} IDR" in one.action for one in told.planned)
    run(shop)
    last = issued(shop)[-1]
    assert (last.total_minor, last.credit_used_minor, last.state) == (149_000, used, InvoiceState.PAID)
    assert credit(shop) == -share.net_minor - used


def test_what_is_cancelled_gives_its_unused_rest_back_once(shop: Shop, app: OrderView) -> None:
    shop.clock.advance(timedelta(days=8))
    share = shown(shop, app, "standard")
    change(shop, app, "standard", share)
    shop.work()
    run(shop)
    shop.clock.advance(timedelta(days=4))
    for _ in range(2):
        with shop.acting(job_actor("test")) as ctx:
            at = ctx.now
            made = shares.credit_unused(ctx, subscription_id=app.subscription_id, at=at, key="cancel-1")
        assert len(made) == 1, "the old plan's line was settled when the plan changed"
    whole, part = int((ENDS - share.at).total_seconds()), int((ENDS - at.replace(microsecond=0)).total_seconds())
    assert abs(credit(shop) - round_half_up(share.debit_minor * part, whole)) <= 1
    with shop.acting(job_actor("test")) as ctx:
        assert shares.credit_unused(ctx, subscription_id=app.subscription_id, at=ENDS + timedelta(days=40), key="late") == ()


def test_what_is_added_within_a_month_is_charged_for_its_rest(shop: Shop, app: OrderView) -> None:
    shop.clock.advance(timedelta(days=15))
    with shop.acting() as ctx:
        components.add(ctx, instance_id=app.instance_id, component="valkey")
        price = subscriptions.items(ctx.session, app.subscription_id)[-1].price_minor
        at = ctx.now
    added = issued(shop)[-1]
    assert added.total_minor == left(price, at)
    assert added.lines[0].what == "container, valkey"
    run(shop)
    assert issued(shop)[-1].state is InvoiceState.PAID


def test_two_changes_at_once_are_one(shop: Shop, app: OrderView) -> None:
    shop.clock.advance(timedelta(days=10))
    share = shown(shop, app, "standard")

    def call(ctx: object) -> object:
        return operations.change_plan(ctx, instance_id=app.instance_id, plan="standard", shown=share)  # type: ignore[arg-type]

    found = at_once(shop, [call, call])
    assert sorted(type(one).__name__ for one in found) == ["ChangeSetView", "Conflict"]
    assert len(issued(shop)) == 2
    with shop.acting() as ctx:
        assert [one.until is None for one in subscriptions.items(ctx.session, app.subscription_id)] == [False, True]


def test_what_was_given_back_is_not_earned_as_well(shop: Shop, app: OrderView) -> None:
    shop.clock.advance(timedelta(days=12))
    with shop.acting(job_actor("test")) as ctx:
        (made,) = shares.credit_unused(ctx, subscription_id=app.subscription_id, at=ctx.now, key="cancel-1")
        note = credit_notes.get(ctx, credit_note_id=made)
    assert note.lines[0].deferred_minor == note.net_minor
    with shop.acting() as ctx:
        operations.remove(ctx, instance_id=app.instance_id, typed_name="container")
    shop.clock.advance(timedelta(days=70))
    outcome = runner.run_once(shop.container, "recognition")
    assert outcome is not None
    assert not outcome.error
    (line,) = issued(shop)[0].lines
    assert balance(shop)["4000"] == note.net_minor - line.net_minor
    assert "2400" not in balance(shop), "nothing is owed as service any more"


@pytest.mark.parametrize("gives", [True, False])
def test_the_time_of_a_suspension_is_given_back(shop: Shop, app: OrderView, gives: bool) -> None:
    with shop.acting(shop.staff) as ctx:
        settings.put(ctx, key="credit_suspension", value=gives)
    shop.clock.advance(timedelta(days=10))
    with shop.acting(shop.staff) as ctx:
        suspension.suspend(ctx, instance_id=app.instance_id, reason="Sends mail that nobody asked for")
        since = ctx.now.replace(microsecond=0)
    shop.work()
    shop.clock.advance(timedelta(days=3))
    with shop.acting(shop.staff) as ctx:
        suspension.resume(ctx, instance_id=app.instance_id)
        until = ctx.now.replace(microsecond=0)
    whole = int((ENDS - BEGAN).total_seconds())
    expected = round_half_up(79_000 * int((until - since).total_seconds()), whole)
    assert abs(credit(shop) - (expected if gives else 0)) <= (1 if gives else 0)
