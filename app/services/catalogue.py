"""The catalogue: templates and plans. Reading it is open to everybody; a changed plan is a new version."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from app.context import Context
from app.services import audit
from app.services.organizations import NOTHING_HERE
from models.domain.access import Permission
from models.domain.catalogue import Offer
from models.domain.errors import Conflict, Invalid, NotFound
from models.domain.ids import is_label
from models.domain.organizations import check_name
from models.store import catalogue as store


@dataclass(frozen=True, slots=True)
class TemplateView:
    id: str
    name: str
    description: str
    created_at: datetime
    retired_at: datetime | None


@dataclass(frozen=True, slots=True)
class PlanView:
    """One version of a plan. Price in minor units of `currency` a month."""

    id: str
    template: str
    name: str
    version: int
    cpu_cores: float
    memory_bytes: int
    storage_bytes: int
    price_minor: int
    currency: str
    created_at: datetime
    retired_at: datetime | None


def templates(ctx: Context, *, retired: bool = False) -> tuple[TemplateView, ...]:
    """By name."""
    return tuple(_template(row) for row in store.templates(ctx.session, retired=retired))


def plans(ctx: Context, *, template: str | None = None, retired: bool = False) -> tuple[PlanView, ...]:
    """By template and price; older versions are retired ones and come only when asked for."""
    return tuple(_plan(row) for row in store.plans(ctx.session, template=template, retired=retired))


def plan(ctx: Context, *, plan_id: str) -> PlanView:
    """One version, also a retired one: somebody may still have it."""
    row = store.plan_by_id(ctx.session, plan_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    return _plan(row)


def offer_template(ctx: Context, *, template_id: str, name: str, description: str = "") -> TemplateView:
    """A new kind of app, or other words for a known one."""
    ctx.require(Permission.MANAGE_SETTINGS)
    if not is_label(template_id):
        raise Invalid("A template's short name is written in lower-case letters, digits and hyphens.", field="template_id")
    row = store.template_by_id(ctx.session, template_id)
    before = {"name": row.name, "description": row.description} if row else None
    row = row or store.Template(id=template_id, name="", created_at=ctx.now)
    row.name, row.description = check_name(name), description.strip()[:500]
    ctx.session.add(row)
    ctx.session.flush()
    after = {"name": row.name, "description": row.description}
    audit.record(ctx, action="catalogue.offer_template", subject=row.id, before=before, after=after)
    return _template(row)


def offer_plan(ctx: Context, *, offer: Offer) -> PlanView:
    """The next version of that plan; the one before is retired and stays with whoever has it."""
    ctx.require(Permission.MANAGE_SETTINGS)
    if store.template_by_id(ctx.session, offer.template) is None:
        raise NotFound(f"There is no template “{offer.template}”. Offer it first.")
    version = store.newest_version(ctx.session, offer.template, offer.name) + 1
    for older in store.plans(ctx.session, template=offer.template):
        if older.name == offer.name:
            older.retired_at = ctx.now
            ctx.session.add(older)
    row = store.Plan(
        template=offer.template,
        name=offer.name,
        version=version,
        cpu_cores=offer.cpu_cores,
        memory_bytes=offer.memory_bytes,
        storage_bytes=offer.storage_bytes,
        price_minor=offer.price_minor,
        currency=offer.currency,
        created_at=ctx.now,
    )
    ctx.session.add(row)
    ctx.session.flush()
    audit.record(
        ctx, action="catalogue.offer_plan", subject=row.id, after=row.model_dump(exclude={"id", "created_at", "retired_at"})
    )
    return _plan(row)


def retire_plan(ctx: Context, *, plan_id: str) -> PlanView:
    """Nobody new can order it any more."""
    ctx.require(Permission.MANAGE_SETTINGS)
    row = store.plan_by_id(ctx.session, plan_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    if row.retired_at is not None:
        raise Conflict("This plan is retired already.")
    row.retired_at = ctx.now
    ctx.session.add(row)
    ctx.session.flush()
    audit.record(ctx, action="catalogue.retire_plan", subject=row.id, after={"retired_at": ctx.now})
    return _plan(row)


def _template(row: store.Template) -> TemplateView:
    return TemplateView(row.id, row.name, row.description, row.created_at, row.retired_at)


def _plan(row: store.Plan) -> PlanView:
    return PlanView(**row.model_dump(include={field.name for field in fields(PlanView)}))
