"""Backups of everything that cannot be collected again: store, documents, keys, world. The warehouse's backup is its export.

A backup is a folder with a manifest, written beside its place and moved there whole. The store inside is always a SQLite file, also
when the store is PostgreSQL, so a backup restores into either.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from app import sqlite_file
from app.config import Settings
from models import migrations
from models.domain.errors import Invalid, Misconfigured, NotFound, Unavailable
from models.store import guards
from models.store.errors import Damaged, translate
from models.store.session import Store
from models.store.tables import metadata

STORE = "store.sqlite"
MANIFEST = "manifest.json"
FOLDERS = ("keys", "documents")
FORM = 1
KEPT = "before-restore"
UNFINISHED = "unfinished"
_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Backup:
    """One finished backup: when it was taken, how large it is, how many rows the store had."""

    folder: Path
    at: datetime
    bytes: int
    rows: int

    @property
    def name(self) -> str:
        return self.folder.name


def home(settings: Settings) -> Path:
    return settings.data / "backups"


def all_(folder: Path) -> list[Backup]:
    """Finished backups in `folder` that can be read, oldest first."""
    return [one for one in _entries(folder) if isinstance(one, Backup)]


def unreadable(folder: Path) -> list[tuple[str, str]]:
    """Name of each backup in `folder` whose manifest is damaged or of a newer program, and what is wrong with it."""
    return [one for one in _entries(folder) if not isinstance(one, Backup)]


def _entries(folder: Path) -> Iterator[Backup | tuple[str, str]]:
    for one in sorted(folder.iterdir()) if folder.is_dir() else ():
        if (one / MANIFEST).is_file() and not one.name.startswith("."):
            try:
                yield _read(one)
            except Misconfigured as error:
                yield one.name, str(error)


def make(settings: Settings, store: Store, now: datetime, folder: Path | None = None) -> Backup:
    """Take one now; Unavailable when the disk is full, Misconfigured when the store is damaged, and then nothing is left of it."""
    folder = folder or home(settings)
    target, part = folder / f"{now:%Y-%m-%dT%H%M%S}Z", folder / f".part-{os.getpid()}-{now:%H%M%S%f}"
    if target.exists():
        return _read(target)
    try:
        part.mkdir(mode=0o700, parents=True)  # digests of passwords and mails are in it
        rows = _save_store(store, part / STORE)
        for name in FOLDERS:
            if (settings.data / name).is_dir():
                shutil.copytree(settings.data / name, part / name)
        for file in sorted(settings.data.glob("world*")):
            if file.suffix == ".sqlite":
                sqlite_file.save(file, part / file.name)
            elif file.is_file() and ".sqlite-" not in file.name:
                shutil.copy2(file, part / file.name)
        files = {str(path.relative_to(part)): _digest(path) for path in sorted(part.rglob("*")) if path.is_file()}
        schema = migrations.head()
        told = {"form": FORM, "at": now.isoformat(), "schema": schema, "rows": rows, "files": files}
        with (part / MANIFEST).open("w", encoding="utf-8") as handle:
            json.dump(told, handle, indent=1)
            handle.flush()
            os.fsync(handle.fileno())
        part.rename(target)
    except (OSError, sqlite3.Error, DBAPIError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        known = translate(cause)
        if isinstance(known, Damaged):
            raise known from error
        reason = getattr(cause, "strerror", None) or cause
        raise Unavailable(
            f"The backup into {folder} could not be written: {reason}. Free space there; it is tried again."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return _read(target)


def prune(folder: Path, keep: int) -> list[str]:
    """Remove all but the `keep` newest readable backups, and what killed ones left; names of those that went."""
    for stale in folder.glob(".part-*"):
        if not _alive(stale):
            shutil.rmtree(stale, ignore_errors=True)
    old = all_(folder)[:-keep]
    for one in old:
        shutil.rmtree(one.folder)
    return [one.name for one in old]


def find(settings: Settings, which: str) -> Backup:
    """By the path of its folder, by its name in the data directory's backups, or `latest`."""
    for folder in (Path(which), home(settings) / which):
        if (folder / MANIFEST).is_file():
            return _read(folder)
    known = all_(home(settings))
    if which == "latest" and known:
        return known[-1]
    names = ", ".join(one.name for one in known[-5:]) or "none"
    raise NotFound(f"There is no backup {which!r}. The newest in {home(settings)}: {names}. A path works too.")


