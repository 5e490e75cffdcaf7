"""Backups of apps through services and the worker, on the simulated cluster: saved, listed, brought back, kept after deletion."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from app.backup_driver import BackupDriver
from app.services import app_backups, app_copies, changesets, decisions, instances, operations
from app.services.orders import OrderView
from models.domain.app_backups import BackupReason, BackupState, RestoreState
from models.domain.errors import Conflict, Invalid, NotFound, NotPermitted
from models.domain.instances import State
from models.store import app_backups as store
from models.store.app_backups import AppBackup
from provisioner.cluster.commands import CommandFailed, Place
from provisioner.secrets import opened
from tests.orders.conftest import Shop
from tests.stories import a_customer


@pytest.fixture
def app(shop: Shop) -> OrderView:
    """A WordPress that runs."""
    made = shop.order("wordpress")
    shop.work()
    assert _state(shop, made) is State.READY
    return made


def test_what_was_saved_comes_back_in_the_place_of_what_is_there(shop: Shop, app: OrderView) -> None:
    site, database = _written(shop, app, "site", b"first \x00 pages"), _written(shop, app, "database", "Größe 日本 '\";--".encode())
    saved = _saved(shop, app)
    assert saved.state is BackupState.DONE
    assert saved.usable
    assert {(part.of, part.what): part.size for part in saved.parts} == {
        ("database", "dump"): len(database),
        ("web", "site"): len(site),
    }
    assert saved.expires_at is not None
    assert saved.finished_at is not None
    assert saved.expires_at - saved.finished_at == timedelta(days=30)
    stored = b"".join(shop.target.get(_row(shop, saved.id).place))
    assert b"first" not in stored
    assert len(stored) == saved.size
    _written(shop, app, "site", b"later pages")
    _written(shop, app, "database", b"later rows")
    with shop.acting() as ctx:
        asked = app_backups.restore(ctx, backup_id=saved.id, typed_name=app.name)
    shop.work()
    with shop.acting() as ctx:
        (done,) = app_backups.of_app(ctx, instance_id=app.instance_id).restores
    assert (done.id, done.state, done.why) == (asked.id, RestoreState.DONE, "")
    assert _read(shop, app, "site") == site
    assert _read(shop, app, "database") == database
    assert _state(shop, app) is State.READY
    keepers = shop.cluster.find("Deployment", _namespace(shop, app), {"app.kubernetes.io/component": "keeper-web"})
    assert list(keepers) == []


def test_nothing_that_writes_runs_while_a_backup_is_brought_back(shop: Shop, app: OrderView) -> None:
    saved = _saved(shop, app)
    seen: list[set[str]] = []

    def watched(place: Place, given: bool) -> None:
        if given:
            pods = shop.cluster.find("Pod", place.namespace, {})
            running = [pod["metadata"]["labels"] for pod in pods if pod["status"]["phase"] == "Running"]
            seen.append({labels.get("app.kubernetes.io/component", "step") for labels in running})

    with shop.acting() as ctx:
        app_backups.restore(ctx, backup_id=saved.id, typed_name=app.name)
    driver = BackupDriver(shop.container, shop.cluster, Watched(shop, watched), shop.target)
    _rounds(shop, driver)
    assert seen == [{"database", "keeper-web"}] * 2
    assert _state(shop, app) is State.READY


def test_the_driver_leaves_an_app_alone_that_stands_still(shop: Shop, app: OrderView) -> None:
    saved = _saved(shop, app)
    with shop.acting() as ctx:
        app_backups.restore(ctx, backup_id=saved.id, typed_name=app.name)
    shop.backups.once()  # it is taken: from now on the app is to stand still
    with shop.acting() as ctx:
        operations.restart(ctx, instance_id=app.instance_id)
    driver = shop.driver
    for _ in range(5):
        driver.once()
        shop.clock.advance(timedelta(seconds=2))
    web = shop.cluster.read("Deployment", _namespace(shop, app), "web")
    assert web is not None
    assert web["spec"]["replicas"] == 0
    with shop.acting() as ctx:
        assert changesets.list_(ctx, instance_id=app.instance_id, limit=1)[0].reason == "A backup needs the app to stand still."
    shop.work()
    assert _state(shop, app) is State.READY


def test_a_stopped_app_is_saved_and_stays_stopped(shop: Shop, app: OrderView) -> None:
    site = _written(shop, app, "site", b"asleep")
    with shop.acting() as ctx:
        operations.stop(ctx, instance_id=app.instance_id)
    shop.work()
    assert _state(shop, app) is State.STOPPED
    saved = _saved(shop, app)
    assert saved.state is BackupState.DONE, saved.why
    assert ("web", "site", len(site)) in {(part.of, part.what, part.size) for part in saved.parts}
    shop.work()  # what was started to be saved is put to sleep again
    assert _state(shop, app) is State.STOPPED
    assert list(shop.cluster.find("Pod", _namespace(shop, app), {"app.kubernetes.io/component": "database"})) == []


def test_a_command_that_fails_leaves_no_backup_that_is_called_done(shop: Shop, app: OrderView) -> None:
    with shop.acting() as ctx:
        asked = app_backups.ask(ctx, instance_id=app.instance_id)
    failing = BackupDriver(shop.container, shop.cluster, Failing(shop), shop.target)
    for _ in range(120):
        failing.once()
        shop.clock.advance(timedelta(seconds=5))
    with shop.acting() as ctx:
        failed = app_backups.get(ctx, backup_id=asked.id)
    assert (failed.state, failed.usable) == (BackupState.FAILED, False)
    assert failed.why == "The command ended with 2: no space left"
    assert list(shop.target.names()) == []
    assert _saved(shop, app).state is BackupState.DONE


def test_a_damaged_backup_is_refused_before_anything_is_overwritten(shop: Shop, app: OrderView) -> None:
    saved = _saved(shop, app)
    now = _written(shop, app, "site", b"what is there now")
    place = shop.container.settings.data / "app-backups" / _row(shop, saved.id).place
    place.write_bytes(place.read_bytes()[:-1])
    with shop.acting() as ctx:
        app_backups.restore(ctx, backup_id=saved.id, typed_name=app.name)
    shop.work()
    with shop.acting() as ctx:
        (done,) = app_backups.of_app(ctx, instance_id=app.instance_id).restores
    assert done.state is RestoreState.FAILED
    assert "damaged" in done.why
    assert _read(shop, app, "site") == now
    assert _state(shop, app) is State.READY


def test_deleting_takes_a_last_backup_first(shop: Shop, app: OrderView) -> None:
    site = _written(shop, app, "site", b"the last pages")
    with shop.acting() as ctx:
        operations.remove(ctx, instance_id=app.instance_id, typed_name=app.name)
    shop.work(passes=60)
    assert _state(shop, app) is State.GONE
    with shop.acting() as ctx:
        (last,) = app_backups.of_app(ctx, instance_id=app.instance_id).backups
    assert (last.reason, last.state) == (BackupReason.DELETION, BackupState.DONE)
    assert ("web", "site", len(site)) in {(part.of, part.what, part.size) for part in last.parts}
    assert last.usable


def test_a_deleted_app_is_brought_back_as_a_new_one_with_its_secrets(shop: Shop, app: OrderView) -> None:
    site, database = _written(shop, app, "site", b"pages"), _written(shop, app, "database", b"rows")
    before = _secrets(shop, app)
    with shop.acting() as ctx:
        assert app_copies.of_deleted(ctx, organization_id=app.organization_id) == ()
        operations.remove(ctx, instance_id=app.instance_id, typed_name=app.name)
    shop.work(passes=40)
    assert _state(shop, app) is State.GONE
    with shop.acting() as ctx:
        (last,) = app_copies.of_deleted(ctx, organization_id=app.organization_id)
        with pytest.raises(Conflict, match="had its free trial"):
            app_copies.copy(ctx, backup_id=last.id, seal=shop.container.seal)
    with shop.acting() as ctx:
        copied = app_copies.copy(ctx, backup_id=last.id, seal=shop.container.seal, plan="starter", name="again")
    shop.work(passes=5)
    with shop.acting() as ctx:
        (waits,) = app_backups.of_app(ctx, instance_id=copied.instance_id).restores
    assert waits.state is RestoreState.WANTED, "it is not paid for"
    with shop.acting(shop.staff) as ctx:
        decisions.received(ctx, order_id=copied.id)
    shop.work(passes=50)
    with shop.acting() as ctx:
        (done,) = app_backups.of_app(ctx, instance_id=copied.instance_id).restores
    assert (done.state, done.why) == (RestoreState.DONE, "")
    assert _state(shop, copied) is State.READY
    assert (_read(shop, copied, "site"), _read(shop, copied, "database")) == (site, database)
    assert _secrets(shop, copied) == before
    with shop.acting(_stranger(shop)) as ctx, pytest.raises(NotFound):
        app_copies.copy(ctx, backup_id=last.id, seal=shop.container.seal, plan="starter")
    shop.clock.advance(timedelta(days=31))
    with shop.acting() as ctx:
        assert app_copies.of_deleted(ctx, organization_id=app.organization_id) == ()
        with pytest.raises(Conflict, match="time is over"):
            app_copies.copy(ctx, backup_id=last.id, seal=shop.container.seal, plan="starter")


def test_a_deletion_stops_when_the_last_backup_cannot_be_made(shop: Shop, app: OrderView) -> None:
    with shop.acting() as ctx:
        work = operations.remove(ctx, instance_id=app.instance_id, typed_name=app.name)
    failing = BackupDriver(shop.container, shop.cluster, Failing(shop), shop.target)
    _rounds(shop, failing, rounds=120, pause=timedelta(seconds=5))
    with shop.acting(shop.staff) as ctx:
        stopped = changesets.get(ctx, change_set_id=work.id)
        assert stopped.reason == "The last backup before the deletion could not be made, so nothing was deleted."
        changesets.retry(ctx, change_set_id=work.id)
    assert shop.cluster.read("Namespace", None, _namespace(shop, app)) is not None
    shop.work(passes=60)
    assert _state(shop, app) is State.GONE


def test_an_app_without_anything_to_keep_is_not_saved_and_is_deleted_at_once(shop: Shop) -> None:
    made = shop.order("container")
    shop.work()
    with shop.acting() as ctx:
        assert not app_backups.of_app(ctx, instance_id=made.instance_id).can_save
        with pytest.raises(Conflict, match="nothing that could be saved"):
            app_backups.ask(ctx, instance_id=made.instance_id)
        operations.remove(ctx, instance_id=made.instance_id, typed_name=made.name)
    shop.work(passes=20)
    assert _state(shop, made) is State.GONE


def test_asking_twice_strangers_tokens_and_wrong_names_are_refused(shop: Shop, app: OrderView) -> None:
    saved = _saved(shop, app)
    with shop.store.transaction() as session:
        stranger = a_customer(session, name="Somebody else").actor
    with shop.acting(stranger) as ctx:
        for attempt in (
            lambda: app_backups.ask(ctx, instance_id=app.instance_id),
            lambda: app_backups.of_app(ctx, instance_id=app.instance_id),
            lambda: app_backups.restore(ctx, backup_id=saved.id, typed_name=app.name),
        ):
            with pytest.raises(NotFound):
                attempt()
    token = _as_token(shop)
    with shop.acting(token) as ctx, pytest.raises(NotPermitted, match="token"):
        app_backups.restore(ctx, backup_id=saved.id, typed_name=app.name)
    with shop.acting() as ctx:
        with pytest.raises(Invalid, match="Type the app's name"):
            app_backups.restore(ctx, backup_id=saved.id, typed_name="other")
        app_backups.ask(ctx, instance_id=app.instance_id)
        with pytest.raises(Conflict, match="being saved already"):
            app_backups.ask(ctx, instance_id=app.instance_id)
        with pytest.raises(Conflict, match="being saved now"):
            app_backups.restore(ctx, backup_id=saved.id, typed_name=app.name)
    shop.work()
    with shop.acting() as ctx:
        app_backups.restore(ctx, backup_id=saved.id, typed_name=app.name)
        with pytest.raises(Conflict, match="being brought back already"):
            app_backups.restore(ctx, backup_id=saved.id, typed_name=app.name)
    shop.clock.advance(timedelta(days=40))
    with shop.acting() as ctx:
        assert not app_backups.get(ctx, backup_id=saved.id).usable


def test_two_workers_make_one_backup(shop: Shop, app: OrderView) -> None:
    with shop.acting() as ctx:
        asked = app_backups.ask(ctx, instance_id=app.instance_id)
    other = shop.backups
    runs: list[str] = []

    def meanwhile(place: Place, given: bool) -> None:
        runs.append(place.container)
        other.back_up(asked.id)  # while the first one is at it

    BackupDriver(shop.container, shop.cluster, Watched(shop, meanwhile), shop.target).back_up(asked.id)
    assert runs == ["database", "web"]
    row = _row(shop, asked.id)
    assert (row.state, row.turns) == (BackupState.DONE, 1)
    assert list(shop.target.names()) == [row.place]


def test_a_turn_that_was_lost_writes_nothing_down(shop: Shop, app: OrderView) -> None:
    with shop.acting() as ctx:
        asked = app_backups.ask(ctx, instance_id=app.instance_id)

    def sleeps(place: Place, given: bool) -> None:
        if place.container == "web" and _row(shop, asked.id).turns == 1:
            shop.clock.advance(timedelta(minutes=10))
            shop.backups.back_up(asked.id)

    BackupDriver(shop.container, shop.cluster, Watched(shop, sleeps), shop.target).back_up(asked.id)
    row = _row(shop, asked.id)
    assert (row.state, row.turns, row.place.endswith(".2")) == (BackupState.DONE, 2, True)
    assert shop.target.size(row.place) == row.size


class Watched:
    """Commands of the shop, told of before each runs; `given`: it gets something."""

    def __init__(self, shop: Shop, told: Callable[[Place, bool], None]) -> None:
        self._inner, self._told = shop.commands, told

    def run(self, place: Place, command: Sequence[str], given: Any = None, length: int = 0) -> Iterator[bytes]:
        self._told(place, given is not None)
        yield from self._inner.run(place, command, given)


class Failing:
    """The second command of a backup fails after it gave a part of its output."""

    def __init__(self, shop: Shop) -> None:
        self._inner = shop.commands

    def run(self, place: Place, command: Sequence[str], given: Any = None, length: int = 0) -> Iterator[bytes]:
        yield from self._inner.run(place, command, given)
        if place.container.endswith("web"):
            raise CommandFailed(2, "no space left")


def _saved(shop: Shop, app: OrderView) -> app_backups.BackupView:
    with shop.acting() as ctx:
        asked = app_backups.ask(ctx, instance_id=app.instance_id)
    shop.work(passes=20)
    with shop.acting() as ctx:
        return app_backups.get(ctx, backup_id=asked.id)


def _rounds(shop: Shop, backups: BackupDriver, *, rounds: int = 40, pause: timedelta = timedelta(seconds=2)) -> None:
    driver = shop.driver
    for _ in range(rounds):
        driver.once()
        backups.once()
        shop.clock.advance(pause)


def _row(shop: Shop, backup_id: str) -> AppBackup:
    with shop.store.reading() as session:
        row = store.by_id(session, backup_id)
        assert row is not None
        session.expunge(row)
        return row


def _namespace(shop: Shop, app: OrderView) -> str:
    with shop.acting() as ctx:
        return instances.get(ctx, instance_id=app.instance_id).namespace


def _state(shop: Shop, app: OrderView) -> State:
    with shop.acting() as ctx:
        return instances.get(ctx, instance_id=app.instance_id).state


def _uid(shop: Shop, app: OrderView, claim: str) -> str:
    found = shop.cluster.read("PersistentVolumeClaim", _namespace(shop, app), claim)
    assert found is not None
    return str(found["metadata"]["uid"])


def _written(shop: Shop, app: OrderView, claim: str, content: bytes) -> bytes:
    shop.contents.write(_uid(shop, app, claim), [content])
    return content


def _read(shop: Shop, app: OrderView, claim: str) -> bytes:
    return b"".join(shop.contents.read(_uid(shop, app, claim)))


def _secrets(shop: Shop, app: OrderView) -> dict[str, str]:
    found = shop.cluster.read("Secret", _namespace(shop, app), "secrets")
    assert found is not None
    return opened(found)


def _stranger(shop: Shop) -> Any:
    with shop.store.transaction() as session:
        return a_customer(session, name="Somebody else").actor


def _as_token(shop: Shop) -> Any:
    from dataclasses import replace

    from models.domain.access import ActorKind

    return replace(shop.customer.actor, kind=ActorKind.TOKEN)
