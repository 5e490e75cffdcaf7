"""Links in mails: sign-up, reset, invitation, first administrator. Each works once, and tells strangers nothing."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

import pyotp
import pytest

from app.auth import people, totp
from app.services import first_admin, members, signups, staff
from models.domain.access import MemberRole, StaffRole
from models.store import audit, organizations
from models.store import members as people_rows
from models.store import sessions as session_rows
from models.store import staff as staff_rows
from models.store.limits import Rule
from models.store.members import User
from tests.auth.conftest import PASSWORD, Opening, Portal
from tests.stories import a_job

pytestmark = pytest.mark.loopback
FRESH = "another four good words"
NEW = {"password": FRESH, "again": FRESH}


def _sign_up(portal: Portal, email: str = "ayu@example.com") -> str:
    answer = portal.browser().send("/signup", email=email, name="Ayu", organization="Warung Ayu")
    assert answer.status_code == 200
    return portal.link(email, "verify")


def _invited(portal: Portal, owner: User, email: str, role: MemberRole = MemberRole.DEVELOPER) -> str:
    with portal.store.reading() as session:
        person = people.of(session, owner)
    with portal.container.transaction(person.actor, "page") as ctx:
        members.invite(ctx, organization_id=person.organizations[0].id, email=email, role=role)
    return portal.link(email, "invitation")


def _setup_link(portal: Portal) -> str:
    with portal.container.transaction(a_job(), "cli") as ctx:
        address = first_admin.link(ctx)
    assert address
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def _together(*calls: Callable[[], int]) -> list[int]:
    """Run the calls at the same moment; what each answered."""
    start, answers = threading.Barrier(len(calls)), [0] * len(calls)

    def run(at: int) -> None:
        start.wait()
        answers[at] = calls[at]()

    threads = [threading.Thread(target=run, args=(at,)) for at in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(answers)


def test_signing_up_opens_an_organization_with_its_owner(portal: Portal) -> None:
    link, browser = _sign_up(portal), portal.browser()
    shown = browser.get(link)
    assert "ayu@example.com" in shown.text
    done = browser.fill(shown, **NEW)
    assert (done.status_code, done.headers["location"]) == (303, "/")
    user_id = browser.user()
    with portal.store.reading() as session:
        assert user_id
        user = people_rows.user_by_id(session, user_id)
        assert user
        assert user.email_verified_at
        ((organization, membership),) = people_rows.of_user(session, user_id)
        assert (organization.name, organization.slug, membership.role) == ("Warung Ayu", "warung-ayu", MemberRole.OWNER)
    assert portal.browser().sign_in("ayu@example.com", FRESH).status_code == 303


def test_looking_at_a_link_uses_nothing_up_and_using_it_does(portal: Portal) -> None:
    link = _sign_up(portal)
    for _ in range(3):
        assert portal.browser().get(link).status_code == 200
    browser = portal.browser()
    shown = browser.get(link)
    assert browser.fill(shown, **NEW).status_code == 303
    assert portal.browser().get(link).status_code == 404
    assert browser.fill(shown, **NEW).status_code == 404


def test_a_link_ends_by_time_and_by_a_newer_one(portal: Portal) -> None:
    first = _sign_up(portal)
    second = _sign_up(portal)
    assert portal.browser().get(first).status_code == 404
    portal.later(hours=24)
    assert portal.browser().get(second).status_code == 404


def test_an_address_with_an_account_gets_the_same_answer_and_another_mail(portal: Portal) -> None:
    person = portal.customer()
    typed = {"name": "Eve", "organization": "Evil"}
    known = portal.browser().send("/signup", email=person.email, **typed)
    unknown = portal.browser().send("/signup", email="x" * len(person.email.split("@")[0]) + "@example.com", **typed)
    assert known.status_code == unknown.status_code == 200
    assert known.text.replace(person.email, "") == re.sub(r"x+@example\.com", "", unknown.text)
    (mail,) = portal.mails(person.email)
    assert mail.kind == "exists"
    assert "token" not in mail.text
    assert "Eve" not in mail.text, "a stranger's words do not reach somebody's mailbox"


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"password": "short", "again": "short"}, "too short"),
        ({"password": FRESH, "again": FRESH + "x"}, "differ"),
        ({"password": "a" * 20, "again": "a" * 20}, "repeats"),
        ({"password": "ayu@example.com", "again": "ayu@example.com"}, "own name or address"),
    ],
)
def test_a_bad_password_is_explained_and_the_link_stays_good(portal: Portal, typed: dict[str, str], sentence: str) -> None:
    link, browser = _sign_up(portal), portal.browser()
    refused = browser.send(link, **typed)
    assert refused.status_code == 400
    assert sentence in refused.text
    assert 'aria-invalid="true"' in refused.text
    assert browser.fill(refused, **NEW).status_code == 303


def test_a_mailbox_is_not_flooded(portal: Portal) -> None:
    for _ in range(3):
        _sign_up(portal)
    fourth = portal.browser().send("/signup", email="ayu@example.com", name="Ayu", organization="Warung Ayu")
    assert fourth.status_code == 429
    assert len(portal.mails("ayu@example.com")) == 3


def test_a_mailbox_is_one_however_it_is_spelt(portal: Portal) -> None:
    for detail in ("a", "b", "c"):
        _sign_up(portal, f"ayu+{detail}@example.com")
    fourth = portal.browser().send("/signup", email="AYU+d@example.com", name="Ayu", organization="Warung Ayu")
    assert fourth.status_code == 429


def test_one_mailbox_opens_two_accounts_a_day_and_a_link_that_has_to_wait_stays_good(portal: Portal) -> None:
    links = [_sign_up(portal, f"ayu+{detail}@example.com") for detail in ("a", "b", "c")]
    answers = [portal.browser().send(link, **NEW).status_code for link in links]
    assert answers == [303, 303, 429]
    portal.later(days=1, hours=12)
    assert portal.browser().get(links[2]).status_code == 404, "the link's own time is over"
    again = _sign_up(portal, "ayu+c@example.com")
    assert portal.browser().send(again, **NEW).status_code == 303


def test_one_network_opens_so_many_accounts_a_day(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signups, "OPENED_FROM_ONE_NETWORK", Rule(2, timedelta(days=1)))
    links = [_sign_up(portal, f"{who}@example.com") for who in ("ayu", "budi", "citra")]
    assert [portal.browser().send(link, **NEW).status_code for link in links] == [303, 303, 429]


def test_a_reset_changes_the_password_and_ends_every_session(portal: Portal) -> None:
    person, old, browser = portal.customer(), portal.browser(), portal.browser()
    old.sign_in(person.email)
    assert browser.send("/reset", email=person.email).status_code == 200
    link = portal.link(person.email, "reset")
    done = browser.send(link, **NEW)
    assert (done.status_code, done.headers["location"]) == (303, "/login?done=reset")
    assert old.user() is None
    assert portal.browser().sign_in(person.email, PASSWORD).status_code == 401
    assert portal.browser().sign_in(person.email, FRESH).status_code == 303
    assert portal.browser().get(link).status_code == 404
    assert "password_changed" in {row.kind for row in portal.mails(person.email)}
    with portal.store.reading() as session:
        assert [row.edge for row in audit.search(session, subject=person.id, action="account.", limit=5)] == ["form"]


def test_a_reset_for_nobody_looks_the_same_and_mails_nobody(portal: Portal) -> None:
    person = portal.customer()
    known = portal.browser().send("/reset", email=person.email)
    unknown = portal.browser().send("/reset", email="nobody@example.com")
    assert known.text.replace(person.email, "") == unknown.text.replace("nobody@example.com", "")
    assert portal.mails("nobody@example.com") == []
    with portal.store.transaction() as session:
        user = people_rows.user_by_id(session, person.id)
        assert user
        user.disabled_at = portal.container.clock.now()
        session.add(user)
    link = portal.link(person.email, "reset")
    assert portal.browser().get(link).status_code == 404, "an account that was disabled meanwhile stays closed"


def test_a_reset_keeps_the_second_factor(portal: Portal) -> None:
    person, browser = portal.customer(), portal.browser()
    with portal.store.transaction() as session:
        user = people_rows.user_by_id(session, person.id)
        assert user
        user.totp_confirmed_at = portal.container.clock.now()
        user.totp_secret_sealed = portal.container.seal.seal("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", f"totp:{user.id}")
        session.add(user)
    browser.send("/reset", email=person.email)
    browser.send(portal.link(person.email, "reset"), **NEW)
    assert browser.sign_in(person.email, FRESH).headers["location"] == "/totp"
    assert browser.user() is None


def test_links_of_one_kind_open_nothing_of_another(portal: Portal) -> None:
    person = portal.customer()
    portal.browser().send("/reset", email=person.email)
    tokens = [portal.link(person.email, "reset"), _sign_up(portal), _setup_link(portal), _invited(portal, person, "d@example.com")]
    paths = ("/reset", "/verify", "/setup", "/invite")
    for own, link in enumerate(tokens):
        for at, path in enumerate(paths):
            status = portal.browser().get(f"{path}?{link.partition('?')[2]}").status_code
            assert status == (200 if at == own else 404), (path, link)


def test_an_invitation_makes_somebody_new_a_member(portal: Portal) -> None:
    owner, browser = portal.customer(), portal.browser()
    link = _invited(portal, owner, "budi@example.com")
    shown = browser.get(link)
    assert "Kopi Kita" in shown.text
    assert "budi@example.com" in shown.text
    assert browser.fill(shown, name="Budi", **NEW).headers["location"] == "/"
    with portal.store.reading() as session:
        ((_, membership),) = people_rows.of_user(session, str(browser.user()))
        assert membership.role is MemberRole.DEVELOPER
    assert portal.browser().get(link).status_code == 404


def test_an_invitation_of_somebody_known_gives_the_place_and_no_session(portal: Portal) -> None:
    owner, other = portal.customer(), portal.customer("Other")
    link, stranger = _invited(portal, owner, other.email), portal.browser()
    done = stranger.send(link)
    assert (done.status_code, done.headers["location"]) == (303, "/login?done=joined")
    assert stranger.user() is None
    with portal.store.reading() as session:
        assert sorted(m.role for _, m in people_rows.of_user(session, other.id)) == [MemberRole.DEVELOPER, MemberRole.OWNER]


def test_a_role_from_an_invitation_cannot_be_typed(portal: Portal) -> None:
    owner, browser = portal.customer(), portal.browser()
    link = _invited(portal, owner, "budi@example.com", MemberRole.VIEWER)
    browser.send(link, name="Budi", role="owner", organization_id="*", email="evil@example.com", **NEW)
    with portal.store.reading() as session:
        user = people_rows.user_by_email(session, "budi@example.com")
        assert user
        assert people_rows.user_by_email(session, "evil@example.com") is None
        ((_, membership),) = people_rows.of_user(session, user.id)
        assert membership.role is MemberRole.VIEWER


def test_a_revoked_invitation_and_one_of_a_closed_organization_open_nothing(portal: Portal) -> None:
    owner = portal.customer()
    link = _invited(portal, owner, "budi@example.com")
    with portal.store.transaction() as session:
        ((organization, _),) = people_rows.of_user(session, owner.id)
        organizations.move(session, organization.id, organization.standing, organizations.Standing.CLOSED)
    assert portal.browser().get(link).status_code == 404


def test_new_staff_on_live_data_set_up_a_second_factor_first(live: Portal) -> None:
    owner, browser = live.staff(), live.browser()
    with live.store.reading() as session:
        actor = people.of(session, owner).actor
    with live.container.transaction(actor, "page") as ctx:
        staff.invite(ctx, email="dewi@example.com", role=StaffRole.SUPPORT)
    answer = browser.send(live.link("dewi@example.com", "invitation"), name="Dewi", **NEW)
    assert answer.headers["location"] == "/totp"
    assert browser.user() is None


def test_an_old_staff_invitation_takes_no_role_away(portal: Portal) -> None:
    owner = portal.staff()
    known = portal.customer()
    with portal.store.reading() as session:
        actor = people.of(session, owner).actor
    with portal.container.transaction(actor, "page") as ctx:
        staff.invite(ctx, email=known.email, role=StaffRole.ANALYST)
        staff.set_role(ctx, user_id=known.id, role=StaffRole.OPERATOR)
    portal.browser().send(portal.link(known.email, "invitation"))
    with portal.store.reading() as session:
        row = staff_rows.by_user(session, known.id)
        assert row
        assert row.role is StaffRole.OPERATOR


def test_the_first_administrator_is_made_by_the_printed_link_once(live: Portal) -> None:
    older = _setup_link(live)
    link, browser = _setup_link(live), live.browser()
    assert live.browser().get(older).status_code == 404
    answer = browser.send(link, name="Citra", email="citra@example.com", **NEW)
    assert answer.headers["location"] == "/totp", "the owner of live data sets up the second factor at once"
    assert live.browser().get(link).status_code == 404
    with live.container.transaction(a_job(), "cli") as ctx:
        assert first_admin.link(ctx) is None
        ((user, row),) = staff_rows.everyone(ctx.session)
        assert (user.email, row.role) == ("citra@example.com", StaffRole.OWNER)


def test_the_printed_link_is_worth_nothing_once_there_is_an_owner(portal: Portal) -> None:
    link = _setup_link(portal)
    portal.staff()
    browser = portal.browser()
    assert browser.get(link).status_code == 404


@pytest.mark.parametrize("kind", ["verify", "reset", "invitation", "first admin"])
def test_of_two_who_use_a_link_at_once_one_gets_in(portal: Portal, kind: str) -> None:
    person = portal.customer()
    if kind == "reset":
        portal.browser().send("/reset", email=person.email)
    link = {
        "verify": lambda: _sign_up(portal),
        "reset": lambda: portal.link(person.email, "reset"),
        "invitation": lambda: _invited(portal, person, "budi@example.com"),
        "first admin": lambda: _setup_link(portal),
    }[kind]()
    browsers = [portal.browser() for _ in range(3)]
    shown = [browser.get(link) for browser in browsers]
    names = [f"racer{at}@example.com" for at in range(3)]
    typed = [{"name": "Racer", "email": name, **NEW} for name in names]
    calls = [
        lambda b=b, s=s, t=t: b.fill(s, **t).status_code  # bound now, called later
        for b, s, t in zip(browsers, shown, typed, strict=True)
    ]
    assert _together(*calls) == [303, 404, 404]


def test_of_two_who_use_one_code_at_once_one_gets_in(opened: Opening) -> None:
    portal = opened()
    person = portal.customer()
    seal = portal.container.seal
    with portal.store.transaction() as session:
        user = people_rows.user_by_id(session, person.id)
        assert user
        user.totp_confirmed_at = portal.container.clock.now()
        user.totp_secret_sealed = seal.seal("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", f"totp:{user.id}")
        session.add(user)
    code = pyotp.TOTP("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP").at(portal.container.clock.now())
    browsers = [portal.browser() for _ in range(3)]
    for browser in browsers:
        browser.sign_in(person.email)
    shown = [browser.get("/totp") for browser in browsers]
    calls = [lambda b=b, s=s: b.fill(s, code=code).status_code for b, s in zip(browsers, shown, strict=True)]
    assert _together(*calls) == [303, 401, 401]
    assert sum(browser.user() == person.id for browser in browsers) == 1


def test_one_half_done_sign_in_becomes_one_session_though_two_codes_are_good(portal: Portal) -> None:
    person, secret = portal.customer(), "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    now = portal.container.clock.now()
    with portal.store.transaction() as session:
        user = people_rows.user_by_id(session, person.id)
        assert user
        user.totp_confirmed_at = now
        user.totp_secret_sealed = portal.container.seal.seal(secret, f"totp:{user.id}")
        recovery = totp.fresh_recovery_codes(session, user, now)
    browser, copy = portal.browser(), portal.browser()
    browser.sign_in(person.email)
    copy.client.cookies.update(browser.client.cookies)
    pages = [browser.get("/totp"), copy.get("/totp")]
    codes = [pyotp.TOTP(secret).at(now), recovery[0]]
    calls = [
        lambda b=b, s=s, c=c: b.fill(s, code=c).status_code  # bound now, called later
        for b, s, c in zip((browser, copy), pages, codes, strict=True)
    ]
    assert _together(*calls) == [303, 401]
    with portal.store.reading() as session:
        assert len(session_rows.of_user(session, person.id)) == 1


def test_two_who_sign_up_under_one_name_at_once_get_an_organization_each(portal: Portal) -> None:
    links = [_sign_up(portal, f"ayu{at}@example.com") for at in range(3)]
    browsers = [portal.browser() for _ in links]
    shown = [browser.get(link) for browser, link in zip(browsers, links, strict=True)]
    calls = [lambda b=b, s=s: b.fill(s, **NEW).status_code for b, s in zip(browsers, shown, strict=True)]
    assert _together(*calls) == [303, 303, 303]
    with portal.store.reading() as session:
        assert sorted(row.slug for row in organizations.everything(session)) == ["warung-ayu", "warung-ayu-2", "warung-ayu-3"]
