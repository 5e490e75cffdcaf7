"""A backup holds every row of every table and every file, on both databases, and finds out when it was damaged."""

import itertools
import os
import resource
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select, text

from app import backup
from app.config import Settings
from models import migrations
from models.domain.errors import Invalid, Misconfigured, NotFound, Unavailable
from models.store import guards, ledger
from models.store.session import Store
from models.store.tables import metadata
from models.world.objects import ObjectFile
from tests.stories import NOW, a_customer, a_plan, a_staff_member, an_empty_postgres, an_instance

AUDIT = {"at": NOW, "actor_id": "a", "actor_kind": "staff", "actor_name": "A", "edge": "cli", "action": "test.note"}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def settings(request, tmp_path):
    """An installation with rows in its store, keys, documents and a world."""
    data = tmp_path / "data"
    for folder in ("keys", "documents/2026"):
        (data / folder).mkdir(parents=True)
    (data / "keys" / "seal.json").write_text('{"secret": 1}')
    (data / "documents" / "2026" / "INV-1.pdf").write_bytes(b"%PDF" * 100)
    (data / "world.json").write_text("{}")
    with ObjectFile(data / "world-objects.sqlite").changing() as held:
        held.put(("Namespace", None, "c-kopi"), {"kind": "Namespace"})
    if request.param == "sqlite":
        made = Settings.model_construct(data=data, store_url=f"sqlite:///{data / 'store.sqlite'}")
        fill(made)
        yield made
    else:
        with an_empty_postgres() as store:
            made = Settings.model_construct(data=data, store_url=store.url)
            fill(made)
            yield made


def fill(settings: Settings) -> None:
    store = Store(settings.store)
    migrations.upgrade(store)
    with store.transaction() as session:
        customer = a_customer(session, "Kopi “Senja” 咖啡")
        an_instance(session, customer, trial_until=NOW + timedelta(days=3, microseconds=7))
        a_plan(session)
        a_staff_member(session)
        session.add(ledger.LedgerAccount(code="1100", name="Receivables", kind="asset"))
        lines = [
            ledger.LedgerPosting(
                entry_id="ent_1",
                line=n,
                account="1100",
                currency="IDR",
                amount_minor=n,
                organization_id=customer.organization.id,
            )
            for n in (-5, 5)
        ]
        entry = ledger.LedgerEntry(id="ent_1", key="k", kind="test", day=NOW.date(), at=NOW, memo="")
        ledger.write(session, entry, lines)
        session.connection().execute(
            metadata.tables["audit"].insert(),
            [{**AUDIT, "subject": str(n)} for n in range(2500)],
        )
    store.close()


def everything(url: str) -> dict[str, list]:
    store = Store(url)
    with store.engine.connect() as connection:
        rows = {t.name: sorted(map(repr, connection.execute(select(t)).all())) for t in metadata.sorted_tables}
    store.close()
    return rows


def save(settings: Settings) -> backup.Backup:
    store = Store(settings.store)
    made = backup.make(settings, store, NOW)
    store.close()
    return made


def wipe(settings: Settings) -> None:
    store = Store(settings.store)
    with store.engine.begin() as connection, guards.lifted(connection):
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    store.close()
    (settings.data / "keys" / "seal.json").write_text("damaged")
    (settings.data / "documents" / "2026" / "INV-1.pdf").unlink()
    (settings.data / "documents" / "later").write_text("later")


def test_what_was_damaged_is_as_before_after_restoring(settings):
    before = everything(settings.store)
    made = save(settings)
    assert made.folder.stat().st_mode & 0o077 == 0, "nobody else reads digests of passwords"
    wipe(settings)
    objects = ObjectFile(settings.data / "world-objects.sqlite")
    with objects.changing() as held:
        held.put(("Namespace", None, "c-later"), {"kind": "Namespace", "name": "c-later"})
        held.remove(("Namespace", None, "c-kopi"))
    assert everything(settings.store) != before
    counted = backup.restore(settings, made)
    assert everything(settings.store) == before
    assert sum(counted.values()) == made.rows == sum(map(len, before.values()))
    assert (settings.data / "keys" / "seal.json").read_text() == '{"secret": 1}'
    assert (settings.data / "documents" / "2026" / "INV-1.pdf").read_bytes() == b"%PDF" * 100
    assert not (settings.data / "documents" / "later").exists()
    with objects.reading() as held:
        assert held.of("Namespace") == [{"kind": "Namespace"}]
    assert {path.name for path in made.folder.glob("world*")} == {"world-objects.sqlite", "world.json"}


