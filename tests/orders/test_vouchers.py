"""Vouchers: redeemed once and never more often than allowed, taken off before the tax, for as many months as they say."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest

from app.services import renewals, vouchers
from models.domain.errors import Conflict, Invalid, NotFound, NotPermitted
from models.domain.money import rounded
from models.store.invoices import InvoiceState
from models.store.subscriptions import Subscription
from tests.orders.conftest import Shop
from tests.orders.test_credits import at_once
from tests.orders.test_renewals import MONTH, issued, paid, run
from tests.stories import a_customer


def make(shop: Shop, code: str = "KOPI-10", **facts: object) -> None:
    with shop.acting(shop.staff) as ctx:
        vouchers.create(ctx, code=code, **({"percent_hundredths": 1000, "periods": 2} | facts))  # type: ignore[arg-type]


def redeem(shop: Shop, subscription_id: str, code: str = "kopi-10 ") -> None:
    with shop.acting() as ctx:
        vouchers.redeem(ctx, organization_id=shop.customer.organization.id, code=code, subscription_id=subscription_id)


def test_a_percentage_is_taken_off_before_the_tax_for_its_months(shop: Shop) -> None:
    placed = paid(shop)
    run(shop)
    make(shop)
    redeem(shop, placed.subscription_id)
    with shop.acting() as ctx:
        (coming,) = renewals.coming(ctx, organization_id=shop.customer.organization.id)
    assert coming.total_minor == 71_100
    for _ in range(3):
        shop.clock.advance(MONTH)
        run(shop)
    found = issued(shop)
    assert [one.total_minor for one in found] == [79_000, 71_100, 71_100, 79_000]
    assert all(one.state is InvoiceState.PAID for one in found)
    second = found[1]
    assert second.tax_minor == 71_100 - rounded(Fraction(71_100 * 100, 111)), "the tax is of what is left"
    with shop.acting() as ctx:
        assert vouchers.of_invoice(ctx, invoice_id=second.id) == (("KOPI-10", 7_900),)
        (one,) = vouchers.of_organization(ctx, organization_id=shop.customer.organization.id)
        assert one.taken == 2


def test_an_amount_takes_no_more_than_there_is(shop: Shop) -> None:
    placed = paid(shop)
    run(shop)
    make(shop, percent_hundredths=None, amount_minor=500_000, currency="IDR", periods=1)
    redeem(shop, placed.subscription_id)
    shop.clock.advance(MONTH)
    run(shop)
    second = issued(shop)[1]
    assert (second.total_minor, second.state) == (0, InvoiceState.PAID)


def test_months_that_were_missed_count_one_by_one(shop: Shop) -> None:
    placed = paid(shop)
    run(shop)
    make(shop)
    redeem(shop, placed.subscription_id)
    shop.clock.advance(timedelta(days=95))
    run(shop)
    assert [one.total_minor for one in issued(shop)] == [79_000, 71_100, 71_100, 79_000]


def test_two_at_once_cannot_overspend_it(shop: Shop) -> None:
    placed = paid(shop)
    make(shop, uses=1)
    with shop.store.transaction() as session:
        other = a_customer(session, "Warung Sari")
    with shop.acting(shop.staff) as ctx:
        theirs = Subscription(organization_id=other.organization.id, currency="IDR", created_at=ctx.now)
        ctx.session.add(theirs)
        ctx.session.flush()
        theirs_id = theirs.id
    found = at_once(
        shop,
        [
            lambda ctx: vouchers.redeem(
                ctx, organization_id=shop.customer.organization.id, code="KOPI-10", subscription_id=placed.subscription_id
            ),
            lambda ctx: vouchers.redeem(ctx, organization_id=other.organization.id, code="KOPI-10", subscription_id=theirs_id),
        ],
    )
    assert sorted(type(one).__name__ for one in found) == ["Conflict", "RedeemedView"]
    with shop.acting(shop.staff) as ctx:
        assert [one.used for one in vouchers.list_(ctx)] == [1]


def test_who_may_and_what_is_refused(shop: Shop) -> None:
    placed = paid(shop)
    make(shop)
    with pytest.raises(Conflict, match="already"):
        make(shop)
    for wrong in ({"code": "x"}, {"percent_hundredths": 0}, {"percent_hundredths": 20_000}, {"amount_minor": 5}, {"uses": 0}):
        with pytest.raises(Invalid):
            make(shop, **({"code": "OTHER"} | wrong))  # type: ignore[arg-type]
    redeem(shop, placed.subscription_id)
    with pytest.raises(Conflict, match="used already"):
        redeem(shop, placed.subscription_id)
    with pytest.raises(Conflict, match="no such voucher"):
        redeem(shop, placed.subscription_id, "NOTHING")
    make(shop, "OLD-1", until=shop.clock.now() + timedelta(days=1))
    shop.clock.advance(timedelta(days=1))
    with pytest.raises(Conflict, match="holds no longer"):
        redeem(shop, placed.subscription_id, "OLD-1")
    make(shop, "GONE")
    with shop.acting(shop.staff) as ctx:
        for _ in range(2):
            vouchers.withdraw(ctx, code="gone")
    with pytest.raises(Conflict, match="no such voucher"):
        redeem(shop, placed.subscription_id, "GONE")
    with shop.acting() as ctx:
        for refused in (lambda: vouchers.list_(ctx), lambda: vouchers.create(ctx, code="MINE", percent_hundredths=100)):
            with pytest.raises(NotPermitted):
                refused()
        with pytest.raises(NotFound):
            vouchers.redeem(ctx, organization_id=shop.customer.organization.id, code="KOPI-10", subscription_id="sub_none")
