"""Commands in pods of a real cluster: the API's exec over a websocket, in binary, with the exit status read."""

from __future__ import annotations

import json
import secrets
import select
import ssl
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from websocket import ABNF, WebSocketException

from models.domain.errors import Invalid, Unavailable
from provisioner.cluster.commands import CommandFailed, Place, said
from provisioner.cluster.live import understood
from provisioner.cluster.port import Rejected, Rejection

Dial = Callable[[str, Sequence[tuple[str, str]]], Any]
"""Opens a websocket to a path of the API; raises an exception with `status` when the API refuses."""

_INPUT, _OUTPUT, _ERRORS, _STATUS = 0, 1, 2, 3
PIECE = 1 << 15
"""Of input: one message."""
SILENT_SECONDS = 600.0
"""A program may say nothing for so long; a connection that is lost is known then at the latest."""
CLOSING_SECONDS = 10.0
"""After a command told its status, so long is waited for the rest of its output."""
_MOST_ERRORS = 1 << 14


class LiveCommands:
    """`provisioner.cluster.commands.Commands` over the API. Each command has a connection of its own."""

    def __init__(self, dial: Dial, refused: type[Exception], *, silent_seconds: float = SILENT_SECONDS) -> None:
        self._dial = dial
        self._refused = refused
        self._silent = silent_seconds

    def run(self, place: Place, command: Sequence[str], given: Iterable[bytes] | None = None, length: int = 0) -> Iterator[bytes]:
        mark = secrets.token_hex(16)
        if given is None:
            command = ("sh", "-c", '"$@" || exit $?; printf %s "$0"', mark, *command)
        else:
            # by its length the program knows the end: some runtimes drop what is still on its way when an input is closed
            command = ("sh", "-c", 'head -c "$0" | { "$@"; s=$?; cat > /dev/null; exit $s; }', str(length), *command)
        socket = self._opened(place, command, given is not None)
        try:
            socket.settimeout(self._silent)
            output = _Talk(socket, None if given is None else _measured(given, length)).output()
            yield from (output if given is not None else _whole(output, mark))
        except (WebSocketException, OSError) as error:
            raise Unavailable(
                f"The connection to a command in {place.namespace}/{place.pod} broke ({error or type(error).__name__}). It is tried again."
            ) from error
        finally:
            with suppress(WebSocketException, OSError):
                socket.close(timeout=1)
            with suppress(WebSocketException, OSError):
                socket.shutdown()

    def _opened(self, place: Place, command: Sequence[str], gets_input: bool) -> Any:
        query = [("container", place.container), ("stdout", "true"), ("stderr", "true")]
        query += [("stdin", "true")] if gets_input else []
        query += [("command", word) for word in command]
        try:
            return self._dial(f"/api/v1/namespaces/{place.namespace}/pods/{place.pod}/exec", query)
        except self._refused as error:
            status, message = int(getattr(error, "status", 500)), str(error)
            if status >= 500 and "not found" in message:  # the kubelet does not know the container (any more)
                raise Rejected(Rejection.ABSENT, message) from error
            raise Rejected(understood(status, message), message) from error


class _Talk:
    """One command's channels. Reads and writes in one thread: a TLS connection is not safe for two."""

    def __init__(self, socket: Any, given: Iterable[bytes] | None) -> None:
        self._socket = socket
        self._given = None if given is None else _pieces(given)
        self._errors = bytearray()
        self._status: bytes | None = None
        self._over = False
        self._cut = False
        """Whether it ended before it had read what it was given."""

    def output(self) -> Iterator[bytes]:
        while not self._over:
            if self._given is not None and not self._readable():
                self._feed()
                continue
            try:
                piece = self._next()
            except (WebSocketException, OSError):
                if self._status is None:
                    raise
                break
            if piece:
                yield piece
        self._judge()

    def _feed(self) -> None:
        assert self._given is not None  # noqa: S101  the caller asked
        piece = next(self._given, None)
        if piece is None:
            self._given = None
            return
        try:
            self._socket.send(bytes([_INPUT]) + piece, opcode=ABNF.OPCODE_BINARY)
        except (WebSocketException, OSError):
            # a program that ends early is hung up on; why it did so was sent before
            self._cut, self._given = True, None

    def _readable(self) -> bool:
        inner = self._socket.sock
        if inner is None or (isinstance(inner, ssl.SSLSocket) and inner.pending()):
            return True
        poll = select.poll()
        poll.register(inner, select.POLLIN)
        return bool(poll.poll(0))

    def _next(self) -> bytes:
        """What came on the standard output; empty for anything else."""
        kind, frame = self._socket.recv_data_frame(True)
        if kind == ABNF.OPCODE_CLOSE:
            self._over = True
            return b""
        data = frame.data
        if kind not in (ABNF.OPCODE_BINARY, ABNF.OPCODE_TEXT) or len(data) < 2:
            return b""
        channel, content = data[0], bytes(data[1:])
        if channel == _OUTPUT:
            return content
        if channel == _ERRORS:
            self._errors = (self._errors + content)[-_MOST_ERRORS:]
        elif channel == _STATUS:
            # output may still come after it, until the other side closes
            self._status, self._cut, self._given = content, self._cut or self._given is not None, None
            self._socket.settimeout(CLOSING_SECONDS)
        return b""

    def _judge(self) -> None:
        """Raise unless the command said that it ended well: a connection that ends without a word is no end."""
        if self._status is None:
            raise Unavailable("The connection to a command ended before the command did. It is tried again.")
        try:
            told = json.loads(self._status)
        except ValueError:
            told = {"status": "Failure", "message": self._status.decode(errors="replace")}
        if told.get("status") == "Success":
            if self._cut:
                raise CommandFailed(0, "it ended before it had read what it was given")
            return
        causes = (told.get("details") or {}).get("causes") or ()
        codes = [one.get("message", "") for one in causes if one.get("reason") == "ExitCode"]
        if codes and codes[0].isdigit():
            raise CommandFailed(int(codes[0]), said([bytes(self._errors)]))
        raise Rejected(Rejection.INVALID, str(told.get("message") or "the command could not be begun"))


def _whole(pieces: Iterable[bytes], mark: str) -> Iterator[bytes]:
    """The output without the mark at its end; Unavailable when that is not there: something on the way lost the rest."""
    tail, length = b"", len(mark)
    for piece in pieces:
        tail += piece
        if len(tail) > length:
            yield tail[:-length]
            tail = tail[-length:]
    if tail != mark.encode():
        raise Unavailable("A part of a command's output was lost on its way. It is tried again.")


def _measured(given: Iterable[bytes], length: int) -> Iterator[bytes]:
    """The same; Invalid when it has another length, for then the program would wait for more or lack the rest."""
    left = length
    for piece in given:
        left -= len(piece)
        if left < 0:
            break
        yield piece
    if left:
        raise Invalid("What was to be given to a command has another length than was said. Use another backup.")


def _pieces(given: Iterable[bytes]) -> Iterator[bytes]:
    for piece in given:
        for begin in range(0, len(piece), PIECE):
            yield piece[begin : begin + PIECE]
