"""Who a person is to the platform: the actor with the rights of all their roles."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlmodel import Session

from models.domain.access import Actor, MemberRole, StaffRole, member_actor, staff_actor
from models.domain.organizations import Standing
from models.store import members, staff
from models.store.members import User


@dataclass(frozen=True, slots=True)
class Belonging:
    """One organization that a person is a member of."""

    id: str
    name: str
    slug: str
    role: MemberRole


@dataclass(frozen=True, slots=True)
class Person:
    """A user with their roles as they are now."""

    user: User
    actor: Actor
    staff_role: StaffRole | None
    organizations: tuple[Belonging, ...]

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
