"""Laws of a change of plan in the middle of a period."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain.errors import Conflict, Invalid
from models.domain.money import Money, zero
from models.domain.periods import Anchor, Cadence, Period, period
from models.domain.proration import GOOD_FOR, ChangeMode, Charged, confirmed, prorated, share, usual_mode

quick = settings(deadline=None, max_examples=60)
NOW = ChangeMode.INVOICE_NOW
periods = st.builds(
    period,
    st.builds(Anchor, st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.sampled_from(["UTC", "Europe/Berlin"])),
    st.integers(0, 14),
)
prices = st.integers(0, 10**9).map(lambda minor: Money(minor, "IDR"))
parts = st.floats(0, 1, exclude_max=True)


def paid(amount: Money, whole: Period, *, since: datetime | None = None) -> Charged:
    return Charged(amount, since or whole.start, whole.end, amount, zero(amount.currency))


def inside(whole: Period, part: float) -> datetime:
    return whole.start + timedelta(seconds=int(whole.seconds * part))


def month(year: int, number: int, day: int = 1) -> Period:
    return period(Anchor(date(year, number, day), "UTC"), 0)


def on(year: int, number: int, day: int) -> datetime:
    return datetime(year, number, day, tzinfo=UTC)


@quick
@given(periods, prices, prices, parts)
def test_both_sides_are_the_share_of_the_seconds_left_rounded_once(whole, old, new, part):
    at = inside(whole, part)
    left = Fraction(int((whole.end - at).total_seconds()), whole.seconds)
    told = prorated(paid(old, whole), new, whole, at, NOW)
    assert (told.credit, told.debit) == (old.times(left), new.times(left))
    assert told.net == told.debit - told.credit
    assert told.effective == told.at == at


@quick
@given(periods, prices, prices, parts)
def test_there_and_back_in_one_moment_costs_nothing(whole, old, new, part):
    at = inside(whole, part)
    there = prorated(paid(old, whole), new, whole, at, NOW)
    back = prorated(paid(there.debit, whole, since=at), old, whole, at, NOW)
    assert there.net + back.net == zero("IDR")


@quick
@given(periods, prices, prices)
def test_a_change_in_the_moment_of_renewal_belongs_to_the_new_period_and_costs_the_whole_difference(whole, old, new):
    with pytest.raises(Conflict, match="Renew the subscription first"):
        prorated(paid(old, whole), new, whole, whole.end, NOW)
    assert prorated(paid(old, whole), new, whole, whole.start, NOW).net == new - old


@quick
@given(periods, prices, parts, st.integers(0, 10**9), st.integers(0, 10**9))
def test_no_more_is_given_back_than_was_paid_and_is_not_given_back_yet(whole, old, part, settled, credited):
    line = replace(paid(old, whole), paid=Money(settled, "IDR"), credited=Money(credited, "IDR"))
    credit = prorated(line, zero("IDR"), whole, inside(whole, part), NOW).credit
    assert 0 <= credit.minor <= max(0, min(old.minor, settled) - credited)


@quick
@given(periods, prices, prices, parts)
def test_waiting_for_the_next_period_and_trials_cost_nothing(whole, old, new, part):
    at = inside(whole, part)
    later = prorated(paid(old, whole), new, whole, at, ChangeMode.NEXT_PERIOD)
    tried = prorated(paid(old, whole), new, whole, at, NOW, trial_until=at + timedelta(seconds=1))
    assert (later.credit, later.debit, later.effective) == (zero("IDR"), zero("IDR"), whole.end)
    assert (tried.credit, tried.debit, tried.effective) == (zero("IDR"), zero("IDR"), at)


def test_what_was_shown_is_what_is_charged_or_nothing_is():
    whole, line = month(2026, 4), paid(Money(100, "IDR"), month(2026, 4))
    shown = prorated(line, Money(200, "IDR"), whole, on(2026, 4, 16), NOW)
    assert confirmed(shown, line, whole, shown.at + GOOD_FOR - timedelta(seconds=1)) is shown
    for other, at in (
        (line, shown.at + GOOD_FOR),
        (line, shown.at - timedelta(seconds=1)),
        (replace(line, credited=Money(1, "IDR")), shown.at),
    ):
        with pytest.raises(Conflict, match="Look at it again"):
            confirmed(shown, other, whole, at)
    late = prorated(line, Money(200, "IDR"), whole, whole.end - timedelta(minutes=1), NOW)
    with pytest.raises(Conflict):
        confirmed(late, line, whole, whole.end)


def test_halfway_from_ten_to_twenty():
    """Case 3 (Stripe)."""
    told = prorated(paid(Money(1000, "USD"), month(2026, 4)), Money(2000, "USD"), month(2026, 4), on(2026, 4, 16), NOW)
    assert (told.credit.minor, told.debit.minor, told.net.minor) == (500, 1000, 500)


@pytest.mark.parametrize(
    ("begun", "at", "credit"), [(date(2025, 6, 1), on(2025, 8, 13), 80000), (date(2024, 2, 18), on(2024, 4, 19), 83333)]
)
def test_from_year_to_month_begins_a_new_cycle(begun, at, credit):
    """Case 4 (Polar)."""
    year = period(Anchor(begun, "UTC", Cadence.YEAR), 0)
    told = prorated(paid(Money(100000, "USD"), year), Money(10000, "USD"), year, at, ChangeMode.RESET, zone="UTC")
    assert (told.credit.minor, told.debit.minor) == (credit, 10000)
    assert told.anchor == Anchor(at.date(), "UTC")
    with pytest.raises(Invalid, match="billing zone"):
        prorated(paid(Money(100000, "USD"), year), Money(10000, "USD"), year, at, ChangeMode.RESET)


@pytest.mark.parametrize(
    ("start", "until", "end", "expected"),
    [
        (on(2023, 5, 23), on(2023, 6, 15), on(2023, 6, 23), "0.741935484"),
        (on(2023, 6, 23), on(2023, 7, 15), on(2023, 7, 23), "0.733333333"),
        (on(2023, 2, 23), on(2023, 3, 15), on(2023, 3, 23), "0.714285714"),
        (on(2024, 2, 23), on(2024, 3, 15), on(2024, 3, 23), "0.724137931"),
    ],
)
def test_shares_of_days(start, until, end, expected):
    """Case 5 (Kill Bill)."""
    assert f"{float(1 - share(start, end, since=until)):.9f}" == expected
    assert (share(start, end, since=start - timedelta(1)), share(start, end, since=end + timedelta(1))) == (1, 0)


def test_a_fixed_thirtieth():
    """Case 6 (Kill Bill); we have no months of thirty days, the rounding is the same."""
    price = Money(1995, "USD")
    assert [price.times(Fraction(days, 30)).minor for days in (8, 22, -8)] == [532, 1463, -532]


def test_the_cap_of_a_credit():
    """Case 7 (Kill Bill): 249.95 with 10 adjusted gives 239.95 back, not the 241.89 of its time; the rest costs 9.63."""
    whole = month(2012, 5)
    line = replace(paid(Money(24995, "USD"), whole), credited=Money(1000, "USD"))
    told = prorated(line, Money(995, "USD"), whole, on(2012, 5, 2), NOW)
    assert line.amount.times(share(whole.start, whole.end, since=on(2012, 5, 2))).minor == 24189
    assert (told.credit.minor, told.debit.minor, told.net.minor) == (23995, 963, -23032)


def test_anniversaries():
    """Cases 8 and 9 (Lago)."""
    old = period(Anchor(date(2023, 6, 29), "UTC"), 2)
    year = period(Anchor(date(2023, 6, 29), "UTC", Cadence.YEAR), 0)
    at = on(2023, 9, 28)
    told = prorated(paid(Money(1000, "EUR"), old), Money(12000, "EUR"), year, at, NOW)
    assert (told.credit.minor, told.debit.minor) == (32, 9016)
    assert Money(5000000, "EUR").times(share(on(2024, 3, 1), on(2024, 4, 1), since=on(2024, 3, 15))).minor == 2741935


def test_usual_modes():
    low, high = Money(1, "IDR"), Money(2, "IDR")
    assert usual_mode(low, high) is usual_mode(low, low) is ChangeMode.INVOICE_NOW
    assert usual_mode(high, low) is ChangeMode.NEXT_PERIOD
    assert usual_mode(high, low, same_cadence=False) is ChangeMode.RESET
