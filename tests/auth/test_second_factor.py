"""One-time codes: asked for, good once, mandatory for staff on live data."""

from __future__ import annotations

import re

import httpx
import pyotp
import pytest

from app.auth import credentials, people, totp
from models.domain.access import StaffRole
from models.domain.errors import Invalid, TooManyAttempts
from models.store import audit, members, sessions
from models.store.members import User
from tests.auth.conftest import PASSWORD, Browser, Portal

pytestmark = pytest.mark.loopback


def _secret(shown: httpx.Response) -> str:
    found = re.search(r'<p class="key">([A-Z2-7 ]+)</p>', shown.text)
    assert found
    return found[1].replace(" ", "")


def _code(portal: Portal, secret: str) -> str:
    return pyotp.TOTP(secret).at(portal.container.clock.now())


def _recovery(shown: httpx.Response) -> list[str]:
    return re.findall(r"<code>([a-z2-7-]{19})</code>", shown.text)


def _enrolled(portal: Portal, person: User) -> tuple[str, list[str]]:
    """A second factor for the person, set up without the forms; its first code is not spent."""
    with portal.store.transaction() as session:
        user = members.user_by_id(session, person.id)
        assert user
        offer = totp.offer(portal.container.seal, user, portal.container.clock.now())
        code = pyotp.TOTP(offer.secret).at(portal.container.clock.now())
        codes = totp.confirm(session, portal.container.seal, user, offer, code, portal.container.clock.now())
    portal.later(seconds=60)
    return offer.secret, codes


def _at_the_code(portal: Portal, person: User) -> tuple[Browser, httpx.Response]:
    browser = portal.browser()
    answer = browser.sign_in(person.email, path="/login?next=/cluster")
    assert (answer.status_code, answer.headers["location"]) == (303, "/totp?next=%2Fcluster")
    assert browser.user() is None
    return browser, browser.get(answer.headers["location"])


def test_staff_on_live_data_must_set_it_up_before_anything_is_shown(live: Portal) -> None:
    person, browser = live.staff(), live.browser()
    answer = browser.sign_in(person.email)
    assert answer.headers["location"] == "/totp"
    assert browser.user() is None
    shown = browser.get("/totp")
    assert "<svg" in shown.text
    assert "style=" not in shown.text
    secret = _secret(shown)
    wrong = browser.fill(shown, code="000000")
    assert wrong.status_code == 400
    assert _secret(wrong) == secret, "after a wrong code the scanned secret stays"
    done = browser.fill(wrong, code=_code(live, secret))
    assert done.status_code == 200
    assert len(_recovery(done)) == 10
    assert browser.user() == person.id
    with live.store.reading() as session:
        (row,) = sessions.of_user(session, person.id)
        assert row.strong
        assert {r.action for r in audit.search(session, actor_id=person.id, limit=9)} == {"second_factor.enable", "sessions.open"}


def test_staff_on_simulated_data_need_none(portal: Portal) -> None:
    person, browser = portal.staff(StaffRole.SUPPORT), portal.browser()
    assert browser.sign_in(person.email).headers["location"] == "/"
    assert browser.user() == person.id


def test_the_enrolment_of_one_person_is_worth_nothing_to_another(live: Portal) -> None:
    first, second = live.staff(name="Citra"), live.staff(name="Dewi")
    mine, theirs = live.browser(), live.browser()
    mine.sign_in(first.email)
    theirs.sign_in(second.email)
    shown = mine.get("/totp")
    offer = re.search(r'name="offer" value="([^"]+)"', shown.text)
    assert offer
    stolen = theirs.fill(theirs.get("/totp"), offer=offer[1], code=_code(live, _secret(shown)))
    assert stolen.status_code == 400
    assert theirs.user() is None


def test_a_code_finishes_the_sign_in_once(portal: Portal) -> None:
    person = portal.customer()
    secret, _ = _enrolled(portal, person)
    browser, shown = _at_the_code(portal, person)
    code = _code(portal, secret)
    done = browser.fill(shown, code=f"{code[:3]} {code[3:]}")
    assert (done.status_code, done.headers["location"]) == (303, "/cluster")
    assert browser.user() == person.id
    again, shown = _at_the_code(portal, person)
    refused = again.fill(shown, code=code)
    assert refused.status_code == 401
    assert again.user() is None


