"""Asking the DNS where a name leads and which proofs stand beside it: a port, a resolver that speaks DNS over UDP, and a simulator.

Python's own resolver tells addresses only; a proof stands in a TXT record.
"""

from __future__ import annotations

import re
import secrets
import socket
import struct
from pathlib import Path
from typing import Protocol

from models.domain.domains import PROOF_LABEL, Records, proof
from models.domain.errors import Unavailable

A, CNAME, TXT, AAAA = 1, 5, 16, 28
SECONDS, TRIES, MOST_BYTES = 3.0, 2, 4096
MOST_JUMPS = 20


class Names(Protocol):
    """What the DNS says now. Raises Unavailable when nobody answers."""

    def look(self, name: str, *, host: str, token: str) -> Records:
        """Of `name`, and the addresses of `host`. `token` is what is hoped for; only a simulator needs it."""


class DnsNames:
    """Asks one recursive resolver: that of the machine, unless another is named as host:port."""

    def __init__(self, server: str = "") -> None:
        host, _, port = (server or _resolver()).rpartition(":")
        self._server = (host.strip("[]"), int(port))

    def look(self, name: str, *, host: str, token: str) -> Records:
        own = [*self._ask(name, A), *self._ask(name, AAAA)]
        there = [*self._ask(host, A), *self._ask(host, AAAA)]
        return Records(
            aliases=frozenset(text.lower() for kind, text in own if kind == CNAME),
            addresses=frozenset(text for kind, text in own if kind in (A, AAAA)),
            target_addresses=frozenset(text for kind, text in there if kind in (A, AAAA)),
            proofs=frozenset(text for kind, text in self._ask(f"{PROOF_LABEL}.{name}", TXT) if kind == TXT),
        )

    def _ask(self, name: str, kind: int) -> list[tuple[int, str]]:
        """(kind, text) of every record of the answer; none when the name does not exist."""
        question = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0" + struct.pack("!HH", kind, 1)
        for _ in range(TRIES):
            number = secrets.randbelow(1 << 16)
            family = socket.AF_INET6 if ":" in self._server[0] else socket.AF_INET
            try:
                with socket.socket(family, socket.SOCK_DGRAM) as wire:
                    wire.settimeout(SECONDS)
                    wire.connect(self._server)
                    wire.send(struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + question)
                    answer = wire.recv(MOST_BYTES)
                if answer[:2] == struct.pack("!H", number) and answer[12 : 12 + len(question)].lower() == question.lower():
                    return _records(answer, 12 + len(question))
            except (OSError, IndexError, struct.error, UnicodeError):
                continue
        raise Unavailable("The DNS does not answer at the moment. Try again in some minutes.")


def _records(answer: bytes, place: int) -> list[tuple[int, str]]:
    flags, _, number = struct.unpack("!HHH", answer[2:8])
    if flags & 0xF == 3:
        return []
    if flags & 0xF:
        raise OSError("the resolver could not answer")
    found = []
    for _ in range(number):
        _, place = _name(answer, place)
        kind, _, _, length = struct.unpack("!HHIH", answer[place : place + 10])
        place += 10
        data = answer[place : place + length]
        if kind == CNAME:
            found.append((kind, _name(answer, place)[0]))
        elif kind in (A, AAAA):
            found.append((kind, socket.inet_ntop(socket.AF_INET if kind == A else socket.AF_INET6, data)))
        elif kind == TXT:
            text, at = b"", 0
            while at < length:
                text += data[at + 1 : at + 1 + data[at]]
                at += 1 + data[at]
            found.append((kind, text.decode("utf-8", "replace")))
        place += length
    return found


def _name(answer: bytes, place: int) -> tuple[str, int]:
    """The name that begins there, and where what follows it begins. Names may end with a pointer to another place."""
    parts: list[str] = []
    after = 0
    for _ in range(MOST_JUMPS):
        size = answer[place]
        if size >= 0xC0:
            after = after or place + 2
            place = struct.unpack("!H", answer[place : place + 2])[0] & 0x3FFF
        elif size:
            parts.append(answer[place + 1 : place + 1 + size].decode("ascii"))
            place += 1 + size
        else:
            return ".".join(parts), after or place + 1
        if len(parts) > MOST_JUMPS:
            break
    raise OSError("a name in the answer has no end")


def _resolver(file: Path = Path("/etc/resolv.conf")) -> str:
    try:
        found = re.search(r"^\s*nameserver\s+(\S+)", file.read_text(), re.MULTILINE)
    except OSError:
        found = None
    return f"{found[1] if found else '127.0.0.1'}:53"


class SimulatedNames:
    """Names whose owners did as they were told; those that begin with `wrong` lead elsewhere and prove nothing."""

    def look(self, name: str, *, host: str, token: str) -> Records:
        if name.startswith("wrong"):
            return Records()
        return Records(aliases=frozenset({host}), proofs=frozenset({proof(token)}))


def names(*, live: bool) -> Names:
    """Those of the world outside on live data, simulated ones in the demo."""
    return DnsNames() if live else SimulatedNames()
