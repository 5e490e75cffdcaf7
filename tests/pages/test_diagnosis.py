"""The panel that says what is wrong with an app: only when something is, in the reader's language, with a button that mends it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.services import diagnosis
from app.services.orders import OrderView
from models.domain.access import MemberRole, job_actor
from models.domain.cluster import Pod
from models.store import members
from tests.orders.conftest import Shop, postgres, shop, store
from tests.orders.test_diagnosis import befall, crashing
from tests.orders.test_logs import Written
from tests.pages.test_provisioning import change_of, nothing_answered_before, page, person, refusing, said
from tests.pages.test_upkeep import app, keys, look, running, wish

__all__ = ["app", "nothing_answered_before", "postgres", "shop", "store"]


def fixes(at: Any) -> set[str]:
    return {one for one in keys(at) if one.startswith("fix_")}


@pytest.fixture
def own(shop: Shop, app: OrderView) -> OrderView:
    """An app of an image of their own, beside the shop's first one."""
    shop.container.__dict__["logs"] = Written(["listening", "panic: no database"])
    return running(shop, shop.order("container", "starter", name="api"))


def test_nothing_is_shown_while_nothing_is_wrong(shop: Shop, own: OrderView) -> None:
    at = look(shop, own)
    assert "What is wrong" not in said(at)
    assert fixes(at) == set()


def test_out_of_memory_is_mended_by_a_larger_plan_after_its_price_was_read(
    shop: Shop, own: OrderView, monkeypatch: pytest.MonkeyPatch
) -> None:
    befall(shop, monkeypatch, crashing(shop, "OOMKilled", 137))
    at = look(shop, own)
    assert "web ran out of its 256 MiB of memory, 4 restarts since" in said(at)
    assert "The plan Standard gives it 1 GiB." in said(at)
    assert "a month more" in said(at)
    assert wish(shop, own).reason == "ordered"
    at.button(key="fix_plan_out_of_memory_web").click().run()
    assert not at.exception
    assert wish(shop, own).reason == "plan standard"


def test_it_is_said_in_indonesian(shop: Shop, own: OrderView, monkeypatch: pytest.MonkeyPatch) -> None:
    email = person(shop, MemberRole.OWNER)
    with shop.container.transaction(job_actor("test"), "cli") as ctx:
        user = members.user_by_email(ctx.session, email)
        assert user is not None
        user.locale = "id_ID"
        ctx.session.add(user)
    befall(shop, monkeypatch, crashing(shop, "OOMKilled", 137))
    at = look(shop, own)
    assert "web kehabisan memori 256 MiB miliknya, 4 kali dimulai ulang sejak" in said(at)
    assert "lebih mahal per bulan" in said(at)
    assert "ran out of" not in said(at)


def test_a_crash_shows_the_last_lines_and_leads_to_the_settings(
    shop: Shop, own: OrderView, monkeypatch: pytest.MonkeyPatch
) -> None:
    befall(shop, monkeypatch, crashing(shop, "Error", 3))
    at = look(shop, own)
    assert "with exit code 3, 4 restarts" in said(at)
    assert "panic: no database" in at.code[0].value
    assert not _expander(at, "Settings").proto.expanded
    at.button(key="fix_settings_crashing_web").click().run()
    assert not at.exception
    assert _expander(at, "Settings").proto.expanded


def _expander(at: Any, label: str) -> Any:
    return next(one for one in at.expander if one.label == label)


def test_what_only_we_can_mend_is_told_to_us_once(shop: Shop, own: OrderView, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(pod: Pod) -> Pod:
        main = replace(pod.containers[0], ready=False, state="waiting", reason="CreateContainerConfigError")
        return replace(pod, containers=(main,), ready=False)

    befall(shop, monkeypatch, change)
    at = look(shop, own)
    assert "That is our mistake, not yours" in said(at)
    at.button(key="fix_staff_configuration_web").click().run()
    assert not at.exception
    with shop.acting() as ctx:
        assert diagnosis.tell(ctx, instance_id=own.instance_id, cause="configuration") is False


def test_who_may_only_look_reads_it_and_has_no_button(shop: Shop, own: OrderView, monkeypatch: pytest.MonkeyPatch) -> None:
    befall(shop, monkeypatch, crashing(shop, "Error", 3))
    at = look(shop, own, MemberRole.VIEWER)
    assert "with exit code 3" in said(at)
    assert "who may operate it can do that" in said(at)
    assert not at.code
    assert fixes(at) == set()


def test_staff_see_it_beside_the_change_and_try_again_there(shop: Shop, own: OrderView, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as meanwhile:
        refusing(shop, meanwhile)
        order = shop.order("wordpress", "trial", name="blog")
        shop.work(passes=10)
    change = change_of(shop, order)
    one = page(shop, change=change.id)
    assert "the cluster did not take it" in said(one)
    assert "For us:" in said(one)
    one.button(key="fix_retry_refused_").click().run()
    assert not one.exception
    assert change_of(shop, order).state.value == "waiting"
