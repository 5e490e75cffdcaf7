"""What is wrong with the data itself: exporters that are missing, labels that do not cover, volumes without statistics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from collectors.promql import Exporter, Jobs
from collectors.sources.port import NOT_SAMPLED, Finding, Severity, Window
from collectors.sources.prometheus_ingress import ending, foreign
from collectors.sources.prometheus_samples import METRIC
from models.domain.cluster import Phase, Snapshot
from models.domain.latency import BOUNDS

COVERAGE = 0.9
"""Share of the running containers that must have series."""
SETTLING = timedelta(minutes=2)
"""A container younger than that may not have been scraped yet."""

_MAIN: Mapping[Exporter, tuple[str, Severity, str]] = {
    Exporter.CADVISOR: ("cpu_usage", Severity.ERROR, "what pods use is not known"),
    Exporter.KUBE_STATE_METRICS: ("pod_info", Severity.ERROR, "samples cannot be given to pods"),
    Exporter.NODE_EXPORTER: ("node_cpu", Severity.WARNING, "what nodes use is not known"),
    Exporter.TRAEFIK: ("ingress_requests", Severity.INFO, "traffic through the ingress is not known and egress cannot be billed"),
}
CERTIFICATE = "kubelet_certificate_manager_client_ttl_seconds"
_TOLD: Mapping[str, str] = {
    "filesystem_fullest_share": "file systems",
    "inodes_fullest_share": "inodes",
    "filesystems_read_only": "read-only file systems",
    "network_receive_drops_total": "dropped packets",
    "network_receive_errors_total": "network errors",
    "disk_io_seconds_total": "disks",
    "major_page_faults_total": "page faults",
    "oom_kills_total": "kills for memory",
    "conntrack_limit": "tracked connections",
    "clock_synced": "the clock",
    "cpu_pressure_seconds_total": "pressure stalls (PSI)",
}
"""What is said of a column of a node that is not known."""

_OF_PROCESSES: Mapping[str, str] = {"open_connections": "open connections", "config_reloads_total": "reloads of its configuration"}


@dataclass(frozen=True, slots=True)
class Pulse:
    """How Prometheus itself scraped: `sampled` windows by their end, and the usual seconds between scrapes."""

    sampled: frozenset[float]
    pace: float | None
    down: tuple[str, ...]
    jobs: frozenset[str] = frozenset()

    def scrapes(self, exporter: Exporter, jobs: Jobs) -> bool:
        """Whether the exporter is scraped at all, also when it has nothing to tell."""
        return bool(self.jobs & set(jobs.of(exporter).split("|")))


def pulse(up: pl.DataFrame, rows: pl.DataFrame, windows: list[Window]) -> Pulse:
    """`up` has `job`, `instance`, `ms`, `value` from some minutes before the first window on; `rows` any samples with `ts`."""
    times = sorted({*(up["ms"].to_list()), *(round(t.timestamp() * 1000) for t in rows["ts"].to_list())})
    steps = up.sort("ms").with_columns((pl.col("ms") - pl.col("ms").shift(1).over("job", "instance")).alias("step"))
    pace = steps.filter(pl.col("step") > 0)["step"].median()
    seconds = float(pace) / 1000 if isinstance(pace, (int, float)) else None
    sampled = set()
    at = 0
    for window in windows:
        start, end = window.start.timestamp() * 1000, window.end.timestamp() * 1000
        while at < len(times) and times[at] <= start:
            at += 1
        # scraped more seldom than ticks are: a window between two scrapes is no gap
        slack = 1500 * seconds if seconds and seconds > window.seconds else 0.0
        before = times[at - 1] if at else float("-inf")
        if (at < len(times) and times[at] <= end) or before > end - slack:
            sampled.add(window.end.timestamp())
    last = up.sort("ms").unique(["job", "instance"], keep="last")
    down = last.filter(pl.col("value") == 0).select(pl.format("{} ({})", "job", "instance")).to_series().sort().to_list()
    return Pulse(frozenset(sampled), seconds, tuple(down), frozenset(up["job"].unique()))


def unsampled(window: Window) -> Finding:
    return Finding(
        NOT_SAMPLED,
        Severity.WARNING,
        f"Prometheus scraped nothing between {window.start:%H:%M:%S} and {window.end:%H:%M:%S} UTC: it was stopped or overloaded.",
    )


def of_exporters(tables: Mapping[str, pl.DataFrame], jobs: Jobs, pulse: Pulse, window: Window) -> Iterator[Finding]:
    for exporter, (name, severity, consequence) in _MAIN.items():
        if tables[name].is_empty() and not (exporter is Exporter.TRAEFIK and pulse.scrapes(exporter, jobs)):
            job = jobs.of(exporter) or "any"
            yield Finding(
                f"missing_{exporter.value}",
                severity,
                f"No series of {exporter.value.replace('_', '-')} (job {job}), so {consequence}. Install it, "
                f"or set job_{exporter.value} to the job it has.",
            )
    if pulse.down:
        shown = ", ".join(pulse.down[:5]) + (f" and {len(pulse.down) - 5} more" if len(pulse.down) > 5 else "")
        yield Finding("targets_down", Severity.WARNING, f"Prometheus cannot scrape {shown}.")
    if pulse.pace is not None and pulse.pace > window.seconds * 1.5:
        yield Finding(
            "scraped_slowly",
            Severity.INFO,
            f"Prometheus scrapes every {pulse.pace:.0f} s, ticks are every {window.seconds:.0f} s: "
            "a longer tick would lose nothing.",
        )


def of_numbers(tables: Mapping[str, pl.DataFrame]) -> Iterator[Finding]:
    """Values that were left out, since what is NaN or infinite is no measurement."""
    lost = {name: n for name, table in tables.items() if (n := table["value"].null_count() - _endless(table))}
    if not lost:
        return
    count, asked = sum(lost.values()), sum(table.height for table in tables.values())
    shown = ", ".join(sorted(lost, key=lambda name: (-lost[name], name))[:3]) + (" and others" if len(lost) > 3 else "")
    yield Finding(
        "not_numbers",
        Severity.ERROR if count * 2 > asked else Severity.WARNING,
        f"{count:,} of {asked:,} values of Prometheus are no numbers (NaN or infinite), of {shown}; they count as not known. "
        "Look for what writes them: a recording rule that divides by zero, or a proxy that rewrites answers.",
    )


def _endless(table: pl.DataFrame) -> int:
    """Values that may be infinite: a kubelet without a client certificate has all the time of the world."""
    if METRIC not in table.columns:
        return 0
    return table.filter(pl.col("value").is_null() & (pl.col(METRIC) == CERTIFICATE)).height


def of_pods(rows: pl.DataFrame, unknown: int, unlabelled: int, host_network: int, seen: Snapshot | None) -> Iterator[Finding]:
    if unknown:
        yield Finding(
            "pods_unknown",
            Severity.WARNING,
            f"{unknown} series of containers belong to no pod that kube-state-metrics or the cluster knows; they are left out.",
        )
    if unlabelled:
        yield Finding(
            "labels_missing",
            Severity.WARNING,
            f"The series of {unlabelled} pods carry no container label; their pod's control group stands for them.",
        )
    if host_network:
        yield Finding(
            "host_network", Severity.INFO, f"{host_network} pods use their node's network; traffic of their own is not known."
        )
    if seen is not None and seen.stale_since is None:
        yield from _coverage(rows, seen)


def _coverage(rows: pl.DataFrame, seen: Snapshot) -> Iterator[Finding]:
    running = {
        (pod.uid, one.name)
        for pod in seen.pods.values()
        if pod.phase is Phase.RUNNING
        for one in pod.containers
        if one.state == "running" and one.started_at is not None and one.started_at < seen.as_of - SETTLING
    }
    if not running:
        return
    uids = set(rows["uid"].unique().to_list())
    if not uids & set(seen.pods) and len(running) >= 10 and uids:
        yield Finding(
            "other_cluster",
            Severity.ERROR,
            "None of the pods that Prometheus knows are in this cluster. Check prometheus_url, kubeconfig and the job settings.",
        )
        return
    measured = rows.filter(pl.col("cpu_usage_seconds_total").is_not_null() & pl.col("memory_working_set_bytes").is_not_null())
    have = set(measured.select("uid", "container").unique().iter_rows())
    whole = {uid for uid, container in have if not container}
    covered = sum(1 for uid, name in running if (uid, name) in have or uid in whole)
    if covered < COVERAGE * len(running):
        yield Finding(
            "label_coverage",
            Severity.WARNING,
            f"CPU and memory arrive of {covered} of {len(running)} running containers ({100 * covered / len(running):.0f} %).",
        )


def of_nodes(rows: pl.DataFrame, unknown: tuple[str, ...], jobs: Jobs) -> Iterator[Finding]:
    if unknown:
        shown = ", ".join(unknown[:5])
        yield Finding(
            "nodes_unknown",
            Severity.WARNING,
            f"Machines that are no nodes of this cluster are left out: {shown}. "
            "Restrict job_node_exporter if they are of another one.",
        )
    without = rows.filter(pl.col("cpu_seconds_total").is_null())["node"].unique().sort().to_list()
    if without and len(without) < rows["node"].n_unique():
        yield Finding("nodes_unmeasured", Severity.WARNING, f"No node-exporter answers on {', '.join(without[:5])}.")
    yield from _untold(rows.filter(pl.col("cpu_seconds_total").is_not_null()))
    if not rows.is_empty() and rows["running_pods"].null_count() == rows.height:
        yield Finding(
            "missing_kubelet",
            Severity.INFO,
            f"No series of the kubelets themselves (job {jobs.of(Exporter.KUBELET) or 'any'}), so running pods, evictions, slow "
            "relists and certificates of nodes are not known. Scrape their /metrics, or set job_kubelet to the job it has.",
        )


def _untold(measured: pl.DataFrame) -> Iterator[Finding]:
    """What node-exporter could say of a machine and does not: a collector is off, or the kernel does not count it."""
    last = measured.sort("tick").unique("node", keep="last")
    unknown = {words: last[name].null_count() for name, words in _TOLD.items() if last[name].null_count()}
    if unknown:
        parts = []
        for count in sorted(set(unknown.values()), reverse=True):
            words = ", ".join(word for word, n in unknown.items() if n == count)
            parts.append(words if count == last.height else f"{words} on {count} of {last.height} nodes")
        yield Finding(
            "node_metrics_missing",
            Severity.INFO,
            f"node-exporter does not tell of {'; nor of '.join(parts)}: they count as not known. "
            "Switch on its collectors where the kernel counts them.",
        )


def of_volumes(rows: pl.DataFrame) -> Iterator[Finding]:
    last = rows.sort("tick").unique(["namespace", "claim"], keep="last")
    none, shared = (last.filter(pl.col("scope") == scope).height for scope in ("none", "filesystem"))
    if none:
        yield Finding(
            "volumes_without_statistics",
            Severity.INFO,
            f"The storage gives no statistics of {none} of {last.height} volumes, as local-path does not: their use is not known.",
        )
    if shared:
        yield Finding(
            "volumes_share_disk",
            Severity.INFO,
            f"Statistics of {shared} of {last.height} volumes are those of the disk that they share; do not add them up.",
        )


def of_certificates(certificates: pl.DataFrame, window: Window) -> Iterator[Finding]:
    """Those that the ingress serves and that nobody renewed."""
    soon = ending(certificates, window.end)
    if soon:
        shown = ", ".join(f"{names.replace(',', ', ')} ({end:%Y-%m-%d})" for names, end in soon[:3])
        more = f" and {len(soon) - 3} more" if len(soon) > 3 else ""
        yield Finding(
            "ingress_certificates",
            Severity.ERROR if soon[0][1] <= window.end else Severity.WARNING,
            f"Certificates of the ingress end soon or have ended: {shown}{more}. Look why they are not renewed.",
        )


def of_processes(rows: pl.DataFrame, scraped: bool) -> Iterator[Finding]:
    """What the processes of the ingress do not tell of themselves; nothing about an ingress that is not scraped at all."""
    last = rows.sort("tick").unique("instance", keep="last")
    missing = [words for name, words in _OF_PROCESSES.items() if last[name].null_count() == last.height]
    if scraped and missing:
        yield Finding(
            "ingress_processes_untold",
            Severity.INFO,
            f"The ingress does not tell of {' and '.join(missing)}: they count as not known. Traefik tells them by "
            "traefik_open_connections and traefik_config_reloads_total, with the metrics of its entry points switched on.",
        )


def of_ingress(rows: pl.DataFrame, within: pl.DataFrame) -> Iterator[Finding]:
    unmatched = rows.filter(pl.col("namespace").is_null())["service"].unique().sort().to_list()
    unmatched = [name for name in unmatched if not name.endswith("@internal")]
    if unmatched:
        yield Finding(
            "ingress_unmatched",
            Severity.INFO,
            f"Traffic of {len(unmatched)} names of the ingress belongs to no known service: {', '.join(unmatched[:3])}.",
        )
    if rows.is_empty():
        return
    if rows["timed_requests_total"].null_count() == rows.height:
        yield Finding(
            "ingress_untimed",
            Severity.INFO,
            "The ingress counts requests but not how long they take, so latency is not known. "
            "Traefik tells it by traefik_service_request_duration_seconds.",
        )
    strange = foreign(within)
    if strange:
        shown = ", ".join(f"{bound:g}" for bound in strange[:5])
        yield Finding(
            "ingress_bounds",
            Severity.INFO,
            f"The ingress counts answers within {shown} s, for which there is no column; percentiles of latency use its other bounds. "
            f"Kept are {', '.join(f'{bound:g}' for bound in BOUNDS)} s.",
        )
