"""Organizations: the customer accounts. Members see their own, staff see all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from app.context import Context
from app.services import audit
from app.services.paging import Page, limited, paged, pair, whole
from models.domain.access import Permission
from models.domain.errors import Conflict, Invalid, NotFound
from models.domain.organizations import LABEL_VALUE, Standing, check_country, check_name, move
from models.store import organizations as store

NOTHING_HERE = "There is nothing here under that name, or it is not yours."
"""The same words for what does not exist and for what is somebody else's."""


@dataclass(frozen=True, slots=True)
class OrganizationView:
    """One organization. `label` is its name in the cluster's labels when that is not the slug."""

    id: str
    name: str
    slug: str
    label: str | None
    standing: Standing
    country: str
    locale: str
    timezone: str
    created_at: datetime
    anonymised_at: datetime | None


def list_(
    ctx: Context, *, search: str = "", standing: Standing | None = None, limit: int = 100, after: str | None = None
) -> Page[OrganizationView]:
    """Those that the actor may see, by name: all for staff, the own ones for members. `search` looks into name and slug."""
    rows = store.search(
        ctx.session, within=visible(ctx), text=search, standing=standing, after=pair(after), limit=limited(limit) + 1
    )
    return paged(rows, limit, view, lambda row: (row.name, row.id))


def every(ctx: Context, *, search: str = "", standing: Standing | None = None) -> tuple[OrganizationView, ...]:
    """The same list as a whole: for counts and choices."""
    return whole(partial(list_, ctx), search=search, standing=standing)


def get(ctx: Context, *, organization_id: str) -> OrganizationView:
    """One of them; NotFound when it does not exist or is somebody else's."""
    require_seeing(ctx, organization_id)
    return view(existing(ctx, organization_id))


def create(
    ctx: Context, *, name: str, country: str = "", locale: str = "en", timezone: str = "UTC", label: str | None = None
) -> OrganizationView:
    """A new one, by staff. `label` is its value in the cluster's organization label; left out, the slug."""
    ctx.require(Permission.MANAGE_ORGANIZATIONS)
    if label is not None:
        _check_label(ctx, label)
    row = store.add(
        ctx.session,
        name=check_name(name),
        now=ctx.now,
        label=label,
        country=check_country(country),
        locale=locale,
        timezone=timezone,
    )
    row.label = row.label or row.slug
    ctx.session.flush()
    after = {"name": row.name, "slug": row.slug, "label": row.label}
    audit.record(ctx, action="organizations.create", subject=row.id, organization=row.id, after=after)
    return view(row)


def set_label(ctx: Context, *, organization_id: str, label: str | None) -> OrganizationView:
    """Which value of the cluster's organization label stands for it, by staff; None: only its id does."""
    ctx.require(Permission.MANAGE_ORGANIZATIONS)
    row = existing(ctx, organization_id)
    if row.standing is Standing.ANONYMISED:
        raise Conflict("This organization was anonymised; nothing in the cluster stands for it any more.")
    label = (label or "").strip() or None
    if label == row.label:
        return view(row)
    if label is not None:
        _check_label(ctx, label)
    before, row.label = row.label, label
    ctx.session.add(row)
    ctx.session.flush()
    audit.record(
        ctx, action="organizations.set_label", subject=row.id, organization=row.id, before={"label": before}, after={"label": label}
    )
    return view(row)


def _check_label(ctx: Context, label: str) -> None:
    if not LABEL_VALUE.fullmatch(label):
        raise Invalid(
            "A label value has at most 63 letters, digits, dots, hyphens and underscores, and begins and ends with a letter or digit.",
            field="label",
        )
    if store.by_label(ctx.session, label) is not None:
        raise Conflict(f"“{label}” already stands for another organization. Choose another label, or use that organization.")


def rename(ctx: Context, *, organization_id: str, name: str) -> OrganizationView:
    """Another name; the slug stays, addresses and labels hang on it."""
    require_managing(ctx, organization_id)
    row = existing(ctx, organization_id)
    if row.standing is Standing.ANONYMISED:
        raise Conflict("This organization was anonymised; it has no name any more.")
    before, row.name = row.name, check_name(name)
    ctx.session.add(row)
    ctx.session.flush()
    audit.record(
        ctx, action="organizations.rename", subject=row.id, organization=row.id, before={"name": before}, after={"name": row.name}
    )
    return view(row)


def set_standing(ctx: Context, *, organization_id: str, standing: Standing) -> OrganizationView:
    """Put on hold, close or take back, by staff; anonymising has its own call."""
    ctx.require(Permission.MANAGE_ORGANIZATIONS)
    row = existing(ctx, organization_id)
    if standing is Standing.ANONYMISED:
        raise Conflict("Anonymising cannot be undone and asks for the name to be typed; use “anonymise”.")
    before = row.standing
    if not store.move(ctx.session, row.id, before, move(before, standing)):
        raise Conflict("Somebody changed the organization's standing just now. Look again.")
    ctx.session.refresh(row)
    audit.record(
        ctx,
        action="organizations.set_standing",
        subject=row.id,
        organization=row.id,
        before={"standing": before},
        after={"standing": standing},
    )
    return view(row)


def visible(ctx: Context) -> list[str] | None:
    """Ids of the organizations that the actor may see; None means all of them."""
    if ctx.actor.may(Permission.SEE_ORGANIZATIONS):
        return None
    return [org for org, held in ctx.actor.within.items() if Permission.SEE_OWN_INSTANCES in held]


def require_seeing(ctx: Context, organization_id: str) -> None:
    if not ctx.actor.may(Permission.SEE_ORGANIZATIONS):
        ctx.require(Permission.SEE_OWN_INSTANCES, organization_id)


def require_managing(ctx: Context, organization_id: str) -> None:
    """Its owners, and the staff that manage organizations."""
    if not ctx.actor.may(Permission.MANAGE_ORGANIZATIONS):
        ctx.require(Permission.MANAGE_OWN_ORGANIZATION, organization_id)


def existing(ctx: Context, organization_id: str) -> store.Organization:
    """The row; to be called after the permission was checked, so that strangers learn nothing from the difference."""
    row = store.by_id(ctx.session, organization_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    return row


def view(row: store.Organization) -> OrganizationView:
    return OrganizationView(
        id=row.id,
        name=row.name,
        slug=row.slug,
        label=row.label,
        standing=row.standing,
        country=row.country,
        locale=row.locale,
        timezone=row.timezone,
        created_at=row.created_at,
        anonymised_at=row.anonymised_at,
    )
