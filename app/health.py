"""/healthz: the process answers. /readyz: store, warehouse and collection are as they should be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse

from app import container
from app.container import Container
from app.internal import began_here
from models.domain.errors import PlatformError

LATE_TICKS = 4
"""Collection counts as late when no tick succeeded for so many intervals."""
GRACE_TICKS = 2
"""So many intervals after a start a source may be without its first tick."""


@dataclass(frozen=True, slots=True)
class Check:
    """One part's state; `detail` says what and since when."""

    name: str
    ok: bool
    detail: str


def checks(live: Container) -> tuple[Check, ...]:
    return (_store(live), _warehouse(live), *_ticks(live))


def _store(live: Container) -> Check:
    try:
        with live.store.reading() as session:
            session.connection().execute(text("SELECT 1"))
    except PlatformError as error:
        return Check("store", False, str(error))
    if live.store.damage:
        return Check("store", False, live.store.damage)
    return Check("store", True, "answers")


def _warehouse(live: Container) -> Check:
    try:
        live.warehouse.query("SELECT 1 AS one")
    except PlatformError as error:
        return Check("warehouse", False, str(error))
    return Check("warehouse", True, "answers")


def _ticks(live: Container) -> tuple[Check, ...]:
    if live.collector is None:
        return ()
    now = live.clock.now()
    rows = []
    for source in live.collector.health():
        allowed = max(source.interval * LATE_TICKS, timedelta(seconds=30))
        if source.last_success_at is None:
            waited = now - source.expected_since if source.expected_since is not None else timedelta()
            detail = f"no tick in the {waited.total_seconds():.0f} s since the start" + (
                f"; {source.problem}" if source.problem else ""
            )
            rows.append(Check(f"tick:{source.source}", waited <= source.interval * GRACE_TICKS, detail))
            continue
        age = now - source.last_success_at
        detail = f"last success {age.total_seconds():.0f} s ago" + (f"; {source.problem}" if source.problem else "")
        rows.append(Check(f"tick:{source.source}", age <= allowed, detail))
    return tuple(rows)


async def healthz(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("ok\n")


async def readyz(request: Request) -> JSONResponse:
    """200 when everything is as it should be, else 503; either way with one line a part. Details, which name addresses, stay here.

    Ready means: the store answers and is whole, the warehouse answers, and of every source a tick succeeded within `LATE_TICKS` of its
    intervals (30 s at least). After a start a source may be without one for `GRACE_TICKS` intervals; then it is not ready, and why.
    """
    if not container.installed():
        return JSONResponse({"ready": False, "checks": []}, 503)
    found = await run_in_threadpool(checks, container.current())
    ready = all(check.ok for check in found)
    here = began_here(request)
    body = {"ready": ready, "checks": [{"name": c.name, "ok": c.ok} | ({"detail": c.detail} if here else {}) for c in found]}
    return JSONResponse(body, 200 if ready else 503, headers={"Cache-Control": "no-store"})
