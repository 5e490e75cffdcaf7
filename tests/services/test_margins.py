"""Margin: the cluster's price over who used it, to the last unit, beside what the ledger says they brought in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest

from app.context import Context
from app.services import ledger, margins, recognition, renewals, settings
from collectors.warehouse import Warehouse
from models.domain.access import StaffRole, job_actor
from models.domain.errors import Invalid, NotPermitted
from models.domain.ledger import earned
from models.store import instances
from models.store.session import Store
from models.store.subscriptions import Subscription, SubscriptionItem
from tests.services import running
from tests.services.running import NOW
from tests.stories import a_staff_member

PRICE = 1_234_567


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with running.a_warehouse(tmp_path_factory.mktemp("warehouse")) as made:
        windows = dict(running._windows())
        node = {pod.name: pod.node for pod, _ in running.PODS}
        windows["pod"] = windows["pod"].with_columns(pl.col("pod").replace_strict(node, default=None).alias("node"))
        made.bulk_load("simulated", {}, windows=windows)
        yield made


Stage = tuple[Context, running.People]


@pytest.fixture
def stage(store: Store, warehouse: Warehouse) -> Iterator[Stage]:
    with store.transaction() as session:
        people = running.people(session)
        ctx = running.a_running_context(session, a_staff_member(session, StaffRole.OWNER), warehouse)
        settings.put(ctx, key="node_price_month", value=PRICE)
        yield ctx, people


def billed(ctx: Context, people: running.People) -> None:
    """An app of Kopi Kita for a month, recognised by the job when its months have ended."""
    since = NOW - timedelta(days=45)
    row = Subscription(organization_id=people.kopi.organization.id, state="active", currency="IDR", created_at=since)
    ctx.session.add(row)
    ctx.session.flush()
    instance = running_instance(ctx, people)
    ctx.session.add(SubscriptionItem(subscription_id=row.id, instance_id=instance, price_minor=149_000, since=since))
    ctx.session.flush()
    job = replace(ctx, actor=job_actor("renewals"))
    renewals.begin(job, limit=10)
    for key in renewals.due(job, limit=10):
        while renewals.carry_out(job, subscription_id=key, gateway="dummy") is not None:
            pass
    for line in recognition.due(job, limit=100):
        recognition.carry_out(job, key=line)


def running_instance(ctx: Context, people: running.People) -> str:
    mine = [row for row in instances.everything(ctx.session) if row.organization_id == people.kopi.organization.id]
    return mine[0].id


def test_rows_are_the_bill_to_the_unit_and_their_revenue_is_the_ledgers(stage: Stage) -> None:
    ctx, people = stage
    billed(ctx, people)
    month = (NOW - timedelta(days=30)).date().replace(day=1)
    posted = {month: 0, NOW.date().replace(day=1): 0}
    for entry in ledger.entries(ctx, account="4000").items:
        for line in entry.postings:
            if line.account == "4000" and entry.day.replace(day=1) in posted:
                posted[entry.day.replace(day=1)] += line.credit_minor - line.debit_minor
    for by in margins.BY:
        view = margins.margin(ctx, month=month, by=by)
        assert view.ended
        assert margins.proven(view)
        assert view.revenue_minor == posted[month] > 0
        assert sum(row.revenue_minor for row in view.rows) == posted[month]
        assert view.bill_minor == sum(row.direct_minor + row.shared_minor + row.idle_minor for row in view.rows) + view.rest_minor
        for row in view.rows:
            assert row.before_idle_minor - row.idle_minor == row.after_idle_minor
    assert [row.name for row in margins.margin(ctx, month=month).rows if row.revenue_minor] == ["Kopi Kita"]


def test_the_month_under_way_costs_its_part_and_counts_days(stage: Stage) -> None:
    ctx, people = stage
    billed(ctx, people)
    view = margins.margin(ctx, month=NOW.date(), by="app")
    assert not view.ended
    assert margins.proven(view)
    assert view.revenue_minor > 0
    hours = (view.until - view.since) / timedelta(hours=1)
    assert view.bill_minor == pytest.approx(3 * PRICE * hours / (30 * 24), rel=0.02)
    assert view.idle_share is not None
    assert 0 < view.idle_share < 1
    names = {row.name for row in view.rows if row.direct_minor}
    assert any(name.startswith("Kopi Kita: ") for name in names)


def test_without_a_price_nothing_costs_anything(stage: Stage) -> None:
    ctx, _ = stage
    settings.put(ctx, key="node_price_month", value=0)
    view = margins.margin(ctx, month=NOW.date())
    assert (view.priced, view.bill_minor) == (False, 0)
    assert margins.proven(view)


def test_revenue_of_no_app_is_in_the_rows(stage: Stage) -> None:
    ctx, people = stage
    day = (NOW - timedelta(days=30)).date()
    ledger.post(
        ctx, key="by hand", kind="test", day=day, memo="", postings=earned(77, "IDR"), organization_id=people.kopi.organization.id
    )
    view = margins.margin(ctx, month=day.replace(day=1))
    assert view.revenue_minor == sum(row.revenue_minor for row in view.rows) == 77
    assert margins.proven(view)


def test_margin_is_for_staff_and_knows_its_splits(stage: Stage) -> None:
    ctx, people = stage
    with pytest.raises(Invalid, match="Choose one of organization, plan, app"):
        margins.margin(ctx, month=date(2026, 11, 1), by="moon")
    with pytest.raises(NotPermitted):
        margins.margin(replace(ctx, actor=people.kopi.actor), month=date(2026, 11, 1))
