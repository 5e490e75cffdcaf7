"""Signed-in sessions and sign-ins that still wait for a second factor. Only digests of the cookies are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Field, Session, SQLModel, col, delete, func, select, update

from models.domain.ids import new_id
from models.store.types import UtcDateTime, text_enum


class WebSession(SQLModel, table=True):
    """One browser that is, or was, signed in. `token_hash` is the SHA-256 of its cookie, in hexadecimal."""

    __tablename__ = "web_session"

    id: str = Field(default_factory=lambda: new_id("ses"), primary_key=True)
    token_hash: str = Field(unique=True)
    user_id: str = Field(foreign_key="user.id", index=True)
    created_at: datetime = Field(sa_type=UtcDateTime)
    proved_at: datetime = Field(sa_type=UtcDateTime)
    """When the person last gave password and second factor."""
    seen_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
    idle_seconds: int
    strong: bool
    """Whether a second factor was given, or none is asked of anybody here."""
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    device: str = ""
    """What the browser says it is, in words."""
    address: str = ""
    """Network address it signed in from."""

    def open_at(self, now: datetime) -> bool:
        """Whether it lets its owner in at `now`: not revoked, neither expired nor idle for too long."""
        idle_until = self.seen_at + timedelta(seconds=self.idle_seconds)
        return self.revoked_at is None and now < self.expires_at and now < idle_until


class Stage(StrEnum):
    """What a sign-in still waits for after the right password."""

    CODE = "code"
    ENROL = "enrol"


class Challenge(SQLModel, table=True):
    """A sign-in between password and second factor; good for minutes, for one success."""

    __tablename__ = "sign_in_challenge"

    token_hash: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="user.id", index=True)
    stage: Stage = Field(sa_type=text_enum(Stage))
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)


def by_hash(session: Session, token_hash: str) -> WebSession | None:
    """The session of that digest, in whatever state."""
    return session.exec(select(WebSession).where(WebSession.token_hash == token_hash)).first()


def of_user(session: Session, user_id: str) -> list[WebSession]:
    """All sessions of a person that were not revoked, newest first."""
    found = select(WebSession).where(WebSession.user_id == user_id, col(WebSession.revoked_at).is_(None))
    return list(session.exec(found.order_by(col(WebSession.created_at).desc())).all())


def last_seen(session: Session, user_ids: Sequence[str]) -> Mapping[str, datetime]:
    """When each of these people last used a session, as far as sessions are on record."""
    newest = func.max(WebSession.seen_at)
    found = select(WebSession.user_id, newest).where(col(WebSession.user_id).in_(user_ids)).group_by(col(WebSession.user_id))
    return dict(session.exec(found).all())


def touch(session: Session, session_id: str, now: datetime) -> None:
    """Note that the session was used; never moves its time backwards."""
    session.exec(update(WebSession).where(col(WebSession.id) == session_id, col(WebSession.seen_at) < now).values(seen_at=now))


def revoke(session: Session, *, now: datetime, user_id: str, only: str | None = None, but: str | None = None) -> tuple[str, ...]:
    """End sessions of `user_id`: the one with id `only`, or all, but for the id `but`. Answers the ids that were ended now."""
    live = select(WebSession).where(WebSession.user_id == user_id, col(WebSession.revoked_at).is_(None))
    if only is not None:
        live = live.where(WebSession.id == only)
    if but is not None:
        live = live.where(WebSession.id != but)
    rows = session.exec(live).all()
    for row in rows:
        row.revoked_at = now
        session.add(row)
    session.flush()
    return tuple(row.id for row in rows)


def spend_challenge(session: Session, token_hash: str) -> bool:
    """Take a challenge away: False when it was gone already, so that it is good for one session."""
    return session.exec(delete(Challenge).where(col(Challenge.token_hash) == token_hash)).rowcount == 1


def drop_challenges(session: Session, user_id: str) -> None:
    """End sign-ins of a person that still wait."""
    session.exec(delete(Challenge).where(col(Challenge.user_id) == user_id))


def is_new_place(session: Session, user_id: str, device: str, address: str) -> bool:
    """Whether a person who has signed in before has never done so with this device from this address."""
    places = session.exec(select(WebSession.device, WebSession.address).where(WebSession.user_id == user_id)).all()
    return bool(places) and (device, address) not in [tuple(place) for place in places]


def blank(session: Session, user_id: str) -> None:
    """Forget from where and with what a person signed in."""
    session.exec(update(WebSession).where(col(WebSession.user_id) == user_id).values(device="", address=""))
