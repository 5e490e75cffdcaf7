"""Cancelled now or at the end of what was paid, taken back before, and held: what happens when, to the app and to the bill."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.services import cancellations, credits, holds, standings
from models.domain.access import Actor, ActorKind, MemberRole
from models.domain.errors import Conflict, Invalid, NotFound, NotPermitted
from models.domain.instances import State
from models.domain.subscriptions import CancelWhen, SubscriptionState
from models.store import payments
from tests.orders.conftest import Shop
from tests.orders.test_dunning import blog, dun, edges, state, unpaid, until
from tests.orders.test_renewals import MONTH, issued, paid, run
from tests.stories import a_member, a_stranger

__all__ = ["blog", "unpaid"]
S = SubscriptionState
DAY = timedelta(days=1)


def test_at_the_end_of_what_was_paid_it_stops_and_nothing_more_is_charged(shop: Shop) -> None:
    placed = paid(shop)
    shop.work()
    run(shop)
    with shop.acting() as ctx:
        found = cancellations.cancel(ctx, subscription_id=placed.subscription_id, when=CancelWhen.AT_PERIOD_END)
        assert found.cancel_at == found.period_end
        assert (found.state, f"{found.cancel_at:%Y-%m-%d %H}") == (S.ACTIVE, "2026-12-21 17")
        assert found.kept_until == found.cancel_at + 30 * DAY
    shop.clock.advance(MONTH)
    run(shop)
    assert dun(shop) == {"moved": 1}
    run(shop)
    shop.work(passes=25)
    assert state(shop, placed) == (S.EXPIRED, State.STOPPED)
    assert len(issued(shop)) == 1
    shop.clock.advance(2 * MONTH)
    run(shop)
    assert len(issued(shop)) == 1
    with shop.acting() as ctx, pytest.raises(Conflict, match="nothing to take back"):
        cancellations.keep(ctx, subscription_id=placed.subscription_id)
    assert dun(shop) == {"removed": 1}
    shop.work(passes=60)
    assert dun(shop) == {"moved": 1}
    assert edges(shop, placed) == ["expired: cancelled", "cleaned: seen_gone"]


def test_taken_back_before_it_goes_on(shop: Shop) -> None:
    placed = paid(shop)
    run(shop)
    with shop.acting() as ctx:
        cancellations.cancel(ctx, subscription_id=placed.subscription_id, when=CancelWhen.AT_PERIOD_END)
        assert cancellations.keep(ctx, subscription_id=placed.subscription_id).cancel_at is None
    shop.clock.advance(MONTH)
    run(shop)
    assert dun(shop) == {}
    assert len(issued(shop)) == 2


def test_now_it_stops_at_once(shop: Shop) -> None:
    placed = paid(shop)
    shop.work()
    run(shop)
    shop.clock.advance(15 * DAY)
    with shop.acting() as ctx:
        found = cancellations.cancel(ctx, subscription_id=placed.subscription_id, when=CancelWhen.NOW)
        assert (found.state, found.ended_at) == (S.EXPIRED, ctx.now)
        (rest,) = credits.of_organization(ctx, organization_id=placed.organization_id)
        assert placed.price_minor * 14 // 30 < rest.credit_minor < placed.price_minor * 16 // 30, "the unused half comes back"
        with pytest.raises(Conflict, match="over already"):
            cancellations.cancel(ctx, subscription_id=placed.subscription_id, when=CancelWhen.NOW)
    shop.work(passes=25)
    assert state(shop, placed) == (S.EXPIRED, State.STOPPED)
    with shop.acting() as ctx:
        told = standings.timeline(ctx, subscription_id=placed.subscription_id)
        assert [(one.what, one.after) for one in told if one.what == "edge"] == [("edge", "expired"), ("edge", "active")]


def test_who_may(shop: Shop) -> None:
    placed = paid(shop)
    with shop.store.transaction() as session:
        stranger = a_stranger(session)
        developer = a_member(session, shop.customer, MemberRole.DEVELOPER)
    mine = shop.customer.actor
    token = Actor(mine.id, ActorKind.TOKEN, "ci", frozenset(), mine.within)
    for actor, refused in ((developer, NotPermitted), (token, NotPermitted), (stranger, NotFound)):
        with shop.acting(actor) as ctx, pytest.raises(refused):
            cancellations.cancel(ctx, subscription_id=placed.subscription_id, when=CancelWhen.NOW)
        with shop.acting(actor) as ctx, pytest.raises(refused):
            cancellations.keep(ctx, subscription_id=placed.subscription_id)
    for actor in (mine, developer):
        with shop.acting(actor) as ctx, pytest.raises(NotPermitted):
            holds.put(ctx, organization_id=placed.organization_id, until=ctx.now + DAY, reason="promised")
        with shop.acting(actor) as ctx, pytest.raises(NotPermitted):
            standings.board(ctx)


def test_a_hold_leaves_in_peace_until_its_end_or_until_it_is_lifted(shop: Shop, unpaid: object) -> None:
    until(shop, -3)
    (bill,) = [one for one in issued(shop) if one.open_minor]
    with shop.acting(shop.staff) as ctx:
        for end, why in ((ctx.now, "promised"), (ctx.now + 400 * DAY, "promised"), (ctx.now + DAY, " ")):
            with pytest.raises(Invalid):
                holds.put(ctx, organization_id=bill.organization_id, until=end, reason=why)
        holds.put(ctx, organization_id=bill.organization_id, until=ctx.now + 9 * DAY, reason="Promised to pay on the 6th")
        (row,) = standings.board(ctx)
        assert (row.state, row.next, row.open_minor) == (S.ACTIVE, "charge", bill.total_minor) or row.next == "move"
        assert row.next_at is not None
        assert row.hold_until == ctx.now + 9 * DAY
        assert row.next_at >= row.hold_until
    until(shop, 2)
    assert dun(shop) == {}
    with shop.acting(shop.staff) as ctx:
        holds.lift(ctx, organization_id=bill.organization_id)
        with pytest.raises(Conflict, match="no hold"):
            holds.lift(ctx, organization_id=bill.organization_id)
        assert [one.lifted_at is None for one in holds.of_organization(ctx, organization_id=bill.organization_id)] == [False]
    assert dun(shop) == {"reminded": 1, "charges": 1}
    with shop.acting(shop.staff) as ctx:
        (row,) = standings.board(ctx)
        assert (row.invoice, row.hold_until) == (bill.number, None)
        found = {one.what for one in standings.timeline(ctx, subscription_id=row.subscription_id)}
        assert found == {"edge", "invoice", "payment", "reminder"}
        assert len(payments.of_invoice(ctx.session, bill.id)) == 2
