"""How the warehouse is: newest ticks, gaps, roll-up lag, sizes and days that wait for sorting."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from collectors.warehouse.connection import Connection
from collectors.warehouse.errors import shown
from collectors.warehouse.migrate import applied
from collectors.warehouse.times import outside


@dataclass(frozen=True, slots=True)
class SourceTicks:
    """What is stored of one source of one cluster; `rollup_lag_seconds` from its newest tick back to its newest finished window."""

    cluster: str
    source: str
    first: datetime
    newest: datetime
    ticks: int
    missing: int
    lost: int
    rolled_to: datetime | None
    rollup_lag_seconds: float | None


@dataclass(frozen=True, slots=True)
class TableSize:
    table: str
    rows: int


@dataclass(frozen=True, slots=True)
class WarehouseHealth:
    """`bytes` is what the file, or the catalogue's list of Parquet files, takes; None when it cannot be told."""

    uri: str
    schema: str
    sources: tuple[SourceTicks, ...]
    tables: tuple[TableSize, ...]
    bytes: int | None
    days_unsorted: int


@dataclass(frozen=True, slots=True)
class WarehouseSizes:
    """The part of `WarehouseHealth` that costs nothing to know."""

    tables: tuple[TableSize, ...]
    bytes: int | None
    days_unsorted: int


SOURCES = """
WITH told AS (SELECT cluster, source, min(tick) AS first, max(tick) AS newest, count(*)::INTEGER AS ticks,
    (count(*) FILTER (status = 'lost'))::INTEGER AS lost FROM wh.ticks WHERE NOT contains(source, ':') GROUP BY cluster, source),
missing AS (SELECT cluster, source, sum(ticks)::INTEGER AS n FROM memory.main.gap WHERE status = 'missing' GROUP BY cluster, source),
rolled AS (SELECT cluster, split_part(source, ':', 3) AS source, max(tick) AS upto FROM wh.ticks
    WHERE starts_with(source, 'roll:5m:') GROUP BY ALL)
SELECT t.cluster, t.source, first, newest, ticks, coalesce(m.n, 0), lost, upto
FROM told t LEFT JOIN missing m USING (cluster, source) LEFT JOIN rolled r USING (cluster, source) ORDER BY t.cluster, t.source"""


def measure(link: Connection, unsorted: int) -> WarehouseHealth:
    """Health as it is now; `unsorted` as the compaction counts it."""
    cursor = link.cursor()
    try:
        sources = []
        for cluster, source, first, newest, ticks, missing, lost, upto in cursor.execute(SOURCES).fetchall():
            lag = max(0.0, (newest - upto).total_seconds()) if upto else None
            rolled = outside(upto) if upto else None
            sources.append(SourceTicks(cluster, source, outside(first), outside(newest), ticks, missing, lost, rolled, lag))
        schema = max(applied(cursor), default="")
        sizes, size = _sizes(link, cursor)
        return WarehouseHealth(shown(link.uri), schema, tuple(sources), sizes, size, unsorted)
    except duckdb.Error as error:
        raise link.sentence(error) from error
    finally:
        cursor.close()


def weigh(link: Connection, unsorted: int) -> WarehouseSizes:
    """Sizes alone, without looking through the ticks."""
    cursor = link.cursor()
    try:
        return WarehouseSizes(*_sizes(link, cursor), unsorted)
    except duckdb.Error as error:
        raise link.sentence(error) from error
    finally:
        cursor.close()


def _sizes(link: Connection, cursor: duckdb.DuckDBPyConnection) -> tuple[tuple[TableSize, ...], int | None]:
    return _lake_sizes(cursor) if link.lake else _file_sizes(cursor, Path(link.base))


def _file_sizes(cursor: duckdb.DuckDBPyConnection, file: Path) -> tuple[tuple[TableSize, ...], int | None]:
    rows = cursor.execute(
        "SELECT table_name, estimated_size FROM duckdb_tables() WHERE database_name = 'wh' ORDER BY table_name"
    ).fetchall()
    parts = [p for p in (file, Path(f"{file}.wal")) if p.exists()]
    return tuple(TableSize(name, int(n or 0)) for name, n in rows), sum(p.stat().st_size for p in parts) if parts else None


def _lake_sizes(cursor: duckdb.DuckDBPyConnection) -> tuple[tuple[TableSize, ...], int | None]:
    names = [
        row[0] for row in cursor.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'wh' ORDER BY 1").fetchall()
    ]
    counts = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM wh.{name}" for name in names)
    rows = cursor.execute(counts).fetchall()
    total = cursor.execute("SELECT sum(file_size_bytes) + sum(delete_file_size_bytes) FROM ducklake_table_info('wh')").fetchone()
    return tuple(sorted((TableSize(n, int(c)) for n, c in rows), key=lambda t: t.table)), int(total[0] or 0) if total else None
