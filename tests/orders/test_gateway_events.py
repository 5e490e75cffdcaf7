"""What payment gateways tell: each event once, in whatever order; what lies has its own outcome, and no money is lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from app import container, webhooks
from app.gateways.payments import Answer, Kind, Script, SimulatedGateway
from app.jobs import runner
from app.services import gateway_events, invoices, payments
from app.services.gateway_events import EventView
from app.services.payments import PaymentView
from models.domain.errors import Conflict, NotFound, NotPermitted
from models.store import gateway_events as store_of_events
from models.store.gateway_events import Outcome
from models.store.invoices import InvoiceState
from models.store.payments import PaymentState
from tests.orders.conftest import Shop
from tests.orders.test_renewals import MONTH, balance, gateway, issued, paid, run
from tests.stories import a_stranger


@pytest.fixture
def waiting(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> SimulatedGateway:
    """A gateway at which the second month of a customer waits for its money."""
    paid(shop)
    run(shop)
    scripted = gateway(shop, Script.PENDING)
    monkeypatch.setattr("app.gateways.payments.of", lambda _: scripted)
    shop.clock.advance(MONTH)
    run(shop)
    return scripted


@pytest.fixture
def client(shop: Shop) -> Iterator[TestClient]:
    container.install(shop.container)
    app = Starlette(routes=[Route(webhooks.PREFIX + "{gateway}", webhooks.hear, methods=["POST"])])
    with TestClient(app) as made:
        yield made
    container.install(None)


def tell(client: TestClient, told: tuple[Mapping[str, str], bytes], name: str = "simulated") -> tuple[int, dict[str, Any]]:
    answer = client.post(f"/webhooks/{name}", headers=dict(told[0]), content=told[1])
    return answer.status_code, answer.json()


def key(shop: Shop) -> str:
    return f"invoice:{issued(shop)[1].id}:1"


def events(shop: Shop, *, trouble: bool = False) -> list[EventView]:
    with shop.acting(shop.staff) as ctx:
        return list(gateway_events.list_(ctx, trouble=trouble).items)


def of_second(shop: Shop) -> tuple[PaymentView, ...]:
    second = issued(shop)[1].id
    with shop.acting(shop.staff) as ctx:
        return payments.of_invoice(ctx, invoice_id=second)


def test_an_event_pays_an_invoice_once_however_often_it_is_told_and_asked(
    shop: Shop, waiting: SimulatedGateway, client: TestClient
) -> None:
    waiting.pay(key(shop))
    told = waiting.told(key(shop))
    assert tell(client, told) == (200, {"outcome": "settled"})
    books = balance(shop)
    assert issued(shop)[1].state is InvoiceState.PAID
    assert tell(client, told) == (200, {"outcome": "repeated"})
    assert tell(client, waiting.told(key(shop), id="late")) == (200, {"outcome": "noted"})
    shop.clock.advance(timedelta(hours=2))
    run(shop)
    assert balance(shop) == books
    assert "1100" not in books
    assert "2300" not in books
    assert sorted(one.outcome for one in events(shop)) == [Outcome.NOTED, Outcome.SETTLED]
    assert events(shop, trouble=True) == []


def test_an_event_that_comes_after_the_question_changes_nothing(shop: Shop, waiting: SimulatedGateway, client: TestClient) -> None:
    waiting.pay(key(shop))
    shop.clock.advance(timedelta(hours=2))
    run(shop)
    assert issued(shop)[1].state is InvoiceState.PAID
    books = balance(shop)
    assert tell(client, waiting.told(key(shop)))[1] == {"outcome": "noted"}
    assert tell(client, waiting.told(key(shop), answer=Answer.FAILED))[1] == {"outcome": "noted"}
    assert tell(client, waiting.told(key(shop), answer=Answer.PENDING))[1] == {"outcome": "noted"}
    assert balance(shop) == books
    assert issued(shop)[1].state is InvoiceState.PAID


def test_money_that_comes_after_a_decline_is_taken(shop: Shop, waiting: SimulatedGateway, client: TestClient) -> None:
    assert tell(client, waiting.told(key(shop), answer=Answer.FAILED))[1] == {"outcome": "declined"}
    assert [one.state for one in of_second(shop)] == [PaymentState.FAILED]
    assert tell(client, waiting.told(key(shop)))[1] == {"outcome": "settled"}
    assert issued(shop)[1].state is InvoiceState.PAID


@pytest.mark.parametrize(("more", "outcome"), [(-1000, Outcome.TOO_LITTLE), (1000, Outcome.TOO_MUCH)])
def test_another_amount_than_wanted_is_taken_as_it_came(
    shop: Shop, waiting: SimulatedGateway, client: TestClient, more: int, outcome: Outcome
) -> None:
    total = issued(shop)[1].total_minor
    assert tell(client, waiting.told(key(shop), amount=total + more))[1] == {"outcome": outcome.value}
    one, books = issued(shop)[1], balance(shop)
    assert books.get("1100", 0) == one.open_minor == max(0, -more)
    assert books.get("2300", 0) == min(0, -more)
    (trouble,) = events(shop, trouble=True)
    assert (trouble.outcome, trouble.amount_minor) == (outcome, total + more)
    with shop.acting(shop.staff) as ctx:
        assert gateway_events.seen(ctx, event_id=trouble.id).seen_at is not None
        with pytest.raises(Conflict, match="before you"):
            gateway_events.seen(ctx, event_id=trouble.id)
    assert events(shop, trouble=True) == []


def test_paid_twice_is_the_customers_credit_once(shop: Shop, waiting: SimulatedGateway, client: TestClient) -> None:
    tell(client, waiting.told(key(shop)))
    total = issued(shop)[1].total_minor
    assert tell(client, waiting.told(key(shop), id="second", reference="another"))[1] == {"outcome": "twice"}
    assert tell(client, waiting.told(key(shop), id="third", reference="another"))[1] == {"outcome": "noted"}
    assert balance(shop)["2300"] == -total
    assert len(of_second(shop)) == 2


def test_another_currency_an_unknown_key_and_a_forged_one_move_nothing_and_are_seen(
    shop: Shop, waiting: SimulatedGateway, client: TestClient
) -> None:
    books = balance(shop)
    assert tell(client, waiting.told(key(shop), currency="USD", amount=500))[1] == {"outcome": "currency"}
    assert tell(client, waiting.told("invoice:inv_none:1", amount=500))[1] == {"outcome": "unknown"}
    assert tell(client, waiting.told("invoice:inv_none:2", answer=Answer.FAILED))[1] == {"outcome": "noted"}
    headers, body = waiting.told(key(shop), id="forged")
    for wrong in ({"x-signature": "0" * 64}, {}):
        assert tell(client, (wrong, body))[0] == 403
    assert tell(client, (headers, body.replace(b"paid", b"failed")))[0] == 403
    assert balance(shop) == books
    assert issued(shop)[1].state is InvoiceState.OPEN
    assert sorted(one.outcome for one in events(shop, trouble=True)) == ["currency", "forged", "forged", "unknown"]


def test_the_webhook_takes_no_large_bodies_no_other_names_and_few_forged_ones(
    shop: Shop, waiting: SimulatedGateway, client: TestClient
) -> None:
    assert tell(client, ({}, b"x" * (webhooks.MAX_BODY + 1)))[0] == 413
    assert tell(client, waiting.told(key(shop)), name="nobody")[0] == 404
    assert tell(client, ({}, b""), name="dummy")[0] == 403
    for number in range(gateway_events.FORGED_A_DAY + 5):
        tell(client, ({}, str(number).encode()))
    with shop.store.reading() as session:
        assert store_of_events.count(session, Outcome.FORGED, since=shop.clock.now()) == gateway_events.FORGED_A_DAY


@pytest.mark.parametrize(
    ("kind", "outcome", "account"), [(Kind.REFUND, Outcome.REFUNDED, "4900"), (Kind.CHARGEBACK, Outcome.CHARGED_BACK, "6200")]
)
def test_money_that_goes_back_is_posted_once_from_credit_first(
    shop: Shop, waiting: SimulatedGateway, client: TestClient, kind: Kind, outcome: Outcome, account: str
) -> None:
    tell(client, waiting.told(key(shop), amount=issued(shop)[1].total_minor + 300))
    (much,) = events(shop, trouble=True)
    with shop.acting(shop.staff) as ctx:
        gateway_events.seen(ctx, event_id=much.id)
    before = balance(shop)
    for id, said in (("r1", outcome.value), ("r2", "noted")):
        told = waiting.told(key(shop), id=id, kind=kind, reference="back", amount=700)
        assert tell(client, told)[1] == {"outcome": said}
    after = balance(shop)
    assert (before["2300"], after.get("2300", 0), after[account]) == (-300, 0, 400)
    assert after["1020"] == before["1020"] - 700
    assert [one.outcome for one in events(shop, trouble=True)] == ([outcome] if kind is Kind.CHARGEBACK else [])


def test_what_is_asked_lies_as_events_do(shop: Shop, waiting: SimulatedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting.pay(key(shop))
    with waiting._open() as book:
        book.execute("UPDATE charge SET currency = 'USD'")
    shop.clock.advance(timedelta(hours=2))
    run(shop)
    assert issued(shop)[1].state is InvoiceState.OPEN
    assert [one.outcome for one in events(shop, trouble=True)] == [Outcome.CURRENCY]
    asked: list[str] = []
    monkeypatch.setattr(waiting, "stands", lambda charge, **_: asked.append(charge.key))
    shop.clock.advance(timedelta(hours=2))
    run(shop)
    assert asked == [], "it would say the same again"


def test_staff_alone_see_events_and_nobody_sees_payments_of_others(shop: Shop, waiting: SimulatedGateway) -> None:
    with shop.store.transaction() as session:
        stranger = a_stranger(session)
    second = issued(shop)[1].id
    with shop.acting() as ctx:
        assert {one.organization_id for one in payments.list_(ctx).items} == {shop.customer.organization.id}
        with pytest.raises(NotPermitted):
            gateway_events.list_(ctx)
        with pytest.raises(NotPermitted):
            gateway_events.seen(ctx, event_id="evt")
    with shop.acting(stranger) as ctx:
        assert payments.list_(ctx).items == ()
        with pytest.raises(NotFound):
            payments.of_invoice(ctx, invoice_id=second)
    with shop.acting(shop.staff) as ctx, pytest.raises(NotFound):
        gateway_events.seen(ctx, event_id="evt_none")


def test_nothing_is_begun_for_an_invoice_that_was_paid_by_hand(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    paid(shop)
    run(shop)
    scripted = gateway(shop)
    monkeypatch.setattr("app.gateways.payments.of", lambda _: scripted)
    monkeypatch.setattr("app.jobs.renewals._ask", lambda *_: None)
    shop.clock.advance(MONTH)
    run(shop)
    monkeypatch.undo()
    monkeypatch.setattr("app.gateways.payments.of", lambda _: scripted)
    second = issued(shop)[1].id
    with shop.acting(shop.staff) as ctx:
        invoices.received(ctx, invoice_id=second)
    run(shop)
    assert scripted.charges() == {}
    assert "2300" not in balance(shop)
    assert [one.state for one in of_second(shop)] == [PaymentState.FAILED, PaymentState.PAID]


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("event_first", [True, False])
def test_killed_between_question_and_answer_nothing_is_charged_twice(
    shop: Shop, client: TestClient, monkeypatch: pytest.MonkeyPatch, event_first: bool
) -> None:
    paid(shop)
    run(shop)
    scripted = gateway(shop)
    monkeypatch.setattr("app.gateways.payments.of", lambda _: scripted)
    shop.clock.advance(MONTH)
    with monkeypatch.context() as patch:

        def killed(*_: object, **__: object) -> None:
            raise Killed

        patch.setattr(payments, "answered", killed)
        with pytest.raises(Killed):
            runner.run_once(shop.container, "renewals")
    assert list(scripted.charges()) == [key(shop)], "it was charged, and nobody wrote it down"
    assert issued(shop)[1].state is InvoiceState.OPEN
    shop.clock.advance(timedelta(hours=2))
    for step in (True, False) if event_first else (False, True):
        if step:
            tell(client, scripted.told(key(shop)))
        else:
            run(shop)
    assert issued(shop)[1].state is InvoiceState.PAID
    assert len(scripted.charges()) == 1
    assert "1100" not in balance(shop)
    assert "2300" not in balance(shop)
