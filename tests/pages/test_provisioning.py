"""Staff watch what the provisioner does, decide about orders, and say yes or try again."""

from __future__ import annotations

from typing import Any

import pytest

from app.services import changesets, decisions, operations, orders, settings
from app.services.orders import OrderView
from app.ui import queries
from models.domain.access import MemberRole, StaffRole, job_actor
from models.domain.changesets import ChangeState
from models.domain.orders import OrderState
from models.store import changesets as rows
from models.store import members, staff
from provisioner.cluster.port import Rejected, Rejection
from tests.orders.conftest import Shop, postgres, shop, store
from tests.pages.conftest import open_page, texts

__all__ = ["postgres", "shop", "store"]


@pytest.fixture(autouse=True)
def nothing_answered_before() -> None:
    """Answers are kept by the container's place in memory, which the next test's may take."""
    queries.forget()


def person(shop: Shop, role: StaffRole | MemberRole) -> str:
    """Somebody of that role, by their address of mail; what was read before is forgotten."""
    queries.forget()
    email = f"{role.value}@{'staff' if isinstance(role, StaffRole) else 'shop'}.example"
    with shop.container.transaction(job_actor("test"), "cli") as ctx:
        if members.user_by_email(ctx.session, email) is None:
            user = members.add_user(ctx.session, email=email, name=role.value.title(), now=ctx.now)
            if isinstance(role, StaffRole):
                staff.appoint(ctx.session, user_id=user.id, role=role, now=ctx.now)
            else:
                members.join(ctx.session, user_id=user.id, organization_id=shop.customer.organization.id, role=role, now=ctx.now)
    return email


def page(shop: Shop, name: str = "admin/provisioning", role: StaffRole | MemberRole = StaffRole.OPERATOR, **parameters: str) -> Any:
    at = open_page(shop.container, person(shop, role), name, **parameters)
    assert not at.exception
    return at


def said(at: Any) -> str:
    return texts(at).replace("\\", "")


def change_of(shop: Shop, order: OrderView) -> rows.ChangeSet:
    with shop.container.reading(job_actor("test"), "cli") as ctx:
        row = rows.of_instance(ctx.session, order.instance_id)[0]
        ctx.session.expunge(row)
        return row


