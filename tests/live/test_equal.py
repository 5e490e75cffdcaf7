"""What arrives in the warehouse equals what Prometheus and the API say at the same instant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from collectors.sources.port import Window
from tests.live.conftest import TICK, Live, now, until

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("bed")]
WIDE = timedelta(seconds=30)
STEADY = ("node-1", "node-2")
"""The fake nodes whose power no test cuts: across a silence PromQL leaves out what a counter's difference holds."""
UNWANTED = {"missing_cadvisor", "missing_kube_state_metrics", "missing_node_exporter", "other_cluster", "label_coverage"}


def settled(live: Live) -> Window:
    """The newest 30 seconds whose samples have all arrived."""
    end = datetime.fromtimestamp(int(now().timestamp()) // 30 * 30, tz=UTC) - WIDE
    return Window(end - WIDE, end)


def by_container(frame: pl.DataFrame, column: str) -> Mapping[tuple[str, str, str], float]:
    known = frame.filter(pl.col(column).is_not_null())
    return {(n, p, c): v for n, p, c, v in known.select("namespace", "pod", "container", column).iter_rows()}


GAUGES = [
    ("memory_working_set_bytes", 'container_memory_working_set_bytes{container!="",container!="POD"}'),
    ("cpu_usage_seconds_total", 'container_cpu_usage_seconds_total{container!="",metrics_path="/metrics/cadvisor"}'),
    ("memory_request_bytes", 'kube_pod_container_resource_requests{resource="memory"}'),
    ("cpu_request_cores", 'kube_pod_container_resource_requests{resource="cpu"}'),
    ("memory_limit_bytes", 'kube_pod_container_resource_limits{resource="memory"}'),
    ("restarts_total", "kube_pod_container_status_restarts_total"),
]


def test_values_of_containers_equal_promql_at_the_same_instant(live: Live) -> None:
    window = settled(live)
    frame = live.metrics.read(window).frames["pod"]
    assert frame.height >= 80
    for column, query in GAUGES:
        ours = by_container(frame, column)
        theirs = {
            (s["metric"]["namespace"], s["metric"]["pod"], s["metric"]["container"]): float(s["value"][1])
            for s in live.bed.promql(f"last_over_time({query}[30s])", window.end)
            if s["metric"].get("metrics_path") != "/metrics/resource"
        }
        assert ours.keys() <= theirs.keys()
        assert len(ours) >= 0.95 * len(theirs), column
        assert {k: v for k, v in ours.items() if theirs[k] != v} == {}, column


def test_values_of_nodes_equal_promql_at_the_same_instant(live: Live) -> None:
    window = settled(live)
    frame = live.metrics.read(window).frames["node"].sort("node")
    assert set(frame["node"]) == set(live.inventory.snapshot().nodes)
    for column, query in (
        ("memory_available_bytes", "max by (node) (last_over_time(node_memory_MemAvailable_bytes[30s]))"),
        ("cpu_idle_seconds_total", 'sum by (node) (last_over_time(node_cpu_seconds_total{mode=~"idle|iowait"}[30s]))'),
        ("memory_allocatable_bytes", 'max by (node) (kube_node_status_allocatable{resource="memory"})'),
        ("ready", 'max by (node) (kube_node_status_condition{condition="Ready",status="true"})'),
    ):
        theirs = {s["metric"]["node"]: float(s["value"][1]) for s in live.bed.promql(query, window.end)}
        ours = {n: v for n, v in frame.select("node", column).iter_rows() if v is not None}
        assert ours == pytest.approx({n: theirs[n] for n in ours}), column
        assert len(ours) == frame.height, column


DEVICES = '{device!~"lo|veth.*|cni.*|flannel.*|docker.*|br-.*|kube-.*|dummy.*|tunl.*|virbr.*|nodelocaldns"}'
DISKS = '{device!~"dm-.*|md.*|z?ram.*|loop.*|sr.*|fd.*"}'
REAL = 'fstype!~"tmpfs|ramfs"'
MACHINES = [
    ("clock_offset_seconds", "abs(last_over_time(node_timex_offset_seconds[30s]))"),
    ("clock_synced", "last_over_time(node_timex_sync_status[30s])"),
    ("conntrack_entries", "last_over_time(node_nf_conntrack_entries[30s])"),
    ("conntrack_limit", "last_over_time(node_nf_conntrack_entries_limit[30s])"),
    ("cpu_pressure_seconds_total", "last_over_time(node_pressure_cpu_waiting_seconds_total[30s])"),
    ("memory_pressure_seconds_total", "last_over_time(node_pressure_memory_waiting_seconds_total[30s])"),
    ("memory_stall_seconds_total", "last_over_time(node_pressure_memory_stalled_seconds_total[30s])"),
    ("io_pressure_seconds_total", "last_over_time(node_pressure_io_waiting_seconds_total[30s])"),
    ("io_stall_seconds_total", "last_over_time(node_pressure_io_stalled_seconds_total[30s])"),
    ("major_page_faults_total", "last_over_time(node_vmstat_pgmajfault[30s])"),
    ("oom_kills_total", "last_over_time(node_vmstat_oom_kill[30s])"),
    ("network_receive_drops_total", f"sum by (node) (last_over_time(node_network_receive_drop_total{DEVICES}[30s]))"),
    ("network_transmit_drops_total", f"sum by (node) (last_over_time(node_network_transmit_drop_total{DEVICES}[30s]))"),
    ("network_receive_errors_total", f"sum by (node) (last_over_time(node_network_receive_errs_total{DEVICES}[30s]))"),
    ("network_transmit_errors_total", f"sum by (node) (last_over_time(node_network_transmit_errs_total{DEVICES}[30s]))"),
    ("disk_io_weighted_seconds_total", f"sum by (node) (last_over_time(node_disk_io_time_weighted_seconds_total{DISKS}[30s]))"),
    (
        "filesystem_fullest_share",
        f"max by (node) (1 - last_over_time(node_filesystem_avail_bytes{{{REAL}}}[30s])"
        f" / last_over_time(node_filesystem_size_bytes{{{REAL}}}[30s]))",
    ),
    (
        "inodes_fullest_share",
        f"max by (node) (1 - last_over_time(node_filesystem_files_free{{{REAL}}}[30s])"
        f" / last_over_time(node_filesystem_files{{{REAL}}}[30s]))",
    ),
    ("running_pods", "max by (node) (last_over_time(kubelet_running_pods[30s]))"),
    ("kubelet_certificate_seconds", "max by (node) (last_over_time(kubelet_certificate_manager_client_ttl_seconds[30s]))"),
    ("pleg_relists_total", 'max by (node) (last_over_time(kubelet_pleg_relist_duration_seconds_bucket{le="+Inf"}[30s]))'),
]


def test_what_machines_tell_equals_promql_and_what_they_do_not_is_not_known(live: Live) -> None:
    """The fake nodes expose little and the real one much: a column is known of exactly those nodes that Prometheus has it of."""
    window = settled(live)
    frame = live.metrics.read(window).frames["node"]
    for column, query in MACHINES:
        theirs = {s["metric"]["node"]: float(s["value"][1]) for s in live.bed.promql(query, window.end)}
        ours = {n: v for n, v in frame.select("node", column).iter_rows() if v is not None}
        assert ours == pytest.approx(theirs), column
    standing = {n: (roles, taints) for n, roles, taints in frame.select("node", "roles", "taints").iter_rows()}
    for node in live.inventory.snapshot().nodes.values():
        roles = sorted(label.partition("/")[2] for label in node.labels if label.startswith("node-role.kubernetes.io/"))
        assert standing[node.name][0] == ",".join(roles)
        lasting = {f"{t.key}={t.value}:{t.effect}" for t in node.taints if t.value}
        assert lasting <= set(standing[node.name][1].split(","))


def test_file_systems_equal_promql(live: Live) -> None:
    window = settled(live)
    frame = live.metrics.read(window).frames["filesystem"]
    for column, metric in (("size_bytes", "size_bytes"), ("available_bytes", "avail_bytes"), ("inodes", "files")):
        query = f"last_over_time(node_filesystem_{metric}{{{REAL}}}[30s])"
        theirs = {(s["metric"]["node"], s["metric"]["mountpoint"]): s for s in live.bed.promql(query, window.end)}
        ours = {(n, m): v for n, m, v in frame.select("node", "mountpoint", column).iter_rows() if v is not None}
        assert ours == pytest.approx({place: float(theirs[place]["value"][1]) for place in ours}), column
        # a disk that is mounted at several places is one file system
        disks = {(s["metric"]["node"], s["metric"]["device"]) for s in theirs.values()}
        assert len(ours) == len(disks), column
    measured = live.metrics.read(window).frames["node"].filter(pl.col("cpu_seconds_total").is_not_null())
    assert {node for node, mounted in frame.select("node", "mountpoint").iter_rows() if mounted == "/"} == set(measured["node"])


def test_counts_equal_the_api(live: Live) -> None:
    listed = json.loads(live.bed.kubectl("get", "pods", "-A", "-o", "json"))["items"]
    seen = live.inventory.snapshot()
    assert {p["metadata"]["uid"] for p in listed} == set(seen.pods)
    nodes = json.loads(live.bed.kubectl("get", "nodes", "-o", "json"))["items"]
    ready = {
        n["metadata"]["name"] for n in nodes for c in n["status"]["conditions"] if c["type"] == "Ready" and c["status"] == "True"
    }
    assert {n.name for n in seen.nodes.values() if n.ready} == ready
    live.collector.tick(now())
    stored = live.warehouse.query("SELECT DISTINCT uid FROM pod_state WHERE phase <> 'Gone'")["uid"]
    assert set(stored) == set(seen.pods)
    running = {p.uid for p in seen.pods.values() if p.phase == "Running"}
    sampled = live.metrics.read(settled(live)).frames["pod"]["uid"]
    assert len(running & set(sampled)) >= 0.9 * len(running)


def test_increases_stay_within_the_stated_distance_of_promql(live: Live) -> None:
    """Over two minutes and all pods of the fake nodes, whose counters grow evenly: our increase against PromQL's."""
    end = settled(live).end
    windows = [Window(end - TICK * (i + 1), end - TICK * i) for i in range(24, -1, -1)]
    frames = [reading.frames["pod"].with_columns(pl.lit(w.end).alias("tick")) for w, reading in live.metrics.read_many(windows)]
    rows = pl.concat(frames).filter(pl.col("node").is_in(STEADY)).sort("uid", "container", "ts")
    assert rows.select("uid", "container", "ts").is_duplicated().sum() == 0
    measured = rows.filter(pl.col("cpu_usage_seconds_total").is_not_null())
    span = measured.group_by("namespace", "pod").agg(
        (pl.col("cpu_usage_seconds_total").last() - pl.col("cpu_usage_seconds_total").first()).alias("grown"),
        (pl.col("ts").last() - pl.col("ts").first()).dt.total_microseconds().alias("us"),
    )
    # of a pod that began or ended in between PromQL takes the whole range, and this its own
    whole = span.filter(pl.col("us") > 110e6)
    assert whole.height >= 40
    kept = set(whole.select("namespace", "pod").rows())
    ours = whole.select((pl.col("grown") / pl.col("us") * 1e6).sum()).item()
    rates = live.bed.promql('rate(container_cpu_usage_seconds_total{container!="",node=~"node-[12]"}[2m])', end)
    theirs = sum(float(one["value"][1]) for one in rates if (one["metric"]["namespace"], one["metric"]["pod"]) in kept)
    assert ours == pytest.approx(theirs, rel=0.033)


def test_a_gap_is_filled_with_the_same_values(live: Live) -> None:
    """The process was away for a minute; what it reads afterwards is what it would have read."""
    moment = now()
    live.collector.tick(moment - timedelta(seconds=60))
    live.collector.tick(moment)
    before = live.warehouse.query("SELECT count(*) FROM tick WHERE source = 'prometheus'").item()
    assert before == 2
    live.collector.backfill(moment)
    ticks = live.warehouse.query("SELECT tick, status FROM tick WHERE source = 'prometheus' ORDER BY tick")
    assert set(ticks["status"]) == {"ok"}
    assert ticks.height >= 13
    assert live.warehouse.gaps(ticks["tick"][0], ticks["tick"][-1], TICK.total_seconds(), "prometheus") == []
    pods: set[str] = set()
    for tick in ticks["tick"][3:6]:
        rows = live.warehouse.query(
            "SELECT node, uid, container, ts, cpu_usage_seconds_total FROM pod_sample "
            "WHERE tick = ? AND cpu_usage_seconds_total IS NOT NULL ORDER BY ALL",
            [tick],
        )
        alone = live.metrics.read(Window(tick - TICK, tick)).frames["pod"].select(rows.columns)
        alone = alone.filter(pl.col("cpu_usage_seconds_total").is_not_null())
        alone = alone.with_columns(pl.col("ts").dt.cast_time_unit("us"))
        apart = rows.join(alone, on=rows.columns, how="anti", nulls_equal=True)
        assert apart.rows() == []
        # a fake node's sample is there when its scrape has ended, which takes less than a source's lateness; cAdvisor's of the
        # real node has a time of its own, up to 15 s before its scrape, and the reading above may know one more
        played = pl.col("node").str.starts_with("node-")
        assert alone.filter(played).join(rows, on=rows.columns, how="anti", nulls_equal=True).rows() == []
        pods |= set(rows.filter(played)["uid"])
    assert len(pods) >= 80  # a scrape that came a moment late on a busy machine is in the tick after


def test_current_values_appear_and_health_is_good(live: Live) -> None:
    live.collector.start()
    until(lambda: live.of("prometheus").last_tick, 60, "first tick")
    until(lambda: live.latest.current("pod")["cpu_usage_seconds_per_second"].drop_nulls().len() > 50, 60, "rates")
    assert live.of("prometheus").problem == ""
    # a scrape that came late on a busy machine is told and taken back with the next tick
    until(lambda: not {f.code for f in live.of("prometheus").findings} & UNWANTED, 60, "none of these findings")
