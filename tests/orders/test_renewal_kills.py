"""Renewals killed at random points, on both databases; `moorage soak` makes the full counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.soak import renewals
from models import migrations
from models.store.session import Store
from tests.stories import an_empty_postgres

pytestmark = pytest.mark.loopback
KILLS = 25


def _judged(url: str, folder: Path) -> None:
    found = renewals.run(url, folder, kills=KILLS, seed=7)
    assert found.problems == ()
    assert found.invoices >= 18 * renewals.MONTHS
    assert found.inside, "no kill hit a process at its work, so nothing was shown"


def test_on_sqlite_every_month_is_charged_once(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'store.sqlite'}")
    migrations.upgrade(store)
    store.close()
    _judged(store.url, tmp_path)


@pytest.mark.postgres
def test_on_postgres_every_month_is_charged_once(tmp_path: Path) -> None:
    with an_empty_postgres() as store:
        migrations.upgrade(store)
        _judged(store.url, tmp_path)
