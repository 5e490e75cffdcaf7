"""Signing in and out through the real gate."""

from __future__ import annotations

import re

import pytest
from sqlmodel import select

from models.domain.access import StaffRole
from models.store import audit, members, sessions, staff
from models.store.limits import RateWindow
from tests.auth.conftest import PASSWORD, Opening, Portal
from tests.stories import NOW

pytestmark = pytest.mark.loopback


def test_the_right_password_opens_the_page_that_was_asked_for(portal: Portal) -> None:
    person, browser = portal.customer(), portal.browser()
    away = browser.get("/cluster?node=a%26b")
    assert (away.status_code, away.headers["location"]) == (303, "/login?next=%2Fcluster%3Fnode%3Da%2526b")
    answer = browser.sign_in(person.email.upper(), path=away.headers["location"])
    assert (answer.status_code, answer.headers["location"]) == (303, "/cluster?node=a%26b")
    assert browser.user() == person.id
    with portal.store.reading() as session:
        assert [row.action for row in audit.search(session, actor_id=person.id, limit=9)] == ["sessions.open"]


def test_the_cookie_is_kept_from_scripts_and_only_its_digest_is_stored(portal: Portal) -> None:
    person, browser = portal.customer(), portal.browser()
    header = browser.sign_in(person.email).headers["set-cookie"]
    assert re.search(r"sid=[\w-]{43}; HttpOnly; Max-Age=43200; Path=/; SameSite=lax", header)
    assert "Secure" not in header
    assert "Domain" not in header
    with portal.store.reading() as session:
        (row,) = sessions.of_user(session, person.id)
        assert browser.cookie
        assert browser.cookie not in row.model_dump_json()


def test_under_https_cookies_are_bound_to_host_and_https(opened: Opening) -> None:
    portal = opened(public_url="https://portal.test")
    person, browser = portal.customer(), portal.browser()
    shown = browser.get("/login")
    assert re.match(r"__Host-form=[\w-]{43}; HttpOnly; Path=/; SameSite=lax; Secure", shown.headers["set-cookie"])
    answer = browser.sign_in(person.email)
    assert re.search(r"__Host-sid=[\w-]{43}; HttpOnly; Max-Age=43200; Path=/; SameSite=lax; Secure", answer.headers["set-cookie"])
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert browser.user() == person.id


def test_a_wrong_password_and_nobody_are_told_apart_by_nothing(portal: Portal) -> None:
    person, browser = portal.customer(), portal.browser()
    wrong = browser.sign_in(person.email, "not this one at all")
    nobody = browser.sign_in("nobody.at.all@example.com", "not this one at all")
    assert wrong.status_code == nobody.status_code == 401
    blind = [re.sub(r'value="[^"]*"', "", answer.text) for answer in (wrong, nobody)]
    assert blind[0] == blind[1]
    assert "not right" in blind[0]
    assert browser.cookie is None


def test_somebody_disabled_is_kept_out_and_thrown_out(portal: Portal) -> None:
    person, browser = portal.customer(), portal.browser()
    browser.sign_in(person.email)
    with portal.store.transaction() as session:
        user = members.user_by_id(session, person.id)
        assert user
        user.disabled_at = NOW
        session.add(user)
    assert browser.user() is None
    assert portal.browser().sign_in(person.email).status_code == 401


def test_after_ten_wrong_passwords_even_the_right_one_waits(portal: Portal) -> None:
    person, browser = portal.customer(), portal.browser()
    for _ in range(10):
        assert browser.sign_in(person.email, "wrong wrong wrong").status_code == 401
    refused = browser.sign_in(person.email)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 900
    assert "Too many attempts" in refused.text
    assert browser.cookie is None
    portal.later(minutes=31)
    assert browser.sign_in(person.email).status_code == 303


