"""Whether the collection itself can be trusted: how old, how whole, what is missing and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from app.absence import Parts
from app.context import Context
from app.services import gaps as times
from app.services import present
from app.services.figures import Figure, Gap
from app.services.gaps import Pace, Run
from collectors.sources.port import Finding, QueryReport, Severity, SourceHealth
from collectors.warehouse.health import WarehouseSizes
from models.domain.access import Permission
from models.domain.cluster import Snapshot
from models.domain.errors import Invalid

DAY = timedelta(days=1)
SETTLED = timedelta(minutes=3)
SIZES_KEPT = timedelta(seconds=30)
_SEVERITY = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
LAG = """
SELECT epoch(max(k.tick)) - epoch(max(w.t)) FROM
  (SELECT max(t) AS t, any_value(source) AS source FROM pod_5m WHERE cluster = $cluster AND t > $since) w
  JOIN tick k ON k.source = w.source AND k.cluster = $cluster"""


@dataclass(frozen=True, slots=True)
class SourceState:
    """One source that is expected to deliver. `state`: live, late, failing, never."""

    source: str
    state: str
    last_tick: datetime | None
    age_seconds: float | None
    interval_seconds: float | None
    """Median distance of its newest ticks when the collector does not say."""
    ticks: int | None
    """In the last 24 hours. None, as the next three, while the warehouse is away: not known is not nothing."""
    missing: int | None
    """Ticks missing in the last 24 hours."""
    lost: int | None
    """Of the last 24 hours, given up for good."""
    rows: int | None
    """Of the newest tick."""
    failing_since: datetime | None
    problem: str
    queries: tuple[QueryReport, ...]


@dataclass(frozen=True, slots=True)
class Health:
    """`code`: whole, late, gaps, nothing, away."""

    code: str
    sentence: str
    sources: tuple[SourceState, ...]
    gaps: tuple[Gap, ...]
    """Of the last 24 hours."""
    coverage: Figure
    """Share of the running containers whose CPU and memory arrive; None without any current samples."""
    rollup_lag: Figure
    """Seconds between the newest tick and the end of the newest 5-minute window."""
    volumes_without_statistics: Figure
    sizes: tuple[Figure, ...]
    findings: tuple[Finding, ...]
    away_since: datetime | None
    """Since when the warehouse does not answer: gaps, counts of ticks, roll-up lag and sizes are not known."""
    as_of: datetime


def health(ctx: Context) -> Health:
    """State of the collection, for staff."""
    ctx.require(Permission.SEE_CLUSTER)
    return ctx.keep("collection.health", lambda: _health(ctx), of=("warehouse", "cluster"))


def _health(ctx: Context) -> Health:
    snapshot = ctx.cluster.snapshot()
    cluster, since = snapshot.cluster, ctx.now - DAY
    told = {one.source: one for one in ctx.cluster.sources()}
    parts = Parts()
    expected = times.paces(ctx, parts)
    runs = times.runs(ctx, since, ctx.now, expected, parts)
    sources = tuple(_source(ctx.now, pace, told.get(name), runs) for name, pace in expected.items())
    holes = tuple(run.gap for run in runs)
    lag = parts.ask(lambda: _lag(ctx, cluster, since))
    sizes = parts.ask(lambda: _sizes(ctx)) or ()
    if parts.away:
        sources = tuple(replace(one, ticks=None, missing=None, lost=None, rows=None) for one in sources)
    code = "away" if parts.away else _code(sources, holes)
    volumes = ctx.cluster.current("volume")
    silent = volumes.filter(pl.col("used_bytes").is_null()).height if volumes.height else None
    findings = [finding for one in told.values() for finding in one.findings]
    return Health(
        code=code,
        sentence=str(parts.away) if parts.away else _sentence(code, sources, holes),
        sources=sources,
        gaps=holes,
        coverage=_coverage(ctx, snapshot),
        rollup_lag=Figure(
            lag, "s", ctx.now, "warehouse views tick and pod_5m", "newest tick of the metrics - newest 5-minute window"
        ),
        volumes_without_statistics=Figure(
            silent, "1", present.newest(volumes), "newest samples", f"claims without used_bytes, of {volumes.height}"
        ),
        sizes=sizes,
        findings=tuple(sorted(findings, key=lambda one: _SEVERITY[one.severity])),
        away_since=parts.since,
        as_of=ctx.now,
    )


def _lag(ctx: Context, cluster: str, since: datetime) -> float | None:
    found: float | None = next(iter(ctx.warehouse.query(LAG, {"cluster": cluster, "since": since}).rows()), (None,))[0]
    return found


def gaps(ctx: Context, *, since: datetime, until: datetime, source: str | None = None) -> tuple[Gap, ...]:
    """Times without data in [since, until), oldest first."""
    ctx.require(Permission.SEE_CLUSTER)
    if not since < until:
        raise Invalid("The end of the time must lie after its beginning.", field="until")
    return tuple(gap for gap in times.between(ctx, since, until) if source is None or gap.source == source)


def _source(now: datetime, pace: Pace, told: SourceHealth | None, runs: Sequence[Run]) -> SourceState:
    age = (now - pace.heard).total_seconds() if pace.heard else None
    failing = told.failing_since if told else None
    if failing is not None:
        state = "failing"
    elif pace.heard is None:
        state = "never"
    elif pace.interval is not None and times.late(pace.heard, pace.interval, now):
        state = "late"
    else:
        state = "live"
    own = [run for run in runs if run.gap.source == pace.source]
    return SourceState(
        source=pace.source,
        state=state,
        last_tick=pace.heard,
        age_seconds=age,
        interval_seconds=pace.interval.total_seconds() if pace.interval else None,
        ticks=pace.ticks,
        missing=sum(run.ticks for run in own if not run.lost),
        lost=sum(run.ticks for run in own if run.lost),
        rows=pace.rows,
        failing_since=failing,
        problem=told.problem if told else "",
        queries=tuple(told.queries) if told else (),
    )


def _code(sources: Sequence[SourceState], holes: Sequence[Gap]) -> str:
    if all(one.state == "never" for one in sources):
        return "nothing"
    if any(one.state in ("late", "failing") for one in sources):
        return "late"
    return "gaps" if holes else "whole"


def _sentence(code: str, sources: Sequence[SourceState], holes: Sequence[Gap]) -> str:
    match code:
        case "nothing":
            return "Nothing was collected yet."
        case "late":
            late = [one.source for one in sources if one.state in ("late", "failing")]
            return f"{' and '.join(late)} {'is' if len(late) == 1 else 'are'} late: what is newer is not known."
        case "gaps":
            word = "gap" if len(holes) == 1 else "gaps"
            return f"Everything arrives; {len(holes)} {word} of the last 24 hours ({_in_words(_length(holes))}) cannot be drawn."
        case _:
            return "Everything arrives, nothing is missing in the last 24 hours."


def _in_words(length: timedelta) -> str:
    """`30 s`, `12 min`, `1.5 h`: a short gap is not one of no hours."""
    seconds = length.total_seconds()
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds // 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def _length(holes: Sequence[Gap]) -> timedelta:
    """Of the time in which any source was missing; `holes` are by their start."""
    whole, end = timedelta(), None
    for gap in holes:
        start = gap.start if end is None else max(gap.start, end)
        whole += max(gap.end - start, timedelta())
        end = gap.end if end is None else max(gap.end, end)
    return whole


def covered(snapshot: Snapshot, fresh: pl.DataFrame, now: datetime) -> tuple[float | None, int]:
    """Share of the containers that run for long enough to have been scraped twice of which CPU and memory arrive, and how many run
    so; `fresh` are the current samples of pods. None while there are no current samples at all."""
    settled = now - SETTLED
    running = {
        (pod.uid, one.name)
        for pod in snapshot.pods.values()
        if pod.active
        for one in pod.containers
        if one.state == "running" and one.started_at is not None and one.started_at < settled
    }
    columns = ("uid", "container", "memory_working_set_bytes", "cpu_usage_seconds_per_second")
    measured = {
        (uid, name)
        for uid, name, memory, cpu in (fresh.select(columns).iter_rows() if fresh.height else ())
        if memory is not None and cpu is not None
    }
    return len(running & measured) / len(running) if running and fresh.height else None, len(running)


def _coverage(ctx: Context, snapshot: Snapshot) -> Figure:
    frame = present.fresh(ctx, "pod")
    share, running = covered(snapshot, frame, ctx.now)
    formula = f"containers whose CPU and memory arrive / {running} that run for more than {SETTLED.seconds // 60} minutes"
    return Figure(share, "share", present.newest(frame), "Kubernetes inventory and newest samples", formula)


def _sizes(ctx: Context) -> tuple[Figure, ...]:
    """Bytes of the warehouse and rows of its largest tables; nothing in a process that does not own it."""
    return ctx.keep("collection.sizes", lambda: _weighed(ctx), of=("windows",), most=SIZES_KEPT)


def _weighed(ctx: Context) -> tuple[Figure, ...]:
    weigh: Callable[[], WarehouseSizes] | None = getattr(ctx.warehouse, "sizes", None)
    if weigh is None:
        return ()
    found = weigh()
    largest = sorted(found.tables, key=lambda table: -table.rows)[:8]
    whole = Figure(found.bytes, "B", ctx.now, "warehouse", "size of its files")
    waiting = Figure(found.days_unsorted, "1", ctx.now, "warehouse", "finished days that wait to be sorted")
    return (whole, waiting, *(Figure(t.rows, "rows", ctx.now, "warehouse", f"rows of {t.table}") for t in largest if t.rows))
