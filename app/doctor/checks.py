"""What is looked at, in the order in which one thing needs the other."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from app.config import Settings
from app.logs import redact
from models.domain.clock import Clock, SystemClock
from models.domain.errors import PlatformError


class Verdict(StrEnum):
    """GOOD; WARNING: it runs, and somebody should look; PROBLEM: it does not run, or not rightly."""

    GOOD = "good"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, and what was found, as a sentence."""

    name: str
    verdict: Verdict
    sentence: str


Look = Callable[[Settings, Clock], Iterator[Check]]


def examine(settings: Settings, clock: Clock | None = None) -> Iterator[Check]:
    """Every check, one after the other; no data is changed, and a running server is asked instead of disturbed."""
    from app.doctor import live, local

    clock = clock or SystemClock()
    looks: tuple[tuple[str, Look], ...] = (
        ("directory", local.directory),
        ("disk", local.disk),
        ("server", local.server),
        ("keys", local.keys),
        ("store", local.store),
        ("warehouse", local.warehouse),
        ("domain", local.domain),
        ("clock", local.clock_of_records),
    )
    if settings.live or settings.prometheus_url:
        looks += (("settings", live.settings_together),)
    if settings.live:
        looks += (("cluster", live.cluster), ("rights", live.rights))
    if settings.prometheus_url:
        looks += (("prometheus", live.prometheus),)
    unreachable = False
    for name, look in looks:
        if name == "rights" and unreachable:
            continue  # nobody there to ask
        for check in _told(name, look, settings, clock):
            unreachable = unreachable or (check.name == "cluster" and check.verdict is Verdict.PROBLEM)
            yield check


def _told(name: str, look: Look, settings: Settings, clock: Clock) -> Iterator[Check]:
    """A failure of the thing itself is its finding, never the end of the examination."""
    try:
        yield from look(settings, clock)
    except PlatformError as error:
        yield Check(name, Verdict.PROBLEM, str(error))
    except Exception as error:  # a mistake of one check must not hide what the others find
        last = traceback.extract_tb(error.__traceback__)[-1]
        yield Check(
            name,
            Verdict.PROBLEM,
            f"The check of “{name}” itself failed: {type(error).__name__}: {redact(str(error))} "
            f"(in {Path(last.filename).name}, line {last.lineno}). What it looks at is not known. "
            "This is an error of the program: report it with this line.",
        )


def good(name: str, sentence: str) -> Check:
    return Check(name, Verdict.GOOD, sentence)


def warning(name: str, sentence: str) -> Check:
    return Check(name, Verdict.WARNING, sentence)


def problem(name: str, sentence: str) -> Check:
    return Check(name, Verdict.PROBLEM, sentence)
