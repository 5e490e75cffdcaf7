"""An upgrade that goes wrong in a way nobody thought of stands in no other's way."""

from __future__ import annotations

from typing import Any

import pytest

from app.driver import RESTS
from app.services import upgrade_turns
from app.services.orders import OrderView
from models.domain.errors import Invalid
from models.domain.upgrades import UpgradeState
from tests.orders.conftest import Shop
from tests.orders.test_upgrades import _ready, asked, blog, newer, now, publish

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
