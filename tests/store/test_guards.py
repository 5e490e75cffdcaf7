"""What is issued or posted stays as it is, for whoever holds a connection; and a migrated database guards it as a new one does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from models import migrations
from models.store import guards
from models.store.ledger import LedgerAccount, LedgerEntry, LedgerPosting, write
from models.store.session import Store
from tests.stories import NOW, a_customer, an_empty_postgres, fresh_sqlite, postgres, store

__all__ = ["postgres", "store"]


def posted(store: Store, *amounts: int, entry: str = "ent_1") -> None:
    with store.transaction() as session:
        organization = a_customer(session, f"Kopi {entry}").organization.id
        if session.get(LedgerAccount, "1100") is None:
            session.add(LedgerAccount(code="1100", name="Receivables", kind="asset"))
        lines = [
            LedgerPosting(entry_id=entry, line=n, account="1100", currency="IDR", amount_minor=amount, organization_id=organization)
            for n, amount in enumerate(amounts)
        ]
        write(session, LedgerEntry(id=entry, key=entry, kind="test", day=date(2026, 11, 22), at=NOW, memo=""), lines)


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE ledger_entry SET memo = 'x'",
        "DELETE FROM ledger_entry",
        "UPDATE ledger_posting SET amount_minor = amount_minor * 2",
        "DELETE FROM ledger_posting",
        "INSERT INTO ledger_posting (entry_id, line, account, currency, amount_minor, organization_id) "
        "SELECT entry_id, 7, account, currency, 5, organization_id FROM ledger_posting WHERE line = 0",
    ],
)
def test_nothing_that_was_posted_changes(store: Store, attack: str) -> None:
    posted(store, 5, -5)
    with pytest.raises(IntegrityError), store.transaction() as session:
        session.connection().execute(text(attack))
    with store.reading() as session:
        assert session.connection().execute(text("SELECT count(*), sum(amount_minor) FROM ledger_posting")).one() == (2, 0)


LINE = "INSERT OR REPLACE INTO invoice_line VALUES ('inv_1', 1, 'itm', 0, 'x', '2026-11-22', '2026-12-22', 5, 0)"


@pytest.mark.parametrize(
    "attack",
    [
        ["INSERT OR REPLACE INTO ledger_entry SELECT id, key, kind, day, at, 'x' FROM ledger_entry"],
        [
            "INSERT OR REPLACE INTO ledger_posting SELECT entry_id, line, account, currency, 7, organization_id, NULL FROM ledger_posting"
        ],
        [
            "INSERT INTO ledger_posting SELECT 'ent_2', line, account, currency, amount_minor, organization_id, NULL FROM ledger_posting",
            "INSERT OR REPLACE INTO ledger_entry SELECT 'ent_2', key, kind, day, at, 'x' FROM ledger_entry",
        ],
        ["PRAGMA defer_foreign_keys = ON", LINE, LINE.replace("inv_1", "inv_2")],
    ],
)
def test_nothing_is_replaced_on_sqlite(tmp_path, attack: list[str]) -> None:
    made = fresh_sqlite(tmp_path)
    posted(made, 5, -5)
    with pytest.raises(IntegrityError, match=r"never changed or deleted|takes no line"), made.transaction() as session:
        _all(session.connection(), attack)
    with made.reading() as session:
        assert session.connection().execute(text("SELECT id, memo FROM ledger_entry")).all() == [("ent_1", "")]
        assert session.connection().execute(text("SELECT count(*), sum(amount_minor) FROM ledger_posting")).one() == (2, 0)
    made.close()


def _all(connection: Connection, statements: list[str]) -> None:
    for statement in statements:
        connection.execute(text(statement))


@pytest.mark.parametrize("amounts", [(5, -4), (5,), (5, 5)])
def test_what_does_not_balance_is_not_taken(store: Store, amounts: tuple[int, ...]) -> None:
    with pytest.raises(IntegrityError, match="does not add up"):
        posted(store, *amounts)
    posted(store, 5, -5)


def test_postings_without_an_entry_are_not_kept_and_the_connection_is_good_afterwards(store: Store) -> None:
    posted(store, 5, -5)
    loose = (
        "INSERT INTO ledger_posting (entry_id, line, account, currency, amount_minor, organization_id) "
        "SELECT 'ent_none', 1, account, currency, 5, organization_id FROM ledger_posting WHERE line = 0"
    )
    with pytest.raises(IntegrityError), store.transaction() as session:
        session.connection().execute(text(loose))
    posted(store, 7, -7, entry="ent_2")


@pytest.mark.postgres
def test_nobody_empties_a_guarded_table(postgres: Store) -> None:
    for table in ("ledger_entry", "ledger_posting", "invoice", "invoice_line"):
        with pytest.raises(IntegrityError, match="never changed or deleted"), postgres.transaction() as session:
            session.connection().execute(text(f"TRUNCATE {table} CASCADE"))


def _triggers(connection: Connection) -> Iterator[str]:
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("SELECT sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"))
    else:
        rows = connection.execute(
            text(
                "SELECT pg_get_triggerdef(t.oid) || pg_get_functiondef(t.tgfoid) FROM pg_trigger t "
                "WHERE NOT t.tgisinternal ORDER BY t.tgname"
            )
        )
    return iter([row[0] for row in rows])


def _same(made: Store, migrated: Store) -> None:
    migrations.upgrade(migrated)
    with made.engine.connect() as one, migrated.engine.connect() as other:
        expected = list(_triggers(one))
        assert len(expected) >= 12
        assert list(_triggers(other)) == expected


def test_a_migrated_file_guards_as_a_new_one(tmp_path) -> None:
    migrated = Store(f"sqlite:///{tmp_path / 'migrated.sqlite'}")
    made = fresh_sqlite(tmp_path)
    _same(made, migrated)
    with made.engine.execution_options(moorage_write=True).begin() as connection:
        before = list(_triggers(connection))
        with guards.lifted(connection):
            assert list(_triggers(connection)) == []
        assert list(_triggers(connection)) == before
    made.close()
    migrated.close()


@pytest.mark.postgres
def test_a_migrated_postgres_guards_as_a_new_one(postgres: Store) -> None:
    with an_empty_postgres() as migrated:
        _same(postgres, migrated)
