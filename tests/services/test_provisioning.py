"""Which cluster the provisioner gets from the settings."""

import multiprocessing
from datetime import UTC, datetime
from pathlib import Path

from app.config import Settings
from app.provisioning import cluster_of
from models.domain.clock import FrozenClock, SystemClock
from provisioner.cluster.live import LiveCluster

SPAWN = multiprocessing.get_context("spawn")
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "c-kopi", "labels": {"a": "b"}}}
KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
current-context: c
"""


def make(data: Path) -> None:
    with cluster_of(Settings.model_construct(data=data, store_url="", kubeconfig=None, demo_seed=7), SystemClock()) as cluster:
        cluster.apply(NAMESPACE)


def test_without_a_kubeconfig_processes_share_the_simulated_cluster(tmp_path):
    settings = Settings.model_construct(data=tmp_path, store_url="", kubeconfig=None, demo_seed=7)
    with cluster_of(settings, FrozenClock(datetime(2026, 11, 25, tzinfo=UTC))) as cluster:
        assert cluster.read("Namespace", None, "c-kopi") is None
        worker = SPAWN.Process(target=make, args=(tmp_path,))
        worker.start()
        worker.join(60)
        assert worker.exitcode == 0
        found = cluster.read("Namespace", None, "c-kopi")
        assert found is not None
        assert found["metadata"]["labels"] == {"a": "b"}


def test_with_a_kubeconfig_it_is_that_cluster(tmp_path):
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    settings = Settings.model_construct(data=tmp_path, store_url="", kubeconfig=tmp_path / "kubeconfig")
    with cluster_of(settings, SystemClock()) as cluster:
        assert isinstance(cluster, LiveCluster)
    assert not list(tmp_path.glob("world*"))
