"""What machines tell reaches the trouble list and the page of the node; what they do not tell stays unknown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from app.context import Context
from app.services import cluster, directory, findings, machines
from collectors.entities import FILESYSTEM, NODE
from collectors.frames import entity_frame
from collectors.latest import Latest
from collectors.warehouse import Warehouse
from models.domain.access import StaffRole
from models.domain.trouble import Kind, Severity
from models.store.session import Store
from tests.services import running
from tests.services.running import NOW, a_snapshot
from tests.stories import a_staff_member

STEP = timedelta(minutes=5)
LAST = NOW.replace(minute=NOW.minute // 5 * 5, second=0, microsecond=0)
COUNTED: dict[str, tuple[float, float]] = {
    "evictions_total_inc": (0.5, 0.0),
    "network_receive_drops_total_inc": (600.0, 0.0),
    "network_receive_bytes_total_inc": (3e6, 3e6),
    "network_transmit_bytes_total_inc": (3e6, 3e6),
}
"""In each window, on node-1 and on node-2."""


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """Two hours of windows: in the older of them node-1 had a hundred evictions, and /data took writes until an hour ago."""
    nodes, disks = [], []
    for n in range(24):
        t = LAST - STEP * n
        old = n >= 13
        for i, name in enumerate(("node-1", "node-2")):
            values = {key: pair[i] for key, pair in COUNTED.items()} | ({"evictions_total_inc": 100.0} if old else {})
            nodes.append({"t": t, "node": name, "n": 10, "covered_ms": 300_000, **values})
        shut = 0.0 if old else 1.0
        disks.append({"t": t, "node": "node-1", "mountpoint": "/data", "n": 10, "covered_ms": 300_000, "read_only_avg": shut})
        disks.append({"t": t, "node": "node-1", "mountpoint": "/usr", "n": 10, "covered_ms": 300_000, "read_only_avg": 1.0})
    kinds = {"n": pl.Int32(), "covered_ms": pl.Int64(), "t": pl.Datetime("us", "UTC")}
    frames = {"node": pl.DataFrame(nodes, schema_overrides=kinds), "filesystem": pl.DataFrame(disks, schema_overrides=kinds)}
    with running.a_warehouse(tmp_path_factory.mktemp("warehouse")) as made:
        made.bulk_load("simulated", {}, windows=frames)
        yield made


def known(*, disks: list[dict[str, Any]] | None = None, **node: float) -> Latest:
    """node-1 tells what is given, node-2 only that it is there."""
    at = NOW - timedelta(seconds=4)
    rows = [{"ts": at, "node": "node-1", **node}, {"ts": at, "node": "node-2"}]
    mounted = [{"ts": at, "node": "node-1", **one} for one in disks or []]
    latest = Latest()
    frames = {"node": entity_frame(NODE, pl.DataFrame(rows))}
    if mounted:
        frames["filesystem"] = entity_frame(FILESYSTEM, pl.DataFrame(mounted))
    latest.update("simulated", at, frames)
    return latest


@pytest.fixture
def ctx(store: Store, warehouse: Warehouse) -> Iterator[Context]:
    with store.transaction() as session:
        running.people(session)
        yield running.a_running_context(session, a_staff_member(session, StaffRole.SUPPORT), warehouse, known=known())


def on(ctx: Context, latest: Latest) -> Context:
    return replace(ctx, cluster=running.Cluster(a_snapshot(), latest))


def of_machines(ctx: Context) -> dict[tuple[Kind, str], Severity]:
    found = findings.find(ctx, ctx.cluster.snapshot(), directory.load(ctx))
    kinds = (
        Kind.FILESYSTEM_FILLING,
        Kind.FILESYSTEM_READ_ONLY,
        Kind.CLOCK_OFF,
        Kind.EVICTIONS,
        Kind.NETWORK_FAULTS,
        Kind.NODE_FULL,
    )
    return {(one.kind, one.name): one.severity for one in found if one.kind in kinds}


def test_what_was_counted_in_the_last_hour_is_judged_and_nothing_older(ctx: Context) -> None:
    use = {one.node: one for one in machines.use(ctx, "default", ctx.cluster.snapshot().nodes)}
    assert set(use) == {"node-1", "node-2"}
    windows = use["node-1"].seconds / 300
    assert 11 <= windows <= 12
    assert use["node-1"].evictions == pytest.approx(0.5 * windows), "not the hundred of the hour before"
    assert use["node-1"].drops == pytest.approx(600 * windows)
    assert (use["node-1"].errors, use["node-1"].relists) == (None, None), "never told, so not known"
    assert of_machines(ctx) == {
        (Kind.EVICTIONS, "node-1"): Severity.WARNING,
        (Kind.NETWORK_FAULTS, "node-1"): Severity.WARNING,
    }


def test_levels_are_those_of_now(ctx: Context) -> None:
    here = on(ctx, known(clock_offset_seconds=0.3, running_pods=109.0))
    found = of_machines(here)
    assert found[Kind.CLOCK_OFF, "node-1"] is Severity.WARNING
    assert found[Kind.NODE_FULL, "node-1"] is Severity.INFO
    assert (Kind.CLOCK_OFF, "node-2") not in found


def test_a_file_system_that_takes_no_writes_any_more_is_told_from_one_that_never_did(ctx: Context) -> None:
    disks: list[dict[str, Any]] = [
        {"mountpoint": "/data", "size_bytes": 100.0, "available_bytes": 50.0, "read_only": 1.0},
        {"mountpoint": "/usr", "size_bytes": 100.0, "available_bytes": 0.0, "read_only": 1.0},
        {"mountpoint": "/", "size_bytes": 100.0, "available_bytes": 2.0, "read_only": 0.0},
    ]
    here = on(ctx, known(disks=disks))
    (broken,) = (
        one for one in findings.find(here, here.cluster.snapshot(), directory.load(here)) if one.kind is Kind.FILESYSTEM_READ_ONLY
    )
    assert "/data" in broken.reason
    assert broken.since == LAST - 13 * STEP
    assert of_machines(here)[Kind.FILESYSTEM_FILLING, "node-1"] is Severity.CRITICAL
    seen = cluster.node(here, name="node-1")
    assert seen.machine is not None
    assert [one.mountpoint for one in seen.machine.filesystems] == ["/", "/data", "/usr"]
    assert {one.kind for one in seen.trouble} >= {Kind.FILESYSTEM_FILLING, Kind.FILESYSTEM_READ_ONLY, Kind.EVICTIONS}
    other = cluster.node(here, name="node-2")
    assert other.machine is not None
    assert (other.machine.filesystems, other.trouble) == ((), ())


def test_waiting_and_steal_are_shares_of_the_last_two_samples(ctx: Context) -> None:
    latest = Latest()
    for seconds in (0.0, 30.0):
        counted = {
            "cpu_pressure_seconds_total": 0.1 * seconds,
            "cpu_steal_seconds_total": seconds,
            "cpu_seconds_total": 4 * seconds,
        }
        at = NOW - timedelta(seconds=34 - seconds)
        row = {"ts": at, "node": "node-1", **counted}
        latest.update("simulated", at, {"node": entity_frame(NODE, pl.DataFrame([row]))})
    (one,) = machines.use(on(ctx, latest), "default", a_snapshot().nodes)
    assert (one.cpu_waiting_share, one.steal_share) == (pytest.approx(0.1), pytest.approx(0.25))
    assert (one.memory_waiting_share, one.disk_waiting_share) == (None, None)


def test_a_node_that_is_not_measured_has_no_machine(ctx: Context) -> None:
    assert cluster.node(on(ctx, Latest()), name="node-1").machine is None
    assert cluster.node(ctx, name="node-3").machine is None
