"""Organizations, their members and invitations, on both databases."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from app.services import instances, invitations, members, organizations, paging
from app.services.organizations import NOTHING_HERE
from models.domain.access import ActorKind, MemberRole, Permission, StaffRole, member_actor
from models.domain.errors import Conflict, IllegalTransition, Invalid, NotFound, NotPermitted, PlatformError
from models.domain.instances import State
from models.domain.organizations import Standing
from models.store import audit, mail
from models.store import members as rows
from models.store.instances import Instance
from models.store.organizations import Organization
from models.store.session import Store
from tests.stories import NOW, a_context, a_customer, a_member, a_staff_member, a_stranger


def test_staff_see_all_and_members_their_own(store: Store) -> None:
    with store.transaction() as session:
        first, second = a_customer(session, "Alpha"), a_customer(session, "Beta")
        names = {}
        for who, actor in (("staff", a_staff_member(session, StaffRole.ANALYST)), ("member", second.actor)):
            names[who] = [row.name for row in organizations.list_(a_context(session, actor)).items]
        assert names == {"staff": ["Alpha", "Beta"], "member": ["Beta"]}
        with pytest.raises(NotFound) as foreign:
            organizations.get(a_context(session, second.actor), organization_id=first.organization.id)
        with pytest.raises(NotFound) as nowhere:
            organizations.get(a_context(session, second.actor), organization_id="org_none")
        assert str(foreign.value) == str(nowhere.value) == NOTHING_HERE


def test_a_list_comes_in_parts_that_lose_and_repeat_nothing(store: Store) -> None:
    with store.transaction() as session:
        for at in range(7):
            a_customer(session, f"Org {at % 3}")
        ctx = a_context(session, a_staff_member(session))
        seen, after = [], None
        while True:
            page = organizations.list_(ctx, limit=2, after=after)
            seen += [row.id for row in page.items]
            after = page.after
            if after is None:
                break
        assert len(seen) == len(set(seen)) == 7
        for wrong in ("x", "W10", "bnVsbA", "💥"):
            with pytest.raises(Invalid):
                organizations.list_(ctx, after=wrong)
        assert [row.name for row in organizations.list_(ctx, search="ORG 1").items] == ["Org 1", "Org 1"]
        assert organizations.list_(ctx, search="%").items == ()


def test_a_whole_list_is_longer_than_its_longest_part(store: Store) -> None:
    with store.transaction() as session:
        first = a_customer(session, "Aaa")
        for n in range(paging.MOST + 1):
            session.add(Organization(name=f"Org {n}", slug=f"org-{n}", created_at=NOW))
            session.add(Instance(organization_id=first.organization.id, name=f"app-{n}", state=State.READY, created_at=NOW))
        session.flush()
        ctx = a_context(session, a_staff_member(session, StaffRole.OPERATOR))
        assert len({one.id for one in organizations.every(ctx)}) == paging.MOST + 2
        assert len({one.id for one in instances.every(ctx)}) == paging.MOST + 1
        assert instances.every(ctx, on_trial=True) == ()
        assert [one.name for one in organizations.every(ctx, search="aaa")] == ["Aaa"]
        stranger = a_context(session, a_stranger(session))
        assert [one.name for one in organizations.every(stranger)] == ["Stranger"]


@pytest.mark.parametrize("role", [StaffRole.SUPPORT, StaffRole.ANALYST])
def test_staff_that_only_look_change_nothing(store: Store, role: StaffRole) -> None:
    with store.transaction() as session:
        customer = a_customer(session)
        ctx, org = a_context(session, a_staff_member(session, role)), customer.organization.id
        for change in (
            lambda: organizations.create(ctx, name="New"),
            lambda: organizations.rename(ctx, organization_id=org, name="New"),
            lambda: organizations.set_standing(ctx, organization_id=org, standing=Standing.CLOSED),
            lambda: members.invite(ctx, organization_id=org, email="a@example.com", role=MemberRole.OWNER),
            lambda: members.remove(ctx, organization_id=org, user_id=customer.owner.id),
        ):
            with pytest.raises(NotPermitted):
                change()
        assert audit.search(session, limit=10) == []


def test_every_change_is_in_the_audit_with_what_differed(store: Store) -> None:
    with store.transaction() as session:
        ctx = a_context(session, a_staff_member(session), edge="api")
        made = organizations.create(ctx, name="  Kopi   Baru ", country="id")
        assert (made.name, made.country, made.slug) == ("Kopi Baru", "ID", "kopi-baru")
        organizations.rename(ctx, organization_id=made.id, name="Kopi Lama")
        organizations.set_standing(ctx, organization_id=made.id, standing=Standing.CLOSED)
        lines = [(row.action, row.before, row.after, row.edge) for row in audit.search(session, subject=made.id, limit=9)]
        assert lines == [
            ("organizations.set_standing", '{"standing": "active"}', '{"standing": "closed"}', "api"),
            ("organizations.rename", '{"name": "Kopi Baru"}', '{"name": "Kopi Lama"}', "api"),
            ("organizations.create", None, '{"label": "kopi-baru", "name": "Kopi Baru", "slug": "kopi-baru"}', "api"),
        ]


def test_standing_moves_by_its_table(store: Store) -> None:
    with store.transaction() as session:
        ctx, org = a_context(session, a_staff_member(session)), a_customer(session).organization.id
        organizations.set_standing(ctx, organization_id=org, standing=Standing.CLOSED)
        with pytest.raises(IllegalTransition):
            organizations.set_standing(ctx, organization_id=org, standing=Standing.ON_HOLD)
        with pytest.raises(Conflict, match="anonymise"):
            organizations.set_standing(ctx, organization_id=org, standing=Standing.ANONYMISED)


@pytest.mark.parametrize("name", ["", "   ", "a" * 81, "a\nb", "a\u202eb"])
def test_a_bad_name_is_refused(store: Store, name: str) -> None:
    with store.transaction() as session:
        with pytest.raises(Invalid) as refused:
            organizations.create(a_context(session, a_staff_member(session)), name=name)
        assert refused.value.field == "name"


def test_a_stranger_reaches_no_member_by_any_call(store: Store) -> None:
    with store.transaction() as session:
        customer = a_customer(session)
        ctx, org, owner = a_context(session, a_stranger(session)), customer.organization.id, customer.owner.id
        waiting = members.invite(
            a_context(session, customer.actor), organization_id=org, email="b@example.com", role=MemberRole.VIEWER
        )
        for attack in (
            lambda: members.of_organization(ctx, organization_id=org),
            lambda: members.invite(ctx, organization_id=org, email="eve@example.com", role=MemberRole.OWNER),
            lambda: members.change_role(ctx, organization_id=org, user_id=owner, role=MemberRole.VIEWER),
            lambda: members.remove(ctx, organization_id=org, user_id=owner),
            lambda: invitations.list_(ctx, organization_id=org),
            lambda: invitations.revoke(ctx, invitation_id=waiting.id),
            lambda: organizations.rename(ctx, organization_id=org, name="Mine"),
        ):
            with pytest.raises(NotFound):
                attack()
        assert members.mine(ctx)[0].name == "Stranger"


def test_an_owner_of_one_organization_changes_nobody_of_another(store: Store) -> None:
    with store.transaction() as session:
        mine, theirs = a_customer(session, "Mine"), a_customer(session, "Theirs")
        with pytest.raises(NotFound):
            members.change_role(
                a_context(session, mine.actor),
                organization_id=mine.organization.id,
                user_id=theirs.owner.id,
                role=MemberRole.VIEWER,
            )


def test_the_last_owner_stays(store: Store) -> None:
    with store.transaction() as session:
        customer = a_customer(session)
        org, ctx = customer.organization.id, a_context(session, customer.actor)
        with pytest.raises(Conflict, match="last owner"):
            members.remove(ctx, organization_id=org, user_id=customer.owner.id)
        other = a_member(session, customer, MemberRole.VIEWER)
        members.change_role(ctx, organization_id=org, user_id=other.id, role=MemberRole.OWNER)
        members.remove(ctx, organization_id=org, user_id=customer.owner.id)
        assert [
            row.user_id for row in members.of_organization(a_context(session, a_staff_member(session)), organization_id=org)
        ] == [other.id]


def test_everybody_may_leave_by_themselves_and_nobody_may_take_more(store: Store) -> None:
    with store.transaction() as session:
        customer = a_customer(session)
        viewer = a_member(session, customer, MemberRole.VIEWER)
        ctx, org = a_context(session, viewer), customer.organization.id
        with pytest.raises(NotPermitted):
            members.change_role(ctx, organization_id=org, user_id=viewer.id, role=MemberRole.OWNER)
        members.remove(ctx, organization_id=org, user_id=viewer.id)
        assert rows.membership(session, org, viewer.id) is None


def test_a_token_ends_its_owners_membership_only_with_the_right_to(store: Store) -> None:
    with store.transaction() as session:
        customer = a_customer(session)
        viewer = a_member(session, customer, MemberRole.VIEWER)
        org = customer.organization.id
        reading = replace(viewer.limited_to([Permission.SEE_OWN_INSTANCES]), kind=ActorKind.TOKEN)
        with pytest.raises(NotPermitted):
            members.remove(a_context(session, reading), organization_id=org, user_id=viewer.id)
        assert rows.membership(session, org, viewer.id) is not None


def test_two_owners_who_demote_each_other_at_once_leave_one(store: Store) -> None:
    with store.transaction() as session:
        customer = a_customer(session)
        other = a_member(session, customer, MemberRole.OWNER)
        org, owner = customer.organization.id, customer.owner.id
    pairs = [(owner, other.id), (other.id, owner)]
    outcomes: list[str] = []
    start = threading.Barrier(2)

    def demote(actor_id: str, target: str) -> None:
        start.wait()
        try:
            with store.transaction() as session:
                actor = member_actor(actor_id, "Owner", {org: MemberRole.OWNER})
                members.change_role(a_context(session, actor), organization_id=org, user_id=target, role=MemberRole.VIEWER)
            outcomes.append("changed")
        except PlatformError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=demote, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["changed", "conflict"]
    with store.reading() as session:
        assert sorted(rows.roles_in(session, org).values()) == [MemberRole.OWNER, MemberRole.VIEWER]


def test_an_invitation_is_mailed_in_words_and_a_second_one_replaces_it(store: Store) -> None:
    with store.transaction() as session:
        customer = a_customer(session)
        ctx, org = a_context(session, customer.actor), customer.organization.id
        first = members.invite(ctx, organization_id=org, email=" Budi@Example.com ", role=MemberRole.BILLING)
        second = members.invite(ctx, organization_id=org, email="budi@example.com", role=MemberRole.VIEWER)
        assert [row.id for row in invitations.list_(ctx, organization_id=org)] == [second.id]
        mails = [row for row in mail.newest(session, limit=9) if row.to == "budi@example.com"]
        assert len(mails) == 2
        assert all("Kopi Kita" in row.text for row in mails)
        assert {"billing", "viewer"} == {role for row in mails for role in ("billing", "viewer") if f"as {role}" in row.text}
        with pytest.raises(NotFound):
            invitations.revoke(ctx, invitation_id=first.id)
        invitations.revoke(ctx, invitation_id=second.id)
        assert invitations.list_(ctx, organization_id=org) == ()


def test_invitations_cannot_be_used_to_mail_to_the_world(store: Store) -> None:
    with store.transaction() as session:
        customer = a_customer(session)
        ctx, org = a_context(session, customer.actor), customer.organization.id
        for at in range(invitations.MOST_OPEN):
            members.invite(ctx, organization_id=org, email=f"p{at}@example.com", role=MemberRole.VIEWER)
        with pytest.raises(Conflict):
            members.invite(ctx, organization_id=org, email="more@example.com", role=MemberRole.VIEWER)


def test_a_member_and_a_wrong_address_are_not_invited(store: Store) -> None:
    with store.transaction() as session:
        customer = a_customer(session)
        ctx, org = a_context(session, customer.actor), customer.organization.id
        with pytest.raises(Conflict, match="member already"):
            members.invite(ctx, organization_id=org, email=customer.owner.email, role=MemberRole.VIEWER)
        for wrong in ("", "a", "a@", "@b", "a b@c.de", "a@b\nc", "a\x00@b.de", '"a"@b.de', "a@" + "b" * 260):
            with pytest.raises(Invalid):
                members.invite(ctx, organization_id=org, email=wrong, role=MemberRole.VIEWER)
