"""How large a request may be: whoever calls is known only after its body was read, so that a stranger could fill the memory."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import problems

MOST_BYTES = 16 * 2**20
"""The largest file of rules with every character escaped fits."""


class BoundedBodies:
    """Reads the body of a request up to a limit and hands it on; beyond it the answer is 413 and the rest is not read."""

    def __init__(self, app: ASGIApp, most: int = MOST_BYTES) -> None:
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said = dict(scope["headers"]).get(b"content-length", b"")
        size = int(said) if said.isdigit() else 0
        taken = 0
        read: list[Message] = []
        while size <= self._most:
            message = await receive()
            read.append(message)
            if message["type"] != "http.request" or not message.get("more_body"):
                break
            taken += len(message.get("body", b""))
            size = max(size, taken)
        else:
            refused = problems.problem(413, "too_large", f"A request has at most {self._most // 2**20} MiB. Send it in parts.")
            await refused(scope, receive, send)
            return
        waiting = iter(read)

        async def again() -> Message:
            return next(waiting, None) or await receive()

        await self._app(scope, again, send)
