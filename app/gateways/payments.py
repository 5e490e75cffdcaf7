"""Gateways for payments: asked outside of every transaction, with a key under which asking twice charges once."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from app.config import Settings
from models.domain.errors import Conflict, Invalid, NotPermitted, Unavailable


class Answer(StrEnum):
    PAID = "paid"
    PENDING = "pending"
    """The customer has to do something, or the money is on its way."""
    FAILED = "failed"


class Decline(StrEnum):
    """Why a charge failed."""

    NONE = ""
    SOFT = "soft"
    """Another attempt may work: too little money, a limit."""
    HARD = "hard"
    """No attempt will: a lost card, a closed account."""


class Kind(StrEnum):
    """What a gateway's event is about."""

    CHARGE = "charge"
    REFUND = "refund"
    CHARGEBACK = "chargeback"
    """The customer's bank took the money back."""
    OTHER = "other"
    """Nothing that moves money."""


class Forged(NotPermitted):
    """An event whose signature is not the gateway's, or is too old: nothing of it is believed."""


@dataclass(frozen=True, slots=True)
class Charge:
    """An amount that is wanted. `amount_minor` counts the platform's minor units of `currency`; a gateway converts them itself.

    `words` says what it is for, `back` is the page to which the customer comes back.
    """

    key: str
    amount_minor: int
    currency: str
    words: str = ""
    back: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the gateway says about a charge. `reference` is its own name for it; the rest is where the customer pays, as far as it says.

    `amount_minor` and `currency` are what came, in the platform's minor units; None and empty when the gateway does not say.
    """

    answer: Answer
    reference: str
    link: str = ""
    decline: Decline = Decline.NONE
    bank: str = ""
    account: str = ""
    """A virtual account at `bank`."""
    qr: str = ""
    """What a QR code of it holds."""
    amount_minor: int | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """What a gateway told by itself, verified. `id` is the same however often it is told; `key` is that of the charge, when it is said.

    `receipt` is the charge's for a charge; otherwise its reference and amount are those of the refund or chargeback, and `of` is the
    gateway's name of the charge.
    """

    id: str
    kind: Kind
    key: str
    receipt: Receipt
    of: str = ""


class PaymentGateway(Protocol):
    """May raise Unavailable; the same may then be asked again under the same key."""

    @property
    def name(self) -> str:
        """By which payments know it."""

    def ask(self, charge: Charge) -> Receipt:
        """Begin the charge, or say how one that was begun under that key stands. Conflict for a key of another amount."""

    def stands(self, charge: Charge, *, reference: str = "") -> Receipt | None:
        """How it stands, begun or not; begins none. None when the gateway does not know it. `reference` helps to find it."""

    def refund(self, charge: Charge, *, reference: str, key: str, amount_minor: int) -> Receipt:
        """Give back money of a charge that was paid, once under the key. Invalid for more than there is."""

    def hear(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Event:
        """What a request to our webhook tells; header names are in small letters. Forged, or Invalid when it cannot be read."""


class DummyGateway:
    """Takes no money: what costs nothing is paid at once, everything else waits until staff say that it came (bank transfer)."""

    name = "dummy"

    def ask(self, charge: Charge) -> Receipt:
        return Receipt(Answer.PENDING if charge.amount_minor else Answer.PAID, charge.key)

    def stands(self, charge: Charge, *, reference: str = "") -> Receipt | None:
        del reference
        return self.ask(charge)

    def refund(self, charge: Charge, *, reference: str, key: str, amount_minor: int) -> Receipt:
        del charge, reference, amount_minor
        return Receipt(Answer.PENDING, key)  # somebody transfers it back

    def hear(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Event:
        del headers, body, now
        raise Forged("Nobody sends events for bank transfers.")


def of(settings: Settings) -> PaymentGateway:
    """The gateway that new invoices are paid by. What only pretends to charge is for the demo alone."""
    if settings.payment_gateway:
        return _configured(settings)[settings.payment_gateway]
    return DummyGateway() if settings.live else SimulatedGateway(settings.data / "world-payments.sqlite")


def name(settings: Settings) -> str:
    """Of the gateway that new invoices are paid by."""
    return settings.payment_gateway or (DummyGateway.name if settings.live else SimulatedGateway.name)


def known(settings: Settings) -> Mapping[str, PaymentGateway]:
    """All that there are, by name: payments that were begun at a former one are still asked for there."""
    return {**_configured(settings), **{one.name: one for one in (DummyGateway(), of(settings))}}


def _configured(settings: Settings) -> Mapping[str, PaymentGateway]:
    """Those whose keys are set."""
    from app.gateways.midtrans import Midtrans  # the adapters know the port, so they are asked for only when one is chosen
    from app.gateways.stripe import Stripe

    found: dict[str, PaymentGateway] = {}
    if key := settings.midtrans_api_key.get_secret_value():
        found[Midtrans.name] = Midtrans(key, url=settings.midtrans_url, snap_url=settings.midtrans_snap_url)
    if key := settings.stripe_api_key.get_secret_value():
        found[Stripe.name] = Stripe(key, settings.stripe_webhook_secret.get_secret_value(), url=settings.stripe_url)
    return found


class Script(StrEnum):
    """How the simulated gateway treats a charge."""

    OK = "ok"
    SOFT = "soft"
    HARD = "hard"
    TIMEOUT = "timeout"
    """It charges, and the answer is lost: whoever asks again under the same key hears that it is paid."""
    PENDING = "pending"


class SimulatedGateway:
    """A gateway for demos and tests that keeps its book in a file, as a real one keeps its own: a charge per key, whoever asks how often.

    `script` is what it does with the charges to come, one each; behind its end all are paid. Another amount under a known key is refused.
    """

    name = "simulated"

    def __init__(self, book: Path, script: tuple[Script, ...] = ()) -> None:
        self._book = book
        self._script = list(script)
        with self._open() as book_:
            book_.execute(
                "CREATE TABLE IF NOT EXISTS charge (key TEXT PRIMARY KEY, amount INTEGER, currency TEXT, answer TEXT, asked INTEGER)"
            )
            book_.execute("CREATE TABLE IF NOT EXISTS refund (key TEXT PRIMARY KEY, charge TEXT, amount INTEGER)")
            book_.execute("CREATE TABLE IF NOT EXISTS secret (id INTEGER PRIMARY KEY, value TEXT)")
            book_.execute("INSERT OR IGNORE INTO secret VALUES (1, ?)", [secrets.token_hex(16)])

    def ask(self, charge: Charge) -> Receipt:
        with self._open() as book:
            book.execute("BEGIN IMMEDIATE")
            known = book.execute("SELECT amount, currency, answer FROM charge WHERE key = ?", [charge.key]).fetchone()
            if known is not None and known[:2] != (charge.amount_minor, charge.currency):
                book.execute("ROLLBACK")
                raise Conflict(f"The charge {charge.key} is known with another amount. A key stands for one charge.")
            step = Script(known[2]) if known else self._script.pop(0) if self._script else Script.OK
            kept = Script.OK if step is Script.TIMEOUT else step
            book.execute(
                "INSERT INTO charge VALUES (?, ?, ?, ?, 1) ON CONFLICT (key) DO UPDATE SET asked = asked + 1",
                [charge.key, charge.amount_minor, charge.currency, kept.value],
            )
            book.execute("COMMIT")
        if step is Script.TIMEOUT:
            raise Unavailable("The payment gateway did not answer in time; it is asked again.")
        return _receipt(charge.key, charge.amount_minor, charge.currency, step)

    def stands(self, charge: Charge, *, reference: str = "") -> Receipt | None:
        del reference
        with self._open() as book:
            known = book.execute("SELECT amount, currency, answer FROM charge WHERE key = ?", [charge.key]).fetchone()
        return None if known is None else _receipt(charge.key, known[0], known[1], Script(known[2]))

    def refund(self, charge: Charge, *, reference: str, key: str, amount_minor: int) -> Receipt:
        del reference
        with self._open() as book:
            book.execute("BEGIN IMMEDIATE")
            row = book.execute("SELECT amount FROM charge WHERE key = ? AND answer = ?", [charge.key, Script.OK.value]).fetchone()
            others = "SELECT coalesce(sum(amount), 0) FROM refund WHERE charge = ? AND key <> ?"
            left = (row[0] if row else 0) - book.execute(others, [charge.key, key]).fetchone()[0]
            if not 0 < amount_minor <= left:
                book.execute("ROLLBACK")
                raise Invalid(f"Of the charge {charge.key} {left} can be given back. Ask for that or less.", field="amount")
            book.execute("INSERT OR IGNORE INTO refund VALUES (?, ?, ?)", [key, charge.key, amount_minor])
            book.execute("COMMIT")
        return Receipt(Answer.PAID, key, amount_minor=amount_minor, currency=charge.currency)

    def hear(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Event:
        del now
        if not hmac.compare_digest(headers.get("x-signature", "").encode(), self._sign(body).encode()):
            raise Forged("The signature of this event is not that of the simulated gateway.")
        told = json.loads(body)
        answer, decline = Answer(told["answer"]), Decline(told.get("decline", ""))
        receipt = Receipt(answer, told["reference"], decline=decline, amount_minor=told["amount"], currency=told["currency"])
        return Event(told["id"], Kind(told["kind"]), told["key"], receipt, told["key"])

    def told(
        self, key: str, *, id: str = "", kind: Kind = Kind.CHARGE, answer: Answer = Answer.PAID, amount: int | None = None,
        currency: str = "", reference: str = "",
    ) -> tuple[dict[str, str], bytes]:  # fmt: skip
        """The request that it sends to the webhook about a charge: headers and body. What is not said is as the book has it."""
        row = self.charges().get(key, (0, "IDR", Script.PENDING))
        event = {
            "id": id or f"event:{key}:{answer}", "kind": kind, "key": key, "answer": answer, "reference": reference or key,
            "amount": row[0] if amount is None else amount, "currency": currency or row[1],
        }  # fmt: skip
        body = json.dumps(event).encode()
        return {"x-signature": self._sign(body)}, body

    def pay(self, key: str) -> None:
        """The customer pays what was pending."""
        with self._open() as book:
            book.execute("UPDATE charge SET answer = ? WHERE key = ?", [Script.OK.value, key])

    def charges(self) -> dict[str, tuple[int, str, Script]]:
        """What it charged, or declined, by key."""
        with self._open() as book:
            rows = book.execute("SELECT key, amount, currency, answer FROM charge ORDER BY key").fetchall()
        return {key: (amount, currency, Script(answer)) for key, amount, currency, answer in rows}

    def _sign(self, body: bytes) -> str:
        with self._open() as book:
            (value,) = book.execute("SELECT value FROM secret").fetchone()
        return hmac.new(value.encode(), body, hashlib.sha256).hexdigest()

    def _open(self) -> closing[sqlite3.Connection]:
        connection = sqlite3.connect(self._book, timeout=30, isolation_level=None)
        connection.execute("PRAGMA synchronous = OFF")  # it outlives processes that are killed; no money is lost with the machine
        return closing(connection)


def _receipt(key: str, amount: int, currency: str, step: Script) -> Receipt:
    if step in (Script.SOFT, Script.HARD):
        return Receipt(Answer.FAILED, key, decline=Decline(step.value))
    if step is Script.PENDING:
        return Receipt(Answer.PENDING, key)
    return Receipt(Answer.PAID, key, amount_minor=amount, currency=currency)