def check(backup: Backup) -> None:
    """Raise unless every file of the backup is as it was written."""
    told = _manifest(backup.folder)
    for name, digest in told["files"].items():
        path = backup.folder / name
        if not path.is_file() or _digest(path) != digest:
            raise Misconfigured(f"The backup {backup.folder} is damaged: {name} is not as it was written. Choose another backup.")


def restore(settings: Settings, backup: Backup, *, force: bool = False) -> dict[str, int]:
    """Put the backup in the place of what the data directory and the store have; rows by table.

    The caller owns the directory. Refuses, without `force`, to replace a store that has rows. The old files are kept beside, in
    `before-restore`, until the next restore. A restore that was interrupted is done by restoring again; a store stands in its
    place at every moment.
    """
    check(backup)
    migrated = settings.data / f".restore-{os.getpid()}"
    for left in settings.data.glob(".restore-*"):  # of restores that were killed
        shutil.rmtree(left, ignore_errors=True)
    migrated.mkdir(mode=0o700, parents=True)
    try:
        shutil.copy2(backup.folder / STORE, migrated / STORE)
        source = Store(f"sqlite:///{migrated / STORE}")
        try:
            migrations.upgrade(source)  # an older backup is brought to this program's schema before anything is touched
            if not force:
                _refuse_full(settings)
            _keep(settings)
            counted = _replace_store(settings, source, migrated / STORE)
        finally:
            source.close()
        _replace_files(settings, backup.folder)
        (settings.data / KEPT / UNFINISHED).unlink(missing_ok=True)
    finally:
        shutil.rmtree(migrated, ignore_errors=True)
    return counted


def _refuse_full(settings: Settings) -> None:
    place = _file_of(settings)
    if place is not None and not place.exists():
        return
    store = Store(settings.store)
    try:
        if migrations.current(store) is None:
            return
        with store.engine.connect() as connection:
            full = [t.name for t in metadata.sorted_tables if connection.execute(select(t).limit(1)).first() is not None]
    finally:
        store.close()
    if full:
        raise Invalid(
            f"The store is not empty ({', '.join(full[:3])} …). Restoring would replace everything in it; "
            "add --force if that is meant.",
            field="force",
        )


def _save_store(store: Store, target: Path) -> int:
    """A consistent copy of the store as a SQLite file; the number of rows."""
    if store.sqlite:
        sqlite_file.save(Path(make_url(store.url).database or ""), target)
    copy = Store(f"sqlite:///{target}")
    try:
        if not store.sqlite:
            migrations.upgrade(copy)
            with store.engine.connect().execution_options(isolation_level="REPEATABLE READ") as source:
                _copy(source, copy)
        with copy.engine.connect() as connection:
            return sum(_counts(connection).values())
    finally:
        copy.close()
        sqlite_file.plain(target)


def _copy(source: Connection, target: Store) -> None:
    """All rows of all tables, in the order in which they refer to each other, in one transaction."""
    with target.engine.execution_options(moorage_write=True).connect() as connection, connection.begin(), guards.lifted(connection):
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
        for table in metadata.sorted_tables:
            for rows in _batches(source, table):
                connection.execute(insert(table), rows)
            if not target.sqlite:
                _continue_numbers(connection, table)


def _batches(source: Connection, table: Any) -> Iterator[list[dict[str, Any]]]:
    result = source.execute(select(table)).mappings()
    while rows := result.fetchmany(_ROWS):
        yield [dict(row) for row in rows]


def _continue_numbers(connection: Connection, table: Any) -> None:
    """Numbers that PostgreSQL gives out go on behind the restored ones."""
    for column in table.primary_key.columns:
        if column.autoincrement is True or (column.autoincrement == "auto" and column.type.python_type is int):
            connection.execute(
                text(
                    f'SELECT setval(s, coalesce((SELECT max({column.name}) FROM "{table.name}"), 0) + 1, false) '
                    f"FROM pg_get_serial_sequence('\"{table.name}\"', '{column.name}') s WHERE s IS NOT NULL"
                )
            )


