"""Time to ready: how long apps took from the beginning of the work to an answering address, step by step.

Quantiles are nearest-rank (Hyndman and Fan's type 1): each is a time that some app really took.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Making:
    """One app that was made, or whose making stopped (`finished_at` is None then). `reached`: when each step stood, in order."""

    plan: str
    started_at: datetime
    finished_at: datetime | None
    reached: Sequence[tuple[str, datetime]] = ()


@dataclass(frozen=True, slots=True)
class Readiness:
    """What the makings of one plan say. Seconds; None and empty when none was made."""

    plan: str
    made: int
    stopped: int
    median: float | None
    nine_of_ten: float | None
    steps: dict[str, float] = field(default_factory=dict)
    """Median of what each step took by itself, in the order of the steps."""

    @property
    def success(self) -> float:
        """Share of the makings that ended well."""
        return self.made / (self.made + self.stopped)


def by_plan(makings: Iterable[Making]) -> tuple[Readiness, ...]:
    """One for every plan that somebody began to make, in the order of the plans' names."""
    grouped: dict[str, list[Making]] = {}
    for one in makings:
        grouped.setdefault(one.plan, []).append(one)
    return tuple(_of(plan, grouped[plan]) for plan in sorted(grouped))


def quantile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least that share of them does not exceed; None without values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def _of(plan: str, makings: Sequence[Making]) -> Readiness:
    whole: list[float] = []
    parts: dict[str, list[float]] = {}
    for one in makings:
        if one.finished_at is None:
            continue
        whole.append((one.finished_at - one.started_at).total_seconds())
        before = one.started_at
        for step, at in one.reached:
            parts.setdefault(step, []).append((at - before).total_seconds())
            before = at
    medians = {step: quantile(took, 0.5) for step, took in parts.items()}
    return Readiness(
        plan=plan,
        made=len(whole),
        stopped=len(makings) - len(whole),
        median=quantile(whole, 0.5),
        nine_of_ten=quantile(whole, 0.9),
        steps={step: value for step, value in medians.items() if value is not None},
    )
