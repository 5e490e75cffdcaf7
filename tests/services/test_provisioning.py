"""Which cluster the provisioner gets from the settings."""

import multiprocessing
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.config import Settings
from app.container import world_file
from app.provisioning import cluster_of
from collectors.sources.port import ProbeTarget
from collectors.sources.simulated import SimulatedInventory, SimulatedProber
from models.domain.clock import FrozenClock, SystemClock
from models.world.file import open_world
from provisioner.cluster.live import LiveCluster
from provisioner.desired import desired
from tests.world.ordered import wanted

pytestmark = pytest.mark.usefixtures("plain_main")
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
        worker.join(300)
        assert worker.exitcode == 0
        found = cluster.read("Namespace", None, "c-kopi")
        assert found is not None
        assert found["metadata"]["labels"] == {"a": "b"}


def begin(data: Path) -> None:
    """Everything that a worker makes for an app, up to its entrance."""
    with cluster_of(Settings.model_construct(data=data, store_url="", kubeconfig=None, demo_seed=7), SystemClock()) as cluster:
        for step in desired(wanted("container")):
            for one in step.objects:
                cluster.apply(one)


def test_what_a_worker_makes_the_servers_sources_see(tmp_path):
    settings, clock = Settings.model_construct(data=tmp_path, store_url="", kubeconfig=None, demo_seed=7), SystemClock()
    world = open_world(world_file(settings), settings.demo_seed, clock)
    inventory, prober = SimulatedInventory(world, clock), SimulatedProber(world, clock)
    inventory.start()
    assert "c-kopi" not in inventory.snapshot().namespaces
    worker = SPAWN.Process(target=begin, args=(tmp_path,))
    worker.start()
    worker.join(300)
    assert worker.exitcode == 0
    until = clock.now() + timedelta(seconds=240)
    target = ProbeTarget("https://kopi.apps.example/", "c-kopi")
    while prober.probe([target], clock.now())["outcome"].item() != "up":
        assert clock.now() < until
        time.sleep(0.2)
    with cluster_of(settings, clock) as cluster:
        seen = {pod.uid: pod.node for pod in inventory.snapshot().pods.values() if pod.namespace == "c-kopi"}
        assert {one["metadata"]["uid"]: one["spec"]["nodeName"] for one in cluster.find("Pod", "c-kopi", {})} == seen
    assert len(seen) == 1


def test_with_a_kubeconfig_it_is_that_cluster(tmp_path):
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    settings = Settings.model_construct(data=tmp_path, store_url="", kubeconfig=tmp_path / "kubeconfig")
    with cluster_of(settings, SystemClock()) as cluster:
        assert isinstance(cluster, LiveCluster)
    assert not list(tmp_path.glob("world*"))
