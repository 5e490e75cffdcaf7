"""Midtrans: a charge is an order on its Snap page, where the customer chooses card, virtual account or QRIS. Rupiah only, whole.

Sources: docs.midtrans.com (Snap, Get Status, Refund, HTTP notification). The order's id is our key; it takes letters, digits and `-_~.`.
A notification's signature covers neither its status nor its currency, so what it says is asked for again before it is believed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from app.gateways.payment_calls import Calls
from app.gateways.payments import Answer, Charge, Decline, Event, Forged, Kind, Receipt
from models.domain.errors import Conflict, Invalid

PAID = frozenset({"settlement", "refund", "partial_refund", "chargeback", "partial_chargeback"})
"""The money came; whether some of it went back is told apart."""
ENDED = frozenset({"deny", "cancel", "expire", "failure"})
BACK = {
    "refund": Kind.REFUND,
    "partial_refund": Kind.REFUND,
    "chargeback": Kind.CHARGEBACK,
    "partial_chargeback": Kind.CHARGEBACK,
}
PAGE_DAYS = 30
"""So long the page can be opened."""


class Midtrans:
    """`PaymentGateway` at Midtrans. `url` is that of its core API, `snap_url` that of its pages."""

    name = "midtrans"

    def __init__(self, key: str, *, url: str = "https://api.midtrans.com", snap_url: str = "https://app.midtrans.com") -> None:
        self._key = key
        self._url = url.rstrip("/")
        self._snap = snap_url.rstrip("/")
        self._calls = Calls("Midtrans", "midtrans_api_key", key)

    def ask(self, charge: Charge) -> Receipt:
        if charge.currency != "IDR":
            raise Invalid(f"Midtrans takes rupiah only, not {charge.currency}. Choose another payment gateway.", field="currency")
        known = self.stands(charge)
        if known is not None:
            return known
        wanted: dict[str, Any] = {
            "transaction_details": {"order_id": _order(charge.key), "gross_amount": charge.amount_minor},
            "page_expiry": {"duration": PAGE_DAYS, "unit": "days"},
        }
        if charge.words:
            item = {"id": charge.words[:50], "name": charge.words[:50], "price": charge.amount_minor, "quantity": 1}
            wanted["item_details"] = [item]
        if charge.back:
            wanted["callbacks"] = {"finish": charge.back}
        status, body = self._calls.send("POST", f"{self._snap}/snap/v1/transactions", json=wanted)
        if status != 201:
            known = self.stands(charge)  # the customer began to pay in this very moment
            if known is not None:
                return known
            raise Invalid(f"Midtrans refuses the charge: {_said(body)}")
        return Receipt(Answer.PENDING, str(body["token"]), str(body["redirect_url"]))

    def stands(self, charge: Charge, *, reference: str = "") -> Receipt | None:
        found = self._status(_order(charge.key))
        if found is None:
            # nothing was chosen on the page yet: it stays as it was
            return Receipt(Answer.PENDING, reference) if reference else None
        if _amount(found["gross_amount"]) != charge.amount_minor and found["transaction_status"] not in PAID:
            raise Conflict(f"The charge {charge.key} is known with another amount. A key stands for one charge.")
        return _receipt(found)

    def refund(self, charge: Charge, *, reference: str, key: str, amount_minor: int) -> Receipt:
        del reference
        name = re.sub(r"[^A-Za-z0-9_-]", "-", key)
        known = self._status(_order(charge.key))
        for one in (known or {}).get("refunds") or ():
            if one.get("refund_key") == name:
                return Receipt(Answer.PAID, name, amount_minor=_amount(one["refund_amount"]), currency="IDR")
        asked = {"refund_key": name, "amount": amount_minor, "reason": charge.words or "refund"}
        _, body = self._calls.send("POST", f"{self._url}/v2/{_order(charge.key)}/refund", json=asked)
        if str(body.get("status_code")) not in ("200", "201"):
            raise Invalid(f"Midtrans does not give this money back: {_said(body)}", field="amount")
        return Receipt(Answer.PAID, name, amount_minor=_amount(body["refund_amount"]), currency="IDR")

    def hear(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Event:
        del headers, now
        try:
            told = json.loads(body)
            signed = "".join(told[name] for name in ("order_id", "status_code", "gross_amount"))
            signature, status = str(told["signature_key"]), str(told["transaction_status"])
        except (ValueError, KeyError, TypeError) as error:
            raise Forged("This is no notification of Midtrans: it has no signature, or none that can be read.") from error
        # over the text of the amount as it came ("149000.00"), not over what it means
        wanted = hashlib.sha512(f"{signed}{self._key}".encode()).hexdigest()
        if not hmac.compare_digest(signature.encode(), wanted.encode()):
            raise Forged("The signature of this notification is not that of Midtrans.")
        order = told["order_id"]
        id = f"{told.get('transaction_id', order)}:{status}:{told['status_code']}"
        found = self._status(order)
        if found is None:
            return Event(id, Kind.OTHER, _key(order), Receipt(Answer.PENDING, ""))
        if status not in BACK:
            return Event(id, Kind.CHARGE, _key(order), _receipt(found), str(found["transaction_id"]))
        name, amount = _back(told, found)
        receipt = Receipt(Answer.PAID, name, amount_minor=amount, currency=found.get("currency", "IDR"))
        return Event(f"{id}:{name}", BACK[status], _key(order), receipt, str(found["transaction_id"]))

    def _status(self, order: str) -> dict[str, Any] | None:
        status, found = self._calls.send("GET", f"{self._url}/v2/{order}/status")
        # it says what it found in the body; the status of http is 200 for some of its refusals
        code = str(found.get("status_code", status))
        if code == "404":
            return None
        if "transaction_status" not in found:
            raise Invalid(f"Midtrans does not say how {order} stands: {_said(found)}")
        return found


def _receipt(found: Mapping[str, Any]) -> Receipt:
    status, reference = found["transaction_status"], str(found["transaction_id"])
    captured = status == "capture" and found.get("fraud_status", "accept") == "accept"
    if status in PAID or captured:
        amount, currency = _amount(found["gross_amount"]), str(found.get("currency", "IDR"))
        return Receipt(Answer.PAID, reference, amount_minor=amount, currency=currency)
    if status in ENDED:
        return Receipt(Answer.FAILED, reference, decline=Decline.SOFT)
    bank, account = _account(found)
    return Receipt(Answer.PENDING, reference, bank=bank, account=account, qr=str(found.get("qr_string", "")))


def _account(found: Mapping[str, Any]) -> tuple[str, str]:
    """Bank and number of the virtual account, in the three ways in which it is written for different banks."""
    for one in found.get("va_numbers") or ():
        return str(one.get("bank", "")), str(one.get("va_number", ""))
    if found.get("permata_va_number"):
        return "permata", str(found["permata_va_number"])
    if found.get("bill_key"):
        return "mandiri", f"{found.get('biller_code', '')} {found['bill_key']}".strip()
    return "", ""


def _back(told: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[str, int]:
    """Name and amount of the refund or chargeback that was told last, as the question about it has them."""
    listed = (told.get("refunds") or found.get("refunds") or [{}])[-1]
    name = str(
        listed.get("refund_key")
        or told.get("refund_key")
        or listed.get("refund_chargeback_id")
        or told.get("refund_chargeback_id")
        or ""
    )
    for one in found.get("refunds") or ():
        if name in (str(one.get("refund_key")), str(one.get("refund_chargeback_id"))):
            return name, _amount(one["refund_amount"])
    amount = found.get("refund_amount") or found["gross_amount"]
    return name or f"{found['transaction_id']}:{found['transaction_status']}", _amount(amount)


def _amount(text: Any) -> int:
    """Whole rupiah of `149000.00`. Invalid for what is no whole number: it is never rounded."""
    try:
        exact = Decimal(str(text))
    except InvalidOperation as error:
        raise Invalid(f"Midtrans says an amount that is none: {str(text)[:40]!r}") from error
    if exact != exact.to_integral_value():
        raise Invalid(f"Midtrans says {exact} rupiah; there are no parts of a rupiah.")
    return int(exact)


def _order(key: str) -> str:
    order = key.replace(":", "~")
    if len(order) > 50 or not re.fullmatch(r"[A-Za-z0-9_~.-]+", order):
        raise Invalid(f"{key!r} cannot be the id of an order at Midtrans.")
    return order


def _key(order: str) -> str:
    return str(order).replace("~", ":")


def _said(body: Mapping[str, Any]) -> str:
    """Its own words, when it has some."""
    messages = body.get("error_messages") or [body.get("status_message") or "no reason was given"]
    return "; ".join(str(one) for one in messages)[:300]
