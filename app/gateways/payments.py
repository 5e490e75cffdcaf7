"""Gateways for payments: asked outside of every transaction, with a key under which asking twice charges once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Answer(StrEnum):
    PAID = "paid"
    PENDING = "pending"
    """The customer has to do something, or the money is on its way."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Charge:
    """An amount that is wanted. `amount_minor` counts the platform's minor units of `currency`; a gateway converts them itself."""

    key: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the gateway says about a charge. `reference` is its own name for it; `link` where the customer pays, when there is one."""

    answer: Answer
    reference: str
    link: str = ""


class PaymentGateway(Protocol):
    """May raise Unavailable; the charge is then asked for again under the same key."""

    name: str

    def ask(self, charge: Charge) -> Receipt:
        """Begin the charge, or say how one that was begun under that key stands."""


class DummyGateway:
    """Takes no money: what costs nothing is paid at once, everything else waits until staff say that it came (bank transfer)."""

    name = "dummy"

    def ask(self, charge: Charge) -> Receipt:
        return Receipt(Answer.PENDING if charge.amount_minor else Answer.PAID, charge.key)
