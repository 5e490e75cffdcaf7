"""Prometheus as a source of measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from collectors.entities import ENTITIES
from collectors.frames import TIME, entity_frame
from collectors.promql import EXPRESSIONS, FACTS_SECONDS, Exporter, Expression, Jobs, Shape
from collectors.sources import prometheus_findings as findings
from collectors.sources import prometheus_ingress as ingress
from collectors.sources import prometheus_nodes as nodes
from collectors.sources import prometheus_pods as pods
from collectors.sources import prometheus_volumes as volumes
from collectors.sources.port import Finding, InventorySource, QueryReport, Reading, Window
from collectors.sources.prometheus_connection import PrometheusConnection, Series, TooMuch
from collectors.sources.prometheus_samples import Grid, added, facts, samples
from models.domain import clock
from models.domain.cluster import Snapshot
from models.domain.errors import PlatformError, Unavailable

READING_SECONDS = 120.0
"""All questions of one reading together."""
CADVISOR_SECONDS = 15.0
"""How old a container's sample may be when it is scraped: cAdvisor looks at each every 10 to 15 seconds, and says when."""
OLDEST_KNOWN = timedelta(minutes=10)
_LABELS: Mapping[str, Sequence[str]] = {**pods.LABELS, **nodes.LABELS, **volumes.LABELS, **ingress.LABELS}
_SEARCH = (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1))
_FARTHEST = timedelta(days=400)
_STRANGE = (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, OSError)
"""What an answer of another shape raises where it is taken apart; the last two are times that no calendar has."""


