"""When what pods ask for reaches a line: the daily series from the warehouse and the forecast over it. Asked through `capacity`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from app.context import Context
from app.services import room
from app.services.figures import Line, Series
from app.services.room import UNITS, Facts
from models.domain import forecast as rules
from models.domain.access import Permission
from models.domain.cluster import Resources
from models.domain.errors import Invalid
from models.domain.forecast import Day, Forecast, NotEnough
from models.domain.instances import LIVING
from models.store import instances

LINES = ("full", "sale", "safe")
HISTORY = timedelta(days=120)
"""Twice what the trend is fitted on, so that the back-test has a past of its own."""
WHOLE_DAY = 20
"""Hours that a day needs: one with few hours says little about its busiest ones."""
DAYS_KEPT = timedelta(minutes=10)
"""Of whole days, which new windows end; those are a mark of their own."""
FIT_KEPT = timedelta(hours=1)
LINE_WORDS = {"full": "full", "sale": "at the sale limit", "safe": "beyond what survives the loss of a node"}
RESOURCE_WORDS = {"memory": "memory", "cpu": "CPU", "pods": "the number of pods"}

HOURS = """
SELECT t, sum(memory) AS memory, sum(cpu) AS cpu, sum(pods) AS pods, sum(memory_use) AS memory_use, sum(cpu_use) AS cpu_use FROM (
  SELECT t, source, uid, sum(memory_request_bytes_avg * n) / any_value(whole) AS memory,
    sum(cpu_request_cores_avg * n) / any_value(whole) AS cpu, max(n) / any_value(whole) AS pods,
    sum(memory_working_set_bytes_avg * n) / any_value(whole) AS memory_use, sum(cpu_usage_seconds_total_inc) / 3600 AS cpu_use
  FROM (SELECT t, source, uid, n, memory_request_bytes_avg, cpu_request_cores_avg, memory_working_set_bytes_avg,
          cpu_usage_seconds_total_inc, max(n) OVER (PARTITION BY t, source) AS whole
        FROM pod_1h WHERE cluster = $cluster AND t > $since AND t <= $until AND n > 0)
  GROUP BY t, source, uid)
GROUP BY t"""
"""What was asked for and used by the hour; a pod that was there for a part of it counts for that part."""
DAYS = f"""
SELECT (t - INTERVAL 1 MICROSECOND)::DATE AS day, quantile_cont(memory, 0.95) AS memory, quantile_cont(cpu, 0.95) AS cpu,
  quantile_cont(pods, 0.95) AS pods, quantile_cont(memory_use, 0.95) AS memory_use, quantile_cont(cpu_use, 0.95) AS cpu_use
