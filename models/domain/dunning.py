"""Dunning: what becomes of a subscription whose trial ends, whose invoice is not paid, or that was cancelled. `decide` is pure.

Source: section 1.9 of the billing reference; its days are the defaults of `Policy` (ours, after Stripe, Polar, Kill Bill and Paymenter).
The preview of a run prints what `decide` says and the run does the same. In one run a subscription goes at most one step, and stays at
least its dwell in each, so that a job that comes months late takes nobody from active to deleted. What helps the customer (a payment, the
way back) is never held up; what presses waits for holds, for a charge on its way, and for a person where data would be lost unsaved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from models.domain.clock import aware
from models.domain.subscriptions import SubscriptionState

S = SubscriptionState
DAY = timedelta(days=1)
ASKED = frozenset({S.TRIAL, S.ACTIVE, S.PAST_DUE, S.PAUSED, S.SUSPENDED})
"""States in which an open invoice is reminded of and charged."""


class Ended(StrEnum):
    """Why a subscription is expired; UNPAID comes back when its debt is paid, TRIAL when its first paid period is."""

    UNPAID = "unpaid"
    CANCELLED = "cancelled"
    TRIAL = "trial"


class Action(StrEnum):
    REMIND = "remind"
    CHARGE = "charge"
    MOVE = "move"
    REMOVE = "remove"
    """Its app is to be deleted; it is cleaned once that was seen."""
    PARK = "park"
    """A person has to look: the machine would lose data or does not know enough."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Days from the due date of the oldest unpaid invoice, and the least stay in a state before the next step down."""

    reminders: Sequence[int] = (-3, 0, 1, 5)
    charges: Sequence[int] = (0, 2, 5, 14)
    suspend_after: int = 7
    expire_after: int = 21
    clean_after: int = 51
    dwell: Mapping[SubscriptionState, timedelta] = field(
        default_factory=lambda: {S.PAST_DUE: 3 * DAY, S.PAUSED: 7 * DAY, S.SUSPENDED: 7 * DAY, S.EXPIRED: 14 * DAY}
    )
    between_charges: timedelta = DAY
    charge_takes: timedelta = DAY
    """So long a charge without an answer keeps the next step waiting."""
    keep_ended: timedelta = 30 * DAY
    """How long the data of a cancelled or tried subscription stays."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A subscription as it stands, since `since` in its state.

    `due` is when its oldest unpaid invoice is or was due (None: nothing is unpaid; what was written off still is). `reminded` are the
    reminders' days that were sent for that invoice, `charges` how often it was asked for by itself.
    """

    subscription: str
    state: SubscriptionState
    since: datetime
    due: datetime | None = None
    reminded: frozenset[int] = frozenset()
    can_charge: bool = False
    """There is a method on file, and the last answer was no hard decline."""
    charges: int = 0
    charged_at: datetime | None = None
    charge_open: bool = False
    """The last charge has no answer yet."""
    hold_until: datetime | None = None
    """Of the customer: a promise to pay, a dispute. Nothing presses before that moment."""
    suspended_by_hand: bool = False
    trial_until: datetime | None = None
    paid_period: bool = False
    """The first invoice of a paid period was paid, for a trial's end."""
    cancel_at: datetime | None = None
    ended: Ended | None = None
    """Why, for an expired one. While it is not known the machine neither brings it back nor cleans it up."""
    backup: bool = False
    """The last backup exists."""
    ours: bool = True
    """Moorage runs its app, so it can stop it."""
    standing: bool = False
    """Its app is in the cluster still, with its data."""
    removing: bool = False
    """Its app is being deleted, or was."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing to do. `day` is the reminder's, `number` the charge's, `target` the move's. The same decision has the same `key` again."""

    action: Action
    reason: str
    key: str
    target: SubscriptionState | None = None
    day: int | None = None
    number: int | None = None
    ended: Ended | None = None


def decide(facts: Facts, now: datetime, policy: Policy | None = None) -> Sequence[Decision]:
    """What to do with this subscription now, in that order: at most one reminder, one charge and one step. Nothing twice: the caller
    keeps in the facts what was done.
    """
    policy, now = policy or Policy(), aware(now)
    if facts.state is S.EXPIRED and facts.ended is None:
        return [_park(facts, "end_unknown")]
    if facts.state is S.EXPIRED and facts.removing:
        return [_move(facts, S.CLEANED, "seen_gone")] if facts.backup and not facts.standing else []
    helped = _helped(facts, now)
    if helped is not None:
        return [helped]
    held = facts.hold_until is not None and now < facts.hold_until
    charge = None if held else _charge(facts, now, policy)
    waits = facts.charge_open and facts.charged_at is not None and now < facts.charged_at + policy.charge_takes
    over = _over(facts, now, asking=charge is not None or waits)
    if over is not None:
        return [over]
    if held:
        return []
    decisions = [one for one in (_reminder(facts, now, policy), charge) if one is not None]
    if charge is None and not waits and (step := _step(facts, now, policy)) is not None:
        decisions.append(step)
    return decisions


