"""Invitations: a link by mail that makes somebody a member of an organization, or one of the staff, once."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.auth.policy import Policy
from app.auth.sessions import digest
from app.context import Context
from app.gateways import mail_texts
from app.services import audit, outbox, settings, signins
from app.services.organizations import NOTHING_HERE
from app.services.signins import Origin, SignedIn, Waiting
from app.services.signups import GONE
from models.domain.access import MemberRole, Permission, StaffRole
from models.domain.errors import Conflict, NotFound
from models.domain.organizations import Standing, check_name
from models.store import members as store
from models.store import organizations, staff
from models.store.limits import Rule
from models.store.members import User

MOST_OPEN = 50
"""So many invitations of one organization may wait at a time: it cannot be used to mail to the world."""
FROM_ONE_PERSON = Rule(60, timedelta(hours=1))
FROM_ONE_ORGANIZATION = Rule(100, timedelta(hours=1))
TO_ONE_PERSON = Rule(5, timedelta(hours=1))
"""From one organization, or from the staff: no other one can use it up. Revoking what waits makes no room for more."""
TO_ONE_PERSON_FROM_ALL = Rule(20, timedelta(hours=1))
"""By whomever: nobody's inbox is filled."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody is invited to. `organization` is empty for the staff; `user` has that address already."""

    email: str
    organization: str
    role: str
    invited_by: str
    user: User | None


@dataclass(frozen=True, slots=True)
class InvitationView:
    """An invitation that still waits; `organization_id` is None for one into the staff."""

    id: str
    organization_id: str | None
    email: str
    role: str
    invited_by: str
    created_at: datetime
    expires_at: datetime


def send(ctx: Context, *, organization_id: str | None, email: str, role: MemberRole | StaffRole) -> InvitationView:
    """Write invitation and mail; an older one to the same address is replaced. `email` was checked by the caller.

    TooManyAttempts when a person or an organization sent too many within an hour, to one receiver or at all, or all together to one.
    """
    _require(ctx, organization_id)
    waiting = store.open_invitations(ctx.session, organization_id, ctx.now)
    for older in waiting:
        if older.email == email:
            older.revoked_at = ctx.now
            ctx.session.add(older)
    if sum(invitation.email != email for invitation in waiting) >= MOST_OPEN:
        raise Conflict(f"{MOST_OPEN} invitations wait already. Revoke some, or wait until they are answered.")
    signins.count(ctx, f"invite-by:{ctx.actor.id}", FROM_ONE_PERSON)
    signins.count(ctx, f"invite-from:{organization_id or 'staff'}", FROM_ONE_ORGANIZATION)
    receiver = signins.email_key(email.lower())
    signins.count(ctx, f"invite-to:{organization_id or 'staff'}:{receiver}", TO_ONE_PERSON)
    signins.count(ctx, f"invite-to:{receiver}", TO_ONE_PERSON_FROM_ALL)
    token = secrets.token_urlsafe(32)
    days = settings.get(ctx, "invitation_days")
    row = store.Invitation(
        organization_id=organization_id,
        email=email,
        role=role,
        token_hash=digest(token),
        invited_by=ctx.actor.name,
        created_at=ctx.now,
        expires_at=ctx.now + timedelta(days=days),
    )
    ctx.session.add(row)
    ctx.session.flush()
    organization = organizations.by_id(ctx.session, organization_id) if organization_id else None
    known = store.user_by_email(ctx.session, email)
    locale = known.locale if known else organization.locale if organization else "en"
    outbox.enqueue(
        ctx,
        key=f"invitation:{row.id}",
        kind="invitation",
        to=email,
        locale=locale,
        link=f"{ctx.address}/invite?token={token}",
        organization=organization_id,
        inviter=ctx.actor.name,
        account=organization.name if organization else mail_texts.word(locale, "staff"),
        role=mail_texts.word(locale, role),
        until=f"{row.expires_at:%Y-%m-%d %H:%M} UTC",
    )
    action = "members.invite" if organization_id else "staff.invite"
    audit.record(ctx, action=action, subject=row.id, organization=organization_id, after={"email": email, "role": role})
    return view(row)


def list_(ctx: Context, *, organization_id: str | None) -> tuple[InvitationView, ...]:
    """Those that wait, newest first."""
    ctx.require(*((Permission.SEE_OWN_MEMBERS, organization_id) if organization_id else (Permission.SEE_STAFF,)))
    return tuple(view(row) for row in store.open_invitations(ctx.session, organization_id, ctx.now))


