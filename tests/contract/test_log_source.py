"""What every `LogSource` promises: the simulated one always, the API of the test bed's real node."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collectors.sources.kubernetes_connection import Connection
from collectors.sources.kubernetes_logs import KubernetesLogs
from collectors.sources.port import LogLine, LogSource
from collectors.sources.simulated import SimulatedLogs
from models.domain.clock import FrozenClock
from models.domain.errors import NotFound
from models.world.file import open_world
from models.world.tenants import CRASHING
from tests.live.conftest import Bed, until

LIVE = pytest.param("live", marks=(pytest.mark.cluster, pytest.mark.real_node, pytest.mark.xdist_group("bed")))
SPACE = "logs-live"
NOW = datetime(2026, 11, 22, 12, 0, 17, tzinfo=UTC)
SPEAKS = "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.2; done"


@dataclass
class Speaking:
    """A source, a container that goes on writing, and one that ended and was begun anew, each as (namespace, pod, container)."""

    source: LogSource
    steady: tuple[str, str, str]
    crashed: tuple[str, str, str]


@pytest.fixture(scope="module", params=["simulated", LIVE])
def speaking(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Speaking]:
    if request.param == "simulated":
        yield _simulated()
    else:
        yield from _live(Path(tmp_path_factory.mktemp("logs")))


def _simulated() -> Speaking:
    clock = FrozenClock(NOW)
    world = open_world(None, 7, clock)
    pods = world.world.snapshot(NOW).pods.values()
    steady = next(
        pod for pod in pods if pod.ready and not pod.restarts and pod.started_at and NOW - pod.started_at > timedelta(hours=2)
    )
    space, _, app = CRASHING.partition("/")
    crashed = next(pod for pod in pods if pod.namespace == space and app in pod.name and pod.containers[0].last_finished_at)
    return Speaking(
        SimulatedLogs(world, clock),
        (steady.namespace, steady.name, steady.containers[0].name),
        (crashed.namespace, crashed.name, crashed.containers[0].name),
    )


def _live(folder: Path) -> Iterator[Speaking]:
    bed = Bed(Path(os.environ["KUBECONFIG"]), os.environ["PROMETHEUS_URL"])
    pods = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": SPACE},
            "spec": {
                "nodeSelector": {"kubernetes.io/hostname": "real-1"},
                "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "main", "image": "busybox:1.37", "command": ["sh", "-c", command]}],
            },
        }
        for name, command in (("steady", SPEAKS), ("crashed", "echo before the end; sleep 1; exit 3"))
    ]
    manifest = folder / "pods.json"
    manifest.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": pods}))
    connection = Connection(Path(os.environ["KUBECONFIG"]))
    bed.kubectl("create", "namespace", SPACE)
    try:
        until(lambda: "default" in bed.kubectl("get", "serviceaccounts", "-n", SPACE, "-o", "name"), 30, "the namespace is ready")
        bed.kubectl("apply", "-f", str(manifest))
        restarts = "jsonpath={.status.containerStatuses[0].restartCount}"
        until(lambda: bed.kubectl("get", "pod", "crashed", "-n", SPACE, "-o", restarts) not in ("", "0"), 90, "it was begun anew")
        until(lambda: "line 20" in bed.kubectl("logs", "steady", "-n", SPACE), 90, "it writes")
        yield Speaking(KubernetesLogs(connection), (SPACE, "steady", "main"), (SPACE, "crashed", "main"))
    finally:
        connection.close()
        bed.kubectl("delete", "namespace", SPACE, "--wait=false")


def test_the_newest_lines_come_the_oldest_of_them_first(speaking: Speaking) -> None:
    few, more = (speaking.source.read(*speaking.steady, lines=number) for number in (5, 10))
    assert len(few) == 5
    assert len(more) == 10
    assert [one.at for one in more] == sorted(one.at for one in more)
    assert all(one.at.tzinfo is not None and one.text for one in more)
    assert more[0].at < few[0].at


def test_followed_from_a_line_on_that_line_is_not_told_again(speaking: Speaking) -> None:
    first = speaking.source.read(*speaking.steady, lines=10)
    middle = first[4]
    for _ in range(20):
        after = speaking.source.read(*speaking.steady, lines=500, since=middle.at)
        if len(after) >= 5:
            break
        time.sleep(0.2)
    assert all(one.at > middle.at for one in after)
    assert [one.text for one in after[:5]] == [one.text for one in first[5:]]


def test_the_run_before_is_another_log(speaking: Speaking) -> None:
    def read() -> Sequence[LogLine]:
        try:
            return speaking.source.read(*speaking.crashed, lines=50, previous=True)
        except NotFound:
            return ()  # a node keeps one run at most, and not while it clears it away

    assert until(read, 60, "the run before is read")
    with pytest.raises(NotFound):
        speaking.source.read(*speaking.steady, lines=5, previous=True)


def test_what_is_not_there_is_not_found(speaking: Speaking) -> None:
    namespace, _, container = speaking.steady
    with pytest.raises(NotFound):
        speaking.source.read(namespace, "nobody", container, lines=5)
    with pytest.raises(NotFound):
        speaking.source.read(namespace, speaking.steady[1], "nobody", lines=5)
