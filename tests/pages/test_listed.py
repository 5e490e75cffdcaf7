"""The components of a stack in the pages: proposed, typed, checked where they stand, ordered, and changed later."""

from __future__ import annotations

from typing import Any

import pytest

from app.services import orders
from app.services.orders import OrderView
from collectors.latest import Latest
from models.domain.access import MemberRole, job_actor
from models.domain.errors import Unavailable
from models.domain.instances import State
from models.store import specifications
from tests.orders.conftest import Shop, postgres, shop, store
from tests.orders.test_operations import state
from tests.orders.test_stack import SHOP, stacks
from tests.pages.test_provisioning import nothing_answered_before, page, said
from tests.pages.test_upkeep import look, wish
from tests.stories import NoWarehouse

__all__ = ["nothing_answered_before", "postgres", "shop", "stacks", "store"]
IMAGES = {"image_components_1": "ghcr.io/kopi/react:3", "image_components_2": "ghcr.io/kopi/api:3"}


@pytest.fixture(autouse=True)
def nothing_measured(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise Unavailable("The warehouse is away.")

    monkeypatch.setattr(NoWarehouse, "query", away)
    monkeypatch.setattr(type(shop.seen), "current", lambda _, entity: Latest().current(entity))


@pytest.fixture
def checkout(stacks: Shop) -> Any:
    at = page(stacks, "customer/order", role=MemberRole.OWNER, template="stack", org=stacks.customer.organization.id)
    assert not at.exception
    return at


def placed(shop: Shop) -> list[OrderView]:
    with shop.acting() as ctx:
        return list(orders.list_(ctx, organization_id=shop.customer.organization.id).items)


def names(at: Any) -> list[str]:
    return [one.value for one in at.text_input if str(one.key).startswith("name_components")]


def fill_in(at: Any) -> None:
    for key, image in IMAGES.items():
        at.text_input(key=key).set_value(image)
    at.run()


def test_two_images_are_all_that_has_to_be_typed(shop: Shop, checkout: Any) -> None:
    assert names(checkout) == ["web", "api"]
    assert "Still to be answered: the image of web." in {one.value for one in checkout.info}
    assert checkout.button(key="place").disabled
    fill_in(checkout)
    text = said(checkout).replace("\u200b", "")
    assert "Visitors reach it at /api. The others call it http://api:8000." in text
    assert "PostgreSQL, beside the plan: free during the trial" in text
    checkout.button(key="place").click().run()
    assert not checkout.exception
    (order,) = placed(shop)
    with shop.container.reading(job_actor("test"), "cli") as ctx:
        kept = specifications.newest(ctx.session, order.instance_id)
        assert kept is not None
        listed = kept.given["components"]
        assert [one.component for one in kept.added] == ["postgresql"]
    assert [(one["name"], one["path"], one["uses"]) for one in listed] == [("web", "/", []), ("api", "/api", ["postgresql"])]


def test_components_come_and_go_and_what_is_wrong_is_said(checkout: Any) -> None:
    checkout.button(key="more_components").click().run()
    assert names(checkout) == ["web", "api", "service-3"]
    checkout.text_input(key="name_components_3").set_value("api").run()
    fill_in(checkout)
    checkout.text_input(key="image_components_3").set_value("ghcr.io/kopi/api:3").run()
    assert "Two components are called “api”" in said(checkout)
    checkout.button(key="drop_components_3").click().run()
    assert names(checkout) == ["web", "api"]
    assert not checkout.error
    checkout.text_input(key="path_components_1").set_value("").run()
    assert "No component answers at the path /" in said(checkout)
    checkout.text_input(key="path_components_1").set_value("/").run()
    checkout.text_area(key="environment_components_2").set_value("this is none").run()
    assert "NAME=value" in said(checkout)
    assert checkout.button(key="place").disabled


def test_another_beginning_brings_its_own_cards(checkout: Any) -> None:
    checkout.button_group(key="begin_components").set_value("services").run()
    assert not checkout.exception
    assert names(checkout) == ["gateway", "accounts", "orders", "mailer", "reports"]


def test_on_the_app_s_page_they_are_what_is_wanted_now(stacks: Shop) -> None:
    app = stacks.order("stack", parameters=SHOP)
    stacks.work(passes=30)
    assert state(stacks, app) is State.READY
    at = look(stacks, app)
    assert not at.exception
    assert names(at) == ["web", "api"]
    assert at.number_input(key="copies_components_2").value == 2
    at.text_input(key="image_components_2").set_value("ghcr.io/kopi/api:4").run()
    at.button(key="settings_app").click().run()
    assert not at.exception
    after = wish(stacks, app).given["components"]
    assert [one["image"] for one in after] == ["ghcr.io/kopi/react:3", "ghcr.io/kopi/api:4"]
    assert {**after[1], "image": ""} == {
        **after[1],
        "image": "",
        **{k: v for k, v in SHOP["components"][1].items() if k != "image"},
    }
