"""Staff manage what is sold: agreements, withdrawals, and how the making of each kind goes."""

from __future__ import annotations

import pytest

from app.services import offers
from app.ui import queries
from models.domain.access import StaffRole, job_actor
from tests.orders.conftest import Shop, postgres, shop, store
from tests.pages.test_provisioning import nothing_answered_before, page, said

__all__ = ["nothing_answered_before", "postgres", "shop", "store"]
PAGE = "admin/catalogue_admin"


def offer(shop: Shop, template: str) -> offers.Offer:
    with shop.container.reading(job_actor("test"), "cli") as ctx:
        return next(one for one in offers.list_(ctx, withheld=True) if one.id == template)


def test_an_agreement_is_confirmed_before_its_app_is_sold(shop: Shop) -> None:
    with shop.container.transaction(job_actor("test"), "cli") as ctx:
        row = offers._managed(ctx, "n8n")
        row.agreed_at, row.agreed_by = None, ""
        ctx.session.add(row)
    at = page(shop, PAGE, template="n8n")
    assert "Not on sale: Its licence forbids" in at.warning[0].value.replace("\\", "")
    assert offer(shop, "n8n").licence_note in said(at)
    assert "needs its maker's agreement" in said(at)
    at.button(key="template_agree").click().run()
    assert not at.exception
    assert offer(shop, "n8n").on_sale
    assert "was confirmed on" in said(at)


def test_an_app_is_taken_off_sale_and_put_back(shop: Shop) -> None:
    shop.order()
    shop.work()
    at = page(shop, PAGE, template="wordpress")
    assert "as measured once" in said(at)
    assert list(at.dataframe[0].value["plan"]), "its plans"
    next(t for t in at.text_input if t.label.startswith("Reason")).input("The image is broken.")
    next(b for b in at.button if b.label == "Take it off sale").click().run()
    assert not at.exception
    assert offer(shop, "wordpress").withheld == "The image is broken."
    queries.forget()
    at = page(shop, PAGE, template="wordpress")
    assert "Not on sale: The image is broken." in at.warning[0].value.replace("\\", "")
    took, made = at.dataframe[1].value, at.dataframe[2].value
    assert list(took["plan"]) == ["trial"]
    assert took["half"][0] > 0
    assert list(made["made"][made["name"] == "WordPress"]) == [1]
    at.button(key="template_resume").click().run()
    assert offer(shop, "wordpress").on_sale


def test_only_who_manages_settings_sees_it(shop: Shop) -> None:
    with pytest.raises(ValueError, match="navigation page"):
        page(shop, PAGE, role=StaffRole.SUPPORT)
