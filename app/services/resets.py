"""A forgotten password: a visitor asks, a mail goes out, its link lets one new password in."""

from __future__ import annotations

import secrets
from datetime import timedelta

from app.auth.policy import Policy
from app.auth.sessions import digest
from app.context import Context
from app.services import account, outbox, signins
from app.services.signins import Origin
from app.services.signups import GONE
from models.domain.errors import NotFound
from models.domain.organizations import check_email
from models.store import links, members
from models.store.limits import Rule
from models.store.links import LinkKind, OneTimeLink
from models.store.members import User

LASTS = timedelta(hours=1)
FROM_ONE_ADDRESS = Rule(20, timedelta(hours=1))
TO_ONE_PERSON = Rule(3, timedelta(hours=1))


def request(ctx: Context, *, email: str, origin: Origin) -> None:
    """Mail a link to `email` when that is somebody who may sign in; the caller cannot tell whether it is."""
    address = check_email(email)
    signins.count(ctx, f"reset-address:{origin.address}", FROM_ONE_ADDRESS)
    signins.count(ctx, f"reset:{signins.email_key(address)}", TO_ONE_PERSON)
    user = members.user_by_email(ctx.session, address)
    there = user is not None and user.disabled_at is None
    secret = make(ctx, user if there else None, address)  # for nobody too: the same work takes the same time
    if user is None or not there:
        return
    outbox.enqueue(
        ctx,
        key=f"reset:{digest(secret)}",
        kind="reset",
        to=user.email,
        locale=user.locale,
        link=f"{ctx.address}/reset?token={secret}",
        name=user.name,
        until=f"{ctx.now + LASTS:%Y-%m-%d %H:%M} UTC",
    )


def make(ctx: Context, user: User | None, address: str) -> str:
    """A fresh secret for a link; older ones of the address end. For nobody (`None`) it opens nothing."""
    secret = secrets.token_urlsafe(32)
    links.void(ctx.session, LinkKind.RESET, ctx.now, email=address)
    row = OneTimeLink(
        kind=LinkKind.RESET,
        token_hash=digest(secret),
        email=address,
        user_id=user.id if user else None,
        created_at=ctx.now,
        expires_at=ctx.now + LASTS,
    )
    ctx.session.add(row)
    ctx.session.flush()
    return secret


def asked(ctx: Context, *, token: str) -> User:
    """Whose password a link may change; looking uses nothing up. NotFound when it is no longer good."""
    return _good(ctx, token)[1]


def choose(ctx: Context, *, token: str, password_hash: str, policy: Policy) -> tuple[str, ...]:
    """Use the link up for a new password. Every session of the person ends; answers their ids, for `app.auth.gate.kick`."""
    link, user = _good(ctx, token)
    if not links.spend(ctx.session, link.id, ctx.now):
        raise NotFound(GONE)
    user.email_verified_at = user.email_verified_at or ctx.now
    return account.keep_password(signins.acting_as(ctx, user), user, password_hash, policy)


def _good(ctx: Context, token: str) -> tuple[OneTimeLink, User]:
    row = links.good(ctx.session, LinkKind.RESET, digest(token), ctx.now)
    user = ctx.session.get(User, row.user_id) if row is not None and row.user_id else None
    if row is None or user is None or user.disabled_at is not None:
        raise NotFound(GONE)
    return row, user
