"""Commands that write the warehouse or make the collector work: run by jobs, by the loopback door and by the command line.

Only the process that owns the warehouse can run them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.container import Container
from app.context import WarehouseView
from models.domain.errors import Invalid, Misconfigured

Done = dict[str, Any]


def rollup(live: Container) -> Done:
    """Bring the 5-minute and hourly windows up to now."""
    return {"windows": live.owned_warehouse().rollup(live.clock.now())}


def compact(live: Container) -> Done:
    """Sort finished days, which makes them smaller and questions to them faster."""
    return {"days": live.owned_warehouse().compact(live.clock.now())}


def expire(live: Container) -> Done:
    """Forget samples and 5-minute windows that are older than the settings keep."""
    live.owned_warehouse().expire(
        live.clock.now(), raw_days=live.settings.raw_days, five_minute_days=live.settings.five_minute_days
    )
    return {"raw_days": live.settings.raw_days, "five_minute_days": live.settings.five_minute_days}


def export_folder(live: Container) -> Path:
    return live.settings.data / "export"


def exportable(warehouse: WarehouseView, now: datetime) -> list[datetime]:
    """Midnights of the finished days that have samples, oldest first."""
    rows = warehouse.query(
        "SELECT DISTINCT date_trunc('day', tick) AS day FROM tick WHERE n_rows > 0 AND tick < ? ORDER BY day",
        [now.replace(hour=0, minute=0, second=0, microsecond=0)],
    )
    return [day.replace(tzinfo=UTC) for day in rows["day"]]


def exported(live: Container, day: datetime) -> bool:
    """Whether `export` has finished that day."""
    return _stamp(live, day).exists()


def _stamp(live: Container, day: datetime) -> Path:
    return export_folder(live) / "finished" / day.date().isoformat()


def export(live: Container, day: str = "", folder: str = "") -> Done:
    """Write one day (YYYY-MM-DD, else yesterday) as Parquet."""
    try:
        at = datetime.fromisoformat(day).replace(tzinfo=UTC) if day else live.clock.now() - timedelta(days=1)
    except ValueError:
        raise Invalid(f"{day!r} is no day. Write it as 2026-11-22.", field="day") from None
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    files = live.owned_warehouse().export(Path(folder) if folder else export_folder(live), midnight)
    if not folder:
        _stamp(live, midnight).parent.mkdir(parents=True, exist_ok=True)
        _stamp(live, midnight).touch()
    return {"day": midnight.date().isoformat(), "files": [str(f) for f in files]}


def refill(live: Container, folder: str = "") -> Done:
    """Put back what `export` wrote, into a warehouse that lost it."""
    return asdict(live.owned_warehouse().refill(Path(folder) if folder else export_folder(live)))


def collect(live: Container) -> Done:
    """Collect once, now, and fill what gaps can still be filled."""
    if live.collector is None:
        raise Misconfigured("This process does not collect. Start the server, or stop it and try again.")
    now = live.clock.now()
    live.collector.tick(now)
    live.collector.backfill(now)
    return {"sources": {h.source: h.problem or "ok" for h in live.collector.health()}}


def resync(live: Container) -> Done:
    """Read the whole inventory anew from the cluster."""
    if live.inventory is None:
        raise Misconfigured("This process does not watch the cluster. Start the server, or stop it and try again.")
    live.inventory.resync()
    return {"pods": len(live.inventory.snapshot().pods)}


def sizes(live: Container) -> Done:
    """How large the warehouse is, by table, and what waits to be sorted."""
    found = asdict(live.owned_warehouse().health())
    return {
        "bytes": found["bytes"],
        "days_unsorted": found["days_unsorted"],
        "tables": {t["table"]: t["rows"] for t in found["tables"]},
    }


COMMANDS: Mapping[str, Callable[..., Done]] = {
    "rollup": rollup,
    "compact": compact,
    "expire": expire,
    "export": export,
    "import": refill,
    "collect": collect,
    "resync": resync,
    "sizes": sizes,
}


def run(live: Container, command: str, arguments: Mapping[str, Any]) -> Done:
    """Run one command by name; Invalid when there is none of that name or it does not take these arguments."""
    if command not in COMMANDS:
        raise Invalid(f"There is no command {command!r}. There are: {', '.join(COMMANDS)}.", field="command")
    allowed = {"export": {"day", "folder"}, "import": {"folder"}}.get(command, set())
    wrong = set(arguments) - allowed
    if wrong:
        raise Invalid(f"The command {command} does not take {', '.join(sorted(wrong))}.", field="arguments")
    return COMMANDS[command](live, **{name: str(value) for name, value in arguments.items()})