class PrometheusSource:
    """Signs `MetricsSource` and `ChunkedMetricsSource`; may be asked from several threads. The limits are for one question."""

    name = "prometheus"

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        token_file: Path | None = None,
        jobs: Jobs | None = None,
        cluster: str = "default",
        inventory: InventorySource | None = None,
        max_series: int = 100_000,
        max_bytes: int = 128 * 2**20,
    ) -> None:
        self._connection = PrometheusConnection(url, token, max_series=max_series, max_bytes=max_bytes, token_file=token_file)
        self._jobs = jobs or Jobs()
        self._cluster = cluster
        self._inventory = inventory
        self._oldest: tuple[float, datetime | None] | None = None
        self._pace = CADVISOR_SECONDS

    @property
    def lateness(self) -> timedelta:
        """How long after its own time a sample can be read: until cAdvisor's was scraped."""
        return timedelta(seconds=min(CADVISOR_SECONDS, self._pace) + 1)

    def read(self, window: Window) -> Reading:
        """All raw samples in the window, one row per thing. Raises Unavailable or Misconfigured, with a sentence."""
        return next(iter(self.read_many([window])))[1]

    def read_many(self, windows: Sequence[Window]) -> Iterator[tuple[Window, Reading]]:
        """Adjoining windows of one length are read with one question per metric; halves of them when the answer is too large.

        Roles and taints of nodes are said once for all windows that were read together.
        """
        for run in _runs(windows):
            yield from self._read_run(run)

    def oldest(self) -> datetime | None:
        """The first scrape that Prometheus still has, to a minute; None while it has none. Raises as `read` does."""
        known = self._oldest
        if known is not None and clock.stopwatch() - known[0] < OLDEST_KNOWN.total_seconds():
            return known[1]
        end = clock.SystemClock().now()
        start = end - _FARTHEST
        found: datetime | None = None
        for step in _SEARCH:
            series = self._connection.points("count(up)", start, end, int(step.total_seconds()))
            try:
                first = min((s["values"][0][0] for s in series if s["values"]), default=None)
                if first is not None:
                    found = datetime.fromtimestamp(first, tz=end.tzinfo)
            except _STRANGE as error:
                raise self._connection.strange() from error
            start, end = (found - step, found) if found else (end - step, end)
        self._oldest = (clock.stopwatch(), found)
        return found

    def close(self) -> None:
        self._connection.close()

    def _read_run(self, run: Sequence[Window]) -> Iterator[tuple[Window, Reading]]:
        try:
            answers = list(self._answers(run))
        except TooMuch:
            if len(run) == 1:
                raise
            half = len(run) // 2
            yield from self._read_run(run[:half])
            yield from self._read_run(run[half:])
            return
        yield from answers

    def _answers(self, run: Sequence[Window]) -> Iterator[tuple[Window, Reading]]:
        grid = Grid.of(run)
        reports: list[QueryReport] = []
        tables = self._tables(grid, reports)
        up = self._up(grid, reports)
        seen = self._seen()
        known = pods.known_pods(tables, _pods_of(seen))
        of_pods = pods.pod_rows(tables, known)
        of_nodes = nodes.node_rows(
            {name: tables[name] for name in nodes.LABELS},
            _frame(seen, lambda s: [(n.name, n.address) for n in s.nodes.values()], {"node": pl.String(), "address": pl.String()}),
        )
        backends: Callable[[], Any] | None = getattr(self._inventory, "backends", None)
        rows = {
            "pod": of_pods.rows,
            "node": of_nodes.rows,
            "filesystem": of_nodes.filesystems,
            "volume": volumes.volume_rows(tables),
            "ingress": ingress.ingress_rows(tables, *(backends() if backends else ((), ()))),
            "ingress_process": ingress.process_rows(tables["ingress_processes"]),
        }
        pulse = findings.pulse(up, pl.concat([rows[name].select("ts") for name in ("pod", "node")]), list(run))
        self._pace = pulse.pace or self._pace
        told = [
            *findings.of_exporters(tables, self._jobs, pulse, run[-1]),
            *findings.of_numbers(tables),
            *findings.of_pods(
                rows["pod"], of_pods.unknown, of_pods.unlabelled, of_pods.host_network, seen if len(run) == 1 else None
            ),
            *findings.of_nodes(rows["node"], of_nodes.unknown, self._jobs),
            *findings.of_volumes(rows["volume"]),
            *findings.of_ingress(rows["ingress"], tables["ingress_within"]),
            *findings.of_processes(rows["ingress_process"], pulse.scrapes(Exporter.TRAEFIK, self._jobs)),
            *findings.of_certificates(tables["ingress_certificates"], run[-1]),
        ]
        # an entity that no exporter tells of is absent; one that is told to be empty has an empty frame
        silent = set()
        if rows["filesystem"].is_empty():
            silent.add("filesystem")  # a machine without any file system of its own does not exist
        if rows["volume"].is_empty() and tables["pod_info"].is_empty():
            silent.add("volume")
        if not pulse.scrapes(Exporter.TRAEFIK, self._jobs):
            silent |= {name for name in ("ingress", "ingress_process") if rows[name].is_empty()}
        present = [name for name in rows if name not in silent]
        parts = {name: rows[name].partition_by("tick", as_dict=True) for name in present}
        for window in run:
            frames = {name: entity_frame(ENTITIES[name], parts[name].get((window.end,))) for name in present}
            missed: list[Finding] = []
            if window.end.timestamp() not in pulse.sampled:
                missed = [findings.unsampled(window)]
            yield window, Reading(frames, reports if window is run[0] else (), (*missed, *told))

    def _tables(self, grid: Grid, reports: list[QueryReport]) -> dict[str, pl.DataFrame]:
        until = clock.stopwatch() + READING_SECONDS
        tables = {}
        for name, labels in _LABELS.items():
            if clock.stopwatch() > until:
                raise Unavailable(
                    f"Prometheus at {self._connection.shown} needs more than {READING_SECONDS:.0f} s for the questions of one "
                    "tick. Give it more CPU, or set a longer tick."
                )
            expression = EXPRESSIONS[name]
            began = clock.stopwatch()
            try:
                found = self._found(expression, grid)
                tables[name] = _SHAPED[expression.shape](found, labels, grid)
            except _STRANGE as error:
                raise self._connection.strange() from error
            reports.append(QueryReport(name, clock.stopwatch() - began, len(found)))
        return tables

    def _found(self, expression: Expression, grid: Grid) -> Sequence[Series]:
        if expression.shape is not Shape.ADDED:
            return self._connection.ask(expression.query(self._jobs, grid.seconds), grid.end)
        seconds = -(-grid.step // timedelta(seconds=1))
        query = expression.query(self._jobs, seconds)
        if grid.count == 1:
            return self._connection.ask(query, grid.end)
        if grid.step == timedelta(seconds=seconds):
            return self._connection.points(query, grid.start + grid.step, grid.end, seconds)
        ends = [grid.start + grid.step * i for i in range(1, grid.count + 1)]
        return [{**one, "values": [one["value"]]} for end in ends for one in self._connection.ask(query, end)]

    def _up(self, grid: Grid, reports: list[QueryReport]) -> pl.DataFrame:
        """Every scrape that Prometheus made, from some minutes before the grid on."""
        began = clock.stopwatch()
        found = self._connection.ask(EXPRESSIONS["up"].query(self._jobs, grid.seconds + FACTS_SECONDS), grid.end)
        reports.append(QueryReport("up", clock.stopwatch() - began, len(found)))
        try:
            rows = [
                (s["metric"].get("job", ""), s["metric"].get("instance", ""), round(t * 1000), float(v))
                for s in found
                for t, v in s["values"]
            ]
        except _STRANGE as error:
            raise self._connection.strange() from error
        schema = {"job": pl.String(), "instance": pl.String(), "ms": pl.Int64(), "value": pl.Float64()}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def _seen(self) -> Snapshot | None:
        """What the cluster says exists; nothing while it cannot be asked."""
        if self._inventory is None:
            return None
        try:
            return self._inventory.snapshot()
        except PlatformError:
            return None


_SHAPED: Mapping[Shape, Callable[[Sequence[Series], Sequence[str], Grid], pl.DataFrame]] = {
    Shape.SAMPLES: samples,
    Shape.LAST: lambda found, labels, _: facts(found, labels),
    Shape.ADDED: added,
}


def _runs(windows: Sequence[Window]) -> Iterator[Sequence[Window]]:
    """Split into runs of adjoining windows of one length."""
    start = 0
    for at, (before, after) in enumerate(pairwise(windows), start=1):
        if after.start != before.end or after.end - after.start != before.end - before.start:
            yield windows[start:at]
            start = at
    if start < len(windows):
        yield windows[start:]


def _pods_of(seen: Snapshot | None) -> pl.DataFrame:
    schema = {
        "namespace": pl.String(),
        "pod": pl.String(),
        "uid": pl.String(),
        "node": pl.String(),
        "host_network": pl.String(),
        "started_at": TIME,
    }
    return _frame(
        seen,
        lambda s: [
            (p.namespace, p.name, p.uid, p.node or "", str(p.host_network).lower(), p.started_at or p.created_at)
            for p in s.pods.values()
        ],
        schema,
    )


def _frame(
    seen: Snapshot | None, rows: Callable[[Snapshot], list[tuple[Any, ...]]], schema: Mapping[str, pl.DataType]
) -> pl.DataFrame:
    return pl.DataFrame(rows(seen) if seen is not None else [], schema=dict(schema), orient="row")