def _replace_store(settings: Settings, source: Store, file: Path) -> dict[str, int]:
    place = _file_of(settings)
    if place is not None:
        with source.engine.connect() as connection:
            counted = _counts(connection)
        source.close()
        sqlite_file.plain(file)
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = place.with_name(f".{place.name}.restoring")  # on the file system of the store, which may not be the directory's
        shutil.copyfile(file, beside)
        beside.chmod(0o600)
        _to_disk(beside)
        for log in _logs(place):  # of a damaged store: SQLite would write an old log into the new file
            log.unlink(missing_ok=True)
        os.replace(beside, place)
        _to_disk(place.parent)
        return counted
    target = Store(settings.store)
    try:
        migrations.upgrade(target)
        with source.engine.connect() as connection:
            _copy(connection, target)
            return _counts(connection)
    finally:
        target.close()


def _file_of(settings: Settings) -> Path | None:
    """The store's file; None for PostgreSQL."""
    return Path(make_url(settings.store).database or "") if settings.store.startswith("sqlite") else None


def _logs(place: Path) -> list[Path]:
    return [Path(f"{place}{suffix}") for suffix in ("-wal", "-shm", "-journal")]


def _fold(place: Path) -> None:
    """Bring the store's log into its file; Unavailable when somebody uses it. A damaged store stays as it is."""
    try:
        with closing(sqlite3.connect(place, timeout=5)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise Unavailable(
                f"Another process uses the store {place}. Stop every moorage command on this directory, then restore again."
            ) from error


def _keep(settings: Settings) -> None:
    """Copy what is to be replaced into `before-restore`.

    A restore that was interrupted is no reason to forget what it kept: the state before it is only there.
    """
    place, kept, fresh = _file_of(settings), settings.data / KEPT, settings.data / f".{KEPT}"
    if place is not None and place.exists():
        _fold(place)
    elif place is not None and (kept / place.name).exists():
        return
    if (kept / UNFINISHED).exists():
        return
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700, parents=True)
    old = [] if place is None else [place, *_logs(place)]
    for item in (*old, *(settings.data / name for name in FOLDERS), *settings.data.glob("world*")):
        if item.is_dir():
            shutil.copytree(item, fresh / item.name)
        elif item.exists():
            shutil.copy2(item, fresh / item.name)
    (fresh / UNFINISHED).write_text("The restore that kept these files has not ended.\n", encoding="utf-8")
    _to_disk(fresh, deep=True)
    shutil.rmtree(kept, ignore_errors=True)
    os.replace(fresh, kept)
    _to_disk(settings.data)


def _to_disk(path: Path, *, deep: bool = False) -> None:
    """Return when the file, or the folder's list of names and with `deep` all that is in it, is on the disk."""
    for one in (*(path.rglob("*") if deep else ()), path):
        handle = os.open(one, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _counts(connection: Connection) -> dict[str, int]:
    return {t.name: connection.execute(select(func.count()).select_from(t)).scalar_one() for t in metadata.sorted_tables}


def _replace_files(settings: Settings, folder: Path) -> None:
    for name in (*FOLDERS, *(file.name for file in settings.data.glob("world*"))):
        if (settings.data / name).is_dir():
            shutil.rmtree(settings.data / name)
        else:
            (settings.data / name).unlink(missing_ok=True)
    for item in sorted(folder.iterdir()):
        beside = settings.data / f".{item.name}.restoring"
        if item.is_dir():
            shutil.rmtree(beside, ignore_errors=True)
            shutil.copytree(item, beside)
        elif item.name not in (STORE, MANIFEST):
            shutil.copy2(item, beside)
        else:
            continue
        _to_disk(beside, deep=True)
        os.replace(beside, settings.data / item.name)
    _to_disk(settings.data)


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if told["form"] != FORM:
            raise Misconfigured(
                f"The backup {folder} has form {told['form']}, which this program does not know. Use the newer program."
            )
        datetime.fromisoformat(told["at"]), int(told["rows"]), dict(told["files"])
        return dict(told)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Misconfigured(f"The manifest of the backup {folder} cannot be read. Choose another backup.") from error


def _read(folder: Path) -> Backup:
    told = _manifest(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Backup(folder, datetime.fromisoformat(told["at"]), size, int(told["rows"]))


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _alive(part: Path) -> bool:
    """Whether the process that writes this unfinished backup still lives."""
    words = part.name.split("-")
    try:
        os.kill(int(words[1]), 0)
    except (ValueError, IndexError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
