"""An upgrade whose worker dies between any two transactions: the next worker goes on, and everything was done once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from app.backup_driver import BackupDriver
from app.container import Container
from app.driver import Driver
from app.services import app_backups, upgrades
from app.services.orders import OrderView
from models.domain.app_backups import BackupReason, BackupState, RestoreState
from models.domain.upgrades import OPEN, UpgradeState
from models.store import mail, specifications
from tests.orders.conftest import Shop
from tests.orders.test_app_backups import _read, _written
from tests.orders.test_upgrades import asked, blog, image, now

__all__ = ["blog"]
LEASE = timedelta(seconds=60)


class Killed(BaseException):
    """The process is gone: nothing that it would still have done is done."""


@dataclass
class Mortal:
    """A container whose process dies before or behind one of its next transactions."""

    inner: Container
    left: int
    behind: bool
    seen: list[int] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    @contextmanager
    def transaction(self, *about: Any) -> Iterator[Any]:
        self.left -= 1
        if self.left == 0 and not self.behind:
            raise Killed
        with self.inner.transaction(*about) as ctx:
            yield ctx
        if self.left == 0:
            raise Killed


@pytest.mark.parametrize(("works", "seed"), [(True, 1), (False, 3)])
def test_it_comes_to_its_end_and_everything_was_done_once(shop: Shop, blog: OrderView, works: bool, seed: int) -> None:
    chance = random.Random(seed)
    site = _written(shop, blog, "site", b"pages of 7.1")
    one = asked(shop, blog)
    kills = 0
    for _ in range(400):
        mortal = Mortal(shop.container, chance.randint(1, 6), chance.random() < 0.5)
        container = cast(Container, mortal)
        driver = Driver(container, shop.cluster, prober=shop.prober)
        backups = BackupDriver(container, shop.cluster, shop.commands, shop.target)
        try:
            for _ in range(4):
                driver.once()
                backups.once()
                shop.clock.advance(timedelta(seconds=2))
        except Killed:
            kills += 1
            shop.clock.advance(LEASE)
        seen = now(shop, one)
        if not works and seen.state is UpgradeState.CHANGING:
            shop.prober.down[blog.address] = ("down", "500")
        if seen.state is UpgradeState.RETURNING:
            shop.prober.down.clear()
        if seen.state not in OPEN:
            break
    assert kills > 2
    assert seen.state is (UpgradeState.DONE if works else UpgradeState.RETURNED), seen
    shop.work(passes=10)
    with shop.acting() as ctx:
        kept = app_backups.of_app(ctx, instance_id=blog.instance_id)
        wanted = [row.reason for row in specifications.history(ctx.session, blog.instance_id)]
        told = [row.subject for row in mail.newest(ctx.session, limit=50) if "could not be brought to version" in row.subject]
        assert len(upgrades.list_(ctx, instance_id=blog.instance_id).items) == 1
    assert [(row.reason, row.state) for row in kept.backups] == [(BackupReason.UPGRADE, BackupState.DONE)]
    assert [row.state for row in kept.restores] == ([] if works else [RestoreState.DONE])
    assert wanted == (["upgrade 7.2.0", "ordered"] if works else ["returned 7.1.0", "upgrade 7.2.0", "ordered"])
    assert len(told) == (0 if works else 1)
    assert _read(shop, blog, "site") == site
    assert image(shop, blog) == f"wordpress:{'7.2.0' if works else '7.1.0'}-php8.3-apache"
