"""A namespace that changed hands tells its new owner nothing of the time before."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl

from app.services import apps
from models.store.session import Store
from tests.services import running
from tests.services.running import NOW, START

HANDED_OVER = NOW - timedelta(minutes=10)


def owned_by(organization_id: str | None) -> pl.DataFrame:
    return pl.DataFrame({"cluster": ["default"], "namespace": ["toko-wp"], "organization_id": [organization_id]})


def test_events_restarts_and_curves_of_a_former_owner_stay_with_them(store: Store, tmp_path: Path) -> None:
    with running.a_warehouse(tmp_path) as warehouse, store.transaction() as session:
        running.fill(warehouse)
        people = running.people(session)
        ctx = running.a_running_context(session, people.toko.actor, warehouse)
        id, since = people.wordpress.id, NOW - timedelta(hours=3)
        whole = apps.app(ctx, instance_id=id)
        assert len([event for event in whole.events if event.code == "out_of_memory"]) == 4
        assert (
            sum(value is not None for value in apps.app_series(ctx, instance_id=id, since=since, until=NOW).line("cpu_use").values)
            == 36
        )

        theirs = owned_by(people.ayu.organization.id).with_columns(valid_from=pl.lit(START))
        warehouse.publish("ownership", theirs, NOW - timedelta(hours=1))
        assert apps.app(ctx, instance_id=people.wordpress.id).events == (), "as long as it is published as somebody else's"

        warehouse.publish("ownership", owned_by(people.toko.organization.id), HANDED_OVER)
        detail = apps.app(ctx, instance_id=people.wordpress.id)
        assert detail.events
        assert all(event.at >= HANDED_OVER for event in detail.events)
        series = apps.app_series(ctx, instance_id=id, since=since, until=NOW)
        known = [at for at, value in zip(series.times, series.line("cpu_use").values, strict=True) if value is not None]
        assert known == [NOW - timedelta(minutes=10), NOW - timedelta(minutes=5), NOW]
        assert all(mark.at >= HANDED_OVER for mark in series.marks)


def test_a_time_in_which_it_was_nobodys_is_the_owners(store: Store, tmp_path: Path) -> None:
    with running.a_warehouse(tmp_path) as warehouse, store.transaction() as session:
        running.fill(warehouse)
        people = running.people(session)
        ctx = running.a_running_context(session, people.toko.actor, warehouse)
        before = apps.app(ctx, instance_id=people.wordpress.id).events
        warehouse.publish("ownership", owned_by(None).with_columns(valid_from=pl.lit(START)), NOW - timedelta(hours=1))
        warehouse.publish("ownership", owned_by(people.toko.organization.id), HANDED_OVER)
        assert apps.app(ctx, instance_id=people.wordpress.id).events == before
