"""A bundle: several streams of unknown length one after the other in one, in frames; read in the order in which it was written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from models.domain.errors import Invalid

MOST = 1 << 20
"""Longest body of a frame."""
_BEGIN, _DATA, _END, _OVER = b"P", b"D", b"E", b"Z"
BROKEN = "The backup's content is not as Moorage writes it. Use another backup."

Head = Mapping[str, Any]


def pack(parts: Iterable[tuple[Head, Iterable[bytes]]]) -> Iterator[bytes]:
    """Each part with its head, which becomes JSON, and its content in pieces of any size."""
    for head, pieces in parts:
        yield _frame(_BEGIN, json.dumps(head, sort_keys=True).encode())
        length = 0
        for piece in pieces:
            for begin in range(0, len(piece), MOST):
                yield _frame(_DATA, piece[begin : begin + MOST])
            length += len(piece)
        yield _frame(_END, str(length).encode())
    yield _frame(_OVER, b"")


def unpack(pieces: Iterable[bytes]) -> Iterator[tuple[Head, Iterator[bytes]]]:
    """Each part with its head and its content; what of a part is not read is passed over. Invalid when it ends too early."""
    frames = _frames(pieces)
    while True:
        kind, body = _next(frames)
        if kind == _OVER:
            if next(frames, None) is not None:
                raise Invalid(BROKEN)
            return
        if kind != _BEGIN:
            raise Invalid(BROKEN)
        content = _content(frames)
        yield json.loads(body), content
        for _ in content:
            pass


def _content(frames: Iterator[tuple[bytes, bytes]]) -> Iterator[bytes]:
    length = 0
    while True:
        kind, body = _next(frames)
        if kind == _END:
            if body != str(length).encode():
                raise Invalid(BROKEN)
            return
        if kind != _DATA:
            raise Invalid(BROKEN)
        length += len(body)
        yield body


def _next(frames: Iterator[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
    found = next(frames, None)
    if found is None:
        raise Invalid(BROKEN)
    return found


def _frame(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "big") + body


def _frames(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= 5:
            length = int.from_bytes(held[1:5], "big")
            if length > MOST:
                raise Invalid(BROKEN)
            if len(held) < 5 + length:
                break
            yield bytes(held[:1]), bytes(held[5 : 5 + length])
            del held[: 5 + length]
    if held:
        raise Invalid(BROKEN)
