"""Who uses a data directory: one server at a time, any number of workers and commands, by locks that die with their process."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from models.domain.errors import Misconfigured, Unavailable

FILE = "server.lock"
WORKERS = "worker.lock"


class Owned(Unavailable):
    """A server runs on this data directory; `pid` is its process, when it said so."""

    code = "directory_owned"

    def __init__(self, message: str, *, pid: int | None = None) -> None:
        super().__init__(message)
        self.pid = pid


@contextmanager
def own(data: Path) -> Iterator[None]:
    """Hold the directory for as long as the block lasts; Owned when another process does."""
    with _opened(data / FILE) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _refusal(data) from None
        handle.seek(0)
        handle.truncate()
        handle.write(f"{os.getpid()} {socket.gethostname()}\n")
        handle.flush()
        yield


@contextmanager
def work(data: Path) -> Iterator[None]:
    """Use the store beside a server, as a worker or a command does, as long as the block lasts; Unavailable while somebody has the
    directory `alone` or without workers."""
    with _opened(data / WORKERS) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unavailable(
                f"A backup is being restored into {data} right now, or its schema changed. Try again when that is done."
            ) from None
        yield


@contextmanager
def alone(data: Path) -> Iterator[None]:
    """Hold the directory with neither a server nor a worker on it; Owned when there is one."""
    with own(data), without_workers(data):
        yield


@contextmanager
def without_workers(data: Path) -> Iterator[None]:
    """Keep workers and commands away as long as the block lasts; Owned when there is one."""
    with _opened(data / WORKERS) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Owned(f"A worker runs on the data directory {data}, or another command. Stop it, then try again.") from None
        yield


def works(data: Path) -> bool:
    """Whether a worker or a command is there now, with or without a server."""
    path = data / WORKERS
    if not path.exists():
        return False
    with path.open("r", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def owner(data: Path) -> Owned | None:
    """What `own` would be refused with now; None while nobody owns the directory."""
    path = data / FILE
    if not path.exists():
        return None
    with path.open("r", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _refusal(data)
    return None


def _opened(path: Path) -> TextIO:
    try:
        return path.open("a+", encoding="utf-8")
    except OSError as error:
        raise Misconfigured(
            f"The data directory {path.parent} cannot be written: {error.strerror}. "
            "Free space or change its permissions, or choose another directory with --data or MOORAGE_DATA."
        ) from error


def _refusal(data: Path) -> Owned:
    words = (data / FILE).read_text(encoding="utf-8").split()
    pid = int(words[0]) if words and words[0].isdigit() else None
    who = f"process {pid} on {words[1]}" if pid and len(words) > 1 else "another process"
    return Owned(
        f"A server already runs on the data directory {data} ({who}). "
        "Use that one, stop it, or choose another directory with --data.",
        pid=pid,
    )
