"""People, their membership in organizations, and the invitations on the way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col, select
from sqlmodel.sql.expression import SelectOfScalar

from models.domain.access import MemberRole
from models.domain.errors import Conflict
from models.domain.ids import new_id
from models.store.organizations import Organization
from models.store.types import UtcDateTime, text_enum


class User(SQLModel, table=True):
    """A person who can sign in: member, staff or both. `email` is kept in lower case."""

    id: str = Field(default_factory=lambda: new_id("usr"), primary_key=True)
    email: str = Field(unique=True)
    name: str
    password_hash: str | None = None
    email_verified_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    totp_secret_sealed: str | None = None
    totp_confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    locale: str = "en"
    timezone: str = "UTC"
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)


class Membership(SQLModel, table=True):
    """What a person is in one organization."""

    user_id: str = Field(foreign_key="user.id", primary_key=True)
    organization_id: str = Field(foreign_key="organization.id", primary_key=True, index=True)
    role: MemberRole = Field(sa_type=text_enum(MemberRole))
    created_at: datetime = Field(sa_type=UtcDateTime)


class Invitation(SQLModel, table=True):
    """A link on its way to an address. Of its token only the SHA-256 (hexadecimal) is kept; good until `expires_at`.

    Into an organization with a member role, or with `organization_id` None into the staff with a staff role.
    """

    id: str = Field(default_factory=lambda: new_id("inv"), primary_key=True)
    organization_id: str | None = Field(default=None, foreign_key="organization.id", index=True)
    email: str = Field(index=True)
    role: str
    token_hash: str = Field(unique=True)
    invited_by: str
    """Name of the person who invited."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    accepted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


def user_by_id(session: Session, user_id: str) -> User | None:
    return session.get(User, user_id)


def user_by_email(session: Session, email: str) -> User | None:
    return session.exec(select(User).where(User.email == email.strip().lower())).first()


def add_user(session: Session, *, email: str, name: str, now: datetime, locale: str = "en", timezone: str = "UTC") -> User:
    """A new person, flushed; Conflict when somebody else took the address just now.

    `email` was checked by `models.domain.organizations.check_email`.
    """
    row = User(email=email, name=name, created_at=now, locale=locale, timezone=timezone)
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError:
        raise Conflict("This address has an account already. Sign in with it.") from None
    return row


def join(session: Session, *, user_id: str, organization_id: str, role: MemberRole, now: datetime) -> Membership:
    """Make the person a member; who is one already keeps the role they have."""
    found = membership(session, organization_id, user_id)
    if found is not None:
        return found
    row = Membership(user_id=user_id, organization_id=organization_id, role=role, created_at=now)
    session.add(row)
    session.flush()
    return row


def membership(session: Session, organization_id: str, user_id: str) -> Membership | None:
    return session.get(Membership, (user_id, organization_id))


def of_organization(session: Session, organization_id: str) -> Sequence[tuple[User, Membership]]:
    """By name, then id."""
    query = select(User, Membership).where(Membership.user_id == User.id, Membership.organization_id == organization_id)
    return [(user, member) for user, member in session.exec(query.order_by(col(User.name), col(User.id)))]


def of_user(session: Session, user_id: str) -> Sequence[tuple[Organization, Membership]]:
    """The organizations of a person, by name, then id."""
    query = select(Organization, Membership).where(Membership.organization_id == Organization.id, Membership.user_id == user_id)
    return [(org, member) for org, member in session.exec(query.order_by(col(Organization.name), col(Organization.id)))]


def roles_of_user(session: Session, user_id: str) -> dict[str, MemberRole]:
    """Organization id to role: what `models.domain.access.member_actor` wants."""
    return {m.organization_id: m.role for m in session.exec(select(Membership).where(Membership.user_id == user_id))}


def roles_in(session: Session, organization_id: str) -> dict[str, MemberRole]:
    """User id to role, read from the database also where the session remembers older rows."""
    query = select(col(Membership.user_id), col(Membership.role)).where(Membership.organization_id == organization_id)
    return dict(session.exec(query).all())


def invitation_by_id(session: Session, invitation_id: str) -> Invitation | None:
    return session.get(Invitation, invitation_id)


def open_invitation(session: Session, token_hash: str, now: datetime) -> Invitation | None:
    """The invitation of that token, unless it is used, revoked or too old."""
    return session.exec(_open(now).where(Invitation.token_hash == token_hash)).first()


def open_invitations(session: Session, organization_id: str | None, now: datetime) -> Sequence[Invitation]:
    """Newest first; None: those into the staff."""
    query = _open(now).where(col(Invitation.organization_id).is_not_distinct_from(organization_id))
    return session.exec(query.order_by(col(Invitation.created_at).desc(), col(Invitation.id))).all()


def accept(session: Session, invitation_id: str, now: datetime) -> bool:
    """Use the invitation up; False when it is no longer open, so that a link works once."""
    used = session.exec(
        update(Invitation)
        .where(
            col(Invitation.id) == invitation_id,
            col(Invitation.accepted_at).is_(None),
            col(Invitation.revoked_at).is_(None),
            col(Invitation.expires_at) > now,
        )
        .values(accepted_at=now)
        .execution_options(synchronize_session="fetch")
    )
    return used.rowcount == 1


def _open(now: datetime) -> SelectOfScalar[Invitation]:
    return select(Invitation).where(
        col(Invitation.accepted_at).is_(None), col(Invitation.revoked_at).is_(None), col(Invitation.expires_at) > now
    )


def invitations_of(session: Session, organization_id: str) -> Sequence[Invitation]:
    """All invitations into an organization, answered and ended ones too, newest first."""
    query = select(Invitation).where(Invitation.organization_id == organization_id)
    return session.exec(query.order_by(col(Invitation.created_at).desc(), col(Invitation.id))).all()


def blank_invitations(session: Session, organization_id: str, now: datetime) -> None:
    """End the open invitations of an organization and forget to whom any went, and who sent them."""
    for row in invitations_of(session, organization_id):
        if row.accepted_at is None and row.revoked_at is None:
            row.revoked_at = now
        row.email, row.invited_by = "", ""
        session.add(row)
    session.flush()


def leave_all(session: Session, organization_id: str) -> int:
    """End every membership of an organization; how many there were."""
    gone = session.exec(delete(Membership).where(col(Membership.organization_id) == organization_id))
    return gone.rowcount
