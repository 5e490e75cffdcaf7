"""Every question put to Prometheus: name, selector, unit and the exporter that must answer it.

Counters and gauges are read as raw range selectors, `metric{...}[window]` at the window's end, so that each sample keeps its own
time and nothing is added before it is differenced. Which `job` an exporter has differs per installation: `Jobs` says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Exporter(StrEnum):
    """Program that a series comes from; the values are the fields of `Jobs`."""

    CADVISOR = "cadvisor"
    KUBELET = "kubelet"
    KUBE_STATE_METRICS = "kube_state_metrics"
    NODE_EXPORTER = "node_exporter"
    TRAEFIK = "traefik"
    PROMETHEUS = "prometheus"


@dataclass(frozen=True, slots=True)
class Jobs:
    """Value of the label `job` by exporter: a name, several as `a|b`, or whole matchers such as `job="kubelet",endpoint="x"`.

    An empty one means that the label does not say it, and nothing is restricted.
    """

    cadvisor: str = "kubelet"
    kubelet: str = "kubelet"
    kube_state_metrics: str = "kube-state-metrics"
    node_exporter: str = "node-exporter"
    traefik: str = "traefik"

    def of(self, exporter: Exporter) -> str:
        return "" if exporter is Exporter.PROMETHEUS else str(getattr(self, exporter.value))

    def matchers(self, exporter: Exporter) -> str:
        job = self.of(exporter)
        if not job or "=" in job:
            return job
        return f'job=~"{job}"' if "|" in job else f'job="{job}"'


class Shape(StrEnum):
    SAMPLES = "samples"
    """`metric{...}[window]`: all raw samples with their own times."""
    LAST = "last"
    """`last_over_time(metric{...}[window])` over at least five minutes: facts that hold on between scrapes."""
    ADDED = "added"
    """Newest sample of each series in the window, added by Prometheus over the labels `parts`. Only for what one process counts and
    is scraped together, so that the sum is of one instant, and only where so many series would travel for nothing."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One question. `entity` is what it tells about; `unit` is that of its values.

    `metric` may be several names as `a|b`: one question asks for all of them, and the label `__name__` says which a series is.
    """

    name: str
    metric: str
    exporter: Exporter
    unit: str
    entity: str
    where: str = ""
    shape: Shape = Shape.SAMPLES
    keep: str = ""
    """Comparison that leaves out what need not travel; for `LAST` only."""
    by: str = ""
    """Labels that alone matter: one row for each combination that there is; for `LAST` and `ADDED` only."""
    parts: str = ""
    """Labels that are added up; for `ADDED` only. A series that is there twice counts once."""
    before: int = 0
    """Seconds before the window in which a fact counts as well; for `LAST` only."""

    def query(self, jobs: Jobs, seconds: int) -> str:
        """The PromQL for a window of so many seconds ending at the query's time."""
        several = f'__name__=~"{self.metric}"' if "|" in self.metric else ""
        matchers = ",".join(part for part in (several, jobs.matchers(self.exporter), self.where) if part)
        selector = f"{'' if several else self.metric}{{{matchers}}}"
        if self.shape is Shape.LAST:
            last = f"last_over_time({selector}[{max(seconds + self.before, FACTS_SECONDS)}s]){self.keep}"
            return f"count by ({self.by}) ({last})" if self.by else last
        if self.shape is Shape.ADDED:
            return f"sum by ({self.by}) (max by ({self.by},{self.parts}) (last_over_time({selector}[{seconds}s])))"
        return f"{selector}[{seconds}s]"


FACTS_SECONDS = 300
"""How long a fact holds without being said again: Prometheus' own look-back."""

LABELLED_SECONDS = 900
"""How long a pod of which a container was seen by name stays one: longer than a crashing one waits for its next start."""
# containers and the pod's own control group, in case the runtime gives no container labels; not slices, not the pause container
_CONTAINER = 'container!="POD",metrics_path!="/metrics/resource"'
# interfaces hang on the sandbox: no container label
_SANDBOX = 'pod!="",interface!="lo",metrics_path!="/metrics/resource"'
_VIRTUAL = "lo|veth.*|cni.*|flannel.*|docker.*|br-.*|cali.*|tunl.*|cilium.*|lxc.*|vxlan.*|kube-.*|virbr.*|nodelocaldns|dummy.*"
_STACKED = "dm-.*|md.*|z?ram.*|loop.*|sr.*|fd.*"


