"""Orders: what is refused, what waits for whom, and that nothing is sold twice or kept by an order that died."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from sqlmodel import select

from app.jobs import runner
from app.services import changesets, decisions, orders, settings
from app.services.orders import OrderView
from app.services.selling import NoRoom
from models.domain.access import Actor, ActorKind, MemberRole
from models.domain.changesets import ChangeState
from models.domain.errors import Conflict, Invalid, NotFound, NotPermitted, PlatformError
from models.domain.instances import State
from models.domain.orders import OrderState
from models.domain.subscriptions import SubscriptionState
from models.store import instances, mail, payments, reservations, subscriptions
from models.store.members import User
from models.store.payments import PaymentState
from tests.orders.conftest import Shop
from tests.stories import Customer, a_customer, a_member, a_pod, a_stranger

GIB = 1 << 30


def a_token(shop: Shop) -> Actor:
    owner = shop.customer.actor
    return Actor(owner.id, ActorKind.TOKEN, "ci", owner.everywhere, owner.within)


def fill(shop: Shop, gib: float, *, node: int = 1) -> None:
    """Something else takes so much memory of a node."""
    pod = a_pod("other", f"filler-{len(shop.seen.others)}", cpu=0.01, memory=int(gib * GIB))
    shop.seen.others.append(type(pod)(**{**{f: getattr(pod, f) for f in pod.__dataclass_fields__}, "node": f"node-{node}"}))


def test_a_trial_is_had_once_per_template(shop: Shop) -> None:
    shop.order("wordpress")
    shop.order("ghost")
    with pytest.raises(Conflict, match="had its free trial of WordPress already"):
        shop.order("wordpress")
    shop.order("wordpress", "starter")


def test_the_same_mailbox_trying_again_elsewhere_waits_for_us(shop: Shop) -> None:
    """A second organization of the same person gets its trial when staff say so; other apps and paid ones do not wait."""
    shop.order("wordpress")
    with shop.store.transaction() as session:
        first = session.get(User, shop.customer.owner.id)
        again = a_customer(session, "Kopi Kedua")
        person = session.get(User, again.owner.id)
        assert first is not None
        assert person is not None
        local, _, domain = first.email.partition("@")
        person.email = f"{local}+second@{domain}"
    there = {"actor": again.actor, "organization_id": again.organization.id}
    waits = shop.order("wordpress", **there)
    assert waits.state is OrderState.APPROVAL
    assert shop.order("ghost", **there).state is OrderState.PAYMENT
    assert shop.order("wordpress", "starter", **there).state is OrderState.PAYMENT
    with shop.acting(shop.staff) as ctx:
        assert decisions.approve(ctx, order_id=waits.id).state is OrderState.PAYMENT


def test_somebody_else_with_the_same_trial_does_not_wait(shop: Shop) -> None:
    shop.order("wordpress")
    with shop.store.transaction() as session:
        other = a_customer(session, "Toko Lain")
    assert shop.order("wordpress", actor=other.actor, organization_id=other.organization.id).state is OrderState.PAYMENT


def test_names_and_addresses_are_numbered_where_they_are_taken(shop: Shop) -> None:
    first, second = shop.order("wordpress"), shop.order("wordpress", "starter")
    assert (first.name, second.name) == ("wordpress", "wordpress-2")
    assert second.address == "https://kopi-kita-2.wordpress.apps.example"
    with pytest.raises(Conflict, match="has an app “wordpress” already"):
        shop.order("wordpress", "starter", name="wordpress")
    with pytest.raises(Conflict, match=r"kopi-kita\.wordpress\.apps\.example is taken"):
        shop.order("wordpress", "starter", label="Kopi-Kita")


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("www", "kept for the platform"),
        ("a.b", "Dots"),
        ("ab--c", "hyphens"),
        ("-a", "letters"),
        ("x" * 64, "63"),
        ("a b", "spaces"),
    ],
)
def test_labels_that_are_refused(shop: Shop, label: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        shop.order("wordpress", label=label)


def test_letters_beyond_ascii_become_an_idn(shop: Shop) -> None:
    assert shop.order("wordpress", label="Bücher").address == "https://xn--bcher-kva.wordpress.apps.example"


def test_what_the_customer_has_to_say_is_asked_for(shop: Shop) -> None:
    with pytest.raises(Invalid, match="Which image"):
        shop.order("container", parameters={})
    with pytest.raises(Invalid, match=r"no plan “huge”\. Choose one of trial, starter, standard, pro"):
        shop.order("wordpress", "huge")


def test_without_the_makers_agreement_nobody_orders_it(shop: Shop) -> None:
    from app.services import offers
    from models.store import catalogue

    with shop.acting(shop.staff) as ctx:
        row = catalogue.template_by_id(ctx.session, "n8n")
        assert row is not None
        row.agreed_at = None
        ctx.session.add(row)
    with shop.acting() as ctx:
        assert "n8n" not in [offer.id for offer in offers.list_(ctx)]
    with pytest.raises(NotFound):
        shop.order("n8n")


def test_a_full_cluster_refuses_says_how_much_is_missing_and_offers_less(shop: Shop) -> None:
    for node in (1, 2, 3):
        fill(shop, 5.9, node=node)  # 17.7 of 24 GiB; the sale limit of 80 % leaves 1.5 GiB
    with pytest.raises(NoRoom, match=r"2\.5 GiB of memory are missing\. The plan standard|GiB of memory are missing") as refused:
        shop.order("wordpress", "pro")
    assert refused.value.smaller
    with pytest.raises(NoRoom):
        shop.order("wordpress", "pro")
    with shop.store.reading() as session:
        told = [row.subject for row in session.exec(select(mail.Mail)).all() if row.kind == "staff_alert"]
    assert told == ["No room for WordPress pro"]
    placed = shop.order("wordpress", refused.value.smaller)
    assert placed.state is OrderState.PAYMENT
    with shop.acting() as ctx:
        again = orders.quote(ctx, organization_id=shop.customer.organization.id, template="wordpress", plan="pro")
    assert "missing" in again.no_room


def test_free_in_sum_is_not_free_in_one_piece(shop: Shop) -> None:
    for node in (1, 2, 3):
        fill(shop, 7.2, node=node)
    with shop.acting(shop.staff) as ctx:
        settings.put(ctx, key="sale_limit", value=1.0)
    with pytest.raises(NoRoom, match="no machine has"):
        shop.order("wordpress", "standard")


def test_pods_that_exist_are_not_counted_twice(shop: Shop) -> None:
    placed = shop.order("wordpress", "standard")
    with shop.acting() as ctx:
        before = ctx.cluster.snapshot()
        from app.services import selling

        (sold,) = selling.held(ctx, before)
    assert len(sold) == 2
    with shop.acting(shop.staff) as ctx:
        decisions.received(ctx, order_id=placed.id)
    shop.work(passes=2)
    with shop.acting() as ctx:
        (left,) = selling.held(ctx, ctx.cluster.snapshot())
    assert len(left) == 1, "one of the two components runs, and holds its place itself"
    shop.work()
    with shop.acting() as ctx:
        assert selling.held(ctx, ctx.cluster.snapshot()) == []


def test_two_who_want_the_last_room_at_once_do_not_both_get_it(shop: Shop) -> None:
    for node in (1, 2, 3):
        fill(shop, 5.9, node=node)
    with shop.store.transaction() as session:
        others = [a_customer(session, f"Toko {number}") for number in range(6)]
    results: list[object] = []

    def order(customer: Customer) -> None:
        try:
            results.append(shop.order("ghost", "trial", customer.actor, organization_id=customer.organization.id))
        except PlatformError as error:
            results.append(error)

    _at_once([partial(order, other) for other in others])
    sold = [one for one in results if isinstance(one, OrderView)]
    refused = [one for one in results if isinstance(one, NoRoom)]
    assert len(sold) + len(refused) == len(others)
    assert refused
    with shop.acting(shop.staff) as ctx:
        taken = sum(pod.memory for row in reservations.open_(ctx.session, "default") for pod in row.pods)
    assert taken <= 0.8 * 24 * GIB - 17.7 * GIB + 1


def test_one_trial_although_it_is_ordered_at_once(shop: Shop) -> None:
    results: list[object] = []

    def order() -> None:
        try:
            results.append(shop.order("wordpress"))
        except PlatformError as error:
            results.append(error)

    _at_once([order] * 4)
    assert sum(isinstance(one, OrderView) for one in results) == 1
    assert sum(isinstance(one, Conflict) for one in results) == 3
    with shop.acting(shop.staff) as ctx:
        assert len(reservations.open_(ctx.session, "default")) == 1


def test_an_order_that_is_not_paid_lapses_and_leaves_nothing(shop: Shop) -> None:
    placed = shop.order("wordpress", "starter")
    shop.clock.advance(timedelta(hours=71))
    assert runner.run_once(shop.container, "orders_lapse") is not None
    with shop.acting() as ctx:
        assert orders.get(ctx, order_id=placed.id).state is OrderState.PAYMENT
    shop.clock.advance(timedelta(hours=2))
    outcome = runner.run_once(shop.container, "orders_lapse")
    assert outcome is not None
    assert outcome.counts == {"lapsed": 1}
    _nothing_left(shop, placed, OrderState.LAPSED)
    assert shop.order("wordpress", "starter").name == "wordpress", "its name and its address are free again"


def test_a_refused_order_leaves_nothing_and_its_reason(shop: Shop) -> None:
    with shop.acting(shop.staff) as ctx:
        settings.put(ctx, key="order_approval", value="all")
    placed = shop.order("wordpress")
    assert placed.state is OrderState.APPROVAL
    shop.work(passes=2)
    with shop.acting() as ctx, pytest.raises(NotPermitted):
        decisions.refuse(ctx, order_id=placed.id, reason="no")
    with shop.acting(shop.staff) as ctx:
        decisions.refuse(ctx, order_id=placed.id, reason="We do not host that.")
    assert _nothing_left(shop, placed, OrderState.REFUSED).reason == "We do not host that."
    shop.order("wordpress")  # its trial was not used


def test_an_approved_order_runs(shop: Shop) -> None:
    with shop.acting(shop.staff) as ctx:
        settings.put(ctx, key="order_approval", value="all")
    placed = shop.order("wordpress")
    with shop.acting(shop.staff) as ctx:
        decisions.approve(ctx, order_id=placed.id)
    shop.work()
    with shop.acting() as ctx:
        assert orders.get(ctx, order_id=placed.id).state is OrderState.ACCEPTED


def test_a_token_that_orders_what_costs_waits_for_a_person(shop: Shop) -> None:
    token = a_token(shop)
    placed = shop.order("wordpress", "starter", token)
    assert placed.state is OrderState.CONFIRMATION
    with shop.acting(token) as ctx, pytest.raises(NotPermitted, match="token cannot confirm"):
        decisions.confirm(ctx, order_id=placed.id)
    with shop.acting() as ctx:
        assert decisions.confirm(ctx, order_id=placed.id).state is OrderState.PAYMENT
    assert shop.order("ghost", "trial", token).state is OrderState.PAYMENT


def test_who_may_not_order(shop: Shop) -> None:
    with shop.store.transaction() as session:
        viewer = a_member(session, shop.customer, MemberRole.VIEWER)
        developer = a_member(session, shop.customer, MemberRole.DEVELOPER)
        stranger = a_stranger(session)
    placed = shop.order("ghost", actor=developer)
    with pytest.raises(NotPermitted):
        shop.order("wordpress", actor=viewer)
    with pytest.raises(NotPermitted):
        shop.order("wordpress", "starter", developer)
    with pytest.raises(NotFound):
        shop.order("wordpress", actor=stranger)
    for act in (decisions.confirm, decisions.cancel):
        with shop.acting(stranger) as ctx, pytest.raises(NotFound):
            act(ctx, order_id=placed.id)
    with shop.acting(stranger) as ctx:
        assert orders.list_(ctx).items == ()
        with pytest.raises(NotFound):
            orders.get(ctx, order_id=placed.id)
        with pytest.raises(NotFound):
            changesets.list_(ctx, instance_id=placed.instance_id)
        with pytest.raises(NotFound):
            orders.list_(ctx, organization_id=shop.customer.organization.id)


def test_an_order_is_taken_back_while_nothing_was_made(shop: Shop) -> None:
    placed = shop.order("wordpress", "starter")
    with shop.acting() as ctx:
        decisions.cancel(ctx, order_id=placed.id)
    _nothing_left(shop, placed, OrderState.LAPSED)
    with shop.acting() as ctx, pytest.raises(Conflict):
        decisions.cancel(ctx, order_id=placed.id)
    with shop.acting(shop.staff) as ctx, pytest.raises(Conflict):
        decisions.received(ctx, order_id=placed.id)


def test_lists_come_newest_first_in_parts(shop: Shop) -> None:
    made = []
    for template in ("wordpress", "ghost", "n8n"):
        made.append(shop.order(template).id)
        shop.clock.advance(timedelta(minutes=1))
    with shop.acting() as ctx:
        first = orders.list_(ctx, limit=2)
        rest = orders.list_(ctx, limit=2, after=first.after)
    assert [one.id for one in (*first.items, *rest.items)] == made[::-1]
    assert rest.after is None


def _nothing_left(shop: Shop, placed: OrderView, state: OrderState) -> OrderView:
    with shop.acting() as ctx:
        order = orders.get(ctx, order_id=placed.id)
        instance = instances.by_id(ctx.session, placed.instance_id)
        money = subscriptions.by_id(ctx.session, placed.subscription_id)
        payment = payments.by_key(ctx.session, f"order:{placed.id}")
        (work,) = changesets.list_(ctx, instance_id=placed.instance_id)
        assert reservations.of_instance(ctx.session, placed.instance_id) is None
    assert order.state is state
    assert instance is not None
    assert instance.state is State.GONE
    assert money is not None
    assert money.state is SubscriptionState.LAPSED
    assert payment is None or payment.state is PaymentState.FAILED
    assert work.state is ChangeState.CANCELLED
    shop.work(passes=3)
    assert shop.cluster.read("Namespace", None, instance.namespace) is None
    return order


def _at_once(acts: list[Callable[[], None]]) -> None:
    gate = threading.Barrier(len(acts))

    def go(act: Callable[[], None]) -> None:
        gate.wait()
        act()

    threads = [threading.Thread(target=go, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
