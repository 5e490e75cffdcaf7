"""Organizations: the customer accounts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, or_, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col, select

from models.domain.errors import Conflict
from models.domain.ids import new_id, slug
from models.domain.organizations import Standing
from models.store.types import UtcDateTime, text_enum


class Organization(SQLModel, table=True):
    """A customer account. `label` is the value of the cluster's organization label that stands for it.

    Staff say it. A slug, which follows from the name that whoever signs up gives, stands for no label: a stranger could take the
    namespaces of others with it.
    """

    id: str = Field(default_factory=lambda: new_id("org"), primary_key=True)
    name: str
    slug: str = Field(unique=True)
    label: str | None = Field(default=None, unique=True)
    standing: Standing = Field(default=Standing.ACTIVE, sa_type=text_enum(Standing))
    country: str = ""
    locale: str = "en"
    timezone: str = "UTC"
    created_at: datetime = Field(sa_type=UtcDateTime)
    anonymised_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


def by_id(session: Session, organization_id: str) -> Organization | None:
    return session.get(Organization, organization_id)


def add(
    session: Session,
    *,
    name: str,
    now: datetime,
    label: str | None = None,
    country: str = "",
    locale: str = "en",
    timezone: str = "UTC",
) -> Organization:
    """A new organization under the nearest free slug; flushed, so that its id can be referred to.

    Somebody who takes the slug at the same moment makes this one take the next; Conflict when the label is somebody else's.
    """
    for _ in range(5):
        row = Organization(
            name=name, slug=free_slug(session, name), label=label, country=country, locale=locale, timezone=timezone, created_at=now
        )
        try:
            with session.begin_nested():
                session.add(row)
                session.flush()
        except IntegrityError:
            continue
        return row
    raise Conflict("The name or the label of this organization is being taken by another one just now. Try again.")


def free_slug(session: Session, name: str) -> str:
    """The slug of `name`, with the lowest number behind it that nobody has, neither as slug nor as label."""
    wanted = slug(name, limit=32)
    taken = {
        word
        for column in (col(Organization.slug), col(Organization.label))
        for word in session.exec(select(column).where(or_(column == wanted, column.like(f"{wanted}-%"))))
    }
    number, candidate = 1, wanted
    while candidate in taken:
        number += 1
        candidate = f"{wanted}-{number}"
    return candidate


def search(
    session: Session,
    *,
    within: Collection[str] | None = None,
    text: str = "",
    standing: Standing | None = None,
    after: tuple[str, str] | None = None,
    limit: int,
) -> Sequence[Organization]:
    """By name, then id, from behind `after` (such a pair); `within` None means all of them."""
    query = select(Organization)
    if within is not None:
        query = query.where(col(Organization.id).in_(within))
    if text:
        needle = f"%{escape_like(text.lower())}%"
        query = query.where(
            or_(func.lower(Organization.name).like(needle, escape="\\"), col(Organization.slug).like(needle, escape="\\"))
        )
    if standing is not None:
        query = query.where(Organization.standing == standing)
    if after is not None:
        query = query.where(tuple_(col(Organization.name), col(Organization.id)) > tuple_(*after))
    return session.exec(query.order_by(col(Organization.name), col(Organization.id)).limit(limit)).all()


def by_word(session: Session, word: str) -> Sequence[Organization]:
    """Those whose id, slug or label is `word`, or, when there is none, whose name is it."""
    exact = session.exec(
        select(Organization).where(or_(*(col(c) == word for c in (Organization.id, Organization.slug, Organization.label))))
    ).all()
    return exact or session.exec(select(Organization).where(func.lower(Organization.name) == word.lower())).all()


def by_label(session: Session, label: str) -> Organization | None:
    """The one that this value of the cluster's organization label stands for; an id stands for itself."""
    return session.exec(select(Organization).where(or_(col(Organization.id) == label, col(Organization.label) == label))).first()


def everything(session: Session) -> Sequence[Organization]:
    return session.exec(select(Organization).order_by(col(Organization.created_at), col(Organization.id))).all()


def move(session: Session, organization_id: str, current: Standing, target: Standing) -> bool:
    """Set the standing if it still is `current`; False when somebody was faster."""
    moved = session.exec(
        update(Organization)
        .where(col(Organization.id) == organization_id, col(Organization.standing) == current)
        .values(standing=target)
        .execution_options(synchronize_session="fetch")
    )
    return moved.rowcount == 1


def lock(session: Session, organization_id: str) -> bool:
    """Hold the organization's row until the transaction ends, on both databases; False when there is none."""
    held = session.exec(
        update(Organization)
        .where(col(Organization.id) == organization_id)
        .values(slug=Organization.slug)
        .execution_options(synchronize_session=False)
    )
    return held.rowcount == 1


def escape_like(text: str) -> str:
    """`text` as it is inside a LIKE pattern with a backslash as escape character."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
