"""Numbered migrations, applied once each by the writer, remembered with their hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

import duckdb

from collectors.warehouse.connection import Connection
from collectors.warehouse.errors import Edited, Newer, shown
from collectors.warehouse.schema import tables
from collectors.warehouse.times import inside

FOLDER = Path(__file__).parent / "migrations"
VERSIONS = "CREATE TABLE IF NOT EXISTS wh.schema_version (name VARCHAR, sha VARCHAR, applied_at TIMESTAMP)"
LAKE_OPTIONS = {"parquet_compression": "zstd", "parquet_version": "2", "data_inlining_row_limit": "0"}


def available() -> Mapping[str, str]:
    """SQL of every migration by its name, in order."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.sql"))}


def applied(con: duckdb.DuckDBPyConnection) -> Mapping[str, str]:
    """Hash of every migration that has run, by its name."""
    return dict(con.execute("SELECT name, sha FROM wh.schema_version ORDER BY name").fetchall())


def migrate(link: Connection, now: datetime) -> None:
    """Bring the tables up to this program; refuses a warehouse that a newer program wrote and a migration that was edited."""
    known = available()
    link.write(lambda con: con.execute(VERSIONS))
    done = link.write(applied)
    check(done, known, link.uri)
    for name, sql in known.items():
        if name not in done:
            link.write(partial(_apply, link, name, sql, now))
    if link.lake:
        with link.lock:
            for option, value in LAKE_OPTIONS.items():
                link.cursor().execute(f"CALL wh.set_option('{option}', '{value}')")


def check(done: Mapping[str, str], known: Mapping[str, str], uri: str) -> None:
    """Raises Newer or Edited when the warehouse and this program do not fit."""
    strangers = sorted(set(done) - set(known))
    if strangers:
        raise Newer(
            f"The warehouse {shown(uri)} was written by a newer program: it has {', '.join(strangers)}, which this one does not know. "
            "Start that version of Moorage, or move the warehouse away for a new one to begin."
        )
    for name, sha in done.items():
        if sha != fingerprint(known[name]):
            raise Edited(
                f"Migration {name} of the warehouse {shown(uri)} was edited after it had run. "
                "Put the released file back; changes belong in a new migration."
            )


def fingerprint(sql: str) -> str:
    return hashlib.sha256(sql.encode()).hexdigest()


def statements(sql: str) -> list[str]:
    return [
        s for s in (part.strip() for part in sql.split(";\n")) if s and not all(line.startswith("--") for line in s.splitlines())
    ]


def _apply(link: Connection, name: str, sql: str, now: datetime, con: duckdb.DuckDBPyConnection) -> None:
    for statement in statements(sql):
        con.execute(statement)
    if link.lake:
        for table in tables().values():
            if table.partitioned and f"CREATE TABLE wh.{table.name} (" in sql:
                con.execute(f"ALTER TABLE wh.{table.name} SET SORTED BY ({', '.join(f'{c} ASC' for c in table.order)})")
                day = f"year({table.day}), month({table.day}), day({table.day})"
                con.execute(f"ALTER TABLE wh.{table.name} SET PARTITIONED BY ({day})")
    con.execute("INSERT INTO wh.schema_version VALUES (?, ?, ?)", [name, fingerprint(sql), inside(now)])
