"""Laws of headroom, forecast and right-sizing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain import capacity, forecast, headroom, placement, rightsizing
from models.domain.capacity import Resource
from models.domain.cluster import Resources
from models.domain.forecast import Day, Forecast, NotEnough
from models.domain.rightsizing import MIB, Evidence
from tests.laws.clusters import NOW, a_node, amounts, snapshots

quick = settings(deadline=None, max_examples=60)
heavy = settings(deadline=None, max_examples=20)  # a back-test fits a trend at each of twenty cuts
START = date(2026, 8, 1)


@quick
@given(st.integers(1, 12), st.integers(1, 64))
def test_of_equal_nodes_all_but_one_are_safe(count, gib):
    nodes = [a_node(f"n{i}", Resources(4, gib << 30, 110)) for i in range(count)]
    assert capacity.safe_share(nodes, Resource.MEMORY) == pytest.approx((count - 1) / count)


@quick
@given(snapshots(), st.floats(0.1, 1.0))
def test_headroom_and_requests_make_up_the_line(snapshot, limit):
    for level in capacity.levels(placement.room(snapshot), limit):
        assert level.requested + level.headroom_sale == pytest.approx(level.sale_line)
        assert level.requested + level.headroom_safe == pytest.approx(level.safe_line)
        assert (level.share is None) == (level.allocatable == 0)
        assert level.safe_line <= level.allocatable + 1e-6


@quick
@given(snapshots())
def test_room_and_requests_are_those_of_the_same_nodes(snapshot):
    """Dedicated nodes, such as a tainted control plane, change no level; what has to leave a cordoned node is still asked for."""
    apart = [name for name, node in snapshot.nodes.items() if node.dedicated]
    left = replace(
        snapshot,
        nodes={name: node for name, node in snapshot.nodes.items() if name not in apart},
        pods={uid: pod for uid, pod in snapshot.pods.items() if pod.node not in apart},
    )
    with_them, without = (capacity.levels(placement.room(one), 0.8) for one in (snapshot, left))
    assert with_them == without
    held = [pod for pod in left.pods.values() if pod.active and pod.node is not None]
    assert next(level for level in without if level.resource is Resource.PODS).requested == len(held)


@quick
@given(snapshots(), amounts, st.floats(0.1, 1.0))
def test_what_may_be_sold_fits_stays_under_the_line_and_one_more_would_not(snapshot, request, limit):
    room = placement.room(snapshot)
    levels = capacity.levels(room, limit)
    more = capacity.more(request, headroom.pods_fit(headroom.specimen(request, NOW), room.nodes, room.left), levels)
    assert 0 <= more.within_sale_limit <= more.by_placement
    assert 0 <= more.within_safe_line <= more.by_placement
    one = Resources(request.cpu, request.memory, 1)
    if more.within_sale_limit:
        for level in levels:
            added = more.within_sale_limit * capacity.part(one, level.resource)
            assert level.requested + added <= level.sale_line + 1e-6 or added == 0
    if more.within_sale_limit < more.by_placement:
        level = next(level for level in levels if level.resource.value == more.binding)
        assert level.requested + (more.within_sale_limit + 1) * capacity.part(one, level.resource) > level.sale_line - 1e-6
    else:
        assert more.binding in ("nodes", "cpu", "memory", "pods")


def _days(values: list[float]) -> list[Day]:
    return [Day(START + timedelta(days=n), value) for n, value in enumerate(values)]


series = st.lists(st.floats(1.0, 100.0), min_size=14, max_size=70)


@heavy
@given(st.floats(0.1, 5.0), st.floats(10, 100), st.integers(14, 60), st.integers(1, 200))
def test_a_straight_line_is_continued_exactly(slope, level, length, distance):
    days = _days([level + slope * n for n in range(length)])
    line = level + slope * (length - 1 + distance)
    found = forecast.crossing(days, line - slope / 2)
    assert isinstance(found, Forecast)
    assert found.crossing == days[-1].on + timedelta(days=distance)
    assert found.back_test.model_error == pytest.approx(0, abs=1e-9)
    assert found.back_test.trusted


@heavy
@given(series, st.floats(1, 200))
def test_the_band_holds_the_forecast_and_its_dates(values, line):
    found = forecast.crossing(_days(values), line)
    assert isinstance(found, Forecast)
    assert all(point.low <= point.value <= point.high for point in found.points)
    widths = [point.high - point.low for point in found.points]
    assert all(b >= a - 1e-9 for a, b in pairwise(widths))
    if found.crossing is not None:
        assert found.earliest is not None
        assert found.earliest <= found.crossing
        assert found.latest is None or found.crossing <= found.latest


@heavy
@given(series, st.floats(50, 500), st.floats(0, 100))
def test_what_comes_in_addition_never_makes_it_later(values, line, extra):
    plain, more = (forecast.crossing(_days(values), line, extra=one) for one in (0.0, extra))
    assert isinstance(plain, Forecast)
    assert isinstance(more, Forecast)
    assert (more.crossing or date.max) <= (plain.crossing or date.max)


@heavy
@given(series, st.floats(50, 500), st.sampled_from([0.5, 2.0, 1024.0]))
def test_the_unit_does_not_matter(values, line, factor):
    plain, scaled = forecast.crossing(_days(values), line), forecast.crossing(_days([v * factor for v in values]), line * factor)
    assert isinstance(plain, Forecast)
    assert isinstance(scaled, Forecast)
    assert (plain.crossing, plain.earliest, plain.latest) == (scaled.crossing, scaled.earliest, scaled.latest)


@heavy
@given(series, st.floats(50, 500), st.randoms())
def test_the_order_in_which_days_are_given_does_not_matter(values, line, random):
    days = _days(values)
    assert forecast.crossing(random.sample(days, len(days)), line) == forecast.crossing(days, line)


@quick
@given(st.integers(0, 13))
def test_less_than_a_fortnight_is_not_enough(length):
    assert forecast.crossing(_days([1.0] * length), 10) == NotEnough(length)


@quick
@given(st.floats(10, 100), st.floats(0.2, 2.0), st.data())
def test_a_few_wild_days_do_not_move_the_trend(level, slope, data):
    values = [level + slope * n for n in range(40)]
    wild = data.draw(st.sets(st.integers(0, 39), max_size=8))
    for n in wild:
        values[n] += data.draw(st.floats(-500, 500))
    trend = forecast.fit(_days(values))
    assert trend.slope == pytest.approx(slope, rel=1e-6)


evidences = st.builds(
    Evidence,
    samples=st.integers(90, 5000),
    days=st.floats(2.9, 20),
    cpu_p95=st.floats(0, 4),
    memory_max=st.floats(0, 4e9),
    cpu_request=st.floats(0, 4),
    memory_request=st.floats(0, 4e9).map(float),
    memory_limit=st.floats(0, 8e9),
    oom_kills=st.integers(0, 5),
)


@quick
@given(evidences)
def test_a_suggestion_covers_what_was_seen_and_never_falls_below_the_floor(evidence):
    sizing = rightsizing.suggest(evidence)
    if sizing is None:
        return
    assert rightsizing.enough(evidence)
    assert sizing.cpu >= max(rightsizing.CPU_FLOOR, evidence.cpu_p95) - 1e-3
    assert sizing.memory >= max(rightsizing.MEMORY_FLOOR, int(evidence.memory_max * 1.15) - 1)
    if evidence.oom_kills:
        assert sizing.memory >= int(evidence.memory_request)
        assert sizing.memory >= int(evidence.memory_limit)
    assert sizing.saves_cpu(evidence) == pytest.approx(evidence.cpu_request - sizing.cpu)


@quick
@given(evidences)
def test_whoever_follows_a_suggestion_hears_nothing_more(evidence):
    calm = replace(evidence, oom_kills=0)
    sizing = rightsizing.suggest(calm)
    if sizing is None:
        return
    followed = replace(calm, cpu_request=sizing.cpu, memory_request=sizing.memory)
    assert rightsizing.suggest(followed) is None


@quick
@given(evidences)
def test_too_little_evidence_suggests_nothing(evidence):
    if evidence.samples < 100 or evidence.days < 3:
        assert rightsizing.suggest(evidence) is None


def test_the_rules_can_suggest_at_all():
    lavish = Evidence(4000, 14, 0.05, 100 * MIB, 1.0, 1024 * MIB)
    assert rightsizing.suggest(lavish) == rightsizing.Sizing(0.05, 120 * MIB, "p95 of CPU, peak memory plus 15 %")


def test_a_request_above_the_limit_says_that_the_limit_has_to_follow() -> None:
    """Kubernetes takes no request that is larger than the limit."""
    tight = rightsizing.Evidence(5000, 14.0, 0.05, 240 * MIB, 0.05, 128 * MIB, memory_limit=256 * MIB)
    sizing = rightsizing.suggest(tight)
    assert sizing is not None
    assert sizing.memory > 256 * MIB
    assert "raise its limit too" in sizing.reason
    roomy = rightsizing.suggest(replace(tight, memory_limit=512 * MIB))
    assert roomy is not None
    assert "limit" not in roomy.reason
