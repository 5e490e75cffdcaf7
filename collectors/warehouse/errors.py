"""What can be wrong with a warehouse, as sentences: what it is and what to do."""

from __future__ import annotations

import re

import duckdb

from models.domain.errors import Invalid, Misconfigured, PlatformError, Unavailable


class Locked(Unavailable):
    """Another process has the warehouse open; `pid` is its process, when that is known."""

    code = "warehouse_locked"

    def __init__(self, message: str, *, pid: int | None = None) -> None:
        super().__init__(message)
        self.pid = pid


class Damaged(Misconfigured):
    """The file or folder is not a warehouse, or parts of it are unreadable."""

    code = "warehouse_damaged"


class Newer(Misconfigured):
    """The warehouse was written by a newer program."""

    code = "warehouse_newer"


class Older(Misconfigured):
    """Written by an older program, and opened for reading only."""

    code = "warehouse_older"


class Edited(Misconfigured):
    """A migration was changed after it had run."""

    code = "warehouse_migration_edited"


class NotWritable(Misconfigured):
    """The directory cannot be written."""

    code = "warehouse_not_writable"


class DiskFull(Unavailable):
    """The disk is full; what was stored stays, the same write may succeed later."""

    code = "warehouse_disk_full"


class BadQuestion(Invalid):
    """SQL that is refused or that the database cannot run."""

    code = "warehouse_question"


def shown(uri: str) -> str:
    """`uri` as people may see it: without a password."""
    return re.sub(r"(password\s*=\s*)('[^']*'|\S+)", r"\1***", re.sub(r"(//[^:/@\s]+:)[^@\s]+@", r"\1***@", uri), flags=re.I)


def translate(error: duckdb.Error, uri: str) -> PlatformError | None:
    """The sentence for `error`, or None when it is a bug or a wrong question."""
    text, where = str(error), shown(uri)
    low = text.lower()
    if (
        "could not set lock" in low
        or "conflicting lock" in low
        or "already attached" in low
        or "being used by another process" in low
    ):
        found = re.search(r"\(PID (\d+)\)", text)
        pid = int(found.group(1)) if found else None
        owner = f"process {pid}" if pid else "another process"
        return Locked(f"The warehouse {where} is open in {owner}. Stop that process, or read through reader().", pid=pid)
    if "no space left" in low or "file too large" in low or "disk quota" in low or "out of disk" in low:
        return DiskFull(
            f"The disk of the warehouse {where} is full. Nothing that was stored is lost; free some space, the write is tried again."
        )
    if "permission denied" in low or "read-only file system" in low or "cannot open file" in low or "attempting to write" in low:
        return NotWritable(
            f"The warehouse {where} cannot be opened for writing. Check that its directory exists and that this user may write to it."
        )
    if ("version number" in low and "can only read" in low) or "storage version" in low or "only ducklake versions" in low:
        return Newer(
            f"The warehouse {where} was written by a newer program. "
            "Start that version of Moorage, or move the warehouse away for a new one to begin."
        )
    if any(
        word in low
        for word in ("not a valid duckdb", "corrupt", "checksum", "not a database", "malformed", "failed to deserialize")
    ):
        return Damaged(
            f"The warehouse {where} is damaged: {text.splitlines()[0]} "
            "Move the file away and start again: a new one is begun, and of a live cluster what Prometheus has of the last day is filled "
            "in. What is older is only in the Parquet exports (folder export of the data directory): DuckDB reads them, and nothing "
            "puts them back."
        )
    if (
        "connection to server" in low
        or "could not connect" in low
        or "unable to connect" in low
        or "server closed the connection" in low
    ):
        return Unavailable(
            f"The catalogue of the warehouse {where} does not answer. Check that PostgreSQL runs; it is tried again."
        )
    return None
