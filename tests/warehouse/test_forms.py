"""The same story in every form: DuckDB file, DuckLake with SQLite, DuckLake with PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from collectors import warehouse
from collectors.warehouse import BadQuestion
from models.domain.clock import FrozenClock
from tests.warehouse.scenes import CPU, DAY, T0, at, pods


def test_append_replace_roll_up_compact_expire_export_publish_and_read(uri: tuple[str, str], tmp_path: Path) -> None:
    address, data_path = uri
    wh = warehouse.open(address, data_path=data_path, memory="500MB", clock=FrozenClock(T0))
    for k in (1, 2, 3, 4, 6, 7):
        assert wh.append(at(k), "prom", {"pod": pods(k), "node": pl.DataFrame()}) == 5
    assert wh.gaps(T0, at(7), 60, "prom") == [(at(4), at(5))]
    assert wh.rollup(at(7)) == 1
    late = pods(5, value=1.0)
    wh.append(at(5), "prom", {"pod": late})
    wh.append(at(5), "prom", {"pod": pods(5)})
    assert wh.gaps(T0, at(7), 60, "prom") == []
    assert wh.rollup(at(7)) == 1
    assert wh.query(f"SELECT sum({CPU}_inc) / 5 AS inc FROM pod_5m WHERE t = ?", [at(5)]).item() == pytest.approx(270.0)
    wh.heartbeat(at(8), "prom")
    assert wh.gaps(T0, at(8), 60, "prom") == []

    before = wh.query("SELECT * FROM pod_sample ORDER BY ts, uid")
    assert wh.compact(T0 + DAY) > 0
    assert wh.compact(T0 + DAY) == 0
    assert wh.query("SELECT * FROM pod_sample ORDER BY ts, uid").equals(before)
    files = wh.export(tmp_path / "out", T0)
    assert pl.read_parquet(tmp_path / "out/pod_samples/day=2026-11-18.parquet").height == 35
    assert {f.parent.name for f in files} >= {"pods", "ticks", "pod_roll5m", "pod_roll1h", "organizations"}

    owners = pl.DataFrame({"cluster": ["default"], "namespace": ["ns0"], "organization_id": ["o1"]})
    assert wh.publish("ownership", owners, at(60)) == 1
    assert wh.publish("ownership", owners, at(61)) == 0
    owned = wh.query(
        "SELECT DISTINCT p.namespace, o.organization_id FROM pod_sample p LEFT JOIN ownership o ON o.cluster = p.cluster "
        "AND o.namespace = p.namespace AND o.valid_from <= p.ts + INTERVAL 1 MINUTE "
        "AND (o.valid_to IS NULL OR p.ts < o.valid_to) ORDER BY 1"
    )
    assert owned.rows() == [("ns0", "o1"), ("ns1", None), ("ns2", None)]
    health = wh.health()
    assert (health.sources[0].source, health.sources[0].ticks, health.sources[0].lost) == ("prom", 8, 1)
    assert health.bytes
    with pytest.raises(BadQuestion):
        wh.query("DELETE FROM wh.ticks")
    with pytest.raises(BadQuestion):
        wh.query("SELECT * FROM read_text('/etc/hostname')")
    wh.close()

    other = warehouse.reader(address)
    assert other.query("SELECT count(*) FROM pod_sample WHERE ts > ?", [at(3)]).item() == 20
    other.close()
    wh = warehouse.open(address, data_path=data_path, memory="500MB", clock=FrozenClock(T0))
    wh.append(at(9), "prom", {"pod": pods(9)})
    wh.expire(T0 + 2 * DAY, raw_days=1, five_minute_days=400)
    assert wh.query("SELECT count(*) FROM pod_sample").item() == 0
    assert wh.query(f"SELECT sum({CPU}_inc) / 5 AS inc FROM pod_1h").item() == pytest.approx(480.0)
    wh.close()
