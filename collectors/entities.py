"""What is measured: one wide row per thing and tick, with the unit of every column.

This is the one list of metric columns. Sources fill frames by it, the warehouse makes its tables, roll-ups, views and its
dictionary from it. A counter only grows (until it is reset); a gauge is a level. `None` in a frame means "not known", never zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from models.domain import latency


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    unit: str
    about: str


@dataclass(frozen=True, slots=True)
class Entity:
    """A kind of thing that is sampled at each tick. `key` columns identify it (after the cluster), `facts` describe it.

    A frame for an entity has `ts` (aware UTC, the sample's own time), the key columns, any of the facts and any of the metrics.
    """

    name: str
    about: str
    key: tuple[Column, ...]
    facts: tuple[Column, ...]
    counters: tuple[Column, ...]
    gauges: tuple[Column, ...]
    rolled: bool = True
    """Whether 5-minute and hourly windows are kept."""
    summed: frozenset[str] = frozenset()
    """Counters that are sums over parts (devices, cores, status codes) which come, go and begin again on their own. When such a sum
    falls nobody knows what was counted meanwhile: the increase is unknown, where a single counter's is what it shows since zero."""

    @property
    def metrics(self) -> tuple[Column, ...]:
        return self.counters + self.gauges


def _columns(*rows: tuple[str, str, str]) -> tuple[Column, ...]:
    return tuple(Column(*row) for row in rows)


POD = Entity(
    name="pod",
    about="One container of a pod. Network and ready are the pod's and stand on its first container only.",
    key=_columns(
        ("namespace", "", "namespace of the pod"),
        ("uid", "", "uid of the pod"),
        ("container", "", "name of the container"),
    ),
    facts=_columns(
        ("pod", "", "name of the pod"),
        ("node", "", "node it was first seen on"),
        ("started_at", "time", "start of the pod, from which its counters begin at zero"),
    ),
    counters=_columns(
        ("cpu_usage_seconds_total", "s", "CPU time used"),
        ("cpu_cfs_periods_total", "1", "CPU periods in which it wanted to run"),
        ("cpu_cfs_throttled_periods_total", "1", "CPU periods in which its limit stopped it"),
        ("network_receive_bytes_total", "B", "bytes received"),
        ("network_transmit_bytes_total", "B", "bytes sent"),
        ("fs_reads_bytes_total", "B", "bytes read from disk"),
        ("fs_writes_bytes_total", "B", "bytes written to disk"),
        ("restarts_total", "1", "restarts of the container"),
    ),
    gauges=_columns(
        ("memory_working_set_bytes", "B", "memory that the kernel counts before it kills"),
        ("memory_rss_bytes", "B", "anonymous memory"),
        ("cpu_request_cores", "cores", "CPU asked for"),
        ("cpu_limit_cores", "cores", "CPU limit"),
        ("memory_request_bytes", "B", "memory asked for"),
        ("memory_limit_bytes", "B", "memory limit"),
        ("ready", "0/1", "whether the pod was ready"),
    ),
    summed=frozenset(
        ("network_receive_bytes_total", "network_transmit_bytes_total", "fs_reads_bytes_total", "fs_writes_bytes_total")
    ),
)

NODE = Entity(
    name="node",
    about="One machine of the cluster.",
    key=_columns(("node", "", "name of the node")),
    facts=_columns(
        ("started_at", "time", "boot of the node, from which its counters begin at zero"),
        ("roles", "", "roles it has in the cluster, comma separated; empty: none"),
        ("taints", "", "taints as key=value:effect, comma separated; empty: none"),
    ),
    counters=_columns(
        ("cpu_seconds_total", "s", "CPU time of all modes and cores"),
        ("cpu_idle_seconds_total", "s", "CPU time in modes idle and iowait"),
        ("cpu_steal_seconds_total", "s", "CPU time that the hypervisor kept"),
        ("network_receive_bytes_total", "B", "bytes received on physical interfaces"),
        ("network_transmit_bytes_total", "B", "bytes sent on physical interfaces"),
        ("network_receive_drops_total", "1", "packets received and thrown away, on physical interfaces"),
        ("network_transmit_drops_total", "1", "packets thrown away before they were sent, on physical interfaces"),
        ("network_receive_errors_total", "1", "packets received damaged, on physical interfaces"),
        ("network_transmit_errors_total", "1", "packets that could not be sent, on physical interfaces"),
        ("disk_io_seconds_total", "s", "time in which a disk was busy, over all disks"),
        ("disk_io_weighted_seconds_total", "s", "time that requests waited for a disk, all together"),
        ("major_page_faults_total", "1", "page faults that needed the disk"),
        ("oom_kills_total", "1", "processes that the kernel killed for memory"),
        ("evictions_total", "1", "pods that the kubelet put out for want of something, since it started"),
        ("pleg_relists_total", "1", "times that the kubelet listed its containers"),
        ("pleg_relists_over_1s_total", "1", "of these that took longer than 1 s; more than a hundredth: their p99 is above 1 s"),
        ("pleg_relists_over_10s_total", "1", "of these that took longer than 10 s; more than a hundredth: their p99 is above 10 s"),
        ("cpu_pressure_seconds_total", "s", "time in which something waited for a CPU (PSI some)"),
        ("memory_pressure_seconds_total", "s", "time in which something waited for memory (PSI some)"),
        ("memory_stall_seconds_total", "s", "time in which everything waited for memory (PSI full)"),
        ("io_pressure_seconds_total", "s", "time in which something waited for a disk (PSI some)"),
        ("io_stall_seconds_total", "s", "time in which everything waited for a disk (PSI full)"),
    ),
    gauges=_columns(
        ("memory_total_bytes", "B", "memory of the machine"),
        ("memory_available_bytes", "B", "memory that could be given to processes"),
        ("filesystem_size_bytes", "B", "size of the root file system"),
        ("filesystem_available_bytes", "B", "free space of the root file system"),
        ("filesystem_fullest_share", "1", "used share of the fullest file system; view `filesystem` has each"),
        ("inodes_fullest_share", "1", "used share of the inodes where the largest part of them is used"),
        ("filesystems_read_only", "1", "file systems that take no writes"),
        ("conntrack_entries", "1", "connections that the kernel keeps track of"),
        ("conntrack_limit", "1", "connections that it can keep track of; beyond it new ones are refused"),
        ("clock_offset_seconds", "s", "distance of its clock from the time servers', without sign"),
        ("clock_synced", "0/1", "whether its clock follows a time server"),
        ("running_pods", "1", "pods that the kubelet runs"),
        ("kubelet_certificate_seconds", "s", "time until the kubelet's client certificate ends"),
        ("load1", "1", "load average of one minute"),
        ("cpu_capacity_cores", "cores", "CPU the kubelet announces"),
        ("cpu_allocatable_cores", "cores", "CPU that pods may ask for"),
        ("memory_allocatable_bytes", "B", "memory that pods may ask for"),
        ("pods_allocatable", "1", "pods that may run"),
        ("ready", "0/1", "whether the node was ready; unknown is not ready"),
        ("memory_pressure", "0/1", "condition MemoryPressure"),
        ("disk_pressure", "0/1", "condition DiskPressure"),
        ("pid_pressure", "0/1", "condition PIDPressure"),
        ("unschedulable", "0/1", "whether it is cordoned"),
    ),
    summed=frozenset(
        (
            "cpu_seconds_total",
            "cpu_idle_seconds_total",
            "cpu_steal_seconds_total",
            "network_receive_bytes_total",
            "network_transmit_bytes_total",
            "network_receive_drops_total",
            "network_transmit_drops_total",
            "network_receive_errors_total",
            "network_transmit_errors_total",
            "disk_io_seconds_total",
            "disk_io_weighted_seconds_total",
            "evictions_total",
        )
    ),
)

FILESYSTEM = Entity(
    name="filesystem",
    about="One file system of a node's own; those of pods and of the kernel are left out, and a disk that is mounted twice is one.",
    key=_columns(("node", "", "name of the node"), ("mountpoint", "", "where it is mounted, the shortest path of several")),
    facts=_columns(("device", "", "device it is on"), ("fstype", "", "kind of file system")),
    counters=(),
    gauges=_columns(
        ("size_bytes", "B", "its size"),
        ("available_bytes", "B", "space that is free for everybody"),
        ("inodes", "1", "inodes in all; unknown where the file system makes them as needed"),
        ("inodes_free", "1", "inodes that are free"),
        ("read_only", "0/1", "whether it takes no writes"),
    ),
)

VOLUME = Entity(
    name="volume",
    about="One persistent volume claim. Statistics are unknown where the storage gives none (local-path).",
    key=_columns(("namespace", "", "namespace of the claim"), ("claim", "", "name of the claim")),
    facts=_columns(
        ("storage_class", "", "storage class"),
        ("volume", "", "name of the persistent volume"),
        ("scope", "", "claim: statistics of this volume; filesystem: of the disk it shares; none: there are none"),
    ),
    counters=(),
    gauges=_columns(
        ("requested_bytes", "B", "size asked for"),
        ("capacity_bytes", "B", "size as the node reports it"),
        ("used_bytes", "B", "bytes used"),
        ("available_bytes", "B", "bytes free"),
        ("inodes", "1", "inodes in all"),
        ("inodes_used", "1", "inodes used"),
    ),
)

_INGRESS_COUNTERS = _columns(
    ("requests_total", "1", "requests answered"),
    ("requests_4xx_total", "1", "of these with a status from 400 to 499"),
    ("requests_5xx_total", "1", "of these with a status from 500"),
    ("request_seconds_total", "s", "time spent answering"),
    ("received_bytes_total", "B", "bytes of requests"),
    ("sent_bytes_total", "B", "bytes of answers: what egress is billed from"),
    ("retries_total", "1", "requests that were sent to the service again because it did not answer"),
    ("timed_requests_total", "1", "requests whose time is in request_seconds_total and in the counters below"),
    *(
        (
            latency.within(bound),
            "1",
            f"requests answered within {bound:g} s; unknown when the ingress does not count for this bound",
        )
        for bound in latency.BOUNDS
    ),
)

INGRESS = Entity(
    name="ingress",
    about="One service behind the ingress, as one process of the ingress counts its traffic.",
    key=_columns(
        ("service", "", "name that the ingress gives it"),
        ("instance", "", "process of the ingress that counted: each restarts on its own, so its counters must stay apart"),
    ),
    facts=_columns(
        ("namespace", "", "namespace of the Kubernetes service, when the name could be matched to one"),
        ("target", "", "Kubernetes service and port, when the name could be matched"),
    ),
    counters=_INGRESS_COUNTERS,
    gauges=(),
    summed=frozenset(c.name for c in _INGRESS_COUNTERS),
)

INGRESS_PROCESS = Entity(
    name="ingress_process",
    about="One process of the ingress itself. Reloads that failed are not there: no Traefik counts them.",
    key=_columns(
        ("instance", "", "process of the ingress, as in `ingress`"),
    ),
    facts=(),
    counters=_columns(
        ("config_reloads_total", "1", "times that it took a new configuration, the first one included"),
    ),
    gauges=_columns(
        ("open_connections", "1", "connections that clients hold open, without those to its own metrics and dashboard"),
        ("config_age_seconds", "s", "time since it last took a configuration; unknown while it has taken none"),
        ("uptime_seconds", "s", "time since it started"),
    ),
)

ENTITIES: Mapping[str, Entity] = {e.name: e for e in (POD, NODE, FILESYSTEM, VOLUME, INGRESS, INGRESS_PROCESS)}


# Records are written by the same unit (cluster, tick, source) but are single facts: no counters, no windows.


@dataclass(frozen=True, slots=True)
class Record:
    """A kind of fact that is stored when it happens. `columns` are (name, DuckDB type, unit, meaning)."""

    name: str
    about: str
    columns: tuple[tuple[str, str, str, str], ...]


PROBE = Record(
    "probe",
    "One attempt to reach an address from outside. Unknown is not up.",
    (
        ("ts", "TIMESTAMP", "time", "when it was tried"),
        ("namespace", "VARCHAR", "", "namespace of what answers there"),
        ("address", "VARCHAR", "", "address that was tried"),
        ("outcome", "VARCHAR", "", "up, down or unknown"),
        ("status", "INTEGER", "", "HTTP status"),
        ("latency_seconds", "DOUBLE", "s", "time until the head of the answer"),
        ("certificate_expires_at", "TIMESTAMP", "time", "end of the certificate, with TLS"),
        ("reason", "VARCHAR", "", "why it is not up, in words"),
    ),
)

EVENT = Record(
    "event",
    "What the cluster said about an object, kept after the API forgets it.",
    (
        ("ts", "TIMESTAMP", "time", "when it was last said"),
        ("uid", "VARCHAR", "", "uid of the event"),
        ("namespace", "VARCHAR", "", "namespace of the object, empty for nodes"),
        ("kind", "VARCHAR", "", "kind of the object"),
        ("name", "VARCHAR", "", "name of the object"),
        ("object_uid", "VARCHAR", "", "uid of the object"),
        ("type", "VARCHAR", "", "Normal or Warning"),
        ("reason", "VARCHAR", "", "short reason"),
        ("message", "VARCHAR", "", "the sentence"),
        ("count", "INTEGER", "1", "how often so far"),
        ("first_at", "TIMESTAMP", "time", "when it was first said"),
        ("component", "VARCHAR", "", "who said it"),
    ),
)

POD_STATE = Record(
    "pod_state",
    "A change of a container's state. The row holds until the next one of the same uid and container.",
    (
        ("ts", "TIMESTAMP", "time", "when it was noticed"),
        ("namespace", "VARCHAR", "", "namespace of the pod"),
        ("pod", "VARCHAR", "", "name of the pod"),
        ("uid", "VARCHAR", "", "uid of the pod"),
        ("container", "VARCHAR", "", "name of the container, empty while the pod has none running"),
        ("node", "VARCHAR", "", "node it is on"),
        ("phase", "VARCHAR", "", "phase of the pod; Gone when it was deleted"),
        ("state", "VARCHAR", "", "waiting, running or terminated"),
        ("reason", "VARCHAR", "", "why it waits or ended, such as CrashLoopBackOff or OOMKilled"),
        ("ready", "BOOLEAN", "", "whether the container is ready"),
        ("restarts", "INTEGER", "1", "restarts so far"),
        ("last_reason", "VARCHAR", "", "why the run before ended"),
        ("last_exit_code", "INTEGER", "", "its exit code"),
        ("last_finished_at", "TIMESTAMP", "time", "when it ended"),
        ("started_at", "TIMESTAMP", "time", "start of the container's present run"),
    ),
)

NODE_STATE = Record(
    "node_state",
    "A change of a node's state. The row holds until the next one of the same node.",
    (
        ("ts", "TIMESTAMP", "time", "when it was noticed"),
        ("node", "VARCHAR", "", "name of the node"),
        ("ready", "BOOLEAN", "", "whether it is ready; NULL: the control plane does not know; gone nodes have phase Gone"),
        ("phase", "VARCHAR", "", "Ready, NotReady, Unknown or Gone"),
        ("reason", "VARCHAR", "", "why"),
        ("pressures", "VARCHAR", "", "pressure conditions that are true, comma separated"),
        ("unschedulable", "BOOLEAN", "", "whether it is cordoned"),
        ("version", "VARCHAR", "", "version of its kubelet"),
        ("cpu_allocatable_cores", "DOUBLE", "cores", "CPU that pods may ask for"),
        ("memory_allocatable_bytes", "DOUBLE", "B", "memory that pods may ask for"),
        ("pods_allocatable", "INTEGER", "1", "pods that may run"),
    ),
)

RECORDS: Mapping[str, Record] = {r.name: r for r in (PROBE, EVENT, POD_STATE, NODE_STATE)}
