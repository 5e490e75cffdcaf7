"""The DNS as it is spoken on the wire: aliases, addresses and proofs of a name, names that do not exist, and silence."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from app.gateways import names as module
from app.gateways.names import AAAA, CNAME, TXT, A, DnsNames, SimulatedNames
from models.domain.domains import lacking, proof
from models.domain.errors import Unavailable

pytestmark = pytest.mark.loopback
HOST, TOKEN = "kopi.container.apps.example", "ab" * 16
Zone = Mapping[tuple[str, int], list[tuple[int, bytes]]]


def wire(name: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"


def text(*parts: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in parts)


@contextmanager
def resolver(zone: Zone, *, code: int = 3, forge: bool = False) -> Iterator[str]:
    """A resolver on loopback; what it does not know it answers with `code`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                try:
                    asked, who = listening.recvfrom(512)
                except OSError:
                    return
                name, place = [], 12
                while size := asked[place]:
                    name.append(asked[place + 1 : place + 1 + size].decode())
                    place += 1 + size
                (kind,) = struct.unpack("!H", asked[place + 1 : place + 3])
                found = zone.get((".".join(name), kind))
                answers = b"".join(struct.pack("!HHHIH", 0xC00C, k, 1, 60, len(d)) + d for k, d in found or ())
                number = b"\0\0" if forge else asked[:2]
                flags = 0x8180 | (0 if found is not None else code)
                listening.sendto(
                    number + struct.pack("!HHHHH", flags, 1, len(found or ()), 0, 0) + asked[12 : place + 5] + answers, who
                )

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"


ADDRESS = socket.inet_aton("203.0.113.9")
FULL: Zone = {
    ("shop.example.com", A): [(CNAME, wire(HOST)), (A, ADDRESS)],
    ("shop.example.com", AAAA): [(CNAME, wire(HOST)), (AAAA, socket.inet_pton(socket.AF_INET6, "2001:db8::9"))],
    (HOST, A): [(A, ADDRESS)],
    ("_moorage.shop.example.com", TXT): [(TXT, text("other")), (TXT, text(proof(TOKEN)[:10], proof(TOKEN)[10:]))],
}


def test_a_name_that_is_set_up_is_seen_so() -> None:
    with resolver(FULL) as server:
        found = DnsNames(server).look("shop.example.com", host=HOST, token="")
    assert found.aliases == {HOST}
    assert found.addresses == {"203.0.113.9", "2001:db8::9"}
    assert found.target_addresses == {"203.0.113.9"}
    assert found.proofs == {"other", proof(TOKEN)}
    assert lacking(found, host=HOST, token=TOKEN) == ""


@pytest.mark.parametrize(
    ("without", "instead", "missing"),
    [
        ([("_moorage.shop.example.com", TXT)], {}, "proof"),
        ([], {("_moorage.shop.example.com", TXT): [(TXT, text("moorage=somebody-else"))]}, "proof"),
        ([("shop.example.com", A), ("shop.example.com", AAAA)], {}, "target"),
        ([("shop.example.com", AAAA)], {("shop.example.com", A): [(A, socket.inet_aton("198.51.100.1"))]}, "target"),
        ([("shop.example.com", AAAA)], {("shop.example.com", A): [(A, ADDRESS)]}, ""),
    ],
)
def test_what_is_missing_is_said(without: list[tuple[str, int]], instead: Zone, missing: str) -> None:
    zone = {key: value for key, value in FULL.items() if key not in without} | dict(instead)
    with resolver(zone) as server:
        found = DnsNames(server).look("shop.example.com", host=HOST, token="")
    assert lacking(found, host=HOST, token=TOKEN) == missing


def test_silence_errors_and_forged_answers_are_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.2)
    with (
        resolver({}, code=2) as failing,
        resolver(FULL, forge=True) as forging,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute,
    ):
        mute.bind(("127.0.0.1", 0))
        for server in (failing, forging, f"127.0.0.1:{mute.getsockname()[1]}"):
            with pytest.raises(Unavailable, match="DNS does not answer"):
                DnsNames(server).look("shop.example.com", host=HOST, token="")


def test_the_simulator_plays_owners_who_did_as_told_and_one_who_did_not() -> None:
    assert lacking(SimulatedNames().look("shop.example.com", host=HOST, token=TOKEN), host=HOST, token=TOKEN) == ""
    assert lacking(SimulatedNames().look("wrong.example.com", host=HOST, token=TOKEN), host=HOST, token=TOKEN) == "proof"
