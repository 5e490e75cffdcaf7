"""API tokens: made of 256 random bits, never stronger than their owner at the moment of use."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlmodel import Session

from app.auth import people
from app.auth.sessions import digest
from app.keep import Keep
from models.domain.access import Actor, ActorKind
from models.domain.errors import TooManyAttempts, Unavailable
from models.store import limits
from models.store import tokens as rows
from models.store.limits import Rule
from models.store.members import User
from models.store.session import Store

PREFIX = "moorage_"
"""So that a token in the wrong place is recognised, also by scanners of repositories."""
NOTED_EVERY = timedelta(minutes=1)
KEPT = timedelta(minutes=1)
WRONG = Rule(60, timedelta(minutes=15))
"""So many wrong tokens may come from one address, at the API and at /metrics together; right ones are always let in."""


def fresh() -> tuple[str, str, str]:
    """A new secret, its digest for the store, and the hint that lists show."""
    secret = PREFIX + secrets.token_urlsafe(32)
    return secret, digest(secret), secret[: len(PREFIX) + 4]


def resolve(store: Store, bearer: str | None, now: datetime, keep: Keep | None = None) -> Actor | None:
    """The actor of a token: its owner's rights of this moment, no more than its scopes, inside its organization if it has one.

    None when unknown, revoked, expired, or when its owner is disabled or has no role left. With `keep` the records are read anew only
    after something was committed to the store.
    """
    if not bearer or not bearer.startswith(PREFIX):
        return None
    known = digest(bearer)
    try:
        with store.reading() as session:
            mark = store.mark(session) if keep is not None else None
            if keep is None or mark is None:
                found = _read(session, known, now)
            else:
                found = keep.answer(("token", known), mark, now, KEPT, lambda: _read(session, known, now))
    except _Useless:
        return None
    if found.expires_at is not None and now >= found.expires_at:
        return None
    if found.used_at is None or now - found.used_at >= NOTED_EVERY:
        _note(store, found.id, now)
    return found.actor


def count_wrong(store: Store, address: str, now: datetime) -> None:
    """Count a wrong token; TooManyAttempts when there were too many from that address."""
    with store.transaction() as session:
        wait = limits.hit(session, f"token:{address}", WRONG, now)
    if wait:
        raise TooManyAttempts(
            "Too many wrong tokens came from your address. Wait, then try with a good one.", retry_after_seconds=wait
        )


def at_hand(store: Store, bearer: str, now: datetime, keep: Keep) -> Actor | None:
    """What `resolve` would answer without a question to the store; None when it has to be asked. Never waits."""
    mark = store.mark_at_hand()
    found: _Found | None = keep.at_hand(("token", digest(bearer)), mark, now, KEPT) if mark is not None else None
    if found is None or (found.expires_at is not None and now >= found.expires_at):
        return None
    fresh = found.used_at is not None and now - found.used_at < NOTED_EVERY
    return found.actor if fresh else None


class _Useless(Exception):
    """A token that opens nothing. Raised, because what is raised is not kept: strangers could fill the room with inventions."""


@dataclass(frozen=True, slots=True)
class _Found:
    id: str
    expires_at: datetime | None
    used_at: datetime | None
    actor: Actor
    """With the rights of token and owner."""


def _read(session: Session, token_hash: str, now: datetime) -> _Found:
    token = rows.by_hash(session, token_hash)
    user = session.get(User, token.user_id) if token is not None else None
    if token is None or user is None or user.disabled_at is not None or not token.open_at(now):
        raise _Useless
    person = people.of(session, user)
    if not person.has_place:
        raise _Useless
    actor = person.actor
    if token.organization_id is not None:
        actor = _inside(actor, token.organization_id)
    limited = actor.limited_to(token.permissions)
    named = replace(limited, kind=ActorKind.TOKEN, name=f"{user.name} (token {token.name})")
    return _Found(token.id, token.expires_at, token.used_at, named)


def _inside(actor: Actor, organization_id: str) -> Actor:
    held = actor.within.get(organization_id, frozenset()) | {p for p in actor.everywhere if p.startswith("own.")}
    return replace(actor, everywhere=frozenset(), within={organization_id: held} if held else {})


def _note(store: Store, token_id: str, now: datetime) -> None:
    try:
        with store.transaction() as session:
            rows.touch(session, token_id, now, every=NOTED_EVERY)
    except Unavailable:
        return  # a busy store must not refuse the call; the next use notes it
