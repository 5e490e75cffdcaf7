"""API tokens of a person: made once, shown once, never stronger than whoever made them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.auth import tokens
from app.context import Context
from app.services import audit, signins
from app.services.organizations import NOTHING_HERE, existing
from models.domain.access import Actor, Permission
from models.domain.errors import Conflict, Invalid, NotFound, NotPermitted
from models.domain.organizations import check_name
from models.store import members
from models.store import tokens as rows
from models.store.tokens import ApiToken

MOST = 50
"""So many open tokens one person may have."""
LONGEST_DAYS = 730
USUAL_DAYS = 90


@dataclass(frozen=True, slots=True)
class TokenView:
    """One token as lists show it; `hint` is the beginning of its secret, `open` whether it still lets anybody in."""

    id: str
    name: str
    hint: str
    user_id: str
    owner: str
    organization_id: str | None
    scopes: tuple[Permission, ...]
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None
    open: bool


@dataclass(frozen=True, slots=True)
class MadeToken:
    """A new token. `secret` is kept nowhere: whoever loses it makes another one."""

    secret: str
    token: TokenView


def grantable(ctx: Context, *, organization_id: str | None = None) -> tuple[Permission, ...]:
    """What the actor may put into a token: their own rights, inside `organization_id` alone when it is given."""
    _require(ctx, organization_id)
    return _grantable(ctx.actor, organization_id)


def make(
    ctx: Context,
    *,
    name: str,
    scopes: Iterable[Permission | str],
    organization_id: str | None = None,
    days: int | None = USUAL_DAYS,
) -> MadeToken:
    """A new token with these scopes, good for `days` (None: until it is revoked), inside one organization when it is given."""
    user = signins.person(ctx)
    _require(ctx, organization_id)
    wanted = _permissions(scopes)
    beyond = sorted(wanted - set(_grantable(ctx.actor, organization_id)))
    if beyond:
        raise NotPermitted(f"A token cannot do what you may not do yourself: {', '.join(beyond)}. Leave that out.")
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        raise Invalid(f"A token is good for 1 to {LONGEST_DAYS} days, or until it is revoked.", field="days")
    if sum(row.open_at(ctx.now) for row in rows.of_user(ctx.session, user.id)) >= MOST:
        raise Conflict(f"You have {MOST} tokens already. Revoke one that nobody uses.")
    secret, token_hash, hint = tokens.fresh()
    row = ApiToken(
        token_hash=token_hash,
        hint=hint,
        user_id=user.id,
        organization_id=organization_id,
        name=check_name(name),
        scopes=" ".join(sorted(wanted)),
        created_at=ctx.now,
        expires_at=ctx.now + timedelta(days=days) if days is not None else None,
    )
    ctx.session.add(row)
    ctx.session.flush()
    audit.record(
        ctx,
        action="tokens.make",
        subject=row.id,
        organization=organization_id,
        after={"name": row.name, "scopes": sorted(wanted), "expires_at": row.expires_at},
    )
    return MadeToken(secret, _view(ctx, row, user.name))


def mine(ctx: Context) -> tuple[TokenView, ...]:
    """The actor's own tokens, newest first, revoked and expired ones too."""
    user = signins.person(ctx)
    return tuple(_view(ctx, row, user.name) for row in rows.of_user(ctx.session, user.id))


def of_organization(ctx: Context, *, organization_id: str) -> tuple[TokenView, ...]:
    """Tokens of all members that were made for this organization alone, newest first: for its owners."""
    ctx.require(Permission.MANAGE_OWN_MEMBERS, organization_id)
    existing(ctx, organization_id)
    found = rows.of_organization(ctx.session, organization_id)
    people = {row.user_id: members.user_by_id(ctx.session, row.user_id) for row in found}
    return tuple(_view(ctx, row, person.name if (person := people[row.user_id]) else "") for row in found)


def revoke(ctx: Context, *, token_id: str) -> TokenView:
    """End a token from this moment on: one's own, or one for an organization whose members one manages."""
    row = rows.by_id(ctx.session, token_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    if row.user_id != signins.person(ctx).id:
        managed = row.organization_id is not None and ctx.actor.may(Permission.MANAGE_OWN_MEMBERS, row.organization_id)
        if not managed:
            raise NotFound(NOTHING_HERE)
    if not rows.revoke(ctx.session, row.id, ctx.now):
        raise Conflict("This token is revoked already.")
    ctx.session.refresh(row)
    audit.record(ctx, action="tokens.revoke", subject=row.id, organization=row.organization_id, before={"name": row.name})
    owner = members.user_by_id(ctx.session, row.user_id)
    return _view(ctx, row, owner.name if owner else "")


def _require(ctx: Context, organization_id: str | None) -> None:
    ctx.require(Permission.MANAGE_OWN_TOKENS, organization_id)
    if organization_id is not None:
        existing(ctx, organization_id)


def _grantable(actor: Actor, organization_id: str | None) -> tuple[Permission, ...]:
    if organization_id is not None:
        held = actor.within.get(organization_id, frozenset()) | {p for p in actor.everywhere if p.startswith("own.")}
    else:
        held = actor.everywhere.union(*actor.within.values())
    return tuple(sorted(held - {Permission.MANAGE_OWN_TOKENS, Permission.MANAGE_STAFF}))  # no token makes tokens or staff


def _permissions(scopes: Iterable[Permission | str]) -> set[Permission]:
    wanted: set[Permission] = set()
    for scope in scopes:
        try:
            wanted.add(Permission(scope))
        except ValueError:
            raise Invalid(f"“{scope}” is no scope. Known are: {', '.join(Permission)}.", field="scopes") from None
    if not wanted:
        raise Invalid("A token without any scope could do nothing. Choose at least one.", field="scopes")
    return wanted


def _view(ctx: Context, row: ApiToken, owner: str) -> TokenView:
    return TokenView(
        id=row.id,
        name=row.name,
        hint=row.hint,
        user_id=row.user_id,
        owner=owner,
        organization_id=row.organization_id,
        scopes=tuple(sorted(row.permissions)),
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
        revoked_at=row.revoked_at,
        open=row.open_at(ctx.now),
    )
