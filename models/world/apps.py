"""What an app is made of on the simulated cluster: components by template and plan, and how each kind of component behaves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from models.domain.cluster import Resources
from models.world import chance
from models.world.curves import PERIODS, ZONE, Personality
from models.world.orders import LOCAL, Wish

MIB = 2**20
GIB = 2**30
REPLICATED = "longhorn"
TOLERATED = 300.0
"""Seconds after which a silent node's pods are driven away, where they say nothing else."""


class Role(StrEnum):
    WEB = "web"
    WORKER = "worker"
    DATABASE = "database"
    CACHE = "cache"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Component:
    """One workload of an app. A volume on local-path binds its pods to a node; `cpu_limit` 0 is no limit."""

    name: str
    role: Role
    image: str
    cpu: float
    memory_mib: int
    cpu_limit: float = 0.5
    replicas: int = 1
    volume_gib: int = 0
    storage_class: str = LOCAL
    wish: Wish | None = None
    """Of a component that was ordered through the API."""

    @property
    def kind(self) -> str:
        if self.wish is not None:
            return self.wish.kind
        return "StatefulSet" if self.role is Role.DATABASE else "Deployment"

    @property
    def request(self) -> Resources:
        return Resources(self.cpu, self.memory_mib * MIB, 1)

    @property
    def container(self) -> str:
        return self.name if self.wish is None else self.wish.container

    @property
    def tolerated(self) -> float:
        """Seconds for which its pods stay on a node that is silent."""
        return TOLERATED if self.wish is None else self.wish.tolerated

    @property
    def limit(self) -> Resources:
        if self.wish is not None:
            return Resources(self.cpu_limit, self.wish.memory_limit)
        return Resources(self.cpu_limit, 2 * self.memory_mib * MIB)

    @property
    def claim(self) -> str:
        """Name of its volume claim, empty without one."""
        if not self.volume_gib:
            return ""
        return f"data-{self.name}-0" if self.kind == "StatefulSet" else f"{self.name}-data"

    @property
    def volumes(self) -> tuple[str, ...]:
        """Names of all its volume claims."""
        if self.wish is not None:
            return self.wish.claims
        return (self.claim,) if self.claim else ()


