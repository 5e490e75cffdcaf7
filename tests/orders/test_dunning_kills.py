"""Dunning that dies in the middle of a step, at every place in it: nothing of the step stays, and the next run does it once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from app.services import dunning, dunning_steps
from models.domain.subscriptions import SubscriptionState
from models.store import changesets, lifecycle, mail, payments, specifications, subscriptions
from models.store import dunning as rows
from tests.orders.conftest import Shop
from tests.orders.test_dunning import JOB, declined, until
from tests.orders.test_renewals import issued, run

DAY = timedelta(days=1)
STEPS = (-3, 0, 2, 5, 7, 14, 21, 51)


class Killed(BaseException):
    """Nothing catches it, as nothing catches a signal."""


def test_killed_anywhere_each_step_happens_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    placed = declined(shop, monkeypatch, "container")
    kills = 0
    for day in STEPS:
        until(shop, day)
        with shop.acting(JOB) as ctx:
            found = dunning.planned(ctx, ctx.now)
        assert found
        for one in found:
            before = _facts(shop)
            for place in itertools.count(1):
                try:
                    with monkeypatch.context() as patch, shop.acting(JOB) as ctx:
                        patch.setattr(Session, "flush", _dies(ctx.session, place))
                        dunning_steps.carry_out(ctx, subscription_id=one.subscription_id, key=one.decision.key)
                        patch.undo()
                    break  # it came to its end before that place
                except Killed:
                    kills += 1
                    assert _facts(shop) == before, "what died left something behind"
            after = _facts(shop)
            assert after != before
            with shop.acting(JOB) as ctx:
                dunning_steps.carry_out(ctx, subscription_id=one.subscription_id, key=one.decision.key)
            assert _facts(shop) == after, "a second time at once does nothing more"
        run(shop)
        shop.work(passes=30)
    assert kills >= 25
    with shop.store.reading() as session:
        told = [one.after for one in lifecycle.edges(session, placed.subscription_id)]
        assert told[1:] == [SubscriptionState.PAST_DUE, SubscriptionState.SUSPENDED, SubscriptionState.EXPIRED]
        bill = max(issued(shop), key=lambda one: one.open_minor)
        keys = [one.key for one in payments.of_invoice(session, bill.id)]
        assert keys == [f"invoice:{bill.id}:{n}" for n in (1, 2, 3, 4)]
        assert len({one.day for one in rows.reminders(session, [bill.id])}) == len(rows.reminders(session, [bill.id])) == 4


def _dies(session: Session, place: int) -> Callable[..., None]:
    """The session's `flush`, which ends the process at its `place`-th time, after it wrote."""
    real, times = type(session).flush, itertools.count(1)

    def flush(self: Session, *args: Any, **kwargs: Any) -> None:
        real(self, *args, **kwargs)
        if next(times) == place:
            raise Killed

    return flush


def _facts(shop: Shop) -> list[Any]:
    with shop.store.reading() as session:
        return [
            [one.model_dump() for one in session.exec(select(table)).all()]  # type: ignore[call-overload]
            for table in (
                subscriptions.Subscription,
                subscriptions.SubscriptionItem,
                lifecycle.SubscriptionEdge,
                rows.DunningReminder,
                payments.Payment,
                mail.Mail,
                specifications.Specification,
                changesets.ChangeSet,
            )
        ]
