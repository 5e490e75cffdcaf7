"""The ASGI program: Streamlit pages, forms, API, health and metrics, and the loopback door for this machine's other processes."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app import config, container, health, internal, logs, metrics, webhooks
from app.auth import headers, routes
from app.auth.gate import Gate
from app.bundles import Bundles
from app.container import Container
from app.jobs.scheduler import Scheduler
from app.ui import navigation, polls
from models.domain.jobs import JobHome

ENTRY = Path(__file__).parent / "ui" / "entry.py"
_prepared: Container | None = None


class Api:
    """The API. Its import is a third of a start, so it begins when the server runs; who asks before it is there waits for it."""

    def __init__(self) -> None:
        self._made: ASGIApp | None = None
        self._lock = threading.Lock()

    def load(self) -> ASGIApp:
        with self._lock:
            from app.api import main

            self._made = main.api
            return self._made

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        made = self._made
        await (await asyncio.to_thread(self.load) if made is None else made)(scope, receive, send)


api = Api()


def prepare(settings: config.Settings) -> Container:
    """Build the container before the server starts, so that what is wrong becomes a sentence instead of a trace."""
    global _prepared
    _prepared = container.build_server(settings)
    return _prepared


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[dict[str, Any]]:
    """Once per process: install the container, start collecting and the server's jobs; undo all of it at the end."""
    global _prepared
    logging.getLogger("uvicorn.access").disabled = True  # Streamlit attaches its own handler again, so a level is not enough
    live, _prepared = _prepared or container.build_server(config.load()), None
    logs.set_up("server", live.settings.log_level)
    container.install(live)
    scheduler = Scheduler(live, JobHome.SERVER)
    live.owned_warehouse().announce(f"http://{_loopback(live.settings.host)}:{live.settings.port}/internal/warehouse/query")
    if live.inventory is not None:
        live.inventory.start()
    if live.collector is not None:
        live.collector.start()
    scheduler.start()
    threading.Thread(target=_complete, name="complete", daemon=True).start()
    try:
        yield {"container": live}
    finally:
        scheduler.stop()
        end_together(*(part.stop for part in (live.collector, live.inventory) if part is not None))
        container.install(None)
        live.close()


def _complete() -> None:
    """What a server does not need in order to answer, but before it has much to do."""
    api.load()
    gc.collect()
    gc.freeze()  # what is loaded now never becomes garbage; looking through it at every collection costs most of a rerun


def end_together(*stops: Callable[[], object]) -> None:
    """Call all at once and return when every one is back: each may take the time that a silent source takes."""
    threads = [threading.Thread(target=stop, name="stop") for stop in stops]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _loopback(host: str) -> str:
    """The address under which this machine reaches a server that listens on `host`."""
    return "127.0.0.1" if host in ("", "0.0.0.0", "::", "localhost") else host  # noqa: S104  compared, not bound


app = st.App(
    ENTRY,
    lifespan=lifespan,
    routes=[
        *routes.routes,
        Route("/healthz", health.healthz),
        Route("/readyz", health.readyz),
        Route("/metrics", metrics.metrics),
        Route("/internal/warehouse/query", internal.query, methods=["POST"]),
        Route("/internal/warehouse/write", internal.write, methods=["POST"]),
        Route(webhooks.PREFIX + "{gateway}", webhooks.hear, methods=["POST"]),
        Mount("/api", app=api),
    ],
    middleware=[
        Middleware(headers.SecurityHeaders),
        Middleware(Bundles),
        Middleware(Gate, passes=polls.of_a_page, start=navigation.start),
    ],
)
