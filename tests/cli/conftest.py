"""A data directory that a first start would have made, and commands on it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import config, container
from app.cli.main import app
from app.config import Settings
from collectors import warehouse as warehouses
from models.domain.access import StaffRole
from models.domain.clock import SystemClock
from models.domain.errors import PlatformError
from tests.stories import a_customer, a_plan, a_staff_member, an_instance

Command = Callable[..., str]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A migrated directory with one customer, one plan and one owner of the platform."""
    monkeypatch.chdir(tmp_path)
    for name in ("MOORAGE_WAREHOUSE_URL", "MOORAGE_STORE_URL", "MOORAGE_KUBECONFIG", "MOORAGE_PROMETHEUS_URL", "MOORAGE_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    settings = settings_of(tmp_path / "data")
    container.prepare_directory(settings)
    store = container.open_store(settings, migrate=True)
    with store.transaction() as session:
        now = SystemClock().now()
        customer = a_customer(session, now=now)
        an_instance(session, customer, now=now)
        a_plan(session, now=now)
        a_staff_member(session, StaffRole.OWNER, now=now)
    store.close()
    warehouses.open(settings.warehouse).close()
    return settings.data


def settings_of(data: Path, **others: object) -> Settings:
    return config.load(data=data, **others)


@pytest.fixture
def command(data: Path) -> Command:
    """Runs `moorage WORDS --data DIRECTORY` in this process; its output. A failure is raised."""

    def run(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, [*words, "--data", str(data)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result.output

    return run


def sentence_of(error: PlatformError) -> str:
    return re.sub(r"\s+", " ", str(error))