def test_a_code_of_long_ago_is_none(portal: Portal) -> None:
    person = portal.customer()
    secret, _ = _enrolled(portal, person)
    old = _code(portal, secret)
    portal.later(seconds=90)
    browser, shown = _at_the_code(portal, person)
    assert browser.fill(shown, code=old).status_code == 401


def test_a_recovery_code_works_once_in_any_writing(portal: Portal) -> None:
    person = portal.customer()
    _, codes = _enrolled(portal, person)
    browser, shown = _at_the_code(portal, person)
    assert browser.fill(shown, code=codes[0].upper().replace("-", " ")).status_code == 303
    again, shown = _at_the_code(portal, person)
    assert again.fill(shown, code=codes[0]).status_code == 401
    assert again.fill(again.get("/totp"), code=codes[1]).status_code == 303


def test_guessing_codes_is_stopped_after_six_even_with_the_right_one(portal: Portal) -> None:
    person = portal.customer()
    secret, _ = _enrolled(portal, person)
    browser, shown = _at_the_code(portal, person)
    for _ in range(6):
        assert browser.fill(shown, code="000000").status_code == 401
    assert browser.fill(shown, code=_code(portal, secret)).status_code == 429
    other, shown = _at_the_code(portal, person)
    assert other.fill(shown, code=_code(portal, secret)).status_code == 429, "a fresh sign-in begins no new count"


def test_the_half_done_sign_in_ends_after_ten_minutes_and_is_no_session(portal: Portal) -> None:
    person = portal.customer()
    secret, _ = _enrolled(portal, person)
    browser, shown = _at_the_code(portal, person)
    half = browser.client.cookies["totp"]
    thief = portal.browser()
    thief.client.cookies.set("sid", half)
    assert thief.user() is None
    portal.later(minutes=10)
    late = browser.fill(shown, code=_code(portal, secret))
    assert late.status_code == 401
    assert "took too long" in late.text
    assert browser.user() is None


def test_without_a_sign_in_the_page_leads_to_it(portal: Portal) -> None:
    answer = portal.browser().get("/totp")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Ftotp")


def test_a_signed_in_person_sets_it_up_by_themselves_after_a_recent_sign_in(portal: Portal) -> None:
    person, browser = portal.customer(), portal.browser()
    browser.sign_in(person.email)
    shown = browser.get("/totp")
    secret = _secret(shown)
    assert _secret(browser.fill(shown, code="000000")) == secret
    done = browser.fill(shown, code=_code(portal, secret))
    assert len(_recovery(done)) == 10
    assert browser.get("/totp").headers["location"] == "/"
    assert [row.kind for row in portal.mails(person.email)] == ["second_factor"]
    portal.later(minutes=5)
    _at_the_code(portal, person)


def test_a_session_of_an_hour_ago_must_prove_itself_first(portal: Portal) -> None:
    person, browser = portal.customer(), portal.browser()
    browser.sign_in(person.email)
    shown = browser.get("/totp")
    portal.later(minutes=16)
    assert browser.get("/totp").headers["location"] == "/login?next=%2Ftotp"
    late = browser.fill(shown, code=_code(portal, _secret(shown)))
    assert late.status_code == 401
    with portal.store.reading() as session:
        user = members.user_by_id(session, person.id)
        assert user
        assert user.totp_confirmed_at is None
    assert PASSWORD not in late.text


def test_guessing_codes_on_the_account_page_is_stopped_too(portal: Portal) -> None:
    person = portal.customer()
    secret, _ = _enrolled(portal, person)
    with portal.store.reading() as session:
        user = members.user_by_id(session, person.id)
        assert user
        actor = people.of(session, user).actor
    for tried in (credentials.new_recovery_codes, credentials.disable_second_factor) * 3:
        with pytest.raises(Invalid):
            tried(portal.container, actor, code="000000")
    for tried in (credentials.new_recovery_codes, credentials.disable_second_factor):
        with pytest.raises(TooManyAttempts):
            tried(portal.container, actor, code=_code(portal, secret))
    portal.later(minutes=31)
    assert len(credentials.new_recovery_codes(portal.container, actor, code=_code(portal, secret))) == 10
    portal.later(minutes=1)
    credentials.disable_second_factor(portal.container, actor, code=_code(portal, secret))
    with portal.store.reading() as session:
        user = members.user_by_id(session, person.id)
        assert user
        assert user.totp_confirmed_at is None