FROM ({HOURS}) GROUP BY day HAVING count(*) >= {WHOLE_DAY} ORDER BY day"""
FORMULA = "of each day the 95th percentile of its hours; of each hour the sum of what pods asked for, by the time they were there"


@dataclass(frozen=True, slots=True)
class Outlook:
    """When requests cross `line`. `enough`: there are 14 daily points; `trusted`: the model beat its baseline."""

    resource: str
    unit: str
    line_name: str
    """full, sale or safe"""
    line: float
    enough: bool
    trusted: bool
    sentence: str
    crossing: date | None
    earliest: date | None
    latest: date | None
    """None: not within the horizon."""
    days: float | None
    with_trials: date | None
    """The same with every open trial converted today; None when there is no trial or no crossing."""
    trials: int
    method: str
    cuts: int
    median_error: float | None
    """Of the rolling back-test, as a share of the actual value."""
    baseline_error: float | None
    history: Series
    """Daily, the 95th percentile of the hours: requests, and use where the resource has one."""
    forecast_dates: tuple[date, ...]
    forecast: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    as_of: datetime | None
    source: str


def forecast(ctx: Context, *, resource: str = "memory", line: str = "full") -> Outlook:
    """When requests of `resource` (memory, cpu, pods) cross `line` (full, sale, safe)."""
    ctx.require(Permission.SEE_CLUSTER)
    if resource not in UNITS:
        raise Invalid(f"There is no resource “{resource}”. Choose one of: {', '.join(UNITS)}.", field="resource")
    if line not in LINES:
        raise Invalid(f"There is no line “{line}”. Choose one of: {', '.join(LINES)}.", field="line")

    def found() -> Outlook:
        return ahead(ctx, room.load(ctx), resource=resource, line=line)

    return ctx.keep("outlook", found, resource, line, of=("store", "windows", "cluster"))


def ahead(ctx: Context, facts: Facts, *, resource: str, line: str) -> Outlook:
    """The outlook from facts that were read already. For other services, which check rights."""
    days = daily(ctx, facts.snapshot.cluster, resource)
    level = facts.level(resource)
    at = {"full": level.allocatable, "sale": level.sale_line, "safe": level.safe_line}[line]
    trials, extra = converted(ctx, facts)
    more = float(getattr(extra, resource))
    found: Forecast | NotEnough = _crossing(ctx, days, at) if at > 0 else NotEnough(len(days))
    history = _series(days, used(ctx, facts.snapshot.cluster, resource), resource, ctx.now)
    if isinstance(found, NotEnough):
        return Outlook(
            resource=resource, unit=UNITS[resource], line_name=line, line=at, enough=False, trusted=False,
            sentence=_too_little(found, at), crossing=None, earliest=None, latest=None, days=None, with_trials=None, trials=trials,
            method=rules.METHOD, cuts=0, median_error=None, baseline_error=None, history=history,
            forecast_dates=(), forecast=(), low=(), high=(), as_of=history.as_of, source=history.source,
        )  # fmt: skip
    sooner = _crossing(ctx, days, at, more) if trials and more > 0 else found
    with_trials = sooner.crossing if trials and isinstance(sooner, Forecast) else None
    test = found.back_test
    shown = found.points[: _span(found)]
    return Outlook(
        resource=resource,
        unit=UNITS[resource],
        line_name=line,
        line=at,
        enough=True,
        trusted=test.trusted,
        sentence=_sentence(found, resource, line, at, trials, with_trials),
        crossing=found.crossing,
        earliest=found.earliest,
        latest=found.latest,
        days=_days(found, ctx.now),
        with_trials=with_trials,
        trials=trials,
        method=found.method,
        cuts=test.cuts,
        median_error=_finite(test.model_error),
        baseline_error=_finite(test.baseline_error),
        history=history,
        forecast_dates=tuple(point.on for point in shown),
        forecast=tuple(point.value for point in shown),
        low=tuple(point.low for point in shown),
        high=tuple(point.high for point in shown),
        as_of=history.as_of,
        source=history.source,
    )


def _crossing(ctx: Context, days: list[Day], at: float, extra: float = 0.0) -> Forecast | NotEnough:
    """The rule over values alone, so that the same values need not be fitted again."""
    return ctx.keep("outlook.crossing", lambda: rules.crossing(days, at, extra=extra), tuple(days), at, extra, of=(), most=FIT_KEPT)


def daily(ctx: Context, cluster: str, resource: str) -> list[Day]:
    """What was asked for: one value a whole day, oldest first; days without enough data are not there."""
    rows = _whole_days(ctx, cluster)
    return [Day(row["day"], float(row[resource])) for row in rows.iter_rows(named=True) if row[resource] is not None]


def used(ctx: Context, cluster: str, resource: str) -> Mapping[date, float]:
    """What was used on the same days, in the same way; empty for what cannot be used less than it is asked for (pods)."""
    name = f"{resource}_use"
    rows = _whole_days(ctx, cluster)
    if name not in rows.columns:
        return {}
    return {row["day"]: float(row[name]) for row in rows.iter_rows(named=True) if row[name] is not None}


def _whole_days(ctx: Context, cluster: str) -> pl.DataFrame:
    def asked() -> pl.DataFrame:
        return ctx.warehouse.query(DAYS, {"cluster": cluster, "since": ctx.now - HISTORY, "until": ctx.now})

    return ctx.keep("outlook.days", asked, cluster, of=("windows",), most=DAYS_KEPT)


def converted(ctx: Context, facts: Facts) -> tuple[int, Resources]:
    """Open trials, and what is asked for in addition if all of them stay and as many new ones begin in their place."""
    trials = [
        row for row in instances.everything(ctx.session) if row.state in LIVING and row.trial_until and row.trial_until > ctx.now
    ]
    whole = Resources()
    sizes = {plan.id: room.size(plan) for plan in room.plans(ctx)}
    for row in trials:
        whole += trial_size(facts, row.id, sizes.get(row.plan_id or ""))
    return len(trials), whole


def trial_size(facts: Facts, instance_id: str, plan: Resources | None) -> Resources:
    """What a trial asks for: what its pods hold now, or its plan where it runs none."""
    spaces = set(facts.names.namespaces_of(instance_id))
    held = sum((Resources(p.request.cpu, p.request.memory, 1) for p in facts.active() if p.namespace in spaces), Resources())
    return held if held.pods else plan or Resources()


def _series(days: Sequence[Day], use: Mapping[date, float], resource: str, now: datetime) -> Series:
    lines = [Line(f"{resource}_request", UNITS[resource], tuple(day.value for day in days))]
    if use:
        lines.append(Line(f"{resource}_use", UNITS[resource], tuple(use.get(day.on) for day in days)))
    ends = tuple(datetime(day.on.year, day.on.month, day.on.day, tzinfo=now.tzinfo) + timedelta(days=1) for day in days)
    return Series(
        since=ends[0] - timedelta(days=1) if ends else now - HISTORY,
        until=ends[-1] if ends else now,
        step=timedelta(days=1),
        times=ends,
        lines=tuple(lines),
        as_of=ends[-1] if ends else None,
        source="1h (warehouse view pod_1h)",
        formula=FORMULA,
    )


def _span(found: Forecast) -> int:
    """Days to draw: past the far edge of the band, at least a quarter of a year."""
    far = found.latest or found.crossing
    return min(len(found.points), max(90, (far - found.last.on).days + 14)) if far is not None else 90


def _days(found: Forecast, now: datetime) -> float | None:
    return float(max(0, (found.crossing - now.date()).days)) if found.crossing is not None else None


def _finite(error: float) -> float | None:
    return error if error < float("inf") else None


def _too_little(found: NotEnough, line: float) -> str:
    if line <= 0:
        return "No node takes pods now, so there is no line to reach."
    return f"Not enough history for a date: {found.days} whole days are there, {found.needed} are needed."


def _sentence(found: Forecast, resource: str, line: str, at: float, trials: int, with_trials: date | None) -> str:
    what, full = RESOURCE_WORDS[resource], LINE_WORDS[line]
    if found.last.value >= at:
        return f"Already now {what} is {full}."
    if not found.back_test.trusted:
        return f"No date is given for {what}: on the past the trend was no better than last week's values."
    if found.crossing is None:
        return f"At this pace {what} is not {full} within a year."
    said = f"At this pace {what} is {full} on {_on(found.crossing)}{_between(found)}."
    if trials and with_trials is not None:
        what_if = "the open trial" if trials == 1 else f"the {trials} open trials"
        said += f" If {what_if} stayed and as many new ones began: {_on(with_trials)}."
    return said


def _between(found: Forecast) -> str:
    """The band in words; nothing where the past knew no errors."""
    first, last = found.earliest, found.latest
    if first is None or first == found.crossing == last:
        return ""
    if last is None:
        return f" ({_on(first)} or later)"
    if last == found.crossing:
        return f", perhaps as early as {_on(first)}"
    return f" ({_on(first)} - {_on(last)})"


def _on(day: date | None) -> str:
    return f"{day.day} {day:%B %Y}" if day is not None else ""
