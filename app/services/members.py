"""Members: who belongs to an organization, in which role. An organization always keeps an owner."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from app.context import Context
from app.services import audit, invitations
from app.services.invitations import InvitationView
from app.services.organizations import NOTHING_HERE, existing
from models.domain.access import ActorKind, MemberRole, Permission
from models.domain.errors import Conflict, NotFound
from models.domain.organizations import Standing, check_email, keeps_an_owner
from models.store import members as store
from models.store import organizations, sessions


@dataclass(frozen=True, slots=True)
class MemberView:
    """One person in one organization. `second_factor` says whether a one-time code guards the sign-in."""

    user_id: str
    organization_id: str
    name: str
    email: str
    role: MemberRole
    second_factor: bool
    disabled: bool
    joined_at: datetime
    last_seen: datetime | None = None
    """When one of the sessions that are still on record was last used."""


@dataclass(frozen=True, slots=True)
class Belonging:
    """One organization of a person."""

    organization_id: str
    name: str
    slug: str
    standing: Standing
    role: MemberRole
    joined_at: datetime


def of_organization(ctx: Context, *, organization_id: str) -> tuple[MemberView, ...]:
    """By name."""
    ctx.require(Permission.SEE_OWN_MEMBERS, organization_id)
    existing(ctx, organization_id)
    rows = store.of_organization(ctx.session, organization_id)
    seen = sessions.last_seen(ctx.session, [user.id for user, _ in rows])
    return tuple(replace(_view(user, row), last_seen=seen.get(user.id)) for user, row in rows)


def mine(ctx: Context) -> tuple[Belonging, ...]:
    """The organizations that the actor is a member of, by name."""
    return tuple(
        Belonging(org.id, org.name, org.slug, org.standing, row.role, row.created_at)
        for org, row in store.of_user(ctx.session, ctx.actor.id)
        if org.id in ctx.actor.within
    )


def invite(ctx: Context, *, organization_id: str, email: str, role: MemberRole) -> InvitationView:
    """Send somebody a link that makes them a member; an older invitation of the same address ends."""
    ctx.require(Permission.MANAGE_OWN_MEMBERS, organization_id)
    row = existing(ctx, organization_id)
    if row.standing in (Standing.CLOSED, Standing.ANONYMISED):
        raise Conflict("This organization is closed; nobody can be invited into it.")
    address = check_email(email)
    person = store.user_by_email(ctx.session, address)
    if person is not None and store.membership(ctx.session, organization_id, person.id) is not None:
        raise Conflict(f"{address} is a member already. Change the role instead.")
    return invitations.send(ctx, organization_id=organization_id, email=address, role=MemberRole(role))


def change_role(ctx: Context, *, organization_id: str, user_id: str, role: MemberRole) -> MemberView:
    """Another role for a member; Conflict for the last owner."""
    ctx.require(Permission.MANAGE_OWN_MEMBERS, organization_id)
    row = _locked(ctx, organization_id, user_id, MemberRole(role))
    before, row.role = row.role, MemberRole(role)
    ctx.session.add(row)
    ctx.session.flush()
    _record(ctx, "members.change_role", row, before={"role": before}, after={"role": row.role})
    return _one(ctx, row)


def remove(ctx: Context, *, organization_id: str, user_id: str) -> None:
    """End a membership; everybody may end their own, a token only with the right to. Conflict for the last owner."""
    leaves = ctx.actor.id == user_id and organization_id in ctx.actor.within and ctx.actor.kind is not ActorKind.TOKEN
    if not leaves:
        ctx.require(Permission.MANAGE_OWN_MEMBERS, organization_id)
    row = _locked(ctx, organization_id, user_id, None)
    before = _one(ctx, row)
    ctx.session.delete(row)
    ctx.session.flush()
    _record(ctx, "members.remove", row, before={"role": before.role, "name": before.name, "email": before.email})


def _locked(ctx: Context, organization_id: str, user_id: str, role: MemberRole | None) -> store.Membership:
    """The membership, while nobody else can change one of that organization: two owners cannot demote each other."""
    if not organizations.lock(ctx.session, organization_id):
        raise NotFound(NOTHING_HERE)
    row = store.membership(ctx.session, organization_id, user_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.session.refresh(row)
    keeps_an_owner(store.roles_in(ctx.session, organization_id), user_id, role)
    return row


def _record(ctx: Context, action: str, row: store.Membership, **states: dict[str, object]) -> None:
    audit.record(ctx, action=action, subject=row.user_id, organization=row.organization_id, **states)


def _one(ctx: Context, row: store.Membership) -> MemberView:
    user = store.user_by_id(ctx.session, row.user_id)
    if user is None:
        raise NotFound(NOTHING_HERE)
    return _view(user, row)


def _view(user: store.User, row: store.Membership) -> MemberView:
    return MemberView(
        user_id=user.id,
        organization_id=row.organization_id,
        name=user.name,
        email=user.email,
        role=row.role,
        second_factor=user.totp_confirmed_at is not None,
        disabled=user.disabled_at is not None,
        joined_at=row.created_at,
    )
