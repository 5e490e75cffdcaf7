"""Time to ready by plan and step."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from models.domain.readiness import Making, by_plan, quantile
from tests.stories import NOW


def making(plan: str, *steps: float, stopped: bool = False) -> Making:
    """Steps that took so many seconds each, one after another."""
    at, reached = NOW, []
    for number, took in enumerate(steps):
        at += timedelta(seconds=took)
        reached.append((f"step-{number}", at))
    return Making(plan, NOW, None if stopped else at, reached)


def test_each_step_counts_for_itself() -> None:
    (found,) = by_plan([making("trial", 10, 5), making("trial", 20, 1), making("trial", 30, 90)])
    assert (found.made, found.stopped, found.success) == (3, 0, 1.0)
    assert (found.median, found.nine_of_ten) == (21, 120)
    assert found.steps == {"step-0": 20, "step-1": 5}


def test_what_stopped_is_counted_and_not_timed() -> None:
    (found,) = by_plan([making("trial", 10), making("trial", 900, stopped=True)])
    assert (found.made, found.stopped, found.success, found.median) == (1, 1, 0.5, 10)
    (none,) = by_plan([making("pro", 900, stopped=True)])
    assert (none.made, none.success, none.median, none.nine_of_ten, none.steps) == (0, 0.0, None, None, {})


def test_plans_are_told_apart_and_nothing_is_nothing() -> None:
    assert [one.plan for one in by_plan([making("trial", 1), making("pro", 2)])] == ["pro", "trial"]
    assert by_plan([]) == ()
    assert quantile([], 0.5) is None


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_quantile_is_a_time_that_was_taken_and_covers_its_share(values: list[float], share: float) -> None:
    found = quantile(values, share)
    assert found in values
    assert found is not None
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values) + 1e-9
