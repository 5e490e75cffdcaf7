"""Support on the pages: a banner on each of them with the way out, the customer's pages only, and the list that the customer reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.container import Container
from app.services import support as support_service
from app.ui import queries
from models.domain.access import job_actor
from models.store import members, organizations
from tests.pages.conftest import open_page, texts
from tests.pages.test_pages import ADMIN


@pytest.fixture
def demo(small_demo: Container) -> Iterator[Container]:
    """Nobody is in it as support afterwards."""
    queries.forget()
    yield small_demo
    with small_demo.transaction(job_actor("test"), "cli") as ctx:
        user = members.user_by_email(ctx.session, ADMIN)
        assert user is not None
        support_service.close_all(ctx, user_id=user.id)
    queries.forget()


def senja(demo: Container) -> str:
    with demo.reading(job_actor("test"), "cli") as ctx:
        return next(one.id for one in organizations.everything(ctx.session) if one.name == "Kopi Senja")


def forms(at: Any) -> Any:
    return next(one for one in at.button if one.label == "Look as support")


def test_staff_look_as_support_with_a_reason_and_leave_again(demo: Container) -> None:
    id = senja(demo)
    at = open_page(demo, ADMIN, "admin/organization", id=id)
    forms(at).click().run()
    assert "Say why" in at.error[0].value
    next(one for one in at.text_input if one.label == "Why").input("Ticket 812")
    forms(at).click().run()
    assert not at.exception
    for name in ("customer/home", "customer/team", "customer/account"):
        inside = open_page(demo, ADMIN, name)
        assert not inside.exception
        assert "You are with **Kopi Senja** as support" in texts(inside), name
        assert "Ticket 812" in texts(inside), name
    team = open_page(demo, ADMIN, "customer/team")
    assert "Invite" not in [one.label for one in team.button]
    team.button(key="support_leave").click().run()
    assert not team.exception
    assert "as support until" not in texts(open_page(demo, ADMIN, "admin/organization", id=id))


def test_the_customer_reads_who_looked_and_ends_it(demo: Container) -> None:
    id = senja(demo)
    with demo.reading(job_actor("test"), "cli") as ctx:
        owner = next(user.email for user, row in members.of_organization(ctx.session, id) if row.role == "owner")
    at = open_page(demo, ADMIN, "admin/organization", id=id)
    next(one for one in at.text_input if one.label == "Why").input("Ticket 813")
    forms(at).click().run()
    queries.forget()
    theirs = open_page(demo, owner, "customer/team")
    assert not theirs.exception
    assert "Ticket 813" in texts(theirs)
    next(one for one in theirs.button if (one.key or "").startswith("support_stop_")).click().run()
    assert not theirs.exception
    assert "as support until" not in texts(open_page(demo, ADMIN, "admin/overview"))
