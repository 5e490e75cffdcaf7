"""When a machine is in trouble: at each limit on both sides of it, and never for what is not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.domain.cluster import Snapshot
from models.domain.trouble import find
from models.domain.trouble_machines import FilesystemUse, MachineUse, of_machines
from models.domain.trouble_shapes import Kind, Severity, Trouble

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR, DAY = 3600.0, 86400.0
LOW, HIGH, INFO = Severity.WARNING, Severity.CRITICAL, Severity.INFO


def told(**known: Any) -> list[Trouble]:
    return list(of_machines([MachineUse("node-1", seconds=HOUR, **known)]))


def on_disk(**known: Any) -> list[Trouble]:
    return told(filesystems=(FilesystemUse("/data", **known),))


def test_what_is_not_known_is_no_trouble() -> None:
    assert list(of_machines([MachineUse("node-1"), MachineUse("node-2", filesystems=(FilesystemUse("/"),))])) == []


@pytest.mark.parametrize(("free", "severity"), [(10.1, None), (9.9, LOW), (3.1, LOW), (2.9, HIGH), (0.0, HIGH)])
def test_a_file_system_that_is_nearly_full(free: float, severity: Severity | None) -> None:
    found = on_disk(size_bytes=100.0, available_bytes=free)
    assert [(one.kind, one.severity) for one in found] == ([(Kind.FILESYSTEM_FILLING, severity)] if severity else [])
    for one in found:
        assert (one.subject, one.name) == ("node:node-1", "node-1")
        assert "/data" in one.reason
        assert "space" in one.reason


@pytest.mark.parametrize(("free", "severity"), [(51.0, None), (49.0, LOW), (29.0, HIGH)])
def test_a_file_system_whose_inodes_are_nearly_gone(free: float, severity: Severity | None) -> None:
    found = on_disk(size_bytes=100.0, available_bytes=90.0, inodes=1000.0, inodes_free=free)
    assert [(one.kind, one.severity) for one in found] == ([(Kind.FILESYSTEM_FILLING, severity)] if severity else [])
    assert all("inodes" in one.reason for one in found)


def test_a_file_system_that_took_writes_and_does_not_any_more() -> None:
    then = NOW - timedelta(hours=3)
    (found,) = on_disk(read_only=True, wrote_until=then)
    assert (found.kind, found.severity, found.since) == (Kind.FILESYSTEM_READ_ONLY, HIGH, then)
    assert on_disk(read_only=True) == [], "one that never took writes may be meant so"
    assert on_disk(read_only=True, size_bytes=100.0, available_bytes=0.0) == [], "an image is always full"
    assert on_disk(read_only=False, wrote_until=then) == []


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"clock_offset_seconds": 0.05}, None),
        ({"clock_offset_seconds": 0.051}, (Kind.CLOCK_OFF, LOW)),
        ({"clock_offset_seconds": 0.0, "clock_synced": False}, (Kind.CLOCK_OFF, INFO)),
        ({"clock_offset_seconds": 3.0, "clock_synced": False}, (Kind.CLOCK_OFF, LOW)),
        ({"clock_synced": True}, None),
        ({"conntrack_entries": 75.0, "conntrack_limit": 100.0}, None),
        ({"conntrack_entries": 76.0, "conntrack_limit": 100.0}, (Kind.CONNECTIONS_FULL, LOW)),
        ({"conntrack_entries": 76.0, "conntrack_limit": 0.0}, None),
        ({"certificate_seconds": 7 * DAY}, None),
        ({"certificate_seconds": 6.9 * DAY}, (Kind.CERTIFICATE_ENDING, LOW)),
        ({"certificate_seconds": 0.9 * DAY}, (Kind.CERTIFICATE_ENDING, HIGH)),
        ({"certificate_seconds": -5.0}, (Kind.CERTIFICATE_ENDING, HIGH)),
        ({"evictions": 0.0}, None),
        ({"evictions": 1.0}, (Kind.EVICTIONS, LOW)),
        ({"relists": 3600.0, "relists_over_10s": 36.0}, None),
        ({"relists": 3600.0, "relists_over_10s": 37.0}, (Kind.KUBELET_SLOW, LOW)),
        ({"relists": 0.0, "relists_over_10s": 0.0}, None),
        ({"running_pods": 104.0, "pods_limit": 110}, None),
        ({"running_pods": 105.0, "pods_limit": 110}, (Kind.NODE_FULL, INFO)),
        ({"running_pods": 105.0, "pods_limit": None}, None),
        ({"drops": 3599.0, "network_bytes": 0.0}, None),
        ({"drops": 3601.0, "network_bytes": 1500.0 * 360_200}, None),
        ({"drops": 3601.0, "network_bytes": 1500.0 * 360_000}, (Kind.NETWORK_FAULTS, LOW)),
        ({"errors": 3601.0, "network_bytes": 1500.0 * 360_000}, (Kind.NETWORK_FAULTS, LOW)),
        ({"errors": 3601.0, "network_bytes": None}, (Kind.NETWORK_FAULTS, LOW)),
        ({"page_faults": 500 * HOUR}, None),
        ({"page_faults": 501 * HOUR}, (Kind.MEMORY_THRASHING, LOW)),
        ({"disk_wait_seconds": 10 * HOUR}, None),
        ({"disk_wait_seconds": 10.1 * HOUR}, (Kind.DISK_SATURATED, LOW)),
    ],
)  # fmt: skip
def test_each_limit(known: dict[str, Any], expected: tuple[Kind, Severity] | None) -> None:
    assert [(one.kind, one.severity) for one in told(**known)] == ([expected] if expected else [])


def test_counters_of_no_time_at_all_are_no_rate() -> None:
    counted = {"drops": 9e9, "errors": 9e9, "page_faults": 9e9, "disk_wait_seconds": 9e9}
    assert list(of_machines([MachineUse("node-1", seconds=0.0, **counted)])) == []


def test_they_stand_in_the_list_by_severity_and_kind() -> None:
    snapshot = Snapshot("c", NOW, {}, {})
    full = FilesystemUse("/", size_bytes=100.0, available_bytes=1.0)
    one = MachineUse("node-1", filesystems=(full,), clock_offset_seconds=1.0, running_pods=110.0, pods_limit=110, evictions=2.0)
    two = replace(one, node="node-2", filesystems=(), running_pods=None, evictions=None)
    found = find(snapshot, NOW, owners={}, machines=[two, one])
    assert [(t.kind, t.name) for t in found] == [
        (Kind.FILESYSTEM_FILLING, "node-1"),
        (Kind.EVICTIONS, "node-1"),
        (Kind.CLOCK_OFF, "node-1"),
        (Kind.CLOCK_OFF, "node-2"),
        (Kind.NODE_FULL, "node-1"),
    ]
