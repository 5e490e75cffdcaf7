"""What is measured on a node: the sum of its pods, and what the machine itself adds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from models.world import chance, filesystems
from models.world.chance import Floats
from models.world.curves import Office
from models.world.filesystems import ROOT, Disk
from models.world.meters import CPU, READ, RECEIVED, SENT, WRITTEN, Meter, node_ready, pages
from models.world.table import Facts
from models.world.timeline import Incarnation, Machine

COUNTERS = (
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
    "major_page_faults_total",
    "oom_kills_total",
    "evictions_total",
    "pleg_relists_total",
    "pleg_relists_over_1s_total",
    "pleg_relists_over_10s_total",
    "cpu_pressure_seconds_total",
    "memory_pressure_seconds_total",
    "memory_stall_seconds_total",
    "io_pressure_seconds_total",
    "io_stall_seconds_total",
)
MEASURED = (
    "memory_total_bytes",
    "memory_available_bytes",
    "filesystem_size_bytes",
    "filesystem_available_bytes",
    "filesystem_fullest_share",
    "inodes_fullest_share",
    "filesystems_read_only",
    "conntrack_entries",
    "conntrack_limit",
    "clock_offset_seconds",
    "clock_synced",
    "running_pods",
    "kubelet_certificate_seconds",
    "load1",
)
"""What only a machine under power says."""
GAUGES = (
    *MEASURED,
    "cpu_capacity_cores",
    "cpu_allocatable_cores",
    "memory_allocatable_bytes",
    "pods_allocatable",
    "ready",
    "memory_pressure",
    "disk_pressure",
    "pid_pressure",
    "unschedulable",
)
SYSTEM_CORES = 0.12
"""What kernel, kubelet and control plane take."""
SYSTEM_MEMORY = 620 * 2**20
CONNECTIONS = 131_072
CERTIFICATE = 365 * 86400.0
RENEWED = 0.8 * CERTIFICATE
"""How long the kubelet's certificate is good, and when it takes a new one."""
ROLE = "node-role.kubernetes.io/"
MetersOf = Callable[[Incarnation], Meter]


