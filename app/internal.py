"""The door for other processes of this machine: questions to the warehouse, and the commands that write it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from app import container, maintenance
from app.container import Container
from models.domain.errors import PlatformError

MAX_BODY = 1_000_000
ARROW = "application/vnd.apache.arrow.stream"


def began_here(request: Request) -> bool:
    """Whether the request began on this machine: neither from elsewhere nor passed on by a proxy."""
    passed_on = {"forwarded", "x-forwarded-for", "x-real-ip"} & set(request.headers)
    try:
        return not passed_on and request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _refusal(request: Request, live: Container) -> Response | None:
    """None for a request that began on this machine and carries the token of the 0600 file beside the warehouse."""
    if not began_here(request):
        return JSONResponse({"code": "not_found", "message": "There is nothing here."}, 404)
    if not live.owned_warehouse().check_token(request.headers.get("authorization")):
        return JSONResponse(
            {"code": "unauthenticated", "message": "The token of the warehouse's reader file is missing or old."}, 401
        )
    return None


def _problem(error: PlatformError) -> JSONResponse:
    return JSONResponse({"code": error.code, "message": str(error)}, 503 if error.retryable else 400)


async def _body(request: Request) -> bytes:
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > MAX_BODY:
            return b""
    return bytes(parts)


async def query(request: Request) -> Response:
    """One SELECT, answered as an Arrow stream."""
    live = container.current()
    refused = _refusal(request, live)
    if refused is not None:
        return refused
    body = await _body(request)

    def begin() -> tuple[bytes, Iterator[bytes]]:
        chunks = live.owned_warehouse().answer(body)
        return next(chunks, b""), chunks

    try:
        first, rest = await run_in_threadpool(begin)  # the first chunk comes when the question is known to be good
    except PlatformError as error:
        return _problem(error)

    def chunks() -> Iterator[bytes]:
        yield first
        yield from rest

    return StreamingResponse(chunks(), media_type=ARROW)


async def write(request: Request) -> Response:
    """One command of `app.maintenance`, run here because this process owns the warehouse."""
    live = container.current()
    refused = _refusal(request, live)
    if refused is not None:
        return refused
    try:
        asked: dict[str, Any] = json.loads(await _body(request))
        command, arguments = str(asked["command"]), dict(asked.get("arguments", {}))
    except (ValueError, KeyError, TypeError):
        return JSONResponse({"code": "invalid", "message": 'The body must be {"command": NAME, "arguments": {...}}.'}, 400)
    try:
        done = await run_in_threadpool(maintenance.run, live, command, arguments)
    except PlatformError as error:
        return _problem(error)
    return JSONResponse(done)
