"""Own domains of an app: asked for with instructions, proven by a look into the DNS, answered by the ingress from then on."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError

from app.context import Context
from app.domains import host_of
from app.services import audit, operations
from app.services.organizations import NOTHING_HERE
from models.domain import domains as rules
from models.domain.access import Permission
from models.domain.changesets import Purpose
from models.domain.domains import Records
from models.domain.errors import Conflict, NotFound
from models.store import domains as store
from models.store import instances
from models.store.instances import Instance


@dataclass(frozen=True, slots=True)
class DomainView:
    """A name and what has to stand in the DNS for it. `lacking`: what the last look missed (`proof`, `target`)."""

    name: str
    host: str
    """Where a CNAME record of the name has to lead."""
    proof_name: str
    """Where a TXT record has to stand, and `proof` what it has to hold."""
    proof: str
    token: str
    active: bool
    lacking: str
    created_at: datetime
    checked_at: datetime | None


def list_(ctx: Context, *, instance_id: str) -> tuple[DomainView, ...]:
    """In the order in which they were asked for; for whoever operates the app."""
    row = _seen(ctx, instance_id)
    return tuple(_view(row, one) for one in store.of_instance(ctx.session, row.id))


def get(ctx: Context, *, instance_id: str, name: str) -> DomainView:
    """One of them; NotFound when it was not asked for."""
    row = _seen(ctx, instance_id)
    return _view(row, _existing(ctx, row, name))


def add(ctx: Context, *, instance_id: str, name: str) -> DomainView:
    """Ask for a name. Nothing of the app changes before it is proven."""
    row, _ = operations.operated(ctx, instance_id)
    known = rules.check_name(name, apart_from=(ctx.ground.apps_domain, host_of(ctx.address)))
    if store.by_name(ctx.session, row.id, known) is not None:
        raise Conflict(f"{known} was asked for already.")
    if store.proven(ctx.session, known) is not None:
        raise Conflict(f"{known} leads to another app. It has to be removed there first.")
    if len(store.of_instance(ctx.session, row.id)) >= rules.MOST:
        raise Conflict(f"An app has at most {rules.MOST} domains of its own. Remove one first.")
    one = store.Domain(instance_id=row.id, name=known, token=secrets.token_hex(16), created_at=ctx.now)
    ctx.session.add(one)
    ctx.session.flush()
    _note(ctx, row, "domains.add", known)
    return _view(row, one)


def check(ctx: Context, *, instance_id: str, name: str, found: Records) -> DomainView:
    """Judge what the DNS says, which was looked up outside of every transaction; once it is as asked, the app answers at the name."""
    row, wish = operations.operated(ctx, instance_id)
    one = _existing(ctx, row, name)
    one.checked_at = ctx.now
    one.lacking = rules.lacking(found, host=row.host, token=one.token)
    ctx.session.add(one)
    if one.lacking or one.proven_at is not None:
        ctx.session.flush()
        return _view(row, one)
    one.proven_at = ctx.now
    try:
        with ctx.session.begin_nested():
            ctx.session.flush()
    except IntegrityError as error:
        raise Conflict(f"{name} leads to another app. It has to be removed there first.") from error
    _note(ctx, row, "domains.prove", name)
    operations.want(ctx, row, wish, Purpose.CHANGE, f"domain {name}")
    return _view(row, one)


def remove(ctx: Context, *, instance_id: str, name: str) -> None:
    """The app no longer answers there; whoever owns the name may use it elsewhere."""
    row, wish = operations.operated(ctx, instance_id)
    one = _existing(ctx, row, name)
    active = one.proven_at is not None
    store.drop(ctx.session, [row.id], name=name)
    _note(ctx, row, "domains.remove", name)
    if active:
        operations.want(ctx, row, wish, Purpose.CHANGE, f"without {name}")


def _seen(ctx: Context, instance_id: str) -> Instance:
    row = instances.by_id(ctx.session, instance_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_INSTANCES, row.organization_id)
    ctx.require(Permission.OPERATE_OWN_INSTANCES, row.organization_id)
    return row


def _existing(ctx: Context, row: Instance, name: str) -> store.Domain:
    found = store.by_name(ctx.session, row.id, name)
    if found is None:
        raise NotFound(f"{row.name} has no domain “{name}”.")
    return found


def _view(row: Instance, one: store.Domain) -> DomainView:
    return DomainView(
        name=one.name,
        host=row.host,
        proof_name=f"{rules.PROOF_LABEL}.{one.name}",
        proof=rules.proof(one.token),
        token=one.token,
        active=one.proven_at is not None,
        lacking=one.lacking,
        created_at=one.created_at,
        checked_at=one.checked_at,
    )


def _note(ctx: Context, row: Instance, action: str, name: str) -> None:
    audit.record(ctx, action=action, subject=row.id, organization=row.organization_id, after={"app": row.name, "domain": name})
