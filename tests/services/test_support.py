"""Staff as support: with a reason, for a time, in one organization only, seen by the customer, and never with what is secret."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.auth import people, sessions
from app.auth.policy import Policy
from app.auth.seal import Seal
from app.context import Context
from app.services import (
    audit,
    components,
    credentials,
    export,
    instances,
    members,
    operations,
    orders,
    organizations,
    signins,
    staff,
    support,
)
from app.services import tokens as token_service
from app.services import users as user_service
from models.domain.access import SUPPORT_ACTS, Actor, ActorKind, MemberRole, Permission, StaffRole
from models.domain.errors import Conflict, Invalid, NotFound, NotPermitted
from models.store import audit as audit_rows
from models.store import members as users
from models.store import staff as staff_rows
from models.store import support as stays
from models.store.session import Store
from tests.stories import NOW, Customer, a_context, a_customer, a_member, a_person, a_plan, an_instance

POLICY = Policy("https://portal.test", False, False, timedelta(hours=12), timedelta(hours=2))
WHY = "Ticket 812: the shop answers slowly"


@dataclass
class Desk:
    """A person of support, signed in, a customer with an app, and another customer."""

    ctx: Context
    cookie: str
    customer: Customer
    other: Customer
    app: str
    foreign: str

    def at(self, now: datetime = NOW) -> people.Person:
        user = users.user_by_id(self.ctx.session, self.ctx.actor.id)
        assert user is not None
        return people.supporting(self.ctx.session, people.of(self.ctx.session, user), now)

    def inside(self, now: datetime = NOW) -> Context:
        """The context of the browser at `now`."""
        return replace(self.ctx, actor=self.at(now).actor, now=now)

    def begin(self, **facts: Any) -> support.StayView:
        return support.begin(self.ctx, **({"organization_id": self.customer.organization.id, "reason": WHY, "minutes": 30} | facts))


def signed_staff(session: Any, role: StaffRole, name: str = "Sari") -> Actor:
    user = a_person(session, name)
    staff_rows.appoint(session, user_id=user.id, role=role, now=NOW)
    return people.of(session, user).actor


@pytest.fixture
def desk(store: Store) -> Iterator[Desk]:
    with store.transaction() as session:
        customer, other = a_customer(session, "Kopi Kita"), a_customer(session, "Teh Tarik")
        plan = a_plan(session).id
        mine = an_instance(session, customer, "shop", namespace="ns-1", plan_id=plan)
        theirs = an_instance(session, other, "blog", namespace="ns-2", plan_id=plan)
        actor = signed_staff(session, StaffRole.SUPPORT)
        cookie = sessions.begin(session, user_id=actor.id, strong=True, policy=POLICY, now=NOW, device="d", address="a")
        yield Desk(a_context(session, actor), cookie, customer, other, mine.id, theirs.id)


def test_support_sees_one_organization_and_nothing_else(desk: Desk) -> None:
    desk.begin()
    inside = desk.inside()
    assert inside.actor.kind is ActorKind.SUPPORT
    assert inside.actor.everywhere == frozenset()
    assert set(inside.actor.within) == {desk.customer.organization.id}
    assert instances.get(inside, instance_id=desk.app).name == "shop"
    assert [one.name for one in members.of_organization(inside, organization_id=desk.customer.organization.id)]
    with pytest.raises(NotFound):
        instances.get(inside, instance_id=desk.foreign)
    with pytest.raises(NotFound):
        members.of_organization(inside, organization_id=desk.other.organization.id)
    with pytest.raises(NotPermitted):
        audit.list_(inside)


def test_what_is_secret_or_costs_is_never_theirs(desk: Desk) -> None:
    desk.begin(acts=True)
    inside, here = desk.inside(), desk.customer.organization.id
    refused: list[Any] = [
        lambda: credentials.reveal(inside, instance_id=desk.app, seal=Seal({"k": bytes(32)}, "k"), recent=True),
        lambda: token_service.make(inside, name="mine", scopes=[Permission.SEE_OWN_INSTANCES], organization_id=here),
        lambda: token_service.make(inside, name="mine", scopes=[Permission.SEE_OWN_INSTANCES]),
        lambda: members.invite(inside, organization_id=here, email="x@example.com", role=MemberRole.OWNER),
        lambda: organizations.rename(inside, organization_id=here, name="Mine"),
        lambda: export.request(inside, organization_id=here),
        lambda: support.begin(inside, organization_id=desk.other.organization.id, reason=WHY, minutes=30),
    ]  # fmt: skip
    for act in refused:
        with pytest.raises((NotPermitted, NotFound)):
            act()
    # also if somebody gave support more rights one day
    much = replace(inside, actor=replace(inside.actor, within={here: frozenset(Permission)}))
    with pytest.raises(NotPermitted, match="owners of its account only"):
        credentials.reveal(much, instance_id=desk.app, seal=Seal({"k": bytes(32)}, "k"), recent=True)
    assert SUPPORT_ACTS.isdisjoint(
        {
            Permission.MANAGE_OWN_ORGANIZATION, Permission.MANAGE_OWN_MEMBERS, Permission.MANAGE_OWN_BILLING, Permission.MANAGE_OWN_TOKENS
        }
    )  # fmt: skip


def test_what_costs_or_tells_secrets_is_left_to_the_customer(desk: Desk) -> None:
    desk.begin(acts=True)
    inside, here = desk.inside(), desk.customer.organization.id
    acts: list[Any] = [
        lambda: operations.change_plan(inside, instance_id=desk.app, plan="small"),
        lambda: operations.change_settings(inside, instance_id=desk.app, parameters={"image": "mine"}),
        lambda: operations.roll_back(inside, instance_id=desk.app, generation=1),
        lambda: components.add(inside, instance_id=desk.app, component="valkey"),
        lambda: components.remove(inside, instance_id=desk.app, component="valkey"),
        lambda: orders.place(inside, organization_id=here, template="n8n", plan="trial"),
    ]
    for act in acts:
        with pytest.raises(NotPermitted, match="Somebody of the organization has to do it"):
            act()


def test_without_a_stay_support_operates_nothing(desk: Desk) -> None:
    with pytest.raises(NotPermitted):
        operations.stop(desk.ctx, instance_id=desk.app)


@pytest.mark.parametrize("lost", ["disabled", "another role", "removed", "signed out"])
def test_a_stay_ends_with_what_made_it_possible_and_the_customer_reads_it(desk: Desk, lost: str) -> None:
    stay, me = desk.begin(), desk.ctx.actor.id
    boss = replace(desk.ctx, actor=signed_staff(desk.ctx.session, StaffRole.OWNER, "Olga"))
    match lost:
        case "disabled":
            user_service.disable(boss, user_id=me)
        case "another role":
            staff.set_role(boss, user_id=me, role=StaffRole.SUPPORT)
        case "removed":
            staff.remove(boss, user_id=me)
        case _:
            signins.sign_out(boss, token_hash=sessions.digest(desk.cookie))
    owner = replace(desk.ctx, actor=desk.customer.actor)
    (seen,) = support.of_organization(owner, organization_id=desk.customer.organization.id)
    assert (seen.id, seen.ended_at) == (stay.id, NOW)
    said = [one.action for one in audit.of_organization(owner, organization_id=desk.customer.organization.id).items]
    assert said[0] == "support.end"


def test_a_late_end_of_one_stay_leaves_the_next_one_alone(desk: Desk) -> None:
    first = desk.begin()
    second = desk.begin(organization_id=desk.other.organization.id)
    assert not stays.finish(desk.ctx.session, first.id, NOW)
    assert desk.at().support is not None
    assert stays.finish(desk.ctx.session, second.id, NOW)
    said = [one.action for one in audit_rows.search(desk.ctx.session, limit=3)]
    assert said == ["support.begin", "support.end", "support.begin"], "what the second one ended is told"


def test_looking_is_not_acting(desk: Desk) -> None:
    desk.begin()
    with pytest.raises(NotPermitted):
        operations.stop(desk.inside(), instance_id=desk.app)
    desk.begin(acts=True)
    with pytest.raises(Conflict, match="without Moorage's doing"):  # allowed, but this app is not one that Moorage made
        operations.stop(desk.inside(), instance_id=desk.app)


def test_it_ends_with_its_time_by_itself_and_by_a_button(desk: Desk) -> None:
    stay = desk.begin(minutes=15)
    assert desk.at(NOW + timedelta(minutes=14)).support is not None
    assert desk.at(NOW + timedelta(minutes=15)).support is None
    assert desk.at(NOW + timedelta(minutes=15)).actor.may(Permission.SEE_CLUSTER)
    support.end(desk.inside(NOW + timedelta(minutes=5)), stay_id=stay.id)
    assert desk.at(NOW + timedelta(minutes=5)).support is None
    with pytest.raises(Conflict, match="over already"):
        support.end(desk.ctx, stay_id=stay.id)
    later = replace(desk.ctx, now=NOW + timedelta(minutes=6))
    support.begin(later, organization_id=desk.customer.organization.id, reason=WHY, minutes=240)
    late = replace(desk.ctx, now=NOW + timedelta(hours=5))
    support.begin(late, organization_id=desk.other.organization.id, reason=WHY, minutes=30)
    assert [one.ended_at for one in support.of_organization(late, organization_id=desk.customer.organization.id)] == [
        NOW + timedelta(hours=4, minutes=6), NOW + timedelta(minutes=5),
    ]  # fmt: skip


def test_whoever_loses_the_right_is_out_at_once(desk: Desk) -> None:
    desk.begin(acts=True)
    staff_rows.appoint(desk.ctx.session, user_id=desk.ctx.actor.id, role=StaffRole.ANALYST, now=NOW)
    person = desk.at()
    assert person.support is None
    assert not person.actor.within


def test_the_customer_reads_who_looked_when_and_why_and_may_end_it(desk: Desk) -> None:
    stay = desk.begin()
    owner = replace(desk.ctx, actor=desk.customer.actor)
    (seen,) = support.of_organization(owner, organization_id=desk.customer.organization.id)
    assert (seen.by, seen.reason, seen.began_at, seen.until, seen.ended_at) == ("Sari", WHY, NOW, NOW + timedelta(minutes=30), None)
    said = audit.of_organization(owner, organization_id=desk.customer.organization.id).items[0]
    assert (said.action, said.actor_name, said.organization_id) == ("support.begin", "Sari", desk.customer.organization.id)
    assert "reason" not in said.after, "it is told by the stay, which is emptied when the organization is forgotten"
    with pytest.raises(NotFound):
        support.of_organization(replace(desk.ctx, actor=desk.other.actor), organization_id=desk.customer.organization.id)
    viewer = replace(desk.ctx, actor=a_member(desk.ctx.session, desk.customer, MemberRole.DEVELOPER))
    with pytest.raises(NotPermitted):
        support.end(viewer, stay_id=stay.id)
    support.end(owner, stay_id=stay.id)
    assert desk.at().support is None
    exported = export._facts(desk.ctx, desk.customer.organization)["support"]
    assert [one["reason"] for one in exported] == [WHY]


def test_what_is_done_as_support_names_both(desk: Desk) -> None:
    desk.begin(acts=True)
    inside = desk.inside()
    audit.record(inside, action="instances.restart", subject=desk.app, organization=desk.customer.organization.id)
    row = audit_rows.search(desk.ctx.session, limit=1)[0]
    assert (row.actor_id, row.actor_kind, row.actor_name) == (desk.ctx.actor.id, ActorKind.SUPPORT, "Sari (support)")
    assert row.organization_id == desk.customer.organization.id


def test_who_may_begin_and_what_has_to_be_said(desk: Desk) -> None:
    session, here = desk.ctx.session, desk.customer.organization.id
    for role in (StaffRole.BILLING, StaffRole.ANALYST):
        actor = signed_staff(session, role, role.value)
        with pytest.raises(NotPermitted):
            support.begin(replace(desk.ctx, actor=actor), organization_id=here, reason=WHY, minutes=30)
    with pytest.raises(NotPermitted):
        support.begin(replace(desk.ctx, actor=desk.customer.actor), organization_id=here, reason=WHY, minutes=30)
    token = replace(desk.ctx, actor=replace(desk.ctx.actor, kind=ActorKind.TOKEN))
    machine = replace(desk.ctx, actor=Actor("cli:root", ActorKind.STAFF, "root", frozenset(Permission)))
    for nobody in (token, machine):
        with pytest.raises(NotPermitted, match="signed in"):
            support.begin(nobody, organization_id=here, reason=WHY, minutes=30)
    lookers = replace(desk.ctx, actor=replace(desk.ctx.actor, everywhere=desk.ctx.actor.everywhere - {Permission.ACT_AS_SUPPORT}))
    with pytest.raises(NotPermitted):
        support.begin(lookers, organization_id=here, reason=WHY, minutes=30, acts=True)
    support.begin(lookers, organization_id=here, reason=WHY, minutes=30)
    for reason in ("", "  ", "x" * 301):
        with pytest.raises(Invalid, match="Say why"):
            desk.begin(reason=reason)
    for minutes in (4, 241):
        with pytest.raises(Invalid, match="minutes at a time"):
            desk.begin(minutes=minutes)
    with pytest.raises(NotFound):
        desk.begin(organization_id="org_none")
    with pytest.raises(NotFound):
        support.end(desk.ctx, stay_id="sup_none")


def test_the_browser_is_support_and_a_token_of_the_same_person_is_not(store: Store) -> None:
    with store.transaction() as session:
        here, actor = a_customer(session, "Kopi Kita").organization.id, signed_staff(session, StaffRole.SUPPORT)
        cookie = sessions.begin(session, user_id=actor.id, strong=True, policy=POLICY, now=NOW, device="d", address="a")
        support.begin(a_context(session, actor), organization_id=here, reason=WHY, minutes=30)
    signed = sessions.resolve(store, sessions.digest(cookie), NOW)
    assert signed is not None
    assert signed.support is not None
    assert (signed.support.organization, signed.support.acts, signed.staff_role) == ("Kopi Kita", False, None)
    assert signed.actor.kind is ActorKind.SUPPORT
    with store.reading() as session:
        user = users.user_by_id(session, actor.id)
        assert user is not None
        assert people.of(session, user).actor.kind is ActorKind.STAFF
