"""What can be wrong with the operational database, as sentences: what it is and what to do."""

from __future__ import annotations

import sqlite3

from models.domain.errors import Misconfigured, PlatformError, Unavailable


class Damaged(Misconfigured):
    """Pages of the database cannot be read any more."""

    code = "store_damaged"


_FULL = frozenset({"53100"})
_DAMAGED = frozenset({"XX001", "XX002"})


def translate(error: BaseException | None) -> PlatformError | None:
    """The sentence for what the driver of SQLite or PostgreSQL raised, or None when it is none of these."""
    if error is None:
        return None
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    state = getattr(error, "sqlstate", None)
    reason = (str(error).strip().splitlines() or ["no reason given"])[0]
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or state in _DAMAGED:
        return Damaged(
            f"The operational database is damaged: {reason}. Stop the server and put back the last backup: "
            "moorage restore latest --force. What was written since is lost."
        )
    if primary in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR) or state in _FULL:
        return Unavailable(
            f"The operational database could not be written: {reason}. Nothing of this was stored and nothing stored before is lost. "
            "Free space on its disk; if there is enough, the disk itself fails."
        )
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Unavailable(f"Something else was writing the operational database for too long: {reason}. It will be tried again.")
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return Unavailable(
            f"The operational database cannot be opened or written: {reason}. Check that its directory is there and that this user "
            "may write in it."
        )
    return None
