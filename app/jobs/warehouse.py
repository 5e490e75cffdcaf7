"""Care for the warehouse: finish windows, sort days, export, forget, and publish what the business knows."""

from __future__ import annotations

from datetime import datetime, timedelta

from app import maintenance
from app.context import Context
from app.jobs.registry import job
from app.jobs.run import Run
from app.services import publication
from app.services.jobs import Planned, Preview

ROLLED = ("pod", "node", "volume", "ingress")


def preview_rollup(ctx: Context, due_at: datetime) -> Preview:
    """By source: from the newest finished window to the newest tick."""
    parts = " UNION ALL ".join(f"SELECT source, max(t) AS t FROM {name}_5m GROUP BY source" for name in ROLLED)
    rows = ctx.warehouse.query(
        f"SELECT k.source, max(k.tick) AS newest, max(w.t) AS rolled FROM (SELECT source, max(tick) AS tick FROM tick "
        f"WHERE regexp_matches(frames, '(^|,)({'|'.join(ROLLED)})(,|$)') GROUP BY source) k "
        f"LEFT JOIN ({parts}) w USING (source) GROUP BY k.source ORDER BY k.source"
    )
    planned = []
    for row in rows.iter_rows(named=True):
        since = f"after {row['rolled']:%Y-%m-%d %H:%M}" if row["rolled"] is not None else "from the beginning"
        if row["rolled"] is None or row["newest"] - row["rolled"] > timedelta(minutes=5):
            planned.append(Planned(row["source"], f"finish windows {since} up to {row['newest']:%Y-%m-%d %H:%M} UTC"))
    summary = f"Windows of {len(planned)} sources would be finished." if planned else "Every window is finished."
    return Preview("rollup", due_at, summary, tuple(planned))


@job("rollup", every=timedelta(minutes=5), offset=timedelta(seconds=50), home="server", preview=preview_rollup, at_start=True)
def rollup(run: Run) -> None:
    """Finish the 5-minute and hourly windows that are complete."""
    _count(run, "windows", maintenance.rollup(run.container)["windows"])


def preview_compact(ctx: Context, due_at: datetime) -> Preview:
    days = ctx.warehouse.query("SELECT DISTINCT date_trunc('day', tick) AS day FROM tick WHERE n_rows > 0 ORDER BY day")[
        "day"
    ].to_list()
    return Preview(
        "compact", due_at, f"Of {len(days)} days with samples, those that are finished and not yet sorted would be sorted.", ()
    )


@job("compact", every=timedelta(days=1), offset=timedelta(hours=3), home="server", preview=preview_compact)
def compact(run: Run) -> None:
    """Sort finished days: the warehouse gets smaller and questions to it faster."""
    _count(run, "days", maintenance.compact(run.container)["days"])


def preview_export(ctx: Context, due_at: datetime) -> Preview:
    days = maintenance.exportable(ctx.warehouse, due_at)
    planned = tuple(Planned(day.date().isoformat(), "write as Parquet, unless it is written already") for day in days)
    return Preview("export", due_at, f"{len(planned)} finished days would be written as Parquet where they are not yet.", planned)


@job("export", every=timedelta(days=1), offset=timedelta(hours=4), home="server", preview=preview_export)
def export(run: Run) -> None:
    """Write finished days as Parquet, the warehouse's backup; days that were missed follow."""
    for day in maintenance.exportable(run.container.warehouse, run.due_at):
        run.check()
        if not maintenance.exported(run.container, day):
            run.count("files", len(maintenance.export(run.container, day.date().isoformat())["files"]))
            run.count("days")


def preview_expire(ctx: Context, due_at: datetime) -> Preview:
    rows = ctx.warehouse.query("SELECT min(tick) AS oldest, count(*) AS n FROM tick")
    oldest = rows["oldest"][0]
    known = f"The oldest tick is of {oldest:%Y-%m-%d %H:%M} UTC." if oldest is not None else "There is no tick."
    return Preview(
        "expire", due_at, f"What is older than the settings raw_days and five_minute_days keep would be forgotten. {known}"
    )


@job("expire", every=timedelta(days=1), offset=timedelta(hours=5), home="server", preview=preview_expire)
def expire(run: Run) -> None:
    """Forget samples and 5-minute windows that are older than the settings keep; hourly ones stay."""
    maintenance.expire(run.container)


def preview_publish(ctx: Context, due_at: datetime) -> Preview:
    frames = publication.facts(ctx)
    planned = tuple(Planned(name, f"{frame.height} rows compared, changed ones published") for name, frame in frames.items())
    return Preview("publish", due_at, f"{sum(f.height for f in frames.values())} facts would be compared.", planned)


@job("publish", every=timedelta(hours=1), offset=timedelta(minutes=2), home="server", preview=preview_publish, at_start=True)
def publish(run: Run) -> None:
    """Publish organizations, apps, plans and who owns what into the warehouse, with the time from which they hold."""
    with run.reading() as ctx:
        frames, anonymised = publication.facts(ctx), publication.anonymised(ctx)
    warehouse = run.container.owned_warehouse()
    for name, frame in frames.items():
        run.check()
        _count(run, name, warehouse.publish(name, frame, run.container.clock.now()))
    for name, keys in anonymised.items():
        _count(run, "forgotten", warehouse.forget(name, keys))


def _count(run: Run, word: str, number: int) -> None:
    if number:
        run.count(word, number)
