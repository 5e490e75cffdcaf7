"""One DuckDB connection to the warehouse behind a URI: who may open it, how it is locked, and what it may reach.

/data/warehouse.duckdb                       plain DuckDB file: one process, fastest
ducklake:sqlite:/data/warehouse.sqlite       SQLite catalogue and a folder of Parquet: one writer, readers of the same host
ducklake:postgres:dbname=wh host=...         PostgreSQL catalogue and a shared folder or bucket: many machines
"""

from __future__ import annotations

import fcntl
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TypeVar

import duckdb

from collectors.warehouse.errors import Damaged, Locked, NotWritable, shown, translate
from models.domain.errors import Misconfigured, Unavailable

T = TypeVar("T")
CONTENTION = ("locked", "conflict", "retry count", "serializ")
"""Words in the messages of DuckLake commits that lost against another one."""

CHECKPOINT = "64MB"
"""How long the log of a file may grow before it is merged: each merging packs half-full row groups anew, which at DuckDB's
16 MB cost a fifth of a long load. A killed process reads the log again when it starts."""

SPILL = "8GB"
"""What sorting and joining may write beside the warehouse when memory does not suffice. Without an end, one careless question would
fill the disk, and then ticks could not be stored."""


class Connection:
    """The attached warehouse `wh`. One writing connection behind `lock`; every read call takes its own `cursor()`.

    A connection that threads share would hand one thread the other's result, hence a cursor each.
    """

    def __init__(
        self, uri: str, *, data_path: str = "", memory: str = "2GB", threads: int | None = None, read_only: bool = False
    ) -> None:
        self.uri, self.read_only = uri, read_only
        self.lake = uri.startswith("ducklake:")
        self.sqlite, self.postgres = uri.startswith("ducklake:sqlite:"), uri.startswith("ducklake:postgres:")
        if self.lake and not (self.sqlite or self.postgres):
            raise Misconfigured(
                f"The warehouse address {shown(uri)} is not known: write a file, ducklake:sqlite:FILE or ducklake:postgres:DSN."
            )
        self.catalogue = uri.split(":", 2)[2] if self.lake else str(Path(uri).resolve())
        self.base = "" if self.postgres else str(Path(self.catalogue).resolve())
        self.data_path = data_path or (self.base + ".files/" if self.sqlite else "")
        self.lock = threading.RLock()
        self.caring = threading.RLock()
        self._memory, self._threads = memory, threads
        self._flock: IO[str] | None = None
        self.version = 0
        """Grows with every commit of this process."""
        self._closed = self._lost = False
        self.reopened: Callable[[], None] = lambda: None
        """Called after the connection was made anew; its owner prepares views and seals it again."""
        if self.sqlite and not read_only:
            self._flock = _take_lock(Path(self.base + ".lock"), uri)
        try:
            self._con = self._open()
        except BaseException:
            self._release()
            raise

    @property
    def staging(self) -> Path:
        """Folder into which exports are written before they are moved: one of the few that SQL may reach."""
        return Path(self.base + ".export" if self.base else self.data_path.rstrip("/") + ".export").resolve()

    def _open(self) -> duckdb.DuckDBPyConnection:
        if self.base and not self.read_only:
            try:
                Path(self.base).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise NotWritable(f"The directory of the warehouse {self.base} cannot be made: {error.strerror}.") from error
        if self.base and self.read_only and not Path(self.base).exists():
            raise Misconfigured(f"There is no warehouse at {self.base}. Start `moorage up`, or set MOORAGE_WAREHOUSE_URL.")
        con = duckdb.connect(
            config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false", "memory_limit": self._memory}
        )
        try:
            con.execute("SET GLOBAL TimeZone = 'UTC'")
            con.execute("SET python_enable_replacements = false")
            con.execute("SET enable_progress_bar = false")  # it would draw itself into the server's console
            con.execute(f"SET max_temp_directory_size = '{SPILL}'")
            if self._threads:
                con.execute(f"SET threads = {int(self._threads)}")
            con.execute(f"ATTACH {_quoted(self.uri)} AS wh ({', '.join(self._options(con))})")
        except duckdb.Error as error:
            con.close()
            raise translate(error, self.uri, opening=True) or error from error
        return con

    def _options(self, con: duckdb.DuckDBPyConnection) -> list[str]:
        options = ["READ_ONLY"] if self.read_only else []
        if not self.lake:
            con.execute(f"SET temp_directory = {_quoted(self.base + '.tmp')}")
            con.execute(f"SET checkpoint_threshold = '{CHECKPOINT}'")
            return options or ["STORAGE_VERSION 'v1.5.0'"]
        load(con, "ducklake", "sqlite_scanner" if self.sqlite else "postgres_scanner")
        if self.sqlite:
            options += ["META_BUSY_TIMEOUT 10000"] + ([] if self.read_only else ["META_JOURNAL_MODE 'WAL'"])
        if self.data_path.startswith("s3:"):
            load(con, "httpfs")
        if self.data_path:
            options.append(f"DATA_PATH {_quoted(self.data_path)}")
        return [*options, "DATA_INLINING_ROW_LIMIT 0"]

    def seal(self) -> None:
        """From here SQL reaches the tables and the staging folder, no other file and no network; settings are frozen.

        DuckLake's own Parquet must stay reachable, so its folder stays open to SQL; buckets cannot be sealed this way.
        """
        allowed = [str(self.staging)] + ([self.base + ".tmp"] if self.base else [])
        if self.data_path.startswith("s3:"):
            return
        if self.lake:
            folder = self.cursor().execute("SELECT data_path FROM ducklake_settings('wh')").fetchone()
            allowed.append(str(folder[0]) if folder else self.data_path)
        self._con.execute(f"SET allowed_directories = [{', '.join(_quoted(a) for a in allowed)}]")
        if self.sqlite:
            self._con.execute(
                f"SET allowed_paths = [{', '.join(_quoted(self.base + end) for end in ('', '-wal', '-journal', '-shm'))}]"
            )
        self._con.execute("SET enable_external_access = false")
        self._con.execute("SET lock_configuration = true")

    def cursor(self) -> duckdb.DuckDBPyConnection:
        try:
            return self._con.cursor()
        except duckdb.Error as error:
            raise self.sentence(error) from error

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The writing connection in a transaction: committed when the block ends, rolled back when it raises."""
        with self.lock:
            if self._lost and not self._closed:
                self._reopen()
            self._con.execute("BEGIN")
            try:
                yield self._con
                self._con.execute("COMMIT")
                self.version += 1
            except BaseException:
                with suppress(duckdb.Error):  # a failed COMMIT has already rolled back
                    self._con.execute("ROLLBACK")
                raise

    def write(self, work: Callable[[duckdb.DuckDBPyConnection], T], tries: int = 6) -> T:
        """`work` in a transaction; foreign errors become sentences.

        Only contention on the catalogue is tried again, which is safe because every unit of work replaces what it writes.
        """
        for attempt in range(tries):
            try:
                with self.transaction() as con:
                    return work(con)
            except duckdb.FatalException as error:
                self._reopen()
                raise self.sentence(error) from error
            except duckdb.Error as error:
                contended = self.lake and any(word in str(error).lower() for word in CONTENTION)
                if not contended or attempt + 1 == tries:
                    raise self.sentence(error) from error
                time.sleep(0.05 * 2**attempt)
            except RuntimeError as error:
                # DuckDB answers so when a signal's handler raised during a statement; what the handler raised is what is meant
                if error.__cause__ is not None and not isinstance(error.__cause__, Exception):
                    raise error.__cause__ from None
                raise
        raise AssertionError("unreachable: the last try returns or raises")

    def _reopen(self) -> None:
        """A fatal error (such as a full disk in a commit) closes the database inside DuckDB; open it anew on what was committed.

        When that fails, as on a disk that is still full, the next write tries it again.
        """
        with self.lock:
            self._lost = True
            self._con.close()
            self._con = self._open()
            self.version += 1
            self.reopened()
            self._lost = False

    @contextmanager
    def maintenance(self) -> Iterator[bool]:
        """Whether this process may roll up, compact and drop now. One at a time does: of a PostgreSQL catalogue's many writers the one
        that holds its advisory lock, which ends with the connection. Two at once would make the same windows twice."""
        if not self.postgres:
            with self.caring:
                yield True
            return
        import psycopg

        with self.caring:
            try:
                with psycopg.connect(self.catalogue, autocommit=True) as held:
                    row = held.execute("SELECT pg_try_advisory_lock(hashtextextended('moorage warehouse', 0))").fetchone()
                    yield bool(row and row[0])
            except psycopg.Error as error:
                raise Unavailable(
                    f"The catalogue of the warehouse {shown(self.uri)} does not answer. Check that PostgreSQL runs; it is tried again."
                ) from error

    def sentence(self, error: duckdb.Error) -> Exception:
        """`error` as a sentence, or itself when it is a bug."""
        return translate(error, self.uri) or error

    def check(self) -> None:
        """Raises Damaged when the file's own checksums do not hold for the catalogue."""
        try:
            self.cursor().execute("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'wh'").fetchone()
        except duckdb.Error as error:
            raise translate(error, self.uri) or Damaged(f"The warehouse {shown(self.uri)} is damaged: {error}") from error

    @contextmanager
    def told(self) -> Iterator[None]:
        """What DuckDB raises in the block becomes a sentence, bugs excepted."""
        try:
            yield
        except duckdb.Error as error:
            raise self.sentence(error) from error

    def close(self) -> None:
        with self.lock:
            self._closed = True
            self._con.close()
            self._release()

    def _release(self) -> None:
        if self._flock:
            self._flock.close()
            self._flock = None


