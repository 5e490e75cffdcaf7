"""What is wrong with machines themselves, from what their exporter and their kubelet tell. What is not known is never a trouble.

"node-mixin" and "kubernetes-mixin" are the alert rules that most clusters run; where a limit is theirs, the rule is named.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from models.domain.trouble_shapes import Kind, Severity, Trouble, percent

LATELY = timedelta(hours=1)
"""Over which counters are judged."""
SPACE_WARNING = 0.10
"""Share of free space below which the kubelet puts pods out (its default `evictionHard`: nodefs.available<10%)."""
SPACE_CRITICAL = 0.03
"""node-mixin, NodeFilesystemAlmostOutOfSpace, critical."""
INODES_WARNING = 0.05
"""The kubelet's default `evictionHard` (nodefs.inodesFree<5%), and node-mixin, NodeFilesystemAlmostOutOfFiles, warning."""
INODES_CRITICAL = 0.03
"""node-mixin, NodeFilesystemAlmostOutOfFiles, critical."""
CLOCK_SECONDS = 0.05
"""node-mixin, NodeClockSkewDetected. Whether it is synced: NodeClockNotSynchronising."""
CONNECTIONS = 0.75
"""Share of the connections that can be tracked: node-mixin, NodeHighNumberConntrackEntriesUsed."""
FAULTS_SHARE = 0.01
"""Share of the packets: node-mixin, NodeNetworkReceiveErrs and NodeNetworkTransmitErrs. Packets are not collected, so they are the
bytes at PACKET_BYTES each, which is the fewest that they can be; and at least FAULTS_A_SECOND, lest two of a hundred count."""
PACKET_BYTES = 1500.0
FAULTS_A_SECOND = 1.0
CERTIFICATE_WARNING = timedelta(days=7)
CERTIFICATE_CRITICAL = timedelta(days=1)
"""kubernetes-mixin, KubeletClientCertificateExpiration."""
SLOW_SHARE = 0.01
"""Of the relists, those above 10 s: more means that their p99 is. kubernetes-mixin, KubeletPlegDurationHigh."""
FAULTS_FROM_DISK = 500.0
"""Page faults a second that needed the disk: node-mixin, NodeMemoryMajorPagesFaults."""
WAITING_FOR_DISKS = 10.0
"""Requests that wait for a disk at any time, on the average: node-mixin, NodeDiskIOSaturation."""
PODS_SHARE = 0.95
"""Of the pods that may run: kubernetes-mixin, KubeletTooManyPods."""


@dataclass(frozen=True, slots=True)
class FilesystemUse:
    """Newest measurement of one file system. None: not known. `wrote_until`: when it was last seen to take writes."""

    mountpoint: str
    size_bytes: float | None = None
    available_bytes: float | None = None
    inodes: float | None = None
    inodes_free: float | None = None
    read_only: bool | None = None
    wrote_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class MachineUse:
    """Newest measurements of one node, and what was counted on it within LATELY. None: not known."""

    node: str
    filesystems: tuple[FilesystemUse, ...] = ()
    conntrack_entries: float | None = None
    conntrack_limit: float | None = None
    clock_offset_seconds: float | None = None
    clock_synced: bool | None = None
    certificate_seconds: float | None = None
    running_pods: float | None = None
    pods_limit: int | None = None
    cpu_waiting_share: float | None = None
    memory_waiting_share: float | None = None
    disk_waiting_share: float | None = None
    """Shares of the time in which something waited (PSI some)."""
    steal_share: float | None = None
    """Of the CPU time, what the hypervisor kept."""
    seconds: float = 0.0
    """Of LATELY for which the counters below are known."""
    drops: float | None = None
    errors: float | None = None
    network_bytes: float | None = None
    evictions: float | None = None
    relists: float | None = None
    relists_over_10s: float | None = None
    page_faults: float | None = None
    disk_wait_seconds: float | None = None


def of_machines(machines: Iterable[MachineUse]) -> Iterable[Trouble]:
    """Everything that is wrong with them, in no order."""
    for one in machines:
        for disk in one.filesystems:
            yield from _space(one.node, disk)
            yield from _read_only(one.node, disk)
        yield from _clock(one)
        yield from _connections(one)
        yield from _certificate(one)
        yield from _kubelet(one)
        yield from _network(one)
        yield from _saturation(one)


def _trouble(
    kind: Kind, node: str, reason: str, next_step: str, severity: Severity = Severity.WARNING, since: datetime | None = None
) -> Trouble:
    return Trouble(kind, severity, f"node:{node}", node, since, reason, next_step)


def _space(node: str, disk: FilesystemUse) -> Iterable[Trouble]:
    step = "Delete what is not needed there, or enlarge it, before the kubelet puts pods out."
    for what, whole, free, soon, now in (
        ("space", disk.size_bytes, disk.available_bytes, SPACE_WARNING, SPACE_CRITICAL),
        ("inodes", disk.inodes, disk.inodes_free, INODES_WARNING, INODES_CRITICAL),
    ):
        if not whole or free is None or free / whole >= soon or disk.read_only:
            continue
        severity = Severity.CRITICAL if free / whole < now else Severity.WARNING
        reason = f"The file system {disk.mountpoint} has {percent(free / whole, 1)} of its {what} left."
        yield _trouble(Kind.FILESYSTEM_FILLING, node, reason, step, severity)


