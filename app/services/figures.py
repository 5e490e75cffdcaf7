"""What services hand to the edges for a number and for a curve: with unit, time, source and formula beside the value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that can be traced. `value` is None when it is not known, which is never zero."""

    value: float | None
    unit: str
    as_of: datetime | None
    source: str
    formula: str


@dataclass(frozen=True, slots=True)
class Line:
    """One curve over the times of its series. A value of None is a time without data: the curve stops there."""

    name: str
    """Stable key: `cpu_use`, `memory_request` ...; pages translate it."""
    unit: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at one instant, drawn on the axis."""

    at: datetime
    kind: str
    """restart, oom, event, state"""
    text: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Gap:
    """From `start` to `end` nothing was collected."""

    start: datetime
    end: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Series:
    """Curves on one time axis of at most 500 points. Each time ends a step of length `step`; None is a step without data."""

    since: datetime
    until: datetime
    step: timedelta
    times: tuple[datetime, ...]
    lines: tuple[Line, ...]
    as_of: datetime | None
    """Newest data in it."""
    source: str
    """samples, 5m or 1h, and where those came from."""
    formula: str
    marks: tuple[Mark, ...] = ()
    gaps: tuple[Gap, ...] = ()

    def line(self, name: str) -> Line:
        """The curve of that name; KeyError when the series has none."""
        for one in self.lines:
            if one.name == name:
                return one
        raise KeyError(name)
