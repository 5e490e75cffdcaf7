"""What every payment gateway promises: the simulated one, and Midtrans and Stripe against servers that speak as theirs do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pytest

from app.gateways.midtrans import Midtrans
from app.gateways.payments import Answer, Charge, Forged, Kind, PaymentGateway, Script, SimulatedGateway
from app.gateways.stripe import Stripe
from models.domain.errors import Conflict, Invalid, Misconfigured, Unavailable
from tests.gateways.stub_payments import MidtransStub, StripeStub, Stub

pytestmark = pytest.mark.loopback
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
KEY = "invoice:inv_0123456789abcdef0123:1"
CHARGE = Charge(KEY, 149_000, "IDR", "INV-2026-000002", "https://portal.example/billing")
Told = tuple[Mapping[str, str], bytes]


class Side(Protocol):
    """The other side of a gateway: its customer and its operator."""

    gateway: PaymentGateway

    def lose(self) -> None:
        """The next charge is begun, and the answer lost."""

    def pay(self) -> None: ...
    def paid(self) -> Told: ...
    def refunded(self, key: str, amount: int) -> Told: ...


@dataclass
class Simulated:
    gateway: SimulatedGateway

    def lose(self) -> None:
        self.gateway._script[:] = [Script.TIMEOUT]

    def pay(self) -> None:
        self.gateway.pay(KEY)

    def paid(self) -> Told:
        return self.gateway.told(KEY)

    def refunded(self, key: str, amount: int) -> Told:
        return self.gateway.told(KEY, kind=Kind.REFUND, reference=key, amount=amount)


@dataclass
class AtMidtrans:
    gateway: Midtrans
    stub: MidtransStub
    order: str = KEY.replace(":", "~")

    def lose(self) -> None:
        self.stub.troubles = [404, 0]

    def pay(self) -> None:
        self.stub.begin(self.order, "settlement")

    def paid(self) -> Told:
        return self.stub.notification(self.order)

    def refunded(self, key: str, amount: int) -> Told:
        return self.stub.notification(self.order)


@dataclass
class AtStripe:
    gateway: Stripe
    stub: StripeStub

    def lose(self) -> None:
        self.stub.troubles = [0]

    def pay(self) -> None:
        self.stub.pay(KEY)

    def paid(self) -> Told:
        return self.stub.event("checkout.session.completed", self.stub.of(KEY), at=int(NOW.timestamp()))

    def refunded(self, key: str, amount: int) -> Told:
        return self.stub.event("refund.created", self.stub.refunds[key], at=int(NOW.timestamp()), id="evt_refund")


@pytest.fixture(params=["simulated", "midtrans", "stripe"])
def side(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Side]:
    if request.param == "simulated":
        yield Simulated(SimulatedGateway(tmp_path / "book.sqlite", (Script.PENDING,)))
        return
    made: Stub = MidtransStub("SB-Mid-server-x") if request.param == "midtrans" else StripeStub("sk_test_x")
    with made.running() as stub:
        if isinstance(stub, MidtransStub):
            yield AtMidtrans(Midtrans(stub.key, url=stub.url, snap_url=stub.url), stub)
        else:
            yield AtStripe(Stripe(stub.key, stub.secret, url=stub.url), stub)


def test_a_charge_is_begun_once_and_stands_as_it_is(side: Side) -> None:
    assert side.gateway.stands(CHARGE) is None
    first = side.gateway.ask(CHARGE)
    assert first.answer is Answer.PENDING
    assert side.gateway.ask(CHARGE).reference == first.reference
    side.pay()
    found = side.gateway.stands(CHARGE, reference=first.reference)
    assert found is not None
    assert (found.answer, found.amount_minor, found.currency) == (Answer.PAID, 149_000, "IDR")
    again = side.gateway.stands(CHARGE, reference=found.reference)
    assert again == found
    assert side.gateway.stands(CHARGE) == found, "also without the name that the gateway gave it"


def test_a_charge_whose_answer_was_lost_is_not_begun_twice(side: Side) -> None:
    side.lose()
    with pytest.raises(Unavailable):
        side.gateway.ask(CHARGE)
    side.gateway.ask(CHARGE)
    if isinstance(side, AtStripe):
        assert len(side.stub.sessions) == 1
    elif isinstance(side, AtMidtrans):
        assert side.stub.pages == {side.order: 149_000}
    else:
        assert len(side.gateway.charges()) == 1  # type: ignore[attr-defined]


def test_a_key_stands_for_one_amount(side: Side) -> None:
    side.gateway.ask(CHARGE)
    if isinstance(side, AtMidtrans):
        side.stub.begin(side.order)  # it knows an order from when the customer chooses how to pay
    with pytest.raises(Conflict):
        side.gateway.ask(Charge(KEY, 150_000, "IDR"))


def test_an_event_is_verified_and_tells_the_charge(side: Side) -> None:
    side.gateway.ask(CHARGE)
    side.pay()
    headers, body = side.paid()
    event = side.gateway.hear(headers, body, now=NOW)
    found = side.gateway.stands(CHARGE)
    assert (event.kind, event.key, event.receipt) == (Kind.CHARGE, KEY, found)
    assert side.gateway.hear(headers, body, now=NOW).id == event.id
    for wrong in ((headers, body.replace(b"149000", b"14900")), ({}, b""), ({}, b"[]"), ({}, b'{"order_id": 3}')):
        if body != wrong[1] or headers != wrong[0]:
            with pytest.raises(Forged):
                side.gateway.hear(*wrong, now=NOW)


def test_money_is_given_back_once_and_not_more_than_came(side: Side) -> None:
    side.gateway.ask(CHARGE)
    side.pay()
    paid = side.gateway.stands(CHARGE)
    assert paid is not None
    given = side.gateway.refund(CHARGE, reference=paid.reference, key="refund:1", amount_minor=9_000)
    assert (given.answer, given.amount_minor) == (Answer.PAID, 9_000)
    assert side.gateway.refund(CHARGE, reference=paid.reference, key="refund:1", amount_minor=9_000).reference == given.reference
    with pytest.raises(Invalid):
        side.gateway.refund(CHARGE, reference=paid.reference, key="refund:2", amount_minor=149_000)
    event = side.gateway.hear(*side.refunded(given.reference, 9_000), now=NOW)
    assert (event.kind, event.receipt.amount_minor, event.receipt.reference) == (Kind.REFUND, 9_000, given.reference)
    assert event.of in (paid.reference, KEY)


@pytest.mark.parametrize("side", ["midtrans", "stripe"], indirect=True)  # the simulated one answers always
@pytest.mark.parametrize(("status", "wrong"), [(500, Unavailable), (429, Unavailable), (401, Misconfigured)])
def test_what_goes_wrong_is_a_sentence_without_the_key(side: Side, status: int, wrong: type[Exception]) -> None:
    there: Any = side
    there.stub.troubles = [status]
    with pytest.raises(wrong) as caught:
        side.gateway.ask(CHARGE)
    assert there.stub.key not in str(caught.value)
