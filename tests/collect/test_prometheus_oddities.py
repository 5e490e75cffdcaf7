"""Series as real clusters have them: twice, without labels, of two pods of one name, of ended pods, of shared disks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from collectors.sources.kubernetes_objects import Backend
from collectors.sources.port import Reading, Severity, Window
from collectors.sources.prometheus import PrometheusSource
from collectors.sources.prometheus_ingress import targets
from tests.collect.stub_prometheus import Stub, stub_prometheus

pytestmark = pytest.mark.loopback
END = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
T = END.timestamp()
CPU, MEMORY = "container_cpu_usage_seconds_total", "container_memory_working_set_bytes"
PERIODS = {"container_cpu_cfs_periods_total", "container_cpu_cfs_throttled_periods_total"}
CADVISOR = PERIODS | {CPU, MEMORY, "container_memory_rss"}


@pytest.fixture
def stub() -> Iterator[Stub]:
    with stub_prometheus() as made:
        yield made


def one(labels: dict[str, str], *values: tuple[float, float]) -> dict[str, Any]:
    return {"metric": labels, "values": [[t, str(v)] for t, v in values]}


def fact(labels: dict[str, str], value: float = 1.0) -> dict[str, Any]:
    return {"metric": labels, "value": [T, str(value)]}


def saying(*series: dict[str, Any]) -> Callable[[float], list[dict[str, Any]]]:
    return lambda at: list(series)


def read(stub: Stub, seconds: int = 30) -> Reading:
    stub.cached.clear()
    return PrometheusSource(stub.url).read(Window(END - timedelta(seconds=seconds), END))


def codes(reading: Reading) -> set[str]:
    return {f.code for f in reading.findings}


def test_one_process_that_is_scraped_at_three_ports_counts_once(stub: Stub) -> None:
    """K3s serves every component from one process, so each series comes once for each scraped port."""
    plain = read(stub).frames["pod"].sort("uid")
    twice = [one({**stub.cluster.cadvisor(i), "job": "apiserver"}, (T, (0.1 + i / 1000) * T)) for i in range(3)]
    stub.cluster.extra[CPU] = saying(*twice)
    assert read(stub).frames["pod"].sort("uid").equals(plain)


def test_a_restarted_container_has_two_series_of_which_the_newer_counts(stub: Stub) -> None:
    old = {**stub.cluster.cadvisor(0), "id": "/kubepods/burstable/pod/old", "name": "old"}
    stub.cluster.skip.add(CPU)
    stub.cluster.extra[CPU] = saying(one(stub.cluster.cadvisor(0), (T - 2, 0.5)), one(old, (T - 14, 900.0)))
    rows = read(stub).frames["pod"].filter(pl.col("uid") == stub.cluster.uid(0))
    assert rows["cpu_usage_seconds_total"].to_list() == [0.5]
    assert rows["ts"].to_list() == [END - timedelta(seconds=2)]


def test_disks_of_a_container_are_added_and_scraped_twice_are_not(stub: Stub) -> None:
    labels = stub.cluster.cadvisor(0)
    parts = [one({**labels, "device": d, "job": j}, (T, v)) for d, v in (("sda", 10.0), ("sdb", 5.0)) for j in ("kubelet", "k3s")]
    stub.cluster.extra["container_fs_reads_bytes_total"] = saying(*parts)
    rows = read(stub).frames["pod"].filter(pl.col("uid") == stub.cluster.uid(0))
    assert rows["fs_reads_bytes_total"].to_list() == [15.0]


def test_a_sample_at_the_start_of_the_window_belongs_to_the_one_before(stub: Stub) -> None:
    stub.cluster.skip |= {CPU, MEMORY}
    stub.cluster.extra[CPU] = saying(one(stub.cluster.cadvisor(0), (T - 30, 1.0)), one(stub.cluster.cadvisor(1), (T - 29.999, 2.0)))
    rows = read(stub).frames["pod"].sort("uid")
    assert rows["cpu_usage_seconds_total"].to_list() == [None, 2.0, None]


def group_of(stub: Stub) -> dict[str, str]:
    """Labels of a pod's own control group, which the kubelet knows by the pod's name."""
    labels = {k: v for k, v in stub.cluster.cadvisor(0).items() if k not in ("container", "image", "name")}
    return {**labels, "id": f"/kubepods/burstable/pod{stub.cluster.uid(0)}"}


def test_without_container_labels_the_pods_own_group_stands_for_it(stub: Stub) -> None:
    """Some runtimes give no container, image and name: of a pod's rows only that of its control group is taken."""
    uid = stub.cluster.uid(0)
    scrape = {"job": "kubelet", "instance": "node-0", "metrics_path": "/metrics/cadvisor"}
    group = {**scrape, "id": f"/kubepods.slice/kubepods-pod{uid.replace('-', '_')}.slice"}
    inner = {**scrape, "id": f"{group['id']}/cri-containerd-abc.scope"}
    slices = [one({**scrape, "id": i}, (T, 99.0)) for i in ("/", "/kubepods.slice", "/system.slice/sshd.service")]
    stub.cluster.skip |= CADVISOR
    for metric, value in ((CPU, 7.0), (MEMORY, 5e7)):
        stub.cluster.extra[metric] = saying(one(group, (T, value)), one(inner, (T, value - 1)), *slices)
    reading = read(stub)
    rows = reading.frames["pod"].filter(pl.col("uid") == uid)
    assert rows.select("container", "cpu_usage_seconds_total", "memory_working_set_bytes").rows() == [("web", 7.0, 5e7)]
    assert "labels_missing" in codes(reading)


