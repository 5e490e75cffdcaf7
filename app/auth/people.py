"""Who a person is to the platform: the actor with the rights of all their roles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session

from models.domain.access import Actor, MemberRole, Permission, StaffRole, member_actor, staff_actor, support_actor
from models.domain.organizations import Standing
from models.store import members, organizations, staff, support
from models.store.members import User


@dataclass(frozen=True, slots=True)
class Belonging:
    """One organization that a person is a member of."""

    id: str
    name: str
    slug: str
    role: MemberRole


@dataclass(frozen=True, slots=True)
class Support:
    """A stay with an organization as support."""

    stay_id: str
    organization: str
    reason: str
    acts: bool
    until: datetime


@dataclass(frozen=True, slots=True)
class Person:
    """A user with their roles as they are now."""

    user: User
    actor: Actor
    staff_role: StaffRole | None
    organizations: tuple[Belonging, ...]
    support: Support | None = None
    """The stay in which they are as support: then the actor is that of the stay, and nothing else is theirs."""

    @property
    def has_place(self) -> bool:
        """Whether any role is left."""
        return self.staff_role is not None or bool(self.organizations)


def of(session: Session, user: User) -> Person:
    """The person with rights from the store, read anew at each call, so that a removed role is gone at once."""
    appointed = staff.by_user(session, user.id)
    staff_role = appointed.role if appointed else None
    organizations = tuple(
        Belonging(organization.id, organization.name, organization.slug, membership.role)
        for organization, membership in members.of_user(session, user.id)
        if organization.standing is not Standing.ANONYMISED
    )
    actor = member_actor(user.id, user.name, {org.id: org.role for org in organizations})
    if staff_role is not None:
        actor = replace(staff_actor(user.id, user.name, staff_role), within=actor.within)
    return Person(user, actor, staff_role, organizations)


def supporting(session: Session, person: Person, now: datetime) -> Person:
    """The same person, or as support while a stay of theirs is open and they still may: for signed-in browsers, never for tokens."""
    if person.staff_role is None or not person.actor.may(Permission.LOOK_AS_SUPPORT):
        return person
    stay = support.open_of(session, person.user.id, now)
    place = None if stay is None else organizations.by_id(session, stay.organization_id)
    if stay is None or place is None or place.standing is Standing.ANONYMISED:
        return person
    acts = stay.acts and person.actor.may(Permission.ACT_AS_SUPPORT)
    actor = support_actor(person.user.id, person.user.name, place.id, acts=acts)
    here = (Belonging(place.id, place.name, place.slug, MemberRole.VIEWER),)
    return Person(person.user, actor, None, here, Support(stay.id, place.name, stay.reason, acts, stay.until))
