"""The gate: nothing of the pages, over http or websocket, is reached without a session."""

from __future__ import annotations

import asyncio
import hmac
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import container
from app.auth import sessions, tokens
from app.auth.policy import Parts
from app.auth.sessions import Identity, Signed
from models.domain.access import Permission
from models.domain.clock import stopwatch
from models.domain.errors import TooManyAttempts

PUBLIC = frozenset(
    {
        "/login",
        "/logout",
        "/signup",
        "/verify",
        "/reset",
        "/invite",
        "/setup",
        "/totp",
        "/catalogue",
        "/assets/forms.css",
        "/assets/moorage.svg",
        "/favicon.ico",
        "/healthz",
        "/readyz",
        "/_stcore/health",
        "/_stcore/host-config",
    }
)
"""Exactly these paths are for everybody."""

AUTHENTICATES_ITSELF = ("/api/", "/internal/", "/webhooks/")
"""Below these the answerer asks for a token, a session or a signature of its own accord."""

FRONTEND = "/static/"
"""Streamlit's own program text: a page whose session ended may still load the rest of it."""

OURS = b"x-portal-"
"""Headers that begin so are written here only."""

CHECKED_EVERY_SECONDS = 30.0
"""How often an open websocket's session is looked up again, so that a revocation in another process reaches it."""

UNAUTHENTICATED = 4401


class Sockets:
    """The open websockets of this process, by session id."""

    def __init__(self) -> None:
        self._open: dict[str, set[asyncio.Future[None]]] = defaultdict(set)

    def enter(self, session_id: str) -> asyncio.Future[None]:
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._open[session_id].add(ended)
        return ended

    def leave(self, session_id: str, ended: asyncio.Future[None]) -> None:
        self._open[session_id].discard(ended)
        if not self._open[session_id]:
            del self._open[session_id]

    def kick(self, session_id: str) -> int:
        """Close the session's websockets, from any thread. Answers how many there were."""
        found = tuple(self._open.get(session_id, ()))
        for ended in found:
            ended.get_loop().call_soon_threadsafe(_finish, ended)
        return len(found)


SOCKETS = Sockets()


def kick(session_ids: str | Iterable[str]) -> int:
    """Close the open websockets of revoked sessions; their pages come back without identity and go to /login.

    Not for the session in whose own page run it is called: its redirect would not arrive any more.
    """
    ids = (session_ids,) if isinstance(session_ids, str) else tuple(session_ids)
    return sum(SOCKETS.kick(session_id) for session_id in ids)


