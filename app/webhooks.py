"""Where payment gateways tell by themselves what became of a charge. Nobody is signed in: the signature says who speaks."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app import container
from app.container import Container
from app.gateways import payments as gateways
from app.gateways.payments import Forged
from app.services import gateway_events
from models.domain.access import job_actor
from models.domain.errors import PlatformError

PREFIX = "/webhooks/"
MAX_BODY = 256_000
ACTOR = job_actor("webhooks")


async def hear(request: Request) -> Response:
    """Take one event. 200 when it is kept, also when it was before; anything else makes the gateway send it again."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            return _problem("invalid", "This event is too large.", 413)
    headers = {name.lower(): value for name, value in request.headers.items()}
    return await run_in_threadpool(_heard, container.current(), request.path_params["gateway"], headers, bytes(body))


def _heard(live: Container, name: str, headers: Mapping[str, str], body: bytes) -> Response:
    gateway = gateways.known(live.settings).get(name)
    if gateway is None:
        return _problem("not_found", "There is nothing here.", 404)
    try:
        try:
            event = gateway.hear(headers, body, now=live.clock.now())
        except Forged as error:
            with live.transaction(ACTOR, "job") as ctx:
                gateway_events.forged(ctx, gateway=name, body=body, why=str(error))
            return _problem(error.code, str(error), 403)
        with live.transaction(ACTOR, "job") as ctx:
            outcome = gateway_events.heard(ctx, gateway=name, event=event, body=body)
    except PlatformError as error:
        return _problem(error.code, str(error), 503 if error.retryable else 400)
    return JSONResponse({"outcome": outcome.value if outcome else "repeated"})


def _problem(code: str, message: str, status: int) -> Response:
    return JSONResponse({"code": code, "message": message}, status)
