"""Finished 5-minute windows without their samples: increases between the edges in closed form, gauges at a few instants inside."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from models.world import filesystems, machines, meters, traffic
from models.world.chance import Floats
from models.world.sampling import Part, alive, filesystem_facts, pod_facts, service_facts, volume_facts
from models.world.table import Table, table
from models.world.traffic import volume

if TYPE_CHECKING:
    from models.world.world import World

SECONDS = 300.0
TICK = 30.0
"""Of the samples that the windows stand for."""
_INSIDE = (-225.0, -75.0)


def windows(world: World, entity: str, ends: Floats) -> Table:
    """As `World.windows` promises."""
    x = ends - world.origin
    match entity:
        case "pod":
            return table(_pods(world, x), _names((*meters.COUNTERS, "restarts_total"), meters.GAUGES))
        case "node":
            return table(_nodes(world, x), _names(machines.COUNTERS, machines.GAUGES))
        case "filesystem":
            return table(_filesystems(world, x), _names((), filesystems.GAUGES))
        case "volume":
            return table(_volumes(world, x), _names((), traffic.VOLUME_GAUGES))
        case "ingress":
            return table(_ingress(world, x), _names(traffic.COUNTERS, ()))
        case "ingress_process":
            return table(_processes(world, x), _names(traffic.PROCESS_COUNTERS, traffic.PROCESS_GAUGES))
    raise ValueError(f"nothing is measured on {entity!r}")


def _names(counters: Sequence[str], gauges: Sequence[str]) -> tuple[str, ...]:
    each = [f"{name}_{kind}" for name in gauges for kind in ("avg", "max")]
    return ("t", "n", "covered_ms", *(f"{name}_inc" for name in counters), *each)


def _row(world: World, ends: Floats, there: Floats, covered: Floats) -> dict[str, Floats]:
    """`there`: seconds within each window in which it could be scraped; `covered`: in which its counters are known."""
    count = np.maximum(1.0, np.round(there / TICK))
    return {"t": ends + world.origin, "n": count, "covered_ms": np.round(covered * 1000)}


def _span(x: Floats, start: float, end: float) -> slice:
    """The windows in which something is there that exists in [start, end)."""
    first = int(np.searchsorted(x, start, "right"))
    last = int(np.searchsorted(x - SECONDS, end, "left"))
    return slice(first, max(first, last))


def _levels(points: Sequence[Mapping[str, Floats]], names: Sequence[str]) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    for name in names:
        values = np.stack([point[name] for point in points])
        known = np.isfinite(values)
        count = known.sum(0)
        total = np.where(known, values, 0.0).sum(0)
        found[f"{name}_avg"] = np.where(count, total / np.maximum(1, count), math.nan)
        found[f"{name}_max"] = np.where(count, np.where(known, values, -math.inf).max(0, initial=-math.inf), math.nan)
    return found


def _pods(world: World, x: Floats) -> list[Part]:
    found: list[Part] = []
    for pod in alive(world, float(x[0]) - SECONDS, float(x[-1])):
        if pod.scheduled is None:
            continue
        end = pod.until
        here = x[_span(x, pod.scheduled, end)]
        if not len(here):
            continue
        meter = world.meter(pod)
        edges = np.concatenate((here[:1] - SECONDS, here))
        life, run = meter.life(edges)
        increase = np.diff(meters.counted(life), axis=1)
        increase[meters.CPU] = np.round(increase[meters.CPU], 6)
        increase[~meter.mind.known] = math.nan
        runs = meter.runs()
        ran = np.zeros(len(edges))
        for start, stop in zip(runs.start, runs.end, strict=True):
            if stop > edges[0] and start < edges[-1]:
                ran += np.clip(edges, start, stop) - start
        there = np.minimum(here, end) - np.maximum(here - SECONDS, pod.scheduled)
        covered = np.diff(ran)
        increase[:, covered <= 0] = math.nan
        # of a container that ran for less than a tick a sample is taken now and then: its increase is spread over what lies between
        covered = np.where((covered > 0) & (covered < TICK), np.maximum(covered, there), covered)
        columns = _row(world, here, there, covered)
        columns |= {f"{name}_inc": values for name, values in zip(meters.COUNTERS, increase, strict=True)}
        columns["restarts_total_inc"] = np.diff(np.maximum(run, 0)).astype(np.float64)
        machine = world.timeline.machines[pod.node] if pod.node else None
        points = []
        for offset in _INSIDE:
            at = np.clip(here + offset, pod.scheduled, end)
            which = np.searchsorted(runs.start, at, "right") - 1
            running = np.zeros(len(at), dtype=np.bool_)
            if len(runs.start):
                running = (which >= 0) & (at < runs.end[np.maximum(which, 0)])
            points.append(meter.gauges(at, which, running, machine))
        found.append((pod_facts(world, pod), columns | _levels(points, meters.GAUGES)))
    return found


def _nodes(world: World, x: Floats) -> list[Part]:
    found: list[Part] = []
    for machine in world.timeline.machines.values():
        pods = [pod for pod in world.timeline.pods if pod.node == machine.name and pod.created <= x[-1]]
        gauge = world.gauge(machine)
        edges = np.concatenate((x[:1] - SECONDS, x))
        life = gauge.life(edges, pods)
        up = np.zeros(len(edges))
        for boot in machine.boots:
            up += np.clip(edges, boot.start, math.inf if boot.end is None else boot.end) - boot.start
        covered = np.diff(up)
        increase = np.diff(life, axis=1)
        increase[:, covered <= 0] = math.nan
        columns = _row(world, x, np.full(len(x), SECONDS), covered)
        columns |= {f"{name}_inc": values for name, values in zip(machines.COUNTERS, increase, strict=True)}
        noise = world.noise(machine.name, -math.inf, math.inf)
        points = [gauge.gauges(x + offset, pods, noise) for offset in _INSIDE]
        found.append((machines.facts(machine), columns | _levels(points, machines.GAUGES)))
    return found


def _filesystems(world: World, x: Floats) -> list[Part]:
    found: list[Part] = []
    for machine in world.timeline.machines.values():
        gauge = world.gauge(machine)
        edges = np.stack((x - SECONDS, x))
        there = np.zeros(len(x))
        for boot in machine.boots:
            first, last = np.clip(edges, boot.start, math.inf if boot.end is None else boot.end)
            there += last - first
        here, there = x[there > 0], there[there > 0]
        if not len(here):
            continue
        for disk in filesystems.DISKS:
            points = [gauge.filesystem(disk, here + offset) for offset in _INSIDE]
            columns = _row(world, here, there, np.full(len(here), SECONDS)) | _levels(points, filesystems.GAUGES)
            found.append((filesystem_facts(machine, disk), columns))
    return found


def _volumes(world: World, x: Floats) -> list[Part]:
    found: list[Part] = []
    for binding in world.timeline.bindings.values():
        if binding.bound is None:
            continue
        here = x[_span(x, binding.bound, binding.until)]
        if not len(here):
            continue
        facts = volume_facts(world, binding)
        full = np.full(len(here), SECONDS)
        points = [volume(binding, here + offset, world.seed) for offset in _INSIDE]
        found.append((facts, _row(world, here, full, full) | _levels(points, traffic.VOLUME_GAUGES)))
    return found


def _ingress(world: World, x: Floats) -> list[Part]:
    found: list[Part] = []
    for instance, start, end in world.ingress().processes():
        for service in world.services():
            since, until = max(start, service.since), min(end, service.until)
            here = x[_span(x, since, until)]
            if since >= until or not len(here):
                continue
            edges = np.clip(np.concatenate((here[:1] - SECONDS, here)), since, until)
            covered = np.diff(edges)
            facts = service_facts(service, instance)
            columns = _row(world, here, covered, covered)
            columns |= {
                f"{n}_inc": v for n, v in zip(traffic.COUNTERS, np.diff(np.floor(service.life(edges)), axis=1), strict=True)
            }
            found.append((facts, columns))
    return found


def _processes(world: World, x: Floats) -> list[Part]:
    found: list[Part] = []
    ingress = world.ingress()
    for instance, start, end in ingress.processes():
        here = x[_span(x, start, end)]
        if not len(here):
            continue
        edges = np.clip(np.concatenate((here[:1] - SECONDS, here)), start, end)
        covered = np.diff(edges)
        columns = _row(world, here, covered, covered)
        columns["config_reloads_total_inc"] = np.diff(ingress.reloads(start, edges))
        points = [ingress.process(start, np.clip(here + offset, start, end)) for offset in _INSIDE]
        found.append(({"instance": instance}, columns | _levels(points, traffic.PROCESS_GAUGES)))
    return found
