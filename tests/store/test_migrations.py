"""The schema: what migrations make equals what the tables say, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import inspect, text

from models import migrations
from models.domain.errors import Misconfigured, Unavailable
from models.store import mapping
from models.store.session import Store
from tests.stories import an_empty_postgres


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty(request, tmp_path) -> Iterator[Store]:
    if request.param == "sqlite":
        made = Store(f"sqlite:///{tmp_path / 'store.sqlite'}")
        yield made
        made.close()
    else:
        with an_empty_postgres() as made:
            yield made


def test_a_migrated_database_equals_the_tables(empty):
    migrations.upgrade(empty)
    assert migrations.differences(empty) == []


def test_migrating_twice_changes_nothing_the_second_time(empty):
    assert migrations.current(empty) is None
    migrations.upgrade(empty)
    assert migrations.current(empty) == migrations.head()
    migrations.upgrade(empty)
    migrations.check(empty)


def test_a_missing_column_and_a_default_are_seen_as_differences(empty):
    migrations.upgrade(empty)
    with empty.engine.begin() as connection:
        connection.execute(text("ALTER TABLE setting ADD COLUMN extra TEXT DEFAULT 'x'"))
        connection.execute(text("ALTER TABLE lease RENAME TO lease_of_old"))
    assert {difference[0] for difference in migrations.differences(empty)} >= {"remove_column", "add_table", "remove_table"}


def test_a_database_newer_than_the_program_is_refused_with_a_sentence_and_stays_as_it_was(empty):
    migrations.upgrade(empty)
    with empty.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for use in (migrations.upgrade, migrations.check):
        with pytest.raises(Misconfigured, match=r"9999.*newer version wrote it"):
            use(empty)
    assert migrations.current(empty) == "9999"


def test_a_database_without_schema_is_refused_by_check(empty):
    with pytest.raises(Misconfigured, match="moorage migrate"):
        migrations.check(empty)


def test_a_step_that_fails_leaves_the_old_schema(empty, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("alembic.operations.Operations.create_index", interrupted)
        patch.setattr("alembic.operations.BatchOperations.create_index", interrupted)
        with pytest.raises(KeyboardInterrupt):
            migrations.upgrade(empty)
    with empty.engine.connect() as connection:
        assert not empty.engine.dialect.has_table(connection, "audit")
    migrations.upgrade(empty)
    assert migrations.differences(empty) == []


def test_foreign_keys_hold_again_after_migrating(empty):
    migrations.upgrade(empty)
    with pytest.raises(Exception, match=r"(?i)foreign key"), empty.engine.begin() as connection:
        connection.execute(text("INSERT INTO staff (user_id, role, created_at) VALUES ('usr_none', 'owner', '2026-01-01')"))


def test_rules_of_the_version_before_have_no_address(empty, monkeypatch):
    when = datetime(2026, 11, 22, tzinfo=UTC)
    rule = {"cluster": "default", "namespace": "shop", "organization": "org_a", "via": "page", "by": "Citra", "at": when}
    with monkeypatch.context() as patch:
        whole = migrations.command.upgrade
        patch.setattr(migrations.command, "upgrade", lambda config, _: whole(config, "0002"))
        migrations.upgrade(empty)
    with empty.engine.begin() as connection:
        names = [column["name"] for column in inspect(connection).get_columns("organization") if not column["nullable"]]
        texts = {name: "org_a" for name in names if name != "created_at"} | {"standing": "live"}
        marks = ", ".join(f":{name}" for name in names)
        connection.execute(text(f"INSERT INTO organization ({', '.join(names)}) VALUES ({marks})"), texts | {"created_at": when})
        connection.execute(
            text(
                "INSERT INTO namespace_mapping (cluster, namespace, organization_id, via, by, created_at) "
                "VALUES (:cluster, :namespace, :organization, :via, :by, :at)"
            ),
            rule,
        )
    migrations.upgrade(empty)
    with empty.reading() as session:
        (kept,) = mapping.rules(session)
        assert (kept.namespace, kept.organization_id, kept.address, kept.created_at) == ("shop", "org_a", "", when)


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path):
    file = tmp_path / "store.sqlite"
    file.write_bytes(b"not a database " * 100)
    store = Store(f"sqlite:///{file}")
    with pytest.raises(Misconfigured, match="restore a backup"):
        migrations.upgrade(store)
    store.close()
    assert file.read_bytes() == b"not a database " * 100


def test_a_folder_that_is_not_there_is_named(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'none' / 'store.sqlite'}")
    with pytest.raises(Unavailable, match="unable to open database file"):
        migrations.upgrade(store)
    store.close()
