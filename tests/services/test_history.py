"""Curves: few points, holes where nothing is known, and rates as one computes them by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count, pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session

from app.context import Context
from app.services import history
from app.services.figures import Gap, Series
from app.services.steps import LONGEST, MOST_POINTS, STEPS, axis
from collectors.entities import EVENT, NODE, NODE_STATE, POD, POD_STATE
from collectors.frames import entity_frame, record_frame
from collectors.latest import Latest
from collectors.warehouse import Warehouse
from models.domain.access import MemberRole, StaffRole, job_actor, member_actor, staff_actor
from models.domain.errors import Invalid, NotFound, NotPermitted
from tests.services.running import NOW, Cluster, a_snapshot, a_warehouse

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TICK = timedelta(seconds=30)
UID = "uid-n8n-6f7d-abcde"
names = (f"cluster-{n}" for n in count())


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with a_warehouse(tmp_path_factory.mktemp("warehouse")) as made:
        yield made


class Stage:
    """A cluster of its own in a warehouse that all tests share, with one metrics source."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse, self.name = warehouse, next(names)

    def pods(self, rows: Sequence[Mapping[str, Any]], uid: str = UID, container: str = "app") -> None:
        """Samples of one container, each at its tick. A further call must say what an earlier one has not said."""
        whole = [{"namespace": "kopi-n8n", "uid": uid, "container": container, "pod": uid, **row} for row in rows]
        self._samples(POD, "pod", whole)

    def nodes(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._samples(NODE, "node", [{"node": "node-1", **row} for row in rows])

    def _samples(self, entity: Any, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        frame = entity_frame(entity, pl.DataFrame(rows)).with_columns(pl.col("ts").alias("tick"))
        self.warehouse.bulk_load(f"metrics-{next(names)}", {name: frame}, cluster=self.name)

    def records(self, record: Any, rows: Sequence[Mapping[str, Any]]) -> None:
        frame = record_frame(record, rows).with_columns(pl.col("ts").dt.truncate("30s").dt.offset_by("30s").alias("tick"))
        self.warehouse.bulk_load(f"records-{next(names)}", {record.name: frame}, cluster=self.name)

    def windows(self, name: str, rows: Sequence[Mapping[str, Any]], key: Mapping[str, str]) -> None:
        facts = [{"n": 10, "covered_ms": 300_000, **key, **row} for row in rows]
        frame = pl.DataFrame(facts).with_columns(
            pl.col("t").dt.cast_time_unit("us"), pl.col("n").cast(pl.Int32), pl.col("covered_ms").cast(pl.Int64)
        )
        self.warehouse.bulk_load(f"windows-{name}", {}, windows={name: frame}, cluster=self.name)

    @property
    def ctx(self) -> Context:
        cluster = Cluster(replace(a_snapshot(), cluster=self.name), Latest())
        return Context(Session(), self.warehouse, cluster, job_actor("test"), NOW)

    def pod(self, since: datetime, until: datetime = NOW, **asked: Any) -> Series:
        return history.pod_series(self.ctx, uid=UID, since=since, until=until, **asked)

    def cluster(self, since: datetime, until: datetime = NOW, **asked: Any) -> Series:
        return history.cluster_series(self.ctx, since=since, until=until, **asked)


@pytest.fixture
def stage(warehouse: Warehouse) -> Stage:
    return Stage(warehouse)


def _known(series: Series, name: str) -> dict[datetime, float]:
    values = series.line(name).values
    return {at: value for at, value in zip(series.times, values, strict=True) if value is not None}


spans = st.integers(1, int(LONGEST.total_seconds())).map(lambda seconds: timedelta(seconds=seconds))


@given(st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(lambda at: at.replace(tzinfo=NOW.tzinfo)), spans)  # noqa: DTZ001
def test_an_axis_has_few_points_covers_its_range_and_ends_on_windows(since: datetime, span: timedelta) -> None:
    found = axis(since, since + span)
    times = found.times
    assert 1 <= len(times) <= MOST_POINTS
    assert found.step in STEPS
    assert times[0] - found.step <= since < times[0]
    assert times[-1] - found.step < found.until <= times[-1]
    assert all(later - earlier == found.step for earlier, later in pairwise(times))
    origin = datetime(2000, 1, 1, tzinfo=NOW.tzinfo)
    assert all((at - origin) % found.step == timedelta() for at in (times[0], times[-1]))


@pytest.mark.parametrize(
    ("span", "step", "level"),
    [
        (HOUR, MINUTE, "samples"),
        (6 * HOUR, MINUTE, "samples"),
        (6 * HOUR + SECOND, 5 * MINUTE, "5m"),
        (DAY, 5 * MINUTE, "5m"),
        (7 * DAY, 30 * MINUTE, "5m"),
        (30 * DAY, 2 * HOUR, "1h"),
        (400 * DAY, DAY, "1h"),
    ],
)
def test_the_step_grows_with_the_range(span: timedelta, step: timedelta, level: str) -> None:
    found = axis(NOW - span, NOW)
    assert (found.step, found.level) == (step, level)


@pytest.mark.parametrize(
    ("since", "until", "step", "field"),
    [
        (NOW, NOW, None, "until"),
        (NOW, NOW - SECOND, None, "until"),
        (NOW - LONGEST - SECOND, NOW, None, "since"),
        (NOW - HOUR, NOW, SECOND, "step"),
        (NOW - HOUR, NOW, timedelta(seconds=60, microseconds=1), "step"),
        (NOW - 30 * DAY, NOW, MINUTE, "step"),
        (NOW - 2 * DAY, NOW, 7 * MINUTE, "step"),
    ],
)
def test_ranges_and_steps_that_cannot_be_drawn(
    stage: Stage, since: datetime, until: datetime, step: timedelta | None, field: str
) -> None:
    for ask in (stage.cluster, stage.pod):
        with pytest.raises(Invalid) as caught:
            ask(since, until, step=step)
        assert caught.value.field == field


def test_where_nothing_was_collected_every_value_is_none_and_none_is_zero(stage: Stage) -> None:
    for series in (stage.cluster(NOW - HOUR), stage.cluster(NOW - 2 * DAY), stage.pod(NOW - HOUR)):
        assert {value for line in series.lines for value in line.values} == {None}
        assert series.as_of is None


def test_a_rate_from_samples_is_increase_over_time(stage: Stage) -> None:
    steps = [0.0, 6.0, 12.0, 24.0, 60.0]  # seconds of CPU at 11:58:00, :30, 11:59:00, :30, 12:00:00
    stage.pods(
        [
            {"ts": NOW - 2 * MINUTE + TICK * n, "cpu_usage_seconds_total": used, "memory_working_set_bytes": 100.0 * (n + 1)}
            for n, used in enumerate(steps)
        ]
    )
    series = stage.pod(NOW - 3 * MINUTE)
    assert series.source == "samples, view pod_sample"
    # the increase between two samples belongs to the step of the later one; the first sample has no increase
    assert _known(series, "cpu_use") == {NOW - MINUTE: 12.0 / 60, NOW: 48.0 / 60}
    assert _known(series, "memory_use") == {NOW - 2 * MINUTE: 100.0, NOW - MINUTE: 250.0, NOW: 450.0}
    assert _known(series, "memory_max") == {NOW - 2 * MINUTE: 100.0, NOW - MINUTE: 300.0, NOW: 500.0}
    assert (series.as_of, series.line("cpu_use").unit) == (NOW, "cores")


def test_a_counter_that_fell_began_again_at_zero(stage: Stage) -> None:
    counts = [1000.0, 1006.0, 3.0, 9.0]
    stage.pods([{"ts": NOW - 90 * SECOND + TICK * n, "cpu_usage_seconds_total": used} for n, used in enumerate(counts)])
    series = stage.pod(NOW - 2 * MINUTE)
    assert _known(series, "cpu_use") == {NOW - MINUTE: 6.0 / 30, NOW: (3.0 + 6.0) / 60}


def test_a_sum_over_interfaces_that_fell_is_unknown_until_the_next_sample(stage: Stage) -> None:
    counts = [1e12, 1e12 + 600, 9e11, 9e11 + 900]
    stage.pods([{"ts": NOW - 90 * SECOND + TICK * n, "network_transmit_bytes_total": sent} for n, sent in enumerate(counts)])
    assert _known(stage.pod(NOW - 2 * MINUTE), "network_transmit") == {NOW - MINUTE: 600 / 30, NOW: 900 / 30}


def test_containers_are_added_up_or_shown_alone(stage: Stage) -> None:
    for container, cores in (("app", 0.5), ("sidecar", 0.25)):
        rows = [
            {"ts": NOW - MINUTE + TICK * n, "cpu_usage_seconds_total": cores * 30 * n, "cpu_limit_cores": cores} for n in range(3)
        ]
        stage.pods(rows, container=container)
    assert _known(stage.pod(NOW - MINUTE), "cpu_use") == {NOW: 0.75}
    assert _known(stage.pod(NOW - MINUTE), "cpu_limit") == {NOW: 0.75}
    assert _known(stage.pod(NOW - MINUTE, container="sidecar"), "cpu_use") == {NOW: 0.25}


def test_a_pod_with_one_container_without_limit_has_no_limit(stage: Stage) -> None:
    stage.pods([{"ts": NOW, "cpu_limit_cores": 1.0, "memory_limit_bytes": 5.0}])
    stage.pods([{"ts": NOW, "memory_limit_bytes": 7.0}], container="sidecar")
    series = stage.pod(NOW - MINUTE)
    assert (_known(series, "cpu_limit"), _known(series, "memory_limit")) == ({}, {NOW: 12.0})


def test_throttling_is_a_share_of_periods_and_nothing_without_any(stage: Stage) -> None:
    rows = [(0.0, 0.0), (100.0, 25.0), (100.0, 25.0)]
    stage.pods(
        [
            {"ts": NOW - 2 * MINUTE + MINUTE * n, "cpu_cfs_periods_total": p, "cpu_cfs_throttled_periods_total": t}
            for n, (p, t) in enumerate(rows)
        ]
    )
    assert _known(stage.pod(NOW - 3 * MINUTE), "throttled") == {NOW - MINUTE: 0.25}


def test_silence_is_not_bridged_and_shows_as_a_gap(stage: Stage) -> None:
    early = [{"ts": NOW - 60 * MINUTE + TICK * n, "cpu_usage_seconds_total": 3.0 * n} for n in range(11)]
    late = [{"ts": NOW - 5 * MINUTE + TICK * n, "cpu_usage_seconds_total": 1000 + 3.0 * n} for n in range(11)]
    stage.pods([*early, *late])
    series = stage.pod(NOW - HOUR)
    known = _known(series, "cpu_use")
    assert sorted(known) == [*(NOW - MINUTE * n for n in range(59, 54, -1)), *(NOW - MINUTE * n for n in range(4, -1, -1))]
    assert list(known.values()) == pytest.approx([0.1] * 10)
    source = series.gaps[0].source
    assert series.gaps == (Gap(NOW - 55 * MINUTE, NOW - 5 * MINUTE - TICK, source),)


def test_silence_that_goes_on_is_a_gap_up_to_now(stage: Stage) -> None:
    stage.pods([{"ts": NOW - HOUR + TICK * n, "memory_working_set_bytes": 1.0} for n in range(60)])
    last = NOW - HOUR + 59 * TICK
    for series in (stage.pod(NOW - 2 * HOUR), stage.cluster(NOW - 2 * HOUR)):
        assert [(gap.start, gap.end) for gap in series.gaps] == [(last, NOW)]
        assert series.lines[0].values[-1] is None
    assert stage.pod(NOW - 2 * HOUR, NOW - 45 * MINUTE).gaps == ()


def test_windows_answer_long_ranges_and_samples_what_is_newer(stage: Stage) -> None:
    ends = [NOW - 48 * HOUR + 5 * MINUTE * n for n in range(1, 12 * 47 + 1)]  # up to an hour ago
    key = {"namespace": "kopi-n8n", "uid": UID, "container": "app", "pod": UID}
    stage.windows("pod", [{"t": at, "cpu_usage_seconds_total_inc": 60.0, "memory_working_set_bytes_avg": 7.0} for at in ends], key)
    stage.pods(
        [
            {"ts": NOW - 70 * MINUTE + TICK * n, "cpu_usage_seconds_total": 15.0 * n, "memory_working_set_bytes": 9.0}
            for n in range(141)
        ]
    )
    series = stage.pod(NOW - DAY)
    known = _known(series, "cpu_use")
    assert series.source == f"windows of 5m, samples after {NOW - HOUR:%H:%M} UTC, view pod_5m"
    assert len(known) == 288
    assert known == pytest.approx({at: 0.2 if at <= NOW - HOUR else 0.5 for at in known})
    assert series.as_of == NOW
    assert {at: v for at, v in _known(series, "memory_use").items() if at in (NOW - HOUR, NOW - 55 * MINUTE)} == {
        NOW - HOUR: 7.0,
        NOW - 55 * MINUTE: 9.0,
    }


def test_a_step_that_has_a_window_keeps_it_though_samples_reach_into_it(stage: Stage) -> None:
    ends = [NOW - 48 * HOUR + 5 * MINUTE * n for n in range(1, 12 * 47 + 1)]
    key = {"namespace": "kopi-n8n", "uid": UID, "container": "app", "pod": UID}
    stage.windows("pod", [{"t": at, "memory_working_set_bytes_avg": 7.0} for at in ends], key)
    stage.pods([{"ts": NOW - 70 * MINUTE + TICK * n, "memory_working_set_bytes": 9.0} for n in range(141)])
    known = _known(stage.pod(NOW - DAY, step=2 * HOUR), "memory_use")
    assert known[NOW] == 7.0  # its first hour; an average of two kinds would be neither
    assert set(known.values()) == {7.0}


def test_the_cluster_is_the_sum_of_its_pods_and_nodes(stage: Stage) -> None:
    for uid, cores in (("a", 0.5), ("b", 1.5)):
        rows = [
            {
                "ts": NOW - MINUTE + TICK * n,
                "cpu_usage_seconds_total": cores * 30 * n,
                "memory_working_set_bytes": 1e9 * cores,
                "cpu_request_cores": 2 * cores,
                "memory_request_bytes": 2e9 * cores,
            }
            for n in range(3)
        ]
        stage.pods(rows, uid=uid)
    stage.nodes([{"ts": NOW - MINUTE + TICK * n, "cpu_allocatable_cores": 4.0, "memory_allocatable_bytes": 8e9} for n in range(3)])
    series = stage.cluster(NOW - MINUTE)
    assert {name: _known(series, name) for name in history.CLUSTER_UNITS} == {
        "cpu_use": {NOW: 2.0},
        "cpu_request": {NOW: 4.0},
        "cpu_allocatable": {NOW: 4.0},
        "memory_use": {NOW: 2e9},
        "memory_request": {NOW: 4e9},
        "memory_allocatable": {NOW: 8e9},
        "pods": {NOW: 2.0},
    }


def test_in_windows_a_pod_counts_for_the_part_that_it_was_there(stage: Stage) -> None:
    ends = [NOW - 8 * HOUR + 5 * MINUTE * n for n in range(1, 97)]
    stage.windows("node", [{"t": at, "cpu_allocatable_cores_avg": 4.0} for at in ends], {"node": "node-1"})
    rows = [
        {"t": at, "n": 5, "covered_ms": 150_000, "cpu_usage_seconds_total_inc": 30.0, "memory_working_set_bytes_avg": 100.0}
        for at in ends
    ]
    stage.windows("pod", rows, {"namespace": "x", "uid": "half", "container": "app", "pod": "half"})
    series = stage.cluster(NOW - 7 * HOUR)
    assert _known(series, "cpu_use") == pytest.approx(dict.fromkeys(series.times, 0.1))
    assert _known(series, "memory_use") == pytest.approx(dict.fromkeys(series.times, 50.0))


def test_a_node_has_the_use_of_the_machine_and_its_states_as_marks(stage: Stage) -> None:
    stage.nodes(
        [
            {
                "ts": NOW - MINUTE + TICK * n,
                "cpu_seconds_total": 120.0 * n,
                "cpu_idle_seconds_total": 60.0 * n,
                "cpu_steal_seconds_total": 15.0 * n,
                "memory_total_bytes": 8e9,
                "memory_available_bytes": 6e9,
                "filesystem_size_bytes": 100.0,
                "filesystem_available_bytes": 25.0,
                "load1": 1.5,
            }
            for n in range(3)
        ]
    )
    stage.records(NODE_STATE, [{"ts": NOW - 20 * SECOND, "node": "node-1", "phase": "NotReady", "reason": "KubeletStopped"}])
    series = history.node_series(stage.ctx, name="node-1", since=NOW - MINUTE, until=NOW)
    assert _known(series, "cpu_use") == {NOW: 1.5}
    assert (_known(series, "memory_use"), _known(series, "disk_use"), _known(series, "load1")) == (
        {NOW: 2e9},
        {NOW: 0.75},
        {NOW: 1.5},
    )
    assert [(mark.at, mark.kind, mark.text) for mark in series.marks] == [(NOW - 20 * SECOND, "state", "NotReady: KubeletStopped")]


def test_restarts_kills_and_warnings_are_marks_within_the_range(stage: Stage) -> None:
    pod = {"namespace": "kopi-n8n", "pod": "n8n", "uid": UID, "container": "app"}
    ends = [(30, "OOMKilled"), (20, "Error"), (90, "Error")]
    stage.records(
        POD_STATE,
        [
            {"ts": NOW - m * MINUTE, **pod, "last_reason": why, "last_finished_at": NOW - m * MINUTE}
            for m, why in sorted(ends, reverse=True)
        ],
    )
    event = {"namespace": "kopi-n8n", "kind": "Pod", "name": "n8n", "object_uid": UID, "message": "m"}
    stage.records(
        EVENT,
        [
            {"ts": NOW - 10 * MINUTE, "uid": "e1", "type": "Warning", "reason": "Unhealthy", "count": 4, **event},
            {"ts": NOW - 9 * MINUTE, "uid": "e2", "type": "Normal", "reason": "Pulled", "count": 1, **event},
        ],
    )
    marks = stage.pod(NOW - HOUR).marks
    assert [(mark.at, mark.kind, mark.text, mark.count) for mark in marks] == [
        (NOW - 30 * MINUTE, "oom", "app: OOMKilled", 1),
        (NOW - 20 * MINUTE, "restart", "app: Error", 1),
        (NOW - 10 * MINUTE, "event", "Unhealthy: m", 4),
    ]


def test_no_restart_of_a_pod_that_crashes_all_day_is_left_out(stage: Stage) -> None:
    pod = {"namespace": "kopi-n8n", "pod": "n8n", "uid": UID, "container": "app", "last_reason": "Error"}
    ends = [NOW - n * 2 * MINUTE for n in range(700)]
    stage.records(POD_STATE, [{"ts": at, **pod, "last_finished_at": at} for at in sorted(ends)])
    marks = stage.pod(NOW - 24 * HOUR).marks
    assert len(marks) <= 501
    assert sum(mark.count for mark in marks) == 700
    assert marks[0].at == min(ends)


def test_what_is_gone_has_a_history_and_what_never_was_has_none(stage: Stage) -> None:
    stage.pods([{"ts": NOW - TICK, "memory_working_set_bytes": 5.0}], uid="gone")
    stage.nodes([{"ts": NOW - TICK, "node": "node-gone", "load1": 1.0}])
    gone = history.pod_series(stage.ctx, uid="gone", since=NOW - MINUTE, until=NOW)
    assert _known(gone, "memory_use") == {NOW: 5.0}
    node = history.node_series(stage.ctx, name="node-gone", since=NOW - MINUTE, until=NOW)
    assert _known(node, "load1") == {NOW: 1.0}
    with pytest.raises(NotFound, match="no pod of that id"):
        history.pod_series(stage.ctx, uid="nonsense", since=NOW - MINUTE, until=NOW)
    with pytest.raises(NotFound, match="no node of that name"):
        history.node_series(stage.ctx, name="nonsense", since=NOW - MINUTE, until=NOW)


def test_only_staff_that_sees_the_cluster_is_told(stage: Stage) -> None:
    for actor in (member_actor("u", "Ayu", {"org": MemberRole.OWNER}), staff_actor("s", "Citra", StaffRole.BILLING)):
        ctx = replace(stage.ctx, actor=actor)
        with pytest.raises(NotPermitted):
            history.pod_series(ctx, uid=UID, since=NOW - HOUR, until=NOW)
        with pytest.raises(NotPermitted):
            history.node_series(ctx, name="node-1", since=NOW - HOUR, until=NOW)
        with pytest.raises(NotPermitted):
            history.cluster_series(ctx, since=NOW - HOUR, until=NOW)
