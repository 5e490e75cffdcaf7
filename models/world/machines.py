"""What is measured on a node: the sum of its pods, and what the machine itself adds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from models.world import chance
from models.world.chance import Floats
from models.world.curves import Office
from models.world.meters import CPU, READ, RECEIVED, SENT, WRITTEN, Meter, node_ready, pages
from models.world.timeline import Incarnation, Machine

COUNTERS = (
    "cpu_seconds_total",
    "cpu_idle_seconds_total",
    "cpu_steal_seconds_total",
    "network_receive_bytes_total",
    "network_transmit_bytes_total",
    "disk_io_seconds_total",
    "major_page_faults_total",
    "oom_kills_total",
)
GAUGES = (
    "memory_total_bytes",
    "memory_available_bytes",
    "filesystem_size_bytes",
    "filesystem_available_bytes",
    "load1",
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
DISK = 80 * 2**30
MetersOf = Callable[[Incarnation], Meter]


class Gauge:
    """Measures one machine."""

    def __init__(self, machine: Machine, seed: int, meter: MetersOf) -> None:
        self.machine, self._meter = machine, meter
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
            if pod.gone is not None and pod.gone <= first:
                if pod.uid not in self._past:
                    self._past[pod.uid] = meter.life(np.array([pod.gone]))[0]
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
        return np.stack(
            (
                total,
                total - used - steal,
                steal,
                pod_sum[RECEIVED] + 0.02 * traffic + 900.0 * up,
                pod_sum[SENT] + 0.02 * traffic + 1100.0 * up,
                0.004 * up + (pod_sum[READ] + pod_sum[WRITTEN]) / 60e6,
                np.floor(0.02 * up + pod_sum[READ] / 5e6),
                kills,
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
        for name in (
            "memory_total_bytes",
            "memory_available_bytes",
            "filesystem_size_bytes",
            "filesystem_available_bytes",
            "load1",
        ):
            columns[name] = np.where(powered, columns[name], math.nan)
        columns["started_at"] = np.where(powered, origin, math.nan)
        return columns

    def _at_boot(self, start: float, pods: Sequence[Incarnation]) -> Floats:
        if start not in self._boots:
            self._boots[start] = self.life(np.array([start]), pods)
        return self._boots[start]

    def gauges(self, x: Floats, pods: Sequence[Incarnation], offices: Sequence[Office]) -> dict[str, Floats]:
        memory, cores = np.zeros(len(x)), np.full(len(x), SYSTEM_CORES)
        first = float(x[0])
        for pod in pods:
            if pod.gone is not None and pod.gone <= first:
                continue
            meter = self._meter(pod)
            runs = meter.runs()
            if not len(runs.start):
                continue
            found = np.searchsorted(runs.start, x, "right") - 1
            running = (found >= 0) & (x < runs.end[np.maximum(found, 0)])
            memory += np.nan_to_num(meter.memory(x, found, running))
            cores += np.where(running, meter.mind.cores(x), 0.0)
        noise = chance.wander(self._key, x[None, :], 120.0)[0]
        crowd = np.zeros(len(x))
        for office in offices:
            crowd += office.on(x)
        whole = self.machine
        filled = 0.31 + 0.05 * (1 - np.exp(-np.maximum(x, 0.0) / (200 * 86400.0))) + 0.01 * noise
        same = {
            "memory_total_bytes": float(whole.capacity.memory),
            "filesystem_size_bytes": float(DISK),
            "cpu_capacity_cores": whole.capacity.cpu,
            "cpu_allocatable_cores": whole.allocatable.cpu,
            "memory_allocatable_bytes": float(whole.allocatable.memory),
            "pods_allocatable": float(whole.allocatable.pods),
            "memory_pressure": 0.0,
            "disk_pressure": 0.0,
            "pid_pressure": 0.0,
            "unschedulable": 0.0,
        }
        columns = {name: np.full(len(x), value) for name, value in same.items()}
        columns["memory_available_bytes"] = pages(np.maximum(2.0**26, whole.capacity.memory - SYSTEM_MEMORY - memory))
        columns["filesystem_available_bytes"] = pages(DISK * (1 - filled))
        columns["load1"] = np.round(cores * (0.75 + 0.6 * noise) + 1.4 * crowd, 2)
        columns["ready"] = node_ready(whole, x).astype(np.float64)
        return columns
