"""Ordering through the pages: catalogue, checkout, progress, and who may not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.container import Container
from app.services import decisions, offers, orders, progress
from app.services.orders import OrderView
from app.ui import checkout_form
from app.ui.messages import Say
from models.domain.access import Actor, ActorKind, MemberRole, Permission, job_actor, member_actor
from models.domain.changesets import ChangeState
from models.domain.ids import new_id
from models.domain.orders import OrderState
from models.store import changesets, members, organizations, reservations
from tests.pages.conftest import open_page, texts

CONTAINER = {"image": "ghcr.io/kopi/shop:1.4"}


class Market:
    """The small demo with its catalogue on sale and a young organization with people of every role."""

    def __init__(self, made: Container) -> None:
        from provisioner import catalogue

        self.made, word = made, new_id("t")[-8:]
        with made.transaction(job_actor("catalogue"), "cli") as ctx:
            offers.publish(ctx, templates=catalogue.load().values())
            organization = organizations.add(ctx.session, name=f"Warung {word}", now=ctx.now, country="ID", locale="id")
            self.organization, self.slug = organization.id, organization.slug
            self.people: dict[str, str] = {}
            self.actors: dict[str, Actor] = {}
            for role in MemberRole:
                user = members.add_user(ctx.session, email=f"{role}@{word}.example", name=role.title(), now=ctx.now, locale="en")
                members.join(ctx.session, user_id=user.id, organization_id=organization.id, role=role, now=ctx.now)
                self.people[role], self.actors[role] = user.email, member_actor(user.id, user.name, {organization.id: role})

    def page(self, page: str, *, role: str = "owner", **parameters: str) -> Any:
        return open_page(self.made, self.people[role], f"customer/{page}", **parameters)

    def placed(self) -> list[OrderView]:
        with self.made.reading(self.actors["owner"], "page") as ctx:
            return list(orders.list_(ctx, organization_id=self.organization).items)

    def order(self, template: str = "wordpress", plan: str = "trial", actor: Actor | None = None, **facts: Any) -> OrderView:
        with self.made.transaction(actor or self.actors["owner"], "page") as ctx:
            return orders.place(ctx, organization_id=self.organization, template=template, plan=plan, **facts)


@pytest.fixture
def market(small_demo: Container) -> Iterator[Market]:
    """Its orders give their room back, so that the small demo has some for the next test."""
    opened = Market(small_demo)
    yield opened
    with small_demo.transaction(job_actor("test"), "cli") as ctx:
        for order in opened.placed():
            reservations.end(ctx.session, order.instance_id, ctx.now)


def said(at: Any) -> str:
    return texts(at).replace("\\", "")


def test_the_catalogue_shows_price_and_trial_and_leads_to_the_checkout(market: Market) -> None:
    at = market.page("catalogue")
    assert not at.exception
    assert {"WordPress", "Ghost", "Your own container"} <= {one.value.replace("\\", "") for one in at.subheader}
    assert "from Rp 79,000 a month" in said(at)
    assert "free trial of 14 days" in said(at)
    assert "usually ready" not in said(at), "nothing was measured yet"
    found = market.page("catalogue", q="web shops")
    assert [one.value for one in found.subheader] == ["WordPress"]
    assert "Try a shorter word" in said(market.page("catalogue", q="xyzzy"))


def test_what_is_withheld_is_not_shown(market: Market) -> None:
    with market.made.transaction(job_actor("test"), "cli") as ctx:
        offers.withdraw(ctx, template="ghost", reason="broken")
    try:
        assert "Ghost" not in {one.value for one in market.page("catalogue").subheader}
        at = market.page("order", template="ghost")
        assert "cannot be ordered" in said(at)
        assert "broken" not in said(at)
    finally:
        with market.made.transaction(job_actor("test"), "cli") as ctx:
            offers.resume(ctx, template="ghost")


def test_a_trial_is_ordered_with_one_click_and_followed(market: Market) -> None:
    at = market.page("order", template="wordpress")
    assert not at.exception
    assert "There is room for it" in said(at)
    assert "nothing is charged by itself" in said(at)
    assert "suits you" in said(at)
    at.button(key="place").click().run()
    assert not at.exception
    (order,) = market.placed()
    assert order.trial
    assert order.name == "wordpress"
    assert order.address.startswith(f"https://{market.slug}.wordpress.")
    after = market.page("order", order=order.id)
    assert not after.exception
    assert "Place reserved" in said(after)
    assert "Database" in said(after)
    again = market.page("order", template="wordpress")
    assert "had its free trial" in said(again)
    assert "take_trial" not in [one.key for one in again.button]


def test_a_second_click_orders_nothing_more(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit ends the run of the first click where it next draws: the second run finds what the first has done."""
    gone: list[str] = []
    go = checkout_form.navigation.go

    def stay(name: str, **facts: str) -> None:
        if "order" not in facts:
            go(name, **facts)
        gone.append(facts["order"])

    monkeypatch.setattr(checkout_form.navigation, "go", stay)
    at = market.page("order", template="container", plan="trial")
    at.text_input(key="parameter_image").set_value(CONTAINER["image"]).run()
    at.button(key="place").click().run()
    at.button(key="place").click().run()
    (order,) = market.placed()
    assert gone == [order.id, order.id]


