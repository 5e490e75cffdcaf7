"""What every `InventorySource` promises."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from collectors.entities import RECORDS
from collectors.frames import record_schema
from collectors.sources.port import InventorySource
from models.domain.cluster import Snapshot
from models.domain.errors import Unavailable


def started(inventory: InventorySource) -> Snapshot:
    """Its first snapshot, within seconds."""
    inventory.start()
    for _ in range(200):
        try:
            return inventory.snapshot()
        except Unavailable:
            time.sleep(0.1)
    return inventory.snapshot()


def test_it_knows_nothing_before_it_is_started(inventory: InventorySource) -> None:
    with pytest.raises(Unavailable):
        inventory.snapshot()


def test_the_snapshot_is_whole_and_consistent(inventory: InventorySource) -> None:
    seen = started(inventory)
    assert seen.stale_since is None
    assert seen.as_of.tzinfo is not None
    assert len(seen.nodes) >= 3
    assert len(seen.pods) > 10
    for uid, pod in seen.pods.items():
        assert pod.uid == uid
        assert pod.node is None or pod.node in seen.nodes
        assert pod.containers
    for name, node in seen.nodes.items():
        assert node.name == name
        assert 0 < node.allocatable.cpu <= node.capacity.cpu
        assert 0 < node.allocatable.memory <= node.capacity.memory


def test_changes_are_repeated_until_they_are_acknowledged(inventory: InventorySource) -> None:
    seen = started(inventory)
    known = set(seen.pods) - {u for u, p in seen.pods.items() if not p.containers}
    first = inventory.changes(datetime.now(UTC))
    for _ in range(100):  # what is seen already may be told a moment later
        if set(first.frames["pod_state"]["uid"]) >= known:
            break
        time.sleep(0.1)
        first = inventory.changes(datetime.now(UTC))
    assert set(first.frames["pod_state"]["uid"]) >= known
    again = inventory.changes(datetime.now(UTC))
    assert set(again.frames["pod_state"]["uid"]) >= set(first.frames["pod_state"]["uid"])
    inventory.acknowledge(again)
    rest = inventory.changes(datetime.now(UTC))
    assert rest.frames["pod_state"].height < first.frames["pod_state"].height


def test_frames_have_the_columns_of_their_record(inventory: InventorySource) -> None:
    started(inventory)
    frames = inventory.changes(datetime.now(UTC)).frames
    assert set(frames) == {"event", "pod_state", "node_state"}
    for name, frame in frames.items():
        assert dict(frame.schema) == record_schema(RECORDS[name])
        assert frame["ts"].null_count() == 0


def test_starting_twice_and_reading_anew_change_nothing(inventory: InventorySource) -> None:
    before = started(inventory)
    inventory.start()
    inventory.resync()
    assert set(started(inventory).nodes) == set(before.nodes)
    assert all(f.message for f in inventory.findings())


def test_it_stops_within_two_seconds(inventory: InventorySource) -> None:
    started(inventory)
    began = time.monotonic()
    inventory.stop()
    inventory.stop()
    assert time.monotonic() - began < 4.0, "two stops"