_NETWORK = "|".join(f"node_network_{way}_{what}_total" for way in ("receive", "transmit") for what in ("bytes", "drop", "errs"))
_MACHINE = "|".join(
    (
        "node_vmstat_pgmajfault",
        "node_vmstat_oom_kill",
        "node_memory_MemTotal_bytes",
        "node_memory_MemAvailable_bytes",
        "node_load1",
        "node_nf_conntrack_entries",
        "node_nf_conntrack_entries_limit",
        "node_timex_offset_seconds",
        "node_timex_sync_status",
        "node_pressure_cpu_waiting_seconds_total",
        "node_pressure_memory_waiting_seconds_total",
        "node_pressure_memory_stalled_seconds_total",
        "node_pressure_io_waiting_seconds_total",
        "node_pressure_io_stalled_seconds_total",
    )
)
_FILESYSTEM = "|".join(
    (
        "node_filesystem_size_bytes",
        "node_filesystem_avail_bytes",
        "node_filesystem_files",
        "node_filesystem_files_free",
        "node_filesystem_readonly",
    )
)
# memory, images that are full by nature, and what the kernel shows as files
_UNREAL = "tmpfs|ramfs|rootfs|devtmpfs|squashfs|erofs|iso9660|udf|proc|sysfs|cgroup2?|nsfs|fuse.*|9p"
# pods' volumes and containers' layers, which are counted elsewhere or lie on a disk that is listed already
_BORROWED = "/(dev|proc|sys|run|snap)(/.*)?|.*/(kubelet|docker|containerd|containers|k3s)/.+"
_KUBELET = "|".join(
    (
        "kubelet_running_pods",
        "kubelet_evictions",
        "kubelet_certificate_manager_client_ttl_seconds",
        "kubelet_pleg_relist_duration_seconds_bucket",
    )
)
# version 2 names open connections by entry point, router and service; version 3 has one series
_PROCESS = "|".join(
    (
        "traefik_open_connections",
        "traefik_entrypoint_open_connections",
        "traefik_config_reloads_total",
        "traefik_config_last_reload_success",
        "process_start_time_seconds",
    )
)
# of the histogram's buckets; what is no histogram has an empty label
_RELISTS = r"|1|1\\.0|10|10\\.0|\\+Inf"


def _cadvisor(name: str, metric: str, unit: str, where: str = _CONTAINER) -> Expression:
    return Expression(name, metric, Exporter.CADVISOR, unit, "pod", where)


def _state(name: str, metric: str, unit: str, entity: str, where: str = "", shape: Shape = Shape.SAMPLES) -> Expression:
    return Expression(name, metric, Exporter.KUBE_STATE_METRICS, unit, entity, where, shape)


def _machine(name: str, metric: str, unit: str, where: str = "", shape: Shape = Shape.SAMPLES) -> Expression:
    return Expression(name, metric, Exporter.NODE_EXPORTER, unit, "node", where, shape)


def _disk(name: str, metric: str, unit: str) -> Expression:
    return Expression(name, metric, Exporter.KUBELET, unit, "volume")


def _traefik(name: str, metric: str, unit: str) -> Expression:
    return Expression(name, metric, Exporter.TRAEFIK, unit, "ingress")


