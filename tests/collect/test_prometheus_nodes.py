"""What exporters and kubelets tell of machines, in the ways in which real ones differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collectors.promql import EXPRESSIONS, Jobs
from collectors.sources.port import Reading, Window
from collectors.sources.prometheus import PrometheusSource
from collectors.sources.prometheus_nodes import LABELS
from tests.collect.stub_prometheus import Stub, stub_prometheus

pytestmark = pytest.mark.loopback
END = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
T = END.timestamp()
Row = dict[str, Any]


@pytest.fixture
def stub() -> Iterator[Stub]:
    with stub_prometheus() as made:
        yield made


def exporter(node: int = 0, **more: str) -> dict[str, str]:
    return {"instance": f"10.0.0.{node}:9100", "job": "node-exporter", **more}


def kubelet(node: int = 0, **more: str) -> dict[str, str]:
    return {"instance": f"10.0.0.{node}:10250", "job": "kubelet", **more}


def one(labels: dict[str, str], value: float, at: float = T) -> Row:
    return {"metric": labels, "values": [[at, str(value)]]}


def fact(**labels: str) -> Row:
    return {"metric": labels, "value": [T, "1"]}


def saying(*series: Row) -> Callable[[float], list[Row]]:
    return lambda at: list(series)


def read(stub: Stub) -> Reading:
    stub.cached.clear()
    return PrometheusSource(stub.url).read(Window(END - timedelta(seconds=30), END))


def of_nodes(reading: Reading) -> dict[str, Row]:
    return {row["node"]: row for row in reading.frames["node"].iter_rows(named=True)}


def filesystem(stub: Stub, labels: dict[str, str], **values: float) -> None:
    names = {
        "size": "size_bytes",
        "avail": "avail_bytes",
        "files": "files",
        "free": "files_free",
        "read_only": "readonly",
    }
    for name, value in values.items():
        metric = f"node_filesystem_{names[name]}"
        before = stub.cluster.extra.get(metric, lambda at: [])
        stub.cluster.extra[metric] = saying(*before(T), one(labels, value))


def test_every_file_system_is_listed_once_and_the_node_has_the_worst(stub: Stub) -> None:
    root = exporter(device="/dev/sda2", mountpoint="/", fstype="ext4")
    data = exporter(device="/dev/sdb", mountpoint="/data", fstype="xfs")
    efi = exporter(device="/dev/sda1", mountpoint="/boot/efi", fstype="vfat")
    filesystem(stub, root, size=100.0, avail=60.0, files=1000, free=100, read_only=0)
    filesystem(stub, data, size=1000.0, avail=50.0, files=1000, free=900, read_only=0)
    filesystem(stub, {**data, "mountpoint": "/var/lib/bound"}, size=1000.0, avail=50.0, files=1000, free=900, read_only=1)
    filesystem(stub, efi, size=50.0, avail=40.0, files=0, free=0, read_only=1)
    reading = read(stub)
    rows = {row["mountpoint"]: row for row in reading.frames["filesystem"].iter_rows(named=True)}
    assert set(rows) == {"/", "/data", "/boot/efi"}, "the bind mount is the same disk"
    assert (rows["/data"]["device"], rows["/data"]["fstype"]) == ("/dev/sdb", "xfs")
    assert (rows["/"]["inodes"], rows["/"]["inodes_free"]) == (1000.0, 100.0)
    assert (rows["/boot/efi"]["inodes"], rows["/boot/efi"]["inodes_free"]) == (None, None), "vfat has none, which is not zero"
    node = of_nodes(reading)["node-0"]
    assert (node["filesystem_size_bytes"], node["filesystem_available_bytes"]) == (100.0, 60.0)
    assert node["filesystem_fullest_share"] == pytest.approx(0.95)
    assert node["inodes_fullest_share"] == pytest.approx(0.9)
    assert node["filesystems_read_only"] == 1.0
    other = of_nodes(reading)["node-1"]
    assert (other["filesystem_fullest_share"], other["filesystems_read_only"]) == (None, None)


def test_drops_and_errors_are_added_over_interfaces(stub: Stub) -> None:
    for what, values in (("receive_drop", (3, 4)), ("transmit_drop", (1, 0)), ("receive_errs", (0, 0)), ("receive_bytes", (7, 8))):
        devices = (one(exporter(device=f"eth{i}"), float(value)) for i, value in enumerate(values))
        stub.cluster.extra[f"node_network_{what}_total"] = saying(*devices)
    row = of_nodes(read(stub))["node-0"]
    assert (row["network_receive_drops_total"], row["network_transmit_drops_total"]) == (7.0, 1.0)
    assert (row["network_receive_errors_total"], row["network_receive_bytes_total"]) == (0.0, 15.0)
    assert row["network_transmit_errors_total"] is None


def test_clock_connections_and_pressure_are_the_machines(stub: Stub) -> None:
    for metric, value in (
        ("node_timex_offset_seconds", -0.125),
        ("node_timex_sync_status", 0.0),
        ("node_nf_conntrack_entries", 90.0),
        ("node_nf_conntrack_entries_limit", 100.0),
        ("node_pressure_io_stalled_seconds_total", 12.5),
        ("node_pressure_memory_waiting_seconds_total", 3.5),
    ):
        stub.cluster.extra[metric] = saying(one(exporter(), value))
    row = of_nodes(read(stub))["node-0"]
    assert (row["clock_offset_seconds"], row["clock_synced"]) == (0.125, 0.0)
    assert (row["conntrack_entries"], row["conntrack_limit"]) == (90.0, 100.0)
    assert (row["io_stall_seconds_total"], row["memory_pressure_seconds_total"]) == (12.5, 3.5)
    assert row["cpu_pressure_seconds_total"] is None


def test_a_kubelet_that_answers_and_names_no_eviction_made_none(stub: Stub) -> None:
    stub.cluster.extra["kubelet_running_pods"] = saying(one(kubelet(0), 11.0))
    stub.cluster.extra["kubelet_certificate_manager_client_ttl_seconds"] = saying(one(kubelet(0), float("inf")))
    reading = read(stub)
    first, second = of_nodes(reading)["node-0"], of_nodes(reading)["node-1"]
    assert (first["running_pods"], first["evictions_total"], first["kubelet_certificate_seconds"]) == (11.0, 0.0, None)
    assert (second["running_pods"], second["evictions_total"]) == (None, None)
    assert "not_numbers" not in {f.code for f in reading.findings}, "without a certificate it has all the time of the world"
    stub.cluster.extra["kubelet_evictions"] = saying(
        one(kubelet(0, eviction_signal="memory.available"), 2.0), one(kubelet(0, eviction_signal="nodefs.available"), 1.0)
    )
    assert of_nodes(read(stub))["node-0"]["evictions_total"] == 3.0


@pytest.mark.parametrize("whole", ["", ".0"])
def test_slow_relists_are_counted_from_the_histogram(stub: Stub, whole: str) -> None:
    """Prometheus 3 writes bounds as `1.0`. More than a hundredth over a bound means that the p99 is above it."""
    buckets = (one(kubelet(le=le), n) for le, n in ((f"1{whole}", 950.0), (f"10{whole}", 998.0), ("+Inf", 1000.0)))
    stub.cluster.extra["kubelet_pleg_relist_duration_seconds_bucket"] = saying(*buckets)
    row = of_nodes(read(stub))["node-0"]
    assert (row["pleg_relists_total"], row["pleg_relists_over_1s_total"], row["pleg_relists_over_10s_total"]) == (1000.0, 50.0, 2.0)


def test_roles_and_taints_are_words_and_empty_where_there_are_none(stub: Stub) -> None:
    stub.cluster.extra["kube_node_role"] = saying(
        fact(node="node-0", role="etcd"), fact(node="node-0", role="control-plane"), fact(node="node-0", role="etcd")
    )
    stub.cluster.extra["kube_node_spec_taint"] = saying(
        fact(node="node-0", key="dedicated", value="db", effect="NoSchedule"), fact(node="node-0", key="slow", effect="NoExecute")
    )
    rows = of_nodes(read(stub))
    assert (rows["node-0"]["roles"], rows["node-0"]["taints"]) == ("control-plane,etcd", "dedicated=db:NoSchedule,slow:NoExecute")
    assert (rows["node-1"]["roles"], rows["node-1"]["taints"]) == ("", "")


def test_what_nobody_tells_is_said(stub: Stub) -> None:
    said = {f.code: f.message for f in read(stub).findings}
    assert "the clock" in said["node_metrics_missing"]
    assert "pressure stalls (PSI)" in said["node_metrics_missing"]
    assert "job kubelet" in said["missing_kubelet"]
    stub.cluster.extra["node_timex_sync_status"] = saying(one(exporter(0), 1.0))
    stub.cluster.extra["kubelet_running_pods"] = saying(one(kubelet(0), 1.0))
    said = {f.code: f.message for f in read(stub).findings}
    assert "; nor of the clock on 1 of 2 nodes: they" in said["node_metrics_missing"]
    assert "missing_kubelet" not in said


def test_a_tick_asks_once_for_all_that_one_exporter_says_of_machines(stub: Stub) -> None:
    """The cost of a tick grows with the questions: a new metric of a machine joins one that is asked already."""
    read(stub)
    asked = [query for query in stub.asked if "node_" in query or "kubelet_" in query]
    machines = [q for q in asked if "kubelet_volume" not in q and "kube_" not in q]
    assert len(machines) == len({q.split("}")[0] for q in machines}) <= 7
    assert len(LABELS) <= 12
    query = EXPRESSIONS["node_disk"].query(Jobs(), 30)
    assert query.startswith('{__name__=~"node_disk_io_time_seconds_total|node_disk_io_time_weighted_seconds_total",job="node-exp')
