"""Signing in and out: password first, second factor where there is one, then a session."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.auth import people, sessions, totp
from app.auth.passwords import Proof
from app.auth.policy import Policy
from app.auth.seal import Seal
from app.auth.sessions import digest
from app.context import Context
from app.services import audit, outbox, support
from models.domain.access import ActorKind
from models.domain.errors import NotFound, NotPermitted, TooManyAttempts, Unauthenticated
from models.store import limits, members, staff
from models.store import sessions as rows
from models.store.limits import Rule
from models.store.members import User
from models.store.sessions import Challenge, Stage

QUARTER = timedelta(minutes=15)
ONE_PERSON_FROM_HERE = Rule(10, QUARTER)
ONE_PERSON = Rule(50, QUARTER)
"""Wider than from one address, so that a stranger elsewhere does not so easily lock a person out."""
ONE_ADDRESS = Rule(60, QUARTER)
CODES = Rule(6, QUARTER)
CODES_PER_DAY = Rule(40, timedelta(days=1))
CHALLENGE_LASTS = timedelta(minutes=10)
WRONG = "E-mail address or password are not right."


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: network address and what the browser says it is."""

    address: str
    device: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session has begun; `cookie` is its secret, `ended` the ids of sessions that it replaces."""

    cookie: str
    ended: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """The password was right; `cookie` is the secret of the sign-in that still waits for a second factor."""

    cookie: str
    stage: Stage


@dataclass(frozen=True, slots=True)
class SessionLine:
    """One of a person's own sessions."""

    id: str
    device: str
    address: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    current: bool


def attempt(ctx: Context, *, email: str, origin: Origin) -> str | None:
    """Count an attempt to sign in, then answer the stored hash to check the password against (None: nobody there).

    TooManyAttempts says when to try again. The check itself belongs between this transaction and that of `sign_in`.
    """
    name = _name(email)
    for key, rule in _attempt_rules(name, origin):
        count(ctx, key, rule)
    user = members.user_by_email(ctx.session, name)
    return user.password_hash if user is not None and user.disabled_at is None else None


def sign_in(
    ctx: Context, *, email: str, proof: Proof, policy: Policy, origin: Origin, replaces: str | None = None
) -> SignedIn | Waiting:
    """Begin a session for whoever proved the password, or wait for the second factor; Unauthenticated tells nothing apart.

    `replaces` is the digest of a session cookie that the browser brought along: that session ends, nothing of it is kept.
    """
    user = members.user_by_email(ctx.session, _name(email))
    if not proof.good or user is None or user.disabled_at is not None or user.password_hash != proof.against:
        raise Unauthenticated(WRONG)
    if proof.renewed is not None:
        user.password_hash = proof.renewed
        ctx.session.add(user)
    for key, rule in _attempt_rules(_name(email), origin):
        limits.give_back(ctx.session, key, rule, ctx.now)
    return enter(ctx, user=user, policy=policy, origin=origin, replaces=replaces)


def enter(ctx: Context, *, user: User, policy: Policy, origin: Origin, replaces: str | None = None) -> SignedIn | Waiting:
    """Go on for a person who was just proved: a second factor where there is one or must be one, else a session."""
    if user.totp_confirmed_at is not None:
        return _wait(ctx, user, Stage.CODE)
    if policy.live and staff.by_user(ctx.session, user.id) is not None:
        return _wait(ctx, user, Stage.ENROL)
    return open_session(ctx, user=user, strong=False, policy=policy, origin=origin, replaces=replaces)


def waiting(ctx: Context, *, cookie: str | None) -> tuple[User, Stage] | None:
    """Whose sign-in waits under that cookie, and for what."""
    challenge = _challenge(ctx, cookie)
    user = ctx.session.get(User, challenge.user_id) if challenge else None
    return (user, challenge.stage) if challenge and user is not None and user.disabled_at is None else None


