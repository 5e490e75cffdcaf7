"""Checks of passwords and codes that take two transactions: a try counts also when it fails, and argon2's work holds none open."""

from __future__ import annotations

from app.auth import passwords
from app.auth.policy import VISITOR, Parts, Policy
from app.services import account, second_factor, signins
from app.services.signins import Origin, SignedIn, Waiting
from models.domain.access import Actor

EDGE = "form"


def sign_in(parts: Parts, *, email: str, password: str, origin: Origin, replaces: str | None = None) -> SignedIn | Waiting:
    """Count the attempt, check the password, begin a session or wait for the second factor."""
    with parts.transaction(VISITOR, EDGE) as ctx:
        stored = signins.attempt(ctx, email=email, origin=origin)
    proof = passwords.verify(stored, password)
    with parts.transaction(VISITOR, EDGE) as ctx:
        policy = Policy.of(parts.settings)
        return signins.sign_in(ctx, email=email, proof=proof, policy=policy, origin=origin, replaces=replaces)


def change_password(
    parts: Parts, actor: Actor, *, current: str, chosen: str, session_id: str, edge: str = "page"
) -> tuple[str, ...]:
    """A signed-in person's new password; answers the ids of their other sessions, which ended, for `app.auth.gate.kick`."""
    with parts.transaction(actor, edge) as ctx:
        person = account.profile(ctx)
        passwords.check(chosen, about=(person.name, person.email))
        stored = account.attempt_password(ctx)
    proof = passwords.verify(stored, current)
    fresh = passwords.hashed(chosen) if proof.good else ""
    with parts.transaction(actor, edge) as ctx:
        policy = Policy.of(parts.settings)
        return account.change_password(ctx, proof=proof, chosen=fresh, policy=policy, session_id=session_id)


def new_recovery_codes(parts: Parts, actor: Actor, *, code: str, edge: str = "page") -> list[str]:
    """Fresh recovery codes for who types a good code; what was tried counts, also when it was wrong."""
    _count_code(parts, actor, edge)
    with parts.transaction(actor, edge) as ctx:
        return second_factor.new_recovery_codes(ctx, seal=parts.seal, code=code)


def disable_second_factor(parts: Parts, actor: Actor, *, code: str, edge: str = "page") -> None:
    """Switch the second factor off for who types a good code; what was tried counts, also when it was wrong."""
    _count_code(parts, actor, edge)
    with parts.transaction(actor, edge) as ctx:
        second_factor.disable(ctx, seal=parts.seal, policy=Policy.of(parts.settings), code=code)


def _count_code(parts: Parts, actor: Actor, edge: str) -> None:
    with parts.transaction(actor, edge) as ctx:
        signins.attempt_code(ctx, user_id=signins.person(ctx).id)