def _move(facts: Facts, target: SubscriptionState, reason: str, *, ended: Ended | None = None) -> Decision:
    key = f"{facts.subscription}:move:{facts.state}:{target}:{int(aware(facts.since).timestamp())}"
    return Decision(Action.MOVE, reason, key, target=target, ended=ended)


def _park(facts: Facts, reason: str) -> Decision:
    return Decision(Action.PARK, reason, f"{facts.subscription}:park:{reason}:{int(aware(facts.since).timestamp())}")


def _helped(facts: Facts, now: datetime) -> Decision | None:
    """The way back of what is paid, and a trial that was paid. What was suspended by hand stays so."""
    if facts.state is S.TRIAL and facts.paid_period and facts.trial_until is not None and facts.trial_until <= now:
        return _move(facts, S.ACTIVE, "trial_paid")
    if facts.due is not None and facts.due <= now:
        return None
    if facts.state is S.PAST_DUE or (facts.state is S.SUSPENDED and not facts.suspended_by_hand):
        return _move(facts, S.ACTIVE, "paid")
    if facts.state is S.EXPIRED and facts.ended is Ended.TRIAL and facts.paid_period:
        return _back(facts, "trial_paid")
    if facts.state is S.EXPIRED and facts.ended is Ended.UNPAID:
        return _back(facts, "paid")
    return None


def _back(facts: Facts, reason: str) -> Decision:
    """From expired, while its data is there."""
    return _move(facts, S.ACTIVE, reason) if facts.backup or facts.standing else _park(facts, "paid_without_backup")


def _over(facts: Facts, now: datetime, *, asking: bool) -> Decision | None:
    """An end that the customer chose, or a trial's: no debt, no dunning, and no hold keeps it.

    A trial whose first paid period is just being charged, or is about to be, waits for the answer.
    """
    if facts.state is S.TRIAL and facts.trial_until is not None and facts.trial_until <= now and not asking:
        return _move(facts, S.EXPIRED, "trial_unpaid", ended=Ended.TRIAL)
    living = facts.state in {S.TRIAL, S.ACTIVE, S.PAST_DUE, S.PAUSED, S.SUSPENDED}
    if living and facts.cancel_at is not None and facts.cancel_at <= now:
        return _move(facts, S.EXPIRED, "cancelled", ended=Ended.CANCELLED)
    return None


def _reminder(facts: Facts, now: datetime, policy: Policy) -> Decision | None:
    """The latest reminder whose day has come; ones that a late run missed are not made up for."""
    if facts.due is None or facts.state not in ASKED:
        return None
    come = [day for day in policy.reminders if facts.due + day * DAY <= now]
    if not come or max(come) <= max(facts.reminded, default=max(come) - 1):
        return None
    return Decision(Action.REMIND, "due", f"{facts.subscription}:remind:{facts.due:%Y-%m-%dT%H:%M}:{max(come)}", day=max(come))


def _charge(facts: Facts, now: datetime, policy: Policy) -> Decision | None:
    """The next attempt when its day has come, one at a time and never two within `between_charges`."""
    if facts.due is None or not facts.can_charge or facts.charge_open or facts.charges >= len(policy.charges):
        return None
    if facts.state not in ASKED or now < facts.due + policy.charges[facts.charges] * DAY:
        return None
    if facts.charged_at is not None and now < facts.charged_at + policy.between_charges:
        return None
    number = facts.charges + 1
    return Decision(Action.CHARGE, "due", f"{facts.subscription}:charge:{facts.due:%Y-%m-%dT%H:%M}:{number}", number=number)


def _step(facts: Facts, now: datetime, policy: Policy) -> Decision | None:
    """The one step down that is due."""
    dwelt = now >= aware(facts.since) + policy.dwell.get(facts.state, timedelta(0))
    if facts.state is S.EXPIRED and facts.ended is not Ended.UNPAID:
        return _cleaned(facts) if dwelt and now >= aware(facts.since) + policy.keep_ended else None
    if facts.due is None or not dwelt:
        return None
    late = now - facts.due
    if facts.state is S.ACTIVE and late >= timedelta(0):
        return _move(facts, S.PAST_DUE, "unpaid")
    if facts.state is S.PAST_DUE and late >= policy.suspend_after * DAY:
        return _move(facts, S.SUSPENDED, "unpaid") if facts.ours else _park(facts, "not_ours")
    if facts.state in {S.SUSPENDED, S.PAUSED} and late >= policy.expire_after * DAY:
        return _move(facts, S.EXPIRED, "unpaid", ended=Ended.UNPAID) if facts.ours else _park(facts, "not_ours")
    if facts.state is S.EXPIRED and late >= policy.clean_after * DAY:
        return _cleaned(facts)
    return None


def _cleaned(facts: Facts) -> Decision:
    """Data goes only when a backup of it exists, and it is said only once it was seen."""
    if not facts.backup:
        return _park(facts, "no_backup")
    if facts.standing:
        return Decision(Action.REMOVE, "kept_long_enough", f"{facts.subscription}:remove:{int(aware(facts.since).timestamp())}")
    return _move(facts, S.CLEANED, "kept_long_enough")
