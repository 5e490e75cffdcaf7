"""What renewals charge of adopted apps, whose plan and trial staff say, put right and take back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from app.services import adoption, organizations, renewals, trials
from app.services.anonymisation import anonymise
from models.domain.organizations import Standing
from models.domain.renewals import Charge
from models.domain.subscriptions import SubscriptionState
from tests.services.test_charges import DAY, FORTNIGHT, Books, books
from tests.stories import NOW, a_job

__all__ = ["books"]
MINUTES = timedelta(minutes=5)


def charged(books: Books) -> list[tuple[str, str, int]]:
    """What a run charges at the time of the books: first day, items' names, total."""
    ctx = replace(books.ctx, actor=a_job())
    renewals.begin(ctx, limit=10)
    found = []
    while (one := renewals.carry_out(ctx, subscription_id=books.subscription.id, gateway="dummy")) is not None:
        if isinstance(one, Charge):
            found.append((one.period.first.isoformat(), " + ".join(line.what for line in one.lines), one.total))
    return found


def test_a_trial_that_is_prolonged_is_charged_nothing_until_its_new_end(books: Books) -> None:
    books.adopt(plan_id=books.small, trial_until=NOW + 7 * DAY)
    books.later(2)
    books.change(trial_until=FORTNIGHT)
    books.later(9)
    assert charged(books) == []
    books.later(15)
    books.change(trial_until=None)
    assert charged(books) == [("2026-12-06", "n8n, small", 100_000)]


def test_a_plan_that_is_corrected_while_it_is_tried_is_charged_once(books: Books) -> None:
    books.adopt(plan_id=books.small, trial_until=FORTNIGHT)
    books.later(2)
    books.change(plan_id=books.large)
    assert charged(books) == []
    books.later(14)
    books.change(trial_until=None)
    assert charged(books) == [("2026-12-06", "n8n, large", 300_000)]


def test_a_trial_that_ran_out_is_charged_nothing_also_before_its_job_came(books: Books) -> None:
    books.adopt(plan_id=books.small, trial_until=FORTNIGHT)
    books.later(15)
    assert charged(books) == []
    assert trials.end(replace(books.ctx, actor=a_job()), subscription_id=books.subscription.id)
    assert charged(books) == []
    books.later(40)
    assert charged(books) == []
    books.change(trial_until=None)
    assert charged(books) == [("2027-01-01", "n8n, small", 100_000)]


def test_one_that_leaves_while_it_is_tried_is_charged_nothing(books: Books) -> None:
    books.adopt(plan_id=books.small, trial_until=FORTNIGHT)
    books.later(3)
    adoption.release(books.ctx, instance_id=books.id)
    books.later(40)
    assert charged(books) == []


def test_a_slip_of_the_hand_is_charged_nothing(books: Books) -> None:
    books.adopt(plan_id=books.small)
    books.ctx = replace(books.ctx, now=NOW + MINUTES)
    adoption.release(books.ctx, instance_id=books.id)
    assert charged(books) == []


def test_a_plan_that_is_put_right_at_once_is_charged_alone(books: Books) -> None:
    books.adopt(plan_id=books.small)
    books.ctx = replace(books.ctx, now=NOW + MINUTES)
    books.change(plan_id=books.large)
    assert charged(books) == [("2026-11-22", "n8n, large", 300_000)]


def test_a_second_trial_is_charged_from_its_end(books: Books) -> None:
    books.adopt(plan_id=books.small, trial_until=FORTNIGHT)
    books.later(15)
    assert trials.end(replace(books.ctx, actor=a_job()), subscription_id=books.subscription.id)
    books.later(20)
    books.change(trial_until=NOW + 30 * DAY)
    assert [one.since for one in books.items if one.until is None] == [NOW + 30 * DAY]
    assert charged(books) == []
    books.change(trial_until=NOW + 40 * DAY)
    assert [one.since for one in books.items if one.until is None] == [NOW + 40 * DAY]
    books.later(41)
    assert charged(books) == [("2027-01-01", "n8n, small", 100_000)]


def test_an_organization_that_is_forgotten_is_charged_nothing_any_more(books: Books) -> None:
    books.adopt(plan_id=books.small)
    assert len(charged(books)) == 1
    books.later(3)
    kopi = books.kopi.organization
    organizations.set_standing(books.ctx, organization_id=kopi.id, standing=Standing.CLOSED)
    anonymise(books.ctx, organization_id=kopi.id, typed_name=kopi.name)
    assert [one.until for one in books.items] == [NOW + 3 * DAY]
    assert books.subscription.state is SubscriptionState.EXPIRED
    books.later(60)
    assert charged(books) == []
