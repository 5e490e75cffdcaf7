"""Logs of an app: whose, which, and what in them is nobody's business."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.services import app_logs, credentials, instances, operations
from app.services.app_logs import MASK
from app.services.orders import OrderView
from collectors.sources.port import LogLine
from models.domain.access import MemberRole
from models.domain.errors import Invalid, NotFound, NotPermitted
from tests.orders.conftest import Shop
from tests.stories import NOW, a_member, a_stranger


@dataclass
class Written:
    """A cluster whose containers all wrote these lines."""

    texts: Sequence[str] = ()
    asked: list[tuple[str, str, str, int, bool]] = field(default_factory=list)

    def read(
        self, namespace: str, pod: str, container: str, *, lines: int, previous: bool = False, since: datetime | None = None
    ) -> list[LogLine]:
        self.asked.append((namespace, pod, container, lines, previous))
        found = [LogLine(NOW + timedelta(seconds=n), text) for n, text in enumerate(self.texts)]
        return [one for one in found if since is None or one.at > since]


@pytest.fixture
def app(shop: Shop) -> OrderView:
    placed = shop.order("n8n")
    shop.work()
    return placed


def _read(shop: Shop, app: OrderView, logs: Written, **asked: Any) -> app_logs.Log:
    with shop.acting() as ctx:
        return app_logs.read(ctx, instance_id=app.instance_id, logs=logs, seal=shop.container.seal, **asked)


def test_drawn_secrets_and_secret_variables_are_blacked_out(shop: Shop, app: OrderView) -> None:
    with shop.acting() as ctx:
        shown = credentials.reveal(ctx, instance_id=app.instance_id, seal=shop.container.seal, recent=True)
    password = shown[1].value
    log = _read(shop, app, Written([f"signing in with {password}!", f"{password}{password}", "all is well"]))
    assert [one.text for one in log.lines] == [f"signing in with {MASK}!", MASK + MASK, "all is well"]
    own = shop.order(
        "container", parameters={"image": "a/b:1", "environment": {"API_TOKEN": "s3cr3t-value", "COLOUR": "turquoise"}}
    )
    shop.work()
    with shop.acting() as ctx:
        operations.change_settings(ctx, instance_id=own.instance_id, parameters={"environment": {"COLOUR": "turquoise"}})
    log = _read(shop, own, Written(["token=s3cr3t-value turquoise"]))
    assert log.lines[0].text == f"token={MASK} turquoise", "a former secret is one still"


def test_one_container_is_read_searched_and_followed(shop: Shop, app: OrderView) -> None:
    with shop.acting() as ctx:
        found = app_logs.sources(ctx, instance_id=app.instance_id)
        namespace = instances.get(ctx, instance_id=app.instance_id).namespace
    assert {one.part for one in found} == {"web", "runners"}
    logs = Written(["GET / 200", "GET /x 404", "post 200"])
    log = _read(shop, app, logs, source=found[-1].id, search=" get ", lines=10, previous=True)
    assert [one.text for one in log.lines] == ["GET / 200", "GET /x 404"]
    assert logs.asked == [(namespace, found[-1].pod, found[-1].container, 10, True)]
    assert [one.text for one in _read(shop, app, logs, since=NOW + timedelta(seconds=1)).lines] == ["post 200"]
    with pytest.raises(Invalid, match="1 to 2000"):
        _read(shop, app, logs, lines=5000)


def test_no_other_namespace_is_reached_by_any_name(shop: Shop, app: OrderView) -> None:
    other = shop.order("container")
    shop.work()
    with shop.acting() as ctx:
        foreign = app_logs.sources(ctx, instance_id=other.instance_id)[0]
    logs = Written(["x"])
    for source in (foreign.id, "../kube-system/pods/etcd/etcd", "etcd/etcd", "/"):
        with pytest.raises(NotFound):
            _read(shop, app, logs, source=source)
    assert logs.asked == []


def test_who_may_not_operate_reads_no_log(shop: Shop, app: OrderView) -> None:
    with shop.store.transaction() as session:
        viewer = a_member(session, shop.customer, MemberRole.VIEWER)
        stranger = a_stranger(session)
    for actor, refused in ((viewer, NotPermitted), (stranger, NotFound)):
        with shop.acting(actor) as ctx, pytest.raises(refused):
            app_logs.sources(ctx, instance_id=app.instance_id)
        with shop.acting(actor) as ctx, pytest.raises(refused):
            app_logs.read(ctx, instance_id=app.instance_id, logs=Written(["x"]), seal=shop.container.seal)


def test_the_longest_secret_goes_first() -> None:
    assert app_logs.mask("abcdef-long abcdef", ["abcdef", "abcdef-long"]) == f"{MASK} {MASK}"
