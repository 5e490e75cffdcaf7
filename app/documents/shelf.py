"""Where the bytes of documents lie: files named by their SHA-256, so that the same bytes are one file."""

from __future__ import annotations

import hashlib
from pathlib import Path

from app.config import Settings
from app.gateways.backup_target import DirectoryTarget
from models.domain.errors import NotFound


class Shelf:
    """A folder of the data directory; each call may raise Unavailable."""

    def __init__(self, folder: Path) -> None:
        self._target = DirectoryTarget(folder)

    @classmethod
    def of(cls, settings: Settings) -> Shelf:
        return cls(settings.data / "documents")

    def put(self, content: bytes) -> str:
        """Keep the bytes for good; their SHA-256 in hexadecimal. Twice is once."""
        digest = hashlib.sha256(content).hexdigest()
        if self._target.size(_name(digest)) != len(content):
            self._target.put(_name(digest), [content])
        return digest

    def get(self, digest: str) -> bytes | None:
        """The bytes; None when they are not there or are others than they were."""
        try:
            content = b"".join(self._target.get(_name(digest)))
        except NotFound:
            return None
        return content if hashlib.sha256(content).hexdigest() == digest else None


def _name(digest: str) -> str:
    return f"{digest[:2]}/{digest}.pdf"