def test_the_checkout_proposes_a_plan_and_checks_what_is_typed(market: Market) -> None:
    market.order()
    at = market.page("order", template="wordpress")
    at.number_input(key="people").set_value(3).run()
    chosen = [one.key for one in at.button if one.disabled and one.key.startswith("take_")]
    assert chosen == ["take_starter"]
    assert at.text_input(key="app_name").value == "wordpress-2", "a free name is proposed"
    at.text_input(key="app_label").set_value(market.slug).run()
    assert "is taken. Choose another beginning" in said(at)
    assert at.button(key="place").disabled
    at.text_input(key="app_label").set_value("admin").run()
    assert "kept for the platform" in said(at)
    at.text_input(key="app_label").set_value(f"{market.slug}-toko").run()
    assert not at.error
    assert not at.button(key="place").disabled


def test_the_container_asks_its_own_questions(market: Market) -> None:
    at = market.page("order", template="container")
    assert not at.exception
    assert at.button(key="place").disabled
    at.text_input(key="parameter_image").set_value(CONTAINER["image"])
    at.text_area(key="parameter_environment").set_value("A=1\nthis is none").run()
    assert "NAME=value" in said(at)
    assert at.button(key="place").disabled
    at.text_area(key="parameter_environment").set_value("A=1\n\nURL=postgres://u:p@h/d?x=1")
    at.text_input(key="parameter_command").set_value('sh -c "exec app"').run()
    at.button(key="place").click().run()
    assert not at.exception
    (order,) = market.placed()
    from models.store import specifications

    with market.made.reading(job_actor("test"), "cli") as ctx:
        kept = specifications.newest(ctx.session, order.instance_id)
        assert kept is not None
        assert '"URL": "postgres://u:p@h/d?x=1"' in kept.parameters
        assert '"command": ["sh", "-c", "exec app"]' in kept.parameters


