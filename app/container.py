"""Composition root: builds the running program's parts from the settings, for the server, the worker and the command line."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import make_url
from sqlmodel import Session

from app import data_kind, ownership
from app.absence import Absence, Watched
from app.auth.seal import Seal
from app.config import Settings
from app.context import ClusterView, Context, WarehouseView
from app.domains import refuse_shared_domain
from app.gateways.mail import MailGateway, gateway
from app.gateways.payments import name as gateway_name
from app.keep import Keep, Kept, OneLook
from app.news import News
from models.domain.access import Actor, job_actor
from models.domain.clock import Clock, SystemClock
from models.domain.cluster import Snapshot
from models.domain.errors import Misconfigured, PlatformError
from models.domain.mapping import LabelNames
from models.store.session import Store

if TYPE_CHECKING:  # polars, DuckDB and the Kubernetes client cost most of a start; they are imported where they are needed
    import polars as pl

    from collectors.collect import Collector
    from collectors.sources.port import InventorySource, LogSource, MetricsSource, ProbeSource, ProbeTarget
    from collectors.sources.prometheus import PrometheusSource
    from collectors.warehouse import Reader, Warehouse


@dataclass(frozen=True)
class Container:
    """The parts of one process. `warehouse` is the open `Warehouse` in the server and a reader elsewhere."""

    settings: Settings
    clock: Clock
    store: Store
    warehouse: WarehouseView
    cluster: ClusterView
    mail: MailGateway
    seal: Seal
    inventory: InventorySource | None = None
    collector: Collector | None = None
    closing: list[Callable[[], None]] = field(default_factory=list)
    keep: Keep = field(default_factory=Keep)
    absence: Absence = field(default_factory=Absence)

    @cached_property
    def news(self) -> News:
        """What open pages ask before they are drawn again."""
        return News(self)

    @cached_property
    def logs(self) -> LogSource:
        """What containers write; asked when somebody looks."""
        return log_source(self.settings, self.clock, self.closing)

    @contextmanager
    def transaction(self, actor: Actor, edge: str) -> Iterator[Context]:
        """One unit of work: committed when the block ends, rolled back when it raises.

        What the cluster could not carry is told to staff after it: the order itself leaves nothing.
        """
        from app.services import selling

        try:
            with self.store.transaction() as session:
                yield self._context(session, actor, edge)
        except selling.NoRoom as refused:
            with self.store.transaction() as session:
                selling.tell(self._context(session, job_actor("orders"), "job"), refused)
            raise

    @contextmanager
    def reading(self, actor: Actor, edge: str) -> Iterator[Context]:
        """A consistent view in which nothing is written."""
        with self.store.reading() as session:
            yield self._context(session, actor, edge, keep=True)

    def _context(self, session: Session, actor: Actor, edge: str, *, keep: bool = False) -> Context:
        labels, address, now = self.settings.labels, self.settings.address, self.clock.now()
        kept = Kept(self.keep, self.store, session, self.warehouse, self.cluster, now) if keep else None
        cluster = OneLook(self.cluster, kept) if kept else self.cluster
        warehouse = Watched(self.warehouse, self.absence, now)
        tick, ground, pays = self.settings.tick, self.settings.ground, gateway_name(self.settings)
        return Context(session, warehouse, cluster, actor, now, edge, labels, address, kept, tick, ground, pays)

    def owned_warehouse(self) -> Warehouse:
        """The open warehouse; only the process that owns it has it."""
        from collectors.warehouse import Warehouse

        if not isinstance(self.warehouse, Warehouse):
            raise Misconfigured(
                "Only the process that owns the warehouse can write it. Start the server, or stop it and try again."
            )
        return self.warehouse

    def close(self) -> None:
        """Let go of everything, in the reverse order of building."""
        while self.closing:
            self.closing.pop()()


_installed: Container | None = None


def install(container: Container | None) -> None:
    """Make `container` the one of this process; None takes it away."""
    global _installed
    _installed = container


def current() -> Container:
    """The container of this process; a programming error before `install`."""
    if _installed is None:
        raise RuntimeError("no container is installed: it is built in the server's lifespan, the worker or the command line")
    return _installed


def installed() -> bool:
    return _installed is not None


def key_file(settings: Settings) -> Path:
    return settings.data / "keys" / "seal.json"


def world_file(settings: Settings) -> Path:
    return settings.data / "world.json"


def prepare_directory(settings: Settings) -> None:
    """Create the data directory and its folders, for their owner alone; a sentence when that cannot be done."""
    try:
        settings.data.parent.mkdir(parents=True, exist_ok=True)
        settings.data.mkdir(mode=0o700, exist_ok=True)
        _close_to_others(settings.data)
        for file in (*settings.data.glob("store.sqlite*"), *settings.data.glob("world*"), *settings.data.glob("warehouse.duckdb*")):
            if file.is_file():
                _close_to_others(file)
        for folder in (settings.data / "keys", settings.data / "documents", settings.data / "backups"):
            folder.mkdir(mode=0o700, exist_ok=True)
            _close_to_others(folder)
        probe = settings.data / ".writable"
        probe.write_bytes(b"x" * 65536)
        probe.unlink()
    except OSError as error:
        raise Misconfigured(
            f"The data directory {settings.data} cannot be written: {error.strerror}. "
            "Free space or change its permissions, or choose another directory with --data or MOORAGE_DATA."
        ) from error


def _close_to_others(path: Path) -> None:
    """Digests of passwords, mails and customers' use are for nobody else on the machine to read."""
    told = path.stat()
    # a volume that belongs to another user and a shared directory like /tmp are not ours to close
    if told.st_mode & 0o077 and told.st_uid == os.geteuid() and not told.st_mode & stat.S_ISVTX:
        path.chmod(stat.S_IMODE(told.st_mode) & 0o700)


