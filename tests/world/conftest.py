"""One world for all tests of the folder: it is a pure function, so nobody can spoil it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.domain.clock import FrozenClock
from models.world.file import open_world
from models.world.state import begin
from models.world.world import World
from tests.world.ordered import Ground

NOW = datetime(2026, 11, 25, 16, 10, 7, tzinfo=UTC)


@pytest.fixture(scope="session")
def world() -> World:
    return World(begin(7, NOW))


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "world.json"


@pytest.fixture
def ground(path: Path, clock: FrozenClock) -> Ground:
    return Ground(open_world(path, 7, clock), clock)