def test_without_room_the_smaller_plan_is_a_button(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = orders.quote

    def full(ctx: Any, **asked: Any) -> Any:
        from dataclasses import replace

        answer = whole(ctx, **asked)
        lack = "There is no room for the plan pro at the moment: 3 GiB of memory are missing."
        return replace(answer, no_room=lack, smaller="starter") if asked["plan"] == "pro" else answer

    monkeypatch.setattr(orders, "quote", full)
    at = market.page("order", template="wordpress", plan="pro")
    assert "3 GiB of memory are missing" in said(at)
    assert at.button(key="place").disabled
    at.button(key="smaller").click().run()
    assert "take_starter" in [one.key for one in at.button if one.disabled]
    assert not at.button(key="place").disabled


@pytest.mark.parametrize(
    ("role", "plan", "sentence"), [("viewer", "trial", "may look, not order"), ("developer", "pro", "costs money")]
)
def test_who_may_not_order_reads_why_and_has_no_button(market: Market, role: str, plan: str, sentence: str) -> None:
    at = market.page("order", role=role, template="wordpress", plan=plan)
    assert not at.exception
    assert sentence in said(at)
    assert "place" not in [one.key for one in at.button]


def test_the_service_refuses_a_viewer_who_presses_all_the_same(market: Market) -> None:
    from models.domain.errors import NotPermitted

    with pytest.raises(NotPermitted):
        market.order(actor=market.actors["viewer"])
    assert market.placed() == []


def test_a_viewer_follows_an_order_and_cannot_take_it_back(market: Market) -> None:
    order = market.order(plan="starter")
    at = market.page("order", role="viewer", order=order.id)
    assert "waits for the payment" in said(at)
    assert "cancel_order" not in [one.key for one in at.button]


def test_somebody_elses_order_is_not_found(market: Market, small_demo: Container) -> None:
    order, stranger = market.order(), Market(small_demo)
    seen = stranger.page("order", order=order.id)
    unknown = stranger.page("order", order="ord_nothing")
    assert not seen.exception
    assert not seen.title
    assert [one.value for one in seen.info] == [one.value for one in unknown.info]
    assert order.name not in said(seen)


def test_a_paid_order_waits_with_its_end_and_is_taken_back(market: Market) -> None:
    order = market.order(plan="starter")
    home = market.page("home")
    assert "Waits for the payment" in said(home)
    at = market.page("order", order=order.id)
    assert "Rp 129,000 have to arrive until" in said(at)
    at.button(key="cancel_order").click().run()
    assert market.placed()[0].state is OrderState.LAPSED
    assert "has ended" in said(at)
    assert "Waits for the payment" not in said(market.page("home"))


def test_what_a_token_ordered_is_confirmed_by_a_person(market: Market) -> None:
    owner = market.actors["owner"]
    token = Actor(owner.id, ActorKind.TOKEN, "robot", owner.everywhere, owner.within)
    order = market.order(plan="starter", actor=token)
    developer = market.page("order", role="developer", order=order.id)
    assert "confirm_order" not in [one.key for one in developer.button]
    at = market.page("order", order=order.id)
    assert "robot ordered this with a token" in said(at)
    at.button(key="confirm_order").click().run()
    assert market.placed()[0].state is OrderState.PAYMENT


def test_a_refused_order_says_why(market: Market) -> None:
    order = market.order(plan="starter")
    with market.made.transaction(job_actor("test"), "cli") as ctx:
        decisions.refuse(ctx, order_id=order.id, reason="We do not host this here.")
    assert "We do not host this here" in said(market.page("order", order=order.id))


def test_a_set_up_that_stopped_says_where_and_what_happens_next(market: Market) -> None:
    order = market.order(plan="starter")
    with market.made.transaction(job_actor("test"), "cli") as ctx:
        decisions.received(ctx, order_id=order.id)
        (row,) = changesets.of_instance(ctx.session, order.instance_id)
        changesets.move(ctx.session, row.id, ChangeState.WAITING, ChangeState.BLOCKED, again_at=ctx.now)
        ctx.session.refresh(row)
        row.phase, row.reason, row.started_at, row.finished_at = "inside", "database: 0 of 1 pods answer", ctx.now, ctx.now
        ctx.session.add(row)
    at = market.page("order", order=order.id)
    assert "Its database did not start" in said(at)
    assert "We have been told" in said(at)
    assert at.code[0].value == "database: 0 of 1 pods answer"
    app = market.page("app", id=order.instance_id)
    assert "Its database did not start" in said(app)
    assert not app.metric, "no empty charts of an app that is not there"


def test_steps_are_done_in_order_and_only_what_a_template_has() -> None:
    whole = ("room", "payment", "disk", "database", "start", "setup", "address")
    assert [mark.stand for mark in progress.marks("payment", "", {}, whole)] == ["done", "now"] + ["ahead"] * 5
    working = progress.marks("working", "app", {}, whole)
    assert [mark.name for mark in working if mark.stand == "now"] == ["start"]
    assert [mark.stand for mark in progress.marks("ready", "done", {}, whole)] == ["done"] * 7
    bare = progress.marks("working", "walls", {}, ("room", "payment", "start", "address"))
    assert [mark.name for mark in bare if mark.stand == "now"] == ["start"], "no disk is waited for where there is none"
    for code in ("refused", "lapsed"):
        assert [mark.stand for mark in progress.marks(code, "", {}, whole)][:2] == ["done", "stopped"]


@pytest.mark.parametrize("code", ["confirmation", "approval", "payment", "working", "stopped", "ready", "refused", "lapsed"])
def test_every_state_of_an_order_has_words(code: str) -> None:
    for key in (f"progress.short.{code}", f"progress.headline.{code}"):
        assert Say("id").has(key)
    assert Permission.OPERATE_OWN_INSTANCES
