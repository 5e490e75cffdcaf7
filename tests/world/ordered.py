"""Apps that the provisioner makes in a simulated world, for tests that look at the same world in other ways."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from models.domain.clock import FrozenClock
from models.domain.cluster import Pod, Snapshot
from models.world.file import WorldFile
from provisioner import reconcile
from provisioner.cluster.simulated import SimulatedCluster
from provisioner.secrets import draw
from provisioner.wanted import Wanted
from tests.provisioner.orders import TEMPLATES, an_instance

SECOND = timedelta(seconds=1)


def wanted(template: str = "wordpress", name: str = "kopi", **facts: Any) -> Wanted:
    return an_instance(
        TEMPLATES[template],
        instance_id=f"ins_{name}",
        namespace=f"c-{name}",
        host=f"{name}.apps.example",
        **facts,
    )


class Ground:
    """A provisioner's view of a world, and its clock."""

    def __init__(self, world: WorldFile, clock: FrozenClock) -> None:
        self.world, self.clock = world, clock
        self.cluster = SimulatedCluster(clock, world)

    def converge(self, one: Wanted, look: Callable[[], None] | None = None, within: int = 900) -> reconcile.Outcome:
        """Pass after pass, a second between two, until nothing is waited for any more; `look` after each."""
        for _ in range(within):
            outcome = reconcile.advance(self.cluster, one, drawn=lambda: draw(one.template), now=self.clock.now())
            if look is not None:
                look()
            if not isinstance(outcome, reconcile.Waiting):
                return outcome
            self.clock.advance(SECOND)
        raise AssertionError(outcome)

    def remove(self, one: Wanted) -> None:
        for _ in range(120):
            if isinstance(reconcile.remove(self.cluster, one, now=self.clock.now()), reconcile.Done):
                return
            self.clock.advance(SECOND)
        raise AssertionError("it does not go")

    def wait(self, **time: float) -> None:
        self.clock.advance(timedelta(**time))


def inside(seen: Snapshot, one: Wanted) -> list[Pod]:
    return [pod for pod in seen.pods.values() if pod.namespace == one.namespace]


def pod_of(seen: Snapshot, one: Wanted, component: str) -> Pod:
    (found,) = (pod for pod in inside(seen, one) if pod.owner_name == component and pod.deleted_at is None)
    return found
