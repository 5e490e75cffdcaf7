"""Images by digest: resolved once, named in what is sold from then on, never in what runs already."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.services import offers, suspension
from models.domain.errors import NotFound
from models.store import catalogue
from provisioner.pinning import loose
from tests.orders.conftest import Shop
from tests.provisioner.orders import SHOWN, TEMPLATES

DIGEST = "sha256:" + "cd" * 32


def _import(shop: Shop) -> int:
    with shop.acting(shop.staff) as ctx:
        changed = offers.pin(ctx, digests=dict.fromkeys(loose(TEMPLATES["wordpress"]), DIGEST))
        offers.publish(ctx, templates=SHOWN)
        return changed


def test_the_page_of_a_suspended_app_has_the_digest_too(shop: Shop) -> None:
    app = shop.order("container")
    shop.work(passes=10)
    image = shop.container.settings.ground.notice_image
    with shop.acting(shop.staff) as ctx:
        offers.pin(ctx, digests={image: DIGEST})
        suspension.suspend(ctx, instance_id=app.instance_id, reason="Unpaid.")
    shop.work(passes=10)
    (notice,) = [one for one in shop.cluster.find("Deployment", None, {}) if one["metadata"]["name"] == "notice"]
    (container,) = notice["spec"]["template"]["spec"]["containers"]
    assert (container["image"], container["imagePullPolicy"]) == (f"{image}@{DIGEST}", "IfNotPresent")


def test_what_was_ordered_before_keeps_its_image_and_what_comes_after_has_the_digest(shop: Shop) -> None:
    before = shop.order("wordpress")
    shop.work()
    assert _import(shop) == len(loose(TEMPLATES["wordpress"]))
    assert _import(shop) == 0
    after = shop.order("wordpress", "starter")
    with shop.acting(shop.staff) as ctx:
        from app.services import decisions

        decisions.received(ctx, order_id=after.id)
    shop.work()
    for placed, pinned in ((before, False), (after, True)):
        with shop.acting() as ctx:
            from app.services import instances

            namespace = instances.get(ctx, instance_id=placed.instance_id).namespace
        found = shop.cluster.read("Deployment", namespace, "web")
        assert found is not None
        image = found["spec"]["template"]["spec"]["containers"][0]["image"]
        assert image.endswith(f"@{DIGEST}") is pinned


def test_on_live_data_nothing_is_sold_by_tag_alone(shop: Shop) -> None:
    with shop.acting() as ctx:
        live = replace(ctx, ground=replace(ctx.ground, tags_suffice=False))
        assert [one.id for one in offers.list_(live)] == ["container"], "only what the customer names himself"
        with pytest.raises(NotFound):
            offers.get(live, template="wordpress")
    with shop.acting(shop.staff) as ctx:
        live = replace(ctx, ground=replace(ctx.ground, tags_suffice=False))
        told = {one.id: one.withheld for one in offers.list_(live, withheld=True)}
    assert "moorage catalogue import" in told["wordpress"]
    _import(shop)
    with shop.acting() as ctx:
        live = replace(ctx, ground=replace(ctx.ground, tags_suffice=False))
        assert [one.id for one in offers.list_(live)] == ["wordpress", "container"]


def test_pins_change_no_plan(shop: Shop) -> None:
    with shop.acting() as ctx:
        before = [(plan.id, plan.version) for plan in catalogue.plans(ctx.session)]
    _import(shop)
    with shop.acting() as ctx:
        assert [(plan.id, plan.version) for plan in catalogue.plans(ctx.session)] == before
