"""A question from outside reads the documented views and nothing that lies beside them."""

from __future__ import annotations

import re

import duckdb
import psycopg
import pytest

from collectors import warehouse
from collectors.warehouse.confinement import SYSTEM, confined
from collectors.warehouse.errors import BadQuestion
from models.domain.clock import FrozenClock
from tests.warehouse.scenes import T0

BESIDE = [
    "SELECT * FROM wh.ticks",
    "SELECT * FROM wh.main.ticks",
    "SELECT (SELECT max(tick) FROM wh.ticks)",
    "SELECT EXISTS (FROM wh.ticks)",
    "WITH a AS (FROM wh.ticks) FROM a",
    'FROM __ducklake_metadata_wh.public."user"',
    "SELECT * FROM postgres_query('__ducklake_metadata_wh', 'SELECT 1')",
    "SELECT * FROM postgres_execute('__ducklake_metadata_wh', 'DROP TABLE session')",
    "SELECT * FROM sqlite_query('__ducklake_metadata_wh', 'SELECT 1')",
    "SELECT * FROM ducklake_expire_snapshots('wh', older_than => now())",
    "SELECT * FROM ducklake_set_option('wh', 'parquet_compression', 'zstd')",
    "SELECT * FROM ducklake_cleanup_old_files('wh', cleanup_all => true)",
    "SELECT * FROM force_checkpoint('wh')",
    "SELECT * FROM enable_logging('QueryLog')",
    "SELECT path FROM duckdb_databases()",
    "SELECT path FROM duckdb_databases",
    "FROM duckdb_databases, (WITH duckdb_databases AS (SELECT 1) FROM duckdb_databases)",
    "FROM information_schema.tables",
    "FROM pg_catalog.pg_tables",
    "FROM sqlite_master",
    "FROM query_table('wh.ticks')",
    "FROM query('FROM wh.ticks')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('FROM wh.ticks'))",
    "SELECT * FROM read_text('/etc/hostname')",
    "FROM 'samples.parquet'",
    "SHOW DATABASES",
    "SELECT * FROM (SHOW ALL TABLES)",
    "DESCRIBE wh.ticks",
    "SELECT current_setting('temp_directory')",
    "SELECT write_log('here')",
]
WITHIN = [
    "SELECT node, count(*) FROM pod GROUP BY node",
    "SELECT * FROM memory.main.pod",
    "FROM Pod_5M WHERE cluster = $cluster AND list_contains($namespaces::VARCHAR[], namespace)",
    "WITH a AS (FROM pod), b AS (FROM a) SELECT * FROM b JOIN range(3) r ON true, unnest([1, 2]) u",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) FROM r",
    "SELECT p.uid, s.cpu FROM pod p, LATERAL (SELECT sum(cpu_usage_seconds_total_inc) AS cpu FROM pod_5m w WHERE w.uid = p.uid) s",
    "PIVOT pod ON node IN ('node-1') USING count(*)",
    "DESCRIBE pod",
    "SUMMARIZE SELECT * FROM pod_1h",
    "VALUES (1), (2)",
    "SELECT 1;",
]


@pytest.mark.parametrize("sql", BESIDE)
def test_what_lies_beside_the_views_is_refused(sql: str) -> None:
    with pytest.raises(BadQuestion):
        confined(sql)


@pytest.mark.parametrize("sql", WITHIN)
def test_what_analysts_write_is_answered(sql: str) -> None:
    confined(sql)


def test_no_view_of_the_database_itself_can_be_hidden_behind() -> None:
    """The prefixes cover every name that an unqualified table could mean beside ours."""
    rows = (
        duckdb.connect().execute("SELECT DISTINCT view_name FROM duckdb_views() WHERE internal AND schema_name = 'main'").fetchall()
    )
    assert rows
    assert [name for (name,) in rows if not name.startswith(SYSTEM)] == []


def test_questions_of_others_are_confined_in_every_form(uri: tuple[str, str]) -> None:
    """Also where the catalogue's PostgreSQL holds other tables, such as the platform's own store."""
    address, data_path = uri
    wh = warehouse.open(address, data_path=data_path, memory="500MB", threads=1, clock=FrozenClock(T0))
    try:
        if address.startswith("ducklake:postgres:"):
            with psycopg.connect(re.sub("^ducklake:postgres:", "", address), autocommit=True) as beside:
                beside.execute("CREATE TABLE account (password_hash text)")
            assert wh.query("SELECT count(*) FROM __ducklake_metadata_wh.public.account").item() == 0, "it is within reach"
            with pytest.raises(BadQuestion, match="no view"):
                list(wh.stream("SELECT * FROM __ducklake_metadata_wh.public.account"))
        with pytest.raises(BadQuestion, match=r"no view wh\.ticks"):
            list(wh.stream("SELECT * FROM wh.ticks"))
        assert list(wh.stream("SELECT count(*) FROM tick"))
    finally:
        wh.close()
