"""Laws of quantiles from counters: they lie where the truth lies, grow with the share, and follow Prometheus' rule."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain.latency import BOUNDS, mean, quantile, within

TIMES = st.lists(st.floats(0.0001, 30.0), min_size=1, max_size=60)
SHARES = st.floats(0.0, 1.0)
SETS = st.sets(st.sampled_from(BOUNDS), min_size=1)


def counted(times: Sequence[float], bounds: Sequence[float]) -> dict[float, float]:
    return {bound: float(sum(t <= bound for t in times)) for bound in bounds}


@given(TIMES, SETS, st.integers(1, 100))
def test_the_truth_lies_in_the_bucket_that_is_named(times: list[float], bounds: set[float], percent: int) -> None:
    """The smallest time within which so many were answered, and the estimate, are in the same bucket."""
    found = quantile(percent / 100, counted(times, sorted(bounds)), len(times))
    assert found is not None
    rank = max(1, -(-percent * len(times) // 100))
    truth = sorted(times)[rank - 1]
    assert found.above < truth <= found.upto or percent * len(times) % 100 == 0
    if found.beyond:
        assert found.seconds == max(bounds)
    else:
        assert found.above <= found.seconds <= found.upto


@given(TIMES, SETS, SHARES, SHARES)
def test_a_larger_share_never_takes_less_time(times: list[float], bounds: set[float], one: float, other: float) -> None:
    counts = counted(times, sorted(bounds))
    low, high = (quantile(share, counts, len(times)) for share in sorted((one, other)))
    assert low is not None
    assert high is not None
    assert low.seconds <= high.seconds + 1e-9


@given(TIMES, TIMES, SETS, SHARES)
def test_of_two_sums_together_it_lies_between_those_of_each(
    one: list[float], other: list[float], bounds: set[float], share: float
) -> None:
    """Counts of two windows, processes or services may be added."""
    parts = [quantile(share, counted(times, sorted(bounds)), len(times)) for times in (one, other)]
    first, second = counted(one, sorted(bounds)), counted(other, sorted(bounds))
    both = quantile(share, {b: first[b] + second[b] for b in bounds}, len(one) + len(other))
    assert both is not None
    ends = [found.seconds for found in parts if found is not None]
    assert min(ends) - 1e-9 <= both.seconds <= max(ends) + 1e-9


@given(st.dictionaries(st.sampled_from(BOUNDS), st.floats(0, 1e6), min_size=1), st.floats(0.001, 1e6), SHARES)
def test_counts_that_do_not_fit_each_other_still_give_an_order(counts: dict[float, float], total: float, share: float) -> None:
    """A part that left between two samples can leave a smaller count above a larger one."""
    found = quantile(share, counts, total)
    assert found is not None
    assert 0 <= found.above <= found.seconds <= found.upto


def test_it_is_the_rule_of_prometheus() -> None:
    """Worked by hand: rank 95 of 100 is the 15th of 20 in (0.3, 1.2]."""
    counts = {0.1: 50.0, 0.3: 80.0, 1.2: 100.0, 5.0: 100.0}
    found = quantile(0.95, counts, 100.0)
    assert found is not None
    assert found.seconds == pytest.approx(0.3 + 0.9 * 15 / 20)
    assert (found.above, found.upto) == (0.3, 1.2)
    lowest = quantile(0.25, counts, 100.0)
    assert lowest is not None
    assert lowest.seconds == pytest.approx(0.05)
    slow = quantile(0.99, {0.1: 50.0}, 100.0)
    assert slow is not None
    assert slow.beyond
    assert slow.seconds == 0.1


def test_a_count_below_that_of_a_lower_bound_is_raised_to_it() -> None:
    found = quantile(0.6, {0.1: 50.0, 0.3: 20.0, 1.2: 130.0}, 100.0)
    assert found is not None
    assert found.seconds == pytest.approx(0.3 + 0.9 * 10 / 50)


def test_without_requests_or_bounds_nothing_is_known() -> None:
    assert quantile(0.5, {0.1: 0.0}, 0.0) is None
    assert quantile(0.5, {}, 3.0) is None
    assert mean(0.0, 0.0) is None
    assert mean(3.0, 2.0) == 1.5
    with pytest.raises(ValueError, match="share"):
        quantile(95, {0.1: 1.0}, 1.0)


def test_names_of_counters_differ() -> None:
    names = [within(bound) for bound in BOUNDS]
    assert len(set(names)) == len(names)
    assert all(a < b for a, b in pairwise(BOUNDS))
