"""Who may do what: the whole table, written out a second time, so that no cell changes unnoticed."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from models.domain.access import (
    MEMBER_PERMISSIONS,
    STAFF_PERMISSIONS,
    Actor,
    MemberRole,
    Permission,
    StaffRole,
    job_actor,
    member_actor,
    staff_actor,
)
from models.domain.errors import NotFound, NotPermitted

# owner, operator, billing, support, analyst of the staff; owner, developer, billing, viewer of an organization
TABLE = {
    "cluster.see": "oo.sa ....",
    "nodes.manage": "oo... ....",
    "organizations.see": "oobsa ....",
    "organizations.manage": "oob.. ....",
    "support.look": "oo.s. ....",
    "support.act": "oo.s. ....",
    "mapping.manage": "oo... ....",
    "staff.see": "oo... ....",
    "staff.manage": "o.... ....",
    "jobs.see": "oobs. ....",
    "jobs.run": "oo... ....",
    "audit.see": "oobs. ....",
    "settings.see": "oo... ....",
    "settings.manage": "oo... ....",
    "mail.see": "oo.s. ....",
    "warehouse.query": "oo..a ....",
    "tokens.manage": "oobsa odb.",
    "own.instances.see": "oobsa odbv",
    "own.instances.operate": "oo... od..",
    "own.members.see": "oobs. odbv",
    "own.members.manage": "oo... o...",
    "own.billing.see": "oobsa o.b.",
    "own.billing.manage": "o.b.. o.b.",
    "own.audit.see": "oobs. od..",
    "own.organization.manage": "oo... o...",
}


def test_the_table_has_every_permission() -> None:
    assert set(TABLE) == set(Permission)


@pytest.mark.parametrize("role", StaffRole)
@pytest.mark.parametrize("permission", Permission)
def test_each_cell_of_the_staffs_table(role: StaffRole, permission: Permission) -> None:
    expected = TABLE[permission].split()[0][list(StaffRole).index(role)] != "."
    assert (permission in STAFF_PERMISSIONS[role]) is expected
    actor = staff_actor("usr_1", "Citra", role)
    assert actor.may(permission) is expected
    assert actor.may(permission, "org_1") is expected


@pytest.mark.parametrize("role", MemberRole)
@pytest.mark.parametrize("permission", Permission)
def test_each_cell_of_the_members_table(role: MemberRole, permission: Permission) -> None:
    expected = TABLE[permission].split()[1][list(MemberRole).index(role)] != "."
    assert (permission in MEMBER_PERMISSIONS[role]) is expected
    actor = member_actor("usr_1", "Ayu", {"org_1": role})
    assert actor.may(permission, "org_1") is expected
    assert not actor.may(permission, "org_2")
    assert actor.may(permission) is (expected and permission is Permission.MANAGE_OWN_TOKENS)


def test_no_member_holds_what_is_over_all_organizations() -> None:
    over_all = {p for p in Permission if not p.startswith("own.")} - {Permission.MANAGE_OWN_TOKENS}
    assert all(not held & over_all for held in MEMBER_PERMISSIONS.values())


@pytest.mark.parametrize("permission", Permission)
def test_a_stranger_hears_not_found_and_a_colleague_hears_why(permission: Permission) -> None:
    stranger, viewer = (
        member_actor("usr_1", "Eve", {"org_2": MemberRole.OWNER}),
        member_actor("u", "V", {"org_1": MemberRole.VIEWER}),
    )
    with pytest.raises(NotFound):
        stranger.require(permission, "org_1")
    if permission not in MEMBER_PERMISSIONS[MemberRole.VIEWER]:
        with pytest.raises(NotPermitted, match=permission):
            viewer.require(permission, "org_1")


@pytest.mark.parametrize(
    "actor", [job_actor("test"), staff_actor("u", "S", StaffRole.OPERATOR), member_actor("u", "M", {"o": MemberRole.OWNER})]
)
def test_scopes_only_take_away(actor: Actor) -> None:
    for scopes in ([], [Permission.SEE_OWN_INSTANCES], list(Permission)):
        limited = actor.limited_to(scopes)
        for permission in Permission:
            for organization in (None, "o", "p"):
                allowed = limited.may(permission, organization)
                assert allowed is (actor.may(permission, organization) and permission in _set(scopes))


def _set(scopes: Iterable[Permission]) -> set[Permission]:
    return set(scopes)
