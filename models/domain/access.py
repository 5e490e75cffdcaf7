"""Who may do what: one table from role to permissions, denied unless listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from models.domain.errors import NotFound, NotPermitted


class Permission(StrEnum):
    """What services ask for. Those that begin with `own.` are held inside one organization, the others over all of them."""

    SEE_CLUSTER = "cluster.see"
    MANAGE_NODES = "nodes.manage"
    SEE_ORGANIZATIONS = "organizations.see"
    MANAGE_ORGANIZATIONS = "organizations.manage"
    LOOK_AS_SUPPORT = "support.look"
    ACT_AS_SUPPORT = "support.act"
    MAP_NAMESPACES = "mapping.manage"
    SEE_STAFF = "staff.see"
    MANAGE_STAFF = "staff.manage"
    SEE_JOBS = "jobs.see"
    RUN_JOBS = "jobs.run"
    SEE_AUDIT = "audit.see"
    SEE_SETTINGS = "settings.see"
    MANAGE_SETTINGS = "settings.manage"
    SEE_MAIL = "mail.see"
    QUERY_WAREHOUSE = "warehouse.query"
    MANAGE_OWN_TOKENS = "tokens.manage"

    SEE_OWN_INSTANCES = "own.instances.see"
    OPERATE_OWN_INSTANCES = "own.instances.operate"
    SEE_OWN_MEMBERS = "own.members.see"
    MANAGE_OWN_MEMBERS = "own.members.manage"
    SEE_OWN_BILLING = "own.billing.see"
    MANAGE_OWN_BILLING = "own.billing.manage"
    SEE_OWN_AUDIT = "own.audit.see"
    MANAGE_OWN_ORGANIZATION = "own.organization.manage"


class StaffRole(StrEnum):
    """Roles of the people who run the platform."""

    OWNER = "owner"
    OPERATOR = "operator"
    BILLING = "billing"
    SUPPORT = "support"
    ANALYST = "analyst"


class MemberRole(StrEnum):
    """Roles inside one organization."""

    OWNER = "owner"
    DEVELOPER = "developer"
    BILLING = "billing"
    VIEWER = "viewer"


P = Permission
_OWN = frozenset(p for p in P if p.startswith("own."))
_SEE_OWN = frozenset({P.SEE_OWN_INSTANCES, P.SEE_OWN_MEMBERS, P.SEE_OWN_BILLING, P.SEE_OWN_AUDIT})

STAFF_PERMISSIONS: Mapping[StaffRole, frozenset[Permission]] = {
    StaffRole.OWNER: frozenset(P),
    StaffRole.OPERATOR: frozenset(P) - {P.MANAGE_STAFF, P.MANAGE_OWN_BILLING},
    StaffRole.BILLING: _SEE_OWN
    | {P.SEE_ORGANIZATIONS, P.MANAGE_ORGANIZATIONS, P.SEE_JOBS, P.SEE_AUDIT, P.MANAGE_OWN_BILLING, P.MANAGE_OWN_TOKENS},
    StaffRole.SUPPORT: _SEE_OWN
    | {P.SEE_CLUSTER, P.SEE_ORGANIZATIONS, P.SEE_JOBS, P.SEE_AUDIT, P.SEE_MAIL, P.MANAGE_OWN_TOKENS}
    | {P.LOOK_AS_SUPPORT, P.ACT_AS_SUPPORT},
    StaffRole.ANALYST: frozenset(
        {P.SEE_CLUSTER, P.SEE_ORGANIZATIONS, P.SEE_OWN_INSTANCES, P.SEE_OWN_BILLING, P.QUERY_WAREHOUSE, P.MANAGE_OWN_TOKENS}
    ),
}

MEMBER_PERMISSIONS: Mapping[MemberRole, frozenset[Permission]] = {
    MemberRole.OWNER: _OWN | {P.MANAGE_OWN_TOKENS},
    MemberRole.DEVELOPER: frozenset(
        {P.SEE_OWN_INSTANCES, P.OPERATE_OWN_INSTANCES, P.SEE_OWN_MEMBERS, P.SEE_OWN_AUDIT, P.MANAGE_OWN_TOKENS}
    ),
    MemberRole.BILLING: frozenset(
        {P.SEE_OWN_INSTANCES, P.SEE_OWN_MEMBERS, P.SEE_OWN_BILLING, P.MANAGE_OWN_BILLING, P.MANAGE_OWN_TOKENS}
    ),
    MemberRole.VIEWER: frozenset({P.SEE_OWN_INSTANCES, P.SEE_OWN_MEMBERS}),
}


SUPPORT_PERMISSIONS = _SEE_OWN
"""What staff who look as support hold inside that organization: its credentials, tokens, people and money are never theirs.

