"""For tests in which nothing depends on the database: an empty store on SQLite alone, under the usual name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.store.session import Store
from tests.stories import fresh_sqlite


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = fresh_sqlite(tmp_path)
    yield made
    made.close()


__all__ = ["store"]
