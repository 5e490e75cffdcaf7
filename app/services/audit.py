"""The audit: every state-changing service writes a row here, in its own transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.context import Context
from app.services.paging import Page, limited
from models.domain.access import ActorKind, Permission
from models.domain.errors import Invalid
from models.store import audit as store


@dataclass(frozen=True, slots=True)
class AuditView:
    """One change: who, through which edge, what, from what to what."""

    id: int
    at: datetime
    actor_id: str
    actor_kind: ActorKind
    actor_name: str
    edge: str
    action: str
    subject: str
    organization_id: str | None
    before: Mapping[str, Any]
    after: Mapping[str, Any]


def record(
    ctx: Context,
    *,
    action: str,
    subject: str,
    organization: str | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Note a change that was just made. `action` is noun and verb (`members.invite`); `organization` lets its members see the row.

    Nothing secret belongs into `before` and `after`; what is equal in both is left out.
    """
    old, new = dict(before or {}), dict(after or {})
    if before is not None and after is not None:
        equal = {key for key in old.keys() & new.keys() if old[key] == new[key]}
        old, new = ({k: v for k, v in part.items() if k not in equal} for part in (old, new))
    ctx.session.add(
        store.Audit(
            at=ctx.now,
            actor_id=ctx.actor.id,
            actor_kind=ctx.actor.kind,
            actor_name=ctx.actor.name,
            edge=ctx.edge,
            action=action,
            subject=subject,
            organization_id=organization,
            before=_text(old) if before is not None else None,
            after=_text(new) if after is not None else None,
        )
    )
    ctx.session.flush()


def list_(
    ctx: Context,
    *,
    organization: str | None = None,
    actor: str | None = None,
    action: str = "",
    subject: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 100,
    after: str | None = None,
) -> Page[AuditView]:
    """For staff: newest first. `action` is the beginning of one; times are half open."""
    ctx.require(Permission.SEE_AUDIT)
    return search(
        ctx, limit, after, organization_id=organization, actor_id=actor, action=action, subject=subject, since=since, until=until
    )


def of_organization(
    ctx: Context, *, organization_id: str, action: str = "", limit: int = 100, after: str | None = None
) -> Page[AuditView]:
    """What was changed about one organization, by its members and by staff, newest first."""
    ctx.require(Permission.SEE_OWN_AUDIT, organization_id)
    return search(ctx, limit, after, organization_id=organization_id, action=action)


def search(ctx: Context, limit: int, after: str | None, **wanted: Any) -> Page[AuditView]:
    """Changes as the store finds them, newest first. For other services, which check rights."""
    if after is not None and not (after.isascii() and after.isdecimal() and len(after) < 19):
        raise Invalid("This cursor is none that the audit has given out. Begin again without it.", field="after")
    rows = store.search(ctx.session, **wanted, before_id=int(after) if after else None, limit=limited(limit) + 1)
    kept = rows[:limit]
    return Page(tuple(view(row) for row in kept), str(kept[-1].id) if len(rows) > limit else None)


def view(row: store.Audit) -> AuditView:
    return AuditView(
        id=row.id or 0,
        at=row.at,
        actor_id=row.actor_id,
        actor_kind=row.actor_kind,
        actor_name=row.actor_name,
        edge=row.edge,
        action=row.action,
        subject=row.subject,
        organization_id=row.organization_id,
        before=json.loads(row.before) if row.before else {},
        after=json.loads(row.after) if row.after else {},
    )


def _text(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, ensure_ascii=False, sort_keys=True, default=_plain)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)
