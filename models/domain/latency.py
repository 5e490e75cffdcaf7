"""How long answers take: quantiles from a histogram of counters.

An ingress counts, for each of some bounds, the requests that were answered within it. Such counts can be added over processes, services
and windows, and a quantile of the sum follows from them; quantiles themselves can be neither added nor averaged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.25, 0.3, 0.5, 0.75, 1.0, 1.2, 2.0, 2.5, 5.0, 10.0)
"""Seconds. Those of Traefik (0.1, 0.3, 1.2, 5), of Prometheus' client libraries, and the finer ones that Traefik is commonly given.
Which of them a process of the ingress has is its own setting; what it counts for other bounds is not kept."""


@dataclass(frozen=True, slots=True)
class Quantile:
    """An estimate, and the bucket it was interpolated in: the truth lies in (`above`, `upto`], whatever the estimate."""

    seconds: float
    above: float
    upto: float

    @property
    def beyond(self) -> bool:
        """Whether it lies above the largest bound: then `seconds` is that bound, and all that is known is that it took longer."""
        return math.isinf(self.upto)


def within(bound: float) -> str:
    """Name of the counter of requests that were answered within a bound, such as `requests_within_100ms_total`."""
    return f"requests_within_{round(bound * 1000)}ms_total"


def quantile(share: float, counts: Mapping[float, float], total: float) -> Quantile | None:
    """The time within which `share` (0 to 1) of the requests were answered.

    `counts` are requests answered within each bound in seconds, `total` all of them. None without requests or without any bound.

    The rule is `histogram_quantile` of Prometheus for classic histograms (promql/quantile.go, `bucketQuantile` and
    `ensureMonotonicAndIgnoreSmallDeltas`; https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile):
    inside a bucket times are taken as evenly spread, the lowest begins at zero, a rank in the bucket above all bounds gives the
    largest bound, and a count that is smaller than the one of a lower bound (parts that fell between two samples) is raised to it.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"a share lies between 0 and 1, not at {share}")
    if not counts or not total > 0:
        return None
    rank, below, start = share * total, 0.0, 0.0
    for bound in sorted(counts):
        reached = min(total, max(below, counts[bound]))
        if reached >= rank:
            step = reached - below
            # without a step the rank is that of the lowest request there is: where its bucket begins
            inside = start + (bound - start) * ((rank - below) / step) if step > 0 else start
            return Quantile(min(bound, max(start, inside)), start, bound)
        below, start = reached, bound
    return Quantile(start, start, math.inf)


def mean(seconds: float, total: float) -> float | None:
    """Seconds that an answer took on average; None without requests."""
    return seconds / total if total > 0 else None
