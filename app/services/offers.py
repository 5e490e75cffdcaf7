"""Offers: what customers can order now, joined from the templates' documents, the store's plans and what is known about them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.context import Context
from app.services import audit, editions
from app.services.organizations import NOTHING_HERE
from models.domain.access import Permission
from models.domain.errors import Conflict, NotFound
from models.store import catalogue as store
from models.store import changesets, locks, pins
from provisioner import pinning
from provisioner.catalogue import Plan as WrittenPlan
from provisioner.catalogue import Template
from provisioner.catalogue.quantities import bytes_of, cores_of
from provisioner.catalogue.schema import Parameter

LIST_CURRENCY = "IDR"
"""The currency of a plan's own row; the others stand beside it."""
MEASURED = 20
"""So many of the newest orders say how long a template takes."""


@dataclass(frozen=True, slots=True)
class PlanOffer:
    """A plan that can be ordered. Prices in minor units a month, by currency; `price_minor` is that of the list."""

    id: str
    name: str
    cpu_cores: float
    memory_bytes: int
    storage_bytes: int
    people: int
    trial_days: int | None
    prices: Mapping[str, int]
    price_minor: int


@dataclass(frozen=True, slots=True)
class Words:
    """What it is for, in one sentence and in some more."""

    summary: str
    text: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A template with its plans, the cheapest first. `withheld`: why nobody can order it now; empty when it is on sale."""

    id: str
    name: str
    category: str
    version: str
    words: Mapping[str, Words]
    """By language."""
    licence: str
    licence_note: str
    needs_agreement: bool
    agreed_at: datetime | None
    agreed_by: str
    parameters: Mapping[str, Parameter]
    credentials: int
    plans: tuple[PlanOffer, ...]
    ready_after: timedelta | None
    """How long the newest orders took, in the median; None before the first."""
    measured: int
    withheld: str
    withdrawn: bool = False
    """Staff, or failures, took it off sale for the time being."""

    @property
    def on_sale(self) -> bool:
        return not self.withheld


def list_(ctx: Context, *, withheld: bool = False) -> tuple[Offer, ...]:
    """By name; open to everybody. Those that are not on sale come only when asked for, which needs a right."""
    if withheld:
        ctx.require(Permission.MANAGE_SETTINGS)
    found = (_offer(ctx, row) for row in store.templates(ctx.session) if row.edition)
    return tuple(offer for offer in found if withheld or offer.on_sale)


def get(ctx: Context, *, template: str) -> Offer:
    """One that is on sale; NotFound otherwise, with the reason when there is one."""
    row = store.template_by_id(ctx.session, template)
    if row is None or not row.edition or row.retired_at is not None:
        raise NotFound(NOTHING_HERE)
    offer = _offer(ctx, row)
    if offer.withheld:
        raise NotFound(f"{offer.name} cannot be ordered at the moment.")
    return offer


def publish(ctx: Context, *, templates: Iterable[Template]) -> int:
    """Bring the store's catalogue to what the templates say; how many rows it took. Running it again changes nothing.

    A plan whose resources or prices are others becomes a new version; whoever has the old one keeps it. A template or plan of a
    published template that is no longer there is retired. Images whose digest was resolved are named by it.
    """
    ctx.require(Permission.MANAGE_SETTINGS)
    locks.hold(ctx.session, "catalogue")  # two workers that start at once would both make the next version
    digests = pins.everything(ctx.session)
    written = {template.id: pinning.pinned(template, digests) for template in templates}
    changed = 0
    for template in written.values():
        changed += _publish(ctx, template)
    for row in store.templates(ctx.session):
        if row.edition and row.id not in written:
            row.retired_at = ctx.now
            ctx.session.add(row)
            changed += 1 + _retire(ctx, store.plans(ctx.session, template=row.id))
    if changed:
        ctx.session.flush()
        audit.record(ctx, action="catalogue.publish", subject="catalogue", after={"templates": len(written), "changes": changed})
    return changed


def pin(ctx: Context, *, digests: Mapping[str, str]) -> int:
    """Keep what images' tags stand for now; how many are others than before. `publish` names them by it."""
    ctx.require(Permission.MANAGE_SETTINGS)
    changed = {image: digest for image, digest in digests.items() if pins.put(ctx.session, image, digest, ctx.now)}
    if changed:
        audit.record(ctx, action="catalogue.pin", subject="catalogue", after=changed)
    return len(changed)


def agree(ctx: Context, *, template: str) -> Offer:
    """Confirm that its maker agrees to its being hosted for money; without that it is not sold where the licence asks for it."""
    row = _managed(ctx, template)
    if row.agreed_at is not None:
        raise Conflict(f"That was confirmed on {row.agreed_at:%Y-%m-%d} by {row.agreed_by}.")
    row.agreed_at, row.agreed_by = ctx.now, ctx.actor.name
    return _saved(ctx, row, "catalogue.agree", {"agreed_by": row.agreed_by})


def withdraw(ctx: Context, *, template: str, reason: str) -> Offer:
    """Take it off sale for the time being; apps that run go on."""
    row = _managed(ctx, template)
    row.withdrawn_at, row.withdrawn_reason = ctx.now, reason.strip()[:300] or "No reason was given."
    return _saved(ctx, row, "catalogue.withdraw", {"reason": row.withdrawn_reason})


