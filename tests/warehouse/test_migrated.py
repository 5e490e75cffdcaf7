"""The tables: what migrations make equals what the program writes into, also in a warehouse that an older program began."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import duckdb
import polars as pl
import pytest

from collectors import warehouse
from collectors.entities import FILESYSTEM, NODE
from collectors.frames import entity_frame
from collectors.warehouse import migrate
from collectors.warehouse.connection import Connection
from collectors.warehouse.errors import Older
from collectors.warehouse.frames import thing_id
from collectors.warehouse.schema import tables
from collectors.warehouse.times import inside
from models.domain.clock import FrozenClock
from tests.warehouse.scenes import HOUR, T0, at

FIRST = "0001_init"
OLD = thing_id("default", ("old",))
COLUMNS = "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = 'wh' ORDER BY ALL"


def columns(link: Connection) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    with link.lock:
        for table, column, kind in link.cursor().execute(COLUMNS).fetchall():
            found.setdefault(table, {})[column] = kind
    return found


def begun_by_an_older_program(uri: str, data_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A warehouse with the tables of the first version, and two samples of a node in it."""
    every = migrate.available()

    def oldest() -> Mapping[str, str]:
        return {FIRST: every[FIRST]}

    def work(con: duckdb.DuckDBPyConnection) -> None:
        known = "cluster, node_id, node, started_at, first_seen"
        con.execute(f"INSERT INTO wh.nodes ({known}) VALUES ('default', ?, 'old', ?, ?)", [OLD, inside(T0 - HOUR), inside(at(1))])
        for k in (1, 2):
            con.execute(
                "INSERT INTO wh.node_samples (cluster, tick, source, ts, node_id, oom_kills_total, load1) "
                "VALUES ('default', ?, 'prometheus', ?, ?, ?, 0.5)",
                [inside(at(k)), inside(at(k)), OLD, float(k)],
            )
            con.execute(
                "INSERT INTO wh.ticks VALUES ('default', ?, 'prometheus', 'ok', 1, 'node', ?)", [inside(at(k)), inside(at(k))]
            )

    with monkeypatch.context() as patched:
        patched.setattr(migrate, "available", oldest)
        link = Connection(uri, data_path=data_path, memory="500MB")
        migrate.migrate(link, T0)
        link.write(work)
        link.close()


def test_migrations_make_the_tables_that_the_program_knows(uri: tuple[str, str]) -> None:
    link = Connection(uri[0], data_path=uri[1], memory="500MB")
    migrate.migrate(link, T0)
    made = columns(link)
    link.close()
    wanted = {name: dict(table.columns) for name, table in tables().items()}
    assert {name: made.get(name) for name in wanted} == wanted


def test_a_warehouse_of_an_older_program_is_brought_up_to_this_one(uri: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    begun_by_an_older_program(*uri, monkeypatch)
    with pytest.raises(Older, match="moorage migrate"):
        warehouse.reader(uri[0]).query("SELECT 1")
    clock = FrozenClock(at(3))
    wh = warehouse.open(uri[0], data_path=uri[1], memory="500MB", clock=clock)
    row = pl.DataFrame({"ts": [at(3)], "node": ["old"], "oom_kills_total": [4.0], "clock_offset_seconds": [0.25]})
    disk = pl.DataFrame({"ts": [at(3)], "node": ["old"], "mountpoint": ["/data"], "size_bytes": [10.0], "available_bytes": [4.0]})
    wh.append(at(3), "prometheus", {"node": entity_frame(NODE, row), "filesystem": entity_frame(FILESYSTEM, disk)})
    # nothing was known before, which is not zero
    told = wh.query("SELECT tick, oom_kills_total, clock_offset_seconds, evictions_total FROM node_sample ORDER BY tick")
    assert told.rows() == [(at(1), 1.0, None, None), (at(2), 2.0, None, None), (at(3), 4.0, 0.25, None)]
    assert wh.query("SELECT mountpoint, available_bytes FROM filesystem_sample").rows() == [("/data", 4.0)]
    wh.rollup(at(3) + 2 * HOUR)
    assert wh.query("SELECT sum(oom_kills_total_inc) FROM node_1h WHERE node = 'old'").item() == pytest.approx(3.0)
    assert wh.query("SELECT max(clock_offset_seconds_max) FROM node_1h").item() == 0.25
    wh.close()
    again = warehouse.open(uri[0], data_path=uri[1], memory="500MB", clock=clock)
    assert again.query("SELECT count(*) FROM node_sample").item() == 3
    again.close()


def test_a_step_that_fails_leaves_the_old_tables(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration is one transaction: what was altered before the failure is as it was, and the next start does it again."""
    address = str(tmp_path_factory.mktemp("old") / "w.duckdb")
    begun_by_an_older_program(address, "", monkeypatch)
    every = dict(migrate.available())
    broken = {**every, "0002_nodes": every["0002_nodes"] + "ALTER TABLE wh.nothing ADD COLUMN x DOUBLE;\n"}
    link = Connection(address, memory="500MB")
    with monkeypatch.context() as patched:
        patched.setattr(migrate, "available", lambda: broken)
        with pytest.raises(duckdb.Error, match="nothing"):
            migrate.migrate(link, T0)
    assert "clock_offset_seconds" not in columns(link)["node_samples"]
    assert "filesystems" not in columns(link)
    migrate.migrate(link, T0 + timedelta(minutes=1))
    assert "clock_offset_seconds" in columns(link)["node_samples"]
    link.close()