def open_store(settings: Settings, *, migrate: bool = False) -> Store:
    """The operational store at this program's version; with `migrate` brought there, else a sentence when it is not."""
    from models import migrations

    store = Store(settings.store)
    try:
        if migrate:
            if store.sqlite:  # SQLite would make it readable to all; what it makes beside it takes over the file's permissions
                os.close(os.open(make_url(store.url).database or "", os.O_RDONLY | os.O_CREAT, 0o600))
            outdated = migrations.current(store) not in (None, migrations.head())
            # a worker of the program before would go on with tables that it does not know
            with ownership.without_workers(settings.data) if outdated else nullcontext():
                migrations.upgrade(store)
        else:
            migrations.check(store)
    except BaseException:
        store.close()
        raise
    return store


def build_server(settings: Settings, clock: Clock | None = None) -> Container:
    """The parts of the server: it owns the warehouse, watches the cluster and collects. Nothing is started yet."""
    from app.cluster import OwnCluster
    from collectors import warehouse as warehouses
    from collectors.collect import Collector
    from collectors.latest import Latest

    clock = clock or SystemClock()
    check_live(settings)
    closing: list[Callable[[], None]] = []
    try:
        store = open_store(settings)
        closing.append(store.close)
        world = world_file(settings)
        data_kind.settle(store, live=settings.live, data=settings.data, world=world, now=clock.now())
        if settings.kubeconfig is not None:
            data_kind.remember(settings.data, kubeconfig=settings.kubeconfig, prometheus_url=settings.prometheus_url)
        warehouse = warehouses.open(settings.warehouse, data_path=settings.warehouse_data_path, memory=settings.warehouse_memory)
        closing.append(warehouse.close)
        inventory = _inventory(settings, clock)
        latest = Latest(settings.tick)
        collector = Collector(
            metrics=_metrics(settings, clock, inventory),
            inventory=inventory,
            warehouse=warehouse,
            latest=latest,
            clock=clock,
            cluster=settings.cluster,
            interval=settings.tick,
            prober=prober(settings, clock),
            targets=lambda: _targets(store, settings.cluster, inventory.snapshot, settings.labels),
            probe_interval=timedelta(seconds=settings.probe_seconds),
            # what Prometheus remembers of the last day makes charts and forecasts useful from the first minute
            history=timedelta(days=1) if settings.live else timedelta(0),
        )
        return Container(
            settings=settings,
            clock=clock,
            store=store,
            warehouse=warehouse,
            cluster=OwnCluster(inventory, latest, collector.health),
            mail=gateway(settings.smtp_url),
            seal=Seal.open(key_file(settings)),
            inventory=inventory,
            collector=collector,
            closing=closing,
        )
    except BaseException:
        while closing:
            closing.pop()()
        raise


def build_worker(settings: Settings, clock: Clock | None = None) -> Container:
    """The parts of a process beside the server: its own store, everything else read through the server."""
    from app.cluster import SharedCluster

    clock = clock or SystemClock()
    store = open_store(settings)
    try:
        data_kind.check(store, live=settings.live, data=settings.data)
    except BaseException:
        store.close()
        raise
    warehouse = _LazyReader(settings.warehouse)
    cluster = SharedCluster(lambda: _inventory(settings, clock), warehouse, settings.cluster, settings.tick)
    return Container(
        settings=settings,
        clock=clock,
        store=store,
        warehouse=warehouse,
        cluster=cluster,
        mail=gateway(settings.smtp_url),
        seal=Seal.open(key_file(settings)),
        closing=[store.close, warehouse.close, cluster.close],
    )


build_cli = build_worker
"""A command of the command line sees the same as a worker."""


