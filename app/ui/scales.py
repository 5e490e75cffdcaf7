"""Units and ends of the value axes of charts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from app.services.figures import Series
from app.ui.messages import Say


@dataclass(frozen=True, slots=True)
class Scale:
    """The unit of a value axis: stored values are divided by `divide`, the tooltip is printed by `pattern`."""

    divide: float = 1.0
    axis: str = "{value}"
    pattern: str = "%.2f"
    top: float | None = None


CORES = Scale(1, "{value}", "%.3f")
PERCENT = Scale(0.01, "{value} %", "%.1f %%")


def memory_scale(largest: float) -> Scale:
    """GiB for what is large, MiB for what is small: axis numbers keep two digits."""
    if largest >= 2 * 1024**3:
        return Scale(1024**3, "{value} GiB", "%.2f GiB")
    return Scale(1024**2, "{value} MiB", "%.0f MiB")


def bytes_scale(largest: float) -> Scale:
    """Of traffic: bytes each second."""
    if largest >= 2 * 1024**2:
        return Scale(1024**2, "{value} MiB/s", "%.2f MiB/s")
    return Scale(1024, "{value} KiB/s", "%.1f KiB/s")


def time_scale(say: Say, largest: float) -> Scale:
    """Of answers, in the reader's words for seconds and milliseconds."""
    name, divide, pattern = ("seconds", 1.0, "%.2f") if largest >= 1 else ("milliseconds", 0.001, "%.0f")
    return Scale(divide, say.text(f"unit.{name}", value="{value}"), say.text(f"unit.{name}", value=pattern))


def scale_for(say: Say, series: Series, names: Iterable[str], unit: str) -> Scale:
    """The scale that fits the largest value among `names`."""
    chosen = set(names)
    largest = max((v for line in series.lines if line.name in chosen for v in line.values if v is not None), default=0.0)
    if unit == "B":
        return memory_scale(largest)
    if unit == "B/s":
        return bytes_scale(largest)
    if unit == "s":
        return time_scale(say, largest)
    return PERCENT if unit == "share" else CORES


def rounded_up(value: float) -> float:
    """The next number of two figures, so that the end of an axis reads well."""
    if value <= 0:
        return 1.0
    power = 10.0 ** (math.floor(math.log10(value)) - 1)
    return round(math.ceil(value / power) * power, 6)


def whole_steps(value: float) -> float:
    """The next end of an axis that four steps of 1, 2, 2.5 or 5 reach."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value / 4))
    step = next(one * power for one in (1, 2, 2.5, 5, 10) if one * power * 4 >= value * 0.999999)
    return round(math.ceil(round(value / step, 6)) * step, 6)
