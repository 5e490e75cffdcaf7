"""Laws of discounts and vouchers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain.discounts import Discount, Line, Voucher, discounted, redeemable
from models.domain.errors import Conflict, Invalid
from models.domain.money import Money

quick = settings(deadline=None, max_examples=60)
NOW = datetime(2026, 11, 29, tzinfo=UTC)


def idr(minor: int) -> Money:
    return Money(minor, "IDR")


lines = st.lists(st.builds(Line, st.integers(-(10**6), 10**9).map(idr), st.sampled_from(["n8n", "ghost"])), max_size=6)
plans = st.sampled_from([frozenset(), frozenset({"n8n"})])
percents = st.builds(
    Discount,
    st.just("p"),
    percent=st.fractions(Fraction(1, 1000), 1, max_denominator=1000),
    limit=st.none() | st.integers(1, 10**6).map(idr),
    plans=plans,
)
amounts = st.builds(Discount, st.just("a"), amount=st.integers(1, 10**9).map(idr), plans=plans)


@quick
@given(lines, st.lists(percents | amounts, max_size=4))
def test_what_is_taken_is_what_is_missing_and_no_line_goes_below_zero(given_, discounts):
    result = discounted(given_, discounts, "IDR")
    for at, (line, left) in enumerate(zip(given_, result.lines, strict=True)):
        assert line.amount - left == idr(sum(step.off[at].minor for step in result.steps))
        assert left == line.amount if line.amount.minor <= 0 else 0 <= left.minor <= line.amount.minor
    by_key = {"p": [one for one in discounts if one.key == "p"], "a": [one for one in discounts if one.key == "a"]}
    assert [step.key for step in result.steps] == ["p"] * len(by_key["p"]) + ["a"] * len(by_key["a"])
    for step, one in zip(result.steps, by_key["p"] + by_key["a"], strict=True):
        taken = sum(part.minor for part in step.off)
        assert one.limit is None or taken <= one.limit.minor
        assert one.amount is None or taken + step.unused.minor == one.amount.minor
        assert not one.plans or all(not part for part, line in zip(step.off, given_, strict=True) if line.plan not in one.plans)


def test_percentages_come_before_amounts_and_each_takes_of_what_is_left():
    ten, half, fixed = (
        Discount("10", percent=Fraction(1, 10)),
        Discount("50", percent=Fraction(1, 2)),
        Discount("f", amount=idr(10)),
    )
    assert discounted([Line(idr(100))], [fixed, ten], "IDR").lines == [idr(80)]
    assert discounted([Line(idr(100))], [fixed, ten, half], "IDR").lines == [idr(35)]
    assert discounted([Line(idr(1000))], [Discount("l", percent=Fraction(1, 2), limit=idr(30))], "IDR").lines == [idr(970)]
    assert discounted([Line(idr(4))], [fixed], "IDR").steps[0].unused == idr(6)


def test_a_discount_is_computed_once_and_then_split():
    """Three lines of 5 with 10 % off: 1.5 is rounded to 2, not three times a half to three."""
    assert discounted([Line(idr(5))] * 3, [Discount("p", percent=Fraction(1, 10))], "IDR").lines == [idr(4), idr(4), idr(5)]


def test_coupon_case():
    """Case 10 of the reference (Lago); its tax is in the laws of tax."""
    fees = [Line(Money(fee, "USD")) for fee in (10000, 5000, 3000, 2000)]
    result = discounted(fees, [Discount("coupon", amount=Money(1000, "USD"))], "USD")
    assert [one.minor for one in result.steps[0].off] == [500, 250, 150, 100]


def test_how_long_a_discount_lasts():
    assert [Discount("p", percent=Fraction(1), periods=2).lasts(used) for used in range(4)] == [True, True, False, False]
    assert Discount("p", percent=Fraction(1)).lasts(99)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"now": NOW - timedelta(seconds=1)}, "not hold yet"),
        ({"now": NOW + timedelta(days=1)}, "holds no longer"),
        ({"used": 5}, "used up"),
        ({"used_by_organization": 1}, "used already"),
        ({"order": idr(99)}, "larger order"),
    ],
)
def test_a_voucher_says_why_it_gives_nothing(facts, reason):
    voucher = Voucher(
        "HEMAT", Discount("p", percent=Fraction(1, 2)), since=NOW, until=NOW + timedelta(days=1), uses=5, least=idr(100)
    )
    good = {"now": NOW, "used": 4, "used_by_organization": 0, "order": idr(100)}
    assert redeemable(voucher, **good) is voucher.discount
    with pytest.raises(Conflict, match=reason):
        redeemable(voucher, **(good | facts))


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"percent": Fraction(1), "amount": idr(1)},
        {"percent": Fraction(0)},
        {"percent": Fraction(11, 10)},
        {"amount": idr(0)},
        {"amount": idr(1), "limit": idr(1)},
        {"percent": Fraction(1), "limit": idr(0)},
        {"percent": Fraction(1), "periods": 0},
    ],
)
def test_discounts_that_cannot_be(wrong):
    with pytest.raises(Invalid):
        Discount("x", **wrong)
