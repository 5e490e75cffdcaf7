"""Sign-in sessions: an opaque cookie outside, its digest in the store, checked against the store at every use."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from app.auth import people
from app.auth.people import Belonging, Support
from app.auth.policy import Policy
from models.domain.access import Actor, StaffRole
from models.domain.errors import Unavailable
from models.store import sessions as rows
from models.store import staff
from models.store.members import User
from models.store.session import Store
from models.store.sessions import WebSession

RECENT = timedelta(minutes=15)
NOTED_EVERY = timedelta(minutes=1)
UNKNOWN_DEVICE = "an unknown browser"


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose cookie it is."""

    session_id: str
    user_id: str


@dataclass(frozen=True, slots=True)
class Signed:
    """Who is signed in, with the rights of this moment."""

    user_id: str
    session_id: str
    actor: Actor
    email: str
    name: str
    organizations: tuple[Belonging, ...]
    staff_role: StaffRole | None
    locale: str
    timezone: str
    recent: bool
    """Whether password and second factor were given in the last 15 minutes."""
    second_factor: bool
    """Whether the person has set one up."""
    support: Support | None = None
    """Set while they are with an organization as support."""


def cookie_name(secure: bool) -> str:
    """`__Host-` binds a cookie to this host and to https; plain http cannot set it."""
    return "__Host-sid" if secure else "sid"


def digest(secret: str) -> str:
    """What is stored of a cookie, link or token: SHA-256 in hexadecimal (enough, because they are 256 random bits)."""
    return hashlib.sha256(secret.encode()).hexdigest()


def begin(session: Session, *, user_id: str, strong: bool, policy: Policy, now: datetime, device: str, address: str) -> str:
    """Open a session and answer its cookie: 256 random bits that are kept nowhere. `strong`: with a second factor."""
    cookie = secrets.token_urlsafe(32)
    session.add(
        WebSession(
            token_hash=digest(cookie),
            user_id=user_id,
            created_at=now,
            proved_at=now,
            seen_at=now,
            expires_at=now + policy.session,
            idle_seconds=int(policy.idle.total_seconds()),
            strong=strong or not policy.live,
            device=device,
            address=address,
        )
    )
    session.flush()
    return cookie


def identify(store: Store, token_hash: str | None, now: datetime) -> Identity | None:
    """Whose session it is; None when unknown, ended, idle, of a disabled person, or too weak for staff. Does not count as use."""
    if not token_hash:
        return None
    with store.reading() as session:
        found = _open(session, token_hash, now)
        return Identity(found[0].id, found[1].id) if found else None


def resolve(store: Store, token_hash: str | None, now: datetime, *, touch: bool = True) -> Signed | None:
    """Who is signed in, as `identify` decides. `touch=False` for what a page does by itself: a timer keeps no session alive."""
    if not token_hash:
        return None
    with store.reading() as session:
        found = _open(session, token_hash, now)
        if found is None:
            return None
        row, user = found
        person = people.supporting(session, people.of(session, user), now)
    if touch and now - row.seen_at >= NOTED_EVERY:
        _note(store, row.id, now)
    return Signed(
        user_id=user.id,
        session_id=row.id,
        actor=person.actor,
        email=user.email,
        name=user.name,
        organizations=person.organizations,
        staff_role=person.staff_role,
        locale=user.locale,
        timezone=user.timezone,
        recent=now - row.proved_at < RECENT,
        second_factor=user.totp_confirmed_at is not None,
        support=person.support,
    )


def known(store: Store, token_hash: str | None) -> bool:
    """Whether the cookie was ever one of ours (and is not forgotten yet)."""
    if not token_hash:
        return False
    with store.reading() as session:
        return rows.by_hash(session, token_hash) is not None


def _open(session: Session, token_hash: str, now: datetime) -> tuple[WebSession, User] | None:
    row = rows.by_hash(session, token_hash)
    if row is None or not row.open_at(now):
        return None
    user = session.get(User, row.user_id)
    if user is None or user.disabled_at is not None:
        return None
    if not row.strong and staff.by_user(session, user.id) is not None:
        return None  # became staff on live data during a session without a second factor
    return row, user


def _note(store: Store, session_id: str, now: datetime) -> None:
    try:
        with store.transaction() as session:
            rows.touch(session, session_id, now)
    except Unavailable:
        return  # a busy store must not sign anybody out; the next use notes it
