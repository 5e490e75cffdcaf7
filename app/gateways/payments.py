"""Gateways for payments: asked outside of every transaction, with a key under which asking twice charges once."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from app.config import Settings
from models.domain.errors import Conflict, Unavailable


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
    decline: Decline = Decline.NONE


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


def of(settings: Settings) -> PaymentGateway:
    """The gateway that new invoices are paid by. What only pretends to charge is for the demo alone."""
    return DummyGateway() if settings.live else SimulatedGateway(settings.data / "world-payments.sqlite")


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
        if step in (Script.SOFT, Script.HARD):
            return Receipt(Answer.FAILED, charge.key, decline=Decline(step.value))
        return Receipt(Answer.PENDING if step is Script.PENDING else Answer.PAID, charge.key)

    def charges(self) -> dict[str, tuple[int, str, Script]]:
        """What it charged, or declined, by key."""
        with self._open() as book:
            rows = book.execute("SELECT key, amount, currency, answer FROM charge ORDER BY key").fetchall()
        return {key: (amount, currency, Script(answer)) for key, amount, currency, answer in rows}

    def _open(self) -> closing[sqlite3.Connection]:
        connection = sqlite3.connect(self._book, timeout=30, isolation_level=None)
        connection.execute("PRAGMA synchronous = OFF")  # it outlives processes that are killed; no money is lost with the machine
        return closing(connection)
