"""From a request to a use case: who calls, one transaction around the call, the same answer for the same idempotency key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Concatenate, ParamSpec, TypeVar

from fastapi import Depends, Header, Request
from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app import container as composition
from app.auth import sessions, tokens
from app.context import Context
from models.domain.access import Actor
from models.domain.errors import Conflict, Invalid, NotPermitted, Unauthenticated
from models.store import idempotency

P = ParamSpec("P")
T = TypeVar("T")

EDGE = "api"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and how a use case is run for them."""

    container: composition.Container
    actor: Actor
    request_digest: str

    def read(self, service: Callable[Concatenate[Context, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that only reads."""
        with self.container.reading(self.actor, EDGE) as ctx:
            return service(ctx, *args, **kwargs)

    def change(self, service: Callable[Concatenate[Context, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that changes something and is the same when it is sent again (PATCH, PUT, DELETE)."""
        with self.container.transaction(self.actor, EDGE) as ctx:
            return service(ctx, *args, **kwargs)

    def write(self, key: str, shape: type[T], use_case: Callable[[Context], T]) -> T:
        """Run a use case in one transaction, once for each idempotency key; the same key again gets the first answer."""
        adapter: TypeAdapter[T] = TypeAdapter(shape)
        with self.container.transaction(self.actor, EDGE) as ctx:
            known = {"actor": self.actor.id, "key": key, "digest": self._digest()}
            before = idempotency.find(ctx.session, **known)
            if before is not None:
                return adapter.validate_json(before.body)
            row = idempotency.claim(ctx.session, **known, now=ctx.now)
            if row is None:
                raise Conflict("A request with this Idempotency-Key is being carried out now. Send it again in a moment.")
            answer = use_case(ctx)
            row.body = adapter.dump_json(answer).decode()
            ctx.session.add(row)
            return answer

    def _digest(self) -> str:
        """Of the request and of the caller's rights: a weaker token of the same person is not told what a stronger one was."""
        within = {org: sorted(held) for org, held in sorted(self.actor.within.items())}
        return hashlib.sha256(f"{self.request_digest} {sorted(self.actor.everywhere)} {within}".encode()).hexdigest()


def _bearer(request: Request) -> str | None:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" and secret.strip() else None


def _same_origin(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None and site not in ("same-origin", "none"):
        return False
    return origin is None or origin.partition("://")[2] == request.headers.get("host")


async def caller(request: Request) -> Caller:
    """The caller by bearer token, else by the session cookie; cookies change things only from our own pages."""
    body = await request.body()
    if "\0" in request.url.path or "%00" in request.url.query or b"\\u0000" in body:
        raise Invalid("Texts with the character NUL are not accepted. Take it out.")
    digest = hashlib.sha256(b"\0".join([request.method.encode(), str(request.url.path).encode(), body])).hexdigest()
    return await _resolve(request, digest)


async def _resolve(request: Request, digest: str) -> Caller:
    live = composition.current()
    now = live.clock.now()
    secret = _bearer(request)
    if secret is not None:
        actor = tokens.at_hand(live.store, secret, now, live.keep)
        if actor is None:
            actor = await run_in_threadpool(tokens.resolve, live.store, secret, now, live.keep)
        if actor is None:
            await run_in_threadpool(tokens.count_wrong, live.store, request.client.host if request.client else "", now)
            raise Unauthenticated("This token is unknown, expired or revoked. Make a new one under “Account”.")
        request.state.actor = actor
        return Caller(live, actor, digest)
    cookie = request.cookies.get(sessions.cookie_name(secure=live.settings.secure_cookies))
    signed = await run_in_threadpool(sessions.resolve, live.store, sessions.digest(cookie), now) if cookie else None
    if signed is None:
        raise Unauthenticated("Send “Authorization: Bearer TOKEN”, or sign in first.")
    if request.method not in ("GET", "HEAD") and not _same_origin(request):
        raise NotPermitted("With a sign-in cookie this is only accepted from the portal's own pages. Use a token instead.")
    request.state.actor = signed.actor
    return Caller(live, signed.actor, digest)


Calling = Annotated[Caller, Depends(caller)]
IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="Any text that is new for each new request. The same key again does nothing and gets the first answer.",
        examples=["3f6c2b0e-7a43-4c1d-9a53-6e2d6f0c9b11"],
    ),
]


def csv_answer(text: str, name: str) -> Response:
    return Response(text, media_type="text/csv", headers={"Content-Disposition": f'attachment; filename="{name}"'})
