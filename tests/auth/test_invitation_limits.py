"""Invitations are mail to strangers: so many from one person, from one organization, and to one receiver within an hour."""

from __future__ import annotations

import pytest

from app.auth import people
from app.services import invitations
from app.services import members as service
from models.domain.access import Actor, MemberRole
from models.domain.errors import TooManyAttempts
from models.store import members
from models.store.limits import Rule
from models.store.members import User
from tests.auth.conftest import Portal


def _actor(portal: Portal, person: User) -> Actor:
    with portal.store.reading() as session:
        user = members.user_by_id(session, person.id)
        assert user
        return people.of(session, user).actor


def _invite(portal: Portal, actor: Actor, email: str) -> None:
    with portal.container.transaction(actor, "page") as ctx:
        service.invite(ctx, organization_id=next(iter(actor.within)), email=email, role=MemberRole.VIEWER)


def test_one_receiver_gets_so_many_from_one_organization_and_another_one_is_not_held_up(portal: Portal) -> None:
    first, second = (_actor(portal, portal.customer(name)) for name in ("Kopi Kita", "Toko Buku"))
    for _ in range(5):
        _invite(portal, first, "ayu@example.com")
    with pytest.raises(TooManyAttempts, match="Try again in"):
        _invite(portal, first, "Ayu@example.com")
    _invite(portal, second, "ayu@example.com")
    assert len(portal.mails("ayu@example.com")) == 6
    _invite(portal, first, "wayan@example.com")
    portal.later(minutes=121)
    _invite(portal, first, "ayu@example.com")


def test_one_receiver_gets_so_many_from_everybody_together(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert invitations.TO_ONE_PERSON_FROM_ALL.most > 3 * invitations.TO_ONE_PERSON.most, "one alone cannot use it up"
    monkeypatch.setattr(invitations, "TO_ONE_PERSON_FROM_ALL", Rule(6, invitations.TO_ONE_PERSON_FROM_ALL.window))
    first, second = (_actor(portal, portal.customer(name)) for name in ("Kopi Kita", "Toko Buku"))
    for actor in (first, second) * 3:
        _invite(portal, actor, "ayu@example.com")
    for actor in (first, second):
        with pytest.raises(TooManyAttempts, match="Try again in"):
            _invite(portal, actor, "Ayu@example.com")
    assert len(portal.mails("ayu@example.com")) == 6


@pytest.mark.parametrize("rule", ["FROM_ONE_PERSON", "FROM_ONE_ORGANIZATION"])
def test_revoking_what_waits_makes_no_room_for_more(portal: Portal, monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    kept = getattr(invitations, rule)
    monkeypatch.setattr(invitations, rule, Rule(4, kept.window))
    actor = _actor(portal, portal.customer())
    for number in range(4):
        _invite(portal, actor, f"person{number}@example.com")
        with portal.container.transaction(actor, "page") as ctx:
            [waits] = invitations.list_(ctx, organization_id=next(iter(actor.within)))
            invitations.revoke(ctx, invitation_id=waits.id)
    with pytest.raises(TooManyAttempts):
        _invite(portal, actor, "person4@example.com")