def _read_only(node: str, disk: FilesystemUse) -> Iterable[Trouble]:
    """One that took writes before is broken; one that never did may be meant so, as `/usr` of some systems is."""
    if disk.read_only and disk.wrote_until is not None:
        yield _trouble(
            Kind.FILESYSTEM_READ_ONLY,
            node,
            f"The file system {disk.mountpoint} takes no writes any more.",
            "The kernel does so after errors of the disk: read its log, move the pods away, check the disk.",
            Severity.CRITICAL,
            disk.wrote_until,
        )


def _clock(one: MachineUse) -> Iterable[Trouble]:
    step = "Look at its time service (chrony or systemd-timesyncd): certificates and samples depend on the time."
    if one.clock_offset_seconds is not None and one.clock_offset_seconds > CLOCK_SECONDS:
        yield _trouble(Kind.CLOCK_OFF, one.node, f"Its clock is off by {one.clock_offset_seconds:.2f} s.", step)
    elif one.clock_synced is False:
        # the mixin also asks for an error of 16 s: where the hypervisor sets the clock, nobody tells the kernel
        yield _trouble(Kind.CLOCK_OFF, one.node, "Its clock follows no time server that it knows of.", step, Severity.INFO)


def _connections(one: MachineUse) -> Iterable[Trouble]:
    if one.conntrack_entries is None or not one.conntrack_limit:
        return
    share = one.conntrack_entries / one.conntrack_limit
    if share > CONNECTIONS:
        yield _trouble(
            Kind.CONNECTIONS_FULL,
            one.node,
            f"It keeps track of {one.conntrack_entries:,.0f} connections, {percent(share)} of what it can; beyond that it refuses.",
            "Raise nf_conntrack_max, or look for what opens so many.",
        )


def _certificate(one: MachineUse) -> Iterable[Trouble]:
    left = one.certificate_seconds
    if left is None or left >= CERTIFICATE_WARNING.total_seconds():
        return
    days = left / 86400
    until = "has ended" if left <= 0 else f"ends in {days:.1f} days" if days >= 1 else f"ends in {left / 3600:.1f} hours"
    yield _trouble(
        Kind.CERTIFICATE_ENDING,
        one.node,
        f"The certificate by which its kubelet reaches the cluster {until}.",
        "Look why it is not renewed; K3s renews at a restart of its service.",
        Severity.CRITICAL if left < CERTIFICATE_CRITICAL.total_seconds() else Severity.WARNING,
    )


def _kubelet(one: MachineUse) -> Iterable[Trouble]:
    evicted = round(one.evictions or 0.0)
    if evicted >= 1:
        pods = "1 pod" if evicted == 1 else f"{evicted} pods"
        yield _trouble(
            Kind.EVICTIONS,
            one.node,
            f"Its kubelet put {pods} out within an hour for want of memory or disk.",
            "See its events for the pods and for what was scarce.",
        )
    if one.relists and one.relists_over_10s is not None and one.relists_over_10s > SLOW_SHARE * one.relists:
        yield _trouble(
            Kind.KUBELET_SLOW,
            one.node,
            f"Its kubelet needed more than 10 s to list its containers {percent(one.relists_over_10s / one.relists)} of the time.",
            "Look at its disk and its container runtime: states of its pods come late.",
        )
    if one.running_pods is not None and one.pods_limit and one.running_pods > PODS_SHARE * one.pods_limit:
        yield _trouble(
            Kind.NODE_FULL,
            one.node,
            f"It runs {one.running_pods:.0f} of at most {one.pods_limit} pods.",
            "Add a node, or raise max-pods if it has memory left.",
            Severity.INFO,
        )


def _network(one: MachineUse) -> Iterable[Trouble]:
    packets = (one.network_bytes or 0.0) / PACKET_BYTES
    for what, count, step in (
        ("threw away {share} of its packets", one.drops, "Look at the queues of its interfaces and at its load."),
        ("had errors in {share} of its packets", one.errors, "Look at cable, switch and driver of its interfaces."),
    ):
        if count is None or not one.seconds or count < FAULTS_A_SECOND * one.seconds or count <= FAULTS_SHARE * packets:
            continue
        share = percent(min(1.0, count / packets)) if packets else "many"
        reason = f"It {what.format(share=share)} within an hour ({count / one.seconds:,.1f} a second)."
        yield _trouble(Kind.NETWORK_FAULTS, one.node, reason, step)


def _saturation(one: MachineUse) -> Iterable[Trouble]:
    if not one.seconds:
        return
    if one.page_faults is not None and one.page_faults / one.seconds > FAULTS_FROM_DISK:
        yield _trouble(
            Kind.MEMORY_THRASHING,
            one.node,
            f"It reads memory back from the disk {one.page_faults / one.seconds:,.0f} times a second: it is short of memory.",
            "See its largest pods and move or limit one.",
        )
    if one.disk_wait_seconds is not None and one.disk_wait_seconds / one.seconds > WAITING_FOR_DISKS:
        yield _trouble(
            Kind.DISK_SATURATED,
            one.node,
            f"{one.disk_wait_seconds / one.seconds:.0f} requests wait for its disks at any time.",
            "Look which pods read and write most; a faster disk, or fewer of them.",
        )
