"""The cluster as the provisioner writes to it: its port joined to the connection that the collectors read with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provisioner.cluster import Cluster


@contextmanager
def provisioned(kubeconfig: Path | None) -> Iterator[Cluster | None]:
    """The cluster of a kubeconfig, or `in-cluster`; None without one. Nothing is asked before the first call."""
    if kubeconfig is None:
        yield None
        return
    from collectors.sources.kubernetes_connection import Connection
    from provisioner.cluster.live import LiveCluster

    connection = Connection(kubeconfig.expanduser())
    try:
        yield LiveCluster(connection)
    finally:
        connection.close()