def revoke(ctx: Context, *, invitation_id: str) -> None:
    """Make its link worthless; NotFound when it does not wait any more."""
    row = store.invitation_by_id(ctx.session, invitation_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    _require(ctx, row.organization_id)
    if row.accepted_at or row.revoked_at or row.expires_at <= ctx.now:
        raise NotFound("This invitation does not wait any more.")
    row.revoked_at = ctx.now
    ctx.session.add(row)
    ctx.session.flush()
    audit.record(
        ctx,
        action="invitations.revoke",
        subject=row.id,
        organization=row.organization_id,
        before={"email": row.email, "role": row.role},
    )


def asked(ctx: Context, *, token: str) -> Asked:
    """What a link invites to; looking uses nothing up. NotFound when it is no longer good."""
    row = _good(ctx, token)
    organization = organizations.by_id(ctx.session, row.organization_id) if row.organization_id else None
    return Asked(
        email=row.email,
        organization=organization.name if organization else "",
        role=row.role,
        invited_by=row.invited_by,
        user=store.user_by_email(ctx.session, row.email),
    )


def accept(ctx: Context, *, token: str) -> User:
    """Use the link up for the person of its address, who has an account already. It opens no session: they sign in as ever."""
    row = _good(ctx, token)
    user = store.user_by_email(ctx.session, row.email)
    if user is None or user.disabled_at is not None:
        raise NotFound(GONE)
    _spend(ctx, row)
    _place(ctx, row, user)
    return user


def join(
    ctx: Context,
    *,
    token: str,
    name: str,
    password_hash: str,
    locale: str,
    timezone: str,
    policy: Policy,
    origin: Origin,
    replaces: str | None = None,
) -> SignedIn | Waiting:
    """Use the link up for somebody new: an account with the address it was sent to, the place, and the way in."""
    row = _good(ctx, token)
    person = check_name(name)
    _spend(ctx, row)
    if store.user_by_email(ctx.session, row.email) is not None:
        raise Conflict("This address has an account already. Sign in with it.")
    user = store.add_user(ctx.session, email=row.email, name=person, now=ctx.now, locale=locale, timezone=timezone)
    user.password_hash, user.email_verified_at = password_hash, ctx.now
    _place(ctx, row, user)
    return signins.enter(ctx, user=user, policy=policy, origin=origin, replaces=replaces)


def _good(ctx: Context, token: str) -> store.Invitation:
    row = store.open_invitation(ctx.session, digest(token), ctx.now)
    if row is None:
        raise NotFound(GONE)
    organization = organizations.by_id(ctx.session, row.organization_id) if row.organization_id else None
    if organization is not None and organization.standing in (Standing.CLOSED, Standing.ANONYMISED):
        raise NotFound(GONE)
    return row


def _spend(ctx: Context, row: store.Invitation) -> None:
    """Before anything is made with it: of two who come at once, the second waits here and finds it used."""
    if not store.accept(ctx.session, row.id, ctx.now):
        raise NotFound(GONE)


def _place(ctx: Context, row: store.Invitation, user: User) -> None:
    if row.organization_id is not None:
        role: MemberRole | StaffRole = store.join(
            ctx.session, user_id=user.id, organization_id=row.organization_id, role=MemberRole(row.role), now=ctx.now
        ).role
    else:
        known = staff.by_user(ctx.session, user.id)  # staff by another way meanwhile: an old link takes nothing away
        role = known.role if known else staff.appoint(ctx.session, user_id=user.id, role=StaffRole(row.role), now=ctx.now).role
    audit.record(
        signins.acting_as(ctx, user),
        action="members.join" if row.organization_id else "staff.join",
        subject=user.id,
        organization=row.organization_id,
        after={"role": role, "invited_by": row.invited_by},
    )


def view(row: store.Invitation) -> InvitationView:
    return InvitationView(row.id, row.organization_id, row.email, row.role, row.invited_by, row.created_at, row.expires_at)


def _require(ctx: Context, organization_id: str | None) -> None:
    if organization_id is None:
        ctx.require(Permission.MANAGE_STAFF)
    else:
        ctx.require(Permission.MANAGE_OWN_MEMBERS, organization_id)
