"""Laws of dunning and of a subscription's moves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain.dunning import DAY, Action, Ended, Facts, Policy, decide
from models.domain.errors import Conflict, IllegalTransition, Invalid
from models.domain.subscriptions import ENDED, MOVES, CancelWhen, SubscriptionState, edge, ends_at

quick = settings(deadline=None, max_examples=60)
S = SubscriptionState
DUE = datetime(2026, 3, 1, tzinfo=UTC)
UNPAID = Facts("sub_1", S.ACTIVE, DUE - 30 * DAY, due=DUE, can_charge=True, backup=True)
POLICY = Policy()
moments = st.integers(-10 * 24, 200 * 24).map(lambda hours: DUE + timedelta(hours=hours))
facts = st.builds(
    Facts,
    st.just("sub_1"),
    st.sampled_from(S),
    moments,
    due=st.none() | st.just(DUE),
    reminded=st.frozensets(st.sampled_from(POLICY.reminders)),
    can_charge=st.booleans(),
    charges=st.integers(0, 5),
    charged_at=st.none() | moments,
    charge_open=st.booleans(),
    hold_until=st.none() | moments,
    suspended_by_hand=st.booleans(),
    trial_until=st.none() | moments,
    paid_period=st.booleans(),
    cancel_at=st.none() | moments,
    ended=st.none() | st.sampled_from(Ended),
    backup=st.booleans(),
)


def after(known: Facts, now: datetime, *, answer: str = "declined") -> tuple[Facts, list]:
    """The facts after a run did what was decided."""
    decisions = decide(known, now)
    for one in decisions:
        if one.action is Action.REMIND:
            known = replace(known, reminded=known.reminded | {one.day})
        if one.action is Action.CHARGE:
            known = replace(known, charges=one.number, charged_at=now, due=None if answer == "paid" else known.due)
        if one.action is Action.MOVE:
            known = replace(known, state=one.target, since=now, ended=one.ended or known.ended)
    return known, list(decisions)


def moves(decisions) -> list[SubscriptionState]:
    return [one.target for one in decisions if one.action is Action.MOVE]


@quick
@given(facts, moments)
def test_at_most_one_of_each_and_only_along_the_table(known, now):
    decisions = decide(known, now)
    assert len({one.action for one in decisions}) == len(decisions)
    assert all(target in MOVES[known.state] for target in moves(decisions))
    assert decisions == decide(known, now)
    assert len({one.key for one in decisions}) == len(decisions)


@settings(deadline=None, max_examples=300)
@given(facts, moments)
def test_what_the_machine_never_does(known, now):
    decisions = decide(known, now)
    down = [one for one in moves(decisions) if one in {S.PAST_DUE, S.SUSPENDED, S.CLEANED}]
    owed = known.due is not None and known.due <= now
    if known.state is S.SUSPENDED and known.suspended_by_hand:
        assert S.ACTIVE not in moves(decisions)
    if known.hold_until is not None and now < known.hold_until:
        assert down == []
        assert all(one.action in {Action.MOVE, Action.PARK} for one in decisions)
    if not owed and not (known.state is S.EXPIRED and known.ended is not Ended.UNPAID):
        assert down == []
    if not known.backup:
        assert S.CLEANED not in moves(decisions)
        assert known.state is not S.EXPIRED or S.ACTIVE not in moves(decisions)
    if any(one.action is Action.CHARGE for one in decisions):
        assert down == []
        assert known.can_charge
        assert owed
    if down and known.state in POLICY.dwell:
        assert now >= known.since + POLICY.dwell[known.state]


@quick
@given(st.lists(st.integers(1, 24 * 90), min_size=1, max_size=30), st.booleans())
def test_however_late_the_runs_come_each_is_one_step_and_a_second_at_once_does_nothing_more(gaps, can_charge):
    known, now, seen = replace(UNPAID, can_charge=can_charge), DUE - 8 * DAY, []
    for hours in gaps:
        now += timedelta(hours=hours)
        known, decisions = after(known, now)
        assert len(moves(decisions)) <= 1
        seen += [(one.key, one.action) for one in decisions]
        known, again = after(known, now)
        assert all(one.action is Action.MOVE for one in again)
        seen += [(one.key, one.action) for one in again]
    assert len(seen) == len(set(seen))
    assert known.charges <= len(POLICY.charges)


@quick
@given(st.integers(0, 400), st.lists(st.integers(1, 24 * 30), max_size=12))
def test_a_late_payment_at_any_point_brings_it_back_unless_all_is_gone(paid_after, gaps):
    known, now = replace(UNPAID, can_charge=False), DUE
    for hours in gaps:
        now += timedelta(hours=hours)
        known, _ = after(known, now)
    known, decisions = after(replace(known, due=None), now + timedelta(hours=paid_after))
    assert known.state is (S.CLEANED if known.state is S.CLEANED else S.ACTIVE)
    assert S.CLEANED not in moves(decisions)


def test_the_usual_days():
    known, told = replace(UNPAID, can_charge=True), []
    for hour in range(-8 * 24, 60 * 24):
        known, decisions = after(known, DUE + timedelta(hours=hour))
        told += [
            (hour / 24, one.action.value, one.day if one.day is not None else one.number or one.target.value) for one in decisions
        ]
    hour = 1 / 24
    assert told == [
        (-3, "remind", -3),
        (0, "remind", 0),
        (0, "charge", 1),
        (hour, "move", "past_due"),
        (1, "remind", 1),
        (2, "charge", 2),
        (5, "remind", 5),
        (5, "charge", 3),
        (7, "move", "suspended"),
        (14, "charge", 4),
        (21, "move", "expired"),
        (51, "move", "cleaned"),
    ]


def test_a_job_that_comes_half_a_year_late_still_leaves_every_state_its_time():
    known, seen = replace(UNPAID, can_charge=False), {}
    for hour in range(40 * 24):
        known, decisions = after(known, DUE + 180 * DAY + timedelta(hours=hour))
        seen |= dict.fromkeys(moves(decisions), hour / 24)
    assert seen == {S.PAST_DUE: 0, S.SUSPENDED: 3, S.EXPIRED: 10, S.CLEANED: 24}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"state": S.TRIAL, "trial_until": DUE, "paid_period": True}, (S.ACTIVE, "trial_paid")),
        ({"state": S.TRIAL, "trial_until": DUE}, (S.EXPIRED, "trial_unpaid")),
        ({"state": S.TRIAL, "trial_until": DUE + 9 * DAY, "cancel_at": DUE}, (S.EXPIRED, "cancelled")),
        ({"state": S.PAUSED, "cancel_at": DUE, "due": None}, (S.EXPIRED, "cancelled")),
        ({"state": S.ACTIVE, "cancel_at": DUE, "hold_until": DUE + 9 * DAY, "due": None}, (S.EXPIRED, "cancelled")),
        ({"state": S.EXPIRED, "ended": Ended.CANCELLED, "due": None, "since": DUE - 30 * DAY}, (S.CLEANED, "kept_long_enough")),
        ({"state": S.EXPIRED, "ended": Ended.CANCELLED, "due": None, "since": DUE - 29 * DAY}, None),
        ({"state": S.EXPIRED, "ended": Ended.TRIAL, "backup": False, "since": DUE - 30 * DAY, "due": None}, (None, "no_backup")),
        ({"state": S.EXPIRED, "ended": Ended.UNPAID, "backup": False, "due": None}, (None, "paid_without_backup")),
        ({"state": S.EXPIRED, "ended": Ended.UNPAID, "due": None}, (S.ACTIVE, "paid")),
        ({"state": S.EXPIRED, "due": None}, (None, "end_unknown")),
        ({"state": S.EXPIRED, "since": DUE - 99 * DAY, "due": DUE - 99 * DAY}, (None, "end_unknown")),
        ({"state": S.SUSPENDED, "suspended_by_hand": True, "due": None}, None),
        ({"state": S.PAST_DUE, "due": DUE + DAY, "reminded": frozenset({0})}, (S.ACTIVE, "paid")),
    ],
)
def test_ends_and_ways_back(change, expected):
    decisions = decide(replace(UNPAID, **({"can_charge": False} | change)), DUE)
    assert [(one.target, one.reason) for one in decisions] == ([expected] if expected else [])


def test_a_charge_on_its_way_keeps_the_next_step_waiting_for_a_day():
    known = replace(
        UNPAID, state=S.PAST_DUE, since=DUE, charges=3, charge_open=True, charged_at=DUE + 7 * DAY, reminded=frozenset({5})
    )
    assert decide(known, DUE + 7 * DAY) == []
    assert moves(decide(known, DUE + 8 * DAY)) == [S.SUSPENDED]


def test_two_charges_are_a_day_apart_also_when_both_are_late():
    known = replace(UNPAID, state=S.PAST_DUE, since=DUE, charges=1, charged_at=DUE + 90 * DAY, reminded=frozenset({5}))
    assert not [one for one in decide(known, DUE + 90 * DAY + timedelta(hours=23)) if one.action is Action.CHARGE]
    assert [one.number for one in decide(known, DUE + 91 * DAY) if one.action is Action.CHARGE] == [2]


def told(before: SubscriptionState, target: SubscriptionState, **more):
    return edge(before, target, **({"at": DUE, "reason": "r", "actor": "job", "key": "k", "backup": True, "evidence": True} | more))


@pytest.mark.parametrize("before", list(S))
@pytest.mark.parametrize("target", list(S))
def test_the_one_setter_knows_every_pair(before, target):
    if target in MOVES[before]:
        assert (told(before, target).before, told(before, target).after) == (before, target)
    else:
        with pytest.raises(IllegalTransition):
            told(before, target)


def test_what_the_setter_asks_for():
    for target in (S.ACTIVE, S.CLEANED):
        with pytest.raises(Conflict, match="no backup"):
            told(S.EXPIRED, target, backup=False)
    with pytest.raises(Conflict, match="seen to be gone"):
        told(S.EXPIRED, S.CLEANED, evidence=False)
    for missing in ("reason", "actor", "key"):
        with pytest.raises(Invalid):
            told(S.ACTIVE, S.PAST_DUE, **{missing: " "})


def test_when_a_cancelled_subscription_ends():
    end = DUE + 9 * DAY
    assert ends_at(CancelWhen.NOW, S.ACTIVE, now=DUE, period_end=end) == DUE
    assert ends_at(CancelWhen.AT_PERIOD_END, S.ACTIVE, now=DUE, period_end=end) == end
    assert ends_at(CancelWhen.AT_PERIOD_END, S.PAUSED, now=DUE, period_end=None) == DUE
    assert ends_at(CancelWhen.AT_PERIOD_END, S.ACTIVE, now=end, period_end=DUE) == end
    for state in ENDED:
        with pytest.raises(Conflict, match="over already"):
            ends_at(CancelWhen.NOW, state, now=DUE, period_end=end)


def test_a_reminder_that_was_passed_over_is_not_sent_afterwards():
    known = replace(UNPAID, can_charge=False, state=S.PAST_DUE, since=DUE, reminded=frozenset({5}))
    assert decide(known, DUE + 2 * DAY) == []
    assert [one.day for one in decide(replace(known, reminded=frozenset()), DUE + 6 * DAY)] == [5]


def test_a_trial_is_charged_before_it_ends_unpaid():
    known = replace(UNPAID, state=S.TRIAL, trial_until=DUE, reminded=frozenset({0}))
    asked, decisions = after(known, DUE)
    assert [(one.action, one.number) for one in decisions] == [(Action.CHARGE, 1)]
    open_ = replace(asked, charge_open=True)
    assert decide(open_, DUE + DAY - timedelta(seconds=1)) == []
    assert moves(decide(open_, DUE + DAY)) == moves(decide(asked, DUE + timedelta(hours=1))) == [S.EXPIRED]
    assert moves(decide(replace(asked, due=None, paid_period=True), DUE + timedelta(hours=1))) == [S.ACTIVE]


def test_a_pause_does_not_make_an_invoice_go_away():
    known = replace(UNPAID, state=S.PAUSED, reminded=frozenset({5}))
    assert [one.action for one in decide(known, DUE + 5 * DAY)] == [Action.CHARGE]
    known = replace(known, can_charge=False)
    assert decide(known, DUE + 21 * DAY - timedelta(seconds=1)) == []
    assert moves(decide(known, DUE + 21 * DAY)) == [S.EXPIRED]
    assert decide(replace(known, since=DUE + 20 * DAY), DUE + 21 * DAY) == []
    assert decide(replace(known, due=None), DUE + 21 * DAY) == []