def attempt_code(ctx: Context, *, user_id: str) -> None:
    """Count an attempt with a second factor, in a transaction of its own; TooManyAttempts says when to try again."""
    count(ctx, f"code:{user_id}", CODES)
    count(ctx, f"code-day:{user_id}", CODES_PER_DAY)


def second_step(
    ctx: Context, *, cookie: str, code: str, policy: Policy, seal: Seal, origin: Origin, replaces: str | None = None
) -> SignedIn:
    """Finish a waiting sign-in with a one-time or recovery code; each works once."""
    user = _held(ctx, cookie, Stage.CODE)
    if not totp.verify(ctx.session, seal, user, code, ctx.now):
        raise Unauthenticated("The code does not fit, or was used before. Wait for the next one and type it.")
    return _finish(ctx, user, cookie, policy, origin, replaces)


def enrol(
    ctx: Context, *, cookie: str, sealed: str, code: str, policy: Policy, seal: Seal, origin: Origin, replaces: str | None = None
) -> tuple[SignedIn, list[str]]:
    """Finish a waiting sign-in by setting up the second factor that is asked for; answers the recovery codes too."""
    user = _held(ctx, cookie, Stage.ENROL)
    codes = totp.confirm(ctx.session, seal, user, totp.reopen(seal, user, sealed, ctx.now), code, ctx.now)
    audit.record(acting_as(ctx, user), action="second_factor.enable", subject=user.id)
    return _finish(ctx, user, cookie, policy, origin, replaces), codes


def open_session(
    ctx: Context, *, user: User, strong: bool, policy: Policy, origin: Origin, replaces: str | None = None
) -> SignedIn:
    """A fresh session, never one that the browser brought along; a mail when the place is new to this person."""
    ended: tuple[str, ...] = ()
    before = rows.by_hash(ctx.session, replaces) if replaces else None
    if before is not None:
        ended = rows.revoke(ctx.session, now=ctx.now, user_id=before.user_id, only=before.id)
    news = rows.is_new_place(ctx.session, user.id, origin.device, origin.address)
    cookie = sessions.begin(
        ctx.session, user_id=user.id, strong=strong, policy=policy, now=ctx.now, device=origin.device, address=origin.address
    )
    opened = rows.by_hash(ctx.session, digest(cookie))
    assert opened is not None  # noqa: S101  it was flushed a line above
    if news:
        outbox.enqueue(
            ctx,
            key=f"new_sign_in:{opened.id}",
            kind="new_sign_in",
            to=user.email,
            locale=user.locale,
            name=user.name,
            at=f"{ctx.now:%Y-%m-%d %H:%M} UTC",
            device=origin.device,
            network=origin.address,
            address=policy.address,
        )
    audit.record(
        acting_as(ctx, user), action="sessions.open", subject=opened.id, after={"device": origin.device, "from": origin.address}
    )
    return SignedIn(cookie, ended)


def sign_out(ctx: Context, *, token_hash: str | None) -> tuple[str, ...]:
    """End the session of that cookie digest; answers the ids that ended, none when it was over already."""
    row = rows.by_hash(ctx.session, token_hash) if token_hash else None
    if row is None:
        return ()
    user = ctx.session.get(User, row.user_id)
    ended = rows.revoke(ctx.session, now=ctx.now, user_id=row.user_id, only=row.id)
    if ended and user is not None:
        leaving = acting_as(ctx, user)
        audit.record(leaving, action="sessions.close", subject=row.id)
        if not any(one.open_at(ctx.now) for one in rows.of_user(ctx.session, user.id)):
            support.close_all(leaving, user_id=user.id)
    return ended


def mine(ctx: Context, *, session_id: str = "") -> tuple[SessionLine, ...]:
    """The actor's own open sessions, newest first; `session_id` is the one that asks."""
    user = person(ctx)
    open_ones = [row for row in rows.of_user(ctx.session, user.id) if row.open_at(ctx.now)]
    return tuple(
        SessionLine(row.id, row.device, row.address, row.created_at, row.seen_at, row.expires_at, row.id == session_id)
        for row in open_ones
    )


