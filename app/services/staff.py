"""Staff: who runs the platform, in which role. There is always an owner."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.context import Context
from app.services import audit, invitations, support
from app.services.invitations import InvitationView
from app.services.organizations import NOTHING_HERE
from models.domain.access import Permission, StaffRole
from models.domain.errors import Conflict, NotFound
from models.domain.organizations import check_email
from models.store import members
from models.store import staff as store


@dataclass(frozen=True, slots=True)
class StaffView:
    """One of the staff. `second_factor` says whether a one-time code guards the sign-in."""

    user_id: str
    name: str
    email: str
    role: StaffRole
    second_factor: bool
    disabled: bool
    since: datetime


def list_(ctx: Context) -> tuple[StaffView, ...]:
    """By name."""
    ctx.require(Permission.SEE_STAFF)
    return tuple(_view(user, row) for user, row in store.everyone(ctx.session))


def invite(ctx: Context, *, email: str, role: StaffRole) -> InvitationView:
    """Send somebody a link that makes them staff; an older invitation of the same address ends."""
    ctx.require(Permission.MANAGE_STAFF)
    address = check_email(email)
    person = members.user_by_email(ctx.session, address)
    if person is not None and store.by_user(ctx.session, person.id) is not None:
        raise Conflict(f"{address} is staff already. Change the role instead.")
    return invitations.send(ctx, organization_id=None, email=address, role=StaffRole(role))


def set_role(ctx: Context, *, user_id: str, role: StaffRole) -> StaffView:
    """Make a person staff, or give another role; Conflict for the last owner."""
    ctx.require(Permission.MANAGE_STAFF)
    user = members.user_by_id(ctx.session, user_id)
    if user is None:
        raise NotFound(NOTHING_HERE)
    roles = store.lock_owners(ctx.session)
    _keeps_an_owner(ctx, roles, user_id, StaffRole(role))
    row = store.appoint(ctx.session, user_id=user_id, role=StaffRole(role), now=ctx.now)
    before = {"role": roles[user_id]} if user_id in roles else None
    support.close_all(ctx, user_id=user_id)
    audit.record(ctx, action="staff.set_role", subject=user_id, before=before, after={"role": row.role})
    return _view(user, row)


def remove(ctx: Context, *, user_id: str) -> None:
    """Take somebody out of the staff; Conflict for the last owner."""
    ctx.require(Permission.MANAGE_STAFF)
    roles = store.lock_owners(ctx.session)
    row = store.by_user(ctx.session, user_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    _keeps_an_owner(ctx, roles, user_id, None)
    ctx.session.delete(row)
    ctx.session.flush()
    support.close_all(ctx, user_id=user_id)
    audit.record(ctx, action="staff.remove", subject=user_id, before={"role": roles.get(user_id, row.role)})


def _keeps_an_owner(ctx: Context, roles: dict[str, StaffRole], user_id: str, role: StaffRole | None) -> None:
    """Refuse the change when no owner who can sign in would be left."""
    able = {user.id for user, _ in store.everyone(ctx.session) if user.disabled_at is None}
    after = {person: held for person, held in {**roles, user_id: role}.items() if person in able}
    if roles.get(user_id) is StaffRole.OWNER and StaffRole.OWNER not in after.values():
        raise Conflict("This is the platform's last owner. Make somebody else an owner first, then change this one.")


def _view(user: members.User, row: store.Staff) -> StaffView:
    return StaffView(
        user_id=user.id,
        name=user.name,
        email=user.email,
        role=row.role,
        second_factor=user.totp_confirmed_at is not None,
        disabled=user.disabled_at is not None,
        since=row.created_at,
    )
