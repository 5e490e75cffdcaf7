"""How the collection of one source goes: what pages and /metrics show of it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from collectors.sources.port import Finding, QueryReport, SourceHealth


class Standing:
    """The newest `SourceHealth` of one source. Thread safe."""

    def __init__(self, source: str, interval: timedelta, began: datetime) -> None:
        self._lock = threading.Lock()
        self._health = SourceHealth(source, None, None, interval=interval, expected_since=began)
        self._filling = ""

    def succeeded(
        self,
        tick: datetime,
        at: datetime,
        seconds: float,
        queries: Sequence[QueryReport] = (),
        findings: Sequence[Finding] = (),
    ) -> bool:
        """A tick is stored; whether the source had been failing."""
        with self._lock:
            was = self._health
            self._health = replace(
                was,
                last_tick=tick if was.last_tick is None else max(tick, was.last_tick),
                last_success_at=at,
                failing_since=None,
                problem="",
                queries=tuple(queries),
                findings=tuple(findings),
                tick_seconds=seconds,
            )
            return was.failing_since is not None

    def failed(self, at: datetime, seconds: float, problem: str, queries: Sequence[QueryReport] = ()) -> None:
        """A tick could not be collected or stored."""
        with self._lock:
            was = self._health
            self._health = replace(
                was,
                failing_since=was.failing_since or at,
                problem=problem,
                tick_seconds=seconds,
                queries=tuple(queries) or was.queries,
            )

    def filling(self, problem: str) -> None:
        """How filling gaps went; empty when it went well."""
        with self._lock:
            self._filling = problem

    def health(self, findings: Sequence[Finding] = ()) -> SourceHealth:
        """`findings` are added to those of the newest tick."""
        with self._lock:
            found, filling = self._health, self._filling
        problem = found.problem or (f"Gaps cannot be filled: {filling}" if filling else "")
        return replace(found, problem=problem, findings=(*found.findings, *findings))
