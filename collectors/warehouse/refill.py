"""Exports put back: what `export` wrote, into a warehouse that was begun anew or that lacks days."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from collectors.entities import ENTITIES
from collectors.warehouse import marks
from collectors.warehouse.connection import Connection
from collectors.warehouse.dimensions import DIMENSIONS
from collectors.warehouse.schema import DAY, Table, id_column, plural, tables
from collectors.warehouse.times import inside
from models.domain.errors import Invalid, NotFound

COUNTED = f"""count(*) FILTER (NOT contains(source, ':') AND status = 'ok'), count(*) FILTER (source <> '{marks.RAW_DROPPED}')"""
"""Ticks that were collected, then all rows of `ticks`: marks of finished windows and of ticks that were given up are among them."""


@dataclass(frozen=True, slots=True)
class Refilled:
    """Days that were put back, and days that were left because the warehouse has as many of their ticks."""

    days: tuple[str, ...]
    left: tuple[str, ...]


def refill(link: Connection, folder: Path) -> Refilled:
    """Everything is looked at before anything is written; a day is written whole or not at all."""
    days, whole = _files(folder)
    done: list[str] = []
    left: list[str] = []
    with link.lock:
        for name, file in whole.items():
            with _within_reach(link, {name: file}) as staged:
                link.write(partial(_whole, table=tables()[name], file=staged[name]))
        for day in sorted(days):
            with _within_reach(link, days[day]) as staged:
                put = link.write(partial(_day, day=day, staged=staged))
            (done if put else left).append(day)
    return Refilled(tuple(done), tuple(left))


def _files(folder: Path) -> tuple[Mapping[str, Mapping[str, Path]], Mapping[str, Path]]:
    """Files of each day by table, and files of whole tables; Invalid names the first that no export of this program wrote."""
    if not (folder / "ticks").is_dir():
        raise NotFound(
            f"There is no export in {folder}: it has no folder ticks. Name the folder that `moorage warehouse export` wrote."
        )
    days: dict[str, dict[str, Path]] = {}
    whole: dict[str, Path] = {}
    known = tables()
    for file in sorted(folder.glob("*/*.parquet")):
        name = file.parent.name
        if file.name.startswith("."):
            continue
        if name not in known:
            raise Invalid(
                f"{file} is not of this warehouse: there is no table {name}. Take it away, or use a newer program.", field="folder"
            )
        found = re.fullmatch(r"day=(\d{4}-\d{2}-\d{2})\.parquet", file.name)
        if not found and file.name != "all.parquet":
            raise Invalid(f"{file} is no export: files are called all.parquet or day=2026-11-22.parquet.", field="folder")
        _checked(file, known[name], found.group(1) if found else None)
        if found:
            days.setdefault(found.group(1), {})[name] = file
        else:
            whole[name] = file
    for day, files in days.items():
        if "ticks" not in files:
            raise Invalid(f"The export of {day} in {folder} is not whole: ticks/day={day}.parquet is missing.", field="folder")
    return days, whole


def _checked(file: Path, table: Table, day: str | None) -> None:
    """A column that the export does not have yet stays empty; one that this program does not know means a newer program."""
    try:
        parquet = pq.ParquetFile(file)
        names = parquet.schema_arrow.names
    except (pa.ArrowException, OSError) as error:
        raise Invalid(f"{file} cannot be read as Parquet: {str(error).splitlines()[0]}", field="folder") from error
    strange = sorted(set(names) - {name for name, _ in table.columns})
    if strange or not names:
        raise Invalid(
            f"{file} is not of this warehouse: {table.name} has no column {', '.join(strange) or 'at all'}. "
            "A foreign file, or one of a newer program.",
            field="folder",
        )
    if day is None or table.day is None:
        return
    since = inside(datetime.fromisoformat(day).replace(tzinfo=UTC))
    at = names.index(table.day) if table.day in names else -1
    for group in range(parquet.metadata.num_row_groups if at >= 0 else 0):
        told = parquet.metadata.row_group(group).column(at).statistics
        if told is not None and told.has_min_max and not (since <= told.min and told.max < since + timedelta(seconds=DAY)):
            raise Invalid(f"{file} holds rows of other days than {day}.", field="folder")


@contextmanager
def _within_reach(link: Connection, files: Mapping[str, Path]) -> Iterator[Mapping[str, str]]:
    """Copies in the folder that SQL may read; taken away afterwards."""
    link.staging.mkdir(parents=True, exist_ok=True)
    staged = {name: link.staging / f"{uuid.uuid4().hex}.parquet" for name in files}
    try:
        for name, file in files.items():
            shutil.copyfile(file, staged[name])
        yield {name: "'" + str(path).replace("'", "''") + "'" for name, path in staged.items()}
    finally:
        for path in staged.values():
            path.unlink(missing_ok=True)


def _day(con: duckdb.DuckDBPyConnection, day: str, staged: Mapping[str, str]) -> bool:
    """Whether the day was put back: of a day that is there the one with more ticks stays."""
    since = inside(datetime.fromisoformat(day).replace(tzinfo=UTC))
    span = [since, since + timedelta(seconds=DAY)]
    have = con.execute(f"SELECT {COUNTED} FROM wh.ticks WHERE tick >= ? AND tick < ?", span).fetchone()
    told = con.execute(f"SELECT {COUNTED} FROM read_parquet({staged['ticks']})").fetchone()
    if have and told and have >= told:
        return False
    for name, file in staged.items():
        table = tables()[name]
        con.execute(f"DELETE FROM wh.{name} WHERE {table.day} >= ? AND {table.day} < ?", span)
        which = f" WHERE source <> '{marks.RAW_DROPPED}'" if name == "ticks" else ""
        con.execute(f"INSERT INTO wh.{name} BY NAME SELECT * FROM read_parquet({file}){which}")
    return True


def _whole(con: duckdb.DuckDBPyConnection, table: Table, file: str) -> None:
    """Things that are not there are added, those that are were seen as early as either says. Business facts are taken while the
    warehouse has no history of its own: the next publication brings them up to the present."""
    for entity in ENTITIES.values():
        if table.name == plural(entity.name):
            key = id_column(entity)
            con.execute(
                f"UPDATE wh.{table.name} SET first_seen = least(wh.{table.name}.first_seen, f.first_seen) "
                f"FROM read_parquet({file}) f WHERE f.{key} = wh.{table.name}.{key}"
            )
            con.execute(
                f"INSERT INTO wh.{table.name} BY NAME SELECT f.* FROM read_parquet({file}) f ANTI JOIN wh.{table.name} USING ({key})"
            )
            return
    if any(table.name == plural(name) for name in DIMENSIONS):
        own = con.execute(f"SELECT count(*) FROM wh.{table.name} WHERE valid_to IS NOT NULL").fetchone()
        if own and own[0] == 0:
            con.execute(f"DELETE FROM wh.{table.name}")
            con.execute(f"INSERT INTO wh.{table.name} BY NAME SELECT * FROM read_parquet({file})")
