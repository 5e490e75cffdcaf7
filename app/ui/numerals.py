"""Numbers of a chart as its reader writes them: ECharts knows the decimal point only, and Streamlit hands it no locale.

So the words are made here. Values carry theirs for the tooltip, and an axis of categories stands where the value axis hides its own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from babel import Locale
from babel.numbers import get_decimal_symbol, get_group_symbol

Option = dict[str, Any]
SPLITS = 4
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_PATTERN = re.compile(r"%\.(\d)f(.*)")


def foreign(locale: Locale) -> bool:
    """Whether the reader writes numbers otherwise than ECharts does."""
    return bool(get_decimal_symbol(locale) != ".")


def words(value: float, pattern: str, locale: Locale) -> str:
    """`value` by a printf pattern of one number, such as `%.2f GiB`, with the reader's signs."""
    found = _PATTERN.fullmatch(pattern)
    if found is None:
        raise ValueError(f"no pattern of one number: {pattern!r}")
    return _signs(f"{value:,.{found[1]}f}", locale) + found[2].replace("%%", "%")


def axes(pattern: str, locale: Locale, top: float) -> list[Option]:
    """A value axis from zero to the first step at or above `top` (positive), without words, and an axis with the words of its steps."""
    step = _step(top)
    count = math.ceil(round(top / step, 6))
    told = [pattern.replace("{value}", _signs(_short(n * step), locale)) for n in range(count + 1)]
    value: Option = {
        "type": "value",
        "min": 0,
        "max": round(count * step, 9),
        "interval": round(step, 9),
        "axisLabel": {"show": False},
    }
    hidden: Option = {"show": False}
    said: Option = {"type": "category", "position": "left", "boundaryGap": False, "data": told, "axisLabel": {"interval": 0}}
    return [value, {**said, "axisLine": hidden, "axisTick": hidden, "splitLine": hidden, "axisPointer": hidden}]


def _step(top: float) -> float:
    """A step that reads well, of which `SPLITS` or fewer reach `top`."""
    power = 10.0 ** math.floor(math.log10(top / SPLITS))
    return next(one * power for one in STEPS if one * power * SPLITS >= top * 0.999999)


def _short(value: float) -> str:
    text = f"{round(value, 9):,.9f}".rstrip("0").rstrip(".")
    return text or "0"


def _signs(text: str, locale: Locale) -> str:
    """English signs become the reader's."""
    return text.translate(str.maketrans(".,", get_decimal_symbol(locale) + get_group_symbol(locale)))


def told(rows: Sequence[Sequence[float | None]], pattern: str, locale: Locale) -> list[list[Any]]:
    """Points of (time, value) with the words of the value as a third part."""
    return [[at, value, None if value is None else words(value, pattern, locale)] for at, value in rows]
