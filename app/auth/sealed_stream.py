"""Streams sealed piece by piece: AES-256-GCM under a key derived for one purpose and one stream, so that nothing is ever whole in memory.

Each chunk is bound to its number and to whether it is the last one, and all to the head: a stream that was changed, cut off, put in
another order or joined from two does not open. What `opened` gives was authenticated before; that it is all, only the end tells.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Iterator
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.auth.seal import Seal
from models.domain.errors import Invalid, Misconfigured

MAGIC = b"MOORAGE SEALED 1\n"
CHUNK = 1 << 16
_SALT, _CHECK, _TAG, _KEY = 32, 32, 16, 32
DAMAGED = "The stored backup is damaged: it was changed, cut off or put together from others. Use another backup."


def sealed(pieces: Iterable[bytes], seal: Seal, purpose: str) -> Iterator[bytes]:
    """`pieces`, of any sizes, as a sealed stream under the current key."""
    kid = seal.current.encode()
    head = MAGIC + bytes([len(kid)]) + kid + secrets.token_bytes(_SALT)
    cipher, check = _keys(seal, head, purpose)
    head += hmac.digest(check, head, "sha256")
    yield head
    held, number = bytearray(), 0
    for piece in pieces:
        held += piece
        while len(held) > CHUNK:  # one is kept back: the last one must be known as such
            yield cipher.encrypt(_nonce(number, last=False), bytes(held[:CHUNK]), head)
            del held[:CHUNK]
            number += 1
    yield cipher.encrypt(_nonce(number, last=True), bytes(held), head)


def opened(pieces: Iterable[bytes], seal: Seal, purpose: str) -> Iterator[bytes]:
    """The content of a sealed stream. Invalid when it is not as it was made, Misconfigured when the key is not the right one."""
    source, held = iter(pieces), bytearray()

    def fill(length: int) -> bool:
        while len(held) < length:
            piece = next(source, None)
            if piece is None:
                return False
            held.extend(piece)
        return True

    def taken(length: int) -> bytes:
        part = bytes(held[:length])
        del held[:length]
        return part

    if not fill(len(MAGIC) + 1) or not held.startswith(MAGIC):
        raise Invalid("This is no backup that Moorage sealed, or its beginning is damaged.")
    length = len(MAGIC) + 1 + held[len(MAGIC)] + _SALT
    if not fill(length + _CHECK):
        raise Invalid(DAMAGED)
    head = taken(length)
    cipher, check = _keys(seal, head, purpose)
    head += taken(_CHECK)
    if not hmac.compare_digest(hmac.digest(check, head[:length], "sha256"), head[length:]):
        raise Misconfigured(
            "The platform's key does not open this backup: it was made with another key or for another app, or its beginning was "
            "changed. Put back the key file that belongs to this store."
        )
    number, more = 0, True
    while more:
        more = fill(CHUNK + _TAG + 1)
        try:
            yield cipher.decrypt(_nonce(number, last=not more), taken(CHUNK + _TAG), head)
        except (InvalidTag, ValueError) as error:
            raise Invalid(DAMAGED) from error
        number += 1


def _keys(seal: Seal, head: bytes, purpose: str) -> tuple[AESGCM, bytes]:
    """The cipher, and the key of the mark by which a wrong key is known from damage."""
    salt, kid = head[-_SALT:], head[len(MAGIC) + 1 : -_SALT]
    try:
        name = kid.decode()
    except UnicodeDecodeError as error:
        raise Invalid(DAMAGED) from error
    material = seal.derived(name, salt=salt, purpose=purpose, length=_KEY + sha256().digest_size)
    return AESGCM(material[:_KEY]), material[_KEY:]


def _nonce(number: int, *, last: bool) -> bytes:
    """Unique under the stream's own key."""
    return number.to_bytes(8, "big") + bytes([last, 0, 0, 0])
