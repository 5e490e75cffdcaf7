"""Schema of the operational database, moved forward by Alembic; the same steps on SQLite and PostgreSQL.

A step runs in one transaction on both, so that a killed upgrade leaves the old schema.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError, OperationalError

from models.domain.errors import Misconfigured, Unavailable
from models.store.session import Store
from models.store.tables import metadata

_ADVISORY = 6_027_113
"""Key of the PostgreSQL lock under which one process at a time migrates."""


def head() -> str:
    """The newest schema that this program knows."""
    found = _scripts().get_current_head()
    if found is None:
        raise Misconfigured("This installation has no migrations in models/migrations/versions. Install it again.")
    return found


def current(store: Store) -> str | None:
    """The schema that the database has; None while it has none."""
    with _translated(), store.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def check(store: Store) -> None:
    """Raise unless the database has exactly the schema of this program."""
    found = current(store)
    refuse_newer(found)
    if found != head():
        raise Misconfigured(
            f"The operational database has schema {found or 'none'}, this program needs {head()}. Run “moorage migrate”."
        )


def upgrade(store: Store) -> None:
    """Bring the database to `head()`; nothing happens when it is there already. Refuses one that is newer than the program."""
    with _translated(), _connection(store) as connection:
        refuse_newer(MigrationContext.configure(connection).get_current_revision())
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if store.sqlite:
            torn = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            if torn:
                raise Misconfigured(
                    f"Migrating would leave {len(torn)} rows that point to nothing, so nothing was changed. Report this."
                )


def differences(store: Store) -> list[Any]:
    """What a migrated database has otherwise than the tables say; empty when they are equal."""
    with store.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def refuse_newer(found: str | None) -> None:
    """Raise when the database's schema is none that this program knows."""
    if found is not None and found not in {script.revision for script in _scripts().walk_revisions()}:
        raise Misconfigured(
            f"The operational database has schema {found}, which this program does not know: a newer version wrote it. "
            f"Start that version, or restore a backup that fits schema {head()}. Nothing was changed."
        )


def configuration() -> Config:
    """Alembic's configuration without a file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(configuration())


@contextmanager
def _connection(store: Store) -> Iterator[Connection]:
    """A connection in a writing transaction that only one process has at a time."""
    with store.engine.execution_options(moorage_write=True).connect() as connection:
        if not store.sqlite:
            with connection.begin():
                connection.exec_driver_sql("SET LOCAL lock_timeout = '120s'")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY})")
                # a migration that waits for a table makes every reader behind it wait too: rather give up
                connection.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
                yield connection
            return
        driver: Any = connection.connection.driver_connection
        driver.execute("PRAGMA foreign_keys = OFF")  # rebuilding a table drops it, which would delete what points to it
        try:
            with connection.begin():
                yield connection
        finally:
            driver.execute("PRAGMA foreign_keys = ON")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise Unavailable(
            f"The operational database cannot be used: {_first_line(error)}. Check that it is there and writable."
        ) from error
    except DatabaseError as error:
        raise Misconfigured(
            f"The operational database is damaged or not one of ours: {_first_line(error)}. Nothing was changed; restore a backup."
        ) from error


def _first_line(error: DatabaseError) -> str:
    return (str(error.orig).strip().splitlines() or ["no reason given"])[0]
