"""The cluster's API does not answer for minutes, in the middle of what is made: it goes on when it is back, and nothing was made twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.driver import Driver
from app.services import changesets, instances
from models.domain.access import MemberRole, member_actor
from models.domain.changesets import ChangeState
from models.domain.errors import Unavailable
from models.domain.instances import State
from tests.orders.conftest import Shop
from tests.stories import a_customer

GONE = "The Kubernetes API at 10.0.0.1:6443 does not answer."


@dataclass
class Flickering:
    """A cluster whose API goes away after so many requests, until it is said to be back. The last one arrived, its answer did not."""

    inner: Any
    left: int
    back: bool = False

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self.inner, name)

        def asked(*args: Any, **words: Any) -> Any:
            if self.back:
                return inner(*args, **words)
            self.left -= 1
            if self.left == 0:
                inner(*args, **words)
            if self.left <= 0:
                raise Unavailable(GONE)
            return inner(*args, **words)

        return asked


def test_minutes_without_an_answer_end_well(shop: Shop) -> None:
    for requests in (1, 3, 20, 55):
        cluster = Flickering(shop.cluster, requests)
        driver = Driver(shop.container, cluster, prober=shop.prober)
        with shop.store.transaction() as session:
            other = a_customer(session, f"Toko {requests}", now=shop.clock.now())
        actor = member_actor(other.owner.id, "Owner", {other.organization.id: MemberRole.OWNER})
        app = shop.order("wordpress", actor=actor, organization_id=other.organization.id)
        for _ in range(150):  # ten minutes and more
            driver.once()
            shop.clock.advance(timedelta(seconds=5))
        with shop.acting(shop.staff) as ctx:
            work = changesets.list_(ctx, instance_id=app.instance_id)[0]
            state = instances.get(ctx, instance_id=app.instance_id).state
        assert cluster.left <= 0
        assert state is State.PROVISIONING
        assert work.state is ChangeState.WAITING
        assert work.reason == GONE
        assert work.again_at - shop.clock.now() <= timedelta(minutes=5)
        cluster.back = True
        for _ in range(150):
            driver.once()
            shop.clock.advance(timedelta(seconds=5))
        with shop.acting(shop.staff) as ctx:
            found = instances.get(ctx, instance_id=app.instance_id)
            (work,) = changesets.list_(ctx, instance_id=app.instance_id)
        assert found.state is State.READY, (requests, work)
        pods = Counter(
            pod["metadata"]["labels"].get("app.kubernetes.io/component")
            for pod in shop.cluster.find("Pod", found.namespace, {})
            if pod["status"].get("phase") == "Running"
        )
        assert set(pods.values()) == {1}
