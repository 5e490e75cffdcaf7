"""A suspended app on the node that runs containers: its address answers over TLS and says why, and it comes back with its data."""

from __future__ import annotations

import pytest

from app.services import suspension
from models.domain.instances import State
from tests.live.conftest import until
from tests.live.test_diagnosed import LONG, an_app
from tests.live.test_real_orders import Street, street
from tests.orders.on_bed import until_state

__all__ = ["street"]
pytestmark = [pytest.mark.cluster, pytest.mark.real_node, pytest.mark.xdist_group("bed")]


def test_the_address_says_why_and_the_app_comes_back(street: Street) -> None:
    shop = street.shop
    app = an_app(shop, "example/web:1")
    until_state(shop, app, State.READY)
    with street.entrance.visitor(street.host(app)) as visitor:
        until(lambda: visitor.get("/").status_code == 200, LONG, "it answers")
        with shop.acting(shop.staff) as ctx:
            suspension.suspend(ctx, instance_id=app.instance_id, reason="Unpaid since 3 November <b>.")
        until_state(shop, app, State.SUSPENDED)
        page = until(lambda: (answer := visitor.get("/")).status_code == 503 and answer, LONG, "the page that says why")
        assert "Unpaid since 3 November &lt;b&gt;." in page.text
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["retry-after"]
        assert "Unpaid since 3 November" in visitor.get("/wp-admin/?a=1").text
        with visitor.stream("POST", "/form", data={"a": "b"}) as answer:
            # its text may be cut: the server does not read what is sent
            assert answer.status_code >= 500, "a caller hears that nothing was done"
        with shop.acting(shop.staff) as ctx:
            suspension.resume(ctx, instance_id=app.instance_id)
        until_state(shop, app, State.READY)
        until(lambda: visitor.get("/").text.startswith("Hello from web-"), LONG, "it is back")
