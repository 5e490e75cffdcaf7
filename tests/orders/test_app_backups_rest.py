"""What is saved or brought back stands still for it: nothing that ends slowly, and no backup beside a restore, comes between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from app.backup_driver import LOST, BackupDriver
from app.jobs import runner
from app.services import app_backups, app_copies, changesets, operations, settings
from app.services.orders import OrderView
from app.services.stillness import HALF
from models.domain.app_backups import BackupState, RestoreKind, RestoreState
from models.domain.errors import Conflict
from models.domain.instances import State
from models.domain.upgrades import UpgradeState
from models.store import app_backups as store
from models.store import instances
from provisioner.cluster import Cluster
from provisioner.cluster.commands import Place
from tests.orders.conftest import Shop
from tests.orders.test_app_backups import Failing, Watched, _namespace, _read, _rounds, _row, _saved, _state, _written, app
from tests.orders.test_upgrades import _until, asked, blog, newer, publish

__all__ = ["app", "blog"]


class Slow:
    """The shop's cluster, in which the app's web pod that was to end does so only `after` that long, or never."""

    def __init__(self, shop: Shop, app: OrderView, after: timedelta | None) -> None:
        self._inner, self._clock = shop.cluster, shop.clock
        (pod,) = shop.cluster.find("Pod", _namespace(shop, app), {"app.kubernetes.io/component": "web"})
        now = shop.clock.now()
        self.until = now + after if after is not None else None
        self._pod = pod | {"metadata": pod["metadata"] | {"name": "web-before", "deletionTimestamp": f"{now:%Y-%m-%dT%H:%M:%SZ}"}}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def find(self, kind: str, namespace: str | None, labels: Mapping[str, str]) -> Sequence[Any]:
        found = list(self._inner.find(kind, namespace, labels))
        here = kind == "Pod" and labels.items() <= self._pod["metadata"]["labels"].items()
        return [*found, self._pod] if here and (self.until is None or self._clock.now() < self.until) else found


def _saves(shop: Shop, cluster: Slow) -> datetime:
    """When the first command of a backup ran, with that cluster."""
    ran: list[datetime] = []

    def watched(place: Place, given: bool) -> None:
        ran.append(shop.clock.now())

    backups = BackupDriver(shop.container, cast(Cluster, cluster), Watched(shop, watched), shop.target)
    for _ in range(80):
        shop.driver.once()
        backups.once()
        if ran:
            return ran[0]
        shop.clock.advance(timedelta(seconds=10))
    raise AssertionError("nothing was saved")


def test_what_is_saved_for_an_upgrade_has_ended_before(shop: Shop, blog: OrderView) -> None:
    cluster = Slow(shop, blog, timedelta(seconds=60))
    asked(shop, blog)
    assert cluster.until is not None
    assert _saves(shop, cluster) >= cluster.until


def test_the_last_backup_waits_for_what_ends_but_not_for_ever(shop: Shop, app: OrderView) -> None:
    cluster, now = Slow(shop, app, None), shop.clock.now()
    with shop.acting() as ctx:
        operations.remove(ctx, instance_id=app.instance_id, typed_name=app.name)
    assert LOST < _saves(shop, cluster) - now < LOST + timedelta(minutes=1)


def test_a_backup_waits_for_the_restore_that_runs(shop: Shop, app: OrderView) -> None:
    saved = _saved(shop, app)
    with shop.acting() as ctx:
        brought = app_backups.restore(ctx, backup_id=saved.id, typed_name=app.name)
    shop.backups.once()
    with shop.acting() as ctx:
        asked = app_backups.ask(ctx, instance_id=app.instance_id)
    shop.backups.back_up(asked.id)
    assert (_row(shop, asked.id).state, _row(shop, asked.id).why) == (BackupState.WANTED, "A backup is brought back first.")
    shop.work()
    later = _row(shop, asked.id)
    done = _restore(shop, brought.id)
    assert done.finished_at is not None
    assert (done.state, later.state) == (RestoreState.DONE, BackupState.DONE)
    assert later.started_at is not None
    assert later.started_at >= done.finished_at


def test_a_restore_waits_for_the_backup_that_runs(shop: Shop, app: OrderView) -> None:
    saved = _saved(shop, app)
    begun: list[str] = []
    states: list[RestoreState] = []

    def meanwhile(place: Place, given: bool) -> None:
        if not begun:  # as an upgrade does it on its way back
            with shop.acting() as ctx:
                row, backup = instances.by_id(ctx.session, app.instance_id), store.by_id(ctx.session, saved.id)
                assert row is not None
                assert backup is not None
                begun.append(app_backups.begin(ctx, backup, row, RestoreKind.PLACE).id)
        shop.backups.restore(begun[0])
        states.append(_restore(shop, begun[0]).state)

    with shop.acting() as ctx:
        asked = app_backups.ask(ctx, instance_id=app.instance_id)
    BackupDriver(shop.container, shop.cluster, Watched(shop, meanwhile), shop.target).back_up(asked.id)
    assert states == [RestoreState.WANTED] * 2
    assert _row(shop, asked.id).state is BackupState.DONE
    shop.work(passes=20)
    assert _restore(shop, begun[0]).state is RestoreState.DONE


def _restore(shop: Shop, restore_id: str) -> store.AppRestore:
    with shop.store.reading() as session:
        row = store.restore_by_id(session, restore_id)
        assert row is not None
        session.expunge(row)
        return row


def test_nothing_is_saved_while_an_upgrade_goes_on(shop: Shop, blog: OrderView) -> None:
    asked(shop, blog)
    with shop.acting() as ctx, pytest.raises(Conflict, match="brought to another version now"):
        app_backups.ask(ctx, instance_id=blog.instance_id)
    with shop.acting(shop.staff) as ctx:
        settings.put(ctx, key="app_backup_trials", value=True)
    runner.run_once(shop.container, "app_backups")
    with shop.acting() as ctx:
        assert app_backups.of_app(ctx, instance_id=blog.instance_id).backups == ()


def test_a_backup_goes_only_into_a_version_that_goes_on_from_it(shop: Shop, blog: OrderView) -> None:
    before = _saved(shop, blog)
    _until(shop, asked(shop, blog), UpgradeState.DONE)
    after = _saved(shop, blog)
    with shop.acting() as ctx, pytest.raises(Conflict, match=r"of version 7\.1\.0, and version 7\.2\.0 does not go on"):
        app_backups.restore(ctx, backup_id=before.id, typed_name=blog.name)
    publish(shop, newer("wordpress", "7.1.0"))
    with shop.acting() as ctx, pytest.raises(Conflict, match=r"of version 7\.2\.0, and version 7\.1\.0 does not go on"):
        app_copies.copy(ctx, backup_id=after.id, seal=shop.container.seal, plan="starter", name="again")
    with shop.acting() as ctx:
        app_backups.restore(ctx, backup_id=after.id, typed_name=blog.name)


def test_half_a_restore_does_not_start_the_app_and_the_next_one_mends_it(shop: Shop, app: OrderView) -> None:
    site, saved = _written(shop, app, "site", b"pages"), _saved(shop, app)
    with shop.acting() as ctx:
        app_backups.restore(ctx, backup_id=saved.id, typed_name=app.name)
    _rounds(shop, BackupDriver(shop.container, shop.cluster, Failing(shop), shop.target), rounds=120, pause=timedelta(seconds=5))
    with shop.acting() as ctx:
        (half,) = app_backups.of_app(ctx, instance_id=app.instance_id).restores
    assert (half.state, half.why) == (RestoreState.FAILED, f"The command ended with 2: no space left {HALF}")
    with shop.acting() as ctx:
        work = operations.restart(ctx, instance_id=app.instance_id)
    shop.driver.look_after()
    shop.work(passes=10)
    web = shop.cluster.read("Deployment", _namespace(shop, app), "web")
    assert web is not None
    assert web["spec"]["replicas"] == 0
    with shop.acting() as ctx:
        assert changesets.get(ctx, change_set_id=work.id).reason == HALF
        with pytest.raises(Conflict, match="overwritten in part"):
            app_backups.ask(ctx, instance_id=app.instance_id)
        app_backups.restore(ctx, backup_id=saved.id, typed_name=app.name)
    shop.work()
    assert _state(shop, app) is State.READY
    assert _read(shop, app, "site") == site


def test_an_app_that_is_half_restored_can_be_deleted(shop: Shop, app: OrderView) -> None:
    saved = _saved(shop, app)
    with shop.acting() as ctx:
        app_backups.restore(ctx, backup_id=saved.id, typed_name=app.name)
    _rounds(shop, BackupDriver(shop.container, shop.cluster, Failing(shop), shop.target), rounds=120, pause=timedelta(seconds=5))
    assert _state(shop, app) is State.DEGRADED
    with shop.acting() as ctx:
        operations.remove(ctx, instance_id=app.instance_id, typed_name=app.name)
    shop.work(passes=60)
    assert _state(shop, app) is State.GONE
