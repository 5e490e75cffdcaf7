"""Anonymisation of a closed organization: names and addresses go, numbers and documents stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.auth import totp
from app.context import Context
from app.services import audit, charges
from app.services.organizations import OrganizationView, existing, view
from models.domain.access import Permission
from models.domain.errors import Conflict, Invalid
from models.domain.instances import State
from models.domain.organizations import REMOVED_NAME, REMOVED_PERSON, Standing, move
from models.store import (
    app_backups,
    billing_profiles,
    changesets,
    domains,
    dunning,
    idempotency,
    instances,
    links,
    mail,
    members,
    orders,
    organizations,
    sessions,
    specifications,
    staff,
    support,
    tokens,
    transfers,
    upgrades,
)
from models.store import audit as audit_rows
from models.store.members import User


@dataclass(frozen=True, slots=True)
class Anonymised:
    """What is left. `people` were nowhere else and lost their accounts; `ended` are session ids for `app.auth.gate.kick`."""

    organization: OrganizationView
    people: int
    ended: tuple[str, ...]


def anonymise(ctx: Context, *, organization_id: str, typed_name: str) -> Anonymised:
    """Forget who a closed organization was, by staff who typed its name. It cannot be undone.

    Its name goes, and the accounts of members who are nowhere else; names and addresses go from audit, mails and invitations, and
    what people wrote for their apps. Ids, roles, instances, plans, times and every number stay, so that sums over the past do not
    change. Nothing is charged any more. Conflict while Moorage still runs an app of it.
    """
    ctx.require(Permission.MANAGE_ORGANIZATIONS)
    row = existing(ctx, organization_id)
    if row.standing is not Standing.ANONYMISED and typed_name.strip() != row.name:
        raise Invalid(f"Type the organization's name, “{row.name}”, to confirm: this cannot be undone.", field="typed_name")
    apps = instances.search(ctx.session, within=[row.id])
    running = [app.name for app in apps if app.state is not State.GONE and specifications.newest(ctx.session, app.id) is not None]
    if running:
        raise Conflict(
            f"{row.name} still has apps that Moorage runs: {', '.join(running)}. Delete them first; their data goes with them."
        )
    for app in apps:
        charges.end(ctx, app)
    before = row.standing
    if not organizations.move(ctx.session, row.id, before, move(before, Standing.ANONYMISED)):
        raise Conflict("Somebody changed the organization's standing just now. Look again.")
    ctx.session.refresh(row)
    everybody = [user for user, _ in members.of_organization(ctx.session, row.id)]
    leaving = [user for user in everybody if _only_here(ctx, user, row.id)]
    words = {row.name, row.slug, *((row.label,) if row.label else ())}
    words |= {word for user in leaving for word in (user.name, user.email)}
    words |= {invitation.email for invitation in members.invitations_of(ctx.session, row.id)}
    words |= {one.name for app in apps for one in domains.of_instance(ctx.session, app.id)}
    gone_mail = [user.email for user in leaving]

    row.name, row.slug, row.label = REMOVED_NAME, f"removed-{row.id.removeprefix('org_')}", None
    row.anonymised_at = ctx.now
    ctx.session.add(row)
    members.blank_invitations(ctx.session, row.id, ctx.now)
    tokens.revoke_all(ctx.session, ctx.now, organization_id=row.id)
    instances.blank_addresses(ctx.session, row.id)
    specifications.blank(ctx.session, [app.id for app in apps])
    domains.drop(ctx.session, [app.id for app in apps])
    changesets.blank(ctx.session, [app.id for app in apps])
    app_backups.blank(ctx.session, [app.id for app in apps])
    upgrades.blank(ctx.session, [app.id for app in apps])
    orders.blank(ctx.session, row.id)
    dunning.blank(ctx.session, row.id)
    billing_profiles.drop(ctx.session, row.id)
    support.blank(ctx.session, row.id)
    transfers.blank(ctx.session, row.id)
    mail.blank(ctx.session, organization_id=row.id, addresses=gone_mail)
    ended = tuple(session_id for user in leaving for session_id in _forget(ctx, user))
    members.leave_all(ctx.session, row.id)
    people = [user.id for user in leaving]
    audit_rows.forget_names(ctx.session, organization_id=row.id, people=people, words=words, instead=REMOVED_PERSON)
    audit.record(
        ctx,
        action="organizations.anonymise",
        subject=row.id,
        organization=row.id,
        before={"standing": before},
        after={"standing": row.standing, "people": len(leaving)},
    )
    return Anonymised(view(row), len(leaving), ended)


def _only_here(ctx: Context, user: User, organization_id: str) -> bool:
    others: Sequence[str] = [org.id for org, _ in members.of_user(ctx.session, user.id) if org.id != organization_id]
    return not others and staff.by_user(ctx.session, user.id) is None


def _forget(ctx: Context, user: User) -> tuple[str, ...]:
    """Take the account of somebody away; the row stays, because audit and ledger point to it."""
    ended = sessions.revoke(ctx.session, now=ctx.now, user_id=user.id)
    sessions.blank(ctx.session, user.id)
    sessions.drop_challenges(ctx.session, user.id)
    tokens.revoke_all(ctx.session, ctx.now, user_id=user.id)
    links.forget_person(ctx.session, user.email)
    idempotency.forget_actor(ctx.session, user.id)
    totp.disable(ctx.session, user)
    user.email, user.name = f"{user.id}@removed.invalid", REMOVED_PERSON
    user.password_hash, user.disabled_at = None, ctx.now
    ctx.session.add(user)
    ctx.session.flush()
    return ended
