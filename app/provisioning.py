"""The cluster as the provisioner writes to it: its port joined to the connection that the collectors read with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock

from app.config import Settings
from app.container import Container, world_file
from models.domain.clock import Clock
from provisioner.cluster import Cluster
from provisioner.cluster.commands import Commands
from provisioner.cluster.nodes import Nodes


@contextmanager
def cluster_of(settings: Settings, clock: Clock) -> Iterator[Cluster]:
    """The cluster of the settings' kubeconfig; without one the simulated cluster, which all processes on the data directory share.

    Nothing is asked before the first call.
    """
    if settings.kubeconfig is not None:
        with _connected(settings.kubeconfig, settings.kube_context) as cluster:
            yield cluster
        return
    from models.world.file import open_world
    from provisioner.cluster.simulated import SimulatedCluster

    world = open_world(world_file(settings), settings.demo_seed, clock)
    try:
        yield SimulatedCluster(clock, world)
    finally:
        world.close()


_making = Lock()


def hands(container: Container) -> Cluster:
    """The cluster as a page or the API may write to it: made at the first need, kept as long as the container."""
    kept: dict[str, Cluster] = container.__dict__
    with _making:
        if "hands" not in kept:
            stack = ExitStack()
            kept["hands"] = stack.enter_context(cluster_of(container.settings, container.clock))
            container.closing.append(stack.close)
    return kept["hands"]


@contextmanager
def commands_of(settings: Settings, clock: Clock) -> Iterator[tuple[Cluster, Commands]]:
    """The cluster of the settings with a way to run commands in its containers. Nothing is asked before the first call."""
    if settings.kubeconfig is not None:
        from collectors.sources.kubernetes_connection import Connection, Refused
        from provisioner.cluster.live import LiveCluster
        from provisioner.cluster.live_commands import LiveCommands

        connection = Connection(settings.kubeconfig.expanduser(), settings.kube_context)
        try:
            yield LiveCluster(connection), LiveCommands(connection.websocket, Refused)
        finally:
            connection.close()
        return
    from models.world.contents import Contents
    from provisioner.cluster.simulated_commands import SimulatedCommands

    with cluster_of(settings, clock) as cluster:
        yield cluster, SimulatedCommands(cluster, Contents(world_file(settings).with_name("simulated-volumes")))


@contextmanager
def nodes_of(settings: Settings, clock: Clock) -> Iterator[Nodes]:
    """The nodes of the cluster of the settings. Nothing is asked before the first call."""
    if settings.kubeconfig is not None:
        from collectors.sources.kubernetes_connection import Connection
        from provisioner.cluster.live_nodes import LiveNodes

        connection = Connection(settings.kubeconfig.expanduser(), settings.kube_context)
        try:
            yield LiveNodes(connection)
        finally:
            connection.close()
        return
    from models.world.file import open_world
    from provisioner.cluster.simulated import SimulatedCluster
    from provisioner.cluster.simulated_nodes import SimulatedNodes

    world = open_world(world_file(settings), settings.demo_seed, clock)
    try:
        yield SimulatedNodes(clock, world, SimulatedCluster(clock, world))
    finally:
        world.close()


def node_hands(container: Container) -> Nodes:
    """The nodes as a page or the API may ask about them: made at the first need, kept as long as the container."""
    kept: dict[str, Nodes] = container.__dict__
    with _making:
        if "node_hands" not in kept:
            stack = ExitStack()
            kept["node_hands"] = stack.enter_context(nodes_of(container.settings, container.clock))
            container.closing.append(stack.close)
    return kept["node_hands"]


@contextmanager
def provisioned(kubeconfig: Path | None) -> Iterator[Cluster | None]:
    """The cluster of a kubeconfig, or `in-cluster`; None without one. Nothing is asked before the first call."""
    if kubeconfig is None:
        yield None
        return
    with _connected(kubeconfig, "") as cluster:
        yield cluster


@contextmanager
def _connected(kubeconfig: Path, context: str) -> Iterator[Cluster]:
    from collectors.sources.kubernetes_connection import Connection
    from provisioner.cluster.live import LiveCluster

    connection = Connection(kubeconfig.expanduser(), context)
    try:
        yield LiveCluster(connection)
    finally:
        connection.close()
