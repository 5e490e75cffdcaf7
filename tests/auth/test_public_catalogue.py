"""The public catalogue: read by anybody, in their language and currency, and nothing else is given away."""

from __future__ import annotations

import html

import pytest

from app.auth.headers import FORMS_POLICY
from app.services import offers
from models.domain.access import job_actor
from provisioner import catalogue
from tests.auth.conftest import Portal
from tests.auth.one_database import store

__all__ = ["store"]
pytestmark = pytest.mark.loopback


@pytest.fixture
def selling(portal: Portal) -> Portal:
    with portal.container.transaction(job_actor("catalogue"), "cli") as ctx:
        offers.publish(ctx, templates=catalogue.load().values())
    return portal


def read(portal: Portal, path: str = "/catalogue", **headers: str) -> str:
    answer = portal.browser().client.get(path, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == FORMS_POLICY
    assert "<script" not in answer.text
    return html.unescape(answer.text).replace("\u00a0", " ")


def test_everybody_reads_what_is_on_sale_and_is_led_to_the_sign_up(selling: Portal) -> None:
    said = read(selling)
    assert "WordPress" in said
    assert "free for 14 days" in said
    assert "$9 a month" in said
    assert 'href="/signup"' in said
    assert "n8n" not in said, "nobody confirmed its maker's agreement"
    assert "usually ready" not in said, "nothing was measured"


@pytest.mark.parametrize(
    ("path", "language", "price"),
    [
        ("/catalogue", "id-ID,id;q=0.9,en;q=0.5", "Rp 129.000 per bulan"),
        ("/catalogue?currency=usd", "id", "US$9 per bulan"),
        ("/catalogue?currency=EUR", "en", "€9 a month"),
        ("/catalogue?currency=XXX", "en", "$9 a month"),
        ("/catalogue?lang=id", "en", "Rp 129.000 per bulan"),
    ],
)
def test_language_and_currency_are_the_readers(selling: Portal, path: str, language: str, price: str) -> None:
    assert price in read(selling, path, **{"accept-language": language})


def test_the_search_finds_and_shows_what_was_typed_as_letters(selling: Portal) -> None:
    assert "Ghost" not in read(selling, "/catalogue?q=toko&lang=id")
    assert "WordPress" in read(selling, "/catalogue?q=toko&lang=id")
    attack = selling.browser().client.get("/catalogue?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script" not in attack.text


def test_a_member_is_led_to_the_catalogue_of_the_organization(selling: Portal) -> None:
    person, browser = selling.customer(), selling.browser()
    browser.sign_in(person.email)
    answer = browser.get("/catalogue")
    assert (answer.status_code, answer.headers["location"]) == (303, "/new")


def test_nothing_on_sale_is_said(portal: Portal) -> None:
    assert "nothing is on sale" in read(portal)
