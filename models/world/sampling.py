"""Raw samples: every thing is scraped each few seconds at its own offset, and a tick takes the newest scrape of its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.world import chance, filesystems, machines, meters, traffic, view
from models.world.chance import Floats
from models.world.filesystems import Disk
from models.world.orders import LOCAL
from models.world.table import Facts, Table, table
from models.world.timeline import Binding, Incarnation, Machine
from models.world.traffic import Service

if TYPE_CHECKING:
    from models.world.world import World

SCRAPE = 5.0
"""Seconds between two scrapes of one thing."""
Part = tuple[Facts, Mapping[str, Floats]]


def sample(world: World, entity: str, ends: Floats, seconds: float) -> Table:
    """As `World.samples` promises."""
    grid = _Grid(world, ends, seconds)
    match entity:
        case "pod":
            return table(_pods(world, grid), ("tick", "ts", *meters.COUNTERS, "restarts_total", *meters.GAUGES))
        case "node":
            return table(_nodes(world, grid), ("tick", "ts", "started_at", *machines.COUNTERS, *machines.GAUGES))
        case "filesystem":
            return table(_filesystems(world, grid), ("tick", "ts", *filesystems.GAUGES))
        case "volume":
            return table(_volumes(world, grid), ("tick", "ts", *traffic.VOLUME_GAUGES))
        case "ingress":
            return table(_ingress(world, grid), ("tick", "ts", *traffic.COUNTERS))
        case "ingress_process":
            return table(_processes(world, grid), ("tick", "ts", *traffic.PROCESS_COUNTERS, *traffic.PROCESS_GAUGES))
    raise ValueError(f"nothing is measured on {entity!r}")


class _Grid:
    """Ticks, and for a thing the instants of the scrapes that they take."""

    def __init__(self, world: World, ends: Floats, seconds: float) -> None:
        self._world, self._seconds = world, seconds
        self.ends = ends - world.origin
        self.first, self.last = float(self.ends[0]) - seconds, float(self.ends[-1])

    def scrapes(self, name: str, start: float, end: float) -> tuple[Floats, Floats]:
        """Ticks and scrapes of the thing called `name`, which is there in [start, end)."""
        # whole milliseconds, so that no rounding moves a sample into another tick
        offset = math.floor(chance.between(0.0, SCRAPE, self._world.seed, "scrape", name) * 1000) / 1000
        at = self.ends - np.mod(self.ends - offset, SCRAPE)
        kept: NDArray[np.bool_] = (at >= start) & (at < end) & (at > self.ends - self._seconds)
        for since, until in self._world.lost:
            if since < self.last and until > self.first:
                kept &= (at < since) | (at >= until)
        return self.ends[kept] + self._world.origin, at[kept]


def _stamped(world: World, ticks: Floats, x: Floats, columns: Mapping[str, Floats]) -> dict[str, Floats]:
    return {"tick": ticks, "ts": x + world.origin, **columns}


def alive(world: World, first: float, last: float) -> list[Incarnation]:
    """Pods that are there at some time in [first, last]."""
    return [pod for pod in world.timeline.pods if pod.created <= last and pod.until > first]


def pod_facts(world: World, pod: Incarnation) -> Facts:
    return {
        "namespace": pod.slot.namespace,
        "uid": pod.uid,
        "container": pod.slot.component.container,
        "pod": pod.name,
        "node": pod.node or "",
        "started_at": math.nan if pod.scheduled is None else pod.scheduled + world.origin,
    }


def volume_facts(world: World, binding: Binding) -> Facts:
    return {
        "namespace": binding.namespace,
        "claim": binding.name,
        "storage_class": binding.storage_class,
        "volume": view.claim(binding, math.inf, world.seed).volume,
        "scope": "none" if binding.storage_class == LOCAL else "claim",
    }


def service_facts(service: Service, instance: str) -> Facts:
    return {
        "service": service.name,
        "instance": instance,
        "namespace": service.namespace,
        "target": f"{service.slots[0].component.name}:80",
    }


def _pods(world: World, grid: _Grid) -> list[Part]:
    found: list[Part] = []
    for pod in alive(world, grid.first, grid.last):
        ticks, x = grid.scrapes(pod.uid, pod.created, pod.until)
        if len(x):
            machine = world.timeline.machines[pod.node] if pod.node else None
            columns = world.meter(pod).read(x, machine)
            found.append((pod_facts(world, pod), _stamped(world, ticks, x, columns)))
    return found


def _nodes(world: World, grid: _Grid) -> list[Part]:
    found: list[Part] = []
    for machine in world.timeline.machines.values():
        ticks, x = grid.scrapes(machine.name, machine.created, math.inf)
        if len(x):
            pods = [pod for pod in world.timeline.pods if pod.node == machine.name and pod.created <= grid.last]
            noise = world.noise(machine.name, -math.inf, math.inf)
            columns = world.gauge(machine).read(x, pods, noise)
            columns["started_at"] = columns["started_at"] + world.origin
            found.append((machines.facts(machine), _stamped(world, ticks, x, columns)))
    return found


def filesystem_facts(machine: Machine, disk: Disk) -> Facts:
    return {"node": machine.name, "mountpoint": disk.mountpoint, "device": disk.device, "fstype": disk.fstype}


def _filesystems(world: World, grid: _Grid) -> list[Part]:
    found: list[Part] = []
    for machine in world.timeline.machines.values():
        gauge = world.gauge(machine)
        ticks, x = grid.scrapes(machine.name, machine.created, math.inf)
        powered = gauge.powered(x)
        ticks, x = ticks[powered], x[powered]
        if len(x):
            found += [
                (filesystem_facts(machine, disk), _stamped(world, ticks, x, gauge.filesystem(disk, x)))
                for disk in filesystems.DISKS
            ]
    return found


def _volumes(world: World, grid: _Grid) -> list[Part]:
    found: list[Part] = []
    for binding in world.timeline.bindings.values():
        if binding.bound is None:
            continue
        ticks, x = grid.scrapes(f"{binding.namespace}/{binding.name}", binding.bound, binding.until)
        if len(x):
            facts = volume_facts(world, binding)
            found.append((facts, _stamped(world, ticks, x, traffic.volume(binding, x, world.seed))))
    return found


def _ingress(world: World, grid: _Grid) -> list[Part]:
    found: list[Part] = []
    for instance, start, end in world.ingress().processes():
        if start > grid.last or end <= grid.first:
            continue
        ticks, x = grid.scrapes(instance, start, end)
        if not len(x):
            continue
        for service in world.services():
            born = service.since
            since, until = np.searchsorted(x, (born, service.until))
            if since >= until:
                continue
            here = x[since:until]
            counted = np.floor(service.life(here) - service.life(np.array([max(start, born)])))
            facts = service_facts(service, instance)
            columns = dict(zip(traffic.COUNTERS, counted, strict=True))
            found.append((facts, _stamped(world, ticks[since:until], here, columns)))
    return found


def _processes(world: World, grid: _Grid) -> list[Part]:
    found: list[Part] = []
    ingress = world.ingress()
    for instance, start, end in ingress.processes():
        if start > grid.last or end <= grid.first:
            continue
        ticks, x = grid.scrapes(instance, start, end)
        if len(x):
            found.append(({"instance": instance}, _stamped(world, ticks, x, ingress.process(start, x))))
    return found
