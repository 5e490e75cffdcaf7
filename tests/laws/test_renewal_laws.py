"""Laws of renewals: what one period charges, and what is decided about a subscription by now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain.periods import Anchor, period
from models.domain.renewals import Charge, Close, Decision, Facts, Item, Park, Skip, decide
from models.domain.subscriptions import SubscriptionState
from models.domain.tax import TaxCategory, TaxRule

quick = settings(deadline=None, max_examples=60)
SIXTH = datetime(2026, 11, 6, 3, tzinfo=UTC)
"""Ten in the morning in Jakarta."""
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def facts(*items: Item, state: SubscriptionState = SubscriptionState.ACTIVE, begun: datetime = SIXTH, index: int = 0) -> Facts:
    anchor = Anchor((begun + 7 * HOUR).date())
    tax = TaxRule(TaxCategory.NOT_REGISTERED, reason="none")
    return Facts("sub", "org", state, "IDR", anchor, index, 0, items, tax, True, 3, 8 * DAY, "Asia/Jakarta")


def charged(decided: tuple[Decision, ...]) -> list[list[str]]:
    """Ids of the items of each charge."""
    return [[line.item_id for line in one.lines] for one in decided if isinstance(one, Charge)]


def test_an_item_that_never_lasted_a_moment_is_charged_nothing() -> None:
    empty, later = Item("A", "a", 5, SIXTH, SIXTH), Item("B", "b", 7, SIXTH + 14 * DAY)
    assert charged(decide(facts(empty, later, begun=later.since), SIXTH + 15 * DAY)) == [["B"]]
    assert [type(one) for one in decide(facts(empty, Item("B", "b", 7, SIXTH + 40 * DAY)), SIXTH + HOUR)] == [Skip]
    assert decide(facts(empty, state=SubscriptionState.EXPIRED), SIXTH + DAY) == (Close("sub", "org"),)


def test_a_trial_ends_when_the_period_after_it_would_begin() -> None:
    tried = facts(Item("A", "a", 0, SIXTH, SIXTH + 14 * DAY))
    after = period(tried.anchor, 1).start
    assert [type(one) for one in decide(tried, after - HOUR)] == [Charge], "the run that comes then does no more"
    assert [type(one) for one in decide(tried, after)] == [Charge, Close]


def test_a_change_on_the_first_day_charges_the_plan_with_which_it_began() -> None:
    small, large = Item("A", "a", 5, SIXTH, SIXTH + HOUR), Item("B", "b", 7, SIXTH + HOUR)
    assert charged(decide(facts(small, large), SIXTH + 2 * HOUR)) == [["A"]]


def test_a_change_on_the_first_day_of_a_later_period_charges_the_plan_that_it_had_at_midnight() -> None:
    on = period(facts().anchor, 1).start + 10 * HOUR
    small, large = Item("A", "a", 5, SIXTH, on), Item("B", "b", 7, on)
    assert charged(decide(facts(small, large, index=1), on + HOUR)) == [["A"]]
    assert charged(decide(facts(small, large, index=2), on + 40 * DAY)) == [["B"]]


@quick
@given(st.lists(st.integers(0, 100 * 24), max_size=6), st.integers(0, 100 * 24))
def test_of_plans_that_follow_each_other_a_period_charges_exactly_one(changes: list[int], hours: int) -> None:
    at = [SIXTH + HOUR * hour for hour in sorted([0, *changes])]
    items = [Item(str(n), "plan", 5, since, until) for n, (since, until) in enumerate(zip(at, [*at[1:], None], strict=True))]
    decided = decide(facts(*items), SIXTH + HOUR * hours)
    assert all(len(lines) == 1 for lines in charged(decided))
    assert len(charged(decided)) == len(decided) or isinstance(decided[0], Park)
