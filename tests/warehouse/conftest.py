from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from collectors import warehouse
from collectors.warehouse import Warehouse
from models.domain.clock import FrozenClock
from tests.warehouse.scenes import T0


@pytest.fixture
def wh(tmp_path: Path) -> Iterator[Warehouse]:
    """An empty warehouse in a DuckDB file."""
    opened = warehouse.open(str(tmp_path / "w.duckdb"), memory="500MB", threads=2, clock=FrozenClock(T0))
    yield opened
    opened.close()


@pytest.fixture(params=["file", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Address and data path of a warehouse that does not exist yet, in each of the three forms."""
    if request.param == "file":
        yield str(tmp_path / "w.duckdb"), ""
    elif request.param == "sqlite":
        yield f"ducklake:sqlite:{tmp_path / 'w.sqlite'}", ""
    else:
        server = make_url(os.environ["MOORAGE_TEST_POSTGRES"])
        name = f"moorage_lake_{secrets.token_hex(6)}"
        dsn = f"host={server.host} port={server.port} user={server.username}"
        if server.password:
            dsn += f" password={server.password}"
        with psycopg.connect(f"{dsn} dbname={server.database}", autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}".encode())
        yield f"ducklake:postgres:{dsn} dbname={name}", str(tmp_path / "lake") + "/"
        with psycopg.connect(f"{dsn} dbname={server.database}", autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
