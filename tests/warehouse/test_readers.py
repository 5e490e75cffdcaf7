"""Reading from another process: through the owner while it lives, from the file itself when it does not."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from collectors import warehouse
from collectors.warehouse import BadQuestion, Locked, Warehouse, announcement, connection
from models.domain.errors import PlatformError
from tests.warehouse.scenes import at, pods


@pytest.fixture
def served(wh: Warehouse) -> Iterator[str]:
    """Address of a server that answers as the loopback route of the portal does."""

    class Route(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not wh.check_token(self.headers.get("Authorization")):
                return self.told(401, "unauthenticated", "The token is old.")
            try:
                chunks = list(wh.answer(body))
            except PlatformError as error:
                return self.told(400, error.code, str(error))
            self.send_response(200)
            self.end_headers()
            for chunk in chunks:
                self.wfile.write(chunk)
            return None

        def told(self, status: int, code: str, message: str) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps({"code": code, "message": message}).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Route)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.loopback
def test_a_reader_asks_the_owner_then_the_file(wh: Warehouse, served: str, tmp_path: Path) -> None:
    path = str(tmp_path / "w.duckdb")
    side = Path(path + ".reader.json")
    wh.append(at(1), "prom", {"pod": pods(1)})
    wh.announce(served)
    assert side.stat().st_mode & 0o777 == 0o600
    reader = warehouse.reader(path)
    frame = reader.query(
        "SELECT tick, uid FROM pod_sample WHERE ts > ? AND uid IN (SELECT unnest(?)) ORDER BY uid", [at(0), ["uid-1", "uid-4"]]
    )
    assert frame.rows() == [(at(1), "uid-1"), (at(1), "uid-4")]
    wh.append(at(2), "prom", {"pod": pods(2)})
    assert reader.query("SELECT count(*) FROM pod_sample WHERE tick = $at", {"at": at(2)}).item() == 5
    for bad in ("DELETE FROM wh.ticks", "SELECT * FROM nowhere", "SELECT * FROM read_text('/etc/hostname')"):
        with pytest.raises(BadQuestion):
            reader.query(bad)
    left = side.read_text()
    wh.close()
    assert not side.exists()
    side.write_text(left)  # as if the owner had been killed
    assert reader.query("SELECT count(*) FROM pod_sample").item() == 10


def test_a_token_is_needed(wh: Warehouse) -> None:
    assert not wh.check_token("Bearer ")
    wh.announce("http://127.0.0.1:1/")
    assert not wh.check_token(None)
    assert not wh.check_token("Bearer wrong")


def test_an_owner_that_serves_nobody_is_named(wh: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.warehouse.readers.WAITS", (0.0, 0.0))
    with pytest.raises(Locked, match="open in"):
        warehouse.reader(str(tmp_path / "w.duckdb")).query("SELECT 1")


def test_other_processes_look_where_the_owner_announces_itself(uri: tuple[str, str]) -> None:
    address, data_path = uri
    opened = warehouse.open(address, data_path=data_path)
    try:
        opened.announce("http://127.0.0.1:1/")
        place = announcement.place(address, data_path)
        assert place is not None
        told = announcement.read(place)
        assert told is not None
        assert told.url == "http://127.0.0.1:1/"
    finally:
        opened.close()
    assert not place.exists()


def test_a_lake_in_a_bucket_has_no_place_for_an_announcement() -> None:
    assert announcement.place("ducklake:postgres:dbname=lake", "s3://bucket/lake/") is None
    assert announcement.place("ducklake:postgres:dbname=lake", "") is None


def durations(frame: pl.DataFrame) -> list[timedelta | None]:
    return frame["took"].to_list()


INTERVALS = "SELECT unnest([INTERVAL 90 MINUTE, INTERVAL 1 MONTH, INTERVAL '-1' DAY, NULL]) AS took"
EXPECTED = [timedelta(minutes=90), timedelta(days=30), timedelta(days=-1), None]


@pytest.mark.loopback
def test_intervals_are_answered_as_durations(wh: Warehouse, served: str, tmp_path: Path) -> None:
    wh.append(at(1), "prom", {"pod": pods(1)})
    assert durations(wh.query(INTERVALS)) == EXPECTED
    assert wh.query("SELECT max(tick) - min(tick) AS took FROM tick")["took"].to_list() == [timedelta(0)]
    wh.announce(served)
    assert durations(warehouse.reader(str(tmp_path / "w.duckdb")).query(INTERVALS)) == EXPECTED
    assert wh.query(f"SELECT took FROM ({INTERVALS}) WHERE false").schema == {"took": pl.Duration("us")}


ODD = (
    "SELECT 1 AS a, 2 AS a, 3 AS a_1, TIMESTAMP '2026-11-20' AS at, TIMESTAMP_NS '2026-11-20 00:00:00.000000001' AS fine, "
    "'2026-11-20 07:00:00+07'::TIMESTAMPTZ AS zoned, NULL::TIMESTAMP AS never"
)


@pytest.mark.loopback
def test_names_that_occur_twice_and_times_of_every_kind(wh: Warehouse, served: str, tmp_path: Path) -> None:
    wh.announce(served)
    for ask in (wh.query, warehouse.reader(str(tmp_path / "w.duckdb")).query):
        frame = ask(ODD)
        assert frame.columns == ["a", "a_2", "a_1", "at", "fine", "zoned", "never"]
        assert frame.row(0) == (1, 2, 3, *[datetime(2026, 11, 20, tzinfo=UTC)] * 3, None)
        assert set(frame.dtypes[3:]) == {pl.Datetime("us", "UTC")}


def test_readings_are_the_samples_by_number(wh: Warehouse) -> None:
    wh.append(at(1), "prom", {"pod": pods(1)})
    wh.append(at(2), "prom", {"pod": pods(2)})
    rows = "SELECT cluster, tick, source, ts, pod_id, memory_working_set_bytes FROM {} ORDER BY pod_id, tick"
    readings = wh.query(rows.format("pod_reading"))
    assert readings.height == 10
    assert readings.equals(wh.query(rows.format("pod_sample")))


def test_intervals_inside_lists_are_a_wrong_question(wh: Warehouse) -> None:
    for sql in ("SELECT [INTERVAL 1 DAY] AS a", "SELECT {'a': INTERVAL 1 DAY} AS a"):
        with pytest.raises(BadQuestion, match="VARCHAR"):
            wh.query(sql)


def test_a_question_that_spills_too_much_is_stopped_and_ticks_are_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SPILL", "8MB")
    opened = warehouse.open(str(tmp_path / "w.duckdb"), memory="60MB", threads=1)
    try:
        with pytest.raises(BadQuestion, match="memory"):
            opened.query("SELECT count(*) FROM (SELECT DISTINCT md5(i::VARCHAR) || md5((i + 1)::VARCHAR) FROM range(3000000) t(i))")
        opened.append(at(1), "prom", {"pod": pods(1)})
        assert opened.query("SELECT count(*) AS n FROM tick")["n"].to_list() == [1]
    finally:
        opened.close()
