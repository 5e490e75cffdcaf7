"""One world for all tests of the folder: it is a pure function, so nobody can spoil it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from models.world.state import begin
from models.world.world import World

NOW = datetime(2026, 11, 25, 16, 10, 7, tzinfo=UTC)


@pytest.fixture(scope="session")
def world() -> World:
    return World(begin(7, NOW))
