"""The test bed as this program sees it: live sources, a warehouse of its own, and the commands that break and mend the bed."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_api_client import PrometheusConnect

from collectors import warehouse as warehouses
from collectors.collect import Collector
from collectors.latest import Latest
from collectors.sources.kubernetes import KubernetesInventory
from collectors.sources.port import SourceHealth
from collectors.sources.prober import HttpProber
from collectors.sources.prometheus import PrometheusSource
from collectors.warehouse import Warehouse
from models.domain.clock import SystemClock

TICK = timedelta(seconds=5)


@dataclass
class Bed:
    """The bed's addresses, and `testbed` as a function where the machine has it."""

    kubeconfig: Path
    prometheus: str

    def command(self, *args: str) -> str:
        tool, folder = os.environ.get("MOORAGE_TESTBED"), os.environ.get("MOORAGE_TESTBED_DIR")
        if not tool or not folder:
            if os.environ.get("MOORAGE_TEST_ALL") == "1":
                pytest.fail("MOORAGE_TESTBED and MOORAGE_TESTBED_DIR say where the test bed's command is")
            pytest.skip("MOORAGE_TESTBED and MOORAGE_TESTBED_DIR do not say where the test bed's command is")
        first, *rest = args
        done = subprocess.run([tool, first, "--dir", folder, *rest], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr or done.stdout
        return done.stdout

    def kubectl(self, *args: str) -> str:
        return self.command("kubectl", *args)

    def promql(self, query: str, at: datetime) -> list[dict[str, Any]]:
        api = PrometheusConnect(self.prometheus)
        found: list[dict[str, Any]] = api.custom_query(query, params={"time": at.timestamp()})
        api.close()
        return found

    def scalar(self, query: str, at: datetime) -> float:
        return float(self.promql(query, at)[0]["value"][1])


@dataclass
class Live:
    """Everything that collects from the bed."""

    bed: Bed
    inventory: KubernetesInventory
    metrics: PrometheusSource
    warehouse: Warehouse
    latest: Latest
    collector: Collector

    def of(self, source: str) -> SourceHealth:
        return next(h for h in self.collector.health() if h.source == source)


def until(what: Callable[[], Any], seconds: float, why: str = "") -> Any:
    """The first true answer of `what`; fails when there is none in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.25)
    pytest.fail(f"not within {seconds:.0f} s: {why}")


@pytest.fixture(scope="session")
def bed() -> Bed:
    return Bed(Path(os.environ["KUBECONFIG"]), os.environ["PROMETHEUS_URL"])


@pytest.fixture
def live(bed: Bed, tmp_path: Path) -> Iterator[Live]:
    clock = SystemClock()
    inventory = KubernetesInventory(bed.kubeconfig, clock=clock)
    inventory.start()
    assert inventory.wait(30)
    metrics = PrometheusSource(bed.prometheus, inventory=inventory)
    made = warehouses.open(str(tmp_path / "wh.duckdb"), threads=1)
    latest = Latest()
    prober = HttpProber(os.environ.get("INGRESS_URL", ""))
    collector = Collector(
        metrics=metrics, inventory=inventory, warehouse=made, latest=latest, clock=clock, interval=TICK, prober=prober
    )
    live = Live(bed, inventory, metrics, made, latest, collector)
    yield live
    live.collector.stop()
    inventory.stop()
    prober.close()
    metrics.close()
    made.close()


def now() -> datetime:
    return datetime.now(UTC)