def test_after_restoring_new_rows_get_new_numbers(settings):
    made = save(settings)
    wipe(settings)
    backup.restore(settings, made)
    store = Store(settings.store)
    with store.transaction() as session:
        session.connection().execute(metadata.tables["audit"].insert(), [{**AUDIT, "subject": "new"}])
    with store.reading() as session:
        ids = [row[0] for row in session.connection().execute(text("SELECT id FROM audit ORDER BY id"))]
    store.close()
    assert ids == sorted(set(ids))
    assert len(ids) == 2501


def test_a_store_with_rows_is_replaced_only_when_asked(settings):
    made = save(settings)
    before = everything(settings.store)
    with pytest.raises(Invalid, match="--force"):
        backup.restore(settings, made)
    assert everything(settings.store) == before
    backup.restore(settings, made, force=True)
    assert everything(settings.store) == before


def test_a_damaged_backup_is_refused_and_nothing_is_touched(settings):
    made = save(settings)
    before = everything(settings.store)
    with (made.folder / backup.STORE).open("r+b") as handle:
        handle.seek(5000)
        handle.write(b"damage")
    with pytest.raises(Misconfigured, match=r"store\.sqlite is not as it was written"):
        backup.restore(settings, made, force=True)
    assert everything(settings.store) == before


class Killed(BaseException):
    """The process ended here."""


STEPS = [
    *((os, name) for name in ("replace", "fsync")),
    *((shutil, name) for name in ("rmtree", "copytree", "copy2", "copyfile")),
    (Path, "unlink"),
]


