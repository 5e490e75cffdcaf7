"""A lost warehouse is put back from its exports: the same views, once, and nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from collectors import warehouse
from collectors.warehouse import Warehouse
from collectors.warehouse.dictionary import describe
from models.domain.errors import Invalid, NotFound
from tests.warehouse.scenes import DAY, T0, at, pods

VIEWS = sorted({doc.view for doc in describe()})
LAST = 2 * 24 * 60


def opened(uri: str, data_path: str = "") -> Warehouse:
    return warehouse.open(uri, data_path=data_path, threads=1, memory="500MB")


def told(wh: Warehouse) -> dict[str, pl.DataFrame]:
    return {view: wh.query(f"SELECT * FROM {view} ORDER BY ALL") for view in VIEWS}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, pl.DataFrame]]:
    """Two days of ticks with their windows, and business facts that changed; and what the views said."""
    folder = tmp_path_factory.mktemp("lost")
    wh = opened(str(folder / "w.duckdb"))
    for k in range(10, LAST, 30):
        wh.append(at(k), "prom", {"pod": pods(k, started=T0)})
    wh.heartbeat(at(1), "prom")
    for k, name in ((60, "Kopi Senja"), (600, "Kopi Fajar")):
        wh.publish("organization", pl.DataFrame({"organization_id": ["o1"], "name": [name]}), at(k))
    wh.rollup(T0 + 2 * DAY + DAY)
    seen = told(wh)
    for day in range(3):
        wh.export(folder / "export", T0 + day * DAY)
    wh.close()
    return folder / "export", seen


def test_views_are_equal_afterwards_and_the_same_again_changes_nothing(
    exported: tuple[Path, dict[str, pl.DataFrame]], uri: tuple[str, str]
) -> None:
    folder, seen = exported
    wh = opened(*uri)
    first = wh.refill(folder)
    assert {"2026-11-18", "2026-11-19"} <= set(first.days)
    for view, rows in told(wh).items():
        assert rows.equals(seen[view]), view
    again = wh.refill(folder)
    assert again.days == ()
    for view, rows in told(wh).items():
        assert rows.equals(seen[view]), view
    wh.append(at(LAST + 30), "prom", {"pod": pods(LAST + 30, started=T0)})
    assert wh.query("SELECT count(*) FROM pod").item() == 5, "what was put back is known to the writer"
    wh.close()


def test_a_day_of_which_the_warehouse_has_more_stays(exported: tuple[Path, dict[str, pl.DataFrame]], wh: Warehouse) -> None:
    folder, _ = exported
    for k in range(1, 61):
        wh.append(at(k), "prom", {"pod": pods(k, value=7.0)})
    wh.append(at(24 * 60 + 5), "prom", {"pod": pods(24 * 60 + 5, value=7.0)})
    done = wh.refill(folder)
    assert "2026-11-18" in done.left
    assert "2026-11-19" in done.days
    assert wh.query("SELECT count(*) FROM tick WHERE tick < '2026-11-19'").item() == 60
    assert wh.query("SELECT count(*) FROM tick WHERE tick = ?", [at(24 * 60 + 5)]).item() == 0, "its day was replaced as a whole"


def test_foreign_files_are_refused_before_anything_is_written(
    exported: tuple[Path, dict[str, pl.DataFrame]], wh: Warehouse, tmp_path: Path
) -> None:
    folder, _ = exported
    with pytest.raises(NotFound, match="has no folder ticks"):
        wh.refill(tmp_path)
    ticks = (folder / "ticks" / "day=2026-11-18.parquet").read_bytes()
    frame = pl.DataFrame({"colour": ["red"]})
    bad = {
        "cars/all.parquet": (frame, "there is no table cars"),
        "ticks/notes.parquet": (frame, "files are called"),
        "pods/all.parquet": (frame, "pods has no column colour"),
        "ticks/day=2026-11-20.parquet": (ticks, "holds rows of other days than 2026-11-20"),
        "events/day=2026-11-18.parquet": (b"no parquet", "cannot be read as Parquet"),
        "events/day=2026-11-21.parquet": (None, "is not whole"),
    }
    for name, (content, sentence) in bad.items():
        copy = tmp_path / name.replace("/", "_")
        (copy / "ticks").mkdir(parents=True)
        (copy / "ticks" / "day=2026-11-18.parquet").write_bytes(ticks)
        file = copy / name
        file.parent.mkdir(exist_ok=True)
        if isinstance(content, pl.DataFrame):
            content.write_parquet(file)
        elif content is not None:
            file.write_bytes(content)
        else:
            file.write_bytes((folder / "events" / "day=2026-11-18.parquet").read_bytes())
        with pytest.raises(Invalid, match=sentence):
            wh.refill(copy)
    assert wh.query("SELECT count(*) FROM tick").item() == 0
