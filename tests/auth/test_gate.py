"""The gate: forged headers, foreign and missing sessions, over HTTP and over websockets."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from app.auth import gate, sessions, tokens
from app.auth.gate import Gate
from models.domain.access import Permission
from models.domain.errors import TooManyAttempts
from models.store import sessions as rows
from models.store.limits import Rule
from models.store.tokens import ApiToken
from tests import own_loop
from tests.auth.conftest import Browser, Opening, Portal
from tests.auth.one_database import store

__all__ = ["store"]
pytestmark = pytest.mark.loopback
SOCKET = "ws://portal.test/_stcore/stream"


def _signed_in(portal: Portal, name: str = "Kopi Kita") -> tuple[Browser, str]:
    person, browser = portal.customer(name), portal.browser()
    browser.sign_in(person.email)
    return browser, person.id


def _says(browser: Browser, **headers: str) -> Any:
    with browser.client.websocket_connect(SOCKET, headers=headers) as socket:
        socket.send_text("?")
        return socket.receive_json()


@pytest.mark.parametrize("name", ["x-portal-user", "X-Portal-User", "X-PORTAL-SID", "x-portal-role"])
def test_forged_identity_headers_are_dropped(portal: Portal, name: str) -> None:
    browser, user_id = _signed_in(portal)
    other, _ = _signed_in(portal, "Other")
    assert browser.get("/", headers={name: "usr_evil"}).json()["user"] == user_id
    stranger = portal.browser()
    assert stranger.client.get("/", headers={name: user_id}).status_code == 401
    assert _says(browser, **{name: "usr_evil"})["user"] == user_id
    with pytest.raises(WebSocketDisconnect), stranger.client.websocket_connect(SOCKET, headers={name: user_id}):
        pass
    assert other.user() != user_id


def test_without_a_session_people_go_to_the_sign_in_and_programs_hear_why(portal: Portal) -> None:
    browser = portal.browser()
    assert browser.get("/cluster").headers["location"] == "/login?next=%2Fcluster"
    refused = browser.client.get("/cluster", headers={"accept": "application/json"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "unauthenticated")
    assert browser.client.post("/cluster", headers={"accept": "text/html"}).status_code == 401
    assert browser.client.get("/static/app.js").status_code == 401


def test_the_bare_address_leads_to_the_first_page_of_who_asks(portal: Portal) -> None:
    browser, _ = _signed_in(portal)
    app = Starlette(routes=portal.app.routes, middleware=[Middleware(Gate, start=lambda signed: f"/{signed.staff_role or 'home'}")])
    asked = TestClient(app, "http://portal.test", follow_redirects=False, cookies=browser.client.cookies)
    for method in ("GET", "HEAD"):
        assert asked.request(method, "/", params={"org": "a b"}).headers["location"] == "/home?org=a+b"
    assert asked.get("/cluster").status_code == 200
    assert asked.post("/").status_code == 405
    stranger = TestClient(app, "http://portal.test", follow_redirects=False, headers={"accept": "text/html"})
    assert stranger.get("/").headers["location"] == "/login?next=%2F"


@pytest.mark.parametrize(
    "path", ["/login/", "/login/../cluster", "/loginx", "//login", "/healthzz", "/assets/forms.css/x", "/%6cogin/x"]
)
def test_paths_that_only_look_public_are_not(portal: Portal, path: str) -> None:
    answer = portal.browser().client.get(path)
    assert answer.status_code in (401, 404)
    assert "user" not in answer.text or answer.status_code == 401


def test_the_api_asks_for_itself_and_learns_no_identity_from_the_gate(portal: Portal) -> None:
    browser, _ = _signed_in(portal)
    assert browser.get("/api/v1/me", headers={"x-portal-user": "usr_evil"}).json()["user"] is None


def test_metrics_are_for_this_machine_and_for_nobody_behind_a_proxy(portal: Portal) -> None:
    here, elsewhere = portal.browser(client=("127.0.0.1", 5)), portal.browser(client=("10.0.0.9", 5))
    assert here.client.get("/metrics").status_code == 200
    assert here.client.get("/metrics", headers={"x-forwarded-for": "127.0.0.1"}).status_code == 401
    assert elsewhere.client.get("/metrics").status_code == 401


def test_metrics_are_for_a_token_that_may_see_the_cluster(portal: Portal) -> None:
    """As a Prometheus on another machine asks: with no cookie, through a proxy."""
    elsewhere = portal.browser(client=("10.0.0.9", 5))
    now = portal.container.clock.now()

    def status(user_id: str, *scopes: Permission, revoked: bool = False) -> int:
        secret, known, hint = tokens.fresh()
        with portal.store.transaction() as session:
            session.add(
                ApiToken(
                    token_hash=known, hint=hint, user_id=user_id, name="scrape", scopes=" ".join(sorted(scopes)), created_at=now,
                    revoked_at=now if revoked else None,
                )
            )  # fmt: skip
        sent = {"authorization": f"Bearer {secret}", "x-forwarded-for": "10.0.0.7"}
        assert elsewhere.client.get("/cluster", headers=sent).status_code == 401, "nothing but the metrics opens"
        return elsewhere.client.get("/metrics", headers=sent).status_code

    staff, customer = portal.staff().id, portal.customer().id
    assert status(staff, Permission.SEE_CLUSTER) == 200
    assert status(staff, Permission.SEE_JOBS) == 401
    assert status(staff, Permission.SEE_CLUSTER, revoked=True) == 401
    assert status(customer, Permission.SEE_CLUSTER) == 401
    for invented in ("Bearer moorage_x", "Bearer ", "Basic moorage_x", "moorage_x"):
        assert elsewhere.client.get("/metrics", headers={"authorization": invented}).status_code == 401


def test_wrong_tokens_at_the_metrics_count_as_those_of_the_api_do(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "WRONG", Rule(2, tokens.WRONG.window))
    elsewhere, another = portal.browser(client=("10.0.0.9", 5)), portal.browser(client=("10.0.0.8", 5))
    sent = {"authorization": "Bearer moorage_x"}
    assert [elsewhere.client.get("/metrics", headers=sent).status_code for _ in range(3)] == [401, 401, 429]
    refused = elsewhere.client.get("/metrics", headers=sent)
    assert int(refused.headers["retry-after"]) > 0
    assert refused.json()["error"]["code"] == "too_many_attempts"
    with pytest.raises(TooManyAttempts):  # what the API asks: one count for both
        tokens.count_wrong(portal.store, "10.0.0.9", portal.container.clock.now())
    assert another.client.get("/metrics", headers=sent).status_code == 401


@pytest.mark.parametrize("cookie", ["", "x", "' OR ''='", "a" * 5000, "null"])
def test_an_invented_cookie_opens_nothing(portal: Portal, cookie: str) -> None:
    browser = portal.browser()
    browser.client.cookies.set("sid", cookie)
    assert browser.user() is None
    with pytest.raises(WebSocketDisconnect), browser.client.websocket_connect(SOCKET):
        pass


def test_a_websocket_knows_its_person(portal: Portal) -> None:
    browser, user_id = _signed_in(portal)
    said = _says(browser, origin="http://portal.test")
    assert said["user"] == user_id
    assert said["sid"] == sessions.digest(str(browser.cookie))


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://portal.test.evil.example", "http://portal.test:81", "//portal.test"]
)
def test_a_websocket_from_a_foreign_page_is_closed_before_it_opens(portal: Portal, origin: str) -> None:
    browser, _ = _signed_in(portal)
    with pytest.raises(WebSocketDisconnect), browser.client.websocket_connect(SOCKET, headers={"origin": origin}):
        pass


def test_under_https_a_plain_origin_is_foreign(opened: Opening) -> None:
    portal = opened(public_url="https://portal.test")
    browser, user_id = _signed_in(portal)
    assert gate.same_origin("https://portal.test", "portal.test", secure=True)
    assert not gate.same_origin("http://portal.test", "portal.test", secure=True)
    assert browser.user() == user_id


def test_a_revoked_session_opens_a_websocket_that_knows_nobody(portal: Portal) -> None:
    browser, user_id = _signed_in(portal)
    with portal.store.transaction() as session:
        assert len(rows.revoke(session, now=portal.container.clock.now(), user_id=user_id)) == 1
    assert _says(browser) == {"user": None, "sid": None}
    assert browser.user() is None
    assert browser.client.get("/static/app.js").status_code == 200, "its page may load what it needs to go to the sign-in"


def test_a_kick_closes_open_websockets_at_once(portal: Portal) -> None:
    browser, user_id = _signed_in(portal)
    other, other_id = _signed_in(portal, "Other")
    with browser.client.websocket_connect(SOCKET) as socket, other.client.websocket_connect(SOCKET) as untouched:
        with portal.store.transaction() as session:
            ended = rows.revoke(session, now=portal.container.clock.now(), user_id=user_id)
        assert gate.kick(ended) == 1
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert closed.value.code == gate.UNAUTHENTICATED
        untouched.send_text("?")
        assert untouched.receive_json()["user"] == other_id


def test_a_revocation_in_another_process_reaches_an_open_websocket(opened: Opening) -> None:
    portal = opened(checked_every_seconds=0.01)
    browser, user_id = _signed_in(portal)
    with browser.client.websocket_connect(SOCKET) as socket:
        socket.send_text("?")
        assert socket.receive_json()["user"] == user_id
        with portal.store.transaction() as session:
            rows.revoke(session, now=portal.container.clock.now(), user_id=user_id)
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == gate.UNAUTHENTICATED


def test_who_never_stops_sending_is_looked_up_too(portal: Portal) -> None:
    """A socket on which a message is always waiting, as the ASGI server hands it over."""
    browser, user_id = _signed_in(portal)
    taken = 0

    async def receive() -> Message:
        return {"type": "websocket.receive", "text": "?"}

    async def send(_message: Message) -> None:
        return

    async def page(_scope: Scope, receive: Receive, _send: Send) -> None:
        nonlocal taken
        while (await receive())["type"] == "websocket.receive":
            taken += 1
            if taken == 3:
                with portal.store.transaction() as session:
                    rows.revoke(session, now=portal.container.clock.now(), user_id=user_id)
            if taken == 10_000:
                return

    scope = {"type": "websocket", "path": "/_stcore/stream", "headers": [(b"cookie", f"sid={browser.cookie}".encode())]}
    guarded = gate.Gate(page, parts=lambda: portal.container, checked_every_seconds=0.01)
    own_loop.run(guarded(scope, receive, send))
    assert 3 <= taken < 10_000


def test_two_browsers_of_two_people_never_mix(portal: Portal) -> None:
    one, one_id = _signed_in(portal)
    two, two_id = _signed_in(portal, "Other")
    with one.client.websocket_connect(SOCKET) as first, two.client.websocket_connect(SOCKET) as second:
        for _ in range(3):
            first.send_text("?")
            second.send_text("?")
            assert second.receive_json()["user"] == two_id
            assert first.receive_json()["user"] == one_id


def test_what_a_page_does_by_itself_keeps_no_session_alive(portal: Portal) -> None:
    browser, user_id = _signed_in(portal)
    token_hash, clock = sessions.digest(str(browser.cookie)), portal.container.clock
    portal.later(minutes=70)
    by_hand = sessions.resolve(portal.store, token_hash, clock.now())
    assert by_hand
    assert by_hand.user_id == user_id
    for _ in range(3):
        portal.later(minutes=30)
        assert sessions.resolve(portal.store, token_hash, clock.now(), touch=False)
    portal.later(minutes=30)
    assert sessions.resolve(portal.store, token_hash, clock.now(), touch=False) is None
