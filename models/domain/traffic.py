"""When what an app answers is bad: errors of the server, or answers that take too long, for a while and with enough requests.

No traffic is not trouble: most customers' sites are idle most of the time, and silence says nothing about them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from models.domain.latency import Quantile
from models.domain.trouble_shapes import Kind, Severity, Trouble, percent

ENOUGH = 20
"""Requests in a window below which it says nothing: one error among three requests is chance."""
IN_A_ROW = 3
"""Windows that must be bad one after the other, and the newest of them."""
LATELY = timedelta(minutes=20)
"""How old the newest window may be that says something."""
ERRORS = 0.05
"""Share of answers with a status from 500 from which a window is bad: ten times what the aim of 99.5 % allows."""
MOSTLY_ERRORS = 0.5
SLOW_SECONDS = 1.0
"""One answer in twenty takes longer. The lower bound of the bucket is compared, so it surely does, whatever lies between bounds."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a namespace answered in one window that ended at `until`. `p95` is None where times are not known."""

    namespace: str
    since: datetime
    until: datetime
    requests: float
    errors: float
    p95: Quantile | None = None

    @property
    def error_share(self) -> float | None:
        """None without requests."""
        return self.errors / self.requests if self.requests > 0 else None


def trouble(windows: Iterable[Answers], now: datetime, *, known_from: datetime | None = None) -> Iterator[Trouble]:
    """A row for each namespace that answers badly now, with the time since when it does without a better window between.

    What was already bad at `known_from`, where the windows begin, began nobody knows when.
    """
    by_namespace: dict[str, list[Answers]] = {}
    for one in windows:
        if one.requests >= ENOUGH:
            by_namespace.setdefault(one.namespace, []).append(one)
    for namespace, those in sorted(by_namespace.items()):
        those.sort(key=lambda one: one.until)
        if those[-1].until < now - LATELY:
            continue
        failing = _run(those, _fails)
        if failing:
            yield _failing(namespace, failing, _began(failing, known_from))
        slow = _run(those, _slow)
        if slow:
            yield _slowly(namespace, slow, _began(slow, known_from))


def _fails(one: Answers) -> bool:
    return one.errors >= ERRORS * one.requests


def _slow(one: Answers) -> bool:
    return one.p95 is not None and one.p95.above >= SLOW_SECONDS


def _run(those: Sequence[Answers], bad: Callable[[Answers], bool]) -> Sequence[Answers]:
    """The bad windows at the end, when they are enough."""
    good = next((at for at in range(len(those), 0, -1) if not bad(those[at - 1])), 0)
    return those[good:] if len(those) - good >= IN_A_ROW else ()


def _began(run: Sequence[Answers], known_from: datetime | None) -> datetime | None:
    return None if known_from is not None and run[0].since < known_from + LATELY else run[0].since


def _failing(namespace: str, run: Sequence[Answers], since: datetime | None) -> Trouble:
    requests, errors = sum(one.requests for one in run), sum(one.errors for one in run)
    share = errors / requests
    return Trouble(
        Kind.ANSWERS_FAIL,
        Severity.CRITICAL if share >= MOSTLY_ERRORS else Severity.WARNING,
        f"namespace:{namespace}",
        namespace,
        since,
        f"{percent(share)} of {requests:,.0f} requests were answered with an error of the server.",
        "Look at its events and its logs: a part that restarts, a database that is full or does not answer.",
        namespace=namespace,
    )


def _slowly(namespace: str, run: Sequence[Answers], since: datetime | None) -> Trouble:
    newest = run[-1].p95
    above = newest.above if newest is not None else SLOW_SECONDS
    return Trouble(
        Kind.ANSWERS_SLOW,
        Severity.WARNING,
        f"namespace:{namespace}",
        namespace,
        since,
        f"One answer in twenty takes longer than {above:g} s.",
        "Look whether its CPU limit holds it back or a neighbour takes the node; connections that stay open count as slow too.",
        namespace=namespace,
    )
