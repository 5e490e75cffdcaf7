"""The engine and the only two ways to a session: `transaction()` commits, `reading()` never writes."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlmodel import Session

from models.domain.errors import Unavailable
from models.store.errors import Damaged, translate
from models.store.turns import Turns

PATIENCE_SECONDS = 30.0
"""How long a writer of this process waits for those that came before it."""


class Store:
    """The operational database behind `url`: SQLite in WAL mode, or PostgreSQL."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.sqlite = url.startswith("sqlite")
        self.engine: Engine = create_engine(url, pool_pre_ping=not self.sqlite)
        if self.sqlite:
            event.listen(self.engine, "connect", _prepare)
            event.listen(self.engine, "begin", _begin)
        self._turns = Turns(PATIENCE_SECONDS) if self.sqlite else None
        self._watch: sqlite3.Connection | None = None
        self._watching = threading.Lock()
        self.damage = ""
        """What a session found to be damaged since the start; it stays, for a restore needs a new start."""

    def mark(self, session: Session) -> Hashable:
        """Another value after every commit, of whatever process. Taken before a session's first read, what it reads is not older.

        None when it cannot be told.
        """
        if not self.sqlite:
            return str(session.connection().exec_driver_sql("SELECT pg_current_snapshot()").scalar_one())
        return self.mark_at_hand()

    def mark_at_hand(self) -> Hashable:
        """The mark where it takes no question to another process; else None."""
        file = self.engine.url.database
        if not self.sqlite or not file or file == ":memory:":
            return None
        with self._watching:
            try:
                if self._watch is None:
                    # a connection that writes nothing itself is told of every commit; those of the pool would not see their own
                    self._watch = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
                return int(self._watch.execute("PRAGMA data_version").fetchone()[0])
            except sqlite3.Error:
                return None

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One unit of work: committed when the block ends, rolled back when it raises. SQLite takes its write lock at once."""
        with self._turns.one() if self._turns else nullcontext(), self._session(write=True) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A consistent view without the write lock; what is added to it is thrown away."""
        with self._session(write=False) as session:
            try:
                yield session
            finally:
                session.expunge_all()  # a rollback would empty the rows that were read, and they are used after it
                session.rollback()

    @contextmanager
    def _session(self, *, write: bool) -> Iterator[Session]:
        bind = self.engine.execution_options(moorage_write=write)
        try:
            with Session(bind, expire_on_commit=False) as session:
                yield session
        except DatabaseError as error:
            known = translate(error.orig)
            if isinstance(known, Damaged):
                self.damage = str(known)
            if known is not None:
                raise known from error
            if isinstance(error, OperationalError):
                raise Unavailable(f"The operational database did not answer: {error.orig}. It will be tried again.") from error
            raise

    def close(self) -> None:
        with self._watching:
            if self._watch is not None:
                self._watch.close()
                self._watch = None
        self.engine.dispose()


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin by itself: `_begin` decides how
    for pragma in ("foreign_keys = ON", "journal_mode = WAL", "synchronous = NORMAL", "busy_timeout = 10000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Any) -> None:
    immediate = connection.get_execution_options().get("moorage_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