class Gauge:
    """Measures one machine."""

    def __init__(self, machine: Machine, seed: int, meter: MetersOf) -> None:
        self.machine, self._meter = machine, meter
        self._certified = chance.between(0.0, RENEWED, seed, machine.name, "certificate")
        self._steal = chance.between(0.0004, 0.002, seed, machine.name, "steal")
        self._key = np.array([[chance.key(seed, machine.name, "wander")]], dtype=np.uint64)
        self._past: dict[str, Floats] = {}
        self._boots: dict[float, Floats] = {}

    def life(self, x: Floats, pods: Sequence[Incarnation]) -> Floats:
        """A row of each of COUNTERS: what was counted since the machine is there. `pods`: all that ever were on it, up to now."""
        up = np.zeros(len(x))
        for boot in self.machine.boots:
            up += np.clip(x, boot.start, math.inf if boot.end is None else boot.end) - boot.start
        pod_sum = np.zeros((7, len(x)))
        kills = np.zeros(len(x))
        first = float(x[0])
        for pod in pods:
            meter = self._meter(pod)
            if pod.until <= first:
                if pod.uid not in self._past:
                    self._past[pod.uid] = meter.life(np.array([pod.until]))[0]
                pod_sum += self._past[pod.uid]
            else:
                pod_sum += meter.life(x)[0]
            ends = [run.end for run in pod.runs if run.reason == "OOMKilled" and run.end is not None]
            if ends:
                kills += np.searchsorted(np.array(ends), x, "right")
        total = self.machine.capacity.cpu * up
        steal = self._steal * total
        used = pod_sum[CPU] + SYSTEM_CORES * up
        traffic = pod_sum[RECEIVED] + pod_sum[SENT]
        received = pod_sum[RECEIVED] + 0.02 * traffic + 900.0 * up
        disk = 0.004 * up + (pod_sum[READ] + pod_sum[WRITTEN]) / 60e6
        none = np.zeros(len(x))
        return np.stack(
            (
                total,
                total - used - steal,
                steal,
                received,
                pod_sum[SENT] + 0.02 * traffic + 1100.0 * up,
                np.floor(received / 4e9),
                none,
                none,
                none,
                disk,
                1.7 * disk,
                np.floor(0.02 * up + pod_sum[READ] / 5e6),
                kills,
                none,
                np.floor(up),
                np.floor(up / 5400.0),
                none,
                0.02 * used,
                0.0004 * up,
                0.0001 * up,
                0.3 * disk,
                0.1 * disk,
            )
        )

    def read(self, x: Floats, pods: Sequence[Incarnation], offices: Sequence[Office]) -> dict[str, Floats]:
        """All columns of an entity `node` at `x`; without power only what the control plane knows."""
        origin = np.zeros(len(x))
        powered = np.zeros(len(x), dtype=np.bool_)
        for boot in self.machine.boots:
            here = (x >= boot.start) & (x < (math.inf if boot.end is None else boot.end))
            origin[here], powered = boot.start, powered | here
        begun, inverse = np.unique(origin[powered], return_inverse=True)
        value = np.full((len(COUNTERS), len(x)), math.nan)
        if powered.any():
            before = np.concatenate([self._at_boot(float(start), pods) for start in begun], 1)
            value[:, powered] = self.life(x[powered], pods) - before[:, inverse]
        columns = dict(zip(COUNTERS, value, strict=True))
        columns |= self.gauges(x, pods, offices)
        columns["started_at"] = np.where(powered, origin, math.nan)
        return columns

    def _at_boot(self, start: float, pods: Sequence[Incarnation]) -> Floats:
        if start not in self._boots:
            self._boots[start] = self.life(np.array([start]), pods)
        return self._boots[start]

    def powered(self, x: Floats) -> NDArray[np.bool_]:
        found = np.zeros(len(x), dtype=np.bool_)
        for boot in self.machine.boots:
            found |= (x >= boot.start) & (x < (math.inf if boot.end is None else boot.end))
        return found

    def filesystem(self, disk: Disk, x: Floats) -> dict[str, Floats]:
        """All columns of an entity `filesystem` at `x`; not known without power."""
        columns, powered = filesystems.read(disk, x, self._noise(x)), self.powered(x)
        return columns if powered.all() else {name: np.where(powered, values, math.nan) for name, values in columns.items()}

    def _noise(self, x: Floats) -> Floats:
        found: Floats = chance.wander(self._key, x[None, :], 120.0)[0]
        return found

    def gauges(self, x: Floats, pods: Sequence[Incarnation], offices: Sequence[Office]) -> dict[str, Floats]:
        """Each of GAUGES at `x`."""
        memory, cores, ran = np.zeros(len(x)), np.full(len(x), SYSTEM_CORES), np.zeros(len(x))
        first = float(x[0])
        for pod in pods:
            if pod.until <= first:
                continue
            meter = self._meter(pod)
            runs = meter.runs()
            if not len(runs.start):
                continue
            found = np.searchsorted(runs.start, x, "right") - 1
            running = (found >= 0) & (x < runs.end[np.maximum(found, 0)])
            memory += np.nan_to_num(meter.memory(x, found, running))
            cores += np.where(running, meter.mind.cores(x), 0.0)
            ran += running
        noise = self._noise(x)
        crowd = np.zeros(len(x))
        for office in offices:
            crowd += office.on(x)
        whole = self.machine
        root = filesystems.read(ROOT, x, noise)
        same = {
            "memory_total_bytes": float(whole.capacity.memory),
            "filesystems_read_only": 0.0,
            "conntrack_limit": float(CONNECTIONS),
            "clock_synced": 1.0,
            "cpu_capacity_cores": whole.capacity.cpu,
            "cpu_allocatable_cores": whole.allocatable.cpu,
            "memory_allocatable_bytes": float(whole.allocatable.memory),
            "pods_allocatable": float(whole.allocatable.pods),
            "memory_pressure": 0.0,
            "disk_pressure": 0.0,
            "pid_pressure": 0.0,
        }
        columns = {name: np.full(len(x), value) for name, value in same.items()}
        columns["memory_available_bytes"] = pages(np.maximum(2.0**26, whole.capacity.memory - SYSTEM_MEMORY - memory))
        columns["filesystem_size_bytes"] = root["size_bytes"]
        columns["filesystem_available_bytes"] = root["available_bytes"]
        # the root file system is always the fullest, and the only one that has inodes
        columns["filesystem_fullest_share"] = 1 - root["available_bytes"] / root["size_bytes"]
        columns["inodes_fullest_share"] = 1 - root["inodes_free"] / root["inodes"]
        columns["conntrack_entries"] = np.floor(180.0 + 40.0 * ran + 900.0 * cores)
        columns["clock_offset_seconds"] = np.round(0.0006 * noise, 6)
        columns["running_pods"] = ran
        columns["kubelet_certificate_seconds"] = np.round(CERTIFICATE - np.mod(x + self._certified, RENEWED))
        columns["load1"] = np.round(cores * (0.75 + 0.6 * noise) + 1.4 * crowd, 2)
        columns["unschedulable"] = np.array([whole.cordoned_at(at) for at in x], dtype=np.float64)
        columns["ready"] = node_ready(whole, x).astype(np.float64)
        powered = self.powered(x)
        if not powered.all():
            columns |= {name: np.where(powered, columns[name], math.nan) for name in MEASURED}
        return columns


def facts(machine: Machine) -> Facts:
    """What describes it."""
    roles = sorted(label.removeprefix(ROLE) for label in machine.labels if label.startswith(ROLE))
    return {"node": machine.name, "roles": ",".join(roles), "taints": ""}
