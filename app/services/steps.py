"""The time axis of a curve: how long its steps are, where they end, and which view of the warehouse answers them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from models.domain.errors import Invalid

MOST_POINTS = 500
MOST_ASKED = 11_000
"""Points of a curve whose step was asked for, as many as Prometheus gives."""
STEPS = tuple(timedelta(minutes=m) for m in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440))
SHORTEST = timedelta(seconds=30)
FINEST_WINDOW = timedelta(minutes=5)
LONGEST = timedelta(days=400)
SAMPLES_FOR = timedelta(hours=6)
"""Up to this range a curve is drawn from samples; beyond it from windows."""
SAMPLES_ASKED = timedelta(days=1)
BUCKET = "time_bucket(to_seconds($step), {at} - INTERVAL 1 MICROSECOND, TIMESTAMP '2000-01-01') + to_seconds($step)"
"""SQL of the end of the step that a time falls into."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Steps that touch [since, until). `level`: samples, 5m or 1h."""

    since: datetime
    until: datetime
    step: timedelta
    level: str

    @property
    def times(self) -> tuple[datetime, ...]:
        """The ends of the steps, on the grid that windows have."""
        origin = datetime(2000, 1, 1, tzinfo=self.since.tzinfo)
        at = origin + ((self.since - origin) // self.step + 1) * self.step
        times = []
        while at < self.until + self.step:
            times.append(at)
            at += self.step
        return tuple(times)


def axis(since: datetime, until: datetime, step: timedelta | None = None) -> Axis:
    """The axis of a range, with at most 500 points when no step is asked for; Invalid when there can be no such axis."""
    span = _span(since, until)
    if step is None:
        step = _shortest(span, STEPS[0] if span <= SAMPLES_FOR else FINEST_WINDOW)
    elif step < SHORTEST or step.microseconds or span / step > MOST_ASKED:
        raise Invalid(
            f"A step has whole seconds, at least {SHORTEST.seconds}, and makes at most {MOST_ASKED} points.", field="step"
        )
    if step % FINEST_WINDOW:
        if span > SAMPLES_ASKED:
            raise Invalid("Beyond a day steps are whole multiples of 5 minutes: windows of 5 minutes answer them.", field="step")
        return Axis(since, until, step, "samples")
    return Axis(since, until, step, "5m" if step % timedelta(hours=1) else "1h")


def windows(since: datetime, until: datetime) -> Axis:
    """The axis of a curve that is drawn from windows alone, however short the range is."""
    step = _shortest(_span(since, until), FINEST_WINDOW)
    return Axis(since, until, step, "5m" if step % timedelta(hours=1) else "1h")


def _span(since: datetime, until: datetime) -> timedelta:
    if not since < until:
        raise Invalid("The end of the time must lie after its beginning.", field="until")
    if until - since > LONGEST:
        raise Invalid(f"At most {LONGEST.days} days are drawn at once. Choose a shorter time.", field="since")
    return until - since


def _shortest(span: timedelta, least: timedelta) -> timedelta:
    """The shortest step from `least` on that makes no more than 500 points."""
    return next((one for one in STEPS if one >= least and span / one <= MOST_POINTS - 1), STEPS[-1])