def load(con: duckdb.DuckDBPyConnection, *extensions: str) -> None:
    """LOAD from the installed wheels duckdb-extension-*; nothing is downloaded."""
    site = Path(duckdb.__file__).parent.parent
    for name in extensions:
        found = list((site / f"duckdb_extension_{name}").rglob(f"v{duckdb.__version__}/*.duckdb_extension"))
        if not found:
            wheel = f"duckdb-extension-{name.replace('_', '-')}=={duckdb.__version__}"
            raise Misconfigured(f"This form of the warehouse needs the package {wheel}, which is not installed.")
        con.execute(f"LOAD {_quoted(str(found[0]))}")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _take_lock(path: Path, uri: str) -> IO[str]:
    """An exclusive lock that dies with the process: two writers would corrupt a SQLite catalogue, and it does not stop them itself."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise NotWritable(
            f"The lock {path} of the warehouse cannot be written: {error.strerror}. Check owner and permissions."
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.seek(0)
        owner = handle.read().split()
        handle.close()
        pid = int(owner[0]) if owner and owner[0].isdigit() else None
        who = f"process {pid} on {owner[1]}" if pid and len(owner) > 1 else "another process"
        raise Locked(
            f"The warehouse {shown(uri)} is open in {who}. Stop that process, or read through reader().", pid=pid
        ) from None
    handle.seek(0)
    handle.truncate()
    handle.write(f"{os.getpid()} {socket.gethostname()}\n")
    handle.flush()
    return handle
