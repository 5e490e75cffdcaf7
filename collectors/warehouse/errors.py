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


WRONG = (
    duckdb.ParserException,
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConstraintException,
    duckdb.ConversionException,
    duckdb.DataError,
    duckdb.InvalidInputException,
    duckdb.InvalidTypeException,
    duckdb.NotImplementedException,
    duckdb.OutOfRangeException,
    duckdb.SyntaxException,
    duckdb.TypeMismatchException,
)
"""What DuckDB says of SQL and values that are wrong; everything else comes from outside: file, disk, memory, catalogue."""

LOST = (
    "connection to server",
    "could not connect",
    "unable to connect",
    "server closed the connection",
    "terminating connection",
    "no connection to the server",
    "connection not open",
    "could not receive data from server",
    "could not send data to server",
    'failed to execute query "begin',
    'failed to execute query "rollback',
)
"""Words about a PostgreSQL that does not answer, or ended in the middle of a transaction."""


def faulty(error: duckdb.Error) -> bool:
    """Whether the SQL or its values are wrong. DuckLake says that its catalogue is away as if the SQL were, whatever was asked."""
    return isinstance(error, WRONG) and re.match(r"([A-Z][\w ]*Error: )?Failed to ", str(error)) is None


def translate(error: duckdb.Error, uri: str, *, opening: bool = False) -> PlatformError | None:
    """The sentence for `error`, or None when it is a bug or a wrong question; nobody has asked anything yet while it is opened."""
    if not opening and faulty(error):
        return _broken_lake_file(error, uri)
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
    if (broken := _broken_lake_file(error, uri)) is not None:
        return broken
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
        for word in (
            "not a valid duckdb",
            "corrupt",
            "checksum",
            "not a database",
            "malformed",
            "failed to deserialize",
            "could not read enough bytes",
        )
    ):
        return Damaged(
            f"The warehouse {where} is damaged: {text.splitlines()[0]} "
            "Move the file away and start again: a new one is begun, and of a live cluster what Prometheus has of the last day is filled "
            "in. What is older is in the Parquet exports (folder export of the data directory): `moorage warehouse import` puts them "
            "back."
        )
    if any(word in low for word in LOST):
        return Unavailable(
            f"The catalogue of the warehouse {where} does not answer. Check that PostgreSQL runs; it is tried again."
        )
    if isinstance(error, duckdb.OutOfMemoryException):
        return Unavailable(
            f"The warehouse {where} needs more memory for this than it may use. It is tried again; raise warehouse_memory when it stays so."
        )
    return Unavailable(
        f"The warehouse {where} could not do it: {first_line(error)} It is tried again; when it stays so, look at its disk and directory."
    )


def _broken_lake_file(error: duckdb.Error, uri: str) -> Damaged | None:
    """A Parquet file that the catalogue names and that is not there any more, or is cut off."""
    low = str(error).lower()
    gone = any(word in low for word in ("no such file", "no magic bytes", "too small", "invalid footer", "not read enough bytes"))
    if not (uri.startswith("ducklake:") and ".parquet" in low and gone):
        return None
    return Damaged(
        f"The warehouse {shown(uri)} is damaged: {first_line(error)} Its catalogue names this file: put the file back from a backup, or "
        "begin with an empty catalogue and an empty folder."
    )


def first_line(error: Exception) -> str:
    """What DuckDB says is wrong and where, without its hints."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) if lines else type(error).__name__