What services let whoever operates do with money or with what customers keep secret asks `Actor.leave_to_its_people` besides."""
SUPPORT_ACTS = SUPPORT_PERMISSIONS | {P.OPERATE_OWN_INSTANCES}


class ActorKind(StrEnum):
    """How an actor came to be one."""

    MEMBER = "member"
    STAFF = "staff"
    SUPPORT = "support"
    """Staff inside one organization, for a time and with a reason."""
    TOKEN = "token"
    JOB = "job"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something. `everywhere` holds over all organizations, `within` inside the named ones only."""

    id: str
    kind: ActorKind
    name: str
    everywhere: frozenset[Permission] = frozenset()
    within: Mapping[str, frozenset[Permission]] = field(default_factory=dict)

    def may(self, permission: Permission, organization: str | None = None) -> bool:
        if permission in self.everywhere:
            return True
        if organization is None:
            return permission is Permission.MANAGE_OWN_TOKENS and any(permission in held for held in self.within.values())
        return permission in self.within.get(organization, frozenset())

    def leave_to_its_people(self, what: str) -> None:
        """Raise when the actor is support: `what` ("choose a plan") costs, earns or tells what is the customer's own."""
        if self.kind is ActorKind.SUPPORT:
            raise NotPermitted(f"Support cannot {what}. Somebody of the organization has to do it.")

    def require(self, permission: Permission, organization: str | None = None) -> None:
        """Raise unless permitted. A stranger to `organization` hears "not found", so that ids of others stay unknown."""
        if self.may(permission, organization):
            return
        if organization is not None and organization not in self.within and not self.everywhere & _SEE_OWN:
            raise NotFound("There is nothing here under that name, or it is not yours.")
        raise NotPermitted(f"This needs the right “{permission}”, which {self.name} does not have. Ask an owner for it.")

    def limited_to(self, scopes: Iterable[Permission]) -> Actor:
        """The same actor with no more than `scopes`: how a token is made weaker than its owner."""
        kept = frozenset(scopes)
        return Actor(self.id, self.kind, self.name, self.everywhere & kept, {org: held & kept for org, held in self.within.items()})


def staff_actor(id: str, name: str, role: StaffRole) -> Actor:
    return Actor(id, ActorKind.STAFF, name, STAFF_PERMISSIONS[role])


def member_actor(id: str, name: str, roles: Mapping[str, MemberRole]) -> Actor:
    return Actor(id, ActorKind.MEMBER, name, frozenset(), {org: MEMBER_PERMISSIONS[role] for org, role in roles.items()})


def support_actor(id: str, name: str, organization: str, *, acts: bool) -> Actor:
    """A person of the staff while they are with one organization as support; their own rights rest meanwhile."""
    held = SUPPORT_ACTS if acts else SUPPORT_PERMISSIONS
    return Actor(id, ActorKind.SUPPORT, f"{name} (support)", frozenset(), {organization: held})


def job_actor(name: str) -> Actor:
    """The platform itself at work; it may do what any of its jobs needs."""
    return Actor(f"job:{name}", ActorKind.JOB, name, frozenset(Permission))
