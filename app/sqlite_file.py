"""Copies of SQLite files that others may be writing."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path


def save(file: Path, target: Path) -> None:
    """A consistent copy of the file as it is now, in one file that only its owner may read."""
    os.close(os.open(target, os.O_RDONLY | os.O_CREAT, 0o600))
    with closing(sqlite3.connect(file)) as here, closing(sqlite3.connect(target)) as there:
        here.backup(there, pages=2048)
        there.execute("PRAGMA journal_mode = DELETE")


def plain(file: Path) -> None:
    """Everything in the one file: no write-ahead log beside it."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