def test_with_container_labels_the_pods_group_is_never_added(stub: Stub) -> None:
    rows = read(stub).frames["pod"]
    assert rows["container"].to_list() == ["web"] * 3
    assert sorted(rows["memory_working_set_bytes"].to_list()) == [1e8, 1e8 + 1, 1e8 + 2]


def test_a_window_that_holds_only_the_groups_sample_does_not_take_it_for_the_containers(stub: Stub) -> None:
    """cAdvisor measures each control group every 10 to 15 seconds in its own rhythm: the group's counter runs ahead, and the
    container's next sample, lower again, would count as a restart from zero."""
    container, group = stub.cluster.cadvisor(0), group_of(stub)
    stub.cluster.skip |= CADVISOR
    for metric in (CPU, MEMORY):
        stub.cluster.extra[metric] = saying(one(container, (T - 12, 500.0)), one(group, (T - 2, 501.0)))
    reading = read(stub, seconds=5)
    rows = reading.frames["pod"].filter(pl.col("uid") == stub.cluster.uid(0))
    assert rows.select("cpu_usage_seconds_total", "memory_working_set_bytes").rows() in ([], [(None, None)])
    assert "labels_missing" not in codes(reading)
    whole = read(stub, seconds=30).frames["pod"].filter(pl.col("uid") == stub.cluster.uid(0))
    assert whole["cpu_usage_seconds_total"].to_list() == [500.0]


def test_the_group_of_a_pod_that_just_began_waits_for_its_container(stub: Stub) -> None:
    group = group_of(stub)
    stub.cluster.skip |= CADVISOR
    stub.cluster.extra[CPU] = saying(one(group, (T, 0.2)))
    stub.cluster.born = T - 20
    rows = read(stub).frames["pod"].filter(pl.col("uid") == stub.cluster.uid(0))
    assert rows["cpu_usage_seconds_total"].to_list() == [None]
    stub.cluster.born = T - 90
    rows = read(stub).frames["pod"].filter(pl.col("uid") == stub.cluster.uid(0))
    assert rows["cpu_usage_seconds_total"].to_list() == [0.2]


