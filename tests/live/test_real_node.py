"""On a node that runs containers: throttling, a kill for memory, ingress traffic and probes arrive in the warehouse."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from collectors.collect import Collector
from collectors.sources.port import ProbeTarget
from models.domain.clock import SystemClock
from tests.live.conftest import TICK, Bed, Live, now, until

pytestmark = [pytest.mark.cluster, pytest.mark.real_node, pytest.mark.xdist_group("bed")]
SPACE, HOST = "sources-live", "sources.example.test"
ON_REAL = {"kubernetes.io/hostname": "real-1"}


def pod(name: str, image: str, command: list[str] | None, limits: dict[str, str]) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "main", "image": image, "resources": {"limits": limits, "requests": limits}}
    if command:
        container["command"] = command
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": SPACE, "labels": {"app": name}},
        "spec": {"nodeSelector": ON_REAL, "terminationGracePeriodSeconds": 0, "containers": [container]},
    }


OBJECTS = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}},
    pod("busy", "busybox:1.37", ["sh", "-c", "while :; do :; done"], {"cpu": "50m", "memory": "32Mi"}),
    pod(
        "hungry", "debian:13", ["sh", "-c", "sleep 1; exec dd if=/dev/zero of=/dev/null bs=300M"], {"cpu": "200m", "memory": "24Mi"}
    ),
    pod("web", "example/web:1", None, {"cpu": "200m", "memory": "96Mi"}),
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": SPACE},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    },
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "web", "namespace": SPACE},
        "spec": {
            "ingressClassName": "traefik",
            "rules": [
                {
                    "host": HOST,
                    "http": {
                        "paths": [
                            {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}
                        ]
                    },
                }
            ],
        },
    },
]


@pytest.fixture
def apps(bed: Bed, tmp_path: Path) -> Iterator[str]:
    """Three pods and an address; everything is taken away afterwards."""
    manifest = tmp_path / "apps.json"
    manifest.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": OBJECTS}))
    bed.kubectl("create", "namespace", SPACE)
    # pods are refused before the account that they run under is there
    until(lambda: "default" in bed.kubectl("get", "serviceaccounts", "-n", SPACE, "-o", "name"), 30, "the namespace is ready")
    bed.kubectl("apply", "-f", str(manifest))
    yield SPACE
    bed.kubectl("delete", "namespace", SPACE, "--wait=false")


def test_what_only_a_real_node_shows_arrives(live: Live, apps: str) -> None:
    ingress = os.environ["INGRESS_URL"]
    live.collector = Collector(
        metrics=live.metrics,
        inventory=live.inventory,
        warehouse=live.warehouse,
        latest=live.latest,
        clock=SystemClock(),
        interval=TICK,
        prober=live.collector._prober,
        targets=lambda: [ProbeTarget(f"http://{HOST}/healthz", apps), ProbeTarget("http://nobody.example.test/", "nobody")],
        probe_interval=timedelta(seconds=5),
    )
    live.collector.start()
    ask = live.warehouse.query

    def answers() -> bool:
        return httpx.get(f"{ingress}/healthz", headers={"Host": HOST}).status_code == 200

    until(answers, 60, "the app answers through the ingress")
    size = 20_000
    for _ in range(10):
        assert len(httpx.get(f"{ingress}/bytes?n={size}", headers={"Host": HOST}).content) == size
    httpx.get(f"{ingress}/nothing-here", headers={"Host": HOST})

    throttled = (
        "SELECT max(cpu_cfs_throttled_periods_total) AS t, max(cpu_cfs_periods_total) AS p, max(cpu_usage_seconds_total) AS s "
        "FROM pod_sample WHERE namespace = ? AND pod = 'busy' AND container = 'main'"
    )
    until(lambda: (ask(throttled, [apps])["t"].item() or 0) > 20, 90, "throttling is counted")
    t, p, s = ask(throttled, [apps]).row(0)
    assert t / p > 0.5, "a loop with a twentieth of a core is stopped in most periods"
    # each period in which it was stopped was one in which it had used its quota, a twentieth of 100 ms
    assert s >= 0.9 * t * 0.005

    killed = (
        "SELECT max(restarts) FROM pod_state WHERE namespace = ? AND pod = 'hungry' "
        "AND last_reason = 'OOMKilled' AND last_exit_code = 137"
    )
    until(lambda: (ask(killed, [apps]).item() or 0) >= 1, 90, "the kill for memory is stored")
    again = "SELECT max(restarts_total) FROM pod_sample WHERE namespace = ? AND pod = 'hungry'"
    until(lambda: (ask(again, [apps]).item() or 0) >= 1, 60, "its restart is counted")

    traffic = (
        "SELECT max(requests_total) AS r, max(sent_bytes_total) AS b FROM ingress_sample WHERE namespace = ? AND target = 'web:80'"
    )
    until(lambda: (ask(traffic, [apps])["b"].item() or 0) > 10 * size, 60, "bytes of answers are counted")
    assert ask(traffic, [apps])["r"].item() >= 11

    until(lambda: ask("SELECT 1 FROM probe WHERE namespace = ? AND outcome = 'up'", [apps]).height, 30, "the probe is up")
    status, latency = ask("SELECT status, latency_seconds FROM probe WHERE namespace = ? AND outcome = 'up'", [apps]).row(0)
    assert status == 200
    assert 0 < latency < 10
    assert set(ask("SELECT outcome FROM probe WHERE namespace = 'nobody'")["outcome"]) == {"down"}
    network = "SELECT max(network_transmit_bytes_total) FROM pod_sample WHERE namespace = ? AND pod = 'web'"
    until(lambda: (ask(network, [apps]).item() or 0) > 10 * size, 60, "the pod's own traffic is counted")
    assert live.of("prometheus").problem == ""
    assert now() - (live.of("prometheus").last_success_at or now()) < timedelta(seconds=60)
