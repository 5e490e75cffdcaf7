"""Key figures: measured ones with their rows, and what nobody measured is said to be so."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from app.services import key_figures
from models.domain.access import StaffRole
from models.domain.errors import NotPermitted
from tests.orders.conftest import Shop, postgres, shop, store
from tests.orders.test_renewals import paid
from tests.pages.test_billing import nothing_answered_before
from tests.pages.test_provisioning import page, said

__all__ = ["nothing_answered_before", "postgres", "shop", "store"]


@pytest.fixture
def measured(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """An app that was made, one that waits for a person, and some probes."""
    paid(shop)
    shop.work()
    rows = {"month": [datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)], "up": [995, 1000], "down": [5, 0]}
    monkeypatch.setattr(type(shop.container.warehouse), "query", lambda *_, **__: pl.DataFrame(rows))
    return shop


def test_figures_are_those_of_their_rows(measured: Shop) -> None:
    with measured.acting(measured.staff) as ctx:
        found = {one.code: one for one in key_figures.all_(ctx)}
    assert len(found) == 7
    access = found["time_to_access"]
    assert access.value == access.rows[0].value > 0
    assert access.met
    assert (found["needed_a_hand"].value, found["needed_a_hand"].met) == (0.0, True)
    assert found["availability"].value == pytest.approx(1995 / 2000)
    assert found["availability"].trend == (("2026-10", 0.995), ("2026-11", 1.0))
    assert found["utilization"].value is not None
    for code in ("api_answer", "node_recovery", "retention"):
        assert (found[code].value, found[code].met) == (None, None)


def test_the_page_says_targets_and_what_is_not_measured(measured: Shop) -> None:
    text = said(page(measured, "admin/key_figures", StaffRole.ANALYST))
    assert "not measured yet" in text
    assert "at least 99.5 %" in text.replace("\u00a0", " ")


def test_key_figures_are_for_staff(measured: Shop) -> None:
    with measured.acting() as ctx, pytest.raises(NotPermitted):
        key_figures.all_(ctx)
