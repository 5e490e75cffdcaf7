"""Midtrans' and Stripe's own programs agree with our stubs and believe the events that we believe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import midtransclient
import pytest
import stripe as official

from app.config import load
from app.gateways import payments
from app.gateways.midtrans import Midtrans
from app.gateways.payments import Answer, Charge, Decline, Forged, Kind
from app.gateways.stripe import Stripe
from models.domain.errors import Invalid, Misconfigured
from tests.gateways.stub_payments import MidtransStub, StripeStub

pytestmark = pytest.mark.loopback
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
KEY = "invoice:inv_0123456789abcdef0123:1"
ORDER = KEY.replace(":", "~")
CHARGE = Charge(KEY, 149_000, "IDR", "INV-2026-000002")


@pytest.fixture
def midtrans() -> Iterator[MidtransStub]:
    with MidtransStub("SB-Mid-server-x").running() as stub:
        yield stub


@pytest.fixture
def stripe() -> Iterator[StripeStub]:
    with StripeStub("sk_test_x").running() as stub:
        yield stub


def at_midtrans(stub: MidtransStub) -> Midtrans:
    return Midtrans(stub.key, url=stub.url, snap_url=stub.url)


def at_stripe(stub: StripeStub) -> Stripe:
    return Stripe(stub.key, stub.secret, url=stub.url)


def test_midtrans_own_program_makes_the_same_calls(midtrans: MidtransStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("midtransclient.config.ApiConfig.CORE_SANDBOX_BASE_URL", midtrans.url)
    monkeypatch.setattr("midtransclient.config.ApiConfig.SNAP_SANDBOX_BASE_URL", f"{midtrans.url}/snap/v1")
    snap = midtransclient.Snap(is_production=False, server_key=midtrans.key)
    page = snap.create_transaction({"transaction_details": {"order_id": ORDER, "gross_amount": 149_000}})
    theirs = list(midtrans.calls)
    midtrans.calls.clear()
    ours = at_midtrans(midtrans).ask(CHARGE)
    assert (ours.reference, ours.link) == (page["token"], page["redirect_url"])
    assert midtrans.calls == [("GET", f"/v2/{ORDER}/status"), *theirs]
    midtrans.begin(ORDER, "settlement")
    _, body = midtrans.notification(ORDER)
    assert snap.transactions.notification(json.loads(body))["transaction_status"] == "settlement"
    assert at_midtrans(midtrans).hear({}, body, now=NOW).receipt.answer is Answer.PAID
    refund = snap.transactions.refund(ORDER, {"refund_key": "a-1", "amount": 1000, "reason": "x"})
    assert refund["refund_amount"] == "1000.00"


def test_stripes_own_program_makes_the_same_calls_and_believes_the_same_events(stripe: StripeStub) -> None:
    client = official.StripeClient(stripe.key, base_addresses={"api": stripe.url})
    item = {"price_data": {"currency": "idr", "unit_amount": 14_900_000, "product_data": {"name": CHARGE.words}}, "quantity": 1}
    session = client.v1.checkout.sessions.create(
        {
            "mode": "payment", "client_reference_id": KEY, "metadata": {"key": KEY}, "payment_intent_data": {"metadata": {"key": KEY}},
            "line_items": [item], "success_url": "https://example.com",
        },
        {"idempotency_key": KEY},
    )  # fmt: skip
    ours = at_stripe(stripe).ask(CHARGE)
    assert (ours.reference, ours.link) == (session.id, session.url), "the same key with the same facts"
    at = int(datetime.now(UTC).timestamp())  # their check looks at this machine's clock
    headers, body = stripe.event("checkout.session.completed", stripe.pay(KEY), at=at)
    told = official.Webhook.construct_event(body, headers["stripe-signature"], stripe.secret)
    event = at_stripe(stripe).hear(headers, body, now=datetime.fromtimestamp(at, UTC))
    assert (told.id, event.receipt.amount_minor) == (event.id, 149_000)
    for wrong in (body + b" ", body.replace(b"paid", b"open")):
        with pytest.raises(official.SignatureVerificationError):
            official.Webhook.construct_event(wrong, headers["stripe-signature"], stripe.secret)
        with pytest.raises(Forged):
            at_stripe(stripe).hear(headers, wrong, now=datetime.fromtimestamp(at, UTC))


def test_an_event_of_stripe_that_was_signed_long_ago_is_not_believed(stripe: StripeStub) -> None:
    headers, body = stripe.event("ping", {}, at=int(NOW.timestamp()))
    assert at_stripe(stripe).hear(headers, body, now=NOW + timedelta(minutes=5)).kind is Kind.OTHER
    for now in (NOW + timedelta(minutes=6), NOW - timedelta(minutes=6)):
        with pytest.raises(Forged, match="too long ago"):
            at_stripe(stripe).hear(headers, body, now=now)


def test_a_session_that_ends_unpaid_may_be_asked_for_anew(stripe: StripeStub) -> None:
    gateway = at_stripe(stripe)
    begun = gateway.ask(CHARGE)
    session = stripe.of(KEY)
    session["status"] = "expired"
    found = gateway.stands(CHARGE, reference=begun.reference)
    assert found is not None
    assert (found.answer, found.decline) == (Answer.FAILED, Decline.SOFT)
    told = gateway.hear(*stripe.event("checkout.session.expired", session, at=int(NOW.timestamp())), now=NOW)
    assert (told.key, told.receipt.answer) == (KEY, Answer.FAILED)


def test_a_dispute_at_stripe_is_a_chargeback_of_its_charge(stripe: StripeStub) -> None:
    dispute = {"id": "dp_1", "object": "dispute", "amount": 14_900_000, "currency": "idr", "payment_intent": "pi_7"}
    told = stripe.event("charge.dispute.funds_withdrawn", dispute, at=int(NOW.timestamp()))
    event = at_stripe(stripe).hear(*told, now=NOW)
    assert (event.kind, event.of, event.receipt.amount_minor) == (Kind.CHARGEBACK, "pi_7", 149_000)


def test_currencies_that_a_gateway_does_not_take_are_refused(stripe: StripeStub, midtrans: MidtransStub) -> None:
    with pytest.raises(Invalid, match="rupiah only"):
        at_midtrans(midtrans).ask(Charge(KEY, 500, "USD"))
    with pytest.raises(Invalid, match="cannot be paid by Stripe"):
        at_stripe(stripe).ask(Charge(KEY, 500, "XXX"))
    at_stripe(stripe).ask(Charge("usd", 1050, "USD"))
    at_stripe(stripe).ask(Charge("jpy", 1050, "JPY"))
    assert [one["amount_total"] for one in stripe.sessions.values()] == [1050, 1050]


def test_a_virtual_account_at_midtrans_is_shown_once_it_is_chosen(midtrans: MidtransStub) -> None:
    gateway = at_midtrans(midtrans)
    begun = gateway.ask(CHARGE)
    waiting = gateway.stands(CHARGE, reference=begun.reference)
    assert waiting is not None
    assert (waiting.answer, waiting.reference) == (Answer.PENDING, begun.reference)
    midtrans.begin(ORDER)
    chosen = gateway.stands(CHARGE, reference=begun.reference)
    assert chosen is not None
    assert (chosen.bank, chosen.account) == ("bca", "9880012345")


@pytest.mark.parametrize(
    ("status", "facts", "answer"),
    [
        ("capture", {"fraud_status": "accept"}, Answer.PAID),
        ("capture", {"fraud_status": "challenge"}, Answer.PENDING),
        ("deny", {}, Answer.FAILED),
        ("expire", {}, Answer.FAILED),
        ("cancel", {}, Answer.FAILED),
    ],
)
def test_how_orders_stand_at_midtrans(midtrans: MidtransStub, status: str, facts: dict[str, str], answer: Answer) -> None:
    gateway = at_midtrans(midtrans)
    gateway.ask(CHARGE)
    midtrans.begin(ORDER, status, **facts)
    found = gateway.stands(CHARGE)
    assert found is not None
    assert found.answer is answer


def test_what_a_notification_of_midtrans_claims_is_asked_for(midtrans: MidtransStub) -> None:
    gateway = at_midtrans(midtrans)
    gateway.ask(CHARGE)
    midtrans.begin(ORDER)
    _, body = midtrans.notification(ORDER, transaction_status="settlement")  # the signature holds for it
    assert gateway.hear({}, body, now=NOW).receipt.answer is Answer.PENDING
    midtrans.begin(ORDER, "settlement")
    midtrans.back(ORDER, "bank", 149_000, "chargeback")
    event = gateway.hear(*midtrans.notification(ORDER), now=NOW)
    assert (event.kind, event.receipt.amount_minor, event.receipt.reference) == (Kind.CHARGEBACK, 149_000, "bank")
    other = midtrans.notification(ORDER, order_id="somebody-elses", gross_amount="5.00")
    assert gateway.hear(*other, now=NOW).kind is Kind.OTHER


def test_a_gateway_is_chosen_by_settings_and_only_with_its_keys(tmp_path: Path) -> None:
    for name, key in (("midtrans", "midtrans_api_key"), ("stripe", "stripe_api_key"), ("stripe", "stripe_webhook_secret")):
        given = {"stripe_api_key": "sk_test_hidden", "stripe_webhook_secret": "whsec_hidden", "midtrans_api_key": "hidden", key: ""}
        with pytest.raises(Misconfigured, match=key) as caught:
            load(data=tmp_path, payment_gateway=name, **given)
        assert "hidden" not in str(caught.value)
    chosen = load(data=tmp_path, payment_gateway="stripe", stripe_api_key="a", stripe_webhook_secret="b", midtrans_api_key="c")
    assert payments.of(chosen).name == "stripe"
    assert set(payments.known(chosen)) == {"stripe", "midtrans", "dummy"}, "former ones are still asked"
    assert payments.of(load(data=tmp_path)).name == "simulated"