def test_two_pods_of_one_name_are_told_apart_by_control_group_or_age(stub: Stub) -> None:
    """A stateful set's pod was replaced: kube-state-metrics tells of both for five minutes."""
    new = "99999999-0000-4000-8000-000000000000"
    name = stub.cluster.labels(0)
    stub.cluster.extra["kube_pod_info"] = saying(fact({**name, "uid": new, "node": "node-1", "host_network": "false"}))
    stub.cluster.extra["kube_pod_start_time"] = saying(fact({"uid": new}, T - 20))
    stub.cluster.skip |= {CPU, MEMORY}
    held = {**stub.cluster.cadvisor(0), "id": f"/kubepods/burstable/pod{new}/abc"}
    stub.cluster.extra[CPU] = saying(one(held, (T, 3.0)))
    bare = {k: v for k, v in held.items() if k != "id"}
    stub.cluster.extra[MEMORY] = saying(one(bare, (T, 4.0)))
    rows = read(stub).frames["pod"]
    assert rows.filter(pl.col("uid") == new)["cpu_usage_seconds_total"].to_list() == [3.0]
    assert rows.filter(pl.col("uid") == new)["memory_working_set_bytes"].to_list() == [4.0]
    assert rows.filter(pl.col("uid") == stub.cluster.uid(0))["cpu_usage_seconds_total"].null_count() == 1


def test_series_of_pods_that_nobody_knows_are_left_out_and_counted(stub: Stub) -> None:
    ghost = {**stub.cluster.cadvisor(0), "pod": "ghost", "id": "/x"}
    stub.cluster.extra[CPU] = saying(one(ghost, (T, 1.0)))
    reading = read(stub)
    assert reading.frames["pod"].height == 3
    assert "pods_unknown" in codes(reading)


def test_an_ended_pod_asks_for_nothing_any_more(stub: Stub) -> None:
    stub.cluster.skip |= {CPU, MEMORY, "container_memory_rss"}
    stub.cluster.skip |= {"container_cpu_cfs_periods_total", "container_cpu_cfs_throttled_periods_total"}
    stub.cluster.extra["kube_pod_status_phase"] = saying(fact({"uid": stub.cluster.uid(1), "phase": "Succeeded"}))
    stub.cluster.extra["kube_pod_completion_time"] = saying(fact({"uid": stub.cluster.uid(1)}, T - 60))
    assert sorted(read(stub).frames["pod"]["uid"]) == [stub.cluster.uid(0), stub.cluster.uid(2)]


def test_a_pod_on_its_nodes_network_has_no_traffic_of_its_own(stub: Stub) -> None:
    labels = {**stub.cluster.labels(0), "uid": stub.cluster.uid(0), "node": "node-0", "host_network": "true"}
    stub.cluster.skip.add("kube_pod_info")
    stub.cluster.extra["kube_pod_info"] = saying(fact(labels))
    reading = read(stub)
    assert reading.frames["pod"]["network_receive_bytes_total"].to_list() == [None]
    assert "host_network" in codes(reading)


def test_volumes_without_statistics_and_with_those_of_a_shared_disk(stub: Stub) -> None:
    def claim(name: str) -> dict[str, str]:
        return {"namespace": "a", "persistentvolumeclaim": name}

    info = [fact({**claim(c), "storageclass": "local-path", "volumename": f"pv-{c}"}) for c in ("bare", "own", "one", "two")]
    stub.cluster.extra["kube_persistentvolumeclaim_info"] = saying(*info)
    asked = [one(claim(c), (T, 1e9)) for c in ("bare", "own", "one", "two")]
    stub.cluster.extra["kube_persistentvolumeclaim_resource_requests_storage_bytes"] = saying(*asked)
    sizes = [one({**claim(c), "node": "n"}, (T, v)) for c, v in (("own", 0.98e9), ("one", 8e10), ("two", 8e10))]
    stub.cluster.extra["kubelet_volume_stats_capacity_bytes"] = saying(*sizes)
    stub.cluster.extra["kubelet_volume_stats_used_bytes"] = saying(
        *(one({**claim(c), "node": "n"}, (T, 5e8)) for c in ("own", "one", "two"))
    )
    reading = read(stub)
    rows = {r["claim"]: r for r in reading.frames["volume"].iter_rows(named=True)}
    assert {c: r["scope"] for c, r in rows.items()} == {"bare": "none", "own": "claim", "one": "filesystem", "two": "filesystem"}
    assert rows["bare"]["used_bytes"] is None
    assert rows["own"]["storage_class"] == "local-path"
    assert {"volumes_without_statistics", "volumes_share_disk"} <= codes(reading)