def ordered(name: str, wish: Wish) -> Component:
    """The component that an order asks for."""
    return Component(name, Role(wish.role), wish.image, wish.cpu, wish.memory // MIB, wish.cpu_limit, wish=wish)


def _postgres(memory: int, cpu: float, gib: int, storage: str = LOCAL) -> Component:
    return Component("postgres", Role.DATABASE, "postgres:17", cpu, memory, 0.5, 1, gib, storage)


def _mysql(name: str, image: str, memory: int, cpu: float, gib: int, storage: str = LOCAL) -> Component:
    return Component(name, Role.DATABASE, image, cpu, memory, 0.5, 1, gib, storage)


def _redis() -> Component:
    return Component("redis", Role.CACHE, "redis:7", 0.025, 48, 0.2)


N8N = "n8nio/n8n:1"
WORDPRESS = "wordpress:6-apache"

PLANS: Mapping[tuple[str, str], tuple[Component, ...]] = {
    ("n8n", "Starter"): (Component("n8n", Role.WEB, N8N, 0.1, 192, 1.0, 1, 5),),
    ("n8n", "Team"): (Component("n8n", Role.WEB, N8N, 0.1, 224, 1.0), _postgres(128, 0.06, 10)),
    ("n8n", "Scale"): (
        Component("n8n", Role.WEB, N8N, 0.1, 256, 1.0),
        Component("worker", Role.WORKER, N8N, 0.1, 160, 2.0, 2),
        _postgres(160, 0.08, 20, REPLICATED),
        _redis(),
    ),
    ("ghost", "Blog"): (
        Component("ghost", Role.WEB, "ghost:6", 0.08, 192, 0.5, 1, 5),
        _mysql("mysql", "mysql:8", 208, 0.08, 10),
    ),
    ("wordpress", "Site"): (
        Component("wordpress", Role.WEB, WORDPRESS, 0.06, 112, 0.5, 1, 5),
        _mysql("mariadb", "mariadb:11", 160, 0.06, 10),
    ),
    ("wordpress", "Business"): (
        Component("wordpress", Role.WEB, WORDPRESS, 0.1, 144, 1.0, 2, 20, REPLICATED),
        _mysql("mariadb", "mariadb:11", 224, 0.1, 20, REPLICATED),
        _redis(),
    ),
}
"""Components by (template, plan): 1, 2, 5, 2, 2 and 4 pods."""

SYSTEM: Mapping[str, tuple[Component, ...]] = {
    "kube-system": (
        Component("coredns", Role.SYSTEM, "coredns:1.14", 0.1, 70, 0.0),
        Component("traefik", Role.SYSTEM, "traefik:3.6", 0.1, 100, 0.0),
        Component("metrics-server", Role.SYSTEM, "metrics-server:0.8", 0.1, 70, 0.0),
        Component("local-path-provisioner", Role.SYSTEM, "local-path-provisioner:0.0.32", 0.02, 32, 0.0),
    ),
    "monitoring": (
        Component("prometheus", Role.SYSTEM, "prometheus:3", 0.2, 384, 0.0, 1, 20),
        Component("kube-state-metrics", Role.SYSTEM, "kube-state-metrics:2.20", 0.05, 64, 0.0),
    ),
}
"""The cluster's own components by namespace: six pods, beside those of customers."""

READY_AFTER: Mapping[Role, tuple[float, float]] = {
    Role.WEB: (8.0, 20.0),
    Role.WORKER: (6.0, 12.0),
    Role.DATABASE: (5.0, 14.0),
    Role.CACHE: (1.5, 3.0),
    Role.SYSTEM: (2.0, 8.0),
}
"""Seconds from the start of a container until it is ready, from and to."""


def totals(template: str, plan: str) -> tuple[Resources, int]:
    """What one instance of the plan asks for: resources, and bytes of storage."""
    parts = PLANS[template, plan]
    wanted = Resources(
        sum(c.cpu * c.replicas for c in parts), sum(c.memory_mib * c.replicas for c in parts) * MIB, sum(c.replicas for c in parts)
    )
    return wanted, sum(c.volume_gib for c in parts) * GIB


def personality(seed: int, name: str, component: Component, *, fades_at: float, midnight: float) -> Personality:
    """How the component called `name` behaves; `midnight` is the second of the UTC day at which x is zero."""

    def draw(what: str, low: float, high: float) -> float:
        return chance.between(low, high, seed, name, what)

    role = component.role
    # customers' days peak between 10 and 21 o'clock of their zone; an app of an office peaks in the morning
    peak = draw("peak", 10.0, 21.0) * 3600.0 - ZONE - midnight
    amplitude = (
        draw("a1", 0.18, 0.36),
        draw("a2", 0.02, 0.11),
        draw("a3", 0.03, 0.1),
        draw("a4", 0.0, 0.04),
        draw("a5", -0.01, 0.1),
    )
    weekly = draw("week", 0.0, 2 * math.pi)
    quarter = math.pi / 2
    phase = (
        quarter - 2 * math.pi / PERIODS[0] * peak,
        quarter - 2 * math.pi / PERIODS[1] * (peak - 3600.0 * draw("p2", 1.0, 4.0)),
        weekly,
        2 * weekly,
        -0.3,
    )
    asked = component.cpu
    busy = {Role.WEB: 0.42, Role.WORKER: 0.5, Role.DATABASE: 0.3, Role.CACHE: 0.16, Role.SYSTEM: 0.25}[role]
    traffic = math.exp(draw("traffic", math.log(0.35), math.log(1.9)))
    hungry = math.exp(draw("hunger", math.log(0.62), math.log(1.12)))
    requests = draw("requests", 0.08, 1.4) * traffic if role is Role.WEB else 0.0
    bytes_each = {Role.WEB: 2600.0, Role.WORKER: 1900.0, Role.DATABASE: 1300.0, Role.CACHE: 700.0, Role.SYSTEM: 4000.0}[role]
    backup = role is Role.DATABASE
    return Personality(
        key=chance.key(seed, name, "wander"),
        amplitude=amplitude,
        phase=tuple(float(p) for p in phase),
        cpu_idle=asked * draw("idle", 0.03, 0.09),
        cpu_busy=asked * busy * traffic
        if component.wish is None
        else min(asked * busy * traffic, 0.4 * component.cpu_limit or asked),
        cpu_start={Role.WEB: 9.0, Role.WORKER: 6.0, Role.DATABASE: 4.0, Role.CACHE: 0.3, Role.SYSTEM: 2.0}[role],
        job_cores=asked * draw("job", 0.6, 1.6) if backup else 0.0,
        job_second=(draw("job at", 1.0, 5.0) * 3600.0 - ZONE) % 86400.0,
        job_seconds=draw("job for", 180.0, 1500.0),
        noisy_cores=max(0.0, component.cpu_limit - asked) * 0.9,
        received=bytes_each * traffic * draw("rx", 0.6, 1.4),
        sent=bytes_each * traffic * draw("tx", 2.0, 9.0),
        read=4000.0 * traffic * draw("read", 0.2, 2.0),
        written=9000.0 * traffic * draw("write", 0.2, 2.0) if component.volumes else 300.0,
        memory=component.memory_mib * MIB * 0.78 * hungry,
        memory_limit=float(component.limit.memory),
        rss=draw("rss", 0.7, 0.9),
        throttled=draw("throttled", 0.0, 0.03),
        requests=requests,
        latency=draw("latency", 0.03, 0.35),
        fades_at=fades_at,
    )
