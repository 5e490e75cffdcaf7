"""When a daily series crosses a line: a robust trend with an interval, shown only when it beats a naive baseline on the past.

Method: Theil-Sen slope (median of the slopes of all pairs of days) on the last days, level from the median residual of the last
week, so that the forecast begins where the series is; the band is split-conformal: at each cut of a rolling back-test the trend is
fitted on what was known then, and the 10th and 90th percentiles of the errors at that distance widen it. Baseline: seasonal naive,
the same weekday of the last week. Pure, standard library.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

MINIMUM_DAYS = 14
FIT_DAYS = 60
"""Days that a trend is fitted on: growth of half a year ago is another business."""
SEASON = 7
HORIZON = 365
TEST_DISTANCE = 14
MAXIMUM_CUTS = 20
COVERAGE = 0.8
METHOD = "Theil-Sen trend on daily values, 80 % split-conformal band, against seasonal naive (7 days)"


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the series; days without data are simply not there."""

    on: date
    value: float


@dataclass(frozen=True, slots=True)
class Trend:
    """A straight line: `level` at `origin`, `slope` a day."""

    origin: date
    level: float
    slope: float

    def at(self, day: date) -> float:
        return self.level + self.slope * (day - self.origin).days


@dataclass(frozen=True, slots=True)
class BackTest:
    """How trend and baseline would have done in the past. Errors are medians of |forecast - actual| / |actual|."""

    cuts: int
    distance: int
    """Days ahead that were judged."""
    model_error: float
    baseline_error: float
    lows: tuple[float, ...]
    """By distance 1..distance: the 10th percentile of actual - forecast."""
    highs: tuple[float, ...]

    @property
    def trusted(self) -> bool:
        return self.model_error < self.baseline_error


@dataclass(frozen=True, slots=True)
class NotEnough:
    """Fewer daily points than a forecast needs."""

    days: int
    needed: int = MINIMUM_DAYS


@dataclass(frozen=True, slots=True)
class Point:
    on: date
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """The trend from the last day on. `crossing` and its band are None where the line is not reached within the horizon.

    `earliest` is where the upper edge of the band reaches the line, `latest` where the lower edge does: the day of the crossing
    itself when the trend was never too high in the back-test, None when the lower edge stays under the line. They are to be shown
    only when `back_test.trusted`; otherwise the trend is no better than last week's values and a date would be invented.
    """

    trend: Trend
    last: Day
    line: float
    crossing: date | None
    earliest: date | None
    latest: date | None
    back_test: BackTest
    points: tuple[Point, ...]
    method: str = METHOD


def fit(days: Sequence[Day]) -> Trend:
    """Theil-Sen: robust against 29 % of wild days, in its level against three of the last seven. Needs two different days."""
    origin = days[-1].on
    at = [(day.on - origin).days for day in days]
    slopes = [
        (b.value - a.value) / (xb - xa)
        for i, (a, xa) in enumerate(zip(days, at, strict=True))
        for b, xb in zip(days[i + 1 :], at[i + 1 :], strict=True)
        if xb != xa
    ]
    slope = median(slopes)
    recent = list(zip(days, at, strict=True))[-SEASON:]
    return Trend(origin, median(day.value - slope * x for day, x in recent), slope)


def seasonal_naive(days: Sequence[Day], on: date) -> float:
    """The value of the same weekday in the last known week, or the last value when that day is missing."""
    known = {day.on: day.value for day in days[-2 * SEASON :]}
    last = days[-1].on
    back = on
    while back > last:
        back -= timedelta(days=SEASON)
    return known.get(back, days[-1].value)


def back_test(days: Sequence[Day]) -> BackTest:
    """Rolling origin: fit on the past of each cut, compare with what came, up to 14 days ahead and 20 cuts.

    A short history is cut later and judged nearer: at least half of it is always left to fit on.
    """
    distance = min(TEST_DISTANCE, max(1, len(days) // 4))
    first = max(SEASON + 1, len(days) // 2)
    cuts = list(range(first, len(days)))
    stride = max(1, math.ceil(len(cuts) / MAXIMUM_CUTS))
    cuts = cuts[::-1][::stride][::-1]
    model: list[float] = []
    baseline: list[float] = []
    residuals: list[list[float]] = [[] for _ in range(distance)]
    for cut in cuts:
        past = days[max(0, cut - FIT_DAYS) : cut]
        trend = fit(past)
        for actual in days[cut : cut + distance]:
            ahead = (actual.on - past[-1].on).days
            if not 1 <= ahead <= distance:
                continue
            expected = trend.at(actual.on)
            residuals[ahead - 1].append(actual.value - expected)
            if actual.value:
                model.append(abs(expected - actual.value) / abs(actual.value))
                baseline.append(abs(seasonal_naive(past, actual.on) - actual.value) / abs(actual.value))
    lows, highs = _band(residuals)
    return BackTest(
        cuts=len(cuts),
        distance=distance,
        model_error=median(model) if model else math.inf,
        baseline_error=median(baseline) if baseline else math.inf,
        lows=lows,
        highs=highs,
    )


def _band(residuals: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Percentiles of the errors by distance; never narrower than nearer by, because what is farther is not surer."""
    lows: list[float] = []
    highs: list[float] = []
    low, high = 0.0, 0.0
    for errors in residuals:
        if errors:
            low = min(low, _quantile(errors, (1 - COVERAGE) / 2))
            high = max(high, _quantile(errors, 1 - (1 - COVERAGE) / 2))
        lows.append(low)
        highs.append(high)
    return tuple(lows), tuple(highs)


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def crossing(days: Sequence[Day], line: float, *, extra: float = 0.0) -> Forecast | NotEnough:
    """When the series reaches `line` from below. `extra` is added to every future value, such as the open trials'."""
    days = sorted(days, key=lambda day: day.on)
    if len(days) < MINIMUM_DAYS:
        return NotEnough(len(days))
    recent = days[-FIT_DAYS:]
    trend = fit(recent)
    test = back_test(days)
    last = days[-1]
    points: list[Point] = []
    found: dict[str, date] = {}
    for ahead in range(1, HORIZON + 1):
        on = last.on + timedelta(days=ahead)
        value = trend.at(on) + extra
        # beyond the tested distance the error grows with the root of time, as that of a drifting level does
        grow = math.sqrt(max(1.0, ahead / test.distance))
        nearest = min(ahead, test.distance) - 1
        point = Point(on, value, value + test.lows[nearest] * grow, value + test.highs[nearest] * grow)
        points.append(point)
        for name, edge in (("crossing", point.value), ("earliest", point.high), ("latest", point.low)):
            if edge >= line:
                found.setdefault(name, on)
    return Forecast(
        trend=trend,
        last=last,
        line=line,
        crossing=found.get("crossing"),
        earliest=found.get("earliest"),
        latest=found.get("latest"),
        back_test=test,
        points=tuple(points),
    )