def test_the_limit_keeps_no_address_and_an_honest_sign_in_gives_its_count_back(portal: Portal) -> None:
    person, browser = portal.customer(), portal.browser()
    for _ in range(12):
        assert browser.sign_in(person.email).status_code == 303
    with portal.store.reading() as session:
        rows = session.exec(select(RateWindow)).all()
    assert rows
    assert all(row.hits == 0 for row in rows)
    assert not any(person.email in row.key for row in rows)


def test_signing_in_again_ends_the_session_before_and_never_keeps_its_cookie(portal: Portal) -> None:
    person, browser = portal.customer(), portal.browser()
    browser.sign_in(person.email)
    first = browser.cookie
    browser.sign_in(person.email)
    assert first
    assert browser.cookie != first
    old = portal.browser()
    old.client.cookies.set("sid", first)
    assert old.user() is None


def test_a_planted_cookie_is_never_taken_over(portal: Portal) -> None:
    person, browser = portal.customer(), portal.browser()
    browser.client.cookies.set("sid", "planted" * 6, domain="portal.test", path="/")
    browser.sign_in(person.email)
    assert "planted" not in str(browser.client.cookies.get("sid", domain="portal.test.local") or "")
    intruder = portal.browser()
    intruder.client.cookies.set("sid", "planted" * 6)
    assert intruder.user() is None


def test_a_session_ends_when_idle_and_at_its_end(portal: Portal) -> None:
    person, browser = portal.customer(), portal.browser()
    browser.sign_in(person.email)
    portal.later(hours=1, minutes=59)
    assert browser.user() == person.id  # looking at the gate does not count as use
    portal.later(minutes=1)
    assert browser.user() is None


def test_signing_out_ends_the_session_for_whoever_copied_the_cookie(portal: Portal) -> None:
    person, browser, thief = portal.customer(), portal.browser(), portal.browser()
    browser.sign_in(person.email)
    thief.client.cookies.set("sid", str(browser.cookie))
    assert thief.user() == person.id
    answer = browser.send("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?done=out")
    assert "signed out" in browser.get("/login?done=out").text
    assert browser.cookie is None
    assert thief.user() is None


def test_a_new_place_is_told_by_mail_and_the_first_one_is_not(portal: Portal) -> None:
    person = portal.customer()
    portal.browser(headers={"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}).sign_in(person.email)
    assert portal.mails(person.email) == []
    portal.browser(headers={"user-agent": "Mozilla/5.0 (iPhone) Version/17 Safari/604.1"}).sign_in(person.email)
    (told,) = portal.mails(person.email)
    assert told.kind == "new_sign_in"
    assert "Safari on iOS" in told.text


def test_who_becomes_staff_on_live_data_without_a_second_factor_is_out(live: Portal) -> None:
    person, browser = live.customer(), live.browser()
    browser.sign_in(person.email)
    assert browser.user() == person.id
    with live.store.transaction() as session:
        staff.appoint(session, user_id=person.id, role=StaffRole.ANALYST, now=NOW)
    assert browser.user() is None


def test_the_form_speaks_the_browsers_language_and_can_be_told_another(portal: Portal) -> None:
    browser = portal.browser(headers={"accept-language": "de, id;q=0.8, en;q=0.5"})
    shown = browser.get("/login")
    assert '<html lang="id">' in shown.text
    assert "Kata sandi" in shown.text
    assert shown.headers["content-language"] == "id"
    wrong = browser.sign_in("siapa@example.com", "salah salah salah")
    assert "Alamat email atau kata sandi tidak benar." in wrong.text
    english = browser.get("/login?lang=en")
    assert '<html lang="en">' in english.text
    assert "are not right" in browser.fill(english, email="who@example.com", password="wrong").text


def test_a_name_is_shown_as_letters(portal: Portal) -> None:
    shown = portal.browser().sign_in('"><script>alert(1)</script>', PASSWORD)
    assert "<script" not in shown.text
    assert "&lt;script&gt;" in shown.text
