"""Files that were cut off or written over, at opening and under a running process: said to be damaged, by whatever notices it first."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from collectors import warehouse
from collectors.warehouse import Damaged, Warehouse
from collectors.warehouse.errors import translate
from models.domain.errors import Unavailable
from tests.warehouse.scenes import at, pods

BLOCK, HEAD = 262144, 12288
"""DuckDB's blocks, behind three headers of 4096 bytes."""

ASKED: dict[str, Callable[[Warehouse], object]] = {
    "samples": lambda wh: wh.query("SELECT * FROM pod_sample"),
    "windows": lambda wh: wh.query("SELECT * FROM pod_5m"),
    "stream": lambda wh: list(wh.stream("SELECT * FROM pod_sample")),
    "tick": lambda wh: wh.append(at(40), "prom", {"pod": pods(40, things=range(50))}),
    "late tick": lambda wh: wh.append(at(3), "prom", {"pod": pods(3, things=range(50))}),
    "gaps": lambda wh: wh.gaps(at(0), at(10), 60, "prom"),
    "health": lambda wh: wh.health(),
    "roll up": lambda wh: wh.rollup(at(60)),
    "compact": lambda wh: wh.compact(at(60 * 24 * 10)),
    "expire": lambda wh: wh.expire(at(60 * 24 * 100)),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A warehouse with several blocks of samples and windows."""
    path = tmp_path_factory.mktemp("whole") / "w.duckdb"
    wh = warehouse.open(str(path), threads=1, memory="500MB")
    for k in range(1, 12):
        wh.append(at(k), "prom", {"pod": pods(k, things=range(2000))})
    wh.rollup(at(11))
    wh.close()
    raw = path.read_bytes()
    assert len(raw) > HEAD + 4 * BLOCK
    return raw


def cut(path: Path, size: int) -> None:
    os.truncate(path, size)


def scribble(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(random.Random(offset).randbytes(5000))


def ask_everything(wh: Warehouse) -> set[str]:
    """What says that the file is damaged; anything else that it raises fails the test."""
    told = set()
    for name, ask in ASKED.items():
        try:
            ask(wh)
        except Damaged as error:
            told.add(name if "Move the file away and start again" in str(error) else str(error))
    assert told <= set(ASKED)
    return told


CUTS = [0, 100, 4096, 8192, HEAD, HEAD + BLOCK // 2, HEAD + BLOCK, HEAD + 2 * BLOCK + 17, -BLOCK, -1]
WRITTEN = [0, 4096, 8192, HEAD, HEAD + BLOCK, HEAD + 3 * BLOCK, -BLOCK]


@pytest.mark.parametrize("size", CUTS)
def test_a_file_that_was_cut_off_does_not_open(whole: bytes, tmp_path: Path, size: int) -> None:
    path = tmp_path / "w.duckdb"
    path.write_bytes(whole)
    cut(path, size if size >= 0 else len(whole) + size)
    with pytest.raises(Damaged, match="Move the file away and start again"):
        warehouse.open(str(path), threads=1, memory="500MB")


@pytest.mark.parametrize("offset", WRITTEN)
def test_a_file_that_was_written_over_is_said_to_be_damaged(whole: bytes, tmp_path: Path, offset: int) -> None:
    path = tmp_path / "w.duckdb"
    path.write_bytes(whole)
    scribble(path, offset if offset >= 0 else len(whole) + offset)
    try:
        wh = warehouse.open(str(path), threads=1, memory="500MB")
    except Damaged:
        return
    try:
        assert ask_everything(wh), "somebody has to notice"
    finally:
        wh.close()


@pytest.mark.parametrize("size", [0, 4096, HEAD, HEAD + BLOCK + 17, HEAD + 2 * BLOCK])
def test_a_file_that_is_cut_off_under_the_running_process(whole: bytes, tmp_path: Path, size: int) -> None:
    path = tmp_path / "w.duckdb"
    path.write_bytes(whole)
    wh = warehouse.open(str(path), threads=1, memory="500MB")
    try:
        cut(path, size)
        assert {"samples", "windows", "stream"} <= ask_everything(wh)
    finally:
        wh.close()


@pytest.mark.parametrize("offset", WRITTEN)
def test_a_file_that_is_written_over_under_the_running_process(whole: bytes, tmp_path: Path, offset: int) -> None:
    path = tmp_path / "w.duckdb"
    path.write_bytes(whole)
    wh = warehouse.open(str(path), threads=1, memory="500MB")
    try:
        scribble(path, offset if offset >= 0 else len(whole) + offset)
        ask_everything(wh)
    finally:
        wh.close()


def test_a_lake_whose_file_is_gone_or_cut_off_names_it(tmp_path: Path) -> None:
    uri = f"ducklake:sqlite:{tmp_path / 'w.sqlite'}"
    wh = warehouse.open(uri, threads=1, memory="500MB")
    wh.append(at(1), "prom", {"pod": pods(1)})
    (file,) = (tmp_path / "w.sqlite.files").rglob("pod_samples/**/*.parquet")
    kept = file.read_bytes()
    for left in (b"", kept[:20], kept[:-1]):
        file.write_bytes(left)
        with pytest.raises(Damaged, match=r"put the file back from a backup"):
            wh.query("SELECT * FROM pod_sample")
    file.unlink()
    with pytest.raises(Damaged, match=rf"(?s)is damaged: .*{file.name}.*put the file back from a backup"):
        wh.query("SELECT * FROM pod_sample")
    wh.close()
    file.write_bytes(kept)
    again = warehouse.open(uri, threads=1, memory="500MB")
    assert again.query("SELECT * FROM pod_sample").height == 5
    again.close()


LAKE = "ducklake:postgres:host=db password=secret dbname=wh"


@pytest.mark.parametrize(
    "error",
    [
        duckdb.BinderException(
            'Binder Error: Failed to get data file list from DuckLake: Failed to prepare query "SELECT 1": '
            "server closed the connection unexpectedly"
        ),
        duckdb.TransactionException('TransactionContext Error: Failed to commit: Failed to execute query "ROLLBACK": '),
        duckdb.IOException(
            'IO Error: Failed to execute query "SELECT 1": FATAL:  terminating connection due to administrator command'
        ),
        duckdb.Error('Failed to prepare COPY "COPY (SELECT 1) TO STDOUT": no connection to the server'),
    ],
)
def test_a_catalogue_that_went_away_in_the_middle_is_no_wrong_question(error: duckdb.Error) -> None:
    found = translate(error, LAKE)
    assert isinstance(found, Unavailable)
    assert "does not answer. Check that PostgreSQL runs" in str(found)
    assert "secret" not in str(found)


def test_what_nobody_has_seen_yet_is_a_sentence_too_and_a_wrong_question_is_none() -> None:
    found = translate(duckdb.IOException("IO Error: the moon is in the way"), "/data/w.duckdb")
    assert isinstance(found, Unavailable)
    assert "the moon is in the way" in str(found)
    assert translate(duckdb.BinderException('Binder Error: column "server closed the connection" not found'), LAKE) is None
    assert translate(duckdb.ParserException("Parser Error: syntax error at or near no space left"), LAKE) is None


def test_a_tick_whose_answer_was_lost_is_replaced_by_the_next_try(wh: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue that dies in a commit may have made it: the writer cannot know, and must not believe that nothing is there."""
    write = wh._link.write

    def lost(work: Callable[[duckdb.DuckDBPyConnection], object]) -> object:
        write(work)
        raise Unavailable("nobody answers")

    monkeypatch.setattr(wh._link, "write", lost)
    with pytest.raises(Unavailable):
        wh.append(at(1), "prom", {"pod": pods(1)})
    monkeypatch.setattr(wh._link, "write", write)
    wh.append(at(1), "prom", {"pod": pods(1)})
    assert wh.query("SELECT count(*) FROM tick").item() == 1
    assert wh.query("SELECT count(*) FROM pod_sample").item() == 5
    assert wh.query("SELECT count(*) FROM pod").item() == 5