class _LazyReader:
    """A reader of the warehouse that is opened by its first question: most commands ask none."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._lock = threading.Lock()
        self._reader: Reader | None = None

    def query(self, sql: str, params: Any = None) -> pl.DataFrame:
        from collectors.warehouse import reader

        with self._lock:
            opened = self._reader = self._reader or reader(self._uri)
        return opened.query(sql, params)

    def close(self) -> None:
        """Let go of what the first question opened; a later one opens it again."""
        with self._lock:
            opened, self._reader = self._reader, None
        if opened is not None:
            opened.close()


def check_live(settings: Settings) -> None:
    """Raise when the settings ask for live data and cannot have it, or are unsafe for it."""
    if settings.prometheus_token_file is not None and settings.prometheus_token.get_secret_value():
        raise Misconfigured("prometheus_token and prometheus_token_file are both set. Keep one of them and take the other away.")
    if not settings.live:
        if settings.prometheus_url:
            raise Misconfigured(
                "prometheus_url is set without kubeconfig. Live data needs both: give --kubeconfig FILE too, "
                "or take prometheus_url away."
            )
        return
    if not settings.prometheus_url:
        raise Misconfigured("kubeconfig is set without prometheus_url. Live data needs both: give --prometheus URL too.")
    if not settings.apps_domain_shared:
        refuse_shared_domain(settings.address, settings.apps_domain)


def _inventory(settings: Settings, clock: Clock) -> InventorySource:
    if settings.live:
        from collectors.sources.kubernetes import KubernetesInventory

        return KubernetesInventory(settings.kubeconfig, clock=clock, context=settings.kube_context, cluster=settings.cluster)
    from collectors.sources.simulated import SimulatedInventory, open_world

    return SimulatedInventory(open_world(world_file(settings), settings.demo_seed, clock), clock, settings.cluster)


def _metrics(settings: Settings, clock: Clock, inventory: InventorySource) -> MetricsSource:
    if settings.live:
        return prometheus(settings, inventory)
    from collectors.sources.simulated import SimulatedMetrics, open_world

    return SimulatedMetrics(open_world(world_file(settings), settings.demo_seed, clock), clock)


def prometheus(settings: Settings, inventory: InventorySource | None) -> PrometheusSource:
    """The Prometheus that the settings name; without an inventory only the cluster's part of the answers is missing."""
    from collectors.promql import Jobs
    from collectors.sources.prometheus import PrometheusSource

    return PrometheusSource(
        settings.prometheus_url,
        token=settings.prometheus_token.get_secret_value(),
        token_file=settings.prometheus_token_file,
        jobs=Jobs(
            cadvisor=settings.job_cadvisor,
            kubelet=settings.job_kubelet,
            kube_state_metrics=settings.job_kube_state_metrics,
            node_exporter=settings.job_node_exporter,
            traefik=settings.job_traefik,
        ),
        cluster=settings.cluster,
        inventory=inventory,
    )


def log_source(settings: Settings, clock: Clock, closing: list[Callable[[], None]]) -> LogSource:
    """Whoever reads logs; what it opens is closed with the container."""
    if settings.kubeconfig is not None:
        from collectors.sources.kubernetes_connection import Connection
        from collectors.sources.kubernetes_logs import KubernetesLogs

        connection = Connection(settings.kubeconfig, settings.kube_context)
        closing.append(connection.close)
        return KubernetesLogs(connection)
    from collectors.sources.simulated import SimulatedLogs, open_world

    return SimulatedLogs(open_world(world_file(settings), settings.demo_seed, clock), clock)


def prober(settings: Settings, clock: Clock) -> ProbeSource:
    """Whoever asks the apps' addresses."""
    if settings.live:
        from collectors.sources.prober import HttpProber

        return HttpProber(settings.ingress_address)
    from collectors.sources.simulated import SimulatedProber, open_world

    return SimulatedProber(open_world(world_file(settings), settings.demo_seed, clock), clock)


def _targets(store: Store, cluster: str, look: Callable[[], Snapshot], labels: LabelNames) -> Sequence[ProbeTarget]:
    """The addresses of this cluster that should answer: those of instances that are neither stopped nor suspended, then those of
    namespaces that are somebody's without an app, as far as the cluster is known."""
    from app.services import addresses
    from collectors.sources.port import ProbeTarget
    from models.domain.instances import ANSWERS
    from models.store import instances

    try:
        snapshot = look()
    except PlatformError:
        snapshot = None  # what is wrong with the cluster is told elsewhere, and keeps nobody from asking the apps
    with store.reading() as session:
        rows = instances.everything(session)
        mapped = () if snapshot is None else addresses.known(session, snapshot, labels)
    found = [(r.address, r.namespace) for r in rows if r.address and r.cluster == cluster and r.state in ANSWERS]
    return [ProbeTarget(*one) for one in dict.fromkeys([*found, *((one.address, one.namespace) for one in mapped)])]
