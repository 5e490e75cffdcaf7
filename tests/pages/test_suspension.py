"""Staff suspend an app with a reason and resume it; its people read why and have no button."""

from __future__ import annotations

from app.services.orders import OrderView
from models.domain.access import StaffRole
from tests.orders.conftest import Shop, postgres, shop, store
from tests.pages.test_provisioning import change_of, nothing_answered_before, page
from tests.pages.test_upkeep import app, keys, look, wish

__all__ = ["app", "nothing_answered_before", "postgres", "shop", "store"]


def test_staff_suspend_and_its_people_read_why(shop: Shop, app: OrderView) -> None:
    change = change_of(shop, app).id
    at = page(shop, change=change)
    next(one for one in at.text_input if one.label.startswith("Why")).input("Unpaid since 3 November.")
    next(one for one in at.button if one.label == "Suspend now").click().run()
    assert not at.exception
    assert wish(shop, app).suspended == "Unpaid since 3 November."
    shop.work(passes=15)
    seen = look(shop, app)
    assert "Unpaid since 3 November." in seen.warning[0].value.replace("\\", "")
    assert not keys(seen) & {"resume_app", "start_app", "stop_app"}
    assert "resume_app" not in keys(page(shop, role=StaffRole.SUPPORT, change=change))
    at = page(shop, change=change)
    at.button(key="resume_app").click().run()
    assert not at.exception
    assert wish(shop, app).running