def resume(ctx: Context, *, template: str) -> Offer:
    """Sell it again."""
    row = _managed(ctx, template)
    if row.withdrawn_at is None:
        raise Conflict(f"{row.name} is not withdrawn.")
    row.withdrawn_at, row.withdrawn_reason = None, ""
    return _saved(ctx, row, "catalogue.resume", {"reason": ""})


def _managed(ctx: Context, template: str) -> store.Template:
    ctx.require(Permission.MANAGE_SETTINGS)
    row = store.template_by_id(ctx.session, template)
    if row is None or not row.edition or row.retired_at is not None:
        raise NotFound(NOTHING_HERE)
    return row


def _saved(ctx: Context, row: store.Template, action: str, after: Mapping[str, str]) -> Offer:
    ctx.session.add(row)
    ctx.session.flush()
    audit.record(ctx, action=action, subject=row.id, after=after)
    return _offer(ctx, row)


def _publish(ctx: Context, template: Template) -> int:
    row = store.template_by_id(ctx.session, template.id)
    if row is None:
        row = store.Template(id=template.id, name=template.name, created_at=ctx.now)
        ctx.session.add(row)
        ctx.session.flush()  # its editions point to it
    summary = template.words["en"].summary
    edition = editions.keep(ctx, template)
    changed = (row.name, row.description, row.edition, row.retired_at) != (template.name, summary, edition, None)
    row.name, row.description, row.edition, row.retired_at = template.name, summary, edition, None
    ctx.session.add(row)
    ctx.session.flush()
    known = {plan.name: plan for plan in store.plans(ctx.session, template=template.id)}
    gone = [plan for name, plan in known.items() if name not in {one.name for one in template.plans}]
    return changed + _retire(ctx, gone) + sum(_publish_plan(ctx, template, one, known.get(one.name)) for one in template.plans)


def _publish_plan(ctx: Context, template: Template, written: WrittenPlan, known: store.Plan | None) -> int:
    cores = float(cores_of(written.cpu))
    plan = store.Plan(
        template=template.id,
        name=written.name,
        cpu_cores=cores,
        cpu_request=round(cores * template.cpu_reserved, 3),
        memory_bytes=bytes_of(written.memory),
        storage_bytes=bytes_of(written.storage) if any(one.volumes for one in template.components) else 0,
        price_minor=written.price[LIST_CURRENCY],
        currency=LIST_CURRENCY,
        people=written.people,
        trial_days=written.trial_days,
        created_at=ctx.now,
    )
    if known is not None:
        if _facts(known) == _facts(plan) and store.prices(ctx.session, known) == written.price:
            return 0
        _retire(ctx, [known])
    plan.version = store.newest_version(ctx.session, template.id, written.name) + 1
    ctx.session.add(plan)
    ctx.session.flush()
    for currency, price in written.price.items():
        if currency != LIST_CURRENCY:
            ctx.session.add(store.PlanPrice(plan_id=plan.id, currency=currency, price_minor=price))
    ctx.session.flush()
    return 1


def _facts(plan: store.Plan) -> Mapping[str, object]:
    return plan.model_dump(exclude={"id", "version", "created_at", "retired_at"})


def _retire(ctx: Context, plans: Sequence[store.Plan]) -> int:
    for plan in plans:
        plan.retired_at = ctx.now
        ctx.session.add(plan)
    ctx.session.flush()
    return len(plans)


def _offer(ctx: Context, row: store.Template) -> Offer:
    template = editions.read(ctx.session, row.edition)
    took = changesets.durations(ctx.session, row.id, limit=MEASURED)
    needs = template.licence.resale == "agreement"
    sold = [plan for plan in store.plans(ctx.session, template=row.id) if plan.people is not None]
    prices = store.prices_of(ctx.session, sold)
    plans = [_plan(plan, prices[plan.id]) for plan in sold]
    return Offer(
        id=row.id,
        name=row.name,
        category=template.category,
        version=template.version,
        words={language: Words(one.summary, one.text) for language, one in template.words.items()},
        licence=template.licence.name,
        licence_note=template.licence.note,
        needs_agreement=needs,
        agreed_at=row.agreed_at,
        agreed_by=row.agreed_by,
        parameters=template.parameters,
        credentials=len(template.credentials),
        plans=tuple(sorted(plans, key=lambda plan: (plan.price_minor, plan.memory_bytes, plan.name))),
        ready_after=timedelta(seconds=statistics.median(took)) if took else None,
        measured=len(took),
        withheld=_withheld(row, needs, bool(plans), () if ctx.ground.tags_suffice else pinning.loose(template)),
        withdrawn=row.withdrawn_at is not None,
    )


def _plan(row: store.Plan, prices: Mapping[str, int]) -> PlanOffer:
    return PlanOffer(
        id=row.id,
        name=row.name,
        cpu_cores=row.cpu_cores,
        memory_bytes=row.memory_bytes,
        storage_bytes=row.storage_bytes,
        people=row.people or 1,
        trial_days=row.trial_days,
        prices=prices,
        price_minor=row.price_minor,
    )


def _withheld(row: store.Template, needs_agreement: bool, has_plans: bool, loose: Sequence[str]) -> str:
    if row.withdrawn_at is not None:
        return row.withdrawn_reason
    if needs_agreement and row.agreed_at is None:
        return "Its licence forbids hosting it for money without its maker's agreement, and nobody has confirmed that there is one."
    if loose:
        return f"Nobody has resolved which image {loose[0]} is. Run “moorage catalogue import”, or set unpinned_images."
    return "" if has_plans else "It has no plan that could be ordered."
