"""What is charged for adopted apps: it follows plan and trial, begins and ends once, and is never charged twice for one moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from app.context import Context
from app.services import adoption, trials
from models.domain.access import StaffRole
from models.domain.errors import Conflict
from models.domain.subscriptions import SubscriptionState
from models.store import audit as audit_rows
from models.store import subscriptions
from models.store.session import Store
from models.store.subscriptions import Subscription, SubscriptionItem
from tests.stories import (
    NOW,
    Cluster,
    Customer,
    a_context,
    a_customer,
    a_job,
    a_namespace,
    a_plan,
    a_snapshot,
    a_staff_member,
)

DAY = timedelta(days=1)
FORTNIGHT = NOW + 14 * DAY


@dataclass
class Books:
    ctx: Context
    kopi: Customer
    small: str
    large: str
    id: str = ""

    def later(self, days: int) -> None:
        self.ctx = replace(self.ctx, now=NOW + days * DAY)

    def adopt(self, **facts: object) -> None:
        self.id = adoption.adopt(self.ctx, organization_id=self.kopi.organization.id, name="n8n", namespace="free", **facts).id

    def change(self, **facts: object) -> None:
        adoption.change(self.ctx, instance_id=self.id, **facts)

    @property
    def subscription(self) -> Subscription:
        found = subscriptions.of_instance(self.ctx.session, self.id)
        assert found is not None
        return found

    @property
    def items(self) -> list[SubscriptionItem]:
        return list(subscriptions.items(self.ctx.session, self.subscription.id))


@pytest.fixture
def books(store: Store) -> Iterator[Books]:
    with store.transaction() as session:
        kopi = a_customer(session)
        small, large = a_plan(session, name="small", price=100_000), a_plan(session, name="large", price=300_000)
        seen = Cluster(a_snapshot(a_namespace("free"), a_namespace("other")))
        yield Books(a_context(session, a_staff_member(session, StaffRole.OPERATOR), cluster=seen), kopi, small.id, large.id)


def test_an_adopted_app_with_a_plan_is_charged_from_now_on(books: Books) -> None:
    books.adopt(plan_id=books.small)
    (item,) = books.items
    assert (books.subscription.state, books.subscription.currency) == (SubscriptionState.ACTIVE, "IDR")
    assert (item.plan_id, item.price_minor, item.since, item.until) == (books.small, 100_000, NOW, None)


def test_one_without_a_plan_is_charged_nothing_until_it_gets_one(books: Books) -> None:
    books.adopt()
    assert subscriptions.of_instance(books.ctx.session, books.id) is None
    books.later(3)
    books.change(plan_id=books.small)
    (item,) = books.items
    assert item.since == NOW + 3 * DAY


def test_a_trial_is_charged_from_its_end_and_another_address_changes_nothing(books: Books) -> None:
    books.adopt(plan_id=books.small, trial_until=FORTNIGHT)
    books.later(2)
    books.change(address="https://kopi.example.com")
    (item,) = books.items
    assert (books.subscription.state, books.subscription.trial_until) == (SubscriptionState.TRIAL, FORTNIGHT)
    assert (item.since, item.until) == (FORTNIGHT, None)


def test_another_plan_ends_one_item_where_the_next_begins(books: Books) -> None:
    books.adopt(plan_id=books.small)
    books.later(5)
    books.change(plan_id=books.large)
    first, second = books.items
    assert (first.since, first.until) == (NOW, NOW + 5 * DAY)
    assert (second.plan_id, second.price_minor, second.since, second.until) == (books.large, 300_000, NOW + 5 * DAY, None)
    assert books.subscription.state is SubscriptionState.ACTIVE


def test_the_end_of_a_trial_by_staffs_word_begins_the_charge(books: Books) -> None:
    books.adopt(plan_id=books.small, trial_until=FORTNIGHT)
    books.later(4)
    books.change(trial_until=None)
    charged = [one for one in books.items if one.until is None]
    assert [one.since for one in charged] == [NOW + 4 * DAY]
    assert all(one.since == one.until for one in books.items if one.until is not None), "what had not begun is an empty time"
    assert books.subscription.state is SubscriptionState.ACTIVE


def test_a_trial_that_ran_out_is_not_charged_and_may_be_bought_later(books: Books) -> None:
    books.adopt(plan_id=books.small, trial_until=FORTNIGHT)
    books.later(15)
    assert trials.end(replace(books.ctx, actor=a_job()), subscription_id=books.subscription.id)
    assert books.subscription.state is SubscriptionState.EXPIRED
    assert [one for one in books.items if one.until is None] == []
    books.change(address="https://kopi.example.com")
    assert books.subscription.state is SubscriptionState.EXPIRED, "another address buys nothing"
    books.later(20)
    books.change(trial_until=None)
    (item,) = [one for one in books.items if one.until is None]
    assert (books.subscription.state, item.since) == (SubscriptionState.ACTIVE, NOW + 20 * DAY)


@pytest.mark.parametrize("way", ["release", "no plan"])
def test_what_leaves_is_charged_no_longer(books: Books, way: str) -> None:
    books.adopt(plan_id=books.small)
    books.later(7)
    if way == "release":
        adoption.release(books.ctx, instance_id=books.id)
    else:
        books.change(plan_id=None)
    (item,) = books.items
    assert (item.since, item.until) == (NOW, NOW + 7 * DAY)
    assert (books.subscription.state, books.subscription.ended_at) == (SubscriptionState.EXPIRED, NOW + 7 * DAY)
    deeds = [row.action for row in audit_rows.search(books.ctx.session, subject=books.subscription.id, limit=9)]
    assert deeds == ["subscriptions.follow", "subscriptions.follow"]


def test_a_plan_without_a_price_in_the_customers_money_is_refused(books: Books) -> None:
    books.kopi.organization.country = "DE"
    books.ctx.session.add(books.kopi.organization)
    books.ctx.session.flush()
    with pytest.raises(Conflict, match="has no price in EUR"):
        books.adopt(plan_id=books.small)
