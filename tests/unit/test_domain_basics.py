from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain.access import (
    MEMBER_PERMISSIONS,
    STAFF_PERMISSIONS,
    Actor,
    ActorKind,
    MemberRole,
    Permission,
    StaffRole,
    member_actor,
    staff_actor,
)
from models.domain.clock import FrozenClock
from models.domain.errors import NotFound, NotPermitted
from models.domain.ids import is_label, new_id, slug


def test_a_frozen_clock_moves_only_forward_and_only_when_told():
    clock = FrozenClock(datetime(2026, 1, 1, tzinfo=UTC))
    clock.advance(timedelta(hours=1))
    assert clock.now() == datetime(2026, 1, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(timedelta(seconds=-1))
    with pytest.raises(ValueError, match="time zone"):
        FrozenClock(datetime(2026, 1, 1))  # noqa: DTZ001  the naive value is the point


@given(st.text(max_size=80))
def test_a_slug_is_always_a_dns_label(text):
    assert is_label(slug(text))


def test_ids_carry_their_noun_and_differ():
    first, second = new_id("org"), new_id("org")
    assert first.startswith("org_")
    assert first != second


@pytest.mark.parametrize("role", MemberRole)
@pytest.mark.parametrize("permission", Permission)
def test_a_member_holds_nothing_outside_the_own_organization(role, permission):
    actor = member_actor("usr_1", "Ayu", {"org_a": role})
    assert actor.may(permission, "org_a") == (permission in MEMBER_PERMISSIONS[role])
    assert not actor.may(permission, "org_b")
    with pytest.raises(NotFound):
        actor.require(permission, "org_b")


@pytest.mark.parametrize("role", StaffRole)
def test_staff_hold_what_their_role_lists_everywhere(role):
    actor = staff_actor("usr_2", "Budi", role)
    for permission in Permission:
        assert actor.may(permission, "org_a") == (permission in STAFF_PERMISSIONS[role])


def test_an_owner_may_do_everything_and_an_analyst_may_not_manage():
    assert STAFF_PERMISSIONS[StaffRole.OWNER] == frozenset(Permission)
    with pytest.raises(NotPermitted):
        staff_actor("usr_3", "Cahya", StaffRole.ANALYST).require(Permission.MANAGE_SETTINGS)


def test_a_token_is_never_stronger_than_its_owner():
    owner = member_actor("usr_1", "Ayu", {"org_a": MemberRole.VIEWER})
    token = owner.limited_to(Permission)
    assert token.within == owner.within
    weaker = owner.limited_to({Permission.SEE_OWN_INSTANCES})
    assert weaker.within == {"org_a": frozenset({Permission.SEE_OWN_INSTANCES})}


def test_an_actor_without_rights_may_nothing():
    nobody = Actor("usr_0", ActorKind.MEMBER, "Nobody")
    assert not any(nobody.may(p, o) for p in Permission for o in (None, "org_a"))
