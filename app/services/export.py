"""Everything that is kept about one organization, as a file for its owners."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlmodel import SQLModel

from app.context import Context
from app.services import audit
from app.services.organizations import existing, require_managing
from models.store import (
    app_backups,
    billing_profiles,
    catalogue,
    changesets,
    credit_notes,
    documents,
    domains,
    dunning,
    instances,
    invoices,
    ledger,
    lifecycle,
    mail,
    mapping,
    members,
    orders,
    organizations,
    payments,
    specifications,
    subscriptions,
    support,
    tokens,
    transfers,
    upgrades,
    vouchers,
)
from models.store import audit as audit_rows

USAGE = """
SELECT p.* FROM pod_1h p JOIN ownership o ON o.cluster = p.cluster AND o.namespace = p.namespace
  AND o.valid_from <= p.t AND (o.valid_to IS NULL OR p.t < o.valid_to)
WHERE o.organization_id = ? ORDER BY p.t, p.namespace, p.pod, p.container
"""
MOST_STAYS = 10_000
READ_ME = """Export of everything that {name} has on this platform, made {at}.

*.json   one file a noun; times are UTC (ISO 8601), memory and storage in bytes, CPU in cores, money in minor units of its currency
usage.csv  hourly use per container: increases (_inc), averages (_avg) and maxima (_max) of the hour that ends at t

Passwords, secrets of second factors and of tokens, and one-time links are kept as digests or sealed, and are not part of it.
"""


@dataclass(frozen=True, slots=True)
class Archive:
    """A file to hand out: its name, its media type, its bytes."""

    name: str
    media_type: str
    content: bytes


def request(ctx: Context, *, organization_id: str) -> None:
    """Write down that somebody takes everything out: in a transaction of its own, before `organization` reads it."""
    require_managing(ctx, organization_id)
    row = existing(ctx, organization_id)
    audit.record(ctx, action="organizations.export", subject=row.id, organization=row.id, after={"slug": row.slug})


def organization(ctx: Context, *, organization_id: str) -> Archive:
    """A ZIP file with one JSON file a noun and the hourly usage as CSV: for owners, and staff that manage organizations.

    Only reads, which may take long: to be called in a reading view, so that nobody waits for a lock. `request` comes before it.
    """
    require_managing(ctx, organization_id)
    row = existing(ctx, organization_id)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_entry(ctx, "README.txt"), READ_ME.format(name=row.name, at=f"{ctx.now:%Y-%m-%d %H:%M} UTC"))
        for name, facts in _facts(ctx, row).items():
            archive.writestr(_entry(ctx, f"{name}.json"), json.dumps(facts, ensure_ascii=False, indent=1, default=_plain) + "\n")
        usage: pl.DataFrame = ctx.warehouse.query(USAGE, [row.id])
        archive.writestr(_entry(ctx, "usage.csv"), usage.write_csv())
    return Archive(f"{row.slug}-{ctx.now:%Y-%m-%d}.zip", "application/zip", buffer.getvalue())


def _facts(ctx: Context, row: organizations.Organization) -> Mapping[str, Any]:
    session = ctx.session
    running = instances.search(session, within=[row.id])
    plans = [catalogue.plan_by_id(session, plan_id) for plan_id in sorted({i.plan_id for i in running if i.plan_id})]
    people = members.of_organization(session, row.id)
    billed = invoices.search(session, within=[row.id])
    noted = credit_notes.search(session, within=[row.id])
    return {
        "organization": row.model_dump(),
        "members": [
            {
                **user.model_dump(include={"id", "name", "email", "locale", "timezone"}),
                "role": member.role,
                "second_factor": user.totp_confirmed_at is not None,
                "joined_at": member.created_at,
            }
            for user, member in people
        ],
        "invitations": _dumped(members.invitations_of(session, row.id), without={"token_hash"}),
        "instances": _dumped(running),
        "plans": _dumped(plan for plan in plans if plan is not None),
        "orders": _dumped(orders.search(session, within=[row.id])),
        "subscriptions": _dumped(subscriptions.of_organization(session, row.id)),
        "subscription_items": _dumped(
            item for one in subscriptions.of_organization(session, row.id) for item in subscriptions.items(session, one.id)
        ),
        "subscription_moves": _dumped(
            edge for one in subscriptions.of_organization(session, row.id) for edge in lifecycle.edges(session, one.id)
        ),
        "reminders": _dumped(dunning.reminders(session, [one.id for one in billed])),
        "holds": _dumped(dunning.holds_of(session, row.id), without={"reason", "actor"}),
        "payments": _dumped(payments.of_organization(session, row.id)),
        "transfer_reports": _dumped(transfers.reports(session, organization_id=row.id), without={"proof"}),
        "invoices": _dumped(billed),
        "invoice_lines": _dumped(line for lines in invoices.lines(session, [one.id for one in billed]).values() for line in lines),
        "voucher_uses": _dumped(use for _, use in vouchers.of_organization(session, row.id)),
        "voucher_discounts": _dumped(vouchers.discounts(session, row.id)),
        "credit_notes": _dumped(noted),
        "credit_note_lines": _dumped(
            line for lines in credit_notes.lines(session, [one.id for one in noted]).values() for line in lines
        ),
        "billing_profile": _dumped(one for one in [billing_profiles.of_organization(session, row.id)] if one is not None),
        "documents": _dumped(documents.of_organization(session, row.id)),
        "ledger_postings": _dumped(ledger.of_organization(session, row.id)),
        "specifications": _dumped(wish for app in running for wish in specifications.history(session, app.id)),
        "changes": _dumped(changesets.search(session, within=[row.id]), without={"holder", "lease_until", "agreed"}),
        "backups": _dumped(app_backups.search(session, within=[row.id]), without={"holder", "lease_until", "secrets"}),
        "restores": _dumped(app_backups.restores(session, within=[row.id]), without={"holder", "lease_until"}),
        "upgrades": _dumped(upgrades.search(session, within=[row.id])),
        "domains": _dumped(one for app in running for one in domains.of_instance(session, app.id)),
        "namespaces": _dumped(mapping.of_organization(session, row.id)),
        "tokens": _dumped(tokens.of_organization(session, row.id), without={"token_hash"}),
        "mails": [
            {**one.model_dump(include={"id", "kind", "to", "subject", "status", "created_at", "sent_at"}), "text": _words(one)}
            for one in mail.of_organization(session, row.id)
        ],
        "support": _dumped(support.of_organization(session, row.id, limit=MOST_STAYS)),
        "audit": [_change(change) for change in audit_rows.search(session, organization_id=row.id, limit=None)],
    }


def _words(row: mail.Mail) -> str:
    return "" if row.secret else row.text


def _change(row: audit_rows.Audit) -> dict[str, Any]:
    facts = row.model_dump(exclude={"before", "after"})
    return facts | {"before": json.loads(row.before or "null"), "after": json.loads(row.after or "null")}


def _dumped(rows: Iterable[SQLModel], *, without: set[str] | None = None) -> list[dict[str, Any]]:
    return [row.model_dump(exclude=without) for row in rows]


def _entry(ctx: Context, name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, (ctx.now.year, ctx.now.month, ctx.now.day, ctx.now.hour, ctx.now.minute, ctx.now.second))
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
