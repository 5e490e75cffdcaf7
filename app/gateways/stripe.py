"""Stripe: a charge is a Checkout session, a page where the customer pays once.

Sources: docs.stripe.com (Checkout Sessions, Refunds, idempotent requests, webhook signatures, zero-decimal currencies). Our key is
the Idempotency-Key, `client_reference_id` and metadata. The rupiah has two digits there. A session that nobody paid ends after a day,
about when Stripe forgets its key, so one that is asked for again later is looked up by its metadata first.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any

from app.gateways.payment_calls import Calls
from app.gateways.payments import Answer, Charge, Decline, Event, Forged, Kind, Receipt
from models.domain.errors import Conflict, Invalid, Unavailable
from models.domain.money import CURRENCIES, Money, rounded

TOLERANCE_SECONDS = 300
"""An event that was signed longer ago is not believed, so that one that was overheard cannot be sent again."""
SESSION = frozenset({"checkout.session.completed", "checkout.session.async_payment_succeeded"})
ENDED = frozenset({"checkout.session.async_payment_failed", "checkout.session.expired"})
REFUND = frozenset({"refund.created", "refund.updated", "charge.refund.updated"})
TAKEN_BACK = "charge.dispute.funds_withdrawn"


class Stripe:
    """`PaymentGateway` at Stripe. `secret` signs what it sends to the webhook."""

    name = "stripe"

    def __init__(self, key: str, secret: str, *, url: str = "https://api.stripe.com") -> None:
        self._secret = secret
        self._url = f"{url.rstrip('/')}/v1"
        self._calls = Calls("Stripe", "stripe_api_key", key)

    def ask(self, charge: Charge) -> Receipt:
        form = {
            "mode": "payment",
            "client_reference_id": charge.key,
            "metadata[key]": charge.key,
            "payment_intent_data[metadata][key]": charge.key,
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": charge.currency.lower(),
            "line_items[0][price_data][unit_amount]": str(_theirs(charge.amount_minor, charge.currency)),
            "line_items[0][price_data][product_data][name]": charge.words or charge.key,
            "success_url": charge.back or "https://example.com",
        }
        return _of_session(self._call("POST", "/checkout/sessions", data=form, key=charge.key))

    def stands(self, charge: Charge, *, reference: str = "") -> Receipt | None:
        if reference.startswith("cs_"):
            return _of_session(self._call("GET", f"/checkout/sessions/{reference}"))
        if reference.startswith("pi_"):
            return _of_intent(self._call("GET", f"/payment_intents/{reference}"))
        query = {"query": f"metadata['key']:'{charge.key}'"}
        found = [_of_intent(one) for one in self._call("GET", "/payment_intents/search", params=query).get("data", ())]
        return next((one for one in found if one.answer is Answer.PAID), found[0] if found else None)

    def refund(self, charge: Charge, *, reference: str, key: str, amount_minor: int) -> Receipt:
        form = {
            "payment_intent": reference,
            "amount": str(_theirs(amount_minor, charge.currency)),
            "metadata[key]": charge.key,
        }
        return _of_refund(self._call("POST", "/refunds", data=form, key=key))

    def hear(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Event:
        self._verify(headers.get("stripe-signature", ""), body, now)
        try:
            told = json.loads(body)
            id, kind, thing = str(told["id"]), str(told["type"]), told["data"]["object"]
        except (ValueError, KeyError, TypeError) as error:
            raise Invalid("This event of Stripe cannot be read.") from error
        if kind in SESSION:
            receipt = _of_session(thing)
            return Event(id, Kind.CHARGE, str(thing.get("client_reference_id") or ""), receipt, receipt.reference)
        if kind in ENDED:
            receipt = Receipt(Answer.FAILED, str(thing["id"]), decline=Decline.SOFT)
            return Event(id, Kind.CHARGE, str(thing.get("client_reference_id") or ""), receipt, receipt.reference)
        if kind in REFUND:
            return Event(id, Kind.REFUND, "", _of_refund(thing), str(thing.get("payment_intent") or ""))
        if kind == TAKEN_BACK:
            amount, currency = _ours(thing["amount"], thing["currency"])
            receipt = Receipt(Answer.PAID, str(thing["id"]), amount_minor=amount, currency=currency)
            return Event(id, Kind.CHARGEBACK, "", receipt, str(thing.get("payment_intent") or ""))
        return Event(id, Kind.OTHER, "", Receipt(Answer.PENDING, ""))

    def _verify(self, header: str, body: bytes, now: datetime) -> None:
        parts = [part.partition("=")[::2] for part in header.split(",")]
        at = next((value for name, value in parts if name.strip() == "t"), "")
        given = [value for name, value in parts if name.strip() == "v1"]
        wanted = hmac.new(self._secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
        if not at.isdecimal() or not any(hmac.compare_digest(one.encode(), wanted.encode()) for one in given):
            raise Forged("The signature of this event is not that of Stripe.")
        if abs(now.timestamp() - int(at)) > TOLERANCE_SECONDS:
            raise Forged("This event of Stripe was signed too long ago, or this machine's clock is wrong.")

    def _call(self, method: str, path: str, *, key: str = "", **facts: Any) -> dict[str, Any]:
        headers = {"idempotency-key": key} if key else {}
        status, body = self._calls.send(method, f"{self._url}{path}", headers=headers, **facts)
        if status < 400:
            return body
        error = body.get("error") or {}
        said = str(error.get("message") or "no reason was given")[:300]
        if error.get("code") == "idempotency_key_in_use":
            raise Unavailable("Stripe is still busy with the same charge; it is asked again.")
        if error.get("type") == "idempotency_error":
            raise Conflict(f"The charge {key} is known with other facts. A key stands for one charge. Stripe says: {said}")
        raise Invalid(f"Stripe refuses: {said}")


def _of_session(session: Mapping[str, Any]) -> Receipt:
    if session.get("payment_status") in ("paid", "no_payment_required"):
        amount, currency = _ours(session["amount_total"], session["currency"])
        return Receipt(Answer.PAID, str(session.get("payment_intent") or session["id"]), amount_minor=amount, currency=currency)
    if session.get("status") == "expired":
        return Receipt(Answer.FAILED, str(session["id"]), decline=Decline.SOFT)
    return Receipt(Answer.PENDING, str(session["id"]), str(session.get("url") or ""))


def _of_intent(intent: Mapping[str, Any]) -> Receipt:
    if intent["status"] == "succeeded":
        amount, currency = _ours(intent["amount_received"], intent["currency"])
        return Receipt(Answer.PAID, str(intent["id"]), amount_minor=amount, currency=currency)
    return Receipt(Answer.FAILED if intent["status"] == "canceled" else Answer.PENDING, str(intent["id"]))


def _of_refund(refund: Mapping[str, Any]) -> Receipt:
    amount, currency = _ours(refund["amount"], refund["currency"])
    answers = {"succeeded": Answer.PAID, "failed": Answer.FAILED, "canceled": Answer.FAILED}
    answer = answers.get(str(refund.get("status")), Answer.PENDING)
    return Receipt(answer, str(refund["id"]), amount_minor=amount, currency=currency)


def _theirs(minor: int, code: str) -> int:
    known = CURRENCIES.get(code)
    if known is None or known.stripe_digits is None:
        raise Invalid(f"{code} cannot be paid by Stripe here. Choose another payment gateway.", field="currency")
    return Money(minor, code).in_digits(known.stripe_digits)


def _ours(amount: int, code: str) -> tuple[int, str]:
    """The amount in our minor units. In a currency that we do not know it stays as it is; nothing is settled by that."""
    known = CURRENCIES.get(code.upper())
    if known is None or known.stripe_digits is None:
        return int(amount), code.upper()
    return rounded(Fraction(int(amount), 10 ** (known.stripe_digits - known.digits))), code.upper()
