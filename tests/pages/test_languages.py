"""Customers who read Indonesian read no English, whatever stands on their pages (Home asks a warehouse, which a shop has none of)."""

from __future__ import annotations

import pytest
from sqlmodel import select

from app.services import orders
from app.ui.messages import CATALOGUES, Say
from models.domain.access import MemberRole
from models.store.members import User
from tests.orders.conftest import Shop, postgres, shop, store
from tests.orders.test_renewals import issued
from tests.pages.conftest import open_page
from tests.pages.test_billing import billed, nothing_answered_before
from tests.pages.test_provisioning import person

__all__ = ["billed", "nothing_answered_before", "postgres", "shop", "store"]
PAGES = ("app", "catalogue", "order", "billing", "invoice", "team", "account")


@pytest.mark.parametrize("name", PAGES)
def test_every_page_of_customers_is_whole_in_indonesian(billed: Shop, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    email = person(billed, MemberRole.OWNER)
    with billed.acting(billed.staff) as ctx:
        user = ctx.session.exec(select(User).where(User.email == email)).one()
        user.locale = "id"
        ctx.session.add(user)
    missing: set[str] = set()
    asked: set[str] = set()
    pattern = Say._pattern

    def noted(self: Say, key: str, n: float | None) -> str:
        asked.add(self.language)
        if self.language == "id" and key not in CATALOGUES["id"]:
            missing.add(key)
        return pattern(self, key, n)

    monkeypatch.setattr(Say, "_pattern", noted)
    newest = issued(billed)[-1]
    with billed.acting() as ctx:
        app = orders.list_(ctx).items[0].instance_id
    parameters = {"invoice": {"invoice": newest.id}, "app": {"id": app}, "order": {"template": "wordpress"}}
    file = {"invoice": "billing"}.get(name, name)
    at = open_page(billed.container, email, f"customer/{file}", **parameters.get(name, {}))
    assert not at.exception
    assert "id" in asked
    assert missing == set()
