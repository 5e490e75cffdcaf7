"""API tokens: scopes, expiry, last use. The secret itself is shown once and kept as a digest."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Field, Session, SQLModel, col, select, update

from models.domain.access import Permission
from models.domain.ids import new_id
from models.store.types import UtcDateTime


class ApiToken(SQLModel, table=True):
    """One token of one person. `token_hash` is the SHA-256 of the secret; `hint` is the part of it that lists show."""

    __tablename__ = "api_token"

    id: str = Field(default_factory=lambda: new_id("tok"), primary_key=True)
    token_hash: str = Field(unique=True)
    hint: str
    user_id: str = Field(foreign_key="user.id", index=True)
    organization_id: str | None = Field(default=None, foreign_key="organization.id", index=True)
    """When set, the token holds inside this organization only."""
    name: str
    scopes: str
    """Permissions in alphabetical order, parted by spaces."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    @property
    def permissions(self) -> frozenset[Permission]:
        """The scopes as permissions; names that this version does not know grant nothing."""
        known = {str(p) for p in Permission}
        return frozenset(Permission(name) for name in self.scopes.split() if name in known)

    def open_at(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def by_hash(session: Session, token_hash: str) -> ApiToken | None:
    return session.exec(select(ApiToken).where(ApiToken.token_hash == token_hash)).first()


def of_user(session: Session, user_id: str) -> list[ApiToken]:
    """A person's tokens, newest first, revoked ones too."""
    mine = select(ApiToken).where(ApiToken.user_id == user_id)
    return list(session.exec(mine.order_by(col(ApiToken.created_at).desc(), col(ApiToken.id))).all())


def touch(session: Session, token_id: str, now: datetime, *, every: timedelta) -> None:
    """Note the use, at most once in `every`."""
    stale = col(ApiToken.used_at).is_(None) | (col(ApiToken.used_at) <= now - every)
    session.exec(update(ApiToken).where(col(ApiToken.id) == token_id, stale).values(used_at=now))


def by_id(session: Session, token_id: str) -> ApiToken | None:
    return session.get(ApiToken, token_id)


def of_organization(session: Session, organization_id: str) -> list[ApiToken]:
    """Tokens that hold inside that organization only, newest first, revoked ones too."""
    found = select(ApiToken).where(ApiToken.organization_id == organization_id)
    return list(session.exec(found.order_by(col(ApiToken.created_at).desc(), col(ApiToken.id))).all())


def revoke(session: Session, token_id: str, now: datetime) -> bool:
    """End it; False when it was ended before."""
    open_one = (col(ApiToken.id) == token_id, col(ApiToken.revoked_at).is_(None))
    return session.exec(update(ApiToken).where(*open_one).values(revoked_at=now)).rowcount == 1


def revoke_all(session: Session, now: datetime, *, user_id: str | None = None, organization_id: str | None = None) -> int:
    """End the open tokens of one person, or those inside one organization; how many there were."""
    if (user_id is None) == (organization_id is None):
        raise ValueError("name a person or an organization")
    whose = col(ApiToken.user_id) == user_id if user_id is not None else col(ApiToken.organization_id) == organization_id
    return session.exec(update(ApiToken).where(whose, col(ApiToken.revoked_at).is_(None)).values(revoked_at=now)).rowcount
