"""What organizations and instances used: nothing is lost between them, and the sums are those of the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.context import Context
from app.services import mapping, publication, usage
from collectors.warehouse import Warehouse
from models.domain.access import MemberRole, StaffRole, job_actor
from models.domain.errors import Invalid, NotFound, NotPermitted
from models.store.session import Store
from tests.services import running
from tests.services.running import MIB, NOW, PODS, START
from tests.stories import a_member, a_staff_member, a_stranger, an_instance, fresh_sqlite

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WINDOW = 5 * MINUTE
Stage = tuple[Context, running.People]
FIGURES = ("cpu_core_hours", "memory_byte_hours", "memory_requested_byte_hours", "cpu_requested_core_hours", "network_sent_bytes")


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with running.a_warehouse(tmp_path_factory.mktemp("warehouse")) as made:
        running.fill(made)
        yield made


@pytest.fixture
def stage(store: Store, warehouse: Warehouse) -> Iterator[Stage]:
    with store.transaction() as session:
        people = running.people(session)
        yield running.a_running_context(session, a_staff_member(session, StaffRole.SUPPORT), warehouse), people


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory, warehouse: Warehouse) -> Iterator[Context]:
    store = fresh_sqlite(tmp_path_factory.mktemp("store"))
    with store.transaction() as session:
        running.people(session)
        yield running.a_running_context(session, job_actor("test"), warehouse)
    store.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Warehouse]:
    """A warehouse of one test alone, for what is published."""
    with running.a_warehouse(tmp_path) as made:
        yield made


def _row(report: usage.UsageReport, name: str) -> usage.Usage:
    return next(row for row in report.rows if row.organization == name)


def _sum(report: usage.UsageReport, figure: str) -> float:
    return float(sum(getattr(row, figure) for row in report.rows))


def test_what_an_organization_used_as_computed_by_hand(stage: Stage) -> None:
    ctx, people = stage
    report = usage.organizations(ctx, since=NOW - 2 * HOUR, until=NOW)
    kopi = _row(report, "Kopi Kita")
    assert kopi.organization_id == people.kopi.organization.id
    assert kopi.cpu_core_hours == pytest.approx((0.2 + 0.05) * 2)
    assert kopi.cpu_requested_core_hours == pytest.approx((0.5 + 0.25) * 2)
    assert kopi.memory_byte_hours == pytest.approx(500 * MIB * 2)
    assert kopi.memory_requested_byte_hours == pytest.approx(768 * MIB * 2)
    assert kopi.memory_peak_bytes == 500 * MIB
    assert kopi.network_sent_bytes == 2 * 24 * 3000
    assert (kopi.restarts, kopi.egress_bytes, kopi.requests, kopi.errors) == (0, None, None, None)  # no ingress: unknown
    assert (report.covered, report.as_of) == (1.0, NOW)
    assert [row.memory_byte_hours for row in report.rows] == sorted(
        (row.memory_byte_hours or 0 for row in report.rows), reverse=True
    )
    assert sorted(row.organization for row in report.rows) == ["", "Ayu", "Kopi Kita", "Toko"]


@given(st.integers(0, 29 * 288), st.integers(1, 2000))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_organizations_and_the_unowned_are_the_cluster_wherever_the_edges_lie(on_sqlite: Context, begins: int, lasts: int) -> None:
    since = START + WINDOW * begins
    until = min(since + WINDOW * lasts, NOW)
    report = usage.organizations(on_sqlite, since=since, until=until)
    hours = (until - since) / HOUR
    assert _sum(report, "cpu_core_hours") == pytest.approx(sum(use.cpu for _, use in PODS if use) * hours)
    assert _sum(report, "memory_byte_hours") == pytest.approx(sum(use.memory for _, use in PODS if use) * hours)
    assert report.covered == pytest.approx(1.0)
    whole = on_sqlite.warehouse.query(
        "SELECT sum(cpu_usage_seconds_total_inc) / 3600 AS cpu, sum(network_transmit_bytes_total_inc) AS sent FROM pod_5m "
        "WHERE t > $a AND t <= $e",
        {"a": since, "e": until},
    ).row(0, named=True)
    assert _sum(report, "cpu_core_hours") == pytest.approx(whole["cpu"])
    assert _sum(report, "network_sent_bytes") == whole["sent"]


def test_times_are_cut_to_whole_windows(stage: Stage) -> None:
    ctx, _ = stage
    report = usage.organizations(ctx, since=NOW - HOUR + 4 * MINUTE, until=NOW - MINUTE)
    assert (report.since, report.until) == (NOW - HOUR, NOW - WINDOW)
    assert _row(report, "Kopi Kita").cpu_core_hours == pytest.approx(0.25 * 55 / 60)


def test_time_that_was_not_collected_is_not_filled_in(stage: Stage) -> None:
    ctx, _ = stage
    report = usage.organizations(ctx, since=NOW - HOUR, until=NOW + HOUR)
    assert report.covered == pytest.approx(0.5)
    assert _row(report, "Kopi Kita").cpu_core_hours == pytest.approx(0.25)
    nothing = usage.organizations(ctx, since=START - 2 * DAY, until=START - DAY)
    assert (nothing.rows, nothing.covered, nothing.as_of) == ((), 0.0, None)


@pytest.mark.parametrize(
    ("since", "until", "field"),
    [(NOW, NOW, "until"), (NOW - 2 * MINUTE, NOW - MINUTE, "until"), (NOW, NOW - DAY, "until"), (NOW - 401 * DAY, NOW, "since")],
)
def test_times_that_cannot_be_added_up(stage: Stage, since: datetime, until: datetime, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        usage.organizations(stage[0], since=since, until=until)
    assert caught.value.field == field


def test_instances_make_up_their_organization(stage: Stage) -> None:
    ctx, people = stage
    span = {"since": NOW - DAY, "until": NOW}
    whole = _row(usage.organizations(ctx, **span), "Kopi Kita")
    of_instances = usage.organization(ctx, organization_id=people.kopi.organization.id, **span)
    assert [(row.instance, row.instance_id) for row in of_instances.rows] == [("n8n", people.n8n.id)]
    one = usage.instance(ctx, instance_id=people.n8n.id, **span)
    for figure in FIGURES:
        assert _sum(of_instances, figure) == pytest.approx(getattr(whole, figure))
        assert 0 < getattr(one.rows[0], figure) <= getattr(whole, figure) * (1 + 1e-9)


def test_what_belongs_to_no_instance_is_a_row_of_the_organization(stage: Stage) -> None:
    ctx, people = stage
    operator = replace(ctx, actor=a_staff_member(ctx.session, StaffRole.OPERATOR))
    mapping.assign(operator, namespace="growing", organization_id=people.kopi.organization.id)
    span = {"since": NOW - DAY, "until": NOW}
    rows = usage.organization(ctx, organization_id=people.kopi.organization.id, **span).rows
    assert {row.instance for row in rows} == {"", "n8n"}
    whole = _row(usage.organizations(ctx, **span), "Kopi Kita")
    one = usage.instance(ctx, instance_id=people.n8n.id, **span).rows[0]
    assert sum(row.memory_byte_hours or 0 for row in rows) == pytest.approx(whole.memory_byte_hours)
    assert one.memory_byte_hours is not None
    assert whole.memory_byte_hours is not None
    assert one.memory_byte_hours < whole.memory_byte_hours


def test_an_instance_without_any_use_has_no_row(stage: Stage) -> None:
    ctx, people = stage
    idle = an_instance(ctx.session, people.toko, "idle", namespace="nowhere")
    assert usage.instance(ctx, instance_id=idle.id, since=NOW - DAY, until=NOW).rows == ()


def test_use_follows_whoever_owned_the_namespace_then(stage: Stage, own: Warehouse) -> None:
    ctx, people = stage
    running.fill(own)
    platform = replace(ctx, warehouse=own, actor=job_actor("publish"))
    own.publish("ownership", publication.facts(platform)["ownership"], NOW - 10 * HOUR)
    mapping.assign(platform, namespace="growing", organization_id=people.toko.organization.id)
    moved = NOW - 3 * HOUR - 30 * MINUTE
    own.publish("ownership", publication.facts(platform)["ownership"], moved)
    reader = replace(ctx, warehouse=own)

    def share(since: datetime, until: datetime) -> dict[str, float | None]:
        """Core hours of the unowned (a pod of 0.05 cores beside three of 0.001) and of Toko (0.1 cores)."""
        report = usage.organizations(reader, since=since, until=until)
        assert _sum(report, "cpu_core_hours") == pytest.approx(sum(use.cpu for _, use in PODS if use) * ((until - since) / HOUR))
        return {name: _row(report, name).cpu_core_hours for name in ("", "Toko")}

    assert share(moved - 2 * WINDOW, moved) == pytest.approx({"": 0.053 / 6, "Toko": 0.1 / 6})
    assert share(moved, moved + 2 * WINDOW) == pytest.approx({"": 0.003 / 6, "Toko": 0.15 / 6})
    assert share(NOW - 2 * HOUR, NOW) == pytest.approx({"": 0.006, "Toko": 0.3})
    assert share(NOW - 9 * HOUR, NOW - 8 * HOUR) == pytest.approx({"": 0.053, "Toko": 0.1})


def test_before_anything_was_published_owners_are_those_of_now(stage: Stage) -> None:
    ctx, people = stage
    operator = replace(ctx, actor=a_staff_member(ctx.session, StaffRole.OPERATOR))
    mapping.assign(operator, namespace="growing", organization_id=people.ayu.organization.id)
    report = usage.organizations(ctx, since=NOW - 20 * DAY, until=NOW - 20 * DAY + HOUR)
    assert _row(report, "Ayu").cpu_core_hours == pytest.approx(0.02 + 0.05)


def test_traffic_through_the_ingress_goes_to_the_owner_of_its_namespace(stage: Stage, own: Warehouse) -> None:
    ctx, _ = stage
    running.fill(own)
    ends = [NOW - HOUR + WINDOW * n for n in range(1, 13)]
    frames = [
        pl.DataFrame({"t": ends}).select(
            pl.col("t").dt.cast_time_unit("us"),
            pl.lit(10, pl.Int32).alias("n"),
            pl.lit(300_000, pl.Int64).alias("covered_ms"),
            pl.lit(service).alias("service"),
            pl.lit("ingress-1").alias("instance"),
            pl.lit(namespace, pl.String).alias("namespace"),
            pl.lit(sent).alias("sent_bytes_total_inc"),
            pl.lit(5.0).alias("requests_total_inc"),
            pl.lit(1.0).alias("requests_5xx_total_inc"),
        )
        for service, namespace, sent in (("a", "kopi-n8n", 100.0), ("b", "kopi-n8n", 20.0), ("c", None, 7.0))
    ]
    own.bulk_load("ingress", {}, windows={"ingress": pl.concat(frames)})
    report = usage.organizations(replace(ctx, warehouse=own), since=NOW - HOUR, until=NOW)
    kopi, nobody = _row(report, "Kopi Kita"), _row(report, "")
    assert (kopi.egress_bytes, kopi.requests, kopi.errors) == (1440.0, 120.0, 24.0)
    assert (nobody.egress_bytes, _row(report, "Toko").egress_bytes) == (84.0, None)


def test_what_was_never_measured_is_unknown_and_not_zero(stage: Stage, own: Warehouse) -> None:
    ctx, _ = stage
    ends = [NOW - HOUR + WINDOW * n for n in range(1, 13)]

    def windows(namespace: str, **known: float) -> pl.DataFrame:
        return pl.DataFrame({"t": ends}).select(
            pl.col("t").dt.cast_time_unit("us"),
            pl.lit(10, pl.Int32).alias("n"),
            pl.lit(300_000, pl.Int64).alias("covered_ms"),
            *(
                pl.lit(word).alias(key)
                for key, word in (("namespace", namespace), ("pod", "p"), ("container", "c"), ("uid", namespace))
            ),
            *(pl.lit(value).alias(name) for name, value in known.items()),
        )

    own.bulk_load("cpu-alone", {}, windows={"pod": windows("kopi-n8n", cpu_usage_seconds_total_inc=30.0)})
    own.bulk_load("memory-alone", {}, windows={"pod": windows("toko-shop", memory_working_set_bytes_avg=1e6)})
    report = usage.organizations(replace(ctx, warehouse=own), since=NOW - HOUR, until=NOW)
    known, other = report.rows[-1], report.rows[0]
    assert known.cpu_core_hours == pytest.approx(0.1)
    assert (known.memory_byte_hours, known.memory_requested_byte_hours, known.cpu_requested_core_hours) == (None, None, None)
    assert (known.network_received_bytes, known.network_sent_bytes, known.restarts, known.memory_peak_bytes) == (None,) * 4
    assert other.memory_byte_hours == pytest.approx(1e6)
    assert other.cpu_core_hours is None


def test_members_are_told_of_their_own_and_of_nothing_else(stage: Stage) -> None:
    ctx, people = stage
    span = {"since": NOW - HOUR, "until": NOW}
    viewer = replace(ctx, actor=a_member(ctx.session, people.kopi, MemberRole.VIEWER))
    assert usage.organization(viewer, organization_id=people.kopi.organization.id, **span).rows
    assert usage.instance(viewer, instance_id=people.n8n.id, **span).rows
    with pytest.raises(NotPermitted):
        usage.organizations(viewer, **span)
    for actor in (viewer.actor, a_stranger(ctx.session)):
        stranger = replace(ctx, actor=actor)
        with pytest.raises(NotFound):
            usage.organization(stranger, organization_id=people.toko.organization.id, **span)
        with pytest.raises(NotFound):
            usage.instance(stranger, instance_id=people.wordpress.id, **span)
    for asker in (ctx, viewer):
        with pytest.raises(NotFound):
            usage.organization(asker, organization_id="org_nonsense", **span)
        with pytest.raises(NotFound):
            usage.instance(asker, instance_id="ins_nonsense", **span)
