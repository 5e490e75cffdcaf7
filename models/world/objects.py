"""What was made in the simulated cluster: objects of its API, in a file that any process may read and change."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from models.domain.clock import aware
from models.domain.errors import Misconfigured, Unavailable

Object = dict[str, Any]
"""As the API takes it: plain data."""
Key = tuple[str, str | None, str]
"""Kind, namespace (None: it lives in none), name."""

FORM = 1
_TABLES = """
CREATE TABLE object (kind TEXT, namespace TEXT, name TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, namespace, name)) WITHOUT ROWID;
CREATE INDEX object_namespace ON object (namespace);
CREATE TABLE change (number INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE counter (number INTEGER NOT NULL);
INSERT INTO counter VALUES (0);
"""
_PATIENCE = 30.0
"""Seconds for which a change waits for those of other processes; each takes milliseconds."""


class Held:
    """The objects within one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, key: Key) -> Object | None:
        kind, namespace, name = key
        row = self._connection.execute(
            "SELECT body FROM object WHERE kind = ? AND namespace = ? AND name = ?", (kind, namespace or "", name)
        ).fetchone()
        return None if row is None else json.loads(row[0])

    def of(self, kind: str, namespace: str | None = None) -> list[Object]:
        """All of a kind, in that namespace or in all, by namespace and name."""
        where, given = ("", ()) if namespace is None else (" AND namespace = ?", (namespace,))
        rows = self._connection.execute(
            f"SELECT body FROM object WHERE kind = ?{where} ORDER BY namespace, name",
            (kind, *given),
        )
        return [json.loads(body) for (body,) in rows]

    def ending(self) -> list[Object]:
        """Namespaces that somebody deleted."""
        rows = self._connection.execute(
            "SELECT body FROM object WHERE kind = 'Namespace' AND instr(body, '\"deletionTimestamp\"') > 0 ORDER BY name"
        )
        return [json.loads(body) for (body,) in rows]

    def put(self, key: Key, body: Object) -> None:
        kind, namespace, name = key
        self._connection.execute(
            "INSERT INTO object VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
            (kind, namespace or "", name, json.dumps(body)),
        )

    def remove(self, key: Key) -> None:
        kind, namespace, name = key
        self._connection.execute("DELETE FROM object WHERE kind = ? AND namespace = ? AND name = ?", (kind, namespace or "", name))

    def empty(self, namespace: str) -> None:
        """Remove the namespace and all that is in it."""
        self._connection.execute("DELETE FROM object WHERE namespace = ?", (namespace,))
        self.remove(("Namespace", None, namespace))

    def number(self) -> int:
        """The next one; no other object had it."""
        (number,) = self._connection.execute("UPDATE counter SET number = number + 1 RETURNING number").fetchone()
        return int(number)

    def note(self, at: datetime, body: Object) -> int:
        """Write down an order of `at`; its number, larger than all before it."""
        cursor = self._connection.execute("INSERT INTO change (at, body) VALUES (?, ?)", (at.isoformat(), json.dumps(body)))
        assert cursor.lastrowid is not None  # noqa: S101  an insert has one
        return cursor.lastrowid

    def noted(self, after: int) -> list[tuple[int, datetime, Object]]:
        """What was written down after that number, oldest first."""
        rows = self._connection.execute("SELECT number, at, body FROM change WHERE number > ? ORDER BY number", (after,))
        return [(number, aware(datetime.fromisoformat(at)), json.loads(body)) for number, at, body in rows]

    def newest(self) -> int:
        """Number of the newest order, 0 without one."""
        row = self._connection.execute("SELECT max(number) FROM change").fetchone()
        return row[0] or 0

    def last(self) -> datetime | None:
        """When something was last written down."""
        row = self._connection.execute("SELECT at FROM change ORDER BY number DESC LIMIT 1").fetchone()
        return None if row is None else aware(datetime.fromisoformat(row[0]))

    def clear(self) -> None:
        self._connection.execute("DELETE FROM object")
        self._connection.execute("DELETE FROM change")


class ObjectFile:
    """The file, or with None as its path one of this process's memory. Safe between threads and between processes.

    A change happens whole or not at all, also when the process is killed in it; readers see what was before or what is after.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._inside: Held | None = None

    @contextlib.contextmanager
    def reading(self) -> Iterator[Held]:
        """One consistent look; inside a change of the same thread a part of it."""
        with self._transaction("BEGIN") as held:
            yield held

    @contextlib.contextmanager
    def changing(self) -> Iterator[Held]:
        """One change; only one process at a time has it. It is undone when the block raises."""
        with self._transaction("BEGIN IMMEDIATE") as held:
            yield held

    def newest(self) -> int:
        """Number of the newest order, 0 without one; cheap, for it is asked all the time."""
        if self._path is not None and self._connection is None and not self._path.exists():
            return 0
        with self.reading() as held:
            return held.newest()

    def clear(self) -> None:
        """Take everything away; numbers of changes go on."""
        if self._path is not None and self._connection is None and not self._path.exists():
            return
        with self.changing() as held:
            held.clear()

    def close(self) -> None:
        """Let go of the file; the next question opens it again. What was in memory only is gone."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Iterator[Held]:
        with self._lock:
            if self._inside is not None:
                yield self._inside
                return
            with self._sentence():
                connection = self._open()
                connection.execute(begin)
            self._inside = Held(connection)
            try:
                with self._sentence():
                    yield self._inside
                    connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            finally:
                self._inside = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._path is not None and _inode(self._path) != self._inode:
            self.close()  # a restore has put another file in its place
        if self._connection is None:
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                # SQLite would make it readable to all; what it makes beside it takes over the file's permissions
                os.close(os.open(self._path, os.O_RDONLY | os.O_CREAT, 0o600))
            connection = sqlite3.connect(
                ":memory:" if self._path is None else self._path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
            self._inode = 0 if self._path is None else _inode(self._path)
        return self._connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA synchronous = NORMAL")
        if _form(connection) == 0:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            if _form(connection) == 0:  # nobody else was faster
                for statement in filter(str.strip, _TABLES.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {FORM}")
            connection.execute("COMMIT")
        if _form(connection) > FORM:
            raise Misconfigured(
                f"The file {self._path} has form {_form(connection)}, this program knows {FORM}. Start the newer program that wrote it."
            )

    @contextlib.contextmanager
    def _sentence(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise Unavailable(
                f"The file {self._path} of the simulated cluster could not be used: {error}. Free space on its disk and check that "
                "this user may write there; it is tried again."
            ) from error
        except OSError as error:
            raise Unavailable(
                f"The file {self._path} of the simulated cluster could not be opened: {error.strerror or error}. Free space on its "
                "disk and check that this user may write there; it is tried again."
            ) from error
        except (sqlite3.DatabaseError, json.JSONDecodeError) as error:
            raise Misconfigured(
                f"The file {self._path} of the simulated cluster is damaged ({error}). Restore it from a backup, or stop every moorage "
                "command on this directory and move it away: apps that were ordered are then made anew."
            ) from error


def _form(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0
