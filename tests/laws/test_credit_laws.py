"""Laws of credits: what is given back is never more than what was charged, and many small credits end where one large one does."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain.credits import Line, noted, part, refunded, used, written_off
from models.domain.errors import Conflict, Invalid
from models.domain.ledger import CREDIT, DEFERRED, RECEIVABLES
from models.domain.money import Money
from models.domain.recognition import Deferred, lessened

DAY = date(2026, 11, 22)
LINES = st.builds(
    lambda net, tax, days: Line(1, "shop", "IDR", DAY, DAY + timedelta(days=days), net, tax),
    st.integers(1, 10**9),
    st.integers(0, 10**8),
    st.integers(1, 366),
)


def after(line: Line, amount: int, on: date) -> Line:
    made = part(line, amount, on)
    assert made.total == amount
    assert made.net >= 0
    assert made.tax >= 0
    assert 0 <= made.deferred <= made.net
    return replace(
        line,
        credited_net=line.credited_net + made.net,
        credited_tax=line.credited_tax + made.tax,
        credited_deferred=line.credited_deferred + made.deferred,
    )


@given(LINES, st.lists(st.tuples(st.integers(1, 10**9), st.integers(0, 400)), max_size=8))
def test_small_credits_end_where_one_large_one_does(line: Line, steps: list[tuple[int, int]]) -> None:
    many = line
    for amount, days in sorted(steps, key=lambda one: one[1]):
        if many.left:
            many = after(many, min(amount, many.left), DAY + timedelta(days=days))
    given_back = many.credited_net + many.credited_tax
    if given_back:
        once = after(line, given_back, DAY)
        assert (many.credited_net, many.credited_tax) == (once.credited_net, once.credited_tax)
    if many.left == 0:
        assert (many.credited_net, many.credited_tax) == (line.net, line.tax)
    assert many.credited_deferred <= line.net
    with pytest.raises(Conflict):
        part(many, many.left + 1, DAY)


@given(LINES, st.integers(0, 10**10))
def test_an_entry_lowers_what_is_open_first_and_grants_no_more_than_was_paid(line: Line, open_: int) -> None:
    open_ = min(open_, line.charged)
    made = part(line, line.left, DAY)
    postings = {one.account: one.amount for one in noted([made], open_, "IDR")}
    assert sum(postings.values()) == 0
    assert -postings.get(RECEIVABLES, 0) == open_
    assert -postings.get(CREDIT, 0) == line.charged - open_
    assert postings[DEFERRED] == line.net, "on its first day nothing was rendered"


@given(LINES, st.lists(st.tuples(st.integers(0, 400), st.integers(1, 10**9)), max_size=5))
def test_what_is_given_back_is_never_earned_as_well(line: Line, steps: list[tuple[int, int]]) -> None:
    now, credits = line, []
    for days, amount in sorted(steps, key=lambda one: one[0]):
        on, before = DAY + timedelta(days=days), now.credited_deferred
        if now.left:
            now = after(now, min(amount, now.left), on)
        if now.credited_deferred > before:
            credits.append((on, Money(now.credited_deferred - before, "IDR")))
    found = lessened(Deferred(Money(line.net, "IDR"), line.first, line.after), credits)
    assert sum(one.amount.minor for one in found) == line.net - now.credited_deferred
    assert all(one.amount.minor >= -len(credits) for one in found)
    assert [one.first.replace(day=1) for one in found] == sorted({one.first.replace(day=1) for one in found})


def test_what_was_rendered_is_taken_back_from_revenue() -> None:
    line = Line(1, "shop", "IDR", DAY, DAY + timedelta(days=30), 90_000, 9_900)
    half = part(line, 99_900, DAY + timedelta(days=15))
    assert (half.net, half.tax, half.deferred) == (90_000, 9_900, 45_000)


def test_credit_pays_what_it_can_and_no_more() -> None:
    assert [used(open_, credit) for open_, credit in ((5, 3), (3, 5), (0, 5), (5, 0), (-1, 5))] == [3, 3, 0, 0, 0]
    with pytest.raises(Conflict, match="Pay out less"):
        refunded(6, 5, "IDR")
    with pytest.raises(Invalid):
        refunded(0, 5, "IDR")


@pytest.mark.parametrize(("open_", "tax_back", "loss"), [(111, True, 100), (111, False, 111), (37, True, 33)])
def test_a_loss_gives_the_tax_back_where_the_law_does(open_: int, tax_back: bool, loss: int) -> None:
    assert written_off(open_, 100, 11, "IDR", tax_back=tax_back)[0].amount == loss
    with pytest.raises(Conflict):
        written_off(0, 100, 11, "IDR", tax_back=tax_back)