def test_codes_and_methods_of_a_service_are_added(stub: Stub) -> None:
    def at(code: str, method: str, value: float) -> dict[str, Any]:
        return one({"service": "a-web-80@kubernetes", "instance": "traefik-1", "code": code, "method": method}, (T, value))

    stub.cluster.extra["traefik_service_requests_total"] = saying(at("200", "GET", 10), at("404", "GET", 2), at("200", "POST", 3))
    stub.cluster.extra["traefik_service_responses_bytes_total"] = saying(at("200", "GET", 1000), at("404", "GET", 50))
    row = read(stub).frames["ingress"].row(0, named=True)
    assert (row["requests_total"], row["requests_4xx_total"], row["requests_5xx_total"]) == (15.0, 2.0, 0.0)
    assert row["sent_bytes_total"] == 1050.0
    assert row["received_bytes_total"] is None


REQUESTS, BUCKETS = "traefik_service_requests_total", "traefik_service_request_duration_seconds_bucket"


def service(at: float, value: float, **labels: str) -> dict[str, Any]:
    return one({"service": "a-web-80@kubernetes", "instance": "t", "code": "200", "method": "GET", **labels}, (at, value))


def test_requests_are_counted_by_the_time_they_took(stub: Stub) -> None:
    stub.cluster.extra[REQUESTS] = saying(service(T, 10), service(T, 4, code="500"))
    assert read(stub).frames["ingress"]["timed_requests_total"].to_list() == [None]
    assert "ingress_untimed" in codes(read(stub))
    stub.cluster.extra[BUCKETS] = saying(
        *(service(T, v, le=le) for le, v in (("0.1", 5), ("1.2", 8), ("5.0", 9), ("7", 10), ("+Inf", 10))),
        *(service(T, v, le=le, code="500") for le, v in (("0.1", 1), ("1.2", 2), ("5.0", 3), ("7", 4), ("+Inf", 4))),
        service(T - 40, 3, le="0.1", code="404"),  # of the window before
    )
    reading = read(stub)
    row = reading.frames["ingress"].row(0, named=True)
    assert (row["requests_within_100ms_total"], row["requests_within_1200ms_total"], row["requests_within_5000ms_total"]) == (
        6,
        10,
        12,
    )
    assert (row["timed_requests_total"], row["retries_total"]) == (14, 0)
    assert row["requests_within_300ms_total"] is None  # not counted for: unknown, not zero
    assert "ingress_bounds" in codes(reading)
    assert "ingress_untimed" not in codes(reading)
    stub.cluster.extra["traefik_service_retries_total"] = saying(one({"service": "a-web-80@kubernetes", "instance": "t"}, (T, 2)))
    assert read(stub).frames["ingress"]["retries_total"].to_list() == [2.0]


def process(stub: Stub, metric: str, *values: tuple[float, dict[str, str]]) -> None:
    stub.cluster.extra[metric] = saying(*(one({"instance": "t", **labels}, (T, value)) for value, labels in values))


def test_connections_of_clients_and_reloads_of_a_process(stub: Stub) -> None:
    stub.cluster.skip.add("up")
    stub.cluster.extra["up"] = saying(one({"job": "traefik", "instance": "t"}, (T, 1)))
    reading = read(stub)
    assert reading.frames["ingress_process"].is_empty(), "it is scraped and tells nothing"
    (found,) = (f for f in reading.findings if f.code == "ingress_processes_untold")
    assert "open connections and reloads" in found.message
    process(stub, "process_start_time_seconds", (T - 600, {}))
    assert read(stub).frames["ingress_process"].is_empty(), "any program says when it started"
    own = (1.0, {"entrypoint": "metrics", "protocol": "TCP"})
    process(stub, "traefik_open_connections", own)
    process(stub, "traefik_config_reloads_total", (3, {}))
    process(stub, "traefik_config_last_reload_success", (0, {}))
    row = read(stub).frames["ingress_process"].row(0, named=True)
    assert row["open_connections"] == 0.0, "only its own scrape is connected"
    assert (row["config_reloads_total"], row["config_age_seconds"], row["uptime_seconds"]) == (3.0, None, 600.0)
    web = [(5.0, {"entrypoint": "web", "protocol": "TCP"}), (7.0, {"entrypoint": "websecure", "protocol": "TCP"})]
    process(stub, "traefik_open_connections", own, *web)
    process(stub, "traefik_config_last_reload_success", (T - 20, {}))
    reading = read(stub)
    row = reading.frames["ingress_process"].row(0, named=True)
    assert (row["open_connections"], row["config_age_seconds"]) == (12.0, 20.0)
    assert "ingress_processes_untold" not in codes(reading)
    # version 2 has another name
    del stub.cluster.extra["traefik_open_connections"]
    process(stub, "traefik_entrypoint_open_connections", *((v, {**labels, "method": "GET"}) for v, labels in web))
    assert read(stub).frames["ingress_process"]["open_connections"].to_list() == [12.0]


