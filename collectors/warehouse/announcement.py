"""The file beside the warehouse that tells other processes where its owner answers: address and token, for this user's eyes only."""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from collectors.warehouse.connection import Connection
from collectors.warehouse.errors import NotWritable


@dataclass(frozen=True, slots=True)
class Address:
    url: str
    token: str


def reader_file(catalogue: str) -> Path:
    """`catalogue` is the DuckDB file, the SQLite catalogue, or the folder of a lake."""
    return Path(catalogue.rstrip("/") + ".reader.json")


def place(uri: str, data_path: str) -> Path | None:
    """The reader file of the warehouse at `uri`; None where it has no folder of its own (a lake in a bucket), so that nobody
    but the owner itself can ask the owner."""
    beside = data_path if uri.startswith("ducklake:postgres:") else uri.removeprefix("ducklake:sqlite:")
    return reader_file(str(Path(beside).resolve())) if beside and "://" not in beside else None


def read(file: Path) -> Address | None:
    """The address, or None when nobody has announced one. It may be left behind by an owner that was killed."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        return Address(str(told["url"]), str(told["token"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


class Announcement:
    """The owner's side. Without a reader file (`place`) the token is known in this process only."""

    def __init__(self, link: Connection) -> None:
        self._file = place(link.uri, link.data_path)
        self._token = ""

    def write(self, url: str) -> None:
        """Replace the file as a whole: a reader never sees half of it."""
        self._token = secrets.token_urlsafe(32)
        if self._file is None:
            return
        fresh = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        try:
            fresh.unlink(missing_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
                json.dump({"url": url, "token": self._token, "pid": os.getpid()}, out)
            fresh.replace(self._file)
        except OSError as error:
            raise NotWritable(f"{self._file} cannot be written: {error.strerror}. Other processes need it to read.") from error

    def check(self, header: str | None) -> bool:
        """Whether `header` carries the token, compared in constant time."""
        return bool(self._token) and hmac.compare_digest((header or "").encode(), f"Bearer {self._token}".encode())

    def withdraw(self) -> None:
        """Take the file away, when it is still ours."""
        if self._file is None or not self._token:
            return
        told = read(self._file)
        if told and told.token == self._token:
            with contextlib.suppress(OSError):
                self._file.unlink()
        self._token = ""
