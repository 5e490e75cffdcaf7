"""Staff and the accounts they look after, on both databases."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from app.auth import sessions, tokens
from app.auth.policy import Policy
from app.services import staff, users
from app.services import tokens as token_service
from models.domain.access import Permission, StaffRole, staff_actor
from models.domain.errors import Conflict, NotFound, NotPermitted, PlatformError
from models.store import mail
from models.store import staff as rows
from models.store.session import Store
from tests.stories import NOW, a_context, a_customer, a_job, a_staff_member, a_stranger

POLICY = Policy("https://portal.test", False, False, timedelta(hours=12), timedelta(hours=2))


def test_only_owners_make_staff(store: Store) -> None:
    with store.transaction() as session:
        person = a_customer(session).owner
        for actor in (a_staff_member(session, StaffRole.OPERATOR), a_stranger(session)):
            ctx = a_context(session, actor)
            for attack in (
                lambda ctx=ctx, me=actor.id: staff.set_role(ctx, user_id=me, role=StaffRole.OWNER),
                lambda ctx=ctx: staff.invite(ctx, email="eve@example.com", role=StaffRole.OWNER),
                lambda ctx=ctx: staff.remove(ctx, user_id=person.id),
                lambda ctx=ctx: users.reset_link(ctx, email=person.email),
                lambda ctx=ctx: users.disable(ctx, user_id=person.id),
                lambda ctx=ctx: users.create(ctx, email="eve@example.com", name="Eve", role=StaffRole.OWNER),
                lambda ctx=ctx: users.drop_second_factor(ctx, user_id=person.id),
            ):
                with pytest.raises(NotPermitted):
                    attack()


def test_the_last_owner_of_the_platform_stays(store: Store) -> None:
    with store.transaction() as session:
        owner = a_staff_member(session)
        ctx = a_context(session, owner)
        for attempt in (
            lambda: staff.remove(ctx, user_id=owner.id),
            lambda: staff.set_role(ctx, user_id=owner.id, role=StaffRole.ANALYST),
            lambda: users.disable(ctx, user_id=owner.id),
        ):
            with pytest.raises(Conflict, match="last owner"):
                attempt()
        other = a_customer(session).owner
        staff.set_role(ctx, user_id=other.id, role=StaffRole.OWNER)
        staff.remove(ctx, user_id=owner.id)
        assert [row.user_id for _, row in rows.everyone(session)] == [other.id]


def test_an_owner_who_cannot_sign_in_is_not_counted(store: Store) -> None:
    with store.transaction() as session:
        owner, other = a_staff_member(session), a_staff_member(session, name="Dewi")
        ctx = a_context(session, owner)
        users.disable(ctx, user_id=other.id)
        with pytest.raises(Conflict, match="last owner"):
            staff.remove(ctx, user_id=owner.id)
        staff.remove(ctx, user_id=other.id)


def test_two_owners_who_remove_each_other_at_once_leave_one(store: Store) -> None:
    with store.transaction() as session:
        both = [a_staff_member(session, name=name).id for name in ("Citra", "Dewi")]
    outcomes: list[str] = []
    start = threading.Barrier(2)

    def remove(actor_id: str, target: str) -> None:
        start.wait()
        try:
            with store.transaction() as session:
                staff.remove(a_context(session, staff_actor(actor_id, "Owner", StaffRole.OWNER)), user_id=target)
            outcomes.append("removed")
        except PlatformError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=remove, args=pair) for pair in (both, both[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict", "removed"]


def test_disabling_ends_sessions_and_tokens_at_once_and_enabling_brings_none_back(store: Store) -> None:
    with store.transaction() as session:
        owner, customer = a_staff_member(session), a_customer(session)
        cookie = sessions.begin(
            session, user_id=customer.owner.id, strong=False, policy=POLICY, now=NOW, device="", address="10.0.0.1"
        )
        made = token_service.make(a_context(session, customer.actor), name="ci", scopes=[Permission.SEE_OWN_INSTANCES])
    assert sessions.identify(store, sessions.digest(cookie), NOW)
    assert tokens.resolve(store, made.secret, NOW)
    with store.transaction() as session:
        assert len(users.disable(a_context(session, owner), user_id=customer.owner.id)) == 1
    for _ in range(2):
        assert sessions.identify(store, sessions.digest(cookie), NOW) is None
        assert tokens.resolve(store, made.secret, NOW) is None
        with store.transaction() as session:
            if users.find(a_context(session, owner), email=customer.owner.email).disabled_at:
                users.enable(a_context(session, owner), user_id=customer.owner.id)


def test_the_console_makes_people_and_links(store: Store) -> None:
    with store.transaction() as session:
        ctx = a_context(session, a_job(), edge="cli")
        made = users.create(ctx, email="Citra@Example.com", name="Citra", role=StaffRole.OPERATOR)
        assert (made.email, made.staff_role) == ("citra@example.com", StaffRole.OPERATOR)
        assert "/reset?token=" in users.reset_link(ctx, email="citra@example.com")
        with pytest.raises(Conflict):
            users.create(ctx, email="citra@example.com", name="Twice")
        with pytest.raises(NotFound):
            users.find(ctx, email="nobody@example.com")


def test_staff_are_invited_by_mail_in_their_language(store: Store) -> None:
    with store.transaction() as session:
        ctx = a_context(session, a_staff_member(session))
        known = a_customer(session).owner
        known.locale = "id"
        staff.invite(ctx, email=known.email, role=StaffRole.SUPPORT)
        (told,) = [row for row in mail.newest(session, limit=9) if row.to == known.email]
        assert "staf platform" in told.text
        assert "dukungan" in told.text
