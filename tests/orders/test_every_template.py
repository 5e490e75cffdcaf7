"""Every template from the order to the end of the app on the simulated cluster; a new one is tested by being there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.services import app_backups, instances, offers, operations
from app.services.orders import OrderView
from models.domain.app_backups import BackupState, RestoreState
from models.domain.instances import State
from provisioner.app_backups import parts
from provisioner.catalogue import Template
from provisioner.secrets import opened
from tests.auth.one_database import store
from tests.orders.conftest import Shop
from tests.provisioner.orders import TEMPLATES

__all__ = ["store"]


class Life:
    """One app of a template, and looks at it."""

    def __init__(self, shop: Shop, template: Template) -> None:
        self.shop, self.template = shop, template
        with shop.acting(shop.staff) as ctx:
            offers.publish(ctx, templates=[template])
            (offer,) = offers.list_(ctx, withheld=True)
            if offer.needs_agreement and not offer.agreed_at:
                assert not offer.on_sale, "its maker must agree first"
                offers.agree(ctx, template=template.id)
        self.app: OrderView = shop.order(template.id)
        self.until(lambda: self.state is State.READY)
        with shop.acting() as ctx:
            self.namespace = instances.get(ctx, instance_id=self.app.instance_id).namespace

    def until(self, holds: Callable[[], bool]) -> None:
        """Let the drivers work until it is so; what is looked at afterwards says why it never was."""
        for _ in range(20):
            self.shop.work(passes=4)
            if holds():
                break

    @property
    def state(self) -> State:
        with self.shop.acting() as ctx:
            return instances.get(ctx, instance_id=self.app.instance_id).state

    @property
    def known(self) -> app_backups.Kept:
        """Its backups and restores."""
        with self.shop.acting() as ctx:
            return app_backups.of_app(ctx, instance_id=self.app.instance_id)

    @property
    def secrets(self) -> dict[str, str]:
        found = self.shop.cluster.read("Secret", self.namespace, "secrets")
        return {} if found is None else opened(found)

    @property
    def copies(self) -> set[int]:
        return {one["spec"]["replicas"] for one in self.shop.cluster.find("Deployment", self.namespace, {})}

    def volume(self, claim: str) -> str:
        found = self.shop.cluster.read("PersistentVolumeClaim", self.namespace, claim)
        assert found is not None
        return str(found["metadata"]["uid"])


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_ordered_saved_brought_back_stopped_started_and_deleted(shop: Shop, template: Template) -> None:
    life = Life(shop, template)
    assert life.state is State.READY
    drawn = life.secrets
    assert drawn.keys() == template.secrets.keys()
    if parts(template):
        _saved_and_brought_back(life)
    with shop.acting() as ctx:
        operations.stop(ctx, instance_id=life.app.instance_id)
    life.until(lambda: life.state is State.STOPPED)
    assert (life.state, life.copies) == (State.STOPPED, {0})
    with shop.acting() as ctx:
        operations.start(ctx, instance_id=life.app.instance_id)
    life.until(lambda: life.state is State.READY)
    assert (life.state, life.copies) == (State.READY, {1})
    assert life.secrets == drawn
    with shop.acting() as ctx:
        operations.remove(ctx, instance_id=life.app.instance_id, typed_name=life.app.name)
    life.until(lambda: life.state is State.GONE)
    assert life.state is State.GONE
    assert shop.cluster.read("Namespace", None, life.namespace) is None


def _saved_and_brought_back(life: Life) -> None:
    """What is on every volume is the same again, whatever was written since."""
    shop = life.shop
    claims = [volume.name for component in life.template.components for volume in component.volumes]
    before = {claim: f"{claim} \x00 before".encode() for claim in claims}
    for claim, content in before.items():
        shop.contents.write(life.volume(claim), [content])
    with shop.acting() as ctx:
        app_backups.ask(ctx, instance_id=life.app.instance_id)
    life.until(lambda: life.known.backups[0].usable)
    (saved,) = life.known.backups
    assert saved.state is BackupState.DONE, saved.why
    for claim in claims:
        shop.contents.write(life.volume(claim), [b"after"])
    with shop.acting() as ctx:
        app_backups.restore(ctx, backup_id=saved.id, typed_name=life.app.name)
    life.until(lambda: life.known.restores[0].state is RestoreState.DONE and life.state is State.READY)
    (done,) = life.known.restores
    assert (done.state, done.why) == (RestoreState.DONE, "")
    assert {claim: b"".join(shop.contents.read(life.volume(claim))) for claim in claims} == before
    assert life.state is State.READY