class Gate:
    """Outermost middleware. `parts` answers the running program's parts; by default those that were installed.

    `passes` makes, for each websocket, what decides whether a message that came reaches the page; by default all do.
    `start` names the page that a person sees first: who asks for `/` is sent there; without it `/` is a page like others.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        parts: Callable[[], Parts] | None = None,
        checked_every_seconds: float = CHECKED_EVERY_SECONDS,
        passes: Callable[[], Callable[[Message], Awaitable[bool]]] | None = None,
        start: Callable[[Signed], str] | None = None,
    ) -> None:
        self._app = app
        self._passes = passes or (lambda: _everything)
        self._start = start
        self._parts = parts or container.current
        self._checked_every = checked_every_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope = {**scope, "headers": [(name, value) for name, value in scope["headers"] if not name.lower().startswith(OURS)]}
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path in PUBLIC or path.startswith(AUTHENTICATES_ITSELF) or (path == "/metrics" and _from_this_machine(scope)):
            await self._app(scope, receive, send)
            return
        secret = _bearer(scope) if path == "/metrics" else None
        if secret is not None:
            try:
                admitted = await self._sees_cluster(scope, secret)
            except TooManyAttempts as error:
                await _too_many(error)(scope, receive, send)
                return
            await (self._app if admitted else _refused(scope))(scope, receive, send)
            return
        token_hash = self._token_hash(scope)
        identity = await self._identity(token_hash)
        if identity is not None and token_hash is not None:
            to = await self._first_page(token_hash) if path == "/" and scope["method"] in ("GET", "HEAD") else None
            answers = self._app if to is None else _redirect(scope, to)
            await answers(_identified(scope, identity, token_hash), receive, send)
        elif path.startswith(FRONTEND) and await self._known(token_hash):
            await self._app(scope, receive, send)
        else:
            await _refused(scope)(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        token_hash = self._token_hash(scope)
        if not self._same_origin(scope):
            await _close(send)
            return
        identity = await self._identity(token_hash)
        if identity is not None and token_hash is not None:
            await self._watched(_identified(scope, identity, token_hash), receive, send, identity, token_hash)
        elif await self._known(token_hash):
            # without identity: all that its page can do is go to /login
            await self._app(scope, _sifted(receive, self._passes()), send)
        else:
            await _close(send)

    async def _watched(self, scope: Scope, receive: Receive, send: Send, identity: Identity, token_hash: str) -> None:
        ended = SOCKETS.enter(identity.session_id)
        incoming: asyncio.Future[Message] | None = None
        due = stopwatch() + self._checked_every
        passes = self._passes()

        async def receiving() -> Message:
            nonlocal incoming, due
            incoming = incoming or asyncio.ensure_future(receive())
            while True:
                waited: set[asyncio.Future[Any]] = {incoming, ended}
                left = max(0.0, due - stopwatch())
                done, _ = await asyncio.wait(waited, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if stopwatch() >= due:  # by time, not by silence: who keeps sending is looked up as well
                    due = stopwatch() + self._checked_every
                    if await self._identity(token_hash) is None:
                        _finish(ended)
                if ended.done():
                    incoming.cancel()
                    await _close(send)
                    return {"type": "websocket.disconnect", "code": UNAUTHENTICATED}
                if incoming in done:
                    message, incoming = incoming.result(), None
                    if await passes(message):
                        return message
                    incoming = asyncio.ensure_future(receive())

        try:
            await self._app(scope, receiving, send)
        finally:
            SOCKETS.leave(identity.session_id, ended)
            if incoming is not None:
                incoming.cancel()

    def _token_hash(self, scope: Scope) -> str | None:
        cookie = HTTPConnection(scope).cookies.get(sessions.cookie_name(self._parts().settings.secure_cookies))
        return sessions.digest(cookie) if cookie else None

    async def _identity(self, token_hash: str | None) -> Identity | None:
        if token_hash is None:
            return None
        parts = self._parts()
        return await run_in_threadpool(sessions.identify, parts.store, token_hash, parts.clock.now())

    async def _first_page(self, token_hash: str) -> str | None:
        """Where `/` leads this person. A page that only leads on would have its whole script begun twice."""
        if self._start is None:
            return None
        parts = self._parts()
        signed = await run_in_threadpool(sessions.resolve, parts.store, token_hash, parts.clock.now(), touch=False)
        return self._start(signed) if signed is not None else None

    async def _sees_cluster(self, scope: Scope, secret: str) -> bool:
        """Whether it is a token of this moment whose scopes and owner may see the cluster; an unknown one is counted."""
        parts = self._parts()
        actor = await run_in_threadpool(tokens.resolve, parts.store, secret, parts.clock.now())
        if actor is None:
            address = (scope.get("client") or ("",))[0]
            await run_in_threadpool(tokens.count_wrong, parts.store, address, parts.clock.now())
        return actor is not None and actor.may(Permission.SEE_CLUSTER)

    async def _known(self, token_hash: str | None) -> bool:
        return token_hash is not None and await run_in_threadpool(sessions.known, self._parts().store, token_hash)

    def _same_origin(self, scope: Scope) -> bool:
        connection = HTTPConnection(scope)
        origin = connection.headers.get("origin")
        if origin is None:
            return True  # browsers always send it; what is no browser could write anything
        return same_origin(origin, connection.headers.get("host", ""), secure=self._parts().settings.secure_cookies)


def same_origin(origin: str, host: str, *, secure: bool) -> bool:
    """Whether `origin` is the page's own: the host that was asked, by https where cookies are Secure."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    schemes = ("https",) if secure else ("http", "https")
    return parts.scheme in schemes and bool(host) and hmac.compare_digest(parts.netloc.lower().encode(), host.lower().encode())


def _identified(scope: Scope, identity: Identity, token_hash: str) -> Scope:
    added = [(b"x-portal-user", identity.user_id.encode()), (b"x-portal-sid", token_hash.encode())]
    return {**scope, "headers": [*scope["headers"], *added]}


def _redirect(scope: Scope, to: str) -> Response:
    query = scope.get("query_string", b"").decode("latin-1")
    return RedirectResponse(to + (f"?{query}" if query else ""), 303, headers={"Cache-Control": "no-store"})


def _refused(scope: Scope) -> Response:
    accepts = HTTPConnection(scope).headers.get("accept", "")
    if scope["method"] in ("GET", "HEAD") and "text/html" in accepts:
        query = scope.get("query_string", b"").decode("latin-1")
        wanted = scope["path"] + (f"?{query}" if query else "")
        return RedirectResponse(f"/login?next={quote(wanted, safe='')}", 303, headers={"Cache-Control": "no-store"})
    body = {"error": {"code": "unauthenticated", "message": "Nobody is signed in. Sign in at /login and try again."}}
    return JSONResponse(body, 401, headers={"Cache-Control": "no-store"})


def _too_many(error: TooManyAttempts) -> Response:
    body = {"error": {"code": error.code, "message": str(error)}}
    return JSONResponse(body, 429, headers={"Cache-Control": "no-store", "Retry-After": str(error.retry_after_seconds)})


def _bearer(scope: Scope) -> str | None:
    scheme, _, secret = HTTPConnection(scope).headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


def _from_this_machine(scope: Scope) -> bool:
    """Whether the request began on this machine: a local scraper; what a proxy passed on is not."""
    names = {name.lower() for name, _ in scope["headers"]}
    if names & {b"forwarded", b"x-forwarded-for", b"x-real-ip"} or not scope.get("client"):
        return False
    try:
        return ip_address(scope["client"][0]).is_loopback
    except ValueError:
        return False


def _sifted(receive: Receive, passes: Callable[[Message], Awaitable[bool]]) -> Receive:
    """`receive` without the messages that do not pass."""

    async def receiving() -> Message:
        while not await passes(message := await receive()):
            pass
        return message

    return receiving


async def _everything(_message: Message) -> bool:
    return True


async def _close(send: Send) -> None:
    try:
        await send({"type": "websocket.close", "code": UNAUTHENTICATED})  # before the accept it becomes HTTP 403
    except (RuntimeError, OSError):
        return  # the other side was gone already


def _finish(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)
