"""What an app answered: of its own windows alone, unknown where the ingress did not tell, and named when it is bad for a while."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from app.context import Context
from app.services import apps, overview, usage
from collectors.warehouse import Warehouse
from models.domain.access import StaffRole
from models.domain.errors import NotFound
from models.domain.trouble import Kind
from models.store.session import Store
from tests.services import running
from tests.services.running import NOW
from tests.stories import a_staff_member, a_stranger

HOUR = timedelta(hours=1)
WINDOW = timedelta(minutes=5)
Stage = tuple[Context, running.People, Warehouse]


@pytest.fixture
def stage(store: Store, tmp_path: Path) -> Iterator[Stage]:
    with running.a_warehouse(tmp_path) as made, store.transaction() as session:
        running.fill(made)
        people = running.people(session)
        yield running.a_running_context(session, people.kopi.actor, made), people, made


def told(warehouse: Warehouse, namespace: str = "kopi-n8n", instance: str = "t", count: int = 12, **columns: float) -> None:
    """The newest windows of 5 minutes, each with the same counts."""
    ends = [NOW - WINDOW * n for n in range(count)]
    frame = pl.DataFrame({"t": sorted(ends)}).select(
        pl.col("t").dt.cast_time_unit("us"),
        pl.lit(10, pl.Int32).alias("n"),
        pl.lit(300_000, pl.Int64).alias("covered_ms"),
        pl.lit(f"{namespace}-web").alias("service"),
        pl.lit(instance).alias("instance"),
        pl.lit(namespace).alias("namespace"),
        *(pl.lit(float(value)).alias(f"{name}_inc") for name, value in columns.items()),
    )
    warehouse.bulk_load(f"{namespace}-{instance}", {}, windows={"ingress": frame})


TIMED = {
    "requests_total": 100,
    "requests_5xx_total": 2,
    "timed_requests_total": 100,
    "request_seconds_total": 20,
    "requests_within_100ms_total": 50,
    "requests_within_300ms_total": 80,
    "requests_within_1200ms_total": 100,
}


def test_requests_errors_and_times_of_an_app(stage: Stage) -> None:
    ctx, people, warehouse = stage
    told(warehouse, **TIMED)
    told(warehouse, "toko-wp", **{**TIMED, "requests_total": 7_000})
    found = apps.app_answers(ctx, instance_id=people.n8n.id, since=NOW - HOUR, until=NOW)
    assert (found.requests, found.errors, found.error_share) == (1200.0, 24.0, 0.02)
    assert found.mean_seconds == pytest.approx(0.2)
    assert found.p95 is not None
    assert (found.p95.seconds, found.p95.above, found.p95.upto) == (pytest.approx(0.3 + 0.9 * 0.75), 0.3, 1.2)
    line = [v for v in found.series.line("p95").values if v is not None]
    assert line == pytest.approx([0.3 + 0.9 * 0.75] * len(line))
    assert len(line) >= 11
    assert [v for v in found.series.line("requests").values if v is not None] == pytest.approx([100 / 300] * len(line))
    report = usage.instance(ctx, instance_id=people.n8n.id, since=NOW - HOUR, until=NOW)
    assert report.rows[0].answer_seconds_p95 == pytest.approx(found.p95.seconds)


def test_two_processes_count_together_by_the_bounds_that_both_have(stage: Stage) -> None:
    ctx, people, warehouse = stage
    told(warehouse, **TIMED)
    told(
        warehouse,
        instance="u",
        requests_total=100,
        timed_requests_total=100,
        requests_within_100ms_total=100,
        requests_within_500ms_total=100,
    )
    found = apps.app_answers(ctx, instance_id=people.n8n.id, since=NOW - HOUR, until=NOW)
    assert found.p50 is not None
    assert found.p50.seconds == pytest.approx(0.1 * 100 / 150)
    assert found.p95 is not None
    assert found.p95.beyond, "of 300 ms and more only one of the two knows"


def test_what_the_ingress_does_not_tell_is_not_known(stage: Stage) -> None:
    ctx, people, warehouse = stage
    silent = apps.app_answers(ctx, instance_id=people.n8n.id, since=NOW - HOUR, until=NOW)
    assert (silent.requests, silent.errors, silent.error_share, silent.mean_seconds, silent.p95) == (None,) * 5
    told(warehouse, requests_total=100, requests_5xx_total=1)
    untimed = apps.app_answers(ctx, instance_id=people.n8n.id, since=NOW - HOUR, until=NOW)
    assert (untimed.requests, untimed.mean_seconds, untimed.p95) == (1200.0, None, None)


def test_answers_are_nobody_elses(stage: Stage) -> None:
    ctx, people, warehouse = stage
    told(warehouse, **TIMED)
    with pytest.raises(NotFound):
        apps.app_answers(replace(ctx, actor=a_stranger(ctx.session)), instance_id=people.n8n.id, since=NOW - HOUR, until=NOW)


def test_the_overview_names_whose_answers_fail_or_are_slow(stage: Stage) -> None:
    ctx, people, warehouse = stage
    staff = replace(ctx, actor=a_staff_member(ctx.session, StaffRole.OPERATOR))
    kinds = {Kind.ANSWERS_FAIL, Kind.ANSWERS_SLOW}
    told(warehouse, **TIMED)
    assert not [row for row in overview.state(staff).trouble if row.trouble.kind in kinds]
    told(
        warehouse,
        "toko-wp",
        "u",
        count=4,
        **{**TIMED, "requests_5xx_total": 60, "requests_within_1200ms_total": 90, "requests_within_5000ms_total": 100},
    )
    [row] = [row for row in overview.state(staff).trouble if row.organization == "Toko"]
    told_of = {one.kind: one for one in (row.trouble, *row.also)}  # one app is one row, whatever is wrong with it
    fails, slow = told_of[Kind.ANSWERS_FAIL], told_of[Kind.ANSWERS_SLOW]
    assert fails.reason == "60 % of 400 requests were answered with an error of the server."
    assert fails.since == NOW - 4 * WINDOW
    assert slow.reason == "One answer in twenty takes longer than 1.2 s."
    assert people.toko.organization.id == fails.organization_id
