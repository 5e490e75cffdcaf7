"""Where the cluster is and which files open it is for the staff: customers get a sentence and a reference."""

from __future__ import annotations

import pytest

from app.container import Container
from app.keep import Keep
from models.domain.errors import Misconfigured
from tests.pages.conftest import open_page, texts

SECRET = "The Kubernetes API at https://10.0.3.7:6443 refuses the credentials of the kubeconfig /srv/moorage/kubeconfig (401)."


@pytest.mark.parametrize("locale", ["en", "id"])
def test_a_customer_reads_no_address_and_no_path(small_demo: Container, monkeypatch: pytest.MonkeyPatch, locale: str) -> None:
    from app.demo import sign_ins
    from models.domain.access import job_actor
    from models.store import members

    admin, customer = sign_ins()
    with small_demo.transaction(job_actor("test"), "cli") as ctx:
        user = members.user_by_email(ctx.session, customer.email)
        assert user is not None
        before, user.locale = user.locale, locale
        ctx.session.add(user)

    def refuses(*_args: object, **_more: object) -> None:
        raise Misconfigured(SECRET)

    monkeypatch.setitem(vars(small_demo), "keep", Keep())  # what another test's page saw within two seconds is kept
    monkeypatch.setattr(type(small_demo.inventory), "snapshot", refuses)
    try:
        said = texts(open_page(small_demo, customer.email, "customer/home"))
    finally:
        with small_demo.transaction(job_actor("test"), "cli") as ctx:
            user = members.user_by_email(ctx.session, customer.email)
            assert user is not None
            user.locale = before
            ctx.session.add(user)
    assert {"en": "tell us the reference", "id": "sebutkan referensi"}[locale] in said
    assert "10.0.3.7" not in said.replace("\\", "")
    assert "/srv/" not in said.replace("\\", "")
    assert "10.0.3.7" in texts(open_page(small_demo, admin.email, "admin/cluster")).replace("\\", "")


@pytest.mark.parametrize("part", ["request", "organization"])
def test_nor_after_a_click(small_demo: Container, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    """The export is asked for by a change and then read: either may fail."""
    from app.demo import sign_ins
    from app.services import export

    def refuses(*_args: object, **_more: object) -> None:
        raise Misconfigured(SECRET)

    at = open_page(small_demo, sign_ins()[1].email, "customer/team")
    monkeypatch.setattr(export, part, refuses)
    said = texts(at.button(key="export_make").click().run())
    assert "referen" in said
    assert "10.0.3.7" not in said.replace("\\", "")
    assert "/srv/" not in said.replace("\\", "")


def test_nor_from_the_forms_of_the_account(small_demo: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.auth import credentials
    from app.demo import sign_ins

    def refuses(*_args: object, **_more: object) -> None:
        raise Misconfigured(SECRET)

    monkeypatch.setattr(credentials, "change_password", refuses)
    at = open_page(small_demo, sign_ins()[1].email, "customer/account")
    next(one for one in at.button if one.form_id == "password").click()
    said = texts(at.run())
    assert "referen" in said
    assert "10.0.3.7" not in said.replace("\\", "")
