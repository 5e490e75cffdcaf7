"""What goes wrong with the operational database at run time has a sentence by its cause."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import event, text

from app import health
from models import migrations
from models.domain.errors import Misconfigured, Unavailable
from models.store.members import User
from models.store.session import Store

NOTE = text(
    "INSERT INTO audit (at, actor_id, actor_kind, actor_name, edge, action, subject) "
    "VALUES ('2026-01-01 00:00:00', 'a', 'staff', :name, 'cli', 'x', 'y')"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    place = tmp_path / "store.sqlite"
    store = Store(f"sqlite:///{place}")
    migrations.upgrade(store)
    store.close()
    return place


def test_a_full_disk_says_to_free_space_and_the_store_goes_on(file: Path) -> None:
    store = Store(f"sqlite:///{file}")
    with store.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    store.engine.dispose()

    @event.listens_for(store.engine, "connect")
    def bound(connection: Any, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    many = [{"name": "A" * 2000}] * 500
    with pytest.raises(Unavailable, match=r"is full\. Nothing of this was stored .* Free space"), store.transaction() as session:
        session.connection().execute(NOTE, many)
    with store.reading() as session:
        assert session.connection().execute(text("SELECT count(*) FROM audit")).scalar_one() == 0
    store.close()


def test_a_locked_store_is_tried_again(file: Path) -> None:
    store = Store(f"sqlite:///{file}")

    @event.listens_for(store.engine, "connect")
    def hasty(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA busy_timeout = 0")

    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with (
            pytest.raises(Unavailable, match=r"Something else was writing .*It will be tried again"),
            store.transaction() as session,
        ):
            session.connection()
    finally:
        other.close()
        store.close()


def test_a_damaged_page_has_a_sentence_and_is_not_ready_any_more(file: Path) -> None:
    with_root = sqlite3.connect(file)
    (root,) = with_root.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (User.__tablename__,)).fetchone()
    (size,) = with_root.execute("PRAGMA page_size").fetchone()
    with_root.close()
    content = bytearray(file.read_bytes())
    for at in range((root - 1) * size, root * size):
        content[at] ^= 0x5A
    file.write_bytes(content)
    store = Store(f"sqlite:///{file}")
    live: Any = SimpleNamespace(store=store)
    assert health._store(live).ok
    with pytest.raises(Misconfigured, match=r"is damaged: .*malformed\. .*moorage restore latest"), store.reading() as session:
        session.connection().execute(text(f'SELECT * FROM "{User.__tablename__}"')).all()
    told = health._store(live)
    assert not told.ok
    assert "moorage restore latest" in told.detail
    store.close()


def test_a_broken_rule_of_the_schema_stays_an_error_of_its_own(file: Path) -> None:
    from sqlalchemy.exc import IntegrityError

    store = Store(f"sqlite:///{file}")
    with pytest.raises(IntegrityError), store.transaction() as session:
        session.connection().execute(text("INSERT INTO audit (at) VALUES (NULL)"))
    store.close()
