"""What every `ProbeSource` promises."""

from __future__ import annotations

from datetime import UTC, datetime

from collectors.entities import PROBE
from collectors.frames import record_schema
from collectors.sources.port import ProbeTarget
from tests.contract.conftest import Probing


def test_one_row_a_target_in_the_columns_of_the_record(probing: Probing) -> None:
    now = datetime.now(UTC)
    targets = [t for t in (probing.up, probing.down, ProbeTarget("http://", "odd")) if t]
    frame = probing.source.probe(targets, now)
    assert dict(frame.schema) == record_schema(PROBE)
    assert frame["address"].to_list() == [t.address for t in targets]
    assert frame["namespace"].to_list() == [t.namespace for t in targets]
    assert set(frame["ts"]) == {now}
    assert set(frame["outcome"]) <= {"up", "down", "unknown"}


def test_what_is_not_up_says_why(probing: Probing) -> None:
    row = probing.source.probe([probing.down], datetime.now(UTC)).row(0, named=True)
    assert row["outcome"] == "down"
    assert row["reason"].endswith(".")


def test_what_is_up_has_status_and_latency(probing: Probing) -> None:
    targets = [probing.up] if probing.up else []
    for row in probing.source.probe(targets, datetime.now(UTC)).iter_rows(named=True):
        assert row["outcome"] == "up"
        assert row["status"] == 200
        assert row["latency_seconds"] > 0
        assert row["reason"] == ""


def test_no_targets_no_rows(probing: Probing) -> None:
    frame = probing.source.probe([], datetime.now(UTC))
    assert frame.is_empty()
    assert dict(frame.schema) == record_schema(PROBE)
