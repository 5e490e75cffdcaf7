"""What is on this machine: directory, disk, keys, store, warehouse, domain, clock."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func
from sqlalchemy.engine import make_url
from sqlmodel import col, select

from app import container, ownership
from app.auth.seal import Seal
from app.config import Settings
from app.doctor.checks import Check, good, problem, warning
from app.domains import refuse_shared_domain
from models import migrations
from models.domain.clock import Clock
from models.domain.errors import PlatformError
from models.store.audit import Audit

NEEDED_BYTES = 200 << 20
"""Less free space than this and the next write may fail."""
SMALL_BYTES = 2 << 30
AHEAD = timedelta(minutes=2)


def directory(settings: Settings, _clock: Clock) -> Iterator[Check]:
    data = settings.data
    if not data.exists():
        parent = next((p for p in data.parents if p.exists()), Path("/"))
        if os.access(parent, os.W_OK) and parent.is_dir():
            yield warning("directory", f"There is no data directory {data} yet. `moorage up` makes it.")
        else:
            yield problem(
                "directory",
                f"The data directory {data} is not there and {parent} cannot be written. Choose another one with --data.",
            )
        return
    container.prepare_directory(settings)
    yield good("directory", f"The data directory {data} can be written.")


def disk(settings: Settings, _clock: Clock, usage: Callable[[Path], Any] = shutil.disk_usage) -> Iterator[Check]:
    place = next(p for p in (settings.data, *settings.data.parents) if p.exists())
    free = int(usage(place).free)
    shown = f"{free / 1e9:.1f} GB"
    if free < NEEDED_BYTES:
        yield problem(
            "disk", f"The disk of {place} is full: {shown} are free. Free space; until then ticks are gaps that are filled later."
        )
    elif free < SMALL_BYTES:
        yield warning("disk", f"The disk of {place} has {shown} left. Free some before it is full.")
    else:
        yield good("disk", f"The disk of {place} has {shown} free.")


def server(settings: Settings, _clock: Clock) -> Iterator[Check]:
    owner = ownership.owner(settings.data)
    if owner is not None:
        yield good(
            "server", f"A server runs on this directory (process {owner.pid}); a second one is refused and needs its own --data."
        )
    else:
        yield good("server", "No server runs on this directory.")
        if ownership.works(settings.data):
            yield warning(
                "server", "A worker runs on this directory without a server, so nothing is collected. Start the server too."
            )


def keys(settings: Settings, _clock: Clock) -> Iterator[Check]:
    file = container.key_file(settings)
    if not file.exists():
        yield good("keys", "There is no key file yet; the first start makes it.")
        return
    Seal.open(file)
    yield good("keys", f"The key file {file} is readable, by its owner only.")


def store(settings: Settings, _clock: Clock) -> Iterator[Check]:
    if _no_file(settings.store):
        yield good("store", "There is no operational store yet; the first start makes it.")
        return
    container.open_store(settings).close()
    yield good("store", f"The operational store answers and has schema {migrations.head()}.")


def warehouse(settings: Settings, _clock: Clock) -> Iterator[Check]:
    from collectors.warehouse import reader
    from collectors.warehouse.errors import shown

    if not settings.warehouse.startswith("ducklake:") and not Path(settings.warehouse).exists():
        yield good("warehouse", "There is no warehouse yet; the first start makes it.")
        return
    opened = reader(settings.warehouse)
    try:
        rows = opened.query("SELECT count(*) AS n, max(tick) AS newest FROM tick")
    finally:
        opened.close()
    newest = rows["newest"][0]
    since = f", the newest of {newest:%Y-%m-%d %H:%M} UTC" if newest is not None else ""
    yield good("warehouse", f"The warehouse {shown(settings.warehouse)} answers: {rows['n'][0]} ticks{since}.")


def domain(settings: Settings, _clock: Clock) -> Iterator[Check]:
    if settings.apps_domain_shared:
        yield warning(
            "domain", "apps_domain_shared is set: apps can set cookies for the portal, and somebody decided that this is safe."
        )
        return
    refuse_shared_domain(settings.address, settings.apps_domain)
    yield good("domain", f"Apps under {settings.apps_domain} cannot set cookies for the portal at {settings.address}.")


def clock_of_records(settings: Settings, clock: Clock) -> Iterator[Check]:
    """Against what was written before: time that ran backwards shows in records of the future."""
    now = clock.now()
    newest = [at for at in (_newest_audit(settings), _newest_tick(settings)) if at is not None]
    ahead = max(newest, default=now) - now
    if ahead > AHEAD:
        yield problem(
            "clock",
            f"This machine's clock says {now:%Y-%m-%d %H:%M} UTC, but there are records {_span(ahead)} ahead of it. "
            "Set the clock (NTP); what was written with the wrong one stays.",
        )
    else:
        yield good("clock", f"No record is ahead of this machine's clock ({now:%Y-%m-%d %H:%M} UTC).")


def _newest_audit(settings: Settings) -> datetime | None:
    if _no_file(settings.store):
        return None
    try:
        opened = container.open_store(settings)
    except PlatformError:
        return None  # told by its own check
    try:
        with opened.reading() as session:
            return session.exec(select(func.max(col(Audit.at)))).one()
    finally:
        opened.close()


def _newest_tick(settings: Settings) -> datetime | None:
    from collectors.warehouse import reader

    if not settings.warehouse.startswith("ducklake:") and not Path(settings.warehouse).exists():
        return None
    try:
        found = reader(settings.warehouse).query("SELECT max(tick) AS newest FROM tick")["newest"][0]
    except PlatformError:
        return None  # told by its own check
    return found if isinstance(found, datetime) else None


def _no_file(url: str) -> bool:
    return url.startswith("sqlite") and not Path(make_url(url).database or "").exists()


def _span(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours" if minutes < 2880 else f"{minutes // 1440} days"