def test_an_ingress_that_is_not_scraped_is_absent_and_no_process_is_missed(stub: Stub) -> None:
    reading = read(stub)
    assert "ingress_process" not in reading.frames
    assert codes(reading) & {"missing_traefik", "ingress_processes_untold"} == {"missing_traefik"}


def test_certificates_that_nobody_renewed_are_named(stub: Stub) -> None:
    def certificate(sans: str, days: float, cn: str = "") -> dict[str, Any]:
        return fact({"cn": cn, "sans": sans, "serial": f"{sans}{days}"}, T + days * 86400)

    told = "traefik_tls_certs_not_after"
    stub.cluster.extra[told] = saying(
        certificate("fresh.example", 60),
        certificate("renewed.example", 2),
        certificate("renewed.example", 80),
        certificate("", -3, cn="TRAEFIK DEFAULT CERT"),
    )
    assert "ingress_certificates" not in codes(read(stub))
    stub.cluster.extra[told] = saying(certificate("a.example,b.example", 13), certificate("", 15, cn="later.example"))
    (found,) = (f for f in read(stub).findings if f.code == "ingress_certificates")
    assert (found.severity, "a.example, b.example (2026-12-08)" in found.message) == (Severity.WARNING, True)
    assert "later" not in found.message
    stub.cluster.extra[told] = saying(certificate("", -1, cn="gone.example"))
    assert {f.severity for f in read(stub).findings if f.code == "ingress_certificates"} == {Severity.ERROR}


@pytest.mark.parametrize("seconds", [30.0, 2.5])
def test_times_of_several_windows_read_together_are_those_of_each(stub: Stub, seconds: float) -> None:
    step = timedelta(seconds=seconds)
    times = [T - 60 + i * seconds / 2 for i in range(1, 60)]

    def counted(at: float, **labels: str) -> dict[str, Any]:
        found = service(T, 0, **labels)
        return {**found, "values": [[t, str(t - T + 100)] for t in times if at - 60 < t <= at]}

    stub.cluster.extra[REQUESTS] = lambda at: [counted(at)]
    stub.cluster.extra[BUCKETS] = lambda at: [counted(at, le="0.1"), counted(at, le="+Inf")]
    source = PrometheusSource(stub.url)
    windows = [Window(END - step * i, END - step * (i - 1)) for i in (2, 1)]
    for window, reading in source.read_many(windows):
        row = reading.frames["ingress"].row(0, named=True)
        assert row["timed_requests_total"] == row["requests_within_100ms_total"] == row["requests_total"]
        stub.cached.clear()
        assert source.read(window).frames["ingress"].row(0, named=True) == row


def test_names_of_the_ingress_are_built_and_never_taken_apart() -> None:
    """`a-b` / `c` and `a` / `b-c` make the same name, so it belongs to neither."""
    twins = [Backend("a-b", "c", ("80",)), Backend("a", "b-c", ("80",)), Backend("x", "web", ("80", "http"))]
    found = targets([], twins)
    assert found == {"x-web-80": ("x", "web:80"), "x-web-http": ("x", "web:http")}
    assert targets([twins[0]], twins)["a-b-c-80"] == ("a-b", "c:80")
