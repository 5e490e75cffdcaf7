"""What people do with an app on its page: sign-in, stop and start, size, settings, roll back, delete; and who sees none of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from app.services import decisions, instances, operations, orders
from app.services.orders import OrderView
from collectors.latest import Latest
from models.domain.access import MemberRole, StaffRole, job_actor
from models.domain.errors import Unavailable
from models.domain.instances import State
from models.domain.orders import OrderState
from models.store import specifications
from tests.orders.conftest import Shop, postgres, shop, store
from tests.orders.test_logs import Written
from tests.pages.test_provisioning import nothing_answered_before, page, said
from tests.stories import NoWarehouse

__all__ = ["nothing_answered_before", "postgres", "shop", "store"]
ACTIONS = {"restart_app", "stop_app", "settings_app", "reveal"}


@pytest.fixture
def app(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> OrderView:
    """A running app, of which nothing was measured yet, in an hour in which the warehouse is away."""

    def away(*_: Any, **__: Any) -> pl.DataFrame:
        raise Unavailable("The warehouse is away.")

    monkeypatch.setattr(NoWarehouse, "query", away)
    monkeypatch.setattr(type(shop.seen), "current", lambda _, entity: Latest().current(entity))
    return running(shop, shop.order("wordpress", "starter", name="shop"))


def running(shop: Shop, order: OrderView) -> OrderView:
    """It is paid for and made."""
    with shop.acting(shop.staff) as ctx:
        decisions.received(ctx, order_id=order.id)
    shop.work(passes=30)
    return order


def look(shop: Shop, app: OrderView, role: MemberRole = MemberRole.OWNER) -> Any:
    return page(shop, "customer/app", role=role, id=app.instance_id)


def wish(shop: Shop, app: OrderView) -> specifications.Specification:
    with shop.container.reading(job_actor("test"), "cli") as ctx:
        row = specifications.newest(ctx.session, app.instance_id)
        assert row is not None
        ctx.session.expunge(row)
        return row


def keys(at: Any) -> set[str]:
    return {str(one.key) for one in at.button}


def test_an_owner_sees_the_sign_in_after_asking_and_proving_who_they_are(shop: Shop, app: OrderView) -> None:
    at = look(shop, app)
    assert not at.code
    at.button(key="reveal").click().run()
    assert not at.exception
    assert any(len(one.value) >= 8 for one in at.code)
    shop.clock.advance(timedelta(minutes=20))
    at.run()
    assert not at.code
    assert "reveal" not in keys(at)
    assert "Confirm your password" in said(at)


def test_it_is_stopped_and_made_larger_and_said_so(shop: Shop, app: OrderView) -> None:
    at = look(shop, app)
    assert "does not answer until you start it again" in said(at)
    at.button(key="stop_app").click().run()
    assert not at.exception
    assert not wish(shop, app).running
    assert "It is being stopped." in {one.value for one in at.info}
    shop.work(passes=5)
    at = look(shop, app)
    assert "start_app" in keys(at)
    assert "This is what you have." in said(at)
    assert "cannot be exchanged" in said(at), "the trial"
    assert "more a month" in said(at)
    at.button(key="plan_standard").click().run()
    assert not at.exception
    assert wish(shop, app).reason == "plan standard"


def test_it_is_deleted_only_with_its_name_typed(shop: Shop, app: OrderView) -> None:
    at = look(shop, app)
    assert "all its data are deleted at once" in said(at)
    delete = "Delete it with all its data"
    next(one for one in at.button if one.label == delete).click().run()
    assert "Type the app" in at.error[0].value
    next(one for one in at.text_input if one.label.startswith("Type ")).input("shop")
    next(one for one in at.button if one.label == delete).click().run()
    assert not at.exception
    shop.work(passes=20)
    with shop.acting() as ctx:
        assert instances.get(ctx, instance_id=app.instance_id).state is State.GONE


def test_settings_are_changed_and_rolled_back(shop: Shop, app: OrderView) -> None:
    asked = {"image": "ghcr.io/kopi/shop:1.4", "environment": {"A": "1"}}
    container = running(shop, shop.order("container", "starter", parameters=asked))
    at = look(shop, container)
    assert at.text_area(key="parameter_environment").value == "A=1"
    at.text_area(key="parameter_environment").set_value("").run()
    at.text_input(key="parameter_image").set_value("ghcr.io/kopi/shop:1.5").run()
    at.button(key="settings_app").click().run()
    assert not at.exception
    given = wish(shop, container).given
    assert given["image"].endswith("1.5")
    assert "environment" not in given
    at.button(key="back_1").click().run()
    assert not at.exception
    assert wish(shop, container).given["environment"] == {"A": "1"}


def test_who_may_only_look_has_no_buttons_and_reads_no_variables(shop: Shop, app: OrderView) -> None:
    for role in (MemberRole.VIEWER, MemberRole.BILLING):
        at = look(shop, app, role)
        assert at.title
        assert not keys(at) & ACTIONS
        assert not at.text_input
    at = look(shop, app, MemberRole.DEVELOPER)
    assert "stop_app" in keys(at)
    assert "reveal" not in keys(at)
    assert "all its data are deleted" not in said(at)
    with shop.acting() as ctx:
        operations.restart(ctx, instance_id=app.instance_id)


def test_the_organizations_page_shows_what_waits_and_what_runs(shop: Shop, app: OrderView) -> None:
    """Also to who handles money and has no page about the cluster."""
    with shop.acting() as ctx:
        operations.restart(ctx, instance_id=app.instance_id)
    order = shop.order("container", "starter")
    at = page(shop, "admin/organization", role=StaffRole.BILLING, id=app.organization_id)
    assert "waits for the money" in said(at)
    changes = next(one.value for one in at.dataframe if "phase" in one.value.columns)
    assert list(changes["app"]) == ["shop"]
    at.button(key=f"received_{order.id}").click().run()
    assert not at.exception
    with shop.acting() as ctx:
        assert orders.get(ctx, order_id=order.id).state is OrderState.ACCEPTED


def test_the_log_is_read_when_it_is_opened_followed_searched_and_blacked_out(shop: Shop, app: OrderView) -> None:
    logs = Written(["GET / 200", "GET /x 404", "hello"])
    shop.container.__dict__["logs"] = logs
    at = look(shop, app)
    assert logs.asked == []
    at.toggle(key=f"log_open_{app.instance_id}").set_value(True).run()
    assert not at.exception
    assert "GET /x 404" in at.code[0].value
    assert [one.label for one in at.get("download_button")] == ["Download"]
    at.text_input(key="log_search").set_value("404").run()
    assert at.code[0].value.endswith("GET /x 404")
    assert "hello" not in at.code[0].value
    at.toggle(key="log_follow").set_value(False).run()
    times = len(logs.asked)
    at.run()
    assert len(logs.asked) == times, "what is not followed is not read again"


def test_who_may_only_look_sees_no_log(shop: Shop, app: OrderView) -> None:
    logs = Written(["secret things"])
    shop.container.__dict__["logs"] = logs
    at = look(shop, app, MemberRole.VIEWER)
    assert not at.exception
    assert not [one for one in at.toggle if str(one.key).startswith("log_open")]
    assert logs.asked == []


def test_a_variable_may_have_several_lines(shop: Shop, app: OrderView) -> None:
    asked = {"image": "ghcr.io/kopi/shop:1.4", "environment": {"KEY": "one\ntwo"}}
    container = running(shop, shop.order("container", "starter", parameters=asked))
    at = look(shop, container)
    assert at.text_area(key="parameter_environment").value == 'KEY="one\ntwo"'
    at.text_area(key="parameter_environment").set_value('KEY="one\ntwo').run()
    assert "begins with a double quotation mark" in at.error[0].value.replace("\\", "")
    at.text_area(key="parameter_environment").set_value('KEY="one\ntwo\n"\nA=1').run()
    at.button(key="settings_app").click().run()
    assert not at.exception
    assert wish(shop, container).given["environment"] == {"KEY": "one\ntwo\n", "A": "1"}
