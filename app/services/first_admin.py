"""The first administrator of an installation: made by a one-time link that the console prints."""

from __future__ import annotations

import secrets
from datetime import timedelta

from app.auth.policy import Policy
from app.auth.sessions import digest
from app.context import Context
from app.services import audit, signins
from app.services.signins import Origin, SignedIn, Waiting
from app.services.signups import GONE
from models.domain.access import Permission, StaffRole
from models.domain.errors import Conflict, NotFound
from models.domain.organizations import check_email, check_name
from models.store import links, members, staff
from models.store.links import LinkKind, OneTimeLink

LASTS = timedelta(hours=24)


def link(ctx: Context) -> str | None:
    """A fresh one-time address that makes its visitor the platform's owner, good for 24 hours; None when there is an owner.

    For the console alone (a job's actor): whoever has it gets in. Older links of this kind end.
    """
    ctx.require(Permission.MANAGE_STAFF)
    if _has_owner(ctx):
        return None
    secret = secrets.token_urlsafe(32)
    links.void(ctx.session, LinkKind.FIRST_ADMIN, ctx.now)
    row = OneTimeLink(kind=LinkKind.FIRST_ADMIN, token_hash=digest(secret), created_at=ctx.now, expires_at=ctx.now + LASTS)
    ctx.session.add(row)
    ctx.session.flush()
    audit.record(ctx, action="staff.first_admin_link", subject=row.id, after={"expires_at": row.expires_at})
    return f"{ctx.address}/setup?token={secret}"


def asked(ctx: Context, *, token: str) -> OneTimeLink:
    """The link, while it is good and nobody owns the platform; looking uses nothing up."""
    row = links.good(ctx.session, LinkKind.FIRST_ADMIN, digest(token), ctx.now)
    if row is None or _has_owner(ctx):
        raise NotFound(GONE)
    return row


def become(
    ctx: Context,
    *,
    token: str,
    email: str,
    name: str,
    password_hash: str,
    locale: str,
    timezone: str,
    policy: Policy,
    origin: Origin,
    replaces: str | None = None,
) -> SignedIn | Waiting:
    """Use the link up: its visitor is the platform's owner. On live data the second factor comes next."""
    address, person = check_email(email), check_name(name)
    row = asked(ctx, token=token)
    if not links.spend(ctx.session, row.id, ctx.now):
        raise NotFound(GONE)
    if members.user_by_email(ctx.session, address) is not None:
        raise Conflict("This address has an account already. Take another one for the administrator.")
    user = members.add_user(ctx.session, email=address, name=person, now=ctx.now, locale=locale, timezone=timezone)
    user.password_hash, user.email_verified_at = password_hash, ctx.now
    staff.appoint(ctx.session, user_id=user.id, role=StaffRole.OWNER, now=ctx.now)
    audit.record(signins.acting_as(ctx, user), action="staff.first_admin", subject=user.id, after={"role": StaffRole.OWNER})
    return signins.enter(ctx, user=user, policy=policy, origin=origin, replaces=replaces)


def _has_owner(ctx: Context) -> bool:
    """An owner who cannot sign in any more is none."""
    return any(row.role is StaffRole.OWNER and user.disabled_at is None for user, row in staff.everyone(ctx.session))
