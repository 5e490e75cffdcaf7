"""The sources that sign each port: simulated always, live on the test bed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collectors.sources.kubernetes import KubernetesInventory
from collectors.sources.port import InventorySource, MetricsSource, ProbeSource, ProbeTarget, Window
from collectors.sources.prober import HttpProber
from collectors.sources.prometheus import PrometheusSource
from collectors.sources.simulated import SimulatedInventory, SimulatedMetrics, SimulatedProber, open_world
from models.domain.clock import SystemClock

BED = (pytest.mark.cluster, pytest.mark.xdist_group("bed"))
SOURCES = ["simulated", pytest.param("live", marks=BED)]
TICK = timedelta(seconds=30)


@dataclass
class Metrics:
    """A source that is up, and the newest window whose samples have arrived."""

    source: MetricsSource
    window: Window


@dataclass
class Probing:
    """A prober, a target that is up and one that is not; none where nobody listens."""

    source: ProbeSource
    up: ProbeTarget | None
    down: ProbeTarget


@pytest.fixture(params=SOURCES)
def metrics(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Metrics]:
    clock = SystemClock()
    upto = int(clock.now().timestamp() - 17) // 30 * 30
    end = datetime.fromtimestamp(upto, tz=UTC)
    if request.param == "live":
        live = PrometheusSource(os.environ["PROMETHEUS_URL"])
        yield Metrics(live, Window(end - TICK, end))
        live.close()
    else:
        world = open_world(tmp_path / "world.json", 7, clock)
        yield Metrics(SimulatedMetrics(world, clock), Window(end - TICK, end))


@pytest.fixture(params=SOURCES)
def inventory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[InventorySource]:
    clock = SystemClock()
    made: InventorySource
    if request.param == "live":
        made = KubernetesInventory(Path(os.environ["KUBECONFIG"]), clock=clock)
    else:
        made = SimulatedInventory(open_world(tmp_path / "world.json", 7, clock), clock)
    yield made
    made.stop()


@pytest.fixture(params=["simulated", pytest.param("live", marks=(*BED, pytest.mark.real_node))])
def probing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Probing]:
    clock = SystemClock()
    if request.param == "live":
        prober = HttpProber(os.environ["INGRESS_URL"])
        yield Probing(prober, None, ProbeTarget("http://nobody.example.test/", "nobody"))
        prober.close()
    else:
        world = open_world(tmp_path / "world.json", 7, clock)
        spaces = sorted({p.namespace for p in world.snapshot().pods.values() if p.ready})
        simulated = SimulatedProber(world, clock)
        found = simulated.probe([ProbeTarget("https://a.example.test/", s) for s in spaces], clock.now())
        good = found.filter(found["outcome"] == "up")["namespace"][0]
        yield Probing(
            simulated, ProbeTarget("https://a.example.test/", good), ProbeTarget("https://nobody.example.test/", "nobody")
        )
