"""The sources that sign each port: simulated always, live on the test bed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collectors.sources.kubernetes import KubernetesInventory
from collectors.sources.port import InventorySource, MetricsSource, ProbeSource, ProbeTarget, Window
from collectors.sources.prober import HttpProber
from collectors.sources.prometheus import PrometheusSource
from collectors.sources.simulated import SimulatedInventory, SimulatedMetrics, SimulatedProber
from models.domain.clock import FrozenClock, SystemClock
from models.world.file import WorldFile, open_world
from tests.world.ordered import Ground, wanted

BED = (pytest.mark.cluster, pytest.mark.xdist_group("bed"))
SIMULATED = ["simulated", "simulated-ordered"]
"""The second with apps in it that the provisioner made."""
SOURCES = [*SIMULATED, pytest.param("live", marks=BED)]
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


@pytest.fixture(scope="session")
def ordered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a world in which, within the last 20 minutes, an app was made, one that crashes, and one was deleted again."""
    folder = tmp_path_factory.mktemp("ordered")
    clock = FrozenClock(SystemClock().now() - timedelta(minutes=20))
    ground = Ground(open_world(folder / "world.json", 7, clock), clock)
    gone = wanted("container", "gone")
    ground.converge(wanted("wordpress", "kept"))
    ground.converge(gone)
    ground.remove(gone)
    ground.converge(wanted("container", "crashing", parameters={"image": "example/app:sim-fault-crash-1"}))
    ground.world.close()
    return folder


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> WorldFile:
    """By the parameter of the source: one without orders, or a copy of the one that has some."""
    folder = tmp_path / "world"
    if "simulated-ordered" in request.node.name:
        shutil.copytree(request.getfixturevalue("ordered"), folder)
    return open_world(folder / "world.json", 7, SystemClock())


@pytest.fixture(params=SOURCES)
def metrics(request: pytest.FixtureRequest, world: WorldFile) -> Iterator[Metrics]:
    clock = SystemClock()
    upto = int(clock.now().timestamp() - 17) // 30 * 30
    end = datetime.fromtimestamp(upto, tz=UTC)
    if request.param == "live":
        live = PrometheusSource(os.environ["PROMETHEUS_URL"])
        yield Metrics(live, Window(end - TICK, end))
        live.close()
    else:
        yield Metrics(SimulatedMetrics(world, clock), Window(end - TICK, end))


@pytest.fixture(params=SOURCES)
def inventory(request: pytest.FixtureRequest, world: WorldFile) -> Iterator[InventorySource]:
    clock = SystemClock()
    made: InventorySource = SimulatedInventory(world, clock)
    if request.param == "live":
        made = KubernetesInventory(Path(os.environ["KUBECONFIG"]), clock=clock)
    yield made
    made.stop()


@pytest.fixture(params=[*SIMULATED, pytest.param("live", marks=(*BED, pytest.mark.real_node))])
def probing(request: pytest.FixtureRequest, world: WorldFile) -> Iterator[Probing]:
    clock = SystemClock()
    if request.param == "live":
        prober = HttpProber(os.environ["INGRESS_URL"])
        yield Probing(prober, None, ProbeTarget("http://nobody.example.test/", "nobody"))
        prober.close()
    elif request.param == "simulated-ordered":
        up = ProbeTarget("https://kept.apps.example/", "c-kept")
        yield Probing(SimulatedProber(world, clock), up, ProbeTarget("https://crashing.apps.example/", "c-crashing"))
    else:
        spaces = sorted({p.namespace for p in world.snapshot().pods.values() if p.ready})
        simulated = SimulatedProber(world, clock)
        found = simulated.probe([ProbeTarget("https://a.example.test/", s) for s in spaces], clock.now())
        good = found.filter(found["outcome"] == "up")["namespace"][0]
        yield Probing(
            simulated, ProbeTarget("https://a.example.test/", good), ProbeTarget("https://nobody.example.test/", "nobody")
        )
