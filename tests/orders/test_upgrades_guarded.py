"""An upgrade that goes wrong in a way nobody thought of stands in no other's way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.driver import RESTS
from app.jobs import runner
from app.services import upgrade_turns, upgrades
from app.services.orders import OrderView
from models.domain.errors import Conflict, Invalid
from models.domain.instances import State
from models.domain.upgrades import UpgradeState, goes_on
from tests.orders.conftest import Shop
from tests.orders.test_upgrades import _ready, _until, asked, blog, newer, now, offered, publish, state
from tests.provisioner.orders import TEMPLATES

__all__ = ["blog"]


@pytest.mark.parametrize(("step", "error"), [("_next", Invalid("A fact is missing.")), ("_save", RuntimeError("a bug"))])
def test_one_that_always_fails_holds_up_nobody(
    shop: Shop, blog: OrderView, monkeypatch: pytest.MonkeyPatch, step: str, error: Exception
) -> None:
    other = shop.order("ghost")
    _ready(shop, other)
    publish(shop, newer("wordpress", "7.2.0"), newer("ghost", "6.60.0"))
    fails, works = asked(shop, blog), asked(shop, other)
    real = getattr(upgrade_turns, step)

    def broken(ctx: Any, row: Any, *given: Any) -> Any:
        if row.id == fails.id:
            raise error
        return real(ctx, row, *given)

    monkeypatch.setattr(upgrade_turns, step, broken)
    driver = shop.driver
    driver.once()
    assert (now(shop, fails).state, now(shop, works).state) == (UpgradeState.ASKED, UpgradeState.SAVING)
    monkeypatch.undo()
    driver.once()
    assert now(shop, fails).state is UpgradeState.ASKED, "it rests"
    shop.clock.advance(RESTS)
    driver.once()
    assert now(shop, fails).state is UpgradeState.SAVING


def test_another_major_version_of_the_database_is_refused(shop: Shop, blog: OrderView) -> None:
    first, database = TEMPLATES["wordpress"].components
    for image, refused in (("mariadb:11.9.1", ""), ("registry.example:5000/mariadb:12.0.1@sha256:1", "database")):
        publish(shop, newer("wordpress", "7.2.0", components=(first, database.model_copy(update={"image": image}))))
        assert offered(shop, blog).refused == refused
    with shop.acting() as ctx, pytest.raises(Conflict, match="another major version of its database"):
        upgrades.ask(ctx, instance_id=blog.instance_id)


@pytest.mark.parametrize(
    ("version", "of", "rule", "goes"),
    [
        ("7.1.0", "7.1.0", "command", True),
        ("7.1.1", "7.1.0", "command", False),
        ("7.1.1", "7.1.0", "tag", True),
        ("7.1.0", "7.1.1", "tag", False),
        ("8.0.0", "7.9.0", "major", True),
        ("9.0.0", "7.9.0", "major", False),
        ("9.0.0", "7.9.0", "tag", True),
    ],
)
def test_which_data_a_version_goes_on_from(version: str, of: str, rule: str, goes: bool) -> None:
    assert goes_on(version, of, rule=rule) is goes


def test_a_trial_ends_when_its_upgrade_has(shop: Shop, blog: OrderView) -> None:
    one = asked(shop, blog)
    shop.clock.advance(timedelta(days=20))
    runner.run_once(shop.container, "trials")
    _until(shop, one, UpgradeState.DONE)
    shop.clock.advance(timedelta(hours=1))
    runner.run_once(shop.container, "trials")
    shop.work(passes=6)
    assert state(shop, blog) is State.STOPPED
