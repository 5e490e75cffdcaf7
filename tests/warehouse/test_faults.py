"""What can go wrong outside: each has its own error with a sentence, and nothing that was stored is lost."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from collectors import warehouse
from collectors.warehouse import BadQuestion, Damaged, DiskFull, Edited, Locked, Newer, NotWritable, Warehouse
from models.domain.errors import Invalid
from tests.warehouse.scenes import at, pods


def filled(path: Path) -> str:
    opened = warehouse.open(str(path))
    for k in range(1, 4):
        opened.append(at(k), "prom", {"pod": pods(k)})
    opened.close()
    return str(path)


def fill(wh: Warehouse) -> None:
    for k in range(2, 40):
        wh.append(at(k), "prom", {"pod": pods(k, things=range(4000))})


def stored(path: str) -> int:
    opened = warehouse.open(path)
    try:
        return int(opened.query("SELECT count(*) FROM pod_sample").item())
    finally:
        opened.close()


def test_a_second_owner_is_told_who_has_it(tmp_path: Path) -> None:
    path = str(tmp_path / "w.duckdb")
    code = f"from collectors import warehouse; w = warehouse.open({path!r}); print('up', flush=True); input()"
    owner = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    assert owner.stdout.readline() == "up\n"
    with pytest.raises(Locked, match=rf"open in process {owner.pid}\. Stop that process") as caught:
        warehouse.open(path)
    assert caught.value.pid == owner.pid
    owner.communicate("\n")
    assert stored(path) == 0


def test_a_second_owner_of_a_sqlite_catalogue_is_refused(tmp_path: Path) -> None:
    uri = f"ducklake:sqlite:{tmp_path / 'w.sqlite'}"
    owner = warehouse.open(uri)
    with pytest.raises(Locked, match="Stop that process"):
        warehouse.open(uri)
    owner.close()


def test_a_file_that_is_no_warehouse(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    path.write_bytes(b"this is not a database\n" * 1000)
    with pytest.raises(Damaged, match="Move the file away and start again: a new one is begun"):
        warehouse.open(str(path))
    assert path.read_bytes().startswith(b"this is not")


def test_a_file_with_a_damaged_block(tmp_path: Path) -> None:
    path = Path(filled(tmp_path / "w.duckdb"))
    raw = bytearray(path.read_bytes())
    raw[12288:] = bytes(b ^ 0x5A for b in raw[12288:])
    path.write_bytes(raw)
    with pytest.raises(Damaged, match="damaged"):
        warehouse.open(str(path))


def test_a_warehouse_of_a_newer_program(tmp_path: Path) -> None:
    path = filled(tmp_path / "w.duckdb")
    con = duckdb.connect(path)
    con.execute("INSERT INTO schema_version VALUES ('0099_later', 'x', now()::TIMESTAMP)")
    con.close()
    with pytest.raises(Newer, match="0099_later"):
        warehouse.open(path)
    with pytest.raises(Newer, match="newer program"):
        warehouse.reader(path).query("SELECT 1")
    con = duckdb.connect(path)
    con.execute("DELETE FROM schema_version WHERE name = '0099_later'")
    con.close()
    assert stored(path) == 15


def test_a_migration_that_was_edited(tmp_path: Path) -> None:
    path = filled(tmp_path / "w.duckdb")
    con = duckdb.connect(path)
    con.execute("UPDATE schema_version SET sha = 'other'")
    con.close()
    with pytest.raises(Edited, match="Put the released file back"):
        warehouse.open(path)


def test_a_directory_that_cannot_be_written() -> None:
    with pytest.raises(NotWritable, match=r"/proc"):
        warehouse.open("/proc/moorage/w.duckdb")


def _fill(wh: warehouse.Warehouse) -> None:
    for k in range(2, 40):
        wh.append(at(k), "prom", {"pod": pods(k, things=range(4000))})


def test_a_full_disk_loses_nothing_and_the_next_write_works(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    wh = warehouse.open(str(path))
    wh.append(at(1), "prom", {"pod": pods(1)})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, before[1]))
        with pytest.raises(DiskFull, match="free some space"):
            _fill(wh)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)
    kept = wh.query("SELECT tick, n_rows, (SELECT count(*) FROM pod_sample s WHERE s.tick = t.tick) AS n FROM tick t ORDER BY tick")
    assert kept["tick"][0] == at(1)
    assert kept["n_rows"].to_list() == kept["n"].to_list()
    k = kept.height + 1
    wh.append(at(k), "prom", {"pod": pods(k, things=range(4000))})
    wh.append(at(k), "prom", {"pod": pods(k, things=range(4000))})
    wh.close()
    assert stored(str(path)) == int(kept["n"].sum()) + 4000


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM wh.ticks",
        "SELECT 1; DELETE FROM wh.ticks",
        "SELECT * FROM read_text('/etc/hostname')",
        "COPY wh.ticks TO '/tmp/x.parquet'",
        "ATTACH '/tmp/y.duckdb'",
        "SET memory_limit = '1TB'",
        "SELECT * FROM nowhere",
        "SELEC 1",
        "",
    ],
)
def test_questions_that_are_refused(wh: Warehouse, sql: str) -> None:
    wh.append(at(1), "prom", {"pod": pods(1)})
    with pytest.raises(BadQuestion):
        wh.query(sql)
    assert wh.query("SELECT count(*) FROM tick").item() == 1


def test_a_question_that_takes_too_long_is_stopped(wh: Warehouse) -> None:
    with pytest.raises(BadQuestion, match="took longer than"):
        list(wh.stream("SELECT sum(a.range * b.range) FROM range(10000000) a, range(1000000) b", max_seconds=0.2))
    assert wh.query("SELECT 1 AS one").item() == 1


def test_frames_that_are_wrong_leave_nothing(wh: Warehouse) -> None:
    good = pods(1)
    bad = [
        {"pod": good.drop("uid")},
        {"pod": good.with_columns(colour=good["uid"])},
        {"pod": good.with_columns(ts=good["ts"].dt.replace_time_zone(None))},
        {"pod": good.with_columns(memory_rss_bytes=good["uid"])},
        {"car": good},
    ]
    for frames in bad:
        with pytest.raises(Invalid):
            wh.append(at(1), "prom", frames)
    with pytest.raises(Invalid):
        wh.append(at(1).replace(tzinfo=None), "prom", {"pod": good})
    with pytest.raises(Invalid):
        wh.append(at(1), "roll:5m", {"pod": good})
    assert wh.query("SELECT count(*) FROM tick").item() == 0
    assert wh.query("SELECT count(*) FROM pod").item() == 0
