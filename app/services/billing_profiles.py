"""How an organization is named on its documents, in which language, and where its invoices are sent besides."""

from __future__ import annotations

from dataclasses import dataclass

from app.context import Context
from app.services import audit, settings
from app.services.organizations import existing
from models.domain import documents as rules
from models.domain.access import Permission
from models.domain.documents import LANGUAGES, Party
from models.domain.errors import Conflict, Invalid
from models.domain.organizations import ENDED, check_email
from models.store import billing_profiles as store
from models.store.billing_profiles import BillingProfile

LONGEST = 120
LONGEST_ADDRESS = 400


@dataclass(frozen=True, slots=True)
class ProfileView:
    """What stands on the documents from now on. Empty: `name` is the organization's, `language` follows its country and language."""

    organization_id: str
    name: str
    address: str
    tax_number: str
    email: str
    language: str
    languages: tuple[str, ...] = LANGUAGES


def get(ctx: Context, *, organization_id: str) -> ProfileView:
    ctx.require(Permission.SEE_OWN_BILLING, organization_id)
    row = existing(ctx, organization_id)
    known = store.of_organization(ctx.session, row.id)
    if known is None:
        return ProfileView(row.id, "", "", "", "", "")
    return ProfileView(row.id, known.name, known.address, known.tax_number, known.email, known.language)


def put(
    ctx: Context,
    *,
    organization_id: str,
    name: str = "",
    address: str = "",
    tax_number: str = "",
    email: str = "",
    language: str = "",
) -> ProfileView:
    """Say all of it anew, by people who manage the billing; documents that were issued stay as they are."""
    ctx.require(Permission.MANAGE_OWN_BILLING, organization_id)
    row = existing(ctx, organization_id)
    if row.standing in ENDED:
        raise Conflict(f"{row.name} is closed. Nothing about its billing changes any more.")
    if language and language not in LANGUAGES:
        raise Invalid(f"Documents are written in one of {', '.join(LANGUAGES)}; “{language}” is none of them.", field="language")
    lines = [" ".join(line.split()) for line in address.splitlines()]
    values = {
        "name": _short(name, "name"),
        "address": "\n".join(line for line in lines if line),
        "tax_number": _short(tax_number, "tax_number"),
        "email": check_email(email) if email.strip() else "",
        "language": language,
    }
    if len(values["address"]) > LONGEST_ADDRESS or len(lines) > 8:
        raise Invalid(f"An address has at most 8 lines and {LONGEST_ADDRESS} characters.", field="address")
    known = store.of_organization(ctx.session, row.id)
    before = {key: getattr(known, key) if known else "" for key in values}
    if before == values:
        return get(ctx, organization_id=row.id)
    ctx.session.merge(BillingProfile(organization_id=row.id, **values, updated_at=ctx.now))
    ctx.session.flush()
    audit.record(
        ctx,
        action="billing_profiles.put",
        subject=row.id,
        organization=row.id,
        before={"language": before["language"]},
        after={"language": values["language"], "changed": sorted(key for key in values if before[key] != values[key])},
    )
    return get(ctx, organization_id=row.id)


def seller(ctx: Context) -> Party:
    """Who sells, as the settings say it now. For other services."""
    return Party(
        str(settings.get(ctx, "seller_name")),
        str(settings.get(ctx, "seller_address")).replace("; ", "\n"),
        str(settings.get(ctx, "seller_tax_number")),
        str(settings.get(ctx, "seller_registration")),
        str(settings.get(ctx, "seller_email")),
    )


def buyer(ctx: Context, organization_id: str) -> tuple[Party, str]:
    """Who buys, as it says it now, and the language of its documents. For other services, which check rights."""
    row = existing(ctx, organization_id)
    known = store.of_organization(ctx.session, row.id)
    spoken = rules.language(known.language if known else "", locale=row.locale, country=row.country)
    if known is None:
        return Party(row.name), spoken
    return Party(known.name or row.name, known.address, known.tax_number, "", known.email), spoken


def _short(text: str, field: str) -> str:
    kept = " ".join(text.split())
    if len(kept) > LONGEST:
        raise Invalid(f"At most {LONGEST} characters fit here.", field=field)
    return kept