def revoke(ctx: Context, *, session_id: str) -> tuple[str, ...]:
    """End one of the actor's own sessions. The edge closes the sockets of the ids answered (`app.auth.gate.kick`)."""
    ended = rows.revoke(ctx.session, now=ctx.now, user_id=person(ctx).id, only=session_id)
    if not ended:
        raise NotFound("There is no such open session.")
    audit.record(ctx, action="sessions.revoke", subject=session_id)
    return ended


def revoke_others(ctx: Context, *, session_id: str) -> tuple[str, ...]:
    """End all of the actor's sessions but the one that asks; answers their ids, for `app.auth.gate.kick`."""
    user = person(ctx)
    ended = rows.revoke(ctx.session, now=ctx.now, user_id=user.id, but=session_id)
    if ended:
        audit.record(ctx, action="sessions.revoke_others", subject=user.id, after={"sessions": list(ended)})
    return ended


def person(ctx: Context) -> User:
    """The signed-in person who acts; a token or a job has no account to look after."""
    user = ctx.session.get(User, ctx.actor.id)
    if user is None or ctx.actor.kind not in (ActorKind.MEMBER, ActorKind.STAFF):
        raise NotPermitted("Only a signed-in person can do this, for themselves.")
    return user


def count(ctx: Context, key: str, rule: Rule) -> None:
    """Count one attempt under `key`; TooManyAttempts with the time to wait."""
    wait = limits.hit(ctx.session, key, rule, ctx.now)
    if wait:
        minutes = -(-wait // 60)
        raise TooManyAttempts(f"Too many attempts. Try again in {minutes} min.", retry_after_seconds=wait)


def email_key(email: str) -> str:
    """An address as part of a limit's key; the address itself stays out of the table."""
    return hashlib.sha256(email.encode()).hexdigest()[:32]


def _attempt_rules(name: str, origin: Origin) -> tuple[tuple[str, Rule], ...]:
    who = email_key(name)
    return (
        (f"sign-in-address:{origin.address}", ONE_ADDRESS),
        (f"sign-in:{who}@{origin.address}", ONE_PERSON_FROM_HERE),
        (f"sign-in:{who}", ONE_PERSON),
    )


def _wait(ctx: Context, user: User, stage: Stage) -> Waiting:
    cookie = secrets.token_urlsafe(32)
    ends = ctx.now + CHALLENGE_LASTS
    ctx.session.add(Challenge(token_hash=digest(cookie), user_id=user.id, stage=stage, created_at=ctx.now, expires_at=ends))
    ctx.session.flush()
    return Waiting(cookie, stage)


def _challenge(ctx: Context, cookie: str | None) -> Challenge | None:
    row = ctx.session.get(Challenge, digest(cookie)) if cookie else None
    return row if row is not None and ctx.now < row.expires_at else None


def _held(ctx: Context, cookie: str, stage: Stage) -> User:
    found = waiting(ctx, cookie=cookie)
    if found is None or found[1] is not stage:
        raise Unauthenticated("This sign-in took too long. Begin again with e-mail address and password.")
    return found[0]


def _finish(ctx: Context, user: User, cookie: str, policy: Policy, origin: Origin, replaces: str | None) -> SignedIn:
    if not rows.spend_challenge(ctx.session, digest(cookie)):
        raise Unauthenticated("This sign-in was finished already. Begin again with e-mail address and password.")
    return open_session(ctx, user=user, strong=True, policy=policy, origin=origin, replaces=replaces)


def acting_as(ctx: Context, user: User) -> Context:
    """The same unit of work with `user` as its actor, for somebody who was just proved."""
    return replace(ctx, actor=people.of(ctx.session, user).actor)


def _name(email: str) -> str:
    return email.replace("\0", "").strip().lower()[:254]
