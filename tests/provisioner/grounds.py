"""Clusters to provision on: the simulated one, and that of the test bed with the account and the rights of `deploy/provisioner.yaml`."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from collectors.sources.kubernetes_connection import Connection
from models.domain.clock import FrozenClock, SystemClock
from models.world.file import open_world
from provisioner import reconcile
from provisioner.changes import MANAGED_BY
from provisioner.cluster import Cluster
from provisioner.cluster.live import LiveCluster
from provisioner.cluster.simulated import SimulatedCluster
from provisioner.labels import MANAGER
from provisioner.secrets import draw
from provisioner.wanted import Wanted

RIGHTS = Path(__file__).resolve().parents[2] / "deploy" / "provisioner.yaml"
LONGEST = timedelta(minutes=2)
PLAYED = "kwok.x-k8s.io/node"
"""Taint of the nodes whose kubelet the bed plays."""


@dataclass
class Site:
    """A cluster, its time, and `somebody`: another one who changes things in it by hand."""

    cluster: Cluster
    now: Callable[[], datetime]
    wait: Callable[[timedelta], None]
    somebody: Callable[[dict[str, Any]], None]

    def converge(self, wanted: Wanted, cluster: Cluster | None = None) -> reconcile.Outcome:
        """Pass after pass until nothing is waited for any more."""
        until = self.now() + LONGEST
        refused = 0
        while True:
            outcome = reconcile.advance(
                cluster or self.cluster, wanted, drawn=lambda: draw(wanted.template), now=self.now(), attempts=refused
            )
            if not isinstance(outcome, reconcile.Waiting):
                return outcome
            assert self.now() < until, outcome
            refused = refused + 1 if outcome.phase is None else 0
            self.wait(max(outcome.again_at - self.now(), timedelta(milliseconds=300)))

    def clear(self, wanted: Wanted) -> None:
        until = self.now() + LONGEST
        while not isinstance(outcome := reconcile.remove(self.cluster, wanted, now=self.now()), reconcile.Done):
            assert isinstance(outcome, reconcile.Waiting), outcome
            assert self.now() < until, outcome
            self.wait(timedelta(seconds=1))


def simulated(file: Path | None = None) -> Site:
    """In memory, or on a file."""
    clock = FrozenClock(datetime(2026, 11, 25, 12, 0, tzinfo=UTC))
    cluster = SimulatedCluster(clock, open_world(file, 7, clock))

    def somebody(wanted: dict[str, Any]) -> None:
        cluster.apply(wanted)

    return Site(cluster, clock.now, clock.advance, somebody)


@contextmanager
def live(folder: Path, *, real: bool = False) -> Iterator[Site]:
    """With a token of the provisioner's own account, so that its rights are proven on the way. `real`: on the node that runs containers."""
    kubectl("apply", "-f", str(RIGHTS))
    kubectl(
        "wait", "--for=jsonpath={.status.observedGeneration}=1", "validatingadmissionpolicy/moorage-provisioner", "--timeout=20s"
    )
    token = kubectl("create", "token", "moorage-provisioner", "-n", "moorage").strip()
    config = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
    config["users"] = [{"name": "provisioner", "user": {"token": token}}]
    config["contexts"][0]["context"]["user"] = "provisioner"
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    connection = Connection(path)

    def somebody(wanted: dict[str, Any]) -> None:
        kubectl("apply", "--server-side", "--force-conflicts", "--field-manager=somebody", "-f", "-", given=json.dumps(wanted))

    clock = SystemClock()
    cluster = LiveCluster(connection)
    with nullcontext() if real else _played_nodes_only():
        yield Site(cluster, clock.now, lambda pause: time.sleep(pause.total_seconds()), somebody)
        until = clock.now() + LONGEST
        while cluster.find("Namespace", None, {MANAGED_BY: MANAGER}) and clock.now() < until:
            time.sleep(1)  # other tests count what is on the bed
    connection.close()


@contextmanager
def _played_nodes_only() -> Iterator[None]:
    """Beside a real node the played ones are tainted; it would fetch the images, which no registry of the bed has, they play them."""
    nodes = json.loads(kubectl("get", "nodes", "-o", "json"))["items"]
    tainted = {node["metadata"]["name"] for node in nodes for taint in node["spec"].get("taints", ()) if taint["key"] == PLAYED}
    real = {node["metadata"]["name"] for node in nodes} - tainted if tainted else set()
    try:
        for name in real:
            kubectl("cordon", name)
        for name in tainted:
            kubectl("taint", "node", name, f"{PLAYED}-")
        yield
    finally:
        for name in tainted:
            kubectl("taint", "node", name, f"{PLAYED}=fake:NoSchedule", "--overwrite")
        for name in real:
            kubectl("uncordon", name)


def command() -> list[str]:
    """`kubectl` as the bed's administrator."""
    return [os.environ["MOORAGE_TESTBED"], "kubectl", "--dir", os.environ["MOORAGE_TESTBED_DIR"]]


def bed_command(word: str, *words: str) -> None:
    """A command of the bed itself, such as `kill apiserver`."""
    done = subprocess.run(
        [os.environ["MOORAGE_TESTBED"], word, *words, "--dir", os.environ["MOORAGE_TESTBED_DIR"]],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr or done.stdout


def kubectl(*words: str, given: str | None = None) -> str:
    """What it says; a failure of the test when it fails."""
    done = subprocess.run([*command(), *words], input=given, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr or done.stdout
    return done.stdout
