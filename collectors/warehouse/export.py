"""A day as Parquet: for backups, hand-over, notebooks that read a lot, and the way to another version of DuckDB."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from collectors.warehouse.connection import Connection
from collectors.warehouse.errors import DiskFull, NotWritable
from collectors.warehouse.schema import DAY, Table, tables
from collectors.warehouse.times import floor, inside


def export(link: Connection, folder: Path, day: datetime) -> list[Path]:
    """One file per table: those with a time hold the day, the others everything. Each file is replaced as a whole."""
    since, made = floor(inside(day), DAY), []
    for table in tables().values():
        whole = table.day is None or not (table.partitioned or table.name == "ticks" or table.day == "tick")
        target = folder / table.name / ("all.parquet" if whole else f"day={since:%Y-%m-%d}.parquet")
        made.append(_write(link, _rows(table, None if whole else since), target))
    return made


def _rows(table: Table, since: datetime | None) -> str:
    order = f" ORDER BY {', '.join(table.order)}" if table.order else ""
    if since is None:
        return f"FROM wh.{table.name}{order}"
    until = since + timedelta(seconds=DAY)
    return f"FROM wh.{table.name} WHERE {table.day} >= TIMESTAMP '{since}' AND {table.day} < TIMESTAMP '{until}'{order}"


def _write(link: Connection, rows: str, target: Path) -> Path:
    """Written where SQL may write, then moved: a reader of the folder never sees half a file."""
    staged = link.staging / f"{uuid.uuid4().hex}.parquet"
    beside = target.with_name(f".{target.name}.{staged.stem}")
    cursor = link.cursor()
    try:
        staged.parent.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        cursor.execute(
            f"COPY ({rows}) TO '{str(staged).replace(chr(39), chr(39) * 2)}' (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2)"
        )
        shutil.move(staged, beside)
        os.replace(beside, target)
    except duckdb.Error as error:
        raise link.sentence(error) from error
    except OSError as error:
        if error.errno in (errno.EFBIG, errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                f"The disk of {target.parent} is full: the export was not finished. Free some space and run it again."
            ) from error
        raise NotWritable(f"{error.filename or target} cannot be written: {error.strerror}. Check the folder's owner.") from error
    finally:
        cursor.close()
        staged.unlink(missing_ok=True)
        beside.unlink(missing_ok=True)
    return target
