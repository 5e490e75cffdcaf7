"""Whether the collection can be trusted: how old, how whole, what is missing. Nothing known is never called fine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session

from app.context import Context
from app.services import collection, findings, gaps
from app.services.figures import Gap
from collectors.latest import Latest
from collectors.sources.port import Finding, QueryReport, Severity, SourceHealth
from collectors.warehouse import Warehouse
from models.domain.access import MemberRole, StaffRole, job_actor, member_actor, staff_actor
from models.domain.errors import Invalid, NotPermitted
from models.domain.trouble import SourceAge
from tests.services import running
from tests.services.running import NOW, Cluster, a_snapshot, a_warehouse

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TICK = timedelta(seconds=30)
names = (f"cluster-{n}" for n in count())


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with a_warehouse(tmp_path_factory.mktemp("warehouse")) as made:
        yield made


class Stage:
    """A cluster of its own in a warehouse that all tests share."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse, self.name = warehouse, next(names)

    def ticks(self, source: str, *at: datetime) -> Stage:
        self.warehouse.bulk_load(source, {}, ticks=at, cluster=self.name)
        return self

    def every(self, step: timedelta, source: str, since: datetime, until: datetime = NOW) -> Stage:
        """Ticks in (since, until]."""
        return self.ticks(source, *(since + step * (n + 1) for n in range((until - since) // step)))

    def ctx(self, *told: SourceHealth, known: Latest | None = None, **facts: object) -> Context:
        cluster = Cluster(replace(a_snapshot(**facts), cluster=self.name), known or Latest(), told)
        return Context(Session(), self.warehouse, cluster, job_actor("test"), NOW)

    def source(self, name: str, *told: SourceHealth) -> collection.SourceState:
        return next(one for one in collection.health(self.ctx(*told)).sources if one.source == name)


@pytest.fixture
def stage(warehouse: Warehouse) -> Stage:
    return Stage(warehouse)


def _told(source: str, last: datetime | None, interval: timedelta = TICK, **facts: object) -> SourceHealth:
    return SourceHealth(source, last, last, interval=interval, **facts)


def test_nothing_collected_is_said_and_not_called_whole(stage: Stage) -> None:
    found = collection.health(stage.ctx())
    assert (found.code, found.sentence, found.sources, found.gaps) == ("nothing", "Nothing was collected yet.", (), ())
    assert (found.coverage.value, found.rollup_lag.value, found.volumes_without_statistics.value) == (None, None, None)


def test_a_source_that_delivers_is_live(stage: Stage) -> None:
    stage.every(TICK, "metrics", NOW - HOUR).every(MINUTE, "prober", NOW - HOUR)
    found = collection.health(stage.ctx())
    assert found.sentence == "Everything arrives, nothing is missing in the last 24 hours."
    facts = [(s.source, s.state, s.ticks, s.missing, s.lost, s.interval_seconds, s.age_seconds) for s in found.sources]
    assert facts == [("metrics", "live", 120, 0, 0, 30.0, 0.0), ("prober", "live", 60, 0, 0, 60.0, 0.0)]


@pytest.mark.parametrize(
    ("silence", "state"), [(3 * TICK, "live"), (3 * TICK + SECOND, "late"), (2 * DAY, "late"), (29 * DAY, "late")]
)
def test_three_ticks_may_be_due_and_no_more(stage: Stage, silence: timedelta, state: str) -> None:
    stage.every(TICK, "metrics", NOW - silence - HOUR, NOW - silence)
    found = collection.health(stage.ctx())
    assert [one.state for one in found.sources] == [state]
    assert found.code == ("whole" if state == "live" else "late")
    assert bool(found.gaps) == (state == "late")


def test_sources_of_short_intervals_have_thirty_seconds(stage: Stage) -> None:
    stage.every(SECOND, "quick", NOW - timedelta(minutes=5), NOW - 30 * SECOND)
    assert stage.source("quick").state == "live"


def test_silence_is_a_gap_up_to_now_and_its_ticks_are_missing(stage: Stage) -> None:
    stage.every(TICK, "metrics", NOW - 3 * HOUR, NOW - HOUR).every(MINUTE, "prober", NOW - 3 * HOUR)
    found = collection.health(stage.ctx())
    assert found.gaps == (Gap(NOW - HOUR, NOW, "metrics"),)
    assert [(s.source, s.missing) for s in found.sources] == [("metrics", 120), ("prober", 0)]
    assert found.sentence == "metrics is late: what is newer is not known."
    assert collection.gaps(stage.ctx(), since=NOW - 90 * MINUTE, until=NOW - 30 * MINUTE) == (
        Gap(NOW - HOUR, NOW - 30 * MINUTE, "metrics"),
    )
    assert collection.gaps(stage.ctx(), since=NOW - HOUR / 2, until=NOW + HOUR) == (Gap(NOW - HOUR / 2, NOW, "metrics"),)
    assert collection.gaps(stage.ctx(), since=NOW - 3 * HOUR, until=NOW - HOUR) == ()


def test_of_a_gap_only_the_part_in_the_last_day_counts(stage: Stage) -> None:
    stage.every(TICK, "metrics", NOW - 30 * HOUR, NOW - 26 * HOUR).every(TICK, "metrics", NOW - 23 * HOUR)
    found = collection.health(stage.ctx())
    assert found.code == "gaps"
    assert found.gaps == (Gap(NOW - DAY, NOW - 23 * HOUR, "metrics"),)
    assert found.sources[0].missing == 120
    assert found.sentence == "Everything arrives; 1 gap of the last 24 hours (1.0 h) cannot be drawn."


def test_time_that_two_sources_miss_counts_once_in_the_sentence(stage: Stage) -> None:
    for source, back in (("a", 60), ("b", 90)):
        stage.every(TICK, source, NOW - 4 * HOUR, NOW - 2 * HOUR).every(TICK, source, NOW - (120 - back) * MINUTE)
    assert collection.health(stage.ctx()).sentence == "Everything arrives; 2 gaps of the last 24 hours (1.5 h) cannot be drawn."


@pytest.mark.parametrize(
    ("length", "words"), [(30, "30 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1.0 h"), (5400, "1.5 h")]
)
def test_a_short_gap_is_told_in_its_own_unit(length: int, words: str) -> None:
    gap = Gap(NOW - timedelta(seconds=length), NOW, "prometheus")
    assert collection._sentence("gaps", (), (gap,)) == f"Everything arrives; 1 gap of the last 24 hours ({words}) cannot be drawn."


def test_what_was_given_up_is_lost_and_not_missing(stage: Stage) -> None:
    stage.every(TICK, "metrics", NOW - HOUR, NOW - HOUR / 2).every(TICK, "metrics", NOW - HOUR / 4)
    for n in range(30):
        stage.warehouse.heartbeat(NOW - HOUR / 2 + TICK * (n + 1), "metrics", cluster=stage.name)
    source = stage.source("metrics")
    assert (source.missing, source.lost, source.ticks) == (0, 30, 90)
    assert collection.gaps(stage.ctx(), since=NOW - HOUR, until=NOW) == (Gap(NOW - HOUR / 2, NOW - HOUR / 4, "metrics"),)


def test_a_tick_that_was_given_up_is_not_heard(stage: Stage) -> None:
    stage.every(TICK, "metrics", NOW - HOUR, NOW - HOUR / 2)
    for n in range(60):
        stage.warehouse.heartbeat(NOW - HOUR / 2 + TICK * (n + 1), "metrics", cluster=stage.name)
    source = stage.source("metrics")
    assert (source.state, source.last_tick, source.lost) == ("late", NOW - HOUR / 2, 60)


def test_a_source_silent_for_thirty_days_is_not_expected_any_more(stage: Stage) -> None:
    stage.every(TICK, "old", NOW - 31 * DAY, NOW - 30 * DAY - HOUR).every(TICK, "metrics", NOW - HOUR)
    found = collection.health(stage.ctx())
    assert ([one.source for one in found.sources], found.code, found.gaps) == (["metrics"], "whole", ())
    assert findings.sources(stage.ctx()) == [SourceAge("metrics", NOW, TICK)]  # what Overview judges


def test_what_the_running_collector_does_not_know_is_not_expected(stage: Stage) -> None:
    stage.every(TICK, "simulated", NOW - 3 * HOUR, NOW - 2 * HOUR).every(TICK, "metrics", NOW - HOUR)
    assert [one.source for one in collection.health(stage.ctx()).sources] == ["metrics", "simulated"]
    found = collection.health(stage.ctx(_told("metrics", NOW)))
    assert ([one.source for one in found.sources], found.code, found.gaps) == (["metrics"], "whole", ())


def test_a_source_that_the_collector_knows_and_that_never_delivered(stage: Stage) -> None:
    source = stage.source("metrics", _told("metrics", None))
    assert (source.state, source.last_tick, source.age_seconds, source.interval_seconds) == ("never", None, None, 30.0)


def test_what_the_collector_says_of_a_failure_is_passed_on(stage: Stage) -> None:
    stage.every(TICK, "metrics", NOW - HOUR)
    query, finding = QueryReport("cpu", 0.5, 0, "refused"), Finding("x", Severity.WARNING, "x")
    worse = Finding("y", Severity.ERROR, "y")
    told = _told("metrics", NOW, failing_since=NOW - MINUTE, problem="It refuses.", queries=(query,), findings=(finding, worse))
    found = collection.health(stage.ctx(told))
    source = found.sources[0]
    assert (source.state, source.failing_since, source.problem, source.queries) == (
        "failing",
        NOW - MINUTE,
        "It refuses.",
        (query,),
    )
    assert (found.code, found.findings) == ("late", (worse, finding))


def test_the_interval_is_the_collectors_where_it_says_one(stage: Stage) -> None:
    stage.every(TICK, "metrics", NOW - HOUR, NOW - 4 * MINUTE)
    assert stage.source("metrics").state == "late"
    assert stage.source("metrics", _told("metrics", None, 5 * MINUTE)).state == "live"


def test_one_tick_alone_has_no_interval_and_is_not_judged(stage: Stage) -> None:
    source = stage.ticks("metrics", NOW - HOUR).source("metrics")
    assert (source.state, source.interval_seconds, source.missing) == ("live", None, 0)


def test_gaps_of_one_source_alone(stage: Stage) -> None:
    for source in ("a", "b"):
        stage.every(TICK, source, NOW - 2 * HOUR, NOW - HOUR).every(TICK, source, NOW - HOUR / 2)
    of_both = collection.gaps(stage.ctx(), since=NOW - DAY, until=NOW)
    assert [gap.source for gap in of_both] == ["a", "b"]
    assert collection.gaps(stage.ctx(), since=NOW - DAY, until=NOW, source="b") == of_both[1:]
    with pytest.raises(Invalid, match="after its beginning"):
        collection.gaps(stage.ctx(), since=NOW, until=NOW)


def test_coverage_is_of_containers_that_run_long_enough(stage: Stage) -> None:
    whole = collection.health(stage.ctx(known=running.latest())).coverage
    assert whole.value == 1.0  # of 8 that run; the one that finds no place and the crashed one do not
    snapshot = a_snapshot()
    uid = "uid-ghost-1a2b-fghij"
    twin = replace(snapshot.pods[uid], uid="unmeasured", name="twin")
    found = collection.health(stage.ctx(known=running.latest(), pods={**snapshot.pods, twin.uid: twin})).coverage
    running_now = sum(c.state == "running" for pod in snapshot.pods.values() for c in pod.containers)
    assert found.value == running_now / (running_now + 1)
    young = replace(twin, containers=tuple(replace(c, started_at=NOW - 2 * MINUTE) for c in twin.containers))
    assert collection.health(stage.ctx(known=running.latest(), pods={**snapshot.pods, young.uid: young})).coverage.value == 1.0


def test_without_current_samples_coverage_is_unknown_and_not_zero(stage: Stage) -> None:
    assert collection.health(stage.ctx()).coverage.value is None
    assert collection.health(stage.ctx(known=running.latest(), pods={})).coverage.value is None


def test_sizes_are_known_to_the_owner_only(stage: Stage) -> None:
    class Reader:
        def query(self, sql: str, params: object = None) -> object:
            return stage.warehouse.query(sql, params)

    stage.every(TICK, "metrics", NOW - HOUR)
    ctx = stage.ctx()
    own, other = collection.health(ctx), collection.health(replace(ctx, warehouse=Reader()))
    assert own.sizes[0].unit == "B"
    assert own.sizes[0].value
    assert any(figure.formula == "rows of ticks" and figure.value for figure in own.sizes)
    assert (other.sizes, other.sources) == ((), own.sources)


def test_only_staff_that_sees_the_cluster_is_told(stage: Stage) -> None:
    for actor in (member_actor("u", "Ayu", {"org": MemberRole.OWNER}), staff_actor("s", "Citra", StaffRole.BILLING)):
        ctx = replace(stage.ctx(), actor=actor)
        with pytest.raises(NotPermitted):
            collection.health(ctx)
        with pytest.raises(NotPermitted):
            collection.gaps(ctx, since=NOW - DAY, until=NOW)


@given(
    st.lists(st.tuples(st.sampled_from(["ok", "ok", "ok", "missing", "missing", "lost"]), st.integers(1, 40)), max_size=12),
    st.integers(0, 59),
    st.integers(1, 60),
)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_runs_are_the_part_of_the_view_gap_that_lies_in_the_range(
    warehouse: Warehouse, spans: Sequence[tuple[str, int]], begins: int, lasts: int
) -> None:
    """Steps of half an hour over some days: what the view says of the whole, clipped, is what is said of a part."""
    stage, step = Stage(warehouse), HOUR / 2
    at = NOW - 12 * DAY
    stored: list[datetime] = []
    lost: list[datetime] = []
    for what, length in [("ok", 3), *spans, ("ok", 3)]:
        for _ in range(length):
            at += step
            if what == "ok":
                stored.append(at)
            elif what == "lost":
                lost.append(at)
    stage.ticks("s", *stored)
    for at in lost:
        warehouse.heartbeat(at, "s", cluster=stage.name)
    since = NOW - 12 * DAY + begins * 3 * HOUR
    until = since + lasts * 3 * HOUR
    told = warehouse.query(
        "SELECT greatest(since, $a::TIMESTAMP) AS since, least(until, $e::TIMESTAMP) AS until, status = 'lost' AS lost, "
        "since AS first, until AS last, ticks FROM gap WHERE cluster = $c AND until > $a AND since < $e ORDER BY 1, 2",
        {"c": stage.name, "a": since, "e": until},
    ).rows()
    view = [row[:3] for row in told]
    found = [(run.gap.start, run.gap.end, run.lost) for run in gaps.runs(stage.ctx(), since, until, {})]
    assert sorted(found) == sorted(view)
    for run, (*_, first, last, ticks) in zip(gaps.runs(stage.ctx(), since, until, {}), told, strict=True):
        if first >= since and last <= until:
            assert run.ticks == ticks
        elif last - first == ticks * step:
            assert run.ticks == (run.gap.end - run.gap.start) // step
        else:  # a day with a tick or two tells no pace, so nobody knows how many are missing in it
            assert 0 <= run.ticks <= ticks
