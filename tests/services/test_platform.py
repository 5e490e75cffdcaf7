"""Settings, audit, catalogue and instances, on both databases."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services import audit, catalogue, instances, settings
from models.domain.access import MemberRole, Permission, StaffRole
from models.domain.catalogue import Offer
from models.domain.errors import Conflict, IllegalTransition, Invalid, NotFound, NotPermitted
from models.domain.instances import State
from models.domain.settings import REGISTRY
from models.store import audit as audit_rows
from models.store import retention
from models.store.catalogue import Plan
from models.store.session import Store
from tests.stories import NOW, a_context, a_customer, a_job, a_member, a_plan, a_staff_member, a_stranger, an_instance


def test_every_setting_has_a_default_that_it_would_accept_itself() -> None:
    for key, setting in REGISTRY.items():
        assert setting.checked(setting.default) == setting.default, key
        assert setting.sentence.endswith(".")
        assert setting.allowed


@given(st.sampled_from(sorted(REGISTRY)), st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)))
def test_a_setting_keeps_what_is_in_its_range_and_refuses_the_rest(key: str, value: Any) -> None:
    setting = REGISTRY[key]
    kept = setting.default
    with contextlib.suppress(Invalid):
        kept = setting.checked(value)
    assert type(kept) is setting.kind
    if isinstance(kept, (int, float)) and setting.low is not None and setting.high is not None:
        assert setting.low <= kept <= setting.high


def test_a_setting_is_changed_noted_and_brought_back(store: Store) -> None:
    with store.transaction() as session:
        ctx = a_context(session, a_staff_member(session))
        assert settings.get(ctx, "trial_days") == 14
        changed = settings.put(ctx, key="trial_days", value=30)
        assert (changed.value, changed.default, changed.changed_by) == (30, 14, "Citra")
        settings.put(ctx, key="trial_days", value=30)
        back = settings.put(ctx, key="trial_days", value=None)
        assert (back.value, back.changed_at) == (14, None)
        assert [(row.before, row.after) for row in audit_rows.search(session, subject="trial_days", limit=9)] == [
            ('{"value": 30}', '{"value": 14}'),
            ('{"value": 14}', '{"value": 30}'),
        ]


def test_settings_that_make_no_sense_together_are_refused(store: Store) -> None:
    with store.transaction() as session:
        ctx = a_context(session, a_staff_member(session))
        with pytest.raises(Invalid, match="lower end"):
            settings.put(ctx, key="target_low", value=0.9)
        with pytest.raises(NotFound, match="Known are"):
            settings.put(ctx, key="nonsense", value=1)
        assert settings.get(ctx, "target_low") == 0.70


def test_settings_are_for_operators(store: Store) -> None:
    with store.transaction() as session:
        for actor in (a_staff_member(session, StaffRole.SUPPORT), a_customer(session).actor):
            with pytest.raises(NotPermitted):
                settings.put(a_context(session, actor), key="trial_days", value=30)
            with pytest.raises(NotPermitted):
                settings.all_(a_context(session, actor))


def test_the_audit_shows_staffs_deeds_to_the_customer_and_nobody_elses(store: Store) -> None:
    with store.transaction() as session:
        customer, other = a_customer(session, "Mine"), a_customer(session, "Other")
        staff = a_context(session, a_staff_member(session))
        for who in (customer, other):
            audit.record(staff, action="organizations.rename", subject=who.organization.id, organization=who.organization.id)
        org = customer.organization.id
        mine = audit.of_organization(a_context(session, customer.actor), organization_id=org).items
        assert [(row.actor_name, row.subject) for row in mine] == [("Citra", org)]
        with pytest.raises(NotFound):
            audit.of_organization(a_context(session, other.actor), organization_id=org)
        with pytest.raises(NotPermitted):
            audit.of_organization(a_context(session, a_member(session, customer, MemberRole.VIEWER)), organization_id=org)
        with pytest.raises(NotPermitted):
            audit.list_(a_context(session, customer.actor))
        assert len(audit.list_(staff).items) == 2


def test_the_audit_comes_in_parts_and_by_what_is_asked(store: Store) -> None:
    with store.transaction() as session:
        actor = a_staff_member(session)
        for at in range(5):
            ctx = a_context(session, actor, now=NOW + timedelta(minutes=at))
            audit.record(ctx, action="members.invite" if at % 2 else "settings.put", subject=f"s{at}")
        first = audit.list_(ctx, limit=3)
        rest = audit.list_(ctx, limit=3, after=first.after)
        assert [row.subject for row in first.items + rest.items] == ["s4", "s3", "s2", "s1", "s0"]
        assert rest.after is None
        assert [row.subject for row in audit.list_(ctx, action="members.").items] == ["s3", "s1"]
        assert audit.list_(ctx, action="%").items == ()
        between = audit.list_(ctx, since=NOW + timedelta(minutes=1), until=NOW + timedelta(minutes=3)).items
        assert [row.subject for row in between] == ["s2", "s1"]
        for wrong in ("x", "-1", "1" * 30, "٣"):
            with pytest.raises(Invalid):
                audit.list_(ctx, after=wrong)
        with pytest.raises(Invalid):
            audit.list_(ctx, limit=0)


def test_the_audit_is_never_edited_and_goes_after_its_years(store: Store) -> None:
    with store.transaction() as session:
        old = a_context(session, a_staff_member(session), now=NOW - timedelta(days=366 * 7 + 1))
        audit.record(old, action="settings.put", subject="old")
        audit.record(a_context(session, a_staff_member(session)), action="settings.put", subject="new")

    def edit() -> None:
        with store.transaction() as session:
            row = audit_rows.search(session, subject="new", limit=1)[0]
            row.subject = "other"
            session.add(row)

    def delete() -> None:
        with store.transaction() as session:
            session.delete(audit_rows.search(session, subject="new", limit=1)[0])

    for change in (edit, delete):
        with pytest.raises(ValueError, match="not to be"):
            change()
    with store.transaction() as session:
        assert retention.forget(session, retention.audit(7), NOW) == 1
        assert [row.subject for row in audit_rows.search(session, limit=9)] == ["new"]


def _offer(**facts: Any) -> Offer:
    usual = {
        "template": "n8n",
        "name": "small",
        "cpu_cores": 0.5,
        "memory_bytes": 1 << 29,
        "storage_bytes": 0,
        "price_minor": 150_000,
        "currency": "IDR",
    }
    return Offer(**(usual | facts))


def test_a_changed_plan_is_a_new_version_and_the_old_one_stays(store: Store) -> None:
    with store.transaction() as session:
        ctx = a_context(session, a_staff_member(session))
        with pytest.raises(NotFound):
            catalogue.offer_plan(ctx, offer=_offer())
        catalogue.offer_template(ctx, template_id="n8n", name="n8n")
        first = catalogue.offer_plan(ctx, offer=_offer())
        second = catalogue.offer_plan(ctx, offer=_offer(price_minor=200_000))
        assert (first.version, second.version) == (1, 2)
        assert [plan.id for plan in catalogue.plans(ctx)] == [second.id]
        assert catalogue.plan(ctx, plan_id=first.id).price_minor == 150_000
        assert [plan.version for plan in catalogue.plans(ctx, retired=True)] == [1, 2]
        catalogue.retire_plan(ctx, plan_id=second.id)
        with pytest.raises(Conflict):
            catalogue.retire_plan(ctx, plan_id=second.id)
        third = catalogue.offer_plan(ctx, offer=_offer())
        assert third.version == 3

    def edit() -> None:
        with store.transaction() as session:
            row = session.get(Plan, third.id)
            assert row
            row.price_minor = 1
            session.add(row)

    with pytest.raises(ValueError, match="never edited"):
        edit()


@pytest.mark.parametrize(
    "wrong",
    [
        {"cpu_cores": 0},
        {"cpu_cores": float("nan")},
        {"memory_bytes": 0},
        {"memory_bytes": 1.5},
        {"price_minor": -1},
        {"currency": "idr"},
        {"name": "Small Plan"},
    ],
)
def test_a_plan_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        _offer(**wrong)
    assert refused.value.field in wrong


def test_customers_read_the_catalogue_and_change_nothing(store: Store) -> None:
    with store.transaction() as session:
        plan = a_plan(session)
        ctx = a_context(session, a_customer(session).actor)
        assert [row.id for row in catalogue.plans(ctx)] == [plan.id]
        for change in (
            lambda: catalogue.offer_template(ctx, template_id="evil", name="Evil"),
            lambda: catalogue.offer_plan(ctx, offer=_offer(price_minor=0)),
            lambda: catalogue.retire_plan(ctx, plan_id=plan.id),
        ):
            with pytest.raises(NotPermitted):
                change()


def test_members_see_their_own_instances_by_any_question(store: Store) -> None:
    with store.transaction() as session:
        mine, theirs = a_customer(session, "Mine"), a_customer(session, "Theirs")
        own, foreign = an_instance(session, mine, "shop"), an_instance(session, theirs, "secret", namespace="ns-secret")
        ctx = a_context(session, mine.actor)
        assert [row.id for row in instances.list_(ctx).items] == [own.id]
        assert instances.list_(ctx, search="secret").items == ()
        for attack in (
            lambda: instances.get(ctx, instance_id=foreign.id),
            lambda: instances.list_(ctx, organization_id=theirs.organization.id),
            lambda: instances.of_organization(ctx, organization_id=theirs.organization.id),
            lambda: instances.get(ctx, instance_id="ins_none"),
        ):
            with pytest.raises(NotFound):
                attack()
        with pytest.raises(NotPermitted):
            instances.set_state(ctx, instance_id=own.id, state=State.SUSPENDED)
        assert instances.list_(a_context(session, a_stranger(session))).items == ()
        everything = instances.list_(a_context(session, a_staff_member(session, StaffRole.ANALYST))).items
        assert [row.name for row in everything] == ["secret", "shop"]


def test_an_actor_whose_scopes_leave_instances_out_sees_none(store: Store) -> None:
    with store.transaction() as session:
        customer = a_customer(session)
        an_instance(session, customer)
        limited = a_context(session, customer.actor.limited_to([Permission.SEE_OWN_MEMBERS]))
        assert instances.list_(limited).items == ()
        with pytest.raises(NotPermitted):
            instances.of_organization(limited, organization_id=customer.organization.id)


def test_an_instance_moves_by_its_table_and_the_move_is_noted(store: Store) -> None:
    with store.transaction() as session:
        customer = a_customer(session)
        made = an_instance(session, customer, state=State.READY)
        ctx = a_context(session, a_job(), edge="job")
        assert instances.set_state(ctx, instance_id=made.id, state=State.DEGRADED).state is State.DEGRADED
        with pytest.raises(IllegalTransition):
            instances.set_state(ctx, instance_id=made.id, state=State.ORDERED)
        (line,) = audit_rows.search(session, subject=made.id, limit=5)
        assert (line.before, line.after, line.edge) == ('{"state": "ready"}', '{"state": "degraded"}', "job")


class Telling:
    """A warehouse whose ingress told something about every namespace."""

    def query(self, sql: str, params: Any = None) -> pl.DataFrame:
        return pl.DataFrame({"namespace": params["namespaces"]})


def test_a_trial_that_nobody_uses_is_marked(store: Store) -> None:
    with store.transaction() as session:
        customer = a_customer(session)
        created = NOW - timedelta(days=8)
        facts = {"trial_until": NOW + timedelta(days=6)}
        an_instance(session, customer, "idle", now=created, namespace="idle", **facts)
        an_instance(session, customer, "used", now=created, last_used_at=NOW - timedelta(days=1), **facts)
        an_instance(session, customer, "over", now=created, trial_until=NOW)
        an_instance(session, customer, "paid", now=created)
        ctx = replace(a_context(session, customer.actor), warehouse=Telling())
        assert {row.name: row.unused for row in instances.list_(ctx).items} == {
            "idle": True,
            "used": False,
            "over": False,
            "paid": False,
        }
        assert [row.name for row in instances.list_(ctx, on_trial=True).items] == ["idle", "used"]
