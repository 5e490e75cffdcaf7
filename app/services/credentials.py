"""Credentials of an app: shown to owners who signed in lately, and every look is written down."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from app.auth.seal import Seal
from app.context import Context
from app.services import audit, editions, specifications
from app.services.organizations import NOTHING_HERE
from models.domain.access import ActorKind, Permission
from models.domain.errors import Conflict, NotFound, NotPermitted
from models.store import instances
from models.store import specifications as store
from provisioner.catalogue.schema import REFERENCE, SignIn
from provisioner.wanted import Wanted, resolved

PURPOSE = "credentials"
"""For which drawn values are sealed; the instance's id follows."""


@dataclass(frozen=True, slots=True)
class Credential:
    """One thing to sign in with. `label` by language."""

    label: dict[str, str]
    value: str
    secret: bool


def available(ctx: Context, *, instance_id: str) -> bool:
    """Whether there is something to reveal; says nothing about who may."""
    row = instances.by_id(ctx.session, instance_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_INSTANCES, row.organization_id)
    wish = store.newest(ctx.session, row.id)
    return (
        wish is not None
        and bool(editions.read(ctx.session, wish.edition).credentials)
        and store.credentials(ctx.session, row.id) is not None
    )


def reveal(ctx: Context, *, instance_id: str, seal: Seal, recent: bool) -> tuple[Credential, ...]:
    """What the owner signs in with. `recent`: whether the person proved who they are a short while ago."""
    row = instances.by_id(ctx.session, instance_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_INSTANCES, row.organization_id)
    ctx.require(Permission.MANAGE_OWN_ORGANIZATION, row.organization_id)
    if row.organization_id not in ctx.actor.within or ctx.actor.kind is ActorKind.SUPPORT:
        raise NotPermitted("An app's credentials are shown to the owners of its account only, not to staff.")
    if ctx.actor.kind is ActorKind.TOKEN:
        raise NotPermitted("A token is never shown an app's credentials. Sign in and look there.")
    if not recent:
        raise NotPermitted("You signed in a while ago. Confirm your password, then look again.")
    wish, kept = store.newest(ctx.session, row.id), store.credentials(ctx.session, row.id)
    if wish is None or kept is None:
        raise Conflict("There are no credentials yet: they are drawn while the app is made.")
    wanted = specifications.wanted(ctx.session, row, wish, ctx.ground)
    values: dict[str, str] = json.loads(seal.unseal(kept.sealed, f"{PURPOSE}:{row.id}"))
    audit.record(ctx, action="instances.reveal", subject=row.id, organization=row.organization_id, after={"name": row.name})
    return tuple(Credential(one.label, _value(wanted, one.value, values), one.secret) for one in wanted.template.credentials)


def filled(wanted: Wanted, request: SignIn, values: Mapping[str, str]) -> SignIn:
    """A sign-in with what is known and drawn put in."""
    parts = {
        key: {name: _value(wanted, text, dict(values)) for name, text in getattr(request, key).items()}
        for key in ("fields", "headers")
    }
    return request.model_copy(update=parts)


def _value(wanted: Wanted, text: str, values: dict[str, str]) -> str:
    return REFERENCE.sub(lambda found: values.get(found[2], "") if found[1] == "secret" else found[0], resolved(wanted, text))
