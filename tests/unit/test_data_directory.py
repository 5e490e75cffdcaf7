"""What lies in the data directory is for its owner alone."""

import os
from pathlib import Path

import pytest

from app import container
from app.config import Settings
from collectors.sources.simulated import open_world
from models.domain.clock import SystemClock


@pytest.fixture(autouse=True)
def usual_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_to_others(data: Path) -> list[str]:
    """All but empty files: a lock says nothing."""
    found = [path for path in (data, *data.rglob("*")) if path.is_dir() or path.stat().st_size]
    return [str(path.relative_to(data)) for path in found if path.stat().st_mode & 0o077]


def test_what_a_first_start_makes_is_readable_to_its_owner_alone(tmp_path):
    settings = Settings.model_construct(data=tmp_path / "deep" / "data", store_url="", demo_seed=7)
    container.prepare_directory(settings)
    store = container.open_store(settings, migrate=True)
    with store.transaction():
        pass
    open_world(container.world_file(settings), 7, SystemClock()).begin_anew()
    assert {"store.sqlite", "world.json"} <= {path.name for path in settings.data.iterdir()}
    assert open_to_others(settings.data) == []
    store.close()


def test_a_directory_of_an_older_version_is_closed(tmp_path):
    data = tmp_path / "data"
    for folder in ("keys", "backups"):
        (data / folder).mkdir(parents=True)
    for name in ("store.sqlite", "store.sqlite-wal", "world.json", "world-flags.json", "warehouse.duckdb"):
        (data / name).write_bytes(b"x")
    data.chmod(0o755)
    container.prepare_directory(Settings.model_construct(data=data, store_url=""))
    assert open_to_others(data) == []


def test_a_directory_that_everybody_shares_stays_open(tmp_path):
    tmp_path.chmod(0o1777)
    container.prepare_directory(Settings.model_construct(data=tmp_path, store_url=""))
    assert tmp_path.stat().st_mode & 0o7777 == 0o1777
