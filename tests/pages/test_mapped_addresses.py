"""An address that staff give to a namespace without an app: typed on Mapping, seen by staff and by its owner."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

import app.demo as demo
from app.container import Container
from models.domain.access import job_actor
from models.store import mapping, members
from tests.pages.conftest import open_page, texts

ADMIN, CUSTOMER = (person.email for person in demo.sign_ins())
SPACE, ADDRESS = "kube-system", "https://shop.example.com"


def _home(made: Container) -> str:
    with made.reading(job_actor("test"), "cli") as ctx:
        user = members.user_by_email(ctx.session, CUSTOMER)
        assert user is not None
        return str(members.of_user(ctx.session, user.id)[0][0].id)


def test_an_address_is_given_and_shown_to_staff_and_owner(small_demo: Container) -> None:
    home = _home(small_demo)
    assert ADDRESS not in _addresses(open_page(small_demo, CUSTOMER))
    at = open_page(small_demo, ADMIN, "admin/mapping")
    try:
        at.selectbox(key="map_namespace").select(SPACE)
        at.selectbox(key="map_owner").select(home).run()
        at.text_input(key=f"map_address_{SPACE}").input("shop")
        at.button(key="map_give").click().run()
        assert "An address looks like" in at.error[0].value
        at.text_input(key=f"map_address_{SPACE}").input(ADDRESS)
        at.button(key="map_give").click().run()
        assert not at.exception
        assert not at.error
        with small_demo.reading(job_actor("test"), "cli") as ctx:
            rule = mapping.rule(ctx.session, "default", SPACE)
            assert rule is not None
            assert rule.address == ADDRESS
        for seen in (open_page(small_demo, ADMIN, "admin/organization", id=home), open_page(small_demo, CUSTOMER)):
            assert not seen.exception
            assert ADDRESS in _addresses(seen)
            assert ("Asked once a minute" in texts(seen)) != ("Ditanya sekali setiap menit" in texts(seen))
    finally:
        with small_demo.transaction(job_actor("test"), "cli") as ctx:
            rule = mapping.rule(ctx.session, "default", SPACE)
            if rule is not None:
                ctx.session.delete(rule)


def _addresses(at: AppTest) -> list[str]:
    tables = [one.value for one in at.dataframe]
    return [text for table in tables if {"address", "certificate"} <= set(table.columns) for text in table["address"]]
