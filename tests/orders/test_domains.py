"""An own domain leads to an app once the DNS proves whose it is, to one app only, until it is taken away or the app is deleted."""

from __future__ import annotations

import pytest

from app.services import changesets, domains, operations
from app.services.orders import OrderView
from models.domain.access import MemberRole
from models.domain.changesets import ChangeState
from models.domain.domains import Records, proof
from models.domain.errors import Conflict, Invalid, NotFound, NotPermitted
from models.store import specifications
from tests.orders.conftest import Shop
from tests.orders.test_operations import app, deployment
from tests.stories import a_member, a_stranger

__all__ = ["app"]
NAME = "shop.example.com"


def right(shop: Shop, order: OrderView, name: str = NAME) -> Records:
    with shop.acting() as ctx:
        one = domains.get(ctx, instance_id=order.instance_id, name=name)
    return Records(aliases=frozenset({one.host}), proofs=frozenset({proof(one.token)}))


def answering(shop: Shop, order: OrderView) -> set[str]:
    found = shop.cluster.find("Ingress", deployment(shop, order)["metadata"]["namespace"], {})
    return {rule["host"] for one in found for rule in one["spec"]["rules"]}


def prove(shop: Shop, order: OrderView, name: str = NAME) -> None:
    with shop.acting() as ctx:
        domains.add(ctx, instance_id=order.instance_id, name=name)
    found = right(shop, order, name)
    with shop.acting() as ctx:
        domains.check(ctx, instance_id=order.instance_id, name=name, found=found)
    shop.work(passes=15)


def test_it_answers_only_once_it_is_proven_and_no_longer_when_removed(shop: Shop, app: OrderView) -> None:
    before = answering(shop, app)
    with shop.acting() as ctx:
        domains.add(ctx, instance_id=app.instance_id, name=" Shop.Example.com. ")
    found = right(shop, app)
    for wrong, lacks in ((Records(), "proof"), (Records(proofs=found.proofs), "target"), (Records(aliases=found.aliases), "proof")):
        with shop.acting() as ctx:
            assert domains.check(ctx, instance_id=app.instance_id, name=NAME, found=wrong).lacking == lacks
    shop.work(passes=5)
    assert answering(shop, app) == before
    with shop.acting() as ctx:
        assert domains.check(ctx, instance_id=app.instance_id, name=NAME, found=found).active
    shop.work(passes=15)
    assert answering(shop, app) == before | {NAME}
    with shop.acting() as ctx:
        assert changesets.list_(ctx, instance_id=app.instance_id, limit=1)[0].state is ChangeState.DONE
        generations = len(specifications.history(ctx.session, app.instance_id))
        domains.check(ctx, instance_id=app.instance_id, name=NAME, found=found)
        assert len(specifications.history(ctx.session, app.instance_id)) == generations, "nothing new, nothing is done"
    with shop.acting() as ctx:
        domains.remove(ctx, instance_id=app.instance_id, name=NAME)
    shop.work(passes=15)
    assert answering(shop, app) == before


def test_a_name_leads_to_one_app_and_is_free_when_that_is_deleted(shop: Shop, app: OrderView) -> None:
    other = shop.order("n8n")
    shop.work(passes=25)
    with shop.acting() as ctx:
        domains.add(ctx, instance_id=other.instance_id, name=NAME)
    prove(shop, app)
    found = right(shop, other)
    with shop.acting() as ctx, pytest.raises(Conflict, match="leads to another app"):
        domains.check(ctx, instance_id=other.instance_id, name=NAME, found=found)
    with shop.acting() as ctx:
        operations.remove(ctx, instance_id=app.instance_id, typed_name=app.name)
    with shop.acting() as ctx:
        assert domains.check(ctx, instance_id=other.instance_id, name=NAME, found=found).active


def test_what_is_no_domain_of_theirs_is_refused(shop: Shop, app: OrderView) -> None:
    for name in ("", "shop", "*.example.com", "https://a.example", "10.0.0.1", "a..example", "shop.apps.example", "apps.example"):
        with shop.acting() as ctx, pytest.raises(Invalid):
            domains.add(ctx, instance_id=app.instance_id, name=name)
    with shop.acting() as ctx:
        assert domains.add(ctx, instance_id=app.instance_id, name="köpi.example").name == "xn--kpi-sna.example"
        with pytest.raises(Conflict, match="already"):
            domains.add(ctx, instance_id=app.instance_id, name="xn--kpi-sna.example")


def test_who_may(shop: Shop, app: OrderView) -> None:
    with shop.store.transaction() as session:
        viewer, stranger = a_member(session, shop.customer, MemberRole.VIEWER), a_stranger(session)
    for actor, refused in ((viewer, NotPermitted), (stranger, NotFound)):
        with shop.acting(actor) as ctx, pytest.raises(refused):
            domains.add(ctx, instance_id=app.instance_id, name=NAME)
        with shop.acting(actor) as ctx, pytest.raises(refused):
            domains.list_(ctx, instance_id=app.instance_id)
