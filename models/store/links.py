"""One-time links that go out by mail: to verify an address, to choose a new password, to make the first admin."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlmodel import Field, Session, SQLModel, col, delete, select, update

from models.domain.ids import new_id
from models.store.types import UtcDateTime, text_enum


class LinkKind(StrEnum):
    """What a link is good for."""

    VERIFY = "verify"
    RESET = "reset"
    FIRST_ADMIN = "first_admin"


class OneTimeLink(SQLModel, table=True):
    """One link. `token_hash` is the SHA-256 of the secret in it; `person` and `organization` are what a sign-up asked for."""

    __tablename__ = "one_time_link"

    id: str = Field(default_factory=lambda: new_id("lnk"), primary_key=True)
    kind: LinkKind = Field(sa_type=text_enum(LinkKind))
    token_hash: str = Field(unique=True)
    email: str = Field(default="", index=True)
    user_id: str | None = Field(default=None, foreign_key="user.id")
    person: str = ""
    organization: str = ""
    locale: str = "en"
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


def good(session: Session, kind: LinkKind, token_hash: str, now: datetime) -> OneTimeLink | None:
    """The link of that digest if it may still be used."""
    row = session.exec(select(OneTimeLink).where(OneTimeLink.token_hash == token_hash, OneTimeLink.kind == kind)).first()
    return row if row is not None and row.used_at is None and now < row.expires_at else None


def spend(session: Session, link_id: str, now: datetime) -> bool:
    """Use it up: False when somebody was faster or it is over."""
    usable = (col(OneTimeLink.id) == link_id, col(OneTimeLink.used_at).is_(None), col(OneTimeLink.expires_at) > now)
    return session.exec(update(OneTimeLink).where(*usable).values(used_at=now)).rowcount == 1


def void(session: Session, kind: LinkKind, now: datetime, *, email: str | None = None) -> None:
    """End the unused links of a kind, of one address or of all."""
    unused = update(OneTimeLink).where(col(OneTimeLink.kind) == kind, col(OneTimeLink.used_at).is_(None))
    if email is not None:
        unused = unused.where(col(OneTimeLink.email) == email)
    session.exec(unused.values(used_at=now))


def forget_person(session: Session, email: str) -> int:
    """Delete every link that went to an address."""
    return session.exec(delete(OneTimeLink).where(col(OneTimeLink.email) == email)).rowcount
