"""The audit: who changed what, through which edge, from what to what. Rows are only added; anonymisation takes names out of
them, and seven years later they may go."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, Text, event, or_, update
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.access import ActorKind
from models.store.types import UtcDateTime, text_enum

PERSONAL = frozenset({"name", "email", "slug", "label", "owner", "invited_by", "to", "from", "device"})
"""Keys of `before` and `after` whose values name somebody, perhaps by a name that is long out of use."""


class Audit(SQLModel, table=True):
    """One change. `before` and `after` are JSON objects of what differs; ids grow in the order of writing."""

    __table_args__ = (Index("ix_audit_organization_id_id", "organization_id", "id"), Index("ix_audit_at", "at"))

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger().with_variant(Integer(), "sqlite"))
    at: datetime = Field(sa_type=UtcDateTime)
    actor_id: str
    actor_kind: ActorKind = Field(sa_type=text_enum(ActorKind))
    actor_name: str
    edge: str
    action: str
    """Noun and verb, such as `members.invite`."""
    subject: str
    """Id of the thing that was changed."""
    organization_id: str | None = None
    """Whose members may see the row; no foreign key, the row outlives the organization."""
    before: str | None = Field(default=None, sa_type=Text)
    after: str | None = Field(default=None, sa_type=Text)


@event.listens_for(Audit, "before_update")
def _never_edit(_mapper: Any, _connection: Any, row: Audit) -> None:
    raise ValueError(f"audit row {row.id} is not to be edited")


@event.listens_for(Audit, "before_delete")
def _never_delete(_mapper: Any, _connection: Any, row: Audit) -> None:
    raise ValueError(f"audit row {row.id} is not to be deleted")


def search(
    session: Session,
    *,
    organization_id: str | None = None,
    actor_id: str | None = None,
    action: str = "",
    subject: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before_id: int | None = None,
    limit: int | None,
) -> Sequence[Audit]:
    """Newest first, from below `before_id`. `action` is the beginning of one, such as `members.`; times are half open."""
    query = select(Audit)
    if organization_id is not None:
        query = query.where(Audit.organization_id == organization_id)
    if actor_id is not None:
        query = query.where(Audit.actor_id == actor_id)
    if action:
        query = query.where(col(Audit.action).startswith(action, autoescape=True))
    if subject is not None:
        query = query.where(Audit.subject == subject)
    if since is not None:
        query = query.where(Audit.at >= since)
    if until is not None:
        query = query.where(Audit.at < until)
    if before_id is not None:
        query = query.where(col(Audit.id) < before_id)
    return session.exec(query.order_by(col(Audit.id).desc()).limit(limit)).all()


def forget_names(session: Session, *, organization_id: str, people: Collection[str], words: Collection[str], instead: str) -> int:
    """Anonymise the rows of an organization and of `people` (ids): the only change that a row may see. How many were changed.

    What happened, when, and by which id stays; `instead` stands where a name or an address of `words` stood.
    """
    theirs = or_(col(Audit.organization_id) == organization_id, col(Audit.actor_id).in_(people), col(Audit.subject).in_(people))
    changed = 0
    for row in session.exec(select(Audit).where(theirs)):
        values = {
            "actor_name": instead if row.actor_id in people or row.actor_name in words else row.actor_name,
            "before": _without(row.before, words, instead),
            "after": _without(row.after, words, instead),
        }
        if values != {"actor_name": row.actor_name, "before": row.before, "after": row.after}:
            here = update(Audit).where(col(Audit.id) == row.id).values(**values)
            session.exec(here.execution_options(synchronize_session=False))
            session.expire(row)
            changed += 1
    return changed


def _without(facts: str | None, words: Collection[str], instead: str) -> str | None:
    """The JSON of a row in which no text contains one of `words`, and nothing stands under a key of PERSONAL."""
    if facts is None:
        return None

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: instead if name in PERSONAL and part else clean(part) for name, part in value.items()}
        if isinstance(value, list):
            return [clean(part) for part in value]
        return instead if isinstance(value, str) and any(_names(word, value) for word in words) else value

    return json.dumps(clean(json.loads(facts)), ensure_ascii=False, sort_keys=True)


def _names(word: str, text: str) -> bool:
    """Whether `text` tells `word`; very short names are only found alone, since they stand inside of many words."""
    return word == text if len(word) < 4 else word.lower() in text.lower()
