"""Passwords: argon2id, two at a time, the same work whether the person exists or not."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from models.domain.errors import Invalid

SHORTEST, LONGEST = 12, 256
AT_ONCE = 2

_hasher = PasswordHasher()  # argon2id with the low-memory profile of RFC 9106: 64 MiB, 3 passes
_slots = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True, slots=True)
class Proof:
    """The outcome of one check. `against` is the stored hash that was checked, so that a change in between is noticed."""

    good: bool
    against: str | None
    renewed: str | None = None
    """A fresh hash of the same password, when the stored one was made with weaker parameters."""


def check(password: str, *, about: tuple[str, ...] = ()) -> str:
    """`password` if it may be chosen; otherwise Invalid with what to change. `about`: words it must not merely repeat."""
    if len(password) < SHORTEST:
        raise Invalid(
            f"The password is too short: choose at least {SHORTEST} characters, for example four words.", field="password"
        )
    if len(password) > LONGEST:
        raise Invalid(f"The password is too long: {LONGEST} characters at most.", field="password")
    plain = password.casefold()
    if len(set(plain)) < 5:
        raise Invalid("The password repeats very few characters: choose a less regular one.", field="password")
    if any(word and plain == word.casefold() for word in about):
        raise Invalid("The password is your own name or address: choose another one.", field="password")
    return password


def hashed(password: str) -> str:
    """The argon2id hash of a password that passed `check`. Takes some 50 ms; call it outside of a transaction."""
    with _slots:
        return _hasher.hash(password)


def verify(stored: str | None, password: str) -> Proof:
    """Whether `password` belongs to `stored`. `None` (nobody there) costs the same time. Call it outside of a transaction."""
    against = stored or _dummy()
    password = password[: LONGEST + 1]
    with _slots:
        try:
            good = _hasher.verify(against, password) and stored is not None
        except (VerificationError, InvalidHashError):
            good = False
        renewed = _hasher.hash(password) if good and _hasher.check_needs_rehash(against) else None
    return Proof(good, stored, renewed)


@cache
def _dummy() -> str:
    return _hasher.hash("nobody has this password")