_ALL = (
    Expression("up", "up", Exporter.PROMETHEUS, "0/1", ""),
    # pods: what cAdvisor counts
    _cadvisor("cpu_usage", "container_cpu_usage_seconds_total", "s"),
    _cadvisor("cpu_periods", "container_cpu_cfs_periods_total", "1"),
    _cadvisor("cpu_throttled", "container_cpu_cfs_throttled_periods_total", "1"),
    _cadvisor("memory_working_set", "container_memory_working_set_bytes", "B"),
    _cadvisor("memory_rss", "container_memory_rss", "B"),
    _cadvisor("network_received", "container_network_receive_bytes_total", "B", _SANDBOX),
    _cadvisor("network_sent", "container_network_transmit_bytes_total", "B", _SANDBOX),
    _cadvisor("disk_read", "container_fs_reads_bytes_total", "B"),
    _cadvisor("disk_written", "container_fs_writes_bytes_total", "B"),
    Expression(
        "labelled",
        "container_memory_working_set_bytes",
        Exporter.CADVISOR,
        "1",
        "pod",
        f'container!="",{_CONTAINER}',
        Shape.LAST,
        by="namespace,pod",
        before=LABELLED_SECONDS,
    ),
    # pods: what the API says, through kube-state-metrics
    _state("pod_info", "kube_pod_info", "1", "pod", 'uid!=""', Shape.LAST),
    _state("pod_started", "kube_pod_start_time", "unix time", "pod", 'uid!=""', Shape.LAST),
    _state("pod_completed", "kube_pod_completion_time", "unix time", "pod", 'uid!=""', Shape.LAST),
    Expression(
        "pod_ended",
        "kube_pod_status_phase",
        Exporter.KUBE_STATE_METRICS,
        "0/1",
        "pod",
        'uid!="",phase=~"Succeeded|Failed"',
        Shape.LAST,
        keep=" == 1",
    ),
    _state("pod_ready", "kube_pod_status_ready", "0/1", "pod", 'condition="true"'),
    _state("restarts", "kube_pod_container_status_restarts_total", "1", "pod"),
    _state("requests", "kube_pod_container_resource_requests", "cores or B", "pod", 'resource=~"cpu|memory"'),
    _state("limits", "kube_pod_container_resource_limits", "cores or B", "pod", 'resource=~"cpu|memory"'),
    # nodes
    _machine("node_cpu", "node_cpu_seconds_total", "s"),
    _machine("node_network", _NETWORK, "B or 1", f'device!~"{_VIRTUAL}"'),
    _machine("node_disk", "node_disk_io_time_seconds_total|node_disk_io_time_weighted_seconds_total", "s", f'device!~"{_STACKED}"'),
    _machine("node_machine", _MACHINE, "B, s, 1 or 0/1"),
    _machine("node_filesystem", _FILESYSTEM, "B, 1 or 0/1", f'fstype!~"{_UNREAL}",mountpoint!~"{_BORROWED}"'),
    _machine("node_boot", "node_boot_time_seconds", "unix time", shape=Shape.LAST),
    Expression("node_kubelet", _KUBELET, Exporter.KUBELET, "1 or s", "node", f'le=~"{_RELISTS}"'),
    _state("node_facts", "kube_node_info|kube_node_role|kube_node_spec_taint", "1", "node", shape=Shape.LAST),
    _state("node_capacity", "kube_node_status_capacity", "cores", "node", 'resource="cpu"'),
    _state("node_allocatable", "kube_node_status_allocatable", "cores, B or 1", "node", 'resource=~"cpu|memory|pods"'),
    _state(
        "node_conditions",
        "kube_node_status_condition",
        "0/1",
        "node",
        'status="true",condition=~"Ready|MemoryPressure|DiskPressure|PIDPressure"',
    ),
    _state("node_cordoned", "kube_node_spec_unschedulable", "0/1", "node"),
    # volumes
    _disk("volume_capacity", "kubelet_volume_stats_capacity_bytes", "B"),
    _disk("volume_used", "kubelet_volume_stats_used_bytes", "B"),
    _disk("volume_available", "kubelet_volume_stats_available_bytes", "B"),
    _disk("volume_inodes", "kubelet_volume_stats_inodes", "1"),
    _disk("volume_inodes_used", "kubelet_volume_stats_inodes_used", "1"),
    _state("claim_info", "kube_persistentvolumeclaim_info", "1", "volume", shape=Shape.LAST),
    _state("claim_requested", "kube_persistentvolumeclaim_resource_requests_storage_bytes", "B", "volume"),
    # ingress
    _traefik("ingress_requests", "traefik_service_requests_total", "1"),
    _traefik("ingress_seconds", "traefik_service_request_duration_seconds_sum", "s"),
    _traefik("ingress_received", "traefik_service_requests_bytes_total", "B"),
    _traefik("ingress_sent", "traefik_service_responses_bytes_total", "B"),
    Expression("ingress_certificates", "traefik_tls_certs_not_after", Exporter.TRAEFIK, "unix time", "ingress", shape=Shape.LAST),
    _traefik("ingress_retries", "traefik_service_retries_total", "1"),
    Expression("ingress_processes", _PROCESS, Exporter.TRAEFIK, "1 or unix time", "ingress_process"),
    Expression(
        "ingress_within",
        "traefik_service_request_duration_seconds_bucket",
        Exporter.TRAEFIK,
        "1",
        "ingress",
        shape=Shape.ADDED,
        by="service,instance,le",
        parts="code,method,protocol",
    ),
)

EXPRESSIONS: Mapping[str, Expression] = {e.name: e for e in _ALL}
