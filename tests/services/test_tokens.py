"""API tokens and one's own account, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.auth import passwords, sessions, tokens
from app.auth.policy import Policy
from app.services import account, members, signins
from app.services import tokens as service
from models.domain.access import ActorKind, MemberRole, Permission, StaffRole, member_actor
from models.domain.errors import Conflict, Invalid, NotFound, NotPermitted, TooManyAttempts
from models.store import audit, mail
from models.store import members as people
from models.store.session import Store
from models.store.tokens import ApiToken
from tests.stories import NOW, a_context, a_customer, a_job, a_member, a_staff_member, a_stranger

SEE, OPERATE = Permission.SEE_OWN_INSTANCES, Permission.OPERATE_OWN_INSTANCES
POLICY = Policy("https://portal.test", False, False, timedelta(hours=12), timedelta(hours=2))


def test_a_token_acts_with_no_more_than_its_scopes(store: Store) -> None:
    with store.transaction() as session:
        customer = a_customer(session)
        made = service.make(a_context(session, customer.actor), name="ci", scopes=[SEE])
        row = session.get(ApiToken, made.token.id)
        assert row
        assert made.secret not in row.model_dump_json()
    actor = tokens.resolve(store, made.secret, NOW)
    assert actor
    assert actor.kind is ActorKind.TOKEN
    assert actor.may(SEE, customer.organization.id)
    assert not actor.may(OPERATE, customer.organization.id)
    assert not actor.may(SEE, "org_other")


def test_a_token_loses_what_its_owner_loses(store: Store) -> None:
    with store.transaction() as session:
        customer = a_customer(session)
        org = customer.organization.id
        developer = a_member(session, customer, MemberRole.DEVELOPER)
        made = service.make(a_context(session, developer), name="ci", scopes=[SEE, OPERATE])
        members.change_role(a_context(session, customer.actor), organization_id=org, user_id=developer.id, role=MemberRole.VIEWER)
    actor = tokens.resolve(store, made.secret, NOW)
    assert actor
    assert actor.may(SEE, org)
    assert not actor.may(OPERATE, org)
    with store.transaction() as session:
        members.remove(a_context(session, customer.actor), organization_id=org, user_id=developer.id)
    assert tokens.resolve(store, made.secret, NOW) is None


def test_a_token_for_one_organization_holds_nowhere_else(store: Store) -> None:
    with store.transaction() as session:
        one, two = a_customer(session, "One"), a_customer(session, "Two")
        people.join(session, user_id=one.owner.id, organization_id=two.organization.id, role=MemberRole.OWNER, now=NOW)
        roles = {one.organization.id: MemberRole.OWNER, two.organization.id: MemberRole.OWNER}
        ctx = a_context(session, member_actor(one.owner.id, "Both", roles))
        made = service.make(ctx, name="ci", scopes=[SEE], organization_id=one.organization.id)
    actor = tokens.resolve(store, made.secret, NOW)
    assert actor
    assert actor.may(SEE, one.organization.id)
    assert not actor.may(SEE, two.organization.id)


def test_nobody_makes_a_token_stronger_than_themselves(store: Store) -> None:
    with store.transaction() as session:
        customer = a_customer(session)
        developer = a_context(session, a_member(session, customer, MemberRole.DEVELOPER))
        for beyond in (Permission.MANAGE_OWN_MEMBERS, Permission.SEE_CLUSTER, Permission.MANAGE_OWN_TOKENS):
            with pytest.raises(NotPermitted):
                service.make(developer, name="x", scopes=[SEE, beyond])
        assert OPERATE in service.grantable(developer)
        assert Permission.MANAGE_OWN_TOKENS not in service.grantable(developer)
        owner = a_context(session, a_staff_member(session))
        with pytest.raises(NotPermitted):
            service.make(owner, name="x", scopes=[Permission.MANAGE_STAFF])
        viewer = a_context(session, a_member(session, customer, MemberRole.VIEWER, "Vera"))
        with pytest.raises(NotPermitted):
            service.make(viewer, name="x", scopes=[SEE])
        stranger = a_context(session, a_stranger(session))
        with pytest.raises(NotFound):
            service.make(stranger, name="x", scopes=[SEE], organization_id=customer.organization.id)


def test_a_token_makes_and_revokes_no_tokens(store: Store) -> None:
    with store.transaction() as session:
        made = service.make(a_context(session, a_staff_member(session)), name="ci", scopes=[SEE])
    actor = tokens.resolve(store, made.secret, NOW)
    assert actor
    with store.transaction() as session:
        ctx = a_context(session, actor)
        with pytest.raises(NotPermitted):
            service.make(ctx, name="x", scopes=[SEE])
        with pytest.raises(NotPermitted):
            service.revoke(ctx, token_id=made.token.id)
        with pytest.raises(NotPermitted):
            account.profile(ctx)


def test_a_token_ends_by_time_and_by_revocation(store: Store) -> None:
    with store.transaction() as session:
        customer = a_customer(session)
        ctx = a_context(session, customer.actor)
        short, revoked = service.make(ctx, name="short", scopes=[SEE], days=1), service.make(ctx, name="gone", scopes=[SEE])
        endless = service.make(ctx, name="endless", scopes=[SEE], days=None)
    later = NOW + timedelta(days=1)
    assert tokens.resolve(store, short.secret, later - timedelta(seconds=1))
    assert tokens.resolve(store, short.secret, later) is None
    with store.transaction() as session:
        ctx = a_context(session, customer.actor)
        assert not service.revoke(ctx, token_id=revoked.token.id).open
        with pytest.raises(Conflict):
            service.revoke(ctx, token_id=revoked.token.id)
        assert [row.action for row in audit.search(session, subject=revoked.token.id, limit=5)] == ["tokens.revoke", "tokens.make"]
    assert tokens.resolve(store, revoked.secret, NOW) is None
    assert tokens.resolve(store, endless.secret, NOW + timedelta(days=3650))
    for wrong in (None, "", "x", endless.secret + "x", endless.secret.removeprefix("moorage_"), "moorage_"):
        assert tokens.resolve(store, wrong, NOW) is None


def test_only_its_owner_and_the_owners_of_its_organization_revoke_a_token(store: Store) -> None:
    with store.transaction() as session:
        customer = a_customer(session)
        org = customer.organization.id
        developer = a_context(session, a_member(session, customer, MemberRole.DEVELOPER))
        inside = service.make(developer, name="inside", scopes=[SEE], organization_id=org)
        free = service.make(developer, name="free", scopes=[SEE])
        for ctx in (a_context(session, a_stranger(session)), a_context(session, a_staff_member(session, StaffRole.SUPPORT))):
            for token in (inside, free):
                with pytest.raises(NotFound):
                    service.revoke(ctx, token_id=token.token.id)
        owner = a_context(session, customer.actor)
        assert [row.name for row in service.of_organization(owner, organization_id=org)] == ["inside"]
        with pytest.raises(NotFound):
            service.revoke(owner, token_id=free.token.id)
        assert service.revoke(owner, token_id=inside.token.id).owner == "Budi"
        with pytest.raises(NotPermitted):
            service.of_organization(developer, organization_id=org)
        assert {row.name for row in service.mine(developer)} == {"inside", "free"}


def test_what_no_token_can_be_made_of_is_said(store: Store) -> None:
    with store.transaction() as session:
        ctx = a_context(session, a_customer(session).actor)
        with pytest.raises(Invalid, match="at least one"):
            service.make(ctx, name="x", scopes=[])
        with pytest.raises(Invalid, match="no scope"):
            service.make(ctx, name="x", scopes=["everything"])
        with pytest.raises(Invalid, match="730"):
            service.make(ctx, name="x", scopes=[SEE], days=0)
        with pytest.raises(Invalid, match="name"):
            service.make(ctx, name=" ", scopes=[SEE])
        for at in range(service.MOST):
            service.make(ctx, name=f"t{at}", scopes=[SEE])
        with pytest.raises(Conflict):
            service.make(ctx, name="more", scopes=[SEE])


def test_the_last_use_is_noted_once_a_minute(store: Store) -> None:
    with store.transaction() as session:
        made = service.make(a_context(session, a_customer(session).actor), name="ci", scopes=[SEE])
    for seconds, noted in ((0, 0), (30, 0), (60, 60)):
        tokens.resolve(store, made.secret, NOW + timedelta(seconds=seconds))
        with store.reading() as session:
            row = session.get(ApiToken, made.token.id)
            assert row
            assert row.used_at == NOW + timedelta(seconds=noted)


def test_a_profile_is_ones_own_and_checked(store: Store) -> None:
    with store.transaction() as session:
        customer = a_customer(session)
        ctx = a_context(session, customer.actor)
        changed = account.update(ctx, name="Ayu  Lestari", locale="id", timezone="Asia/Jakarta")
        assert (changed.name, changed.locale, changed.timezone) == ("Ayu Lestari", "id", "Asia/Jakarta")
        account.update(ctx, name="Ayu Lestari", locale="id", timezone="Asia/Jakarta")
        assert len(audit.search(session, action="account.", limit=5)) == 1
        for wrong in ({"locale": "xx"}, {"timezone": "Mars/Base"}, {"timezone": "../etc/passwd"}, {"name": ""}):
            with pytest.raises(Invalid):
                account.update(ctx, **({"name": "A", "locale": "en", "timezone": "UTC"} | wrong))
        with pytest.raises(NotPermitted):
            account.profile(a_context(session, a_job()))


def test_a_new_password_needs_the_present_one_and_ends_other_sessions(store: Store) -> None:
    with store.transaction() as session:
        customer = a_customer(session)
        customer.owner.password_hash = passwords.hashed("four words are enough")
        session.add(customer.owner)
        for _ in range(2):
            sessions.begin(session, user_id=customer.owner.id, strong=False, policy=POLICY, now=NOW, device="", address="10.0.0.1")
        ctx = a_context(session, customer.actor)
        here = signins.mine(ctx)[0].id
        stored = account.attempt_password(ctx)
        wrong = passwords.verify(stored, "something else entirely")
        with pytest.raises(Invalid, match="present password"):
            account.change_password(ctx, proof=wrong, chosen="hash", policy=POLICY, session_id=here)
        right = passwords.verify(stored, "four words are enough")
        ended = account.change_password(ctx, proof=right, chosen="hash", policy=POLICY, session_id=here)
        assert len(ended) == 1
        assert [line.id for line in signins.mine(ctx, session_id=here)] == [here]
        assert [row.kind for row in mail.newest(session, limit=5)] == ["password_changed"]
        with pytest.raises(Invalid):
            account.change_password(ctx, proof=right, chosen="again", policy=POLICY, session_id=here)
        for _ in range(9):
            account.attempt_password(ctx)
        with pytest.raises(TooManyAttempts):
            account.attempt_password(ctx)


def test_sessions_of_others_are_not_ones_own_to_end(store: Store) -> None:
    with store.transaction() as session:
        victim, attacker = a_customer(session, "Victim"), a_customer(session, "Attacker")
        sessions.begin(session, user_id=victim.owner.id, strong=False, policy=POLICY, now=NOW, device="", address="")
        (line,) = signins.mine(a_context(session, victim.actor))
        with pytest.raises(NotFound):
            signins.revoke(a_context(session, attacker.actor), session_id=line.id)
        assert signins.revoke_others(a_context(session, attacker.actor), session_id=line.id) == ()
        assert signins.revoke(a_context(session, victim.actor), session_id=line.id) == (line.id,)
