"""Where backups of apps lie: a port, and a directory behind it. Content comes and goes in pieces, sealed before."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from models.domain.errors import Invalid, NotFound, Unavailable

PIECE = 1 << 18
_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(/[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)*")


@dataclass(frozen=True, slots=True)
class Stored:
    """What lies there: its bytes and their SHA-256 in hexadecimal."""

    size: int
    sha256: str


class BackupTarget(Protocol):
    """Each call may raise Unavailable. Names are letters, digits, `_`, `-` and inner dots, in folders by `/`."""

    @property
    def words(self) -> str:
        """Where it is, for people; no secret is in it."""

    def put(self, name: str, pieces: Iterable[bytes]) -> Stored:
        """Keep the content under the name, whole and for good before it returns; when `pieces` raises nothing is there."""

    def get(self, name: str) -> Iterator[bytes]:
        """The content in pieces. NotFound when there is none."""

    def size(self, name: str) -> int | None:
        """Bytes that lie under the name; None when nothing does."""

    def delete(self, name: str) -> bool:
        """Take it away; False when nothing was there."""

    def names(self) -> Iterator[str]:
        """All names under which something lies, unfinished ones too."""


class DirectoryTarget:
    """`BackupTarget` in a directory, which may be a mounted disk of another machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def words(self) -> str:
        return f"the directory {self._folder}"

    def put(self, name: str, pieces: Iterable[bytes]) -> Stored:
        path = self._path(name)
        # a name that `names` shows, so that what a killed process leaves behind is found
        draft = path.with_name(f"{path.name}.part-{secrets.token_hex(4)}")
        digest, size = hashlib.sha256(), 0
        with self._sentence():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                for piece in pieces:  # what goes wrong while it is made is not the directory's fault
                    with self._sentence():
                        file.write(piece)
                    digest.update(piece)
                    size += len(piece)
                with self._sentence():
                    file.flush()
                    os.fsync(file.fileno())
            with self._sentence():
                draft.replace(path)
                _settle(path.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            raise
        return Stored(size, digest.hexdigest())

    def get(self, name: str) -> Iterator[bytes]:
        path = self._path(name)
        try:
            file = path.open("rb")
        except FileNotFoundError as error:
            raise NotFound(f"The content of this backup is not in {self.words} any more.") from error
        except OSError as error:
            raise self._unavailable(error) from error
        with file:
            while True:
                with self._sentence():
                    piece = file.read(PIECE)
                if not piece:
                    return
                yield piece

    def size(self, name: str) -> int | None:
        try:
            return self._path(name).stat().st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unavailable(error) from error

    def delete(self, name: str) -> bool:
        path = self._path(name)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._unavailable(error) from error
        with self._sentence():
            _settle(path.parent)
        with contextlib.suppress(OSError):
            path.parent.rmdir()  # only when it is empty
        return True

    def names(self) -> Iterator[str]:
        with self._sentence():
            found = sorted(one for one in self._folder.rglob("*") if one.is_file())
        for one in found:
            yield one.relative_to(self._folder).as_posix()

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise Invalid(f"{name!r} is no name of a backup.")
        return self._folder / name

    @contextlib.contextmanager
    def _sentence(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: OSError) -> Unavailable:
        return Unavailable(
            f"{self.words} for backups of apps cannot be used: {error.strerror or error}. "
            "Free space there, mount it again or change its permissions."
        )


def target(url: str, folder: Path) -> BackupTarget:
    """The target that a setting names; `folder` when it names none."""
    return DirectoryTarget(Path(url) if url else folder)


def _settle(folder: Path) -> None:
    """A new or missing name is on the disk, not only in the kernel's memory."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
