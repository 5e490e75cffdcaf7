"""Accounts of people as the platform's owners and its console look after them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.auth import totp
from app.context import Context
from app.services import audit, resets, support
from app.services.organizations import NOTHING_HERE
from models.domain.access import Permission, StaffRole
from models.domain.errors import Conflict, NotFound
from models.domain.organizations import check_email, check_name
from models.store import members, sessions, staff, tokens
from models.store.members import User


@dataclass(frozen=True, slots=True)
class UserView:
    """One person. `staff_role` is None for whoever is not staff."""

    id: str
    email: str
    name: str
    locale: str
    timezone: str
    staff_role: StaffRole | None
    second_factor: bool
    disabled_at: datetime | None
    created_at: datetime


def find(ctx: Context, *, email: str) -> UserView:
    """The person of that address."""
    ctx.require(Permission.SEE_STAFF)
    return _view(ctx, _by_email(ctx, email))


def create(
    ctx: Context,
    *,
    email: str,
    name: str,
    password_hash: str | None = None,
    role: StaffRole | None = None,
    locale: str = "en",
    timezone: str = "UTC",
) -> UserView:
    """A person without a mail, staff when `role` is given. Without a password they get in by `reset_link`."""
    ctx.require(Permission.MANAGE_STAFF)
    address, person = check_email(email), check_name(name)
    if members.user_by_email(ctx.session, address) is not None:
        raise Conflict(f"{address} has an account already.")
    user = members.add_user(ctx.session, email=address, name=person, now=ctx.now, locale=locale, timezone=timezone)
    user.password_hash, user.email_verified_at = password_hash, ctx.now
    if role is not None:
        staff.appoint(ctx.session, user_id=user.id, role=StaffRole(role), now=ctx.now)
    audit.record(ctx, action="users.create", subject=user.id, after={"name": user.name, "staff_role": role})
    return _view(ctx, user)


def reset_link(ctx: Context, *, email: str) -> str:
    """A one-time address at which the person chooses a new password, good for an hour: for the console, when no mail gets out."""
    ctx.require(Permission.MANAGE_STAFF)
    user = _by_email(ctx, email)
    if user.disabled_at is not None:
        raise Conflict(f"{user.email} is disabled. Enable the account first.")
    secret = resets.make(ctx, user, user.email)
    audit.record(ctx, action="users.reset_link", subject=user.id)
    return f"{ctx.address}/reset?token={secret}"


def disable(ctx: Context, *, user_id: str) -> tuple[str, ...]:
    """Let a person in no more, by page or token; answers ended sessions, for `app.auth.gate.kick`. Conflict for the last owner."""
    ctx.require(Permission.MANAGE_STAFF)
    staff.lock_owners(ctx.session)
    user = _by_id(ctx, user_id)
    if user.disabled_at is not None:
        raise Conflict("This account is disabled already.")
    owners = [
        person.id for person, row in staff.everyone(ctx.session) if row.role is StaffRole.OWNER and person.disabled_at is None
    ]
    if owners == [user.id]:
        raise Conflict("This is the platform's last owner. Make somebody else an owner first, then disable this one.")
    user.disabled_at = ctx.now
    ctx.session.add(user)
    ended = sessions.revoke(ctx.session, now=ctx.now, user_id=user.id)
    sessions.drop_challenges(ctx.session, user.id)
    tokens.revoke_all(ctx.session, ctx.now, user_id=user.id)
    support.close_all(ctx, user_id=user.id)
    audit.record(ctx, action="users.disable", subject=user.id, after={"ended_sessions": len(ended)})
    return ended


def enable(ctx: Context, *, user_id: str) -> UserView:
    """Let a person in again; their sessions and tokens stay ended."""
    ctx.require(Permission.MANAGE_STAFF)
    user = _by_id(ctx, user_id)
    if user.disabled_at is None or user.email.endswith("@removed.invalid"):
        raise Conflict("This account is not disabled, or was removed for good.")
    user.disabled_at = None
    ctx.session.add(user)
    ctx.session.flush()
    audit.record(ctx, action="users.enable", subject=user.id)
    return _view(ctx, user)


def drop_second_factor(ctx: Context, *, user_id: str) -> UserView:
    """Take the second factor away from somebody who lost phone and recovery codes; staff on live data set up a new one at once."""
    ctx.require(Permission.MANAGE_STAFF)
    user = _by_id(ctx, user_id)
    if user.totp_confirmed_at is None:
        raise Conflict("This account has no second factor.")
    totp.disable(ctx.session, user)
    audit.record(ctx, action="users.drop_second_factor", subject=user.id)
    return _view(ctx, user)


def _by_email(ctx: Context, email: str) -> User:
    user = members.user_by_email(ctx.session, email)
    if user is None:
        raise NotFound(NOTHING_HERE)
    return user


def _by_id(ctx: Context, user_id: str) -> User:
    user = members.user_by_id(ctx.session, user_id)
    if user is None:
        raise NotFound(NOTHING_HERE)
    ctx.session.refresh(user)
    return user


def _view(ctx: Context, user: User) -> UserView:
    appointed = staff.by_user(ctx.session, user.id)
    return UserView(
        id=user.id,
        email=user.email,
        name=user.name,
        locale=user.locale,
        timezone=user.timezone,
        staff_role=appointed.role if appointed else None,
        second_factor=user.totp_confirmed_at is not None,
        disabled_at=user.disabled_at,
        created_at=user.created_at,
    )
