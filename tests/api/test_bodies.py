"""Bodies without end are refused before anybody asks who sent them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.api.bodies import BoundedBodies
from tests import own_loop


def answered(chunks: int, *headers: tuple[bytes, bytes]) -> tuple[int, bytes, int]:
    """Status, what the application took, and how many chunks of a kilobyte were read of `chunks`."""
    read = 0
    sent: list[Message] = []

    async def receive() -> Message:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b"x" * 1024, "more_body": read < chunks}

    async def send(message: Message) -> None:
        sent.append(message)

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message: Any = await receive()
            body, more = body + message["body"], message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    scope = {"type": "http", "method": "POST", "path": "/", "headers": list(headers)}
    own_loop.run(BoundedBodies(app, most=10 * 1024)(scope, receive, send))
    return sent[0]["status"], sent[1]["body"], read


def test_a_body_within_the_limit_arrives_whole() -> None:
    assert answered(10) == (200, b"x" * 10 * 1024, 10)


@pytest.mark.parametrize(("headers", "read"), [((), 11), (((b"content-length", b"99999999"),), 0)])
def test_a_larger_one_is_not_read_to_its_end(headers: tuple[tuple[bytes, bytes], ...], read: int) -> None:
    status, body, taken = answered(1_000_000, *headers)
    assert (status, json.loads(body)["code"], taken) == (413, "too_large", read)
