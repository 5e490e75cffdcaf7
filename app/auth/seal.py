"""Sealed values: AES-256-GCM under a key file with key ids, so that keys can be replaced while old values stay readable."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from models.domain.errors import Invalid, Misconfigured

_NONCE = 12


class Seal:
    """Seals text for a purpose. A value opens only for the purpose it was sealed for, and only under a key of this file."""

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        if current not in keys or any(len(key) != 32 for key in keys.values()):
            raise Misconfigured("The key file must hold 32-byte keys and name one of them as the current one.")
        self._keys = dict(keys)
        self.current = current

    @classmethod
    def open(cls, path: Path) -> Seal:
        """The seal of the key file at `path`; a new file with one key, readable by its owner only, where there is none."""
        if not path.exists():
            _create(path)
        status = path.stat()
        if status.st_uid == os.getuid() and status.st_mode & 0o077:
            raise Misconfigured(f"The key file {path} can be read by others. Run: chmod 600 {path}")
        try:
            content = json.loads(path.read_text())
            return cls({kid: urlsafe_b64decode(key) for kid, key in content["keys"].items()}, content["current"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Misconfigured(
                f"The key file {path} is damaged. Put back the copy from a backup; sealed values need it."
            ) from error

    @classmethod
    def rotate(cls, path: Path) -> Seal:
        """Add a fresh key to the file and make it the current one; values sealed under the older keys stay readable."""
        before = cls.open(path)
        kid = _fresh_id(before._keys)
        _write(path, {**before._keys, kid: secrets.token_bytes(32)}, kid, replace=True)
        return cls.open(path)

    def seal(self, text: str, purpose: str) -> str:
        """`text` sealed under the current key, as `key id.nonce and ciphertext`."""
        nonce = secrets.token_bytes(_NONCE)
        body = AESGCM(self._keys[self.current]).encrypt(nonce, text.encode(), purpose.encode())
        return f"{self.current}.{urlsafe_b64encode(nonce + body).decode()}"

    def unseal(self, sealed: str, purpose: str) -> str:
        """The text again; Invalid when it was changed or sealed for another purpose, Misconfigured when its key is not here."""
        kid, _, encoded = sealed.partition(".")
        try:
            body = urlsafe_b64decode(encoded.encode())
        except ValueError as error:
            raise Invalid("A sealed value is damaged.") from error
        if kid not in self._keys:
            raise Misconfigured(f"The key {kid!r} is not in the key file. Put back the key file that belongs to this store.")
        try:
            return AESGCM(self._keys[kid]).decrypt(body[:_NONCE], body[_NONCE:], purpose.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise Invalid("A sealed value was changed, or belongs to something else.") from error

    def stale(self, sealed: str) -> bool:
        """Whether a value is sealed under an older key and should be sealed anew."""
        return sealed.partition(".")[0] != self.current

    def derived(self, kid: str, *, salt: bytes, purpose: str, length: int) -> bytes:
        """Key material of its own for one purpose and salt (HKDF); Misconfigured when the key is not here."""
        if kid not in self._keys:
            raise Misconfigured(f"The key {kid!r} is not in the key file. Put back the key file that belongs to this store.")
        return HKDF(SHA256(), length, salt, purpose.encode()).derive(self._keys[kid])

    def sign(self, text: str, purpose: str) -> str:
        """A signature of `text` for a purpose, in hexadecimal."""
        return _signature(self._keys[self.current], text, purpose)

    def signed(self, signature: str, text: str, purpose: str) -> bool:
        """Whether `signature` was made here, under any key of the file."""
        return any(hmac.compare_digest(signature.encode(), _signature(key, text, purpose).encode()) for key in self._keys.values())


def _signature(key: bytes, text: str, purpose: str) -> str:
    derived = hmac.new(key, b"sign:" + purpose.encode(), hashlib.sha256).digest()
    return hmac.new(derived, text.encode(), hashlib.sha256).hexdigest()


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    kid = _fresh_id({})
    _write(path, {kid: secrets.token_bytes(32)}, kid, replace=False)


def _fresh_id(keys: Mapping[str, bytes]) -> str:
    return f"k{len(keys) + 1}{secrets.token_hex(2)}"


def _write(path: Path, keys: Mapping[str, bytes], current: str, *, replace: bool) -> None:
    content = json.dumps(
        {"current": current, "keys": {kid: urlsafe_b64encode(key).decode() for kid, key in keys.items()}}, indent=1
    )
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            draft.replace(path)
        else:
            try:
                os.link(draft, path)  # unlike a rename this never overwrites the key of a process that was faster
            except FileExistsError:
                return
    finally:
        draft.unlink(missing_ok=True)