def refusing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cluster takes no workload any more."""
    whole = shop.cluster.apply

    def apply(body: Any, *rest: Any, **more: Any) -> Any:
        if body["kind"] == "Deployment":
            raise Rejected(Rejection.ADMISSION, "the policy denies it")
        return whole(body, *rest, **more)

    monkeypatch.setattr(shop.cluster, "apply", apply)


def test_before_the_first_order_there_is_nothing_to_see(shop: Shop) -> None:
    at = page(shop)
    assert at.title[0].value == "Nothing is being changed."
    assert "Nothing was ever changed" in said(at)


def test_what_runs_is_listed_and_opened_as_steps(shop: Shop) -> None:
    order = shop.order()
    shop.work(passes=2)
    at = page(shop)
    assert at.title[0].value == "1 change is being made."
    frame = at.dataframe[0].value
    assert list(frame["state"][0]) == ["Running"]
    assert frame["organization"][0] == shop.customer.organization.name
    change = change_of(shop, order)
    one = page(shop, change=change.id)
    assert "first made, running" in said(one)
    assert "Namespace, limits and walls" in said(one)
    assert "so far" in said(one)
    shop.work()
    done = page(shop, change=change.id)
    assert "first made, done" in said(done)
    assert "Its address answers" in said(done)
    assert "in all" in said(done)
    assert "Namespace" in said(done)
    assert "change_retry" not in [one.key for one in done.button]
    assert at.run().title[0].value == "Nothing is being changed."


def test_what_stopped_says_why_comes_first_and_is_tried_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as meanwhile:
        refusing(shop, meanwhile)
        order = shop.order("container")
        shop.work()
    shop.order("wordpress")
    shop.work(passes=1)
    at = page(shop)
    assert at.title[0].value == "1 change stopped and waits for somebody."
    assert "1 runs" in said(at)
    assert [list(one) for one in at.dataframe[0].value["state"]] == [["Stopped"], ["Running"]]
    change = change_of(shop, order)
    one = page(shop, change=change.id)
    assert "It stopped:" in one.error[0].value
    assert "the policy denies it" in one.error[0].value.replace("\\", "")
    assert "change_agree" not in [one.key for one in one.button]
    one.button(key="change_retry").click().run()
    assert not one.exception
    assert change_of(shop, order).state is ChangeState.WAITING
    shop.work()
    assert change_of(shop, order).state is ChangeState.DONE


def test_what_is_dangerous_is_said_before_somebody_agrees(shop: Shop) -> None:
    order = shop.order()
    shop.work()
    with shop.acting() as ctx:
        operations.restart(ctx, instance_id=order.instance_id)
    change = change_of(shop, order)
    with shop.container.transaction(job_actor("test"), "cli") as ctx:
        row = rows.by_id(ctx.session, change.id)
        assert row is not None
        row.state, row.reason = ChangeState.BLOCKED, "It would destroy data."
        row.agreed = changesets.objected([("data", "PersistentVolumeClaim", "content")])
        ctx.session.add(row)
    assert "change_agree" not in [b.key for b in page(shop, role=StaffRole.SUPPORT, change=change.id).button]
    at = page(shop, change=change.id)
    assert "PersistentVolumeClaim content is deleted, and the data in it is lost." in said(at)
    at.button(key="change_agree").click().run()
    assert not at.exception
    row = change_of(shop, order)
    assert row.state is ChangeState.WAITING
    assert changesets.agreed(row) == {("data", "PersistentVolumeClaim", "content")}


def test_an_order_is_approved_and_its_money_noted(shop: Shop) -> None:
    with shop.acting(shop.staff) as ctx:
        settings.put(ctx, key="order_approval", value="paid")
    order = shop.order(plan="starter")
    at = page(shop)
    assert "1 order waits for us" in said(at)
    assert f"Placed by {shop.customer.actor.name}" in said(at)
    assert "waits for our yes" in said(at)
    assert "a month" in said(at)
    at.button(key=f"approve_{order.id}").click().run()
    assert not at.exception
    assert "waits for the money" in said(at)
    at.button(key=f"received_{order.id}").click().run()
    assert not at.exception
    with shop.acting() as ctx:
        assert orders.get(ctx, order_id=order.id).state is OrderState.ACCEPTED


def test_a_refusal_needs_a_reason_that_the_customer_reads(shop: Shop) -> None:
    with shop.acting(shop.staff) as ctx:
        settings.put(ctx, key="order_approval", value="all")
    order = shop.order()
    at = page(shop)
    button = next(b for b in at.button if b.label == "Refuse the order")
    button.click().run()
    assert "Say why" in at.error[0].value
    next(t for t in at.text_input if t.label.startswith("Reason")).input("We do not host that.")
    next(b for b in at.button if b.label == "Refuse the order").click().run()
    assert not at.exception
    with shop.acting() as ctx:
        refused = orders.get(ctx, order_id=order.id)
        assert (refused.state, refused.reason) == (OrderState.REFUSED, "We do not host that.")


def test_whoever_only_looks_has_no_buttons(shop: Shop) -> None:
    with shop.acting(shop.staff) as ctx:
        settings.put(ctx, key="order_approval", value="all")
    order = shop.order()
    at = page(shop, role=StaffRole.ANALYST)
    assert "waits for our yes" in said(at)
    assert not [b.key for b in at.button if order.id in str(b.key)]
    with shop.acting(shop.staff) as ctx:
        decisions.approve(ctx, order_id=order.id)
    shop.work(passes=2)
    at = page(shop, role=StaffRole.ANALYST, change=change_of(shop, order).id)
    assert "change_retry" not in [b.key for b in at.button]
    with pytest.raises(ValueError, match="navigation page"):
        page(shop, role=MemberRole.OWNER)


def test_a_change_that_is_not_there_is_said_so(shop: Shop) -> None:
    at = page(shop, change="chs_nothing")
    assert len(at.info) == 1
    assert not at.title