def changes(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("SELECT count(*) FROM audit").fetchone()[0]


def killed_at(monkeypatch, last: int, call) -> bool:
    """Whether `call` was still under way at the step of that number, and ended there."""
    steps = itertools.count(1)

    def dying(real):
        def step(*args, **kwargs):
            if next(steps) == last:
                raise Killed
            return real(*args, **kwargs)

        return step

    with monkeypatch.context() as patched:
        for place, name in STEPS:
            patched.setattr(place, name, dying(getattr(place, name)))
        try:
            call()
        except Killed:
            return True
        return False


def test_a_restore_that_is_killed_anywhere_leaves_a_store_and_loses_nothing(tmp_path, monkeypatch):
    origin = Settings.model_construct(data=tmp_path / "0", store_url=f"sqlite:///{tmp_path / '0' / 'store.sqlite'}")
    for folder in ("keys", "documents"):
        (origin.data / folder).mkdir(parents=True)
    seal = Path("keys", "seal.json")
    (origin.data / seal).write_text("saved")
    (origin.data / "world.json").write_text("{}")
    fill(origin)
    made = save(origin)
    saved = changes(origin.data / "store.sqlite")
    (origin.data / seal).write_text("newer")
    with closing(sqlite3.connect(origin.data / "store.sqlite")) as connection, connection:
        connection.execute("DELETE FROM audit WHERE id % 2 = 0")
    newer = changes(origin.data / "store.sqlite")
    monkeypatch.setattr(migrations, "upgrade", lambda _store: None)  # the schema is this program's; saves most of the time
    kills = 0
    for last in range(1, 200):
        data = tmp_path / str(last)
        shutil.copytree(origin.data, data)
        settings = Settings.model_construct(data=data, store_url=f"sqlite:///{data / 'store.sqlite'}")
        restore = partial(backup.restore, settings, made, force=True)
        if not killed_at(monkeypatch, last, restore):
            break
        kills += 1
        stands, kept = changes(data / "store.sqlite"), data / "before-restore"
        assert stands == newer or (stands == saved and changes(kept / "store.sqlite") == newer)
        if stands == newer or (kept / "unfinished").exists():
            restore()
        assert changes(data / "store.sqlite") == saved
        assert (data / seal).read_text() == "saved"
        assert changes(kept / "store.sqlite") == newer
        assert (kept / seal).read_text() == "newer"
        shutil.rmtree(data)
    assert kills > 20


def test_a_damaged_store_is_replaced_and_kept(tmp_path):
    settings = Settings.model_construct(data=tmp_path, store_url=f"sqlite:///{tmp_path / 'store.sqlite'}")
    fill(settings)
    saved, made = everything(settings.store), save(settings)
    (tmp_path / "store.sqlite").write_bytes(b"damage" * 1000)
    (tmp_path / "store.sqlite-wal").write_bytes(b"log")
    backup.restore(settings, made, force=True)
    assert everything(settings.store) == saved
    assert (tmp_path / "before-restore" / "store.sqlite").read_bytes() == b"damage" * 1000
    assert not (tmp_path / "before-restore" / "unfinished").exists()


def test_a_store_that_somebody_uses_is_not_replaced(tmp_path):
    settings = Settings.model_construct(data=tmp_path, store_url=f"sqlite:///{tmp_path / 'store.sqlite'}")
    fill(settings)
    made = save(settings)
    user = Store(settings.store)
    with user.reading() as session:
        session.connection().execute(text("SELECT count(*) FROM audit"))
        with pytest.raises(Unavailable, match="Stop every moorage command"):
            backup.restore(settings, made, force=True)
    user.close()


def test_only_the_newest_are_kept_and_half_written_ones_go(tmp_path):
    settings = Settings.model_construct(data=tmp_path, store_url=f"sqlite:///{tmp_path / 'store.sqlite'}")
    fill(settings)
    store = Store(settings.store)
    names = [backup.make(settings, store, NOW + timedelta(minutes=n)).name for n in range(4)]
    store.close()
    (backup.home(settings) / ".part-999999999-120000").mkdir()
    assert backup.prune(backup.home(settings), 2) == names[:2]
    assert [one.name for one in backup.all_(backup.home(settings))] == names[2:]
    assert [p.name for p in Path(backup.home(settings)).iterdir() if p.name.startswith(".")] == []
    assert backup.find(settings, "latest").name == names[3]
    with pytest.raises(NotFound, match=names[3]):
        backup.find(settings, "none")


@pytest.mark.parametrize("words", ['{"form": 1, "at"', '{"form": 2}', '{"form": 1, "at": "soon", "rows": 1, "files": {}}', "[]"])
def test_a_backup_that_cannot_be_read_does_not_stand_in_the_way_of_the_others(tmp_path, words):
    settings = Settings.model_construct(data=tmp_path, store_url=f"sqlite:///{tmp_path / 'store.sqlite'}")
    fill(settings)
    store = Store(settings.store)
    made = [backup.make(settings, store, NOW + timedelta(minutes=n)) for n in range(4)]
    store.close()
    home, bad = backup.home(settings), made[3]
    (bad.folder / "manifest.json").write_text(words)
    assert backup.find(settings, "latest") == made[2]
    assert backup.find(settings, made[0].name) == backup.find(settings, str(made[0].folder)) == made[0]
    assert [name for name, _ in backup.unreadable(home)] == [bad.name]
    assert backup.prune(home, 2) == [made[0].name]
    assert backup.all_(home) == made[1:3]
    assert bad.folder.is_dir()
    with pytest.raises(Misconfigured, match=bad.name):
        backup.find(settings, bad.name)


@pytest.mark.postgres
def test_a_backup_of_one_database_restores_into_the_other(tmp_path):
    here = Settings.model_construct(data=tmp_path, store_url=f"sqlite:///{tmp_path / 'store.sqlite'}")
    fill(here)
    made = save(here)
    with an_empty_postgres() as target:
        backup.restore(Settings.model_construct(data=tmp_path / "other", store_url=target.url), made)
        assert everything(target.url) == everything(here.store)


def test_a_disk_that_fills_up_under_the_copy_of_the_store_has_a_sentence_and_leaves_nothing(tmp_path):
    settings = Settings.model_construct(data=tmp_path, store_url=f"sqlite:///{tmp_path / 'store.sqlite'}")
    fill(settings)
    store = Store(settings.store)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(Unavailable, match=r"backup into .*backups could not be written: .*Free space there"):
            backup.make(settings, store, NOW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        store.close()
    assert list(backup.home(settings).iterdir()) == []


def test_a_damaged_store_is_not_backed_up(tmp_path):
    settings = Settings.model_construct(data=tmp_path, store_url=f"sqlite:///{tmp_path / 'store.sqlite'}")
    (tmp_path / "store.sqlite").write_bytes(b"not a database " * 400)
    store = Store(settings.store)
    with pytest.raises(Misconfigured, match="is damaged: file is not a database"):
        backup.make(settings, store, NOW)
    store.close()
    assert list(backup.home(settings).iterdir()) == []
