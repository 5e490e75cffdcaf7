"""Attacks on the forms: foreign origins, stale and stolen proofs, open redirects, oversized input."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import Route

from app.auth import gate, routes
from app.auth.forms.exchange import device, safe_next
from app.auth.headers import FORMS_POLICY, PAGES_POLICY
from tests.auth.conftest import PASSWORD, Portal
from tests.auth.one_database import store

__all__ = ["store"]
pytestmark = pytest.mark.loopback


FORMS = ("/login", "/logout", "/signup", "/reset")


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://portal.test.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_form_sent_from_elsewhere_does_nothing(portal: Portal, path: str, headers: dict[str, str]) -> None:
    person, browser = portal.customer(), portal.browser()
    browser.sign_in(person.email)
    typed = {"email": person.email, "password": PASSWORD, "name": "Eve", "organization": "Evil"}
    answer = browser.send(path, headers=headers, **typed)
    assert answer.status_code == 403
    assert "another site" in answer.text
    assert browser.user() == person.id
    assert portal.mails(person.email) == []


def test_a_form_without_proof_or_with_somebody_elses_does_nothing(portal: Portal) -> None:
    person, browser, attacker = portal.customer(), portal.browser(), portal.browser()
    browser.get("/login")
    fields = {"email": person.email, "password": PASSWORD}
    assert browser.client.post("/login", data=fields).status_code == 403
    shown = attacker.get("/login").text
    proof = shown.split('name="proof" value="')[1].split('"')[0]
    assert browser.client.post("/login", data=fields | {"proof": proof}).status_code == 403
    assert browser.client.post("/login", data=fields | {"proof": "ä" * 10}).status_code == 403
    cookieless = portal.browser()
    assert cookieless.client.post("/login", data=fields | {"proof": proof}).status_code == 403
    assert browser.cookie is None
    assert cookieless.cookie is None


def test_after_a_refusal_the_form_that_is_shown_works(portal: Portal) -> None:
    person, browser = portal.customer(), portal.browser()
    refused = browser.client.post("/login", data={"email": person.email, "password": PASSWORD})
    assert refused.status_code == 403
    assert browser.fill(refused, email=person.email, password=PASSWORD).status_code == 303


def test_a_same_origin_form_is_taken(portal: Portal) -> None:
    person, browser = portal.customer(), portal.browser()
    headers = {"origin": "http://portal.test", "sec-fetch-site": "same-origin"}
    assert browser.send("/login", headers=headers, email=person.email, password=PASSWORD).status_code == 303


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "///evil.example",
        "https://evil.example",
        "http:/evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "@evil.example",
        "/login",
        "/logout?x=1",
        "/api/v1/me",
        "/" + "a" * 3000,
        "//[bad",
    ],
)
def test_next_never_leaves_this_site(portal: Portal, wanted: str) -> None:
    person, browser = portal.customer(), portal.browser()
    shown = browser.get("/login", params={"next": wanted})
    answer = browser.fill(shown, email=person.email, password=PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    planted = browser.send("/login", email=person.email, password=PASSWORD, next=wanted)
    assert planted.headers["location"] == "/"


@given(st.text(max_size=60))
def test_whatever_next_is_the_answer_is_a_path_here(wanted: str) -> None:
    for tried in (wanted, "/" + wanted, "//" + wanted):
        kept = safe_next(tried)
        assert kept.startswith("/")
        assert not kept.startswith(("//", "/\\"))
        assert kept in ("/", tried)


@pytest.mark.parametrize("path", sorted(route.path for route in routes.routes if isinstance(route, Route)))
def test_every_form_is_public_sealed_by_its_policy_and_never_cached(portal: Portal, path: str) -> None:
    answer = portal.browser().get(path)
    assert path in gate.PUBLIC
    assert answer.status_code in (200, 303, 404)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "same-origin"
    if path.startswith("/assets") or path == "/favicon.ico":
        assert answer.headers["cache-control"] == "public, max-age=300"
        return
    assert answer.headers["content-security-policy"] == FORMS_POLICY
    assert answer.headers["cache-control"] == "no-store"
    assert "<script" not in answer.text
    assert "style=" not in answer.text
    assert "onclick" not in answer.text


def test_pages_have_a_policy_with_one_inline_script_and_no_frames(portal: Portal) -> None:
    person, browser = portal.customer(), portal.browser()
    browser.sign_in(person.email)
    policy = browser.get("/").headers["content-security-policy"]
    assert policy == PAGES_POLICY
    assert "frame-ancestors 'none'" in policy
    assert "'unsafe-eval'" not in policy
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "'unsafe-inline'" not in scripts


def test_other_kinds_of_bodies_and_large_ones_are_refused(portal: Portal) -> None:
    client = portal.browser().client
    assert client.post("/login", json={"email": "a@example.com"}).status_code == 415
    assert client.post("/login", files={"email": b"a"}).status_code == 415
    assert client.post("/login", data={"email": "a" * 20_000}).status_code == 415
    assert client.post("/login", data={f"f{n}": "x" for n in range(30)}).status_code == 415
    assert client.put("/login", data={}).status_code == 405


@pytest.mark.parametrize("hostile", ["\x00", "a\x00@example.com", "\ud7ff", "💥" * 50, "' OR 1=1 --"])
def test_strange_input_is_an_answer_and_no_failure(portal: Portal, hostile: str) -> None:
    browser = portal.browser()
    assert browser.send("/login", email=hostile, password=hostile).status_code == 401
    assert browser.send("/signup", email=hostile, name=hostile, organization=hostile).status_code == 400
    assert browser.send("/reset", email=hostile).status_code == 400
    for path in ("/verify", "/reset", "/invite", "/setup"):
        assert browser.get(path, params={"token": hostile}).status_code == 404


def test_a_browser_is_named_coarsely() -> None:
    chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
    assert device(chrome) == device(chrome.replace("142", "143")) == "Chrome on Windows"
    assert device(chrome + " Edg/142.0") == "Edge on Windows"
    assert device("") == "an unknown browser"
