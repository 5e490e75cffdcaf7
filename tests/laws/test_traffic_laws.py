"""Laws of bad answers: silence and small numbers say nothing, one better window ends it, and the beginning is the first bad one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from models.domain.cluster import Resources, Snapshot
from models.domain.latency import Quantile
from models.domain.traffic import ENOUGH, IN_A_ROW, SLOW_SECONDS, Answers, trouble
from models.domain.trouble import Kind, Severity, Trouble
from models.domain.trouble_neighbours import pointed
from tests.laws.clusters import a_node, a_pod

NOW = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)
STEP = timedelta(minutes=5)
SLOW = Quantile(2.0, SLOW_SECONDS, 5.0)
UNSURE = Quantile(1.1, 0.3, 1.2)
"""Estimated above the limit, in a bucket that begins below it."""


def windows(errors: list[float], requests: float = 100.0, p95: Quantile | None = None) -> list[Answers]:
    """Oldest first, the newest ending now."""
    ends = [NOW - STEP * (len(errors) - 1 - i) for i in range(len(errors))]
    return [Answers("kopi", end - STEP, end, requests, share * requests, p95) for end, share in zip(ends, errors, strict=True)]


@given(st.lists(st.floats(0, 1), max_size=12), st.floats(0, ENOUGH - 0.01))
def test_few_requests_say_nothing(errors: list[float], requests: float) -> None:
    assert list(trouble(windows(errors, requests, SLOW), NOW)) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_what_lies_before_a_good_window_is_forgotten(errors: list[float]) -> None:
    assert list(trouble(windows([*errors, 0.0]), NOW)) == []


@given(st.integers(0, 8), st.integers(0, 8), st.floats(0.06, 1.0), st.booleans())
def test_it_is_named_from_the_first_bad_window_on(good: int, bad: int, share: float, backwards: bool) -> None:
    those = windows([0.0] * good + [share] * bad)
    found = list(trouble(reversed(those) if backwards else those, NOW))
    assert len(found) == (bad >= IN_A_ROW)
    for one in found:
        assert one.kind is Kind.ANSWERS_FAIL
        assert one.since == NOW - STEP * bad
        assert (one.severity is Severity.CRITICAL) == (share >= 0.5)


def test_what_was_bad_from_the_beginning_on_began_nobody_knows_when() -> None:
    (found,) = trouble(windows([0.2] * 10), NOW, known_from=NOW - STEP * 10)
    assert found.since is None
    (found,) = trouble(windows([0.2] * 10), NOW, known_from=NOW - timedelta(hours=3))
    assert found.since == NOW - STEP * 10


def test_old_windows_say_nothing_about_now() -> None:
    assert list(trouble(windows([1.0] * 5), NOW + timedelta(minutes=21))) == []


def test_only_what_is_surely_slow_is_called_slow() -> None:
    assert list(trouble(windows([0.0] * 4, p95=UNSURE), NOW)) == []
    (found,) = trouble(windows([0.0] * 4, p95=SLOW), NOW)
    assert (found.kind, found.severity) == (Kind.ANSWERS_SLOW, Severity.WARNING)


def slow(*namespaces: str) -> list[Trouble]:
    return [
        Trouble(Kind.ANSWERS_SLOW, Severity.WARNING, f"namespace:{n}", n, NOW, "Slow.", "Look.", namespace=n) for n in namespaces
    ]


def on(**nodes: str) -> Snapshot:
    """A cluster with these namespaces, each on the nodes that its letters name."""
    size = Resources(4, 2**33, 110)
    pods = [replace(a_pod(f"{name}-{node}", Resources(), node), namespace=name) for name, those in nodes.items() for node in those]
    return Snapshot("default", NOW, {node: a_node(node, size) for node in "abc"}, {pod.uid: pod for pod in pods})


def test_slow_apps_that_share_one_node_are_told_which() -> None:
    found = pointed([*slow("kopi", "toko"), replace(slow("ayu")[0], kind=Kind.NOT_READY)], on(kopi="ab", toko="bc", ayu="a"))
    named = "All 2 slow apps have a part on b: look there for what takes its CPU, most likely a neighbour."
    assert [one.next_step for one in found] == [named, named, "Look."]


def test_a_node_is_not_named_where_it_explains_nothing() -> None:
    snapshots = (
        (on(kopi="b", ayu="a"), ["kopi"]),
        (on(kopi="a", toko="b", ayu="c"), ["kopi", "toko"]),
        (on(kopi="ab", toko="ab", ayu="c"), ["kopi", "toko"]),
        (on(kopi="b", toko="b"), ["kopi", "toko"]),
    )
    for snapshot, names in snapshots:
        assert [one.next_step for one in pointed(slow(*names), snapshot)] == ["Look."] * len(names)
