"""Opening an account: a visitor asks, a mail goes out, its link makes the person and their organization."""

from __future__ import annotations

import secrets
from datetime import timedelta

from app.auth.policy import Policy
from app.auth.sessions import digest
from app.context import Context
from app.services import audit, outbox, signins
from app.services.signins import Origin, SignedIn, Waiting
from models.domain.access import MemberRole
from models.domain.errors import Conflict, NotFound
from models.domain.organizations import check_email, check_name
from models.domain.repeats import mailbox, network
from models.store import links, members, organizations
from models.store.limits import Rule
from models.store.links import LinkKind, OneTimeLink

LASTS = timedelta(hours=24)
FROM_ONE_ADDRESS = Rule(20, timedelta(hours=1))
TO_ONE_PERSON = Rule(3, timedelta(hours=1))
OPENED_FROM_ONE_NETWORK = Rule(20, timedelta(days=1))
OPENED_BY_ONE_MAILBOX = Rule(2, timedelta(days=1))
GONE = "This link was used, replaced by a newer one, or is too old. Ask for a new one."


def request(ctx: Context, *, email: str, name: str, organization: str, locale: str, origin: Origin) -> None:
    """Mail a link to `email`. Whether the address has an account already is told in that mail alone."""
    address, person, account = check_email(email), check_name(name), check_name(organization, field="organization")
    signins.count(ctx, f"sign-up-address:{origin.address}", FROM_ONE_ADDRESS)
    signins.count(ctx, f"sign-up:{signins.email_key(mailbox(address))}", TO_ONE_PERSON)
    secret = secrets.token_urlsafe(32)
    links.void(ctx.session, LinkKind.VERIFY, ctx.now, email=address)
    row = OneTimeLink(
        kind=LinkKind.VERIFY,
        token_hash=digest(secret),
        email=address,
        person=person,
        organization=account,
        locale=locale,
        created_at=ctx.now,
        expires_at=ctx.now + LASTS,
    )
    ctx.session.add(row)
    ctx.session.flush()
    known = members.user_by_email(ctx.session, address)
    if known is not None:
        links.void(ctx.session, LinkKind.VERIFY, ctx.now, email=address)
        outbox.enqueue(
            ctx,
            key=f"exists:{row.id}",
            kind="exists",
            to=address,
            locale=known.locale,
            link=f"{ctx.address}/login",
            name=known.name,
        )
        return
    outbox.enqueue(
        ctx,
        key=f"verify:{row.id}",
        kind="verify",
        to=address,
        locale=locale,
        link=f"{ctx.address}/verify?token={secret}",
        name=person,
        account=account,
        until=f"{row.expires_at:%Y-%m-%d %H:%M} UTC",
    )


def asked(ctx: Context, *, token: str) -> OneTimeLink:
    """What a link was asked for; looking uses nothing up. NotFound when it is no longer good."""
    row = links.good(ctx.session, LinkKind.VERIFY, digest(token), ctx.now)
    if row is None:
        raise NotFound(GONE)
    return row


def open_account(
    ctx: Context, *, token: str, password_hash: str, timezone: str, policy: Policy, origin: Origin, replaces: str | None = None
) -> SignedIn | Waiting:
    """Use the link up: the person, their organization, and its first owner begin; then they are signed in."""
    row = asked(ctx, token=token)
    if not links.spend(ctx.session, row.id, ctx.now):
        raise NotFound(GONE)
    if members.user_by_email(ctx.session, row.email) is not None:
        raise Conflict("This address has an account already. Sign in with it.")
    signins.count(ctx, f"opened-network:{network(origin.address)}", OPENED_FROM_ONE_NETWORK)
    signins.count(ctx, f"opened:{signins.email_key(mailbox(row.email))}", OPENED_BY_ONE_MAILBOX)
    user = members.add_user(ctx.session, email=row.email, name=row.person, now=ctx.now, locale=row.locale, timezone=timezone)
    user.password_hash, user.email_verified_at = password_hash, ctx.now
    account = organizations.add(ctx.session, name=row.organization, now=ctx.now, locale=row.locale, timezone=timezone)
    members.join(ctx.session, user_id=user.id, organization_id=account.id, role=MemberRole.OWNER, now=ctx.now)
    audit.record(
        signins.acting_as(ctx, user),
        action="organizations.sign_up",
        subject=account.id,
        organization=account.id,
        after={"name": account.name, "slug": account.slug, "owner": user.name},
    )
    return signins.enter(ctx, user=user, policy=policy, origin=origin, replaces=replaces)
