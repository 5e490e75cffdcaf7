"""An app is ready when what was drawn for it signs in; later its password is the customer's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from app.driver import Driver
from app.gateways.sign_in import Tried
from app.services import changesets, instances, operations
from app.services.orders import OrderView
from models.domain.changesets import ChangeState
from models.domain.instances import State
from provisioner.catalogue.schema import SignIn
from tests.orders.conftest import Shop


@dataclass
class Door:
    """Answers as it is told."""

    said: Tried = field(default_factory=lambda: Tried(True))
    asked: list[tuple[str, SignIn]] = field(default_factory=list)

    def sign_in(self, address: str, request: SignIn) -> Tried:
        self.asked.append((address, request))
        return self.said


def work(shop: Shop, door: Door, passes: int = 40, pause: timedelta = timedelta(seconds=2)) -> None:
    driver = Driver(shop.container, shop.cluster, prober=shop.prober, doorman=door)
    for _ in range(passes):
        driver.once()
        shop.clock.advance(pause)


def state(shop: Shop, app: OrderView) -> State:
    with shop.acting() as ctx:
        return instances.get(ctx, instance_id=app.instance_id).state


def test_ready_is_who_takes_the_drawn_password(shop: Shop) -> None:
    door = Door(Tried(False, "it did not take the credentials that were drawn for it (200)", refused=True))
    app = shop.order("wordpress")
    work(shop, door)
    assert state(shop, app) is State.PROVISIONING
    with shop.acting(shop.staff) as ctx:
        (change,) = changesets.list_(ctx, instance_id=app.instance_id)
    assert change.reason.startswith("The address answers, but nobody can sign in yet")
    tried = len(door.asked)
    assert tried <= 4, "apps lock the door after some wrong sign-ins"
    door.said = Tried(True)
    work(shop, door)
    assert state(shop, app) is State.READY
    address, request = door.asked[-1]
    assert address.startswith("https://")
    assert request.fields["log"] == "owner"
    assert len(request.fields["pwd"]) == 20
    # what comes later asks no more: the customer may have another password by now
    asked = len(door.asked)
    with shop.acting() as ctx:
        operations.restart(ctx, instance_id=app.instance_id)
    door.said = Tried(False, "no", refused=True)
    work(shop, door)
    assert state(shop, app) is State.READY
    assert len(door.asked) == asked


def test_who_never_takes_it_has_failed_with_that_reason(shop: Shop) -> None:
    door = Door(Tried(False, "it did not take the credentials that were drawn for it (401)", refused=True))
    app = shop.order("wordpress")
    work(shop, door)
    work(shop, door, pause=timedelta(seconds=60))
    assert state(shop, app) is State.DEGRADED
    with shop.acting(shop.staff) as ctx:
        (change,) = changesets.list_(ctx, instance_id=app.instance_id)
    assert change.state is ChangeState.BLOCKED
    assert "answers, but nobody can sign in: it did not take the credentials" in change.reason


@pytest.mark.parametrize("template", ["container"])
def test_an_app_without_a_password_of_ours_is_asked_for_none(shop: Shop, template: str) -> None:
    door = Door(Tried(False, "never asked", refused=True))
    app = shop.order(template)
    work(shop, door)
    assert state(shop, app) is State.READY
    assert door.asked == []
