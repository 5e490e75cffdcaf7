"""A small running cluster with thirty days behind it, in a real warehouse: what services of capacity and apps are tested on.

Three nodes of 4 CPU and 8 GiB. `kopi` has n8n with a database on a local volume, `toko` a WordPress that runs out of memory and one
that finds no place, `ayu` a Ghost that asks for far more than it uses, on trial. `growing` asks for 100 MiB more each day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from sqlmodel import Session

from app.context import Context
from collectors import warehouse as warehouses
from collectors.entities import EVENT, NODE, POD, POD_STATE, PROBE
from collectors.frames import entity_frame, record_frame
from collectors.latest import Latest
from collectors.sources.port import SourceHealth
from collectors.warehouse import Warehouse
from models.domain.access import Actor
from models.domain.clock import FrozenClock
from models.domain.cluster import Claim, Container, Namespace, Node, Phase, Pod, Resources, Snapshot
from models.store.catalogue import Plan
from models.store.instances import Instance
from tests.stories import Customer, a_customer, a_plan, an_instance

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DAYS = 30
START = datetime(2026, 10, 23, tzinfo=UTC)
MIB = 2**20
GIB = 2**30
STEP = timedelta(minutes=5)


def a_node(name: str, *, size: Resources = Resources(4.0, 8 * GIB, 110), **facts: Any) -> Node:  # noqa: B008  a frozen value
    labels = {"kubernetes.io/hostname": name}
    return Node(name, name, size, size, **({"ready": True, "ready_since": START, "created_at": START, "labels": labels} | facts))


@dataclass(frozen=True)
class Use:
    """What a container does: cores, bytes, and how its request for memory grows a day."""

    cpu: float
    memory: int
    grows: int = 0


def a_pod(
    namespace: str, name: str, owner: str, node: str | None, cpu: float, memory: int, *, kind: str = "Deployment", **facts: Any
) -> Pod:
    request, limit = Resources(cpu, memory), Resources(2 * cpu, 2 * memory)
    main = replace(
        Container("app", "image", request, limit, ready=node is not None, state="running" if node else "", started_at=START),
        **facts.pop("main", {}),
    )
    known: dict[str, Any] = {
        "phase": Phase.RUNNING if node else Phase.PENDING,
        "created_at": START,
        "request": Resources(cpu, memory, 1),
        "limit": limit,
        "started_at": START if node else None,
        "ready": node is not None,
        "ready_since": START,
        "owner_kind": kind,
        "owner_name": owner,
    }
    return Pod(namespace=namespace, name=name, uid=f"uid-{name}", node=node, containers=(main,), **(known | facts))


KILLED = NOW - timedelta(minutes=3)
PODS = (
    (a_pod("kopi-n8n", "n8n-6f7d-abcde", "n8n", "node-1", 0.5, 512 * MIB), Use(0.2, 300 * MIB)),
    (
        a_pod("kopi-n8n", "postgres-0", "postgres", "node-1", 0.25, 256 * MIB, kind="StatefulSet", claims=("data-postgres-0",)),
        Use(0.05, 200 * MIB),
    ),
    (
        a_pod(
            "toko-wp",
            "wordpress-5c9-xyz12",
            "wordpress",
            "node-2",
            0.25,
            256 * MIB,
            ready=False,
            main={
                "ready": False,
                "restarts": 4,
                "state": "waiting",
                "reason": "CrashLoopBackOff",
                "last_reason": "OOMKilled",
                "last_exit_code": 137,
                "last_finished_at": KILLED,
            },
        ),
        Use(0.1, 500 * MIB),
    ),
    (a_pod("toko-wp", "big-77-aaaaa", "big", None, 0.5, 16 * GIB, created_at=NOW - timedelta(minutes=6)), None),
    (a_pod("ayu-ghost", "ghost-1a2b-fghij", "ghost", "node-3", 1.0, 2 * GIB), Use(0.02, 150 * MIB)),
    (a_pod("growing", "growing-1-bbbbb", "growing", "node-3", 0.1, 128 * MIB), Use(0.05, 100 * MIB, 100 * MIB)),
    *((a_pod("kube-system", f"svclb-{n}", "svclb", f"node-{n}", 0.0, 0, kind="DaemonSet"), Use(0.001, 5 * MIB)) for n in (1, 2, 3)),
)


def a_snapshot(**facts: Any) -> Snapshot:
    nodes = {f"node-{n}": a_node(f"node-{n}") for n in (1, 2, 3)}
    pods = {pod.uid: pod for pod, _ in PODS}
    claim = Claim("kopi-n8n", "data-postgres-0", "claim", "Bound", "local-path", 5 * GIB, node="node-1")
    spaces = {pod.namespace: Namespace(pod.namespace, f"ns-{pod.namespace}", "Active", START) for pod in pods.values()}
    known: dict[str, Any] = {"nodes": nodes, "pods": pods, "claims": {(claim.namespace, claim.name): claim}, "namespaces": spaces}
    return Snapshot("default", NOW, **(known | facts))


def _windows() -> Mapping[str, pl.DataFrame]:
    """Five-minute windows of thirty days: every pod at a steady level."""
    count = int((NOW - START) / STEP)
    ends = pl.DataFrame({"t": [START + STEP * (n + 1) for n in range(count)]}).with_columns(pl.col("t").dt.cast_time_unit("us"))
    pods = []
    for pod, use in PODS:
        if use is None:
            continue
        day = ((pl.col("t") - pl.lit(STEP)) - START).dt.total_days()
        pods.append(
            ends.select(
                "t",
                pl.lit(10, pl.Int32).alias("n"),
                pl.lit(300_000, pl.Int64).alias("covered_ms"),
                *(pl.lit(v).alias(k) for k, v in {"namespace": pod.namespace, "uid": pod.uid, "container": "app"}.items()),
                pl.lit(pod.name).alias("pod"),
                pl.lit(use.cpu * 300).alias("cpu_usage_seconds_total_inc"),
                pl.lit(3000.0).alias("network_transmit_bytes_total_inc"),
                pl.lit(0.0).alias("restarts_total_inc"),
                *(pl.lit(float(use.memory)).alias(f"memory_working_set_bytes_{kind}") for kind in ("avg", "max")),
                (pl.lit(float(pod.request.memory)) + day * float(use.grows)).alias("memory_request_bytes_avg"),
                pl.lit(pod.request.cpu).alias("cpu_request_cores_avg"),
                pl.lit(float(pod.limit.memory)).alias("memory_limit_bytes_avg"),
                pl.lit(pod.limit.cpu).alias("cpu_limit_cores_avg"),
            )
        )
    nodes = [
        ends.select(
            "t",
            pl.lit(10, pl.Int32).alias("n"),
            pl.lit(300_000, pl.Int64).alias("covered_ms"),
            pl.lit(f"node-{n}").alias("node"),
            pl.lit(1200.0).alias("cpu_seconds_total_inc"),
            pl.lit(4.0).alias("cpu_allocatable_cores_avg"),
            pl.lit(8.0 * GIB).alias("memory_allocatable_bytes_avg"),
            pl.lit(1.0).alias("ready_avg"),
        )
        for n in (1, 2, 3)
    ]
    return {"pod": pl.concat(pods), "node": pl.concat(nodes)}


def _records() -> Mapping[str, pl.DataFrame]:
    def rows(record: Any, found: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
        return record_frame(record, found).with_columns(pl.col("ts").dt.truncate("30s").dt.offset_by("30s").alias("tick"))

    crashes = [
        {
            "ts": KILLED - timedelta(minutes=10 * n) + timedelta(seconds=2),
            "namespace": "toko-wp",
            "pod": "wordpress-5c9-xyz12",
            "uid": "uid-wordpress-5c9-xyz12",
            "container": "app",
            "phase": "Running",
            "state": "waiting",
            "reason": "CrashLoopBackOff",
            "restarts": 4 - n,
            "last_reason": "OOMKilled",
            "last_exit_code": 137,
            "last_finished_at": KILLED - timedelta(minutes=10 * n),
        }
        for n in range(4)
    ]
    # a setup step that ended as it should, and was not begun anew
    crashes.append(crashes[0] | {"pod": "setup-1", "uid": "uid-setup-1", "container": "owner", "state": "terminated",
                                 "reason": "Completed", "restarts": 0, "last_reason": "Completed", "last_exit_code": 0})  # fmt: skip
    events = [
        {
            "ts": NOW - timedelta(minutes=5),
            "uid": "e1",
            "namespace": "toko-wp",
            "kind": "Pod",
            "name": "big-77-aaaaa",
            "type": "Warning",
            "reason": "FailedScheduling",
            "message": "0/3 nodes are available: 3 Insufficient memory.",
            "count": 3,
        },
        {"ts": NOW - timedelta(minutes=4), "uid": "e2", "namespace": "toko-wp", "reason": "Pulled", "message": "noise", "count": 1},
        {
            "ts": NOW - timedelta(minutes=4),
            "uid": "e3",
            "namespace": "kopi-n8n",
            "reason": "Unhealthy",
            "message": "Readiness",
            "count": 1,
        },
    ]
    address = "https://kopi.n8n.example.com"
    outcomes = ["up"] * 90 + ["down"] * 10 + ["unknown"] * 20
    probes = [
        {
            "ts": NOW - timedelta(minutes=n + 1),
            "namespace": "kopi-n8n",
            "address": address,
            "outcome": outcome,
            "certificate_expires_at": NOW + timedelta(days=60),
        }
        for n, outcome in enumerate(outcomes)
    ]
    return {"pod_state": rows(POD_STATE, crashes), "event": rows(EVENT, events), "probe": rows(PROBE, probes)}


def fill(warehouse: Warehouse) -> None:
    """Thirty days of windows, and records and ticks of the last two hours."""
    warehouse.bulk_load("simulated", {}, windows=_windows())
    ticks = [NOW - timedelta(seconds=30 * n) for n in range(240)]
    warehouse.bulk_load("simulated-cluster", _records(), ticks=ticks)


def latest() -> Latest:
    """Two samples of every container and node, thirty seconds apart."""
    known = Latest()
    for at in (NOW - timedelta(seconds=34), NOW - timedelta(seconds=4)):
        seconds = (at - START).total_seconds()
        pods = [
            {
                "ts": at,
                "namespace": pod.namespace,
                "uid": pod.uid,
                "container": "app",
                "pod": pod.name,
                "cpu_usage_seconds_total": use.cpu * seconds,
                "memory_working_set_bytes": float(use.memory),
                "memory_limit_bytes": float(pod.limit.memory),
            }
            for pod, use in PODS
            if use is not None
        ]
        nodes = [{"ts": at, "node": f"node-{n}", "memory_total_bytes": 8.0 * GIB} for n in (1, 2, 3)]
        frames = {"pod": entity_frame(POD, pl.DataFrame(pods)), "node": entity_frame(NODE, pl.DataFrame(nodes))}
        known.update("simulated", at, frames)
    return known


@dataclass(frozen=True)
class Cluster:
    now: Snapshot
    known: Latest
    told: tuple[SourceHealth, ...] = ()
    """What the collector says of itself; nothing, as in any other process."""

    def snapshot(self) -> Snapshot:
        return self.now

    def current(self, entity: str) -> pl.DataFrame:
        return self.known.current(entity)

    def sources(self) -> tuple[SourceHealth, ...]:
        return self.told


@contextmanager
def a_warehouse(folder: Path) -> Iterator[Warehouse]:
    made = warehouses.open(str(folder / "warehouse.duckdb"), memory="500MB", threads=1, clock=FrozenClock(NOW))
    try:
        yield made
    finally:
        made.close()


@dataclass(frozen=True)
class People:
    """Whose everything is."""

    kopi: Customer
    toko: Customer
    ayu: Customer
    small: Plan
    large: Plan
    n8n: Instance
    wordpress: Instance
    ghost: Instance


def people(session: Session) -> People:
    kopi, toko, ayu = (a_customer(session, name, now=START) for name in ("Kopi Kita", "Toko", "Ayu"))
    small = a_plan(session, "n8n", "small", now=START)
    large = Plan(
        template="n8n",
        name="large",
        cpu_cores=2.0,
        memory_bytes=3 * GIB,
        storage_bytes=0,
        price_minor=1,
        currency="IDR",
        created_at=START,
    )
    session.add(large)
    session.flush()
    n8n = an_instance(
        session,
        kopi,
        "n8n",
        now=START,
        namespace="kopi-n8n",
        address="https://kopi.n8n.example.com",
        template="n8n",
        plan_id=small.id,
    )
    wordpress = an_instance(session, toko, "shop", now=START, namespace="toko-wp", template="wordpress")
    ghost = an_instance(
        session,
        ayu,
        "blog",
        now=START,
        namespace="ayu-ghost",
        template="ghost",
        trial_until=NOW + timedelta(days=3),
        plan_id=small.id,
    )
    return People(kopi, toko, ayu, small, large, n8n, wordpress, ghost)


def a_running_context(
    session: Session, actor: Actor, warehouse: Warehouse, *, snapshot: Snapshot | None = None, known: Latest | None = None
) -> Context:
    return Context(session, warehouse, Cluster(snapshot or a_snapshot(), known or latest()), actor, NOW)
