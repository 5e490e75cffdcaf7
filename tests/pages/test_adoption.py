"""Staff put an app on record on the customer's page, change its address and release it."""

from __future__ import annotations

from datetime import UTC, date, datetime

import app.demo as demo
from app.container import Container
from app.services import catalogue
from models.domain.access import StaffRole, job_actor
from models.domain.instances import State
from models.store import instances, mapping, members, organizations, staff
from models.store.instances import Instance
from tests.pages.conftest import open_page

ADMIN, CUSTOMER = (person.email for person in demo.sign_ins())
SPACE = "kube-system"


def _home(made: Container) -> str:
    with made.reading(job_actor("test"), "cli") as ctx:
        user = members.user_by_email(ctx.session, CUSTOMER)
        assert user is not None
        return str(members.of_user(ctx.session, user.id)[0][0].id)


def _found(made: Container) -> Instance:
    with made.reading(job_actor("test"), "cli") as ctx:
        (row,) = (row for row in instances.everything(ctx.session) if row.namespace == SPACE)
        ctx.session.expunge(row)
        return row


def test_an_app_is_added_changed_and_released(small_demo: Container) -> None:
    home = _home(small_demo)
    at = open_page(small_demo, ADMIN, "admin/organization", id=home)
    try:
        at.selectbox(key="adopt_namespace_0").select(SPACE)
        at.text_input(key="adopt_name_0").input("Wrong Name")
        next(b for b in at.button if b.label == "Add").click().run()
        assert "lower" in at.error[0].value
        at.text_input(key="adopt_name_0").input("shop")
        at.text_input(key="adopt_address_0").input("https://shop.example.com")
        at.selectbox(key="adopt_plan_0").select_index(1)
        at.date_input(key="adopt_trial_0").set_value(date(2027, 1, 31))
        next(b for b in at.button if b.label == "Add").click().run()
        assert not at.exception
        assert not at.error
        row = _found(small_demo)
        with small_demo.reading(job_actor("test"), "cli") as ctx:
            plan = next(one for one in catalogue.plans(ctx) if one.id == row.plan_id)
        assert row.template == plan.template
        assert row.trial_until == datetime(2027, 1, 31, 17, tzinfo=UTC), "midnight in Jakarta, where the admin is"
        assert (row.organization_id, row.name, row.address, row.state) == (home, "shop", "https://shop.example.com", State.READY)
        assert SPACE not in at.selectbox(key="adopt_namespace_1").options
        assert at.text_input(key="adopt_name_1").value == ""
        at.selectbox(key="adopted").select(row.id).run()
        next(t for t in at.text_input if t.value == "https://shop.example.com").input("https://new.example.com")
        next(b for b in at.button if b.form_id == f"address_{row.id}").click().run()
        assert not at.exception
        row = _found(small_demo)
        assert (row.address, row.plan_id, row.trial_until) == (
            "https://new.example.com",
            plan.id,
            datetime(2027, 1, 31, 17, tzinfo=UTC),
        )
        at.selectbox(key=f"plan_{row.id}").select_index(0)
        at.date_input(key=f"trial_{row.id}").set_value(None)
        next(b for b in at.button if b.form_id == f"address_{row.id}").click().run()
        assert not at.exception
        row = _found(small_demo)
        assert (row.plan_id, row.trial_until, row.template) == (None, None, plan.template)
        assert at.button(key=f"release_{row.id}").disabled
        at.checkbox(key=f"release_sure_{row.id}").check().run()
        at.button(key=f"release_{row.id}").click().run()
        assert not at.exception
        assert _found(small_demo).state is State.GONE
    finally:
        with small_demo.transaction(job_actor("test"), "cli") as ctx:
            rule = mapping.rule(ctx.session, "default", SPACE)
            if rule is not None:
                ctx.session.delete(rule)


def test_whoever_only_looks_has_no_such_forms(small_demo: Container) -> None:
    with small_demo.transaction(job_actor("test"), "cli") as ctx:
        person = members.add_user(ctx.session, email="support@adoption.example", name="Susi", now=ctx.now)
        staff.appoint(ctx.session, user_id=person.id, role=StaffRole.SUPPORT, now=ctx.now)
        assert organizations.everything(ctx.session)
    at = open_page(small_demo, "support@adoption.example", "admin/organization", id=_home(small_demo))
    assert not at.exception
    assert at.title
    assert not [one.key for one in at.selectbox if str(one.key).startswith("adopt")]
